package conformance

import (
	"net/http"
	"strings"
	"testing"
)

func (c *client) messages(model string, more ...string) answer {
	c.t.Helper()
	members := []string{`"model":` + quoted(model), `"max_tokens":500`}
	usual := `"messages":[{"role":"user","content":"Hi"}]`
	for _, m := range more {
		if strings.HasPrefix(m, `"messages":`) {
			usual = ""
		}
	}
	if usual != "" {
		members = append(members, usual)
	}
	return c.do(http.MethodPost, "/messages", "{"+strings.Join(append(members, more...), ",")+"}")
}

// Area 36: the Anthropic Messages API.
func TestAM(t *testing.T) {
	t.Parallel()

	rule(t, "AM-01", func(t *testing.T) {
		r := start(t, setup{})
		for _, model := range []string{"test/alpha", "test/claude", "test/gem"} {
			a := r.messages(model).json(200)
			want(t, a, "content.0.text", "Hello there")
			want(t, a, "stop_reason", "end_turn")
			all := frames(t, r.messages(model, `"stream":true`))
			want(t, all[0], "type", "message_start")
			want(t, all[len(all)-1], "type", "message_stop")
		}
	})
	rule(t, "AM-02", func(t *testing.T) {
		r := start(t, setup{})
		e := r.messages("test/none").json(400)
		want(t, e, "type", "error")
		want(t, e, "error.type", "invalid_request_error")
		want(t, e, "error.error_type", "invalid_request")
		if id := text(e["request_id"]); !strings.HasPrefix(id, "gen-") {
			t.Errorf("request_id %v", e["request_id"])
		}
		bad := r.do(http.MethodPost, "/messages", `{"model":7}`).json(400)
		if id, there := bad["request_id"]; !there || id != nil {
			t.Errorf("before routing request_id is %v", id)
		}
		r.up.on("alpha-1", cuts(data(chunk(`"role":"assistant","content":"Hel"`, "null"))))
		all := frames(t, r.messages("test/alpha", `"stream":true`))
		want(t, all[len(all)-1], "type", "error")
		want(t, all[len(all)-1], "error.type", "api_error")
	})
	rule(t, "AM-03", func(t *testing.T) {
		for native, stop := range map[string]string{"refusal": "refusal", "pause_turn": "pause_turn", "model_context_window_exceeded": "model_context_window_exceeded", "stop_sequence": "stop_sequence"} {
			r := start(t, setup{})
			r.up.on("claude-1", whole(`{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hm"}],"stop_reason":"`+native+`","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}`))
			want(t, r.messages("test/claude").json(200), "stop_reason", stop)
		}
		r := start(t, setup{})
		r.up.on("alpha-1", whole(completion(`"content":"Hel"`, "length", 3, 1)))
		want(t, r.messages("test/alpha").json(200), "stop_reason", "max_tokens")
	})
	rule(t, "AM-04", func(t *testing.T) {
		r := start(t, setup{})
		want(t, r.messages("test/alpha").json(200), "usage.service_tier", "standard")
	})
	rule(t, "AM-05", func(t *testing.T) {
		r := start(t, setup{models: `
  test/new: {endpoints: [{provider: claude, native: claude-opus-4-8, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]}`})
		r.messages("test/new", `"thinking":{"type":"adaptive"}`).json(200)
		want(t, r.up.only().body, "thinking.display", "summarized")
	})
	rule(t, "AM-06", func(t *testing.T) {
		r := start(t, setup{models: thinkers})
		bash := `"tools":[{"type":"bash_20250124","name":"bash"}]`
		r.up.on("alpha-1", whole(completion(`"content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"bash","arguments":"{\"command\":\"ls\"}"}}]`, "tool_calls", 10, 5)))
		a := r.messages("test/alpha", bash).json(200)
		want(t, a, "content.0.type", "tool_use")
		want(t, a, "content.0.input.command", "ls")
		want(t, a, "stop_reason", "tool_use")
		r.messages("test/budget", bash).json(200)
		want(t, r.up.calls()[1].body, "tools.0.type", "bash_20250124")
	})
	rule(t, "AM-07", func(t *testing.T) {
		r := start(t, setup{
			providers: `  anthropic: {base_url: "%s/anthropic", api_key: sk-ant-not-real}`,
			models: `
  test/vendor: {endpoints: [{provider: anthropic, native: claude-sonnet-4-5, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]}`,
		})
		a := r.do(http.MethodPost, "/api/v1/messages?beta=true", `{"model":"test/vendor","max_tokens":32000,"stream":true,"system":[{"type":"text","text":"You are terse.","cache_control":{"type":"ephemeral"}}],
			"messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}],"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"high"},
			"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"metadata":{"user_id":"{\"device\":1}"},"tools":[{"name":"Bash","input_schema":{"type":"object"},"defer_loading":true}]}`,
			"Anthropic-Version: 2023-06-01", "Anthropic-Beta: claude-code-20250219,interleaved-thinking-2025-05-14,unheard-of-2030-01-01")
		all := frames(t, a)
		want(t, all[len(all)-1], "type", "message_stop")
		betas := r.up.only().header.Get("Anthropic-Beta")
		if !strings.Contains(betas, "interleaved-thinking-2025-05-14") || strings.Contains(betas, "unheard-of") {
			t.Errorf("betas %q", betas)
		}
		if strings.Contains(r.up.only().raw, "device") {
			t.Errorf("the end user's name left (CR-09): %s", r.up.only().raw)
		}
	})
	rule(t, "AM-08", func(t *testing.T) {
		r := start(t, setup{})
		a := r.do(http.MethodPost, "/messages", `{"model":"test/alpha","models":["test/claude"],"max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}`)
		want(t, a.json(200), "model", "test/alpha")
		r.up.on("alpha-1", fails(500, `{}`))
		a = r.do(http.MethodPost, "/messages", `{"model":"test/alpha","fallbacks":[{"model":"test/claude"}],"max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}`)
		want(t, a.json(200), "model", "test/claude")
	})
	rule(t, "AM-09", func(t *testing.T) {
		r := start(t, setup{})
		count := func(body string) float64 {
			n, _ := r.do(http.MethodPost, "/messages/count_tokens", body).json(200)["input_tokens"].(float64)
			return n
		}
		short, long := count(`{"model":"test/claude","messages":[{"role":"user","content":"Hi"}]}`), count(`{"model":"test/claude","system":"Be very brief, please.","messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}`)
		if short < 1 || long <= short {
			t.Errorf("%v and %v tokens", short, long)
		}
	})
	rule(t, "AU-08", func(t *testing.T) {
		r := start(t, setup{})
		plain := *r.client
		plain.key = ""
		if a := plain.do(http.MethodPost, "/messages", `{"model":"test/alpha","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}`, "X-Api-Key: "+r.user); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.text)
		}
		a := plain.do(http.MethodPost, "/messages", `{}`)
		if a.status != http.StatusUnauthorized || at(parsed(t, a.text), "error.type") != "authentication_error" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	rule(t, "FB-06", func(t *testing.T) {
		r := start(t, setup{})
		if a := r.messages("test/alpha", `"models":["test/beta"]`, `"fallbacks":[{"model":"test/claude"}]`); a.status != http.StatusBadRequest {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	rule(t, "ER-13", func(t *testing.T) {
		for status, c := range map[int]struct {
			want int
			typ  string
		}{429: {429, "rate_limit_error"}, 500: {502, "api_error"}, 503: {529, "overloaded_error"}, 504: {504, "timeout_error"}, 400: {400, "invalid_request_error"}, 404: {404, "not_found_error"}} {
			r := start(t, setup{})
			r.up.on("alpha-1", fails(status, `{"error":{"message":"no"}}`))
			a := r.messages("test/alpha")
			if a.status != c.want || at(parsed(t, a.text), "error.type") != c.typ {
				t.Errorf("upstream %d: %d %s", status, a.status, a.text)
			}
		}
		broke := start(t, setup{credit: 1})
		a := broke.messages("test/alpha")
		if a.status != http.StatusPaymentRequired || at(parsed(t, a.text), "error.type") != "billing_error" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	rule(t, "ER-11", func(t *testing.T) {
		for _, c := range []struct {
			failing string
			code    string
		}{{`{"error":{"message":"slow down","code":429}}`, "rate_limit_exceeded"}, {`{"error":{"message":"it broke","code":500}}`, "server_error"}} {
			r := start(t, setup{})
			r.up.on("alpha-1", data(chunk(`"role":"assistant","content":"Hel"`, "null"), c.failing))
			all := frames(t, r.responses("test/alpha", `"stream":true`))
			want(t, all[len(all)-1], "response.error.code", c.code)
			if !has(all[len(all)-1], "response.error_type") {
				t.Errorf("error_type is missing: %v", all[len(all)-1])
			}
		}
	})
	rule(t, "ER-12", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("claude-1", fails(400, `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 300000 tokens > 200000 maximum"}}`))
		a := r.responses("test/claude").json(200)
		want(t, a, "status", "incomplete")
		want(t, a, "incomplete_details.reason", "max_output_tokens")
	})
}
