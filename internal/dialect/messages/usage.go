package messages

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// meter gathers the usage of an answer. The API tells it twice, at the start and
// cumulatively at the end: the last value of each member wins (F48).
type meter struct {
	input, cacheRead, cacheWrite count
	write5m, write1h             count
	output, thinking             count
	final                        bool // output was said at the end of the answer
	broken                       bool // some count was no count
	keep                         bool // the objects themselves
	native                       jsontext.Value
}

// count is a number of tokens that may not have been said.
type count struct {
	n    int64
	said bool
}

// add takes a usage object in; final says that its output count is the whole
// one: that of message_start is a stand-in.
func (m *meter) add(raw jsontext.Value, final bool) {
	if absent(raw) {
		return
	}
	var u usage
	if json.Unmarshal(raw, &u) != nil {
		m.broken = true
		return
	}
	m.take(&m.input, u.Input)
	m.take(&m.cacheRead, u.CacheRead)
	m.take(&m.cacheWrite, u.CacheWrite)
	m.take(&m.output, u.Output)
	if !absent(u.Creation) {
		var c cacheCreation
		m.broken = json.Unmarshal(u.Creation, &c) != nil || m.broken
		m.take(&m.write5m, c.Write5m)
		m.take(&m.write1h, c.Write1h)
	}
	if !absent(u.Details) {
		var d outputDetails
		m.broken = json.Unmarshal(u.Details, &d) != nil || m.broken
		m.take(&m.thinking, d.Reasoning)
		m.take(&m.thinking, d.Thinking)
	}
	m.final = m.final || final && !absent(u.Output)
	if m.keep {
		m.native = merge(m.native, raw)
	}
}

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

// report is the usage, or nil where the upstream said nothing credible (F46,
// F47). Cached tokens are no part of input_tokens, thinking is one of
// output_tokens. Cache writes of unknown life are the short-lived ones.
func (m *meter) report() *llm.Usage {
	if m.broken || !m.final || !m.input.said || m.thinking.n > m.output.n {
		return nil
	}
	u := &llm.Usage{
		Input:        m.input.n,
		CacheRead:    m.cacheRead.n,
		CacheWrite5m: m.write5m.n,
		CacheWrite1h: m.write1h.n,
		Output:       m.output.n - m.thinking.n,
		Reasoning:    m.thinking.n,
		Native:       m.native,
	}
	if m.cacheWrite.said {
		u.CacheWrite1h = min(m.write1h.n, m.cacheWrite.n)
		u.CacheWrite5m = m.cacheWrite.n - u.CacheWrite1h
	}
	return u
}

// merge sets the members of the later usage object in the earlier.
func merge(earlier, later jsontext.Value) jsontext.Value {
	members, err := splice.Members(later)
	if earlier == nil || err != nil || len(members) > maxNative {
		return later.Clone()
	}
	edits := make([]splice.Edit, len(members))
	for i, m := range members {
		edits[i] = splice.Set(m.Name, m.Value(later))
	}
	merged, err := splice.Apply(nil, earlier, edits...)
	if err != nil {
		return later.Clone()
	}
	return merged
}

func absent(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }
