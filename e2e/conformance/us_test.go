package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// each asks a model in both ways and shows the test the usage's holder: the body,
// or the usage chunk.
func (r *rig) each(model string, more []string, look func(what string, usage object)) {
	r.t.Helper()
	look("whole", r.chat(model, append([]string{`"max_tokens":100`}, more...)...).json(200))
	look("joined", r.chat(model, more...).json(200)) // asked for as a stream upstream
	look("streamed", r.stream(model, more...).events().last())
}

// Area 3: the response and the usage object.
func TestUS(t *testing.T) {
	t.Parallel()
	dialects := []string{"test/alpha", "test/claude", "test/gem"}

	rule(t, "US-01", func(t *testing.T) {
		r := start(t, setup{})
		for _, model := range dialects {
			r.each(model, nil, func(what string, o object) {
				want(t, o, "usage.prompt_tokens", 10)
				want(t, o, "usage.completion_tokens", 5)
				want(t, o, "usage.total_tokens", 15)
				want(t, o, "usage.is_byok", false)
				if _, ok := at(o, "usage.cost").(float64); !ok {
					t.Errorf("%s %s: cost is %v, want a number", model, what, at(o, "usage.cost"))
				}
			})
		}
		// Also where the provider keeps silent about it.
		r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
			if c.stream {
				data(chunk(`"content":"Hello"`, "null"), chunk("", `"stop"`), "[DONE]")(w, q, c)
				return
			}
			whole(`{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}`)(w, q, c)
		})
		r.each("test/alpha", nil, func(what string, o object) {
			if n, _ := at(o, "usage.completion_tokens").(float64); n <= 0 {
				t.Errorf("%s: no usage: %v", what, o)
			}
		})
	})

	rule(t, "US-02", func(t *testing.T) {
		r := start(t, setup{})
		for _, try := range []struct {
			model, native string
			finish        any
			unified       string
		}{
			{"test/alpha", "alpha-1", "stop", "stop"},
			{"test/alpha", "alpha-1", "length", "length"},
			{"test/alpha", "alpha-1", "content_filter", "content_filter"},
			{"test/alpha", "alpha-1", "eos", "stop"},
			{"test/alpha", "alpha-1", "something_new", "stop"},
			{"test/claude", "claude-1", "end_turn", "stop"},
			{"test/claude", "claude-1", "stop_sequence", "stop"},
			{"test/claude", "claude-1", "max_tokens", "length"},
			{"test/claude", "claude-1", "refusal", "content_filter"},
			{"test/gem", "gemini-2.0-test", "STOP", "stop"},
			{"test/gem", "gemini-2.0-test", "MAX_TOKENS", "length"},
			{"test/gem", "gemini-2.0-test", "SAFETY", "content_filter"},
		} {
			r.up.on(try.native, func(w http.ResponseWriter, q *http.Request, c call) {
				says("Hello")(&swapped{ResponseWriter: w, finish: try.finish.(string)}, q, c)
			})
			for _, a := range []any{
				r.chat(try.model, `"max_tokens":9`).json(200),
				r.stream(try.model).events().finish(),
			} {
				want(t, a, "choices.0.finish_reason", try.unified)
				want(t, a, "choices.0.native_finish_reason", try.finish)
			}
		}
		r.up.on("claude-1", says("")) // tool calls, below
		r.up.on("claude-1", whole(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"t1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":10,"output_tokens":5}}`))
		a := r.chat("test/claude", `"max_tokens":9`, tools).json(200)
		want(t, a, "choices.0.finish_reason", "tool_calls")
		want(t, a, "choices.0.native_finish_reason", "tool_use")
	})

	rule(t, "US-03", func(t *testing.T) {
		r := start(t, setup{})
		for _, model := range dialects {
			for _, more := range []string{`"max_tokens":100`, `"temperature":1`} {
				want(t, r.chat(model, more).json(200), "system_fingerprint", nil)
			}
		}
		r.up.on("alpha-1", whole(strings.Replace(completion(`"content":"Hello"`, "stop", 1, 1), `"created":1`, `"created":1,"system_fingerprint":"fp_1"`, 1)))
		want(t, r.chat("test/alpha", `"max_tokens":100`).json(200), "system_fingerprint", "fp_1")
	})

	rule(t, "US-04", func(t *testing.T) {
		r := start(t, setup{})
		for _, model := range append(dialects, "test/free") {
			r.each(model, nil, func(what string, o object) {
				details := sub(t, o, "usage.cost_details")
				sum := 0.0
				for _, name := range []string{"upstream_inference_prompt_cost", "upstream_inference_completions_cost"} {
					n, ok := details[name].(float64)
					if !ok {
						t.Errorf("%s %s: %s is %v, want a number", model, what, name, details[name])
					}
					sum += n
				}
				if cost := at(o, "usage.cost"); model != "test/free" && (cost != 0.00002 || sum < 0.0000199 || sum > 0.0000201) {
					t.Errorf("%s %s: cost %v, details %v", model, what, cost, details)
				}
			})
		}
	})

	rule(t, "US-05", func(t *testing.T) {
		r := start(t, setup{})
		odd := func(w http.ResponseWriter, q *http.Request, c call) { // a vendor that leaves out what goes without saying
			if c.stream {
				data(`{"id":"c1","choices":[{"delta":{"content":"Hel"}}]}`, `{"id":"c1","choices":[{"delta":{"content":"lo"}}]}`,
					`{"id":"c1","choices":[{"delta":{},"finish_reason":"stop"}]}`, "[DONE]")(w, q, c)
				return
			}
			whole(`{"id":"c1","choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)(w, q, c)
		}
		r.up.on("beta-1", odd)
		for _, model := range append(dialects, "test/beta") {
			bodies := []object{r.chat(model, `"max_tokens":100`).json(200), r.chat(model).json(200)}
			bodies = append(bodies, r.stream(model).events().chunks...)
			for _, o := range bodies {
				choices, ok := o["choices"].(list)
				if !ok {
					t.Errorf("%s: choices are no array: %v", model, o)
				}
				for _, choice := range choices {
					want(t, choice, "index", 0)
					if !has(choice, "finish_reason") {
						t.Errorf("%s: no finish_reason in %v", model, choice)
					}
				}
				for _, name := range []string{"id", "object", "created", "model", "provider"} {
					if !has(o, name) {
						t.Errorf("%s: no %s in %v", model, name, o)
					}
				}
			}
		}
	})

	rule(t, "US-06", func(t *testing.T) {
		r := start(t, setup{})
		usage := `"usage":{"prompt_tokens":10,"completion_tokens":50,"total_tokens":60,"completion_tokens_details":{"reasoning_tokens":40}}`
		r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
			if c.stream {
				data(chunk(`"content":"Hello"`, `"stop"`), `{"id":"c1","choices":[],`+usage+`}`, "[DONE]")(w, q, c)
				return
			}
			whole(`{"id":"c1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],`+usage+`}`)(w, q, c)
		})
		r.each("test/alpha", nil, func(what string, o object) {
			want(t, o, "usage.completion_tokens", 50)
			want(t, o, "usage.completion_tokens_details.reasoning_tokens", 40)
			want(t, o, "usage.cost", 10*0.000001+50*0.000002)
		})
		// Google counts thoughts beside the answer; the contract within it.
		r.up.on("gemini-2.0-test", func(w http.ResponseWriter, q *http.Request, c call) {
			body := `{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":10,"thoughtsTokenCount":40,"totalTokenCount":60}}`
			if c.stream {
				data(body)(w, q, c)
				return
			}
			whole(body)(w, q, c)
		})
		r.each("test/gem", nil, func(what string, o object) {
			want(t, o, "usage.completion_tokens", 50)
			want(t, o, "usage.completion_tokens_details.reasoning_tokens", 40)
			want(t, o, "usage.cost", 10*0.000001+50*0.000002)
		})
	})

	rule(t, "US-10", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", fails(500, "{}"))
		r.each("test/alpha", []string{`"models":["test/beta"]`}, func(what string, o object) {
			want(t, o, "model", "test/beta")
			want(t, o, "provider", "Beta Works")
			want(t, o, "usage.cost", 10*0.000003+5*0.000004)
		})
	})
}

// swapped replaces the finish reason of a good answer.
type swapped struct {
	http.ResponseWriter
	finish string
}

func (s *swapped) Write(p []byte) (int, error) {
	text := string(p)
	for _, x := range [][2]string{{`"finish_reason":"`, "stop"}, {`"stop_reason":"`, "end_turn"}, {`"finishReason":"`, "STOP"}} {
		text = strings.ReplaceAll(text, x[0]+x[1]+`"`, x[0]+s.finish+`"`)
	}
	_, err := s.ResponseWriter.Write([]byte(text))
	return len(p), err
}

// Flush implements http.Flusher.
func (s *swapped) Flush() { flush(s.ResponseWriter) }

// finish is the chunk with a finish reason.
func (s sse) finish() object {
	for _, c := range s.chunks {
		if at(c, "choices.0.finish_reason") != nil {
			return c
		}
	}
	return object{}
}
