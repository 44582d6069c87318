package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func (c *client) responses(model string, more ...string) answer {
	c.t.Helper()
	members := []string{`"model":` + quoted(model)}
	if !slices.ContainsFunc(more, func(m string) bool { return strings.HasPrefix(m, `"input":`) }) {
		members = append(members, `"input":"Hi"`)
	}
	return c.do(http.MethodPost, "/responses", "{"+strings.Join(append(members, more...), ",")+"}")
}

// Area 35: the Responses API.
func TestRS(t *testing.T) {
	t.Parallel()

	rule(t, "RS-01", func(t *testing.T) {
		r := start(t, setup{})
		for _, state := range []string{`"store":true`, `"previous_response_id":"resp_1"`, `"background":true`, `"conversation":"conv_1"`} {
			if a := r.responses("test/alpha", state); a.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", state, a.status, a.text)
			}
		}
		if n := len(r.up.calls()); n != 0 {
			t.Errorf("%d providers were asked", n)
		}
		r.responses("test/alpha", `"store":false`, `"previous_response_id":null`, `"service_tier":"auto"`).json(200)
	})
	rule(t, "RS-02", func(t *testing.T) {
		r := start(t, setup{})
		terminal := func() object {
			all := frames(t, r.responses("test/alpha", `"stream":true`))
			return all[len(all)-1]
		}
		want(t, terminal(), "type", "response.completed")
		r.up.on("alpha-1", data(chunk(`"role":"assistant","content":"Hel"`, "null"), chunk("", `"length"`), usageFrame(10, 1), "[DONE]"))
		last := terminal()
		want(t, last, "type", "response.incomplete")
		want(t, last, "response.incomplete_details.reason", "max_output_tokens")
		r.up.on("alpha-1", cuts(data(chunk(`"role":"assistant","content":"Hel"`, "null"))))
		last = terminal()
		want(t, last, "type", "response.failed")
		want(t, last, "response.status", "failed")
	})
	rule(t, "RS-03", func(t *testing.T) {
		r := start(t, setup{})
		n, said := 0.0, ""
		for _, e := range frames(t, r.responses("test/claude", `"stream":true`)) {
			want(t, e, "sequence_number", n)
			n++
			if e["type"] != "response.output_text.delta" {
				continue
			}
			for _, member := range []string{"item_id", "output_index", "content_index", "logprobs"} {
				if !has(e, member) {
					t.Errorf("%s is missing: %v", member, e)
				}
			}
			said += text(e["delta"])
		}
		if said != "Hello there" {
			t.Errorf("said %q", said)
		}
	})
	rule(t, "RS-04", func(t *testing.T) {
		r := start(t, setup{})
		a := r.responses("test/gem", `"stream":true`)
		var name string
		for line := range strings.SplitSeq(a.text, "\n") {
			if n, ok := strings.CutPrefix(line, "event: "); ok {
				name = n
			}
			if d, ok := strings.CutPrefix(line, "data: "); ok && d != "[DONE]" && parsed(t, d)["type"] != name {
				t.Errorf("event %q has data %s", name, d)
			}
		}
		if !strings.HasSuffix(a.text, "data: [DONE]\n\n") {
			t.Errorf("the stream ends in %q", a.text[max(0, len(a.text)-60):])
		}
	})
	rule(t, "RS-05", func(t *testing.T) {
		r := start(t, setup{})
		input := `"input":[{"role":"user","content":"Weather?"},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Let me see.","annotations":[]}]},
			{"type":"function_call","id":"fc_1","call_id":"c1","name":"weather","arguments":"{}","status":"completed"},
			{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"mild"}]},{"type":"function_call","call_id":"c2","name":"weather","arguments":"{}"},{"type":"function_call_output","call_id":"c2","output":"warm"}]`
		for _, model := range []string{"test/alpha", "test/claude", "test/gem"} {
			r.responses(model, input, `"tools":[{"type":"function","name":"weather","parameters":{"type":"object"},"strict":null}]`).json(200)
			raw := r.up.calls()[len(r.up.calls())-1].raw
			for _, piece := range []string{"Let me see.", "mild", "warm"} {
				if !strings.Contains(raw, piece) {
					t.Errorf("%s was not sent %q: %s", model, piece, raw)
				}
			}
		}
	})
	rule(t, "RS-06", func(t *testing.T) {
		r := start(t, setup{})
		want(t, r.responses("test/alpha").json(200), "output_text", "Hello there")
	})
	rule(t, "RS-07", func(t *testing.T) { // what the Agent SDK sends with every call
		r := start(t, setup{})
		a := r.do(http.MethodPost, "/responses", `{"model":"test/claude","input":[{"role":"user","content":"Hi"}],"service_tier":"auto","store":false,"stream":true}`, "X-Openrouter-Callmodel: true")
		all := frames(t, a)
		want(t, all[len(all)-1], "response.output_text", "Hello there")
	})
	rule(t, "RS-08", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", fails(400, `{"error":{"message":"maximum context length is 10 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}`))
		a := r.responses("test/alpha").json(200) // ER-12
		want(t, a, "status", "incomplete")
		want(t, a, "usage.cost", 0)
		all := frames(t, r.responses("test/alpha", `"stream":true`))
		want(t, all[len(all)-1], "type", "response.incomplete")
		e := r.responses("test/none").fails(400, "invalid_request") // before any answer: the envelope
		want(t, e, "availability.code", "model_not_found")
	})
	rule(t, "RS-09", func(t *testing.T) {
		r := start(t, setup{})
		r.responses("test/claude", `"input":[{"role":"user","content":[{"type":"input_text","text":"long","prompt_cache_breakpoint":{"type":"ephemeral"}},{"type":"input_text","text":"short"}]}]`).json(200)
		want(t, r.up.only().body, "messages.0.content.0.cache_control.type", "ephemeral")
	})
}

// A response says when it was complete, by the clock of the gateway.
func TestCompletedAt(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, model := range []string{"alpha", "claude"} {
		r.up.on(model+"-1", func(w http.ResponseWriter, q *http.Request, c call) {
			r.pass(100 * time.Second)
			says("Hello there")(w, q, c)
		})
		whole := r.responses("test/" + model).json(200)
		all := frames(t, r.responses("test/"+model, `"stream":true`))
		want(t, all[0], "response.completed_at", nil)
		for _, response := range []object{whole, sub(t, all[len(all)-1], "response")} {
			created, _ := response["created_at"].(float64)
			completed, _ := response["completed_at"].(float64)
			if took := completed - created; took < 100 || took > 150 {
				t.Errorf("%s: created at %v, completed at %v", model, response["created_at"], response["completed_at"])
			}
		}
	}
}
