package relay

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// script is a stream of events that are known beforehand, one a chunk. As real ones do,
// it uses one slice for all of them.
type script struct {
	events []llm.Event
	room   []llm.Event
}

func (s *script) Next() (llm.Chunk, error) {
	if len(s.events) == 0 {
		return llm.Chunk{}, io.EOF
	}
	s.room = append(s.room[:0], s.events[0])
	s.events = s.events[1:]
	return llm.Chunk{Events: s.room, From: llm.Chat, Raw: []byte("{}"), More: true}, nil
}

func (*script) Close() error { return nil }

// inPieces is a text as deltas of a block.
func inPieces(r *rapid.T, text string, block int) (events []llm.Event) {
	runes := []rune(text)
	for len(runes) > 0 {
		n := rapid.IntRange(1, len(runes)).Draw(r, "piece")
		events = append(events, llm.Event{Kind: llm.TextDelta, Block: block, Text: string(runes[:n])})
		runes = runes[n:]
	}
	return events
}

func answerOf(c route.Candidate, events []llm.Event) *Answer {
	return &Answer{From: c, Stream: &script{events: events}}
}

// Wherever an answer breaks off, what comes of it and of who goes on is one stream by
// the grammar (law 2), and says the text once.
func TestSeams(t *testing.T) {
	t.Parallel()
	model := &catalog.Model{ID: "a/b"}
	c := route.Candidate{Endpoint: &catalog.Endpoint{ID: "a/b@x"}, Model: model, Provider: &catalog.Provider{Name: "X"}}
	alphabet := rapid.SampledFrom([]rune("ab é森🐻 \t\n  "))
	rapid.Check(t, func(r *rapid.T) {
		text := "w" + string(rapid.SliceOfN(alphabet, 1, 40).Draw(r, "text"))
		thinks, calls := rapid.Bool().Draw(r, "thinks"), rapid.Bool().Draw(r, "calls")
		first := []llm.Event{{Kind: llm.Start, Text: "1"}}
		block := 0
		if thinks {
			first = append(first, llm.Event{Kind: llm.BlockOpen, Block: 0, Open: llm.BlockReasoning},
				llm.Event{Kind: llm.ReasoningDelta, Block: 0, Thought: &llm.Thought{Type: llm.ThoughtText, Text: "hm"}})
			if rapid.Bool().Draw(r, "closes") {
				first = append(first, llm.Event{Kind: llm.BlockClose, Block: 0})
			}
			block = 1
		}
		first = append(first, llm.Event{Kind: llm.BlockOpen, Block: block, Open: llm.BlockText})
		from := len(first)
		first = append(first, inPieces(r, text, block)...)
		first = append(first, llm.Event{Kind: llm.BlockClose, Block: block})
		first = first[:rapid.IntRange(from+1, len(first)).Draw(r, "breaks off")]

		s := &Sequel{
			relay: &Relay{Attempts: 8}, req: &llm.Request{Input: &llm.ChatInput{}}, attempts: 8, block: noBlock,
			plan: route.Plan{Candidates: []route.Candidate{c}},
		}
		s.See(llm.Chunk{Events: first})
		rest, ok := s.Rest()
		if !ok {
			r.Fatalf("%s", llmtest.Lines(first))
		}
		told := strings.TrimRight(s.text.String(), white)
		if got := rest.Request.Input.Messages[0].Parts[0].Text; got != told || !strings.HasPrefix(text, s.text.String()) {
			r.Fatalf("the beginning is %q", got)
		}

		// The other vendor repeats the white space that the beginning was sent without.
		second := []llm.Event{{Kind: llm.Start, Text: "2"}}
		left := strings.TrimPrefix(text, told)
		if left != "" || rapid.Bool().Draw(r, "an empty block") {
			second = append(append(append(second, llm.Event{Kind: llm.BlockOpen, Block: 0, Open: llm.BlockText}), inPieces(r, left, 0)...),
				llm.Event{Kind: llm.BlockClose, Block: 0})
		}
		if calls {
			second = append(second, llm.Event{Kind: llm.BlockOpen, Block: 1, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c", Name: "f"}},
				llm.Event{Kind: llm.ArgsDelta, Block: 1, Text: "{}"}, llm.Event{Kind: llm.BlockClose, Block: 1})
		}
		second = append(second, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}}, llm.Event{Kind: llm.UsageReport, Usage: &llm.Usage{}})
		g, ok := s.graft(answerOf(c, second), rest)
		if !ok {
			r.Fatalf("refused: %s", llmtest.Lines(second))
		}
		all := slices.Clone(first)
		for {
			chunk, err := g.Next()
			if err != nil {
				break
			}
			if chunk.Raw != nil || chunk.From != "" || len(chunk.Events) == 0 {
				r.Fatalf("%+v", chunk)
			}
			s.See(chunk)
			all = append(all, chunk.Events...)
		}
		if err := llmtest.CheckStream(all); err != nil {
			r.Fatalf("%v:\n%s", err, llmtest.Lines(all))
		}
		var said strings.Builder
		for _, e := range all {
			if e.Kind == llm.TextDelta {
				said.WriteString(e.Text)
			}
			if e.Kind == llm.Continue && e.Seam.After != int64(utf8.RuneCountInString(said.String())) {
				r.Fatalf("after %d of %q", e.Seam.After, said.String())
			}
		}
		if said.String() != text {
			r.Fatalf("said %q, want %q:\n%s", said.String(), text, llmtest.Lines(all))
		}
		if s.unfit != calls {
			r.Fatalf("unfit %v", s.unfit)
		}
	})
}

// What begins otherwise than the rest of a text is no continuation.
func TestNoContinuation(t *testing.T) {
	t.Parallel()
	open := func(typ llm.BlockType) llm.Event { return llm.Event{Kind: llm.BlockOpen, Open: typ} }
	finish := func(f llm.Finished) llm.Event {
		return llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: f}}
	}
	for _, x := range []struct {
		name   string
		events []llm.Event
		ok     bool
	}{
		{"text", []llm.Event{open(llm.BlockText), {Kind: llm.TextDelta, Text: "x"}}, true},
		{"a call", []llm.Event{{Kind: llm.BlockOpen, Open: llm.BlockCall, Call: &llm.ToolCall{}}}, true},
		{"its end", []llm.Event{finish(llm.FinishStop)}, true},
		{"a thought", []llm.Event{open(llm.BlockReasoning), {Kind: llm.ReasoningDelta, Thought: &llm.Thought{}}}, false},
		{"a refusal", []llm.Event{open(llm.BlockRefusal), {Kind: llm.TextDelta, Text: "x"}}, false},
		{"a picture", []llm.Event{open(llm.BlockImage), {Kind: llm.MediaDelta, Media: &llm.Media{}}}, false},
		{"a filter", []llm.Event{finish(llm.FinishContentFilter)}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := &Sequel{block: noBlock}
			c := route.Candidate{Endpoint: &catalog.Endpoint{}, Model: &catalog.Model{}, Provider: &catalog.Provider{}}
			if _, ok := s.graft(answerOf(c, append([]llm.Event{{Kind: llm.Start}}, x.events...)), Rest{}); ok != x.ok {
				t.Error(ok)
			}
		})
	}
}

func TestBehind(t *testing.T) {
	t.Parallel()
	said := func(role llm.Role, text string) llm.Message {
		return llm.Message{Role: role, Parts: []llm.Part{{Kind: llm.PartText, Text: text}}}
	}
	for _, x := range []struct{ before, told, want string }{
		{"", "It is", "It is"},
		{"I say", " yes", "I say yes"},
		{"I say ", "yes", "I say yes"},
		{"I say ", " yes", "I say yes"}, // sent without its white space, which the answer began with
	} {
		messages := []llm.Message{said(llm.RoleUser, "Is it?")}
		if x.before != "" {
			messages = append(messages, said(llm.RoleAssistant, x.before))
		}
		asked := fmt.Sprint(messages)
		out := behind(messages, x.told, x.told)
		if last := out[len(out)-1]; len(out) != 2 || last.Role != llm.RoleAssistant || last.Parts[0].Text != x.want {
			t.Errorf("%q and %q: %+v", x.before, x.told, out)
		}
		if fmt.Sprint(messages) != asked {
			t.Error("the request has changed")
		}
	}
}

// An answer too long to be kept is not gone on with, and not kept.
func TestSequelIsBounded(t *testing.T) {
	t.Parallel()
	s := &Sequel{req: &llm.Request{}, attempts: 8, block: noBlock}
	s.See(llm.Chunk{Events: []llm.Event{{Kind: llm.BlockOpen, Open: llm.BlockText}}})
	piece := strings.Repeat("x", 64<<10)
	for range maxContinued/len(piece) + 1 {
		s.See(llm.Chunk{Events: []llm.Event{{Kind: llm.TextDelta, Text: piece}}})
	}
	if _, ok := s.Rest(); ok || s.text.Len() != 0 || s.req != nil {
		t.Error(s.text.Len())
	}
}

// Bytes that are no UTF-8 are gone on with as the caller has seen them.
func TestSequelOfBrokenText(t *testing.T) {
	t.Parallel()
	s := &Sequel{block: noBlock}
	s.See(llm.Chunk{Events: []llm.Event{{Kind: llm.BlockOpen, Open: llm.BlockText}, {Kind: llm.TextDelta, Text: "a\xff\xfeb\xe6\xa3"}}})
	if got := s.text.String(); got != "a\uFFFD\uFFFDb\uFFFD\uFFFD" || s.chars != 6 {
		t.Errorf("%q, %d characters", got, s.chars)
	}
}
