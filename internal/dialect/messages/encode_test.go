package messages

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ask is a request of one user message.
func ask(in llm.ChatInput) *llm.Request {
	if in.Messages == nil {
		in.Messages = []llm.Message{say(llm.RoleUser, "Hi")}
	}
	return &llm.Request{Dialect: llm.Chat, Input: &in}
}

func say(role llm.Role, text string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Kind: llm.PartText, Text: text}}}
}

// encode returns the named members of the body, compact, a line each.
func encode(t *testing.T, q Quirks, req *llm.Request, to dialect.Target, members ...string) string {
	t.Helper()
	c, err := Upstream(q).Encode(req, to)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]jsontext.Value
	if err := json.Unmarshal(c.Body, &body); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range members {
		if v, ok := body[m]; ok {
			lines = append(lines, m+" "+string(v))
		}
	}
	return strings.Join(lines, "\n")
}

func TestThinking(t *testing.T) {
	t.Parallel()
	members := []string{"max_tokens", "thinking", "output_config", "temperature", "top_p", "top_k"}
	effort := func(s string) *llm.Reasoning { return &llm.Reasoning{Effort: s} }
	prefill := []llm.Message{say(llm.RoleUser, "Hi"), say(llm.RoleAssistant, "Well")}
	all := map[string]bool{"temperature": true, "top_p": true, "top_k": true}
	for _, c := range []struct {
		name, model string
		in          llm.ChatInput
		maxOutput   int64
		accepts     map[string]bool
		want        string
	}{
		{"nothing asked, nothing known", "claude-3-haiku-20240307", llm.ChatInput{}, 0, nil, "max_tokens 4096"},
		{"the endpoint's limit stands in", "claude-3-haiku-20240307", llm.ChatInput{}, 8192, nil, "max_tokens 8192"},
		{"and caps", "claude-3-haiku-20240307", llm.ChatInput{MaxTokens: new(int64(9000))}, 8192, nil, "max_tokens 8192"},
		{"budget of xhigh", "claude-sonnet-4-5", llm.ChatInput{MaxTokens: new(int64(10000)), Reasoning: effort("xhigh")}, 0, nil, "max_tokens 10000\nthinking {\"type\":\"enabled\",\"budget_tokens\":9500}"},
		{"budget of low", "claude-sonnet-4-5", llm.ChatInput{MaxTokens: new(int64(10000)), Reasoning: effort("low")}, 0, nil, "max_tokens 10000\nthinking {\"type\":\"enabled\",\"budget_tokens\":2000}"},
		{"budget of minimal is the floor", "claude-sonnet-4-5", llm.ChatInput{MaxTokens: new(int64(10000)), Reasoning: effort("minimal")}, 0, nil, "max_tokens 10000\nthinking {\"type\":\"enabled\",\"budget_tokens\":1024}"},
		{"budget has a ceiling", "other-model", llm.ChatInput{MaxTokens: new(int64(400000)), Reasoning: effort("max")}, 0, nil, "max_tokens 400000\nthinking {\"type\":\"enabled\",\"budget_tokens\":128000}"},
		{"max_tokens exceeds the budget", "claude-sonnet-4-5", llm.ChatInput{MaxTokens: new(int64(3000)), Reasoning: &llm.Reasoning{MaxTokens: new(int64(3000))}}, 0, nil, "max_tokens 3000\nthinking {\"type\":\"enabled\",\"budget_tokens\":2999}"},
		{"no room for a budget", "claude-sonnet-4-5", llm.ChatInput{MaxTokens: new(int64(1024)), Reasoning: effort("max")}, 0, nil, "max_tokens 1024"},
		{"the least room", "claude-sonnet-4-5", llm.ChatInput{MaxTokens: new(int64(1025)), Reasoning: effort("max")}, 0, nil, "max_tokens 1025\nthinking {\"type\":\"enabled\",\"budget_tokens\":1024}"},
		{"a named budget makes its own room", "claude-sonnet-4-5", llm.ChatInput{Reasoning: &llm.Reasoning{MaxTokens: new(int64(6000))}}, 0, nil, "max_tokens 10096\nthinking {\"type\":\"enabled\",\"budget_tokens\":6000}"},
		{"prefill", "claude-sonnet-4-5", llm.ChatInput{Messages: prefill, Reasoning: effort("high")}, 0, nil, "max_tokens 4096"},
		{"off is the default of old models", "claude-opus-4-5", llm.ChatInput{Reasoning: effort("none")}, 0, nil, "max_tokens 4096"},
		{"excluded alone asks for nothing", "claude-sonnet-4-5", llm.ChatInput{Reasoning: &llm.Reasoning{Exclude: true}}, 0, nil, "max_tokens 4096"},
		{"4.6 is adaptive", "anthropic/claude-opus-4.6", llm.ChatInput{Reasoning: effort("xhigh")}, 0, nil, "max_tokens 4096\nthinking {\"type\":\"adaptive\"}\noutput_config {\"effort\":\"high\"}"},
		{"4.6 takes a named budget", "claude-sonnet-4-6", llm.ChatInput{MaxTokens: new(int64(9000)), Reasoning: &llm.Reasoning{MaxTokens: new(int64(4000))}}, 0, nil, "max_tokens 9000\nthinking {\"type\":\"enabled\",\"budget_tokens\":4000}"},
		{"4.7 has xhigh", "anthropic.claude-opus-4-7-v1:0", llm.ChatInput{Reasoning: effort("xhigh")}, 0, nil, "max_tokens 4096\nthinking {\"type\":\"adaptive\",\"display\":\"summarized\"}\noutput_config {\"effort\":\"xhigh\"}"},
		{"adaptive and prefilled", "claude-opus-4-7", llm.ChatInput{Messages: prefill, Reasoning: effort("low")}, 0, nil, "max_tokens 4096\noutput_config {\"effort\":\"low\"}"},
		{"5 thinks unasked", "claude-sonnet-5", llm.ChatInput{Verbosity: "max", Reasoning: effort("none")}, 0, nil, "max_tokens 4096\nthinking {\"type\":\"disabled\"}\noutput_config {\"effort\":\"high\"}"},
		{"fable cannot be told not to", "claude-fable-5", llm.ChatInput{Reasoning: &llm.Reasoning{Enabled: new(false)}}, 0, nil, "max_tokens 4096\noutput_config {\"effort\":\"low\"}"},
		{"verbosity of 4.5", "claude-opus-4-5-20251101", llm.ChatInput{Verbosity: "max"}, 0, nil, "max_tokens 4096\noutput_config {\"effort\":\"high\"}"},
		{"verbosity of none", "claude-haiku-4-5", llm.ChatInput{Verbosity: "low"}, 0, nil, "max_tokens 4096"},
		{"not accepted, left out", "claude-opus-4-7", llm.ChatInput{Verbosity: "low", Reasoning: effort("high")}, 0, map[string]bool{}, "max_tokens 4096"},
		{"sampling once", "claude-opus-4-1", llm.ChatInput{Temperature: new(0.5), TopP: new(0.5), TopK: new(int64(3))}, 0, all, "max_tokens 4096\ntemperature 0.5\ntop_k 3"},
		{"sampling of old", "claude-3-5-haiku-20241022", llm.ChatInput{Temperature: new(0.5), TopP: new(0.5)}, 0, all, "max_tokens 4096\ntemperature 0.5\ntop_p 0.5"},
		{"sampling not accepted", "claude-3-5-haiku-20241022", llm.ChatInput{Temperature: new(0.5), TopP: new(0.5), TopK: new(int64(3))}, 0, map[string]bool{"top_p": true}, "max_tokens 4096\ntop_p 0.5"},
		{"thinking leaves little of top_p", "claude-sonnet-4", llm.ChatInput{MaxTokens: new(int64(4000)), TopP: new(0.5), Temperature: new(1.0), Reasoning: effort("high")}, 0, nil, "max_tokens 4000\nthinking {\"type\":\"enabled\",\"budget_tokens\":3200}"},
		{"no sampling since 4.7", "claude-opus-5", llm.ChatInput{Temperature: new(0.5), TopP: new(0.5), TopK: new(int64(3))}, 0, nil, "max_tokens 4096"},
	} {
		got := encode(t, Quirks{}, ask(c.in), dialect.Target{Model: c.model, MaxOutput: c.maxOutput, Accepts: c.accepts}, members...)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestParseClaude(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]claude{
		"claude-opus-4-8":                          {"opus", 4, 8},
		"claude-opus-4.8-fast":                     {"opus", 4, 8},
		"anthropic.claude-sonnet-4-6-v1:0":         {"sonnet", 4, 6},
		"us.anthropic.claude-opus-4-20250514-v1:0": {"opus", 4, 0},
		"claude-haiku-4-5@20251001":                {"haiku", 4, 5},
		"claude-3-7-sonnet-20250219":               {"sonnet", 3, 7},
		"claude-3-haiku-20240307":                  {"haiku", 3, 0},
		"Claude-Sonnet-5":                          {"sonnet", 5, 0},
		"claude-opus-5-5":                          {"opus", 5, 5},
		"MiniMax-M2.5":                             {},
		"claude":                                   {},
		"claude-":                                  {},
		"our-claude-deployment":                    {family: "deployment"},
	} {
		if got := parseClaude(name); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	req := ask(llm.ChatInput{})
	req.Forward = http.Header{"X-Anthropic-Beta": {"context-1m-2025-08-07, code-execution-2025-08-25", "interleaved-thinking-2025-05-14,context-1m-2025-08-07"}}
	c, err := Upstream(Quirks{}).Encode(req, dialect.Target{Model: "m", User: "hash"})
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Type":      {"application/json"},
		"Anthropic-Version": {"2023-06-01"},
		"Anthropic-Beta":    {"context-1m-2025-08-07,interleaved-thinking-2025-05-14"},
	}
	if diff := cmp.Diff(want, c.Header); diff != "" || c.Path != "/v1/messages" {
		t.Errorf("%s: %s", c.Path, diff)
	}
	if want := `{"model":"m","max_tokens":4096,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"metadata":{"user_id":"hash"}}`; string(c.Body) != want {
		t.Errorf("got %s", c.Body)
	}
}

func TestStrictNeedsTheBeta(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		beta, want string
	}{
		{"", `tools [{"name":"f","input_schema":{"type":"object"}}]`},
		{betaStructured, `tools [{"name":"f","input_schema":{"type":"object","additionalProperties":false},"strict":true}]`},
	} {
		req := ask(llm.ChatInput{Tools: []llm.Tool{{Name: "f", Strict: new(true)}}})
		req.Forward = http.Header{"X-Anthropic-Beta": {c.beta}}
		if got := encode(t, Quirks{}, req, dialect.Target{Model: "m"}, "tools"); got != c.want {
			t.Errorf("%q: got %s, want %s", c.beta, got, c.want)
		}
	}
}

func TestExtra(t *testing.T) {
	t.Parallel()
	req := ask(llm.ChatInput{Extra: []llm.Extra{
		{Name: "inference_geo", Value: jsontext.Value(`"eu"`)},
		{Name: "safe_prompt", Value: jsontext.Value(`true`)},
		{Name: "model", Value: jsontext.Value(`"dear"`)},
	}})
	members := []string{"model", "inference_geo", "safe_prompt"}
	to := dialect.Target{Model: "m", Accepts: map[string]bool{"inference_geo": true, "model": true}}
	if got, want := encode(t, Quirks{}, req, to, members...), "model \"m\"\ninference_geo \"eu\""; got != want {
		t.Errorf("got %s", got)
	}
	if got, want := encode(t, Quirks{}, req, dialect.Target{Model: "m"}, members...), `model "m"`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestStructuredOutputsNotAccepted(t *testing.T) {
	t.Parallel()
	req := ask(llm.ChatInput{Format: &llm.Format{Type: llm.FormatJSONSchema, Schema: jsontext.Value(`{}`)}})
	c, err := Upstream(Quirks{}).Encode(req, dialect.Target{Model: "m", Accepts: map[string]bool{"response_format": true}})
	if err != nil || strings.Contains(string(c.Body), "output_config") || c.Header.Get("Anthropic-Beta") != "" {
		t.Errorf("got %s, %v, %v", c.Body, c.Header, err)
	}
}

func TestThoughts(t *testing.T) {
	t.Parallel()
	think := func(th llm.Thought) llm.Part { return llm.Part{Kind: llm.PartReasoning, Thought: &th} }
	text := llm.Part{Kind: llm.PartText, Text: "a"}
	const other = "other-v1"
	for _, c := range []struct {
		name  string
		q     Quirks
		parts []llm.Part
		want  string
	}{
		{"hidden text beside a signature", Quirks{}, []llm.Part{think(llm.Thought{Type: llm.ThoughtText, Signature: "s", Format: llm.FormatAnthropic}), text}, `[{"type":"thinking","thinking":"","signature":"s"},{"type":"text","text":"a"}]`},
		{"unsigned", Quirks{}, []llm.Part{think(llm.Thought{Type: llm.ThoughtText, Text: "t", Format: llm.FormatAnthropic}), text}, `[{"type":"text","text":"a"}]`},
		{"an unsigned thought is no part of a later one", Quirks{}, []llm.Part{
			think(llm.Thought{Type: llm.ThoughtText, Text: "t", Format: llm.FormatAnthropic}), text,
			think(llm.Thought{Type: llm.ThoughtText, Text: "u", Signature: "s", Format: llm.FormatAnthropic}), text,
		}, `[{"type":"text","text":"a"},{"type":"thinking","thinking":"u","signature":"s"},{"type":"text","text":"a"}]`},
		{"of another stamp", Quirks{ThoughtFormat: other}, []llm.Part{think(llm.Thought{Type: llm.ThoughtText, Text: "t", Signature: "s", Format: llm.FormatAnthropic}), text}, `[{"type":"text","text":"a"}]`},
		{"of its own stamp", Quirks{ThoughtFormat: other}, []llm.Part{think(llm.Thought{Type: llm.ThoughtText, Text: "t", Signature: "s", Format: other}), text}, `[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"a"}]`},
		{"at the end", Quirks{}, []llm.Part{text, think(llm.Thought{Type: llm.ThoughtEncrypted, Data: "d", Format: llm.FormatAnthropic})}, `[{"type":"text","text":"a"}]`},
	} {
		req := ask(llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleAssistant, Parts: c.parts}, say(llm.RoleUser, "b")}})
		want := `messages [{"role":"assistant","content":` + c.want + `},{"role":"user","content":[{"type":"text","text":"b"}]}]`
		if diff := cmp.Diff(want, encode(t, c.q, req, dialect.Target{Model: "m"}, "messages")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestUnfit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		role  llm.Role
		part  llm.Part
		fault llm.Fault
	}{
		{"video", llm.RoleUser, llm.Part{Kind: llm.PartVideo, Media: &llm.Media{URL: "https://example.com/v"}}, llm.FaultUnsuited},
		{"file id", llm.RoleUser, llm.Part{Kind: llm.PartFile, Media: &llm.Media{FileID: "file-1"}}, llm.FaultUnsuited},
		{"file type", llm.RoleUser, llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "application/zip", Data: "AAAA"}}, llm.FaultUnsuited},
		{"file text", llm.RoleUser, llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "text/csv", Data: "?"}}, llm.FaultCaller},
		{"assistant's image", llm.RoleAssistant, llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "https://example.com/i"}}, llm.FaultUnsuited},
		{"half arguments", llm.RoleAssistant, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c", Name: "f", Arguments: `{"a":`}}, llm.FaultUnsuited},
		{"arguments no object", llm.RoleAssistant, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c", Name: "f", Arguments: `[1]`}}, llm.FaultUnsuited},
		{"audio from a tool", llm.RoleTool, llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c", Parts: []llm.Part{{Kind: llm.PartAudio, Media: &llm.Media{Data: "AAAA"}}}}}, llm.FaultUnsuited},
	} {
		_, err := Upstream(Quirks{}).Encode(ask(llm.ChatInput{Messages: []llm.Message{{Role: c.role, Parts: []llm.Part{c.part}}}}), dialect.Target{Model: "m"})
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Fault != c.fault || e.Type != llm.TypeInvalidRequest {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestCacheMarks(t *testing.T) {
	t.Parallel()
	marked := &llm.CacheMark{}
	in := llm.ChatInput{
		Tools: []llm.Tool{{Name: "f", Cache: marked}},
		Messages: []llm.Message{
			{Role: llm.RoleSystem, Parts: []llm.Part{{Kind: llm.PartText, Text: "a", Cache: marked}}},
			{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "b", Cache: marked}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c", Name: "f"}, Cache: marked}}},
			{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c", Error: true, Parts: []llm.Part{{Kind: llm.PartText, Text: "d", Cache: &llm.CacheMark{TTL: "1h"}}}}}}},
		},
	}
	// Four at most; none that lives longer than one before it.
	want := `tools [{"name":"f","input_schema":{"type":"object"}}]
system [{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}]
messages [{"role":"user","content":[{"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"1h"}}]},` +
		`{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{},"cache_control":{"type":"ephemeral","ttl":"1h"}}]},` +
		`{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"text","text":"d"}],"is_error":true,"cache_control":{"type":"ephemeral","ttl":"1h"}}]}]`
	if diff := cmp.Diff(want, encode(t, Quirks{}, ask(in), dialect.Target{Model: "m"}, "tools", "system", "messages")); diff != "" {
		t.Error(diff)
	}
	in.Cache = &llm.CacheMark{TTL: "5m"} // the last block has a mark already
	if diff := cmp.Diff(want, encode(t, Quirks{}, ask(in), dialect.Target{Model: "m"}, "tools", "system", "messages")); diff != "" {
		t.Error(diff)
	}
}

func TestCallIDsStayApart(t *testing.T) {
	t.Parallel()
	ids := []string{callID("a.b"), callID("a:b"), callID("a_b"), callID("a-b"), callID("é")}
	if got, want := ids, []string{"a_2eb", "a_3ab", "a_b", "a-b", "_c3_a9"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
