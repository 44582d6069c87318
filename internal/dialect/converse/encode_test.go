package converse_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

func said(role llm.Role, parts ...llm.Part) llm.Message { return llm.Message{Role: role, Parts: parts} }

func ask(parts ...llm.Part) *llm.ChatInput {
	return &llm.ChatInput{Messages: []llm.Message{said(llm.RoleUser, parts...)}}
}

func function(name string) llm.Tool {
	return llm.Tool{Name: name, Parameters: jsontext.Value(`{"type":"object"}`)}
}

func encode(t *testing.T, in *llm.ChatInput, to dialect.Target) dialect.Call {
	t.Helper()
	call, err := converse.Upstream().Encode(&llm.Request{Input: in, Forward: http.Header{"X-Anthropic-Beta": {"context-1m-2025-08-07, files-api-2025-04-14"}}}, to)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// A model's id is one segment of the path, whatever it holds; and a model that does
// not stream where there are tools is asked for a whole answer.
func TestPath(t *testing.T) {
	t.Parallel()
	const llama = "us.meta.llama3-3-70b-instruct-v1:0"
	with := ask(llm.Part{Text: "hi"})
	with.Tools = []llm.Tool{function("f")}
	for _, c := range []struct {
		in     *llm.ChatInput
		to     dialect.Target
		path   string
		accept string
	}{
		{ask(llm.Part{Text: "hi"}), dialect.Target{Model: claude}, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", "application/json"},
		{
			ask(llm.Part{Text: "hi"}),
			dialect.Target{Model: "arn:aws:bedrock:us-east-1:1:inference-profile/us.a", Stream: true},
			"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.a/converse-stream",
			"application/vnd.amazon.eventstream",
		},
		{ask(llm.Part{Text: "hi"}), dialect.Target{Model: llama, Stream: true}, "/model/us.meta.llama3-3-70b-instruct-v1%3A0/converse-stream", "application/vnd.amazon.eventstream"},
		{with, dialect.Target{Model: llama, Stream: true}, "/model/us.meta.llama3-3-70b-instruct-v1%3A0/converse", "application/json"},
	} {
		call := encode(t, c.in, c.to)
		if call.Path != c.path || call.Header.Get("Accept") != c.accept {
			t.Errorf("%s %s, want %s %s", call.Path, call.Header, c.path, c.accept)
		}
	}
}

// Names of tools and ids of calls fit into the alphabets of the API and of the
// models, stay apart, and are the same in every turn.
func TestNames(t *testing.T) {
	t.Parallel()
	names := []string{"a.b", "a_b", "a/b", strings.Repeat("n", 70), strings.Repeat("n", 71), "ä", "plain"}
	for model, fits := range map[string]string{claude: "-_", "moonshot.kimi-k2-thinking": "-_.:", "mistral.mistral-large-3-675b-instruct": ""} {
		in := &llm.ChatInput{}
		for _, name := range names {
			in.Tools = append(in.Tools, function(name))
			in.Messages = append(in.Messages,
				said(llm.RoleAssistant, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "id " + name, Name: name}}),
				said(llm.RoleTool, llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "id " + name}}))
		}
		var body struct {
			Messages []struct {
				Content []struct {
					ToolUse    *struct{ ToolUseId, Name string }
					ToolResult *struct{ ToolUseId string }
				}
			}
			ToolConfig struct {
				Tools []struct{ ToolSpec struct{ Name string } }
			}
		}
		if err := json.Unmarshal(encode(t, in, dialect.Target{Model: model}).Body, &body, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		var ids, offered, called []string
		for i, m := range body.Messages[1:] {
			if u := m.Content[0].ToolUse; u != nil {
				ids, called = append(ids, u.ToolUseId), append(called, u.Name)
			} else if got := m.Content[0].ToolResult.ToolUseId; got != ids[len(ids)-1] {
				t.Errorf("%s: message %d answers %q", model, i, got)
			}
		}
		for _, o := range body.ToolConfig.Tools {
			offered = append(offered, o.ToolSpec.Name)
		}
		if !slices.Equal(offered, called) || !apart(offered, "-_") || !apart(ids, fits) {
			t.Errorf("%s: offered %q called %q ids %q", model, offered, called, ids)
		}
		events, err := decode(&llm.Request{Input: in}, dialect.Target{Model: model}, `contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"i","name":"`+offered[0]+`"}}}
messageStop {"stopReason":"tool_use"}
`)
		if err != nil || events[1].Call.Name != names[0] {
			t.Errorf("%v %+v", err, events)
		}
	}
}

func apart(names []string, more string) bool {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] || n == "" || len(n) > 64 {
			return false
		}
		seen[n] = true
		for _, r := range n {
			if !strings.ContainsRune(more, r) && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a') {
				return false
			}
		}
	}
	return true
}

// What a model does not take is refused for others to be asked, or named.
func TestUnsuited(t *testing.T) {
	t.Parallel()
	media := func(k llm.PartKind, m llm.Media) llm.Part { return llm.Part{Kind: k, Media: &m} }
	for name, in := range map[string]*llm.ChatInput{
		"url":       ask(media(llm.PartFile, llm.Media{URL: "https://example.org/a.pdf"})),
		"file id":   ask(media(llm.PartFile, llm.Media{FileID: "file_1"})),
		"image":     ask(media(llm.PartImage, llm.Media{MIME: "image/tiff", Data: "AA=="})),
		"video":     ask(media(llm.PartVideo, llm.Media{MIME: "video/odd", Data: "AA=="})),
		"audio":     ask(media(llm.PartAudio, llm.Media{MIME: "audio/midi", Data: "AA=="})),
		"file":      ask(media(llm.PartFile, llm.Media{MIME: "application/zip", Data: "AA=="})),
		"assistant": {Messages: []llm.Message{said(llm.RoleAssistant, media(llm.PartImage, llm.Media{MIME: "image/png", Data: "AA=="}))}},
		"arguments": {Messages: []llm.Message{said(llm.RoleAssistant, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "i", Name: "f", Arguments: `[`}})}},
		"tool":      {Tools: []llm.Tool{{Kind: llm.ToolNative, Name: "x", From: llm.Responses, Native: jsontext.Value(`{}`)}}},
	} {
		_, err := converse.Upstream().Encode(&llm.Request{Input: in}, dialect.Target{Model: claude})
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultUnsuited {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Thinking gives way where Claude refuses it, and the caller's limit is never
// raised for it.
func TestThinking(t *testing.T) {
	t.Parallel()
	high := &llm.Reasoning{Effort: "high"}
	forced := ask(llm.Part{Text: "hi"})
	forced.Tools, forced.Choice, forced.Reasoning = []llm.Tool{function("f")}, &llm.ToolChoice{Mode: llm.ToolRequired}, high
	prefilled := ask(llm.Part{Text: "hi"})
	prefilled.Messages = append(prefilled.Messages, said(llm.RoleAssistant, llm.Part{Text: "It is"}))
	prefilled.Reasoning = high
	small := ask(llm.Part{Text: "hi"})
	small.MaxTokens, small.Reasoning = new(int64(1000)), high
	running := ask(llm.Part{Text: "hi"})
	running.Messages = append(running.Messages,
		said(llm.RoleAssistant, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "i", Name: "f"}}),
		said(llm.RoleTool, llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "i"}}))
	running.Reasoning = high
	budget := ask(llm.Part{Text: "hi"})
	budget.Reasoning = &llm.Reasoning{MaxTokens: new(int64(3000)), Exclude: true}
	for _, c := range []struct {
		name, model string
		in          *llm.ChatInput
		want        string // in the body, "" for none
	}{
		{"forced", claude, forced, ""},
		{"prefilled", claude, prefilled, ""},
		{"small", claude, small, ""},
		{"running", claude, running, ""},
		{"budget", claude, budget, `"maxTokens":7096},"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":3000,"display":"omitted"}`},
		{"adaptive with a budget", "anthropic.claude-opus-4-6-v1", budget, `"thinking":{"type":"enabled","budget_tokens":3000,"display":"omitted"}`},
		{"adaptive", "anthropic.claude-opus-4-8", budget, `"thinking":{"type":"adaptive","display":"omitted"}`},
		{"old", "anthropic.claude-3-haiku-20240307-v1:0", budget, ""},
	} {
		call := encode(t, c.in, dialect.Target{Model: c.model})
		body := string(call.Body)
		lost := slices.Contains(call.Lost, dialect.FieldReasoning.String())
		if c.want == "" && (strings.Contains(body, "thinking") || !lost) || c.want != "" && (!strings.Contains(body, c.want) || lost) {
			t.Errorf("%s: %s lost %q", c.name, body, call.Lost)
		}
		if !strings.Contains(body, `"anthropic_beta":["context-1m-2025-08-07"]`) {
			t.Errorf("%s: betas of %s", c.name, body)
		}
	}
}
