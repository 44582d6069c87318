package cache

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Flush() error { return nil }

// seeds are entries as they are made: of frames that are forwarded, and of none.
func seeds() [][]byte {
	text := func(from llm.Dialect, start, delta, end string) []llm.Chunk {
		return []llm.Chunk{
			{From: from, Raw: []byte(start), Events: []llm.Event{{Kind: llm.Start, Text: "id"}, {Kind: llm.BlockOpen, Open: llm.BlockText}}},
			{From: from, Raw: []byte(delta), Events: []llm.Event{{Kind: llm.TextDelta, Text: "Hi"}}},
			{From: from, Raw: []byte(end), Events: []llm.Event{
				{Kind: llm.BlockClose}, {Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop, Native: "stop"}}, {Kind: llm.UsageReport},
			}},
		}
	}
	calls := []llm.Chunk{{Whole: true, Events: []llm.Event{
		{Kind: llm.Start},
		{Kind: llm.BlockOpen, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Format: llm.FormatAnthropic}},
		{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Text: "so", Signature: "s"}},
		{Kind: llm.BlockClose},
		{Kind: llm.BlockOpen, Block: 1, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c", Name: "f"}},
		{Kind: llm.ArgsDelta, Block: 1, Text: "{}"},
		{Kind: llm.BlockClose, Block: 1},
		{Kind: llm.BlockOpen, Block: 2, Open: llm.BlockImage},
		{Kind: llm.MediaDelta, Block: 2, Media: &llm.Media{MIME: "image/png", Data: "AA=="}},
		{Kind: llm.Continue, Seam: &llm.Seam{Provider: "p", After: 2}},
		{Kind: llm.BlockClose, Block: 2},
		{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishToolCalls}},
	}}}
	var all [][]byte
	for _, chunks := range [][]llm.Chunk{
		text(llm.Chat, `{"id":"c","choices":[{"index":0,"delta":{"role":"assistant"}}]}`, `{"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}`, `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"a":1}}`),
		text(llm.Messages, `{"type":"message_start","message":{"id":"m","usage":{"input_tokens":1}}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}`),
		text(llm.Responses, `{"type":"response.created","response":{"id":"r"}}`, `{"type":"response.output_text.delta","output_index":0,"item_id":"i","delta":"Hi"}`, `{"type":"response.completed","response":{"id":"r","output":[]}}`),
		calls,
	} {
		r := NewRecording(chunks[0].From)
		for _, c := range chunks {
			r.Add(c)
		}
		e := Entry{Source: "gen-1", Model: "m", TTL: time.Minute, stored: time.Unix(1, 0), Lost: []string{"seed"}, Files: []llm.FileText{{Hash: "h", Text: []string{"page"}}}, Native: jsontext.Value(`{"a":0}`)}
		b, _ := encode(Key{}, &e, r)
		all = append(all, b[1+sha256.Size:])
	}
	return all
}

// Whatever a store gives back is refused or can be said in every language.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var k Key
		entry := append(append([]byte{version}, k.sum[:]...), text...)
		before := bytes.Clone(entry)
		e, ok := decode(k, entry)
		if !ok {
			return
		}
		for _, c := range []dialect.Client{chat.Client(), messages.Client(), responses.Client()} {
			for _, stream := range []bool{false, true} {
				var out buffer
				em := c.NewEmitter(&out, &llm.Request{Dialect: c.Name(), Stream: stream, Input: &llm.ChatInput{}})
				em.Begin(dialect.Head{ID: "gen-2", Model: e.Model, Provider: e.ProviderName, Lost: e.Lost, Files: e.Files})
				for chunk := range e.Chunks() {
					if err := em.Emit(chunk); err != nil {
						t.Fatal(err)
					}
				}
				if err := em.Finish(llm.Usage{Native: e.Native}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !bytes.Equal(before, entry) {
			t.Fatal("an emitter has changed the entry")
		}
	})
}

// Bodies that mean the same, white space apart, and only those, have one digest.
func FuzzDigest(f *testing.F) {
	for _, s := range []string{`{"a": "b \" c", "d": [1, 2]}`, `"\\"`, ` [ ] `, "{\"a\":\"\u2028 \"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		compact, spread := jsontext.Value(bytes.Clone(body)), jsontext.Value(bytes.Clone(body))
		raw := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true), jsontext.PreserveRawStrings(true)}
		if compact.Compact(raw...) != nil || spread.Indent(append(raw, jsontext.Multiline(true))...) != nil {
			Digest(body) // it must only come to an end
			return
		}
		want := sha256.Sum256(compact)
		for _, v := range [][]byte{body, compact, spread} {
			if Digest(v) != want {
				t.Fatalf("%q has another digest than %q", v, compact)
			}
		}
	})
}

// Edited or not, a frame stays JSON, and what is said outside of usage stays.
func FuzzUncounted(f *testing.F) {
	for _, s := range []string{
		`{"usage":{"a":1}}`, `{"choices":[{"usage":{"n":-1.5e3}},3]}`, `{"message":{"usage":[1,"2"]}}`, `{"usage":{"a":1},"usage":2}`, `{"choices":[{"usage":`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		out, err := uncounted(frame, outermost)
		if valid := jsontext.Value(frame).IsValid() && jsontext.Value(frame).Kind() == '{'; valid != (err == nil) {
			t.Fatalf("valid: %v, %v", valid, err)
		}
		if err != nil {
			return
		}
		if !jsontext.Value(out).IsValid() {
			t.Fatalf("%q becomes %q", frame, out)
		}
		again, err := uncounted(out, outermost)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q becomes %q: %v", out, again, err)
		}
	})
}
