package converse

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// meter keeps the usage that was said last: it is of the whole answer (F48).
type meter struct {
	last   counts
	said   bool
	broken bool // some count was no count
}

// counts are the counts of a usage object. totalTokens is the sum of all others,
// since inputTokens has no cached tokens in it; cacheDetails splits the written
// ones by their life.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
type counts struct {
	input, output, total, read, write count
	write1h                           int64
}

// count is a number of tokens that may not have been said.
type count struct {
	n    int64
	said bool
}

// usage is raw: a count that is no count makes the report not credible, not the
// answer malformed (F47).
type usage struct {
	Input   jsontext.Value `json:"inputTokens"`
	Output  jsontext.Value `json:"outputTokens"`
	Total   jsontext.Value `json:"totalTokens"`
	Read    jsontext.Value `json:"cacheReadInputTokens"`
	Write   jsontext.Value `json:"cacheWriteInputTokens"`
	Details jsontext.Value `json:"cacheDetails"`
}

type cacheDetail struct {
	Tokens jsontext.Value `json:"inputTokens"`
	TTL    string         `json:"ttl"`
}

func (m *meter) add(raw jsontext.Value) {
	if absent(raw) {
		return
	}
	*m = meter{said: true}
	var u usage
	if json.Unmarshal(raw, &u) != nil {
		m.broken = true
		return
	}
	c := &m.last
	for _, v := range []struct {
		into *count
		raw  jsontext.Value
	}{{&c.input, u.Input}, {&c.output, u.Output}, {&c.total, u.Total}, {&c.read, u.Read}, {&c.write, u.Write}} {
		m.take(v.into, v.raw)
	}
	if absent(u.Details) {
		return
	}
	var details []cacheDetail
	if json.Unmarshal(u.Details, &details) != nil {
		m.broken = true
		return
	}
	var sum int64
	for _, d := range details {
		var n count
		m.take(&n, d.Tokens)
		if sum += n.n; d.TTL == "1h" {
			c.write1h += n.n
		}
		m.broken = m.broken || sum > maxCount
	}
	if !c.write.said {
		c.write = count{sum, true}
	}
}

const maxCount = 1 << 48

func (m *meter) take(c *count, raw jsontext.Value) {
	if absent(raw) {
		return
	}
	// ParseUint refuses signs, fractions, exponents, strings and overflow.
	n, err := strconv.ParseUint(string(raw), 10, 48)
	if err != nil {
		m.broken = true
		return
	}
	*c = count{int64(n), true}
}

// report is the usage, or nil where the upstream said nothing credible (F46, F47):
// what does not add up to its own total is not. A total of input and output alone,
// beside cached tokens, means that input has the cached ones in it. Cache writes of
// unknown life are the short-lived ones.
func (m *meter) report() *llm.Usage {
	c := &m.last
	if !m.said || m.broken || !c.input.said || !c.output.said {
		return nil
	}
	input, cached := c.input.n, c.read.n+c.write.n
	if c.total.said && c.total.n != input+cached+c.output.n {
		if c.total.n != input+c.output.n || cached > input {
			return nil
		}
		input -= cached
	}
	long := min(c.write1h, c.write.n)
	return &llm.Usage{Input: input, CacheRead: c.read.n, CacheWrite5m: c.write.n - long, CacheWrite1h: long, Output: c.output.n}
}
