package conformance

import (
	"net/http"
	"strings"
	"testing"
)

const personFormat = `"response_format":{"type":"json_schema","json_schema":{"name":"person","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}}}`

// Area 14: structured output and healing.
func TestSO(t *testing.T) {
	t.Parallel()

	rule(t, "SO-01", func(t *testing.T) {
		r := start(t, setup{models: `
  test/loose: {endpoints: [{provider: alpha, native: loose-1, supported_parameters: [max_tokens], pricing: {prompt: "0", completion: "0"}}]}
  test/both:
    endpoints:
      - {provider: beta, native: both-loose, supported_parameters: [max_tokens], pricing: {prompt: "0", completion: "0"}}
      - {provider: alpha, native: both-strict, supported_parameters: [structured_outputs, response_format], pricing: {prompt: "0.1", completion: "0.1"}}`})
		e := r.chat("test/loose", personFormat, `"provider":{"require_parameters":true}`).fails(404, "not_found")
		want(t, e, "availability.excluded_by.0", "require_parameters")
		r.chat("test/both", personFormat, `"max_tokens":1`, `"provider":{"require_parameters":false}`).json(200)
		if got := r.up.natives(); got != "both-strict" {
			t.Errorf("asked %q (RT-19)", got)
		}
	})
	rule(t, "SO-02", func(t *testing.T) {
		r := start(t, setup{models: `
  test/loose: {endpoints: [{provider: alpha, native: loose-1, supported_parameters: [max_tokens], pricing: {prompt: "0", completion: "0"}}]}`})
		a := r.chat("test/loose", personFormat)
		if a.status != http.StatusOK || has(r.up.only().body, "response_format") || a.header.Get(lossyHeader) != "response_format.json_schema" {
			t.Errorf("%d, lost %q, sent %s", a.status, a.header.Get(lossyHeader), r.up.only().raw)
		}
	})
	fenced := "Here you are:\n```json\n{\"name\": \"Ada\",}\n```"
	rule(t, "SO-03", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", says(fenced))
		s := r.stream("test/alpha", personFormat, `"plugins":[{"id":"response-healing"}]`).events()
		if got := s.text(); got != fenced {
			t.Errorf("a stream was healed: %q", got)
		}
	})
	rule(t, "SO-04", func(t *testing.T) {
		for name, c := range map[string]struct{ said, healed string }{
			"fences and prose": {fenced, `{"name": "Ada"}`},
			"unquoted keys":    {`{name: "Ada"}`, `{"name": "Ada"}`},
			"missing bracket":  {`{"name": "Ada"`, `{"name": "Ada"}`},
			"valid already":    {`{ "name" : "Ada" }`, `{ "name" : "Ada" }`},
			"no JSON at all":   {"I cannot do that.", "I cannot do that."},
		} {
			for _, model := range []string{"test/alpha", "test/claude"} {
				r := start(t, setup{})
				r.up.on("alpha-1", says(c.said))
				r.up.on("claude-1", says(c.said))
				a := r.chat(model, personFormat, `"plugins":[{"id":"response-healing"}]`).json(200)
				if got := at(a, "choices.0.message.content"); got != c.healed {
					t.Errorf("%s at %s: %q, want %q", name, model, got, c.healed)
				}
			}
		}
		r := start(t, setup{})
		r.up.on("alpha-1", whole(completion(`"content":"{\"name\": \"Ad"`, "length", 10, 5)))
		a := r.chat("test/alpha", personFormat, `"max_tokens":5`, `"plugins":[{"id":"response-healing"}]`).json(200)
		want(t, a, "choices.0.message.content", `{"name": "Ad`) // what the limit cut cannot be known
		r.up.on("alpha-1", says(fenced))
		for _, off := range []string{`"plugins":[]`, `"plugins":[{"id":"response-healing","enabled":false}]`} {
			want(t, r.chat("test/alpha", personFormat, off).json(200), "choices.0.message.content", fenced)
		}
		if a := r.chat("test/alpha", `"plugins":[{"id":"response-healing"}]`); !strings.Contains(a.text, "Here you are") {
			t.Errorf("healed although no JSON was asked for: %s", a.text)
		}
	})
}

// Area 15: the caller's own tools.
func TestTL(t *testing.T) {
	t.Parallel()
	const question = `"messages":[{"role":"user","content":"Weather?"}]`
	const tool = `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}]`

	rule(t, "TL-03", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", whole(completion(`"content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{}"}}]`, "tool_calls", 10, 5)))
		a := r.chat("test/alpha", question, tool).json(200)
		want(t, a, "choices.0.finish_reason", "tool_calls")
		want(t, a, "choices.0.message.tool_calls.0.function.name", "weather")
	})
	rule(t, "TL-04", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", whole(completion(`"content":"Mild.","annotations":[{"type":"url_citation","url_citation":{"url":"https://w.example/","title":"W","start_index":0,"end_index":4}}]`, "stop", 10, 5)))
		want(t, r.chat("test/alpha").json(200), "choices.0.message.annotations.0.url_citation.url", "https://w.example/")
	})
	rule(t, "TL-05", func(t *testing.T) {
		r := start(t, setup{})
		for _, typ := range []string{"openrouter:web_search", "openrouter:datetime", "openrouter:bash"} {
			r.chat("test/alpha", `"tools":[{"type":"`+typ+`"}]`).fails(400, "invalid_request")
		}
		if e := r.chat("test/alpha:online").fails(400, "invalid_request"); !strings.Contains(text(e["message"]), "online") {
			t.Errorf("%v", e)
		}
		r.chat("test/alpha", `"plugins":[{"id":"web"}]`).fails(400, "invalid_request")
		a := r.do(http.MethodPost, "/messages", `{"model":"test/alpha","max_tokens":5,"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"openrouter:web_search","name":"w"}]}`)
		if a.status != http.StatusBadRequest || at(parsed(t, a.text), "error.type") != "invalid_request_error" {
			t.Errorf("messages: %d %s", a.status, a.text)
		}
		a = r.do(http.MethodPost, "/responses", `{"model":"test/alpha","input":"Hi","tools":[{"type":"openrouter:web_search"}]}`)
		if a.status != http.StatusBadRequest {
			t.Errorf("responses: %d %s", a.status, a.text)
		}
		if n := len(r.up.calls()); n != 0 {
			t.Errorf("%d providers were asked", n)
		}
	})
	rule(t, "TL-09", func(t *testing.T) {
		r := start(t, setup{})
		history := `"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Paris\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"mild"}]`
		for _, model := range []string{"test/alpha", "test/claude", "test/gem"} {
			r.chat(model, history, tool).json(200)
			c := r.up.calls()[len(r.up.calls())-1]
			if !has(c.body, "tools") || !strings.Contains(c.raw, "mild") || !strings.Contains(c.raw, "Paris") {
				t.Errorf("%s: %s", model, c.raw)
			}
		}
	})
}
