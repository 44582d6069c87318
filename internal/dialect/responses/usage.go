package responses

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// maxCount is beyond any count of tokens; what exceeds it is not believed (F47).
const maxCount = 1 << 40

// counts are the members of a vendor's usage.
type counts struct {
	input, output, total                   int64
	cached, written, audioIn               int64
	reasoning, audioOut, imageOut          int64
	hasInput, hasOutput, hasTotal, unsound bool
}

// readUsage splits the vendor's counts into disjoint buckets; nil if there are none,
// or none that can be true.
func readUsage(v []byte) *llm.Usage {
	if len(v) == 0 || v[0] != '{' {
		return nil
	}
	var c counts
	c.read(v)
	u := c.usage()
	if u != nil {
		u.Native = jsontext.Value(bytes.Clone(v))
	}
	return u
}

func (c *counts) read(v []byte) {
	var room [24]field
	list, _ := fields(room[:0], v)
	for i := range list {
		value := list[i].of(v)
		switch string(list[i].name) {
		case "input_tokens":
			c.hasInput = c.count(&c.input, value)
		case "output_tokens":
			c.hasOutput = c.count(&c.output, value)
		case "total_tokens":
			c.hasTotal = c.count(&c.total, value)
		case "input_tokens_details":
			c.details(value, false)
		case "output_tokens_details":
			c.details(value, true)
		}
	}
}

func (c *counts) details(v []byte, output bool) {
	var room [16]field
	list, _ := fields(room[:0], v)
	for i := range list {
		value := list[i].of(v)
		switch name := string(list[i].name); {
		case name == "cached_tokens" && !output:
			c.count(&c.cached, value)
		case name == "cache_write_tokens" && !output:
			c.count(&c.written, value)
		case name == "audio_tokens" && !output:
			c.count(&c.audioIn, value)
		case name == "audio_tokens":
			c.count(&c.audioOut, value)
		case name == "image_tokens" && output:
			c.count(&c.imageOut, value)
		case name == "reasoning_tokens" && output:
			c.count(&c.reasoning, value)
		}
	}
}

// count reads a count that may be null. It reports whether there is one.
func (c *counts) count(to *int64, v []byte) bool {
	if string(v) == "null" {
		return false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < 0 || n > maxCount {
		c.unsound = true
		return false
	}
	*to = n
	return true
}

// usage is nil if the counts contradict themselves. Some vendors count reasoning
// beside the output, or cached tokens beside the input, instead of in it: their total
// gives them away.
func (c *counts) usage() *llm.Usage {
	if c.unsound || !c.hasInput || !c.hasOutput {
		return nil
	}
	switch c.total {
	case c.input + c.output:
	case c.input + c.output + c.reasoning:
		c.output += c.reasoning
	case c.input + c.output + c.cached:
		c.input += c.cached
	default:
		if c.hasTotal {
			return nil
		}
	}
	u := &llm.Usage{
		CacheRead:    c.cached,
		CacheWrite5m: c.written,
		AudioIn:      min(c.audioIn, max(c.input-c.cached-c.written, 0)), // cached audio is told as both
		Reasoning:    c.reasoning,
		AudioOut:     c.audioOut,
		ImageOut:     c.imageOut,
	}
	u.Input = c.input - u.CacheRead - u.CacheWrite5m - u.AudioIn
	u.Output = c.output - u.Reasoning - u.AudioOut - u.ImageOut
	if u.Input < 0 || u.Output < 0 {
		return nil
	}
	return u
}
