package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// marked is a text with a breakpoint after it, as the dialect's callers mark it;
// ttl "" is the vendor's usual. What has no form for it is nil.
func (w writer) marked(s, ttl string) object {
	o := w.text(s)
	switch {
	case w.name == "responses" && ttl != "":
		return nil
	case w.name == "responses":
		o["prompt_cache_breakpoint"] = object{"mode": "explicit"}
	case ttl != "":
		o["cache_control"] = object{"type": "ephemeral", "ttl": ttl}
	default:
		o["cache_control"] = object{"type": "ephemeral"}
	}
	return o
}

// A breakpoint reaches whom it means something to; of who it does not, the caller
// is told, and a strict one is refused.
func TestCacheMarksReach(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig, _ *web, w writer) {
		for model, mark := range map[string]string{"see/claude": `"cache_control":{"type":"ephemeral"}`, "see/alpha": "", "see/gem": ""} {
			ask := w.ask(model, w.marked("one two three", ""), w.text("four"))
			a := w.asks(r, ask, nil)
			calls := r.up.calls()
			sent, lost := calls[len(calls)-1].raw, a.header.Get(lossyHeader)
			if mark != "" && (strings.Count(sent, mark) != 1 || lost != "") {
				t.Errorf("%s: lost %q, sent %s", model, lost, sent)
			}
			if mark == "" && (strings.Contains(sent, "cache_control") || strings.Contains(sent, "breakpoint") || lost != "cache_control") {
				t.Errorf("%s: lost %q, sent %s", model, lost, sent)
			}
			a = r.do(http.MethodPost, w.path, mustJSON(t, ask), "X-Turnpike-Strict: true")
			if want := map[bool]int{true: http.StatusOK, false: http.StatusUnprocessableEntity}[mark != ""]; a.status != want {
				t.Errorf("%s, strict: %d %s", model, a.status, a.text)
			}
		}
		if hour := w.marked("one two three", "1h"); hour != nil {
			w.asks(r, w.ask("see/claude", hour, w.text("four")), nil)
			calls := r.up.calls()
			if sent := calls[len(calls)-1].raw; !strings.Contains(sent, `"ttl":"1h"`) {
				t.Errorf("sent %s", sent)
			}
		}
	})
}

// counted is a usage object of any client dialect: all of the prompt, and of that
// what was read from the cache and written to it.
func (w writer) counted(u object) (prompt, read, written float64) {
	n := func(path string) float64 { x, _ := at(u, path).(float64); return x }
	switch w.name {
	case "chat":
		return n("prompt_tokens"), n("prompt_tokens_details.cached_tokens"), n("prompt_tokens_details.cache_write_tokens")
	case "responses":
		return n("input_tokens"), n("input_tokens_details.cached_tokens"), n("input_tokens_details.cache_write_tokens")
	default:
		read, written = n("cache_read_input_tokens"), n("cache_creation_input_tokens")
		return n("input_tokens") + read + written, read, written
	}
}

// usageOf is the usage object of an answer, streamed or not.
func (w writer) usageOf(t *testing.T, a answer, stream bool) object {
	t.Helper()
	if !stream {
		return sub(t, a.json(200), "usage")
	}
	all := frames(t, a)
	switch w.name {
	case "chat":
		return sub(t, all[len(all)-1], "usage")
	case "responses":
		return sub(t, all[len(all)-1], "response.usage")
	default:
		return sub(t, all[len(all)-2], "usage")
	}
}

// The first sight of a prefix is written and the next read: the buckets add up to
// the prompt and each has its price.
func TestCacheIsBilled(t *testing.T) {
	t.Parallel()
	const read, write = 100, 1250 // sim's prices in nano-dollars a token
	models := []string{"sim/echo-messages"}
	if provider.Plain()[llm.Converse] != nil {
		models = append(models, "sim/echo-converse")
	}
	each(t, func(t *testing.T, r *rig, _ *web, w writer) {
		for _, model := range models {
			for _, stream := range []bool{false, true} {
				prefix := "one two three four"
				if stream {
					prefix = "the same, streamed"
				}
				for turn, want := range []struct{ read, written int64 }{{0, 0}, {1, 0}} {
					a := w.asks(r, w.ask(model, w.marked(prefix, ""), w.text(" and the rest")), object{"stream": stream})
					o, u := r.last(), w.usageOf(t, a, stream)
					if lost := a.header.Get(lossyHeader); lost != "" {
						t.Errorf("%s: lost %s", model, lost)
					}
					tokens := o.Usage.CacheRead + o.Usage.CacheWrite5m
					if tokens != int64(len(strings.Fields(prefix))) || (o.Usage.CacheRead > 0) != (want.read > 0) || o.Usage.Input != 3 {
						t.Errorf("%s, turn %d, stream %v: %+v", model, turn, stream, o.Usage)
					}
					due := money.Nano(o.Usage.Input*simIn + o.Usage.CacheRead*read + o.Usage.CacheWrite5m*write + o.Usage.Output*simOut + o.Usage.Reasoning*simOut)
					if o.Charged != due {
						t.Errorf("%s, turn %d: charged %s for %+v, want %s", model, turn, o.Charged, o.Usage, due)
					}
					prompt, cached, written := w.counted(u)
					if int64(prompt) != tokens+3 || int64(cached) != o.Usage.CacheRead || int64(written) != o.Usage.CacheWrite5m {
						t.Errorf("%s, turn %d, stream %v: told %v for %+v", model, turn, stream, u, o.Usage)
					}
					if got := u["cost"]; got != dollars(due) {
						t.Errorf("%s, turn %d: told a cost of %v, want %s", model, turn, got, due)
					}
				}
			}
			hour := w.marked("for an hour or so", "1h")
			if hour == nil {
				continue
			}
			lost := w.asks(r, w.ask(model, hour, w.text(" and the rest")), nil).header.Get(lossyHeader)
			u := r.last().Usage
			if kept := lost == ""; kept != (u.CacheWrite1h == 5) || kept == (lost == "cache_control.ttl") || u.CacheWrite1h+u.CacheWrite5m != 5 || u.Input != 3 {
				t.Errorf("%s, for an hour: lost %q, %+v", model, lost, u)
			}
		}
	})
}
