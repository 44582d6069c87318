package messages_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// sorted is a JSON text with its objects' members in order of name.
func sorted(t testing.TB, text string) string {
	t.Helper()
	v := jsontext.Value(text)
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := v.Indent(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// What of the caller's own bytes goes out, and what does not.
func TestSplice(t *testing.T) {
	t.Parallel()
	const betas = "context-management-2025-06-27"
	opus48, opus46, sonnet45 := dialect.Target{Model: "claude-opus-4-8"}, dialect.Target{Model: "claude-opus-4-6"}, dialect.Target{Model: "claude-sonnet-4-5"}
	accepts := func(to dialect.Target, names ...string) dialect.Target {
		to.Accepts = map[string]bool{}
		for _, n := range names {
			to.Accepts[n] = true
		}
		return to
	}
	stream := opus46
	stream.Stream = true
	for _, c := range []struct {
		name  string
		to    dialect.Target
		betas string
		body  string
		want  string // without model, max_tokens and messages
	}{
		{"the gateway's members stay", opus46, "", `"models":["x"],"provider":{},"route":"fallback","session_id":"s","plugins":[],"trace":{},"user":"u","metadata":{"user_id":"u"},"service_tier":"auto","speed":"fast","fallbacks":[],"stream":true,"mystery":1,"inference_geo":"us"`, ``},
		{"what the endpoint knows goes", accepts(opus46, "max_tokens", "mystery"), "", `"mystery": {"a": 1},"other":2`, `,"mystery": {"a": 1}`},
		{"numbers keep their writing", opus46, "", `"temperature":1.0,"top_k":4e1`, `,"temperature":1.0,"top_k":4e1`},
		{"numbers out of range are fitted in", opus46, "", `"temperature":1.5`, `,"temperature":1`},
		{"sampling that the model refuses", opus48, "", `"temperature":1,"top_p":1,"top_k":1`, ``},
		{"parameters that the endpoint does not take", accepts(opus46, "max_tokens"), "", `"temperature":1,"stop_sequences":["x"],"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"any"},"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}`, ``},
		{"nulls", opus46, "", `"temperature":null,"system":null,"tools":null,"tool_choice":null,"thinking":null,"output_config":null,"stop_sequences":null,"context_management":null`, ``},
		{"blank stop sequences", opus46, "", `"stop_sequences":[" ","x"]`, `,"stop_sequences":["x"]`},
		{"stop sequences that are all blank", opus46, "", `"stop_sequences":[" "]`, ``},
		{"thinking as the model takes it", opus46, "", `"thinking":{"type":"adaptive","display":"omitted", "later":1},"output_config":{"effort":"high", "later":1}`, `,"thinking":{"type":"adaptive","display":"omitted", "later":1},"output_config":{"effort":"high", "later":1}`},
		{"adaptive thinking, to a model that takes budgets", sonnet45, "", `"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}`, `,"thinking":{"type":"enabled","budget_tokens":2000}`},
		{"an effort that the model has not", opus46, "", `"output_config":{"effort":"xhigh"}`, `,"output_config":{"effort":"high"}`},
		{"thoughts that would be empty", opus48, "", `"thinking":{"type":"adaptive"}`, `,"thinking":{"type":"adaptive","display":"summarized"}`},
		{"thinking that is off anyway", opus46, "", `"thinking":{"type":"disabled"}`, ``},
		{"context management", opus46, betas, `"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}`, `,"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}`},
		{"context management that nobody asked for", opus46, "", `"context_management":{"edits":[]}`, ``},
		{"context management that costs", opus46, betas, `"context_management":{"edits":[{"type":"compact_20260112"}]}`, ``},
		{"arguments as they are made", stream, "", `"stream":true,"tools":[{"name":"f","input_schema":{"type": "object"},"input_examples":[{}]},{"type":"custom","name":"g","input_schema":{"type":"object"},"eager_input_streaming":false},{"type":"bash_20250124","name":"bash"}]`, `,"tools":[{"name":"f","input_schema":{"type": "object"},"input_examples":[{}],"eager_input_streaming":true},{"type":"custom","name":"g","input_schema":{"type":"object"},"eager_input_streaming":false},{"type":"bash_20250124","name":"bash"}],"stream":true`},
		{"tools that need no editing", opus46, "", `"tools":[{"name":"f","strict":true,"input_schema":{"type": "object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":false}`, `,"tools":[{"name":"f","strict":true,"input_schema":{"type": "object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":false}`},
		{"the older spelling of a format", opus46, "", `"output_format":{"type":"json_schema","schema":{"type":"object","properties":{},"required":[],"additionalProperties":false}}`, `,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{},"required":[],"additionalProperties":false}}}`},
	} {
		const asked = `"max_tokens":10000,"messages":[{"role":"user","content":"hi","later":1}]`
		req, err := messages.Client().Parse([]byte(`{"model":"a/b",`+asked+`,`+c.body+`}`), http.Header{"Anthropic-Beta": {c.betas}})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		call, err := messages.Upstream(messages.Quirks{}).Encode(req, c.to)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		want := `{"model":"` + c.to.Model + `",` + asked + c.want + `}`
		if diff := cmp.Diff(sorted(t, want), sorted(t, string(call.Body))); diff != "" {
			t.Errorf("%s: %s\n%s", c.name, call.Body, diff)
		}
		if !strings.Contains(string(call.Body), `"messages":[{"role":"user","content":"hi","later":1}]`) {
			t.Errorf("%s: the conversation is not the caller's own: %s", c.name, call.Body)
		}
	}
}

// CR-09: who the end user is stays inside.
func TestSpliceHashesTheUser(t *testing.T) {
	t.Parallel()
	req := parse(t, head+`"metadata":{"user_id":"anna@example.org","other":"anna"},`+hello+`}`)
	call, err := messages.Upstream(messages.Quirks{}).Encode(req, dialect.Target{Model: "claude-opus-4-6", User: "hash"})
	if err != nil || strings.Contains(string(call.Body), "anna") || !strings.Contains(string(call.Body), `"metadata":{"user_id":"hash"}`) {
		t.Errorf("%s, %v", call.Body, err)
	}
}

// A conversation that must be said otherwise is: nothing of it goes out as it came.
func TestNotSpliced(t *testing.T) {
	t.Parallel()
	thought := func(th llm.Thought) string {
		return `{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"` + llm.Seal(th) + `"},{"type":"text","text":"a"}]},{"role":"user","content":"b"}`
	}
	for name, c := range map[string]struct{ said, not string }{
		"another's thought":      {thought(llm.Thought{Type: llm.ThoughtText, Signature: "s", Format: llm.FormatGemini}), "thinking"},
		"a blank text":           {`{"role":"user","content":[{"type":"text","text":" "},{"type":"text","text":"hi"}]}`, `" "`},
		"an id":                  {`{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"tool_use","id":"a.b","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a.b","content":"x"}]}`, "a.b"},
		"white space at the end": {`{"role":"user","content":"hi"},{"role":"assistant","content":"a "}`, `"a "`},
		"an early instruction":   {`{"role":"system","content":"s"},{"role":"user","content":"hi"}`, `"role":"system"`},
		"an empty turn":          {`{"role":"user","content":[]},{"role":"user","content":"hi"}`, `[]`},
	} {
		call, err := messages.Upstream(messages.Quirks{}).Encode(parse(t, head+`"messages":[`+c.said+`]}`), dialect.Target{Model: "claude-opus-5"})
		if err != nil || strings.Contains(string(call.Body), c.not) {
			t.Errorf("%s: %s, %v", name, call.Body, err)
		}
	}
	// A thought that is the vendor's own, but that only a seal could carry, is opened.
	own := llm.Thought{Type: llm.ThoughtText, Signature: "mm", Format: "minimax"}
	call, err := messages.Upstream(messages.Quirks{ThoughtFormat: "minimax"}).Encode(parse(t, head+`"messages":[`+thought(own)+`]}`), dialect.Target{Model: "MiniMax-M2.5"})
	if err != nil || !strings.Contains(string(call.Body), `{"type":"thinking","thinking":"t","signature":"mm"}`) {
		t.Errorf("%s, %v", call.Body, err)
	}
}
