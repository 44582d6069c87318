package conformance

import (
	"net/http"
	"strings"
	"testing"
)

const lossyHeader = "X-Turnpike-Lossy"

// What the chosen endpoint's dialect could not be told, and what the endpoint does
// not take, is named; what it is told is not.
func TestLossy(t *testing.T) {
	t.Parallel()
	r := start(t, setup{models: `
  test/plain: {endpoints: [{provider: alpha, native: plain-1, supported_parameters: [max_tokens], pricing: {prompt: "0", completion: "0"}}]}`})
	for _, c := range []struct {
		model string
		more  []string
		lost  string
	}{
		{"test/alpha", []string{`"temperature":1`}, ""},
		{"test/claude", []string{`"temperature":1`, `"seed":7`, `"logit_bias":{"1":1}`}, "seed, logit_bias"},
		{"test/claude", []string{`"reasoning":{"effort":"high","mode":"pro"}`}, "reasoning.mode"},
		{"test/claude", []string{`"reasoning":{"effort":"high","mode":"standard"}`}, ""},
		{"test/gem", []string{`"top_k":4`, `"min_p":0.5`}, "min_p"},
		{"test/plain", []string{`"max_tokens":5`, `"top_p":0.5`}, "top_p"},
		{"test/alpha", []string{`"safe_prompt":true`}, ""},
		{"test/claude", []string{`"safe_prompt":true`, `"odd, name\n":1`}, "safe_prompt, odd??name?"},
	} {
		for _, stream := range []string{`"stream":false`, `"stream":true`} {
			a := r.chat(c.model, append(c.more, stream)...)
			if got := a.header.Get(lossyHeader); a.status != http.StatusOK || got != c.lost {
				t.Errorf("%s %v: %d, lost %q, want %q", c.model, c.more, a.status, got, c.lost)
			}
		}
	}
}

// What a dialect could not keep, and items that nobody here has heard of, are named
// too; the latter pass to vendors of the same language.
func TestLossyResponses(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	tools := `"tools":[{"type":"function","name":"f","parameters":{"type":"object"}},{"type":"web_search"}]`
	input := `"input":[{"role":"user","content":"Hi"},{"type":"weird","x":1}]`
	for model, want := range map[string]string{"test/alpha": "tools: web_search, input: weird", "sim/echo-responses": "tools: web_search"} {
		a := r.responses(model, tools, input)
		if got := a.header.Get(lossyHeader); a.status != http.StatusOK || got != want {
			t.Errorf("%s: %d, lost %q, want %q\n%s", model, a.status, got, want, a.text)
		}
	}
	if a := r.responses("test/claude", `"reasoning":{"mode":"pro"}`); a.status != http.StatusOK || a.header.Get(lossyHeader) != "reasoning.mode" {
		t.Errorf("%d, lost %q", a.status, a.header.Get(lossyHeader))
	}
}

// In strict mode nothing is lost: endpoints that would lose something are passed
// over, and where none is left nobody is asked.
func TestStrict(t *testing.T) {
	t.Parallel()
	r := start(t, setup{models: `
  test/mixed:
    endpoints:
      - {provider: claude, native: mixed-claude, supported_parameters: *all, pricing: {prompt: "0.000001", completion: "0.000001"}}
      - {provider: alpha, native: mixed-alpha, pricing: {prompt: "0.000009", completion: "0.000009"}}`})
	strict := func(model string, more ...string) answer {
		return r.do(http.MethodPost, chatPath, request(model, more...), "X-Turnpike-Strict: true")
	}
	a := strict("test/mixed", `"seed":7`)
	if got := r.up.natives(); a.status != http.StatusOK || got != "mixed-alpha" || a.header.Get(lossyHeader) != "" {
		t.Errorf("%d, asked %q, lost %q", a.status, got, a.header.Get(lossyHeader))
	}
	before := len(r.up.calls())
	e := strict("test/claude", `"seed":7`, `"temperature":1`).fails(http.StatusUnprocessableEntity, "unprocessable")
	want(t, e, "availability.excluded_by.0", "strict")
	if message, _ := e["message"].(string); !strings.Contains(message, "claude (strict: seed)") {
		t.Errorf("the message does not name the field: %v", e["message"])
	}
	if n := len(r.up.calls()) - before; n != 0 {
		t.Errorf("%d providers were asked", n)
	}
	if a := strict("test/claude", `"temperature":1`); a.status != http.StatusOK {
		t.Errorf("nothing would have been lost, yet %d\n%s", a.status, a.text)
	}
}

// What only a value loses is found when the request is put into the vendor's words; in
// strict mode that is refused as what the planner sees, with what is lost at each.
func TestStrictValues(t *testing.T) {
	t.Parallel()
	r := start(t, setup{models: `
  test/both:
    endpoints:
      - {provider: claude, native: both-claude, supported_parameters: *all, pricing: {prompt: "0.000001", completion: "0.000001"}}
      - {provider: gem, native: gemini-2.5-both, supported_parameters: *all, pricing: {prompt: "0.000009", completion: "0.000009"}}`})
	shape := `"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{"type":"string","not":{"const":"b"}}},"required":["a"],"additionalProperties":false}}}`
	const lost = "response_format.json_schema: /properties/a: not"
	if a := r.chat("test/both", shape); a.status != http.StatusOK || a.header.Get(lossyHeader) != lost {
		t.Fatalf("%d, lost %q", a.status, a.header.Get(lossyHeader))
	}
	before := len(r.up.calls())
	for _, stream := range []string{`"stream":false`, `"stream":true`} {
		a := r.do(http.MethodPost, chatPath, request("test/both", shape, stream, `"provider":{"sort":"price"}`), "X-Turnpike-Strict: true")
		e := a.fails(http.StatusUnprocessableEntity, "unprocessable")
		want(t, e, "availability.code", "constraint_filtered")
		want(t, e, "availability.requested_models.0", "test/both")
		want(t, e, "availability.excluded_by.0", "strict")
		want(t, e, "availability.affected_providers.0", "Claude House")
		want(t, e, "availability.affected_providers.1", "Gem Mine")
		if message := text(e["message"]); !strings.Contains(message, "claude (strict: "+lost+"), gem (strict: "+lost+")") {
			t.Error(message)
		}
		if has(e, "metadata.previous_errors") || has(e, "metadata.provider_name") {
			t.Errorf("nobody was asked, yet %v", e)
		}
	}
	if n := len(r.up.calls()) - before; n != 0 {
		t.Errorf("%d providers were asked", n)
	}
	if b := r.balance(); b.Held != 0 {
		t.Errorf("%v is held", b)
	}
}

// Legacy completions ask for what stands between two texts. Vendors' legacy routes
// for that answer in a language that is not spoken here, so the text behind is named
// as lost, and nothing is made up in its place.
func TestSuffix(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	const body = `,"prompt":"def add(a, b):\n    return ","suffix":"\nprint(add(1, 2))","max_tokens":9}`
	for _, model := range []string{"test/alpha", "test/claude", "test/gem", "sim/echo-responses"} {
		for _, stream := range []string{"", `,"stream":true`} {
			a := r.do(http.MethodPost, "/completions", `{"model":"`+model+`"`+stream+body)
			if a.status != http.StatusOK || a.header.Get(lossyHeader) != "suffix" {
				t.Errorf("%s: %d, lost %q\n%s", model, a.status, a.header.Get(lossyHeader), a.text)
			}
		}
		strict := r.do(http.MethodPost, "/completions", `{"model":"`+model+`"`+body, "X-Turnpike-Strict: true")
		e := strict.fails(http.StatusUnprocessableEntity, "unprocessable")
		want(t, e, "availability.excluded_by.0", "strict")
		if message := text(e["message"]); !strings.Contains(message, "(strict: suffix)") {
			t.Error(message)
		}
	}
	for _, c := range r.up.calls() {
		if strings.Contains(c.raw, "print(add") || strings.Contains(c.raw, "suffix") {
			t.Errorf("%s was sent %s", c.native, c.raw)
		}
	}
	plain := r.do(http.MethodPost, "/completions", `{"model":"test/alpha","prompt":"Hi","suffix":""}`, "X-Turnpike-Strict: true")
	if plain.status != http.StatusOK || plain.header.Get(lossyHeader) != "" {
		t.Errorf("no text behind, yet %d, lost %q", plain.status, plain.header.Get(lossyHeader))
	}
}
