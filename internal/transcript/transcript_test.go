package transcript_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/transcript"
)

func as(text string, _ bool) string { return text }

func text(t *testing.T, d *transcript.Draft) string {
	t.Helper()
	b, err := d.Text(as)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func chunk(events ...llm.Event) llm.Chunk { return llm.Chunk{Events: events} }

// OB-07, OB-08: what was said, as text; of media what they were and how large.
func TestOB07_OB08_Text(t *testing.T) {
	t.Parallel()
	l := transcript.New(nil, time.Hour, 1<<20)
	d := l.Begin(&llm.ChatInput{Messages: []llm.Message{
		{Role: llm.RoleSystem, Parts: []llm.Part{{Text: "be brief"}}},
		{Role: llm.RoleUser, Name: "ann", Parts: []llm.Part{
			{Text: "look"},
			{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: strings.Repeat("QUFB", 100)}},
			{Kind: llm.PartFile, Media: &llm.Media{URL: "https://files.example/secret.pdf?sig=1", Name: "secret.pdf"}},
		}},
		{Role: llm.RoleAssistant, Parts: []llm.Part{
			{Kind: llm.PartReasoning, Thought: &llm.Thought{Text: "hm", Signature: "SIGNED", Data: "CIPHER"}},
			{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c1", Name: "f", Arguments: `{"a":1}`}},
		}},
		{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c1", Parts: []llm.Part{{Text: "one"}}}}}},
	}})
	d.See(chunk(
		llm.Event{Kind: llm.BlockOpen, Block: 0, Open: llm.BlockReasoning},
		llm.Event{Kind: llm.ReasoningDelta, Block: 0, Thought: &llm.Thought{Text: "well", Signature: "SIGNED"}},
		llm.Event{Kind: llm.BlockOpen, Block: 1, Open: llm.BlockText},
		llm.Event{Kind: llm.TextDelta, Block: 1, Text: "so "},
		llm.Event{Kind: llm.BlockOpen, Block: 2, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c2", Name: "g"}},
		llm.Event{Kind: llm.ArgsDelta, Block: 2, Text: `{"b"`},
	))
	d.See(chunk(
		llm.Event{Kind: llm.TextDelta, Block: 1, Text: "be it\xff"},
		llm.Event{Kind: llm.ArgsDelta, Block: 2, Text: `:2}`},
		llm.Event{Kind: llm.MediaDelta, Block: 3, Media: &llm.Media{Format: "wav", Data: "QUFB"}},
		llm.Event{Kind: llm.MediaDelta, Block: 3, Media: &llm.Media{Format: "wav", Data: "QUFB"}},
	))
	const want = `{"input":{"messages":[{"role":"system","content":"be brief"},` +
		`{"role":"user","name":"ann","content":[{"type":"text","text":"look"},{"type":"image","mime_type":"image/png","bytes":300,"omitted":true},{"type":"file","omitted":true}]},` +
		`{"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},` +
		`{"role":"tool","content":"one","tool_call_id":"c1"}]},` +
		`"output":{"completion":"so be it` + "\ufffd" + `","reasoning":"well","tool_calls":[{"id":"c2","type":"function","function":{"name":"g","arguments":"{\"b\":2}"}}],` +
		`"media":[{"type":"audio","mime_type":"audio/wav","bytes":6,"omitted":true}]},"error":null}`
	if got := text(t, d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p := l.Begin(&llm.ChatInput{Prompted: true, Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "once"}}}}})
	p.Failed(&llm.Error{Type: llm.TypeTimeout, Message: "too slow", ProviderName: "Acme", Previous: []llm.Attempt{{Provider: "Beta", Code: llm.TypeRateLimit, Status: 429}}})
	const failed = `{"input":{"prompt":"once"},"output":{"completion":null,"reasoning":null},"error":{"status":504,"message":"too slow","provider_name":"Acme","raw":null,` +
		`"previous_errors":[{"code":429,"message":"rate_limit_exceeded","provider_name":"Beta","raw":null}]}}`
	if got := text(t, p); got != failed {
		t.Errorf("got\n%s\nwant\n%s", got, failed)
	}
}

// However much is said, a transcript is bounded, says that it was cut, and is JSON.
func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	const most = 1 << 10
	l := transcript.New(nil, time.Hour, most)
	for name, in := range map[string]*llm.ChatInput{
		"one message": {Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: strings.Repeat("é", 1<<16)}}}}},
		"many":        {Messages: make([]llm.Message, 1<<16)},
		"many parts":  {Messages: []llm.Message{{Parts: make([]llm.Part, 1<<16)}}},
		"a prompt":    {Prompted: true, Messages: []llm.Message{{Parts: []llm.Part{{Text: strings.Repeat("x", 1<<16)}}}}},
		"little":      {Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "x"}}}}},
	} {
		d := l.Begin(in)
		for i := range 1 << 12 {
			d.See(chunk(llm.Event{Kind: llm.TextDelta, Text: "é word"}, llm.Event{Kind: llm.BlockOpen, Block: i, Open: llm.BlockCall, Call: &llm.ToolCall{}},
				llm.Event{Kind: llm.ArgsDelta, Block: i, Text: "{}"}, llm.Event{Kind: llm.MediaDelta, Block: i, Media: &llm.Media{MIME: "image/png", Data: "QUFB"}}))
		}
		got := text(t, d)
		if len(got) > 256*80+8*most || !jsontext.Value(got).IsValid() || !strings.Contains(got, `"truncated":true`) || !strings.Contains(got, "é word") {
			t.Errorf("%s: %d bytes: %.200s", name, len(got), got)
		}
	}
}

// store keeps what it is given, or fails.
type store struct {
	mu   sync.Mutex
	kept []transcript.Entry
	down bool
}

func (s *store) keep(_ context.Context, list []transcript.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errors.New("down")
	}
	s.kept = append(s.kept, list...)
	return nil
}

// S33: what is not allowed any more when it would be written is not. What has no room,
// or cannot be written, is counted.
func TestS33_Log(t *testing.T) {
	t.Parallel()
	s := &store{}
	l := transcript.New(s.keep, time.Hour, 1<<10)
	noon := time.Date(2026, time.December, 10, 12, 0, 0, 0, time.UTC)
	for i := range 300 {
		l.Add(transcript.Entry{ID: "x", At: noon}, func(context.Context) bool { return i%2 == 0 })
	}
	if n := l.Lost(); n != 300-256 {
		t.Errorf("%d lost, want what there is no room for", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	l.Run(ended, slog.New(slog.DiscardHandler))
	if len(s.kept) != 128 || !s.kept[0].Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("%d kept: %+v", len(s.kept), s.kept[0])
	}
	s.down = true
	l.Add(transcript.Entry{}, func(context.Context) bool { return true })
	l.Run(ended, slog.New(slog.DiscardHandler))
	if n := l.Lost(); n != 45 {
		t.Errorf("%d lost, want one more", n)
	}
}

// Whatever an answer says, its transcript is JSON.
func FuzzDraft(f *testing.F) {
	f.Add("text", "thought", `{"a":1}`, int64(64))
	f.Add("\xff\x00", "", "{", int64(0))
	f.Fuzz(func(t *testing.T, said, thought, args string, room int64) {
		l := transcript.New(nil, time.Hour, int(room&0xfff))
		d := l.Begin(&llm.ChatInput{Messages: []llm.Message{{Role: llm.Role(said), Name: thought, Parts: []llm.Part{{Text: args}, {Kind: llm.PartCall, Call: &llm.ToolCall{ID: said, Arguments: args}}}}}})
		d.See(chunk(llm.Event{Kind: llm.TextDelta, Text: said}, llm.Event{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Text: thought}},
			llm.Event{Kind: llm.BlockOpen, Open: llm.BlockCall, Call: &llm.ToolCall{Name: said}}, llm.Event{Kind: llm.ArgsDelta, Text: args}))
		b, err := d.Text(as)
		var v any
		if err != nil || json.Unmarshal(b, &v) != nil {
			t.Errorf("%q: %v", b, err)
		}
	})
}
