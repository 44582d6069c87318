package messages_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// section is every fixture's section of that name.
func section(t testing.TB, name string) (all [][]byte) {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/*.txtar", "testdata/*/*.txtar", "testdata/client/*/*.txtar"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("no fixtures: %v", err)
		}
		files = append(files, some...)
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

// opus takes all that the language can say.
func opus() dialect.Target { return dialect.Target{Model: "claude-opus-4-6", MaxOutput: 1 << 40} }

// canon leaves out what by rule does not survive the way upstream, and says in one
// way what can be said in several.
func canon(in *llm.ChatInput, rebuilt bool) *llm.ChatInput {
	c := *in
	c.Messages, c.Extra = nil, nil
	for _, m := range in.Messages {
		c.Messages = joined(c.Messages, m, rebuilt)
	}
	if c.Format != nil {
		f := *c.Format
		f.Schema = nil // compiled: see internal/schema
		c.Format = &f
	}
	if r := c.Reasoning; r != nil && r.Enabled != nil && !*r.Enabled {
		c.Reasoning = nil // says nothing to a model that thinks only if asked
	}
	if c.Reasoning != nil {
		c.Temperature, c.TopP, c.TopK = nil, nil, nil // who thinks is not sampled
	}
	c.Cache = nil // becomes a breakpoint
	c.Tools = nil
	for _, t := range in.Tools {
		t.Parameters = nil // likewise compiled
		if t.Kind == llm.ToolNative {
			t.Native = nil // less its breakpoint
		}
		c.Tools = append(c.Tools, t)
	}
	c.Stop = nil
	for _, s := range in.Stop {
		if strings.TrimSpace(s) != "" {
			c.Stop = append(c.Stop, s)
		}
	}
	return &c
}

// joined is a conversation in turns as the API counts them, without breakpoints
// and what is refused.
func joined(all []llm.Message, m llm.Message, rebuilt bool) []llm.Message {
	parts := keptParts(m.Parts)
	if len(parts) == 0 {
		return all
	}
	role := m.Role
	if role == llm.RoleTool || rebuilt && role == llm.RoleSystem && len(all) > 0 && all[len(all)-1].Role != llm.RoleSystem {
		role = llm.RoleUser
	}
	if n := len(all); n > 0 && all[n-1].Role == role {
		all[n-1].Parts = append(all[n-1].Parts, parts...)
		return all
	}
	return append(all, llm.Message{Role: role, Parts: parts})
}

func keptParts(parts []llm.Part) (kept []llm.Part) {
	for _, p := range parts {
		p.Cache = nil
		switch p.Kind {
		case llm.PartText:
			if p.Text = strings.TrimRight(p.Text, " \t\r\n"); strings.TrimSpace(p.Text) == "" {
				continue
			}
		case llm.PartReasoning:
			if p.Thought.Format != llm.FormatAnthropic {
				continue
			}
		case llm.PartCall:
			call := *p.Call
			v := jsontext.Value(call.Arguments)
			_ = v.Compact()
			call.Arguments = string(v)
			p.Call = &call
		case llm.PartResult:
			r := *p.Result
			r.Parts = keptParts(r.Parts)
			p.Result = &r
		default:
		}
		kept = append(kept, p)
	}
	return kept
}

func again(t interface{ Fatalf(string, ...any) }, req *llm.Request, to dialect.Target) *llm.Request {
	call, err := messages.Upstream(messages.Quirks{}).Encode(req, to)
	if err != nil {
		t.Fatalf("%v", err)
	}
	back, err := messages.Client().Parse(call.Body, http.Header{})
	if err != nil {
		t.Fatalf("%s: %v", call.Body, err)
	}
	return back
}

// Law 3 on the fixtures' requests: what is spliced and what is built anew say what
// the caller said.
func TestRoundTripFixtures(t *testing.T) {
	t.Parallel()
	bodies := section(t, "request.messages.json")
	if len(bodies) < 40 {
		t.Fatalf("%d requests", len(bodies))
	}
	for _, body := range bodies {
		if bytes.Contains(body, []byte("functions.f:0")) || bytes.Contains(body, []byte(`"here"`)) || bytes.Contains(body, []byte(`"citations"`)) {
			continue // ids are fitted in, results go first, documents are cited all or none: see the fixtures
		}
		for name, rebuilt := range map[string]bool{"spliced": false, "built": true} {
			req := parse(t, string(body))
			if rebuilt {
				req = req.Edit(func(*llm.Request) {})
			}
			back := again(t, req, opus())
			if diff := cmp.Diff(canon(req.Input, true), canon(back.Input, true), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n%s: %s", body, name, diff)
			}
		}
	}
}

// Law 3 on generated requests.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		req := &llm.Request{Dialect: llm.Messages, Input: drawInput(t), Stream: rapid.Bool().Draw(t, "stream")}
		req.Input.Extra = nil
		to := opus()
		to.Stream = req.Stream
		back := again(t, req, to)
		if diff := cmp.Diff(canon(req.Input, true), canon(back.Input, true), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s", back.Source.Body, diff)
		}
		// And what the encoder has written is a caller's body like any other.
		spliced := again(t, back, to)
		if diff := cmp.Diff(canon(back.Input, false), canon(spliced.Input, false), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("spliced\n%s\n%s: %s", back.Source.Body, spliced.Source.Body, diff)
		}
	})
}

func drawInput(t *rapid.T) *llm.ChatInput {
	text := rapid.String()
	word := rapid.StringMatching(`[a-z_]{1,9}`)
	flip := func(label string) bool { return rapid.Bool().Draw(t, label) }
	in := &llm.ChatInput{MaxTokens: new(rapid.Int64Range(2000, 1<<40).Draw(t, "max")), Stop: rapid.SliceOfN(text, 0, 3).Draw(t, "stop")}
	switch rapid.IntRange(0, 4).Draw(t, "thinks") {
	case 0: // samples
		in.Temperature = rapid.Ptr(rapid.Float64Range(0, 1), true).Draw(t, "temperature")
		in.TopK = rapid.Ptr(rapid.Int64Range(0, 1<<40), true).Draw(t, "top_k")
		in.Verbosity = rapid.SampledFrom([]string{"", "low", "medium", "high", "max"}).Draw(t, "effort")
	case 1:
		in.Reasoning = &llm.Reasoning{Enabled: new(true), Effort: rapid.SampledFrom([]string{"", "low", "medium", "high", "max"}).Draw(t, "effort"), Exclude: flip("hidden")}
	case 2:
		in.Reasoning = &llm.Reasoning{MaxTokens: new(rapid.Int64Range(1024, 1999).Draw(t, "budget")), Exclude: flip("hidden")}
	}
	for range rapid.IntRange(1, 4).Draw(t, "turns") {
		var ids []string
		in.Messages = append(in.Messages, llm.Message{Role: llm.RoleUser, Parts: drawSaid(t, text)})
		mine := llm.Message{Role: llm.RoleAssistant}
		least := 0
		if in.Reasoning != nil {
			least = 1 // a call without one switches a budget off
		}
		for range rapid.IntRange(least, 2).Draw(t, "thoughts") {
			th := &llm.Thought{Type: llm.ThoughtText, Text: text.Draw(t, "thought"), Signature: "s" + word.Draw(t, "signature"), Format: llm.FormatAnthropic}
			if flip("sealed") {
				th = &llm.Thought{Type: llm.ThoughtEncrypted, Data: "d" + word.Draw(t, "data"), Format: llm.FormatAnthropic}
			}
			mine.Parts = append(mine.Parts, llm.Part{Kind: llm.PartReasoning, Thought: th})
		}
		mine.Parts = append(mine.Parts, llm.Part{Text: "." + text.Draw(t, "text")})
		if flip("calls") {
			for i := range rapid.IntRange(1, 2).Draw(t, "how many") {
				id := word.Draw(t, "id") + string(rune('A'+i))
				ids = append(ids, id)
				mine.Parts = append(mine.Parts, llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: id, Name: word.Draw(t, "name"), Arguments: `{"a":` + string(quoted(text.Draw(t, "argument"))) + `}`}})
			}
		}
		in.Messages = append(in.Messages, mine)
		for _, id := range ids {
			in.Messages = append(in.Messages, llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: id, Error: flip("failed"), Parts: drawSaid(t, text)}}}})
		}
	}
	in.Messages = append(in.Messages, llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Text: "go on"}}})
	if flip("system") {
		in.Messages = append([]llm.Message{{Role: llm.RoleSystem, Parts: []llm.Part{{Text: "." + text.Draw(t, "system")}}}}, in.Messages...)
	}
	for range rapid.IntRange(0, 2).Draw(t, "tools") {
		in.Tools = append(in.Tools, llm.Tool{Name: word.Draw(t, "name"), Description: text.Draw(t, "about"), Parameters: jsontext.Value(`{"type":"object"}`)})
	}
	if len(in.Tools) > 0 && in.Reasoning == nil {
		in.Choice = &llm.ToolChoice{Mode: rapid.SampledFrom([]llm.ToolMode{llm.ToolAuto, llm.ToolNone, llm.ToolRequired}).Draw(t, "choice")}
		if in.Choice.Mode != llm.ToolNone && flip("one at a time") {
			in.Parallel = new(false)
		}
	}
	return in
}

func quoted(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s)
	return b
}

func drawSaid(t *rapid.T, text *rapid.Generator[string]) (parts []llm.Part) {
	for range rapid.IntRange(1, 3).Draw(t, "parts") {
		p := llm.Part{Text: text.Draw(t, "text")}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			p = llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "https://example.org/i"}}
		case 1:
			p = llm.Part{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "QUJD"}}
		case 2:
			p = llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "application/pdf", Data: "QUJD", Title: text.Draw(t, "title"), Context: text.Draw(t, "context")}}
		case 3:
			p = llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "text/plain", Data: base64.StdEncoding.EncodeToString([]byte(text.Draw(t, "words")))}}
			if p.Media.Data == "" {
				p = llm.Part{Kind: llm.PartFile, Media: &llm.Media{FileID: "file_1"}}
			}
		}
		parts = append(parts, p)
	}
	return append(parts, llm.Part{Text: "."})
}
