package provider_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Mistral's newer models are told how much to think, Magistral whether by the vendor's
// prompt, and the others nothing.
func TestMistralThinks(t *testing.T) {
	t.Parallel()
	all := provider.All()
	mistral := all[slices.IndexFunc(all, func(s provider.Spec) bool { return s.Slug == "mistral" })].Speaks[llm.Chat]
	small := dialect.Target{Model: "mistral-small-2603", Accepts: map[string]bool{"reasoning": true, "include_reasoning": true}}
	magistral := dialect.Target{Model: "magistral-medium-2509", Accepts: small.Accepts}
	large := dialect.Target{Model: "mistral-large-2512", Accepts: map[string]bool{"temperature": true}}
	for _, c := range []struct {
		to             dialect.Target
		reasoning      string
		effort, prompt string // what is sent
	}{
		{small, `{"effort":"high"}`, `"high"`, ""},
		{small, `{"effort":"low"}`, `"high"`, ""},
		{small, `{"effort":"xhigh"}`, `"high"`, ""},
		{small, `{"enabled":true}`, `"high"`, ""},
		{small, `{"max_tokens":2000}`, `"high"`, ""},
		{small, `{"effort":"none"}`, `"none"`, ""},
		{small, `{"enabled":false}`, `"none"`, ""},
		{small, `{}`, "", ""},
		{magistral, `{"effort":"high"}`, "", `"reasoning"`},
		{magistral, `{"enabled":true}`, "", `"reasoning"`},
		{magistral, `{"effort":"none"}`, "", "null"},
		{magistral, `{"enabled":false}`, "", "null"},
		{magistral, `{"exclude":true}`, "", ""},
		{large, `{"effort":"high"}`, "", ""},
	} {
		const said = `,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"so","reasoning":"hm"},{"role":"user","content":"and?"}]}`
		req, err := chat.Client().Parse([]byte(`{"model":"m","reasoning":`+c.reasoning+said), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
			call, err := mistral.Encode(r, c.to)
			if err != nil {
				t.Fatal(err)
			}
			var sent struct {
				Effort jsontext.Value `json:"reasoning_effort"`
				Prompt jsontext.Value `json:"prompt_mode"`
			}
			if err := json.Unmarshal(call.Body, &sent); err != nil {
				t.Fatal(err)
			}
			if string(sent.Effort) != c.effort || string(sent.Prompt) != c.prompt {
				t.Errorf("%s %s: %s", c.to.Model, c.reasoning, call.Body)
			}
			back := strings.Contains(string(call.Body), `{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}`)
			lost := slices.Contains(call.Lost, "reasoning_details: unknown")
			if thinks := c.to.Accepts["reasoning"]; back != thinks || lost == thinks {
				t.Errorf("%s: thoughts sent back: %t, lost %q\n%s", c.to.Model, back, call.Lost, call.Body)
			}
		}
	}
}

// What Codestral is asked to put between two texts loses what that call cannot say; other
// models of the vendor's lose the text behind.
func TestMistralFills(t *testing.T) {
	t.Parallel()
	all := provider.All()
	mistral := all[slices.IndexFunc(all, func(s provider.Spec) bool { return s.Slug == "mistral" })].Speaks[llm.Chat]
	for _, c := range []struct{ model, body, path, lost string }{
		{"codestral-2508", `"suffix":"x"`, "/fim/completions", ""},
		{"codestral-2508", `"suffix":"x","temperature":1,"seed":7,"stop":"a"`, "/fim/completions", ""},
		{"codestral-2508", `"suffix":"x","presence_penalty":1,"reasoning":{"effort":"high"},"top_k":4`, "/fim/completions", "presence_penalty, reasoning"}, // top_k is lost by the table
		{"codestral-2508", `"temperature":1`, "/chat/completions", ""},
		{"mistral-large-2512", `"suffix":"x"`, "/chat/completions", "suffix"},
	} {
		req, err := completions.Client().Parse([]byte(`{"model":"m","prompt":"p",`+c.body+`}`), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		call, err := mistral.Encode(req, dialect.Target{Model: c.model})
		if err != nil || call.Path != c.path || strings.Join(call.Lost, ", ") != c.lost {
			t.Errorf("%s %s: %s %s, lost %q, %v", c.model, c.body, call.Path, call.Body, call.Lost, err)
		}
	}
}
