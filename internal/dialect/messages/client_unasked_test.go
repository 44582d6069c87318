package messages_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

type page struct{ bytes.Buffer }

func (*page) Flush() error { return nil }

// Where nobody asked for thinking, the first block is the answer; what another
// vendor needs of its thoughts comes with the call that needs it, and only there.
func TestThoughtsUnasked(t *testing.T) {
	t.Parallel()
	thought := func(n int, th llm.Thought) []llm.Event {
		th.Format = llm.FormatGemini
		return []llm.Event{
			{Kind: llm.BlockOpen, Block: n, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: th.Type, Format: th.Format}},
			{Kind: llm.ReasoningDelta, Block: n, Thought: &th},
			{Kind: llm.BlockClose, Block: n},
		}
	}
	text := []llm.Event{{Kind: llm.BlockOpen, Block: 8}, {Kind: llm.TextDelta, Block: 8, Text: "Hello"}, {Kind: llm.BlockClose, Block: 8}}
	call := []llm.Event{
		{Kind: llm.BlockOpen, Block: 9, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c", Name: "f"}},
		{Kind: llm.ArgsDelta, Block: 9, Text: "{}"},
		{Kind: llm.BlockClose, Block: 9},
	}
	words, mark := thought(1, llm.Thought{Type: llm.ThoughtText, Text: "Hm."}), thought(2, llm.Thought{Type: llm.ThoughtEncrypted, Data: "c2ln"})
	for name, c := range map[string]struct {
		parts [][]llm.Event
		want  []string // types of block
	}{
		"text alone":         {[][]llm.Event{words, mark, text}, []string{"text"}},
		"a call":             {[][]llm.Event{words, mark, call}, []string{"redacted_thinking", "tool_use"}},
		"a call behind text": {[][]llm.Event{mark, text, call}, []string{"text", "redacted_thinking", "tool_use"}},
		"text and a mark":    {[][]llm.Event{text, mark}, []string{"text"}},
	} {
		for _, stream := range []bool{false, true} {
			var out page
			e := messages.Client().NewEmitter(&out, &llm.Request{Stream: stream, Input: &llm.ChatInput{}})
			e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P"})
			events := []llm.Event{{Kind: llm.Start}}
			for _, p := range c.parts {
				events = append(events, p...)
			}
			events = append(events, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}})
			if err := e.Emit(llm.Chunk{Events: events}); err != nil {
				t.Fatal(err)
			}
			if err := e.Finish(llm.Usage{}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for piece := range strings.SplitSeq(out.String(), `{"type":"`) {
				typ, _, _ := strings.Cut(piece, `"`)
				switch typ {
				case "text", "thinking", "redacted_thinking", "tool_use":
					got = append(got, typ)
				}
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") || strings.Contains(out.String(), "Hm.") {
				t.Errorf("%s, stream %v: %v, want %v\n%s", name, stream, got, c.want, out.String())
			}
		}
	}
}
