package responses_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// everything is an upstream that takes all that the dialect can say.
func everything() dialect.Upstream {
	return responses.Upstream(responses.Quirks{
		AnyThought: true, Video: true, Budget: true, Breakpoints: []string{""},
		Takes: []string{"top_k", "frequency_penalty", "presence_penalty", "seed", "modalities", "image_config"},
	})
}

// kept is a request's input without what by rule does not survive the way upstream.
func kept(in *llm.ChatInput) *llm.ChatInput {
	c := *in
	c.Cache = nil // top-level cache_control is the gateway's
	if r := c.Reasoning; r != nil {
		shown := *r
		shown.Exclude = false
		c.Reasoning = &shown
		if shown == (llm.Reasoning{}) {
			c.Reasoning = nil
		}
	}
	c.Messages = slices.Clone(in.Messages)
	for i := range c.Messages { // thoughts that bear nobody's stamp go to nobody here
		m := &c.Messages[i]
		m.Parts = slices.DeleteFunc(slices.Clone(m.Parts), func(p llm.Part) bool {
			return p.Thought != nil && p.Thought.Format == llm.FormatUnknown
		})
	}
	return &c
}

// sameJSON is true also for texts that differ in white space.
func sameJSON(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && string(a) == string(b) || string(a) == string(b)
}

// Law 3 on the fixtures' requests, spliced and built anew.
func TestClientRoundTripOfFixtures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/client/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range archive.Files {
			if s.Name != "request.responses.json" {
				continue
			}
			req := ask(t, string(s.Data))
			forms := map[string]*llm.Request{"spliced": req}
			if !strings.Contains(string(s.Data), "namespace") { // which is said in the caller's bytes alone
				forms["built"] = req.Edit(func(*llm.Request) {})
			}
			for form, r := range forms {
				call, err := everything().Encode(r, dialect.Target{Model: "native", Stream: req.Stream})
				if err != nil {
					t.Fatal(err)
				}
				again := ask(t, string(call.Body))
				if diff := cmp.Diff(kept(req.Input), kept(again.Input), cmp.Comparer(sameJSON)); diff != "" {
					t.Errorf("%s %s\n%s: %s", file, form, call.Body, diff)
				}
			}
		}
	}
}

// Law 3 on generated requests.
func TestClientRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		call, err := everything().Encode(&llm.Request{Dialect: llm.Responses, Input: in}, dialect.Target{Model: "native"})
		if err != nil {
			t.Fatal(err)
		}
		again, err := responses.Client().Parse(call.Body, http.Header{})
		if err != nil {
			t.Fatalf("%s: %v", call.Body, err)
		}
		if diff := cmp.Diff(kept(in), kept(again.Input), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s", call.Body, diff)
		}
	})
}

func drawInput(t *rapid.T) *llm.ChatInput {
	text := rapid.String()
	word := rapid.StringMatching(`[a-z_]{1,9}`)
	in := &llm.ChatInput{
		Temperature:     rapid.Ptr(rapid.Float64Range(0, 2), true).Draw(t, "temperature"),
		TopP:            rapid.Ptr(rapid.Float64Range(0, 1), true).Draw(t, "top_p"),
		TopK:            rapid.Ptr(rapid.Int64Range(0, 1<<60), true).Draw(t, "top_k"),
		Seed:            rapid.Ptr(rapid.Int64(), true).Draw(t, "seed"),
		PresencePenalty: rapid.Ptr(rapid.Float64Range(-2, 2), true).Draw(t, "presence"),
		MaxTokens:       rapid.Ptr(rapid.Int64Range(1, 1<<60), true).Draw(t, "max"),
		Verbosity:       rapid.SampledFrom([]string{"", "low", "high"}).Draw(t, "verbosity"),
		CacheKey:        rapid.SampledFrom([]string{"", "k"}).Draw(t, "key"),
		Modalities:      rapid.SampledFrom([][]string{nil, {"text", "image"}}).Draw(t, "modalities"),
	}
	if rapid.Bool().Draw(t, "logprobs") {
		in.Logprobs, in.TopLogprobs = new(true), rapid.Ptr(rapid.Int64Range(0, 20), true).Draw(t, "top")
	}
	drawFormat(t, in)
	drawTools(t, in, word, text)
	if rapid.Bool().Draw(t, "reasons") {
		in.Reasoning = &llm.Reasoning{
			Effort:  rapid.SampledFrom([]string{"low", "high", "max"}).Draw(t, "effort"),
			Summary: rapid.SampledFrom([]string{"", "auto", "detailed"}).Draw(t, "summary"),
		}
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "messages") {
		m := llm.Message{Role: rapid.SampledFrom([]llm.Role{llm.RoleSystem, llm.RoleDeveloper, llm.RoleUser, llm.RoleAssistant, llm.RoleTool}).Draw(t, "role")}
		switch m.Role {
		case llm.RoleTool:
			m.Parts = []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: word.Draw(t, "id"), Parts: drawParts(t, word, text)}}}
		case llm.RoleAssistant:
			if n := len(in.Messages); n > 0 && in.Messages[n-1].Role == m.Role {
				continue // would be one turn
			}
			m.Parts = drawTurn(t, i, word, text)
		default:
			m.Parts = drawParts(t, word, text)
		}
		in.Messages = append(in.Messages, m)
	}
	return in
}

func drawFormat(t *rapid.T, in *llm.ChatInput) {
	switch f := rapid.SampledFrom([]llm.FormatType{"", llm.FormatText, llm.FormatJSON, llm.FormatJSONSchema}).Draw(t, "format"); f {
	case "":
	case llm.FormatJSONSchema:
		in.Format = &llm.Format{Type: f, Name: "n", Description: "d", Schema: []byte(`{"type":"object"}`), Strict: rapid.SampledFrom([]*bool{nil, new(false)}).Draw(t, "strict")}
	default:
		in.Format = &llm.Format{Type: f}
	}
}

func drawTools(t *rapid.T, in *llm.ChatInput, word, text *rapid.Generator[string]) {
	for i := range rapid.IntRange(0, 3).Draw(t, "tools") {
		tool := llm.Tool{Name: word.Draw(t, "name") + string(rune('0'+i)), Description: text.Draw(t, "about")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			tool.Parameters, tool.Strict = []byte(`{"type":"object"}`), rapid.SampledFrom([]*bool{nil, new(false)}).Draw(t, "strict")
		case 1:
			tool.Kind, tool.Grammar = llm.ToolCustom, []byte(`{"type":"text"}`)
		default:
		}
		in.Tools = append(in.Tools, tool)
	}
	if len(in.Tools) == 0 {
		return
	}
	in.Parallel = rapid.Ptr(rapid.Bool(), true).Draw(t, "parallel")
	switch rapid.IntRange(0, 3).Draw(t, "choice") {
	case 0:
		in.Choice = &llm.ToolChoice{Mode: rapid.SampledFrom([]llm.ToolMode{llm.ToolAuto, llm.ToolNone, llm.ToolRequired}).Draw(t, "mode")}
	case 1:
		in.Choice = &llm.ToolChoice{Mode: llm.ToolNamed, Name: in.Tools[0].Name}
	case 2:
		in.Choice = &llm.ToolChoice{Mode: llm.ToolAuto, Allowed: []string{in.Tools[0].Name}}
	default:
	}
}

func drawParts(t *rapid.T, word, text *rapid.Generator[string]) (parts []llm.Part) {
	cache := func() *llm.CacheMark {
		return rapid.SampledFrom([]*llm.CacheMark{nil, {}}).Draw(t, "marked")
	}
	for range rapid.IntRange(1, 3).Draw(t, "parts") {
		parts = append(parts, llm.Part{Text: text.Draw(t, "text"), Cache: cache()})
	}
	for range rapid.IntRange(0, 2).Draw(t, "media") {
		parts = append(parts, rapid.SampledFrom([]llm.Part{
			media(llm.PartImage, llm.Media{URL: "https://example.org/" + word.Draw(t, "path"), Detail: "low"}),
			media(llm.PartImage, llm.Media{MIME: "image/png", Data: "QUJD"}),
			media(llm.PartImage, llm.Media{FileID: "file_1", Detail: "high"}),
			media(llm.PartFile, llm.Media{MIME: "application/pdf", Data: "QUJD", Name: "a.pdf"}),
			media(llm.PartFile, llm.Media{URL: "https://example.org/a.pdf"}),
			media(llm.PartFile, llm.Media{FileID: "file_1"}),
			media(llm.PartAudio, llm.Media{MIME: "audio/wav", Format: "wav", Data: "QUJD"}),
			media(llm.PartVideo, llm.Media{MIME: "video/mp4", Data: "QUJD"}),
		}).Draw(t, "kind"))
	}
	return parts
}

func drawTurn(t *rapid.T, i int, word, text *rapid.Generator[string]) (parts []llm.Part) {
	for j := range rapid.IntRange(0, 2).Draw(t, "thoughts") {
		id := "rs_" + string(rune('a'+i)) + string(rune('a'+j))
		switch rapid.IntRange(0, 2).Draw(t, "thought") {
		case 0:
			parts = append(parts, idea(llm.Thought{Type: llm.ThoughtText, Text: text.Draw(t, "words"), Signature: "c" + word.Draw(t, "signature"), ID: id, Format: llm.FormatAnthropic}))
		case 1:
			for range rapid.IntRange(0, 2).Draw(t, "summaries") {
				parts = append(parts, idea(llm.Thought{Type: llm.ThoughtSummary, Text: text.Draw(t, "words"), ID: id, Format: llm.FormatOpenAI}))
			}
			parts = append(parts, idea(llm.Thought{Type: llm.ThoughtEncrypted, Data: "d" + word.Draw(t, "data"), ID: id, Format: llm.FormatOpenAI}))
		default:
			parts = append(parts, idea(llm.Thought{Type: llm.ThoughtEncrypted, Data: "d" + word.Draw(t, "data"), ID: id, Format: llm.FormatGemini}))
		}
	}
	for range rapid.IntRange(1, 2).Draw(t, "said") {
		parts = append(parts, llm.Part{Kind: rapid.SampledFrom([]llm.PartKind{llm.PartText, llm.PartRefusal}).Draw(t, "kind"), Text: "." + text.Draw(t, "text")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "calls") {
		c := llm.ToolCall{ID: word.Draw(t, "id"), Name: word.Draw(t, "name"), Arguments: text.Draw(t, "arguments"), Custom: rapid.Bool().Draw(t, "custom")}
		parts = append(parts, called(c))
	}
	return parts
}

// What Claude has signed goes back to it byte for byte after a turn with a caller that
// keeps of reasoning items what Codex keeps.
func TestSignedThoughtsReturn(t *testing.T) {
	t.Parallel()
	const signature, words = "EqQBCkYIBBgCKkA+/=", "They want the weather.\n"
	stream := said(t, streamed, start(),
		thinks(0, llm.Thought{Type: llm.ThoughtText, Format: llm.FormatAnthropic}), thought(0, llm.Thought{Text: words}), thought(0, llm.Thought{Signature: signature}), shut(0),
		calls(1, llm.ToolCall{ID: "toolu_1", Name: "f", Arguments: "{}"}), shut(1), finish(llm.FinishToolCalls))
	response, err := follow(stream)
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	for _, x := range response["output"].([]any) {
		item := x.(map[string]any)
		if item["type"] == "reasoning" {
			delete(item, "content")
			delete(item, "signature")
			delete(item, "format")
			delete(item, "id")
		}
		items = append(items, compact(t, item))
	}
	req := ask(t, `{"model":"m","max_output_tokens":4000,"reasoning":{"max_tokens":2000},"tools":[{"type":"function","name":"f"}],"input":[{"role":"user","content":"hi"},`+
		strings.Join(items, ",")+`,{"type":"function_call_output","call_id":"toolu_1","output":"mild"}]}`)
	call, err := messages.Upstream(messages.Quirks{}).Encode(req, dialect.Target{Model: "native"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"signature":"` + signature + `"`, `"thinking":"They want the weather.\n"`} {
		if !strings.Contains(string(call.Body), want) {
			t.Errorf("no %s in %s", want, call.Body)
		}
	}
}
