package gateway

import (
	"slices"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
)

// FuzzServed has a model say anything that the grammar allows, in turns: what the caller
// is told obeys the grammar as well, and has no call of our tool in it.
func FuzzServed(f *testing.F) {
	f.Add([]byte{0x02, 0x12, 0x21, 0x40, 0xff, 0x00, 0x11, 0x30, 0xff})
	f.Add([]byte{0x03, 0x02, 0x13, 0xff, 0x02, 0xff, 0x02, 0xff, 0x02, 0xff})
	f.Fuzz(func(t *testing.T, program []byte) {
		s := &served{m: &meter{req: &llm.Request{}}, tool: &Tool{Name: "ours"}, req: &llm.Request{Input: &llm.ChatInput{}}}
		var told []llm.Event
		for s.turn = 0; s.turn < maxTurns; s.turn++ {
			var events []llm.Event
			events, program = turnOf(program)
			if err := llmtest.CheckStream(events); err != nil {
				t.Fatalf("the test's own: %v", err)
			}
			for _, e := range events {
				told = append(told, slices.Clone(s.take(llm.Chunk{Events: []llm.Event{e}, From: llm.Chat, Raw: []byte("x")}).Events)...)
			}
			if !s.ended {
				break
			}
			next := s.nextRequest(nil)
			if n := len(next.Input.Messages); n != len(s.req.Input.Messages)+2 {
				t.Fatalf("%d messages", n)
			}
			s.req, s.base = next, s.next
			s.said, s.calls, s.theirs, s.ended = said{}, nil, false, false
		}
		if err := llmtest.CheckStream(told); err != nil {
			t.Fatalf("%v\n%s", err, llmtest.Lines(told))
		}
		for _, e := range told {
			if e.Call != nil && e.Call.Name == "ours" {
				t.Fatal("our call is told")
			}
		}
	})
}

// turnOf makes a good stream of a program, up to its next 0xff: the low half of a byte
// says what happens, the high half to which block.
func turnOf(program []byte) (events []llm.Event, rest []byte) {
	events = []llm.Event{{Kind: llm.Start}}
	kinds := map[int]llm.BlockType{}
	used := map[int]bool{}
	finish := llm.FinishStop
	for len(program) > 0 && program[0] != 0xff {
		what, n := program[0]&15, int(program[0]>>4)
		program = program[1:]
		kind, open := kinds[n]
		switch {
		case !open && used[n]:
		case !open:
			used[n] = true
			e := llm.Event{Kind: llm.BlockOpen, Block: n, Open: llm.BlockText}
			switch what {
			case 1:
				e.Open, e.Thought = llm.BlockReasoning, &llm.Thought{Type: llm.ThoughtText}
			case 2:
				e.Open, e.Call = llm.BlockCall, &llm.ToolCall{ID: "i", Name: "ours"}
			case 3:
				e.Open, e.Call = llm.BlockCall, &llm.ToolCall{ID: "i", Name: "theirs"}
			case 4:
				finish = llm.FinishLength
			case 5:
				finish = llm.FinishToolCalls
			}
			kinds[n] = e.Open
			events = append(events, e)
		case what == 0:
			delete(kinds, n)
			events = append(events, llm.Event{Kind: llm.BlockClose, Block: n})
		case kind == llm.BlockText:
			events = append(events, llm.Event{Kind: llm.TextDelta, Block: n, Text: "t"})
		case kind == llm.BlockReasoning:
			events = append(events, llm.Event{Kind: llm.ReasoningDelta, Block: n, Thought: &llm.Thought{Text: "t", Signature: "s"}})
		default:
			events = append(events, llm.Event{Kind: llm.ArgsDelta, Block: n, Text: "{"})
		}
	}
	if len(program) > 0 {
		program = program[1:]
	}
	for n := range 16 {
		if _, open := kinds[n]; open {
			events = append(events, llm.Event{Kind: llm.BlockClose, Block: n})
		}
	}
	return append(events, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: finish}}, llm.Event{Kind: llm.UsageReport, Usage: &llm.Usage{}}), program
}
