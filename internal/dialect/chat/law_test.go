package chat_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// decode reads a streamed answer to its end.
func decode(sse []byte, q chat.Quirks, cuts ...int) (events []llm.Event, chunks []llm.Chunk, err error) {
	var parts []io.Reader
	from := 0
	for _, at := range cuts {
		parts = append(parts, bytes.NewReader(sse[from:at]))
		from = at
	}
	parts = append(parts, bytes.NewReader(sse[from:]))
	s := relay.ReadStream(io.NopCloser(io.MultiReader(parts...)), chat.Upstream(q).NewDecoder(&llm.Request{}, dialect.Target{}), llm.Chat)
	for {
		c, err := s.Next()
		events = append(events, c.Events...)
		if errors.Is(err, io.EOF) {
			return events, chunks, nil
		}
		if err != nil {
			return events, chunks, err
		}
		c.Events, c.Raw = slices.Clone(c.Events), bytes.Clone(c.Raw)
		chunks = append(chunks, c)
	}
}

// section is every fixture's section of that name.
func section(t testing.TB, name string) (all [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range archive.Files {
			if s.Name == name {
				all = append(all, s.Data)
			}
		}
	}
	return all
}

// everything is an upstream that takes all that the dialect can say.
func everything() dialect.Upstream {
	return chat.Upstream(chat.Quirks{
		ReasoningAs: chat.ReasoningObject, KeepsReasoning: "reasoning_details", KeepsCacheControl: true,
		CacheKey: true, Modalities: true, ImageConfig: true, AudioURL: true, FileURL: true, Grammars: true, CustomTools: true, AllowedTools: true,
	})
}

// canon leaves out what by rule does not survive the way upstream.
func canon(in *llm.ChatInput) *llm.ChatInput {
	c := *in
	c.Cache = nil // top-level cache_control is the gateway's
	c.Read = nil  // so are documents it has read
	if r := c.Reasoning; r != nil {
		shown := *r
		shown.Exclude = false
		c.Reasoning = &shown
		if shown == (llm.Reasoning{}) || (shown.Summary != "" && shown == llm.Reasoning{Summary: shown.Summary}) {
			c.Reasoning = nil // says nothing about how much
		}
	}
	return &c
}

// Law 3 on the fixtures' requests, and: what is spliced and what is built anew
// say the same.
func TestRoundTripFixtures(t *testing.T) {
	t.Parallel()
	for _, body := range section(t, "request.chat.json") {
		req := parse(t, string(body))
		for name, r := range map[string]*llm.Request{"spliced": req, "built": req.Edit(func(*llm.Request) {})} {
			call, err := everything().Encode(r, dialect.Target{Model: "native", Stream: req.Stream})
			if err != nil {
				t.Fatal(err)
			}
			again := parse(t, string(call.Body))
			if diff := cmp.Diff(canon(req.Input), canon(again.Input), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n%s\n%s: %s", body, call.Body, name, diff)
			}
		}
	}
}

// Law 3 on generated requests.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		req := &llm.Request{Dialect: llm.Chat, Input: in}
		call, err := everything().Encode(req, dialect.Target{Model: "native"})
		if err != nil {
			t.Fatal(err)
		}
		again, err := chat.Client().Parse(call.Body, http.Header{})
		if err != nil {
			t.Fatalf("%s: %v", call.Body, err)
		}
		if diff := cmp.Diff(canon(in), canon(again.Input), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s", call.Body, diff)
		}
	})
}

func drawInput(t *rapid.T) *llm.ChatInput {
	text := rapid.String()
	word := rapid.StringMatching(`[a-z_]{1,9}`)
	in := &llm.ChatInput{
		Temperature: rapid.Ptr(rapid.Float64Range(0, 2), true).Draw(t, "temperature"),
		TopP:        rapid.Ptr(rapid.Float64Range(0, 1), true).Draw(t, "top_p"),
		TopK:        rapid.Ptr(rapid.Int64Range(0, 1<<60), true).Draw(t, "top_k"),
		Seed:        rapid.Ptr(rapid.Int64(), true).Draw(t, "seed"),
		MaxTokens:   rapid.Ptr(rapid.Int64Range(1, 1<<60), true).Draw(t, "max"),
		Logprobs:    rapid.Ptr(rapid.Bool(), true).Draw(t, "logprobs"),
		Stop:        rapid.SliceOfN(text, 0, 4).Draw(t, "stop"),
	}
	cache := func() *llm.CacheMark {
		if rapid.Bool().Draw(t, "marked") {
			return &llm.CacheMark{TTL: rapid.SampledFrom([]string{"", "5m", "1h"}).Draw(t, "ttl")}
		}
		return nil
	}
	said := func() (parts []llm.Part) {
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			parts = append(parts, llm.Part{Text: text.Draw(t, "text"), Cache: cache()})
		}
		if rapid.Bool().Draw(t, "image") {
			m := &llm.Media{URL: "https://example.org/" + word.Draw(t, "path"), Detail: "low"}
			if rapid.Bool().Draw(t, "inline") {
				m = &llm.Media{MIME: "image/png", Data: "QUJD"}
			}
			parts = append(parts, llm.Part{Kind: llm.PartImage, Media: m, Cache: cache()})
		}
		return parts
	}
	for range rapid.IntRange(1, 5).Draw(t, "messages") {
		m := llm.Message{Role: rapid.SampledFrom([]llm.Role{llm.RoleSystem, llm.RoleDeveloper, llm.RoleUser, llm.RoleAssistant, llm.RoleTool}).Draw(t, "role")}
		switch m.Role {
		case llm.RoleTool:
			m.Parts = []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: word.Draw(t, "id"), Parts: said()}}}
		case llm.RoleAssistant:
			for range rapid.IntRange(0, 2).Draw(t, "thoughts") {
				th := &llm.Thought{Type: llm.ThoughtText, Text: text.Draw(t, "thought"), Signature: text.Draw(t, "signature"), ID: word.Draw(t, "id"), Format: llm.FormatAnthropic}
				if rapid.Bool().Draw(t, "sealed") {
					th = &llm.Thought{Type: llm.ThoughtEncrypted, Data: text.Draw(t, "data"), Format: llm.FormatGemini}
				}
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartReasoning, Thought: th})
			}
			m.Parts = append(m.Parts, llm.Part{Text: text.Draw(t, "text"), Cache: cache()})
			if rapid.Bool().Draw(t, "drew") {
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "QUJD"}})
			}
			if rapid.Bool().Draw(t, "spoke") {
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartAudio, Media: &llm.Media{FileID: "audio_1"}})
			}
			for range rapid.IntRange(0, 2).Draw(t, "calls") {
				m.Parts = append(m.Parts, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: word.Draw(t, "id"), Name: word.Draw(t, "name"), Arguments: text.Draw(t, "arguments"), Custom: rapid.Bool().Draw(t, "custom")}})
			}
		default:
			m.Parts = said()
			m.Name = rapid.SampledFrom([]string{"", "anna"}).Draw(t, "name")
		}
		in.Messages = append(in.Messages, m)
	}
	for range rapid.IntRange(0, 2).Draw(t, "tools") {
		in.Tools = append(in.Tools, llm.Tool{Name: word.Draw(t, "name"), Description: text.Draw(t, "about"), Parameters: []byte(`{"type":"object"}`), Strict: rapid.Ptr(rapid.Bool(), true).Draw(t, "strict"), Cache: cache()})
	}
	if rapid.Bool().Draw(t, "custom tool") {
		in.Tools = append(in.Tools, llm.Tool{Kind: llm.ToolCustom, Name: word.Draw(t, "name"), Grammar: rapid.SampledFrom([]jsontext.Value{nil, jsontext.Value(`{"type":"text"}`), jsontext.Value(`{"type":"grammar","syntax":"lark","definition":"start: \"a\""}`)}).Draw(t, "format")})
	}
	if rapid.Bool().Draw(t, "draws") {
		in.Modalities, in.ImageConfig = []string{"image", "text"}, jsontext.Value(`{"aspect_ratio":"1:1"}`)
	}
	in.CacheKey = rapid.SampledFrom([]string{"", "k"}).Draw(t, "key")
	in.Format = rapid.SampledFrom([]*llm.Format{nil, {Type: llm.FormatPython}, {Type: llm.FormatGrammar, Grammar: "root ::= \"a\""}}).Draw(t, "format")
	if len(in.Tools) > 0 {
		in.Choice = &llm.ToolChoice{Mode: rapid.SampledFrom([]llm.ToolMode{llm.ToolAuto, llm.ToolNone, llm.ToolRequired}).Draw(t, "choice")}
		if in.Choice.Mode != llm.ToolNone && rapid.Bool().Draw(t, "some") {
			in.Choice.Allowed = []string{in.Tools[0].Name}
		}
		in.Parallel = rapid.Ptr(rapid.Bool(), true).Draw(t, "parallel")
	}
	if rapid.Bool().Draw(t, "reasons") {
		in.Reasoning = &llm.Reasoning{Effort: rapid.SampledFrom([]string{"", "high", "none"}).Draw(t, "effort"), Enabled: rapid.Ptr(rapid.Bool(), true).Draw(t, "enabled")}
	}
	return in
}

// CR-02, CR-09: an endpoint is sent what it takes, and nothing of the caller's
// own that is not its business.
func TestEncodeDrops(t *testing.T) {
	t.Parallel()
	req := parse(t, `{"model":"m","models":["n"],`+hello+`,"user":"anna@example.org","temperature":1,"top_k":4,"seed":1,"max_tokens":5,
		"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","response_format":{"type":"json_object"},"reasoning":{"effort":"low"},
		"store":true,"service_tier":"priority","metadata":{"a":"b"},"session_id":"s","preset":"p","trace":{},"transforms":[],"plugins":[{"id":"web","enabled":false}],"mystery":1,"logprobs":null}`)
	u := chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort})
	for name, r := range map[string]*llm.Request{"spliced": req, "built": req.Edit(func(*llm.Request) {})} {
		for _, c := range []struct {
			to   dialect.Target
			want string
		}{
			{dialect.Target{Model: "x", Accepts: map[string]bool{"temperature": true, "max_completion_tokens": true}}, `{"model":"x","messages":[{"role":"user","content":"hi"}],"temperature":1,"mystery":1,"max_tokens":5,"stream":false}`},
			{dialect.Target{Model: "x", Accepts: map[string]bool{"tools": true, "reasoning": true}, User: "h"}, `{"model":"x","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}],"mystery":1,"stream":false,"user":"h","reasoning_effort":"low"}`},
		} {
			call, err := u.Encode(r, c.to)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sorted(t, c.want), sorted(t, string(call.Body))); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

// A chat body built for a request of another dialect carries none of that
// dialect's unknown members, and each tool result is a message.
func TestEncodeOfAnotherDialect(t *testing.T) {
	t.Parallel()
	req := &llm.Request{Dialect: llm.Messages, Source: &llm.Source{Dialect: llm.Messages, Body: []byte(`{"x":1}`)}, Input: &llm.ChatInput{
		Extra: []llm.Extra{{Name: "mcp_servers", Value: []byte(`[]`)}},
		Messages: []llm.Message{
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Text: "hm", Signature: "s", Format: llm.FormatAnthropic}},
				{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "1", Name: "f", Arguments: "{}"}},
			}},
			{Role: llm.RoleUser, Parts: []llm.Part{
				{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "1", Parts: []llm.Part{{Text: "r1"}}}},
				{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "2", Parts: []llm.Part{{Text: "r2"}}}},
				{Text: "go on", Cache: &llm.CacheMark{}},
			}},
		},
	}}
	call, err := chat.Upstream(chat.Quirks{KeepsReasoning: "reasoning_content"}).Encode(req, dialect.Target{Model: "x", Stream: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"model":"x","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
		`{"role":"tool","tool_call_id":"1","content":"r1"},{"role":"tool","tool_call_id":"2","content":"r2"},{"role":"user","content":"go on"}],"stream":true,"stream_options":{"include_usage":true}}`
	if diff := cmp.Diff(want, string(call.Body)); diff != "" {
		t.Error(diff)
	}
}
