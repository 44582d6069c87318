package api_test

import (
	"strings"
	"testing"
)

// A tool's result that answers no call is refused before a vendor who wants to know
// the call is asked, by the name that the caller's own dialect has for the field.
func TestOrphanResultIsNamed(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		for _, c := range []struct{ path, body, want string }{
			{
				"/v1/chat/completions",
				`"messages":[{"role":"user","content":"tool_call_id"},{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"c2"}]`,
				`{"error":{"code":400,"message":"messages/3/tool_call_id: \"c2\" answers no call of the conversation","metadata":{"error_type":"invalid_request"}}}`,
			},
			{
				"/v1/messages",
				`"max_tokens":9,"system":"s","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"tool_use_id":"t2"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"1"},{"type":"tool_result","tool_use_id":"t2","content":"2"}]}]`,
				`"message":"messages/2/content/1/tool_use_id: \"t2\" answers no call of the conversation"`,
			},
			{
				"/v1/responses",
				`"input":[{"role":"user","content":"hi"},{"type":"function_call","call_id":"f1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"f1","output":"1"},{"type":"function_call_output","call_id":"f2","output":"2"}]`,
				`"message":"input/3/call_id: \"f2\" answers no call of the conversation"`,
			},
		} {
			a := h.ask("POST", c.path, "user", `{"model":"lab/two-tongues",`+c.body+`}`)
			if a.status != 400 || !strings.Contains(a.body, c.want) {
				t.Errorf("%s: %d %s; want %s", c.path, a.status, a.body, c.want)
			}
			if strings.Contains(a.body, "Pipe") || strings.Contains(a.body, "previous_errors") {
				t.Errorf("%s: a vendor that was never asked is named: %s", c.path, a.body)
			}
		}
	})
}
