package messages

import (
	"errors"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestTools(t *testing.T) {
	t.Parallel()
	function := llm.Tool{Name: "f", Parameters: jsontext.Value(`{"type":"object"}`)}
	custom := llm.Tool{Kind: llm.ToolCustom, Name: "patch", Description: "edits", Grammar: jsontext.Value(`{"type":"grammar"}`)}
	foreign := llm.Tool{Kind: llm.ToolNative, Name: "shell", From: llm.Responses, Native: jsontext.Value(`{"type":"shell"}`), Description: "runs", Parameters: jsontext.Value(`{"type":"object"}`)}
	for _, c := range []struct {
		name string
		in   llm.ChatInput
		want string
		lost []string
	}{
		{"free text is wrapped", llm.ChatInput{Tools: []llm.Tool{custom}}, `tools [{"name":"patch","description":"edits","input_schema":` + llm.CustomParameters + `}]`, []string{"tools.custom: patch: format"}},
		{"another vendor's tool", llm.ChatInput{Tools: []llm.Tool{foreign}}, `tools [{"name":"shell","description":"runs","input_schema":{"type":"object"}}]`, nil},
		{"some of the tools", llm.ChatInput{Tools: []llm.Tool{function, foreign}, Choice: &llm.ToolChoice{Mode: llm.ToolRequired, Allowed: []string{"f"}}}, "tools [{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]\ntool_choice {\"type\":\"any\"}", nil},
		{"none of the tools", llm.ChatInput{Tools: []llm.Tool{function}, Choice: &llm.ToolChoice{Mode: llm.ToolAuto, Allowed: []string{}}}, "", nil},
		{"strict, not asked for", llm.ChatInput{Tools: []llm.Tool{{Name: "f", Strict: new(true)}}}, `tools [{"name":"f","input_schema":{"type":"object"}}]`, []string{"tools.strict: f"}},
		{"a root that is no object", llm.ChatInput{Tools: []llm.Tool{{Name: "f", Parameters: jsontext.Value(`{"properties":{"a":{}}}`)}}}, `tools [{"name":"f","input_schema":{"type":"object","properties":{"a":{}}}}]`, nil},
		{"one call at a time, whichever", llm.ChatInput{Tools: []llm.Tool{function}, Parallel: new(false)}, "tools [{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]\ntool_choice {\"type\":\"auto\",\"disable_parallel_tool_use\":true}", nil},
	} {
		call, err := Upstream(Quirks{}).Encode(ask(c.in), dialect.Target{Model: "claude-sonnet-4-5"})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, encode(t, Quirks{}, ask(c.in), dialect.Target{Model: "claude-sonnet-4-5"}, "tools", "tool_choice")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if diff := cmp.Diff(c.lost, call.Lost); diff != "" {
			t.Errorf("%s: lost %s", c.name, diff)
		}
	}
	unknown := foreign
	unknown.Parameters = nil
	_, err := Upstream(Quirks{}).Encode(ask(llm.ChatInput{Tools: []llm.Tool{unknown}}), dialect.Target{Model: "m"})
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultUnsuited {
		t.Errorf("a tool that nobody can describe: %v", err)
	}
}

// A custom tool's call in history is the call of the function it was offered as.
func TestCustomCall(t *testing.T) {
	t.Parallel()
	in := llm.ChatInput{Messages: []llm.Message{
		say(llm.RoleUser, "Hi"),
		{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c", Name: "patch", Arguments: "*** Begin", Custom: true}}}},
	}}
	want := `messages [{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"patch","input":{"input":"*** Begin"}}]}]`
	if got := encode(t, Quirks{}, ask(in), dialect.Target{Model: "m"}, "messages"); got != want {
		t.Errorf("got %s", got)
	}
}

// Values that are lost are named; what is wrong with a schema is the caller's.
func TestSchemas(t *testing.T) {
	t.Parallel()
	format := func(schema string) llm.ChatInput {
		return llm.ChatInput{Format: &llm.Format{Type: llm.FormatJSONSchema, Schema: jsontext.Value(schema)}}
	}
	call, err := Upstream(Quirks{}).Encode(ask(format(`{"type":"object","properties":{"a":{"type":"integer","minimum":3}}}`)), dialect.Target{Model: "m"})
	if diff := cmp.Diff([]string{"response_format.json_schema: /properties/a: minimum"}, call.Lost); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, in := range []llm.ChatInput{
		format(`{"$ref":"https://example.org/schema"}`),
		{Tools: []llm.Tool{{Name: "f", Parameters: jsontext.Value(`[]`)}}},
	} {
		_, err := Upstream(Quirks{}).Encode(ask(in), dialect.Target{Model: "m"})
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultCaller || e.Type != llm.TypeInvalidRequest {
			t.Errorf("got %v", err)
		}
	}
}

// All documents are cited or none, and none beside a format.
func TestCitations(t *testing.T) {
	t.Parallel()
	file := func(cite bool) llm.Part {
		return llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "application/pdf", Data: "QUJD", Cite: cite}}
	}
	in := llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{file(false), file(true), {Text: "?"}}}}}
	const document = `{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"}`
	want := `messages [{"role":"user","content":[` + document + `,"citations":{"enabled":true}},` + document + `,"citations":{"enabled":true}},{"type":"text","text":"?"}]}]`
	if diff := cmp.Diff(want, encode(t, Quirks{}, ask(in), dialect.Target{Model: "m"}, "messages")); diff != "" {
		t.Error(diff)
	}
	in.Format = &llm.Format{Type: llm.FormatJSONSchema, Schema: jsontext.Value(`{"type":"object","properties":{},"required":[],"additionalProperties":false}`)}
	want = `messages [{"role":"user","content":[` + document + `},` + document + `},{"type":"text","text":"?"}]}]`
	if diff := cmp.Diff(want, encode(t, Quirks{}, ask(in), dialect.Target{Model: "m"}, "messages")); diff != "" {
		t.Error(diff)
	}
	call, err := Upstream(Quirks{}).Encode(ask(in), dialect.Target{Model: "m"})
	if diff := cmp.Diff([]string{"file.citations"}, call.Lost); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// A vendor's file is named by its id, with the feature that this takes.
func TestFiles(t *testing.T) {
	t.Parallel()
	req := ask(llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartFile, Media: &llm.Media{FileID: "file_1"}}}}}})
	call, err := Upstream(Quirks{}).Encode(req, dialect.Target{Model: "m"})
	if err != nil || call.Header.Get("Anthropic-Beta") != betaFiles {
		t.Errorf("%v, %v", call.Header, err)
	}
	for _, q := range []Quirks{{NoFiles: true}} {
		_, err := Upstream(q).Encode(req, dialect.Target{Model: "m"})
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultUnsuited {
			t.Errorf("got %v", err)
		}
	}
	req = ask(llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "https://example.org/i"}}}}}})
	if _, err := Upstream(Quirks{NoURLs: true}).Encode(req, dialect.Target{Model: "m"}); err == nil {
		t.Error("a URL was sent to a vendor that takes bytes only")
	}
}

// Beta features: those that are allowed, and of those the ones that the vendor knows.
func TestBetas(t *testing.T) {
	t.Parallel()
	req := ask(llm.ChatInput{})
	req.Forward = http.Header{"X-Anthropic-Beta": {"fast-mode-2026-02-01,context-1m-2025-08-07", "effort-2025-11-24, mcp-client-2025-11-20"}}
	for _, c := range []struct {
		q    Quirks
		want string
	}{
		{Quirks{}, "context-1m-2025-08-07,effort-2025-11-24"},
		{Quirks{Betas: []string{"context-1m-2025-08-07", "fast-mode-2026-02-01"}}, "context-1m-2025-08-07"},
		{Quirks{Betas: []string{}}, ""},
	} {
		call, err := Upstream(c.q).Encode(req, dialect.Target{Model: "m"})
		if got := call.Header.Get("Anthropic-Beta"); got != c.want || err != nil {
			t.Errorf("%+v: got %q, %v", c.q.Betas, got, err)
		}
	}
}
