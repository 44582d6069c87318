package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestContinued has answers break off in every way there is, over the real binary: who
// asked for it gets the rest from the model's other endpoint, byte for byte, and pays
// both for what they did; everybody else gets the error, for nothing.
func TestContinued(t *testing.T) {
	t.Parallel()
	const text = "one two  three four\nfive six seven"
	faults := []string{"eof", "cut", "reset", "error-mid-stream", "malformed-mid-stream", "stall-mid-stream"}
	var config strings.Builder
	config.WriteString("models:\n")
	for _, f := range faults {
		for _, who := range []string{"stream", "whole", "unasked", "messages", "responses", "completions"} {
			fmt.Fprintf(&config, `  test/%s-%s:
    context_length: 128000
    endpoints:
      - {provider: sim, tag: sim/first, native: %s, pricing: {prompt: "0.000001", completion: "0.000002"}}
      - {provider: sim, tag: sim/second, native: echo, pricing: {prompt: "0.00001", completion: "0.00002"}}
`, f, who, f)
		}
	}
	s := serveWith(t, config.String(), "TURNPIKE_TIMEOUTS_IDLE=1s")
	routing := func(on bool) string { return fmt.Sprintf(`"provider":{"order":["sim/first"],"continue":%t}`, on) }
	for _, f := range faults {
		t.Run(f, func(t *testing.T) {
			for _, stream := range []bool{true, false} {
				who := "whole"
				if stream {
					who = "stream"
				}
				a := s.chat(t, fmt.Sprintf(`{"model":"test/%s-%s","stream":%t,"messages":[{"role":"user","content":%q}],%s}`, f, who, stream, text, routing(true)))
				d := understood(t, a)
				if d.text != text || d.finish != "stop" || d.Error != nil || stream && (!d.done || d.comments == 0) {
					t.Errorf("%s", a.body)
				}
				if !strings.Contains(a.body, `"turnpike":{"continuations":[{"provider":"Sim","model":"test/`+f+"-"+who+`","after_chars":`) {
					t.Errorf("the answer does not say how it came about: %s", a.body)
				}
				tried := s.record(t, d.ID).Data.Tried
				if len(tried) != 2 || !strings.HasSuffix(tried[0].Endpoint, "sim/first") || !strings.HasSuffix(tried[1].Endpoint, "sim/second") {
					t.Errorf("tried %+v", tried)
				}
				if cost := s.generation(t, d.ID); cost != d.Usage.Cost || cost == 0 {
					t.Errorf("it cost %s, the answer says %s", cost, d.Usage.Cost)
				}
			}

			a := s.chat(t, fmt.Sprintf(`{"model":"test/%s-unasked","stream":true,"messages":[{"role":"user","content":%q}],%s}`, f, text, routing(false)))
			if d := understood(t, a); d.Error == nil || d.done || strings.Contains(a.body, "turnpike") || s.generation(t, d.ID) != 0 {
				t.Errorf("unasked: %s", a.body)
			}

			for path, body := range map[string]string{
				"messages":    fmt.Sprintf(`"max_tokens":500,"messages":[{"role":"user","content":%q}]`, text),
				"responses":   fmt.Sprintf(`"input":%q`, text),
				"completions": fmt.Sprintf(`"prompt":%q`, text),
			} {
				a := s.ask(t, http.MethodPost, "/api/v1/"+path, fmt.Sprintf(`{"model":"test/%s-%s","stream":true,%s,%s}`, f, path, body, routing(true)))
				if a.status != http.StatusOK || strings.Contains(a.body, `"error":{`) || !strings.Contains(a.body, ": turnpike: continued after") || !strings.Contains(a.body, `"turnpike":{"continuations":[`) {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			}
		})
	}
	s.verify(t)
}
