package chat

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// maxCount is beyond any count of tokens; what exceeds it is not believed (F47).
const maxCount = 1 << 40

// counts are a vendor's usage members, under all the names that vendors use.
type counts struct {
	prompt, completion, total         int64
	cached, written, audioIn          int64
	cachedAudio                       int64 // of audioIn
	reasoning, audioOut, imageOut     int64
	looseReasoning                    int64 // beside the details, where its meaning differs
	hasPrompt, hasCompletion, unsound bool
}

// usageAt reads the usage at a path below a member.
func (d *decoder) usageAt(v jsontext.Value, path string) {
	for v.Kind() == '{' {
		head, rest, more := strings.Cut(path, ".")
		inner, _ := find(v, head, nil)
		if !more {
			if len(inner) > 0 && inner[0] == '{' {
				d.readUsage(inner)
				d.choice.odd = true
			}
			return
		}
		v, path = jsontext.Value(inner), rest
	}
}

// readUsage takes a report; one that cannot be true counts as none, and voids
// an earlier one, since reports are cumulative.
func (d *decoder) readUsage(v jsontext.Value) {
	if v.Kind() != '{' {
		if v != nil && v.Kind() != 'n' {
			d.sawTokens, d.tokens = true, nil
		}
		return
	}
	var c counts
	c.read(v, false)
	if !c.hasPrompt && !c.hasCompletion && !c.unsound {
		return
	}
	d.sawTokens, d.tokens = true, c.usage()
	if d.tokens != nil {
		d.tokens.Native = jsontext.Value(bytes.Clone(v))
	}
}

func (c *counts) read(v []byte, output bool) {
	var room [24]field
	list, ok := fields(room[:0], v)
	if !ok {
		c.unsound = true
		return
	}
	for i := range list {
		value := list[i].of(v)
		switch string(list[i].name) {
		case "prompt_tokens":
			c.hasPrompt = c.count(&c.prompt, value)
		case "completion_tokens":
			c.hasCompletion = c.count(&c.completion, value)
		case "total_tokens":
			c.count(&c.total, value)
		case "prompt_tokens_details":
			if value[0] == '{' {
				c.read(value, false)
			}
		case "completion_tokens_details":
			if value[0] == '{' {
				c.read(value, true)
			}
		case "cached_tokens_details":
			if value[0] == '{' && !output {
				if audio, _ := find(value, "audio_tokens", nil); len(audio) > 0 {
					c.count(&c.cachedAudio, audio)
				}
			}
		case "cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "num_cached_tokens":
			if !output {
				var n int64
				c.count(&n, value)
				c.cached = max(c.cached, n) // some say it twice
			}
		case "cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens":
			if !output {
				var n int64
				c.count(&n, value)
				c.written = max(c.written, n)
			}
		case "audio_tokens":
			if output {
				c.count(&c.audioOut, value)
			} else {
				c.count(&c.audioIn, value)
			}
		case "image_tokens":
			if output {
				c.count(&c.imageOut, value)
			}
		case "reasoning_tokens":
			if output {
				c.count(&c.reasoning, value)
			} else {
				c.count(&c.looseReasoning, value)
			}
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

// usage splits the counts into disjoint buckets; nil if they contradict
// themselves. Some vendors count reasoning beside the completion instead of in
// it: their total gives them away.
func (c *counts) usage() *llm.Usage {
	if c.unsound {
		return nil
	}
	if c.reasoning == 0 && c.looseReasoning > 0 && c.total == c.prompt+c.completion+c.looseReasoning {
		c.reasoning = c.looseReasoning
	}
	if c.reasoning > 0 && c.total == c.prompt+c.completion+c.reasoning {
		c.completion += c.reasoning
	}
	u := &llm.Usage{
		CacheRead:    c.cached,
		CacheWrite5m: c.written,
		AudioIn:      min(max(c.audioIn-c.cachedAudio, 0), max(c.prompt-c.cached-c.written, 0)), // cached audio is told as both
		Reasoning:    c.reasoning,
		AudioOut:     c.audioOut,
		ImageOut:     c.imageOut,
	}
	u.Input = c.prompt - u.CacheRead - u.CacheWrite5m - u.AudioIn
	u.Output = c.completion - u.Reasoning - u.AudioOut - u.ImageOut
	if u.Input < 0 || u.Output < 0 {
		return nil
	}
	return u
}
