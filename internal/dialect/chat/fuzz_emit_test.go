package chat_test

import (
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
)

// story makes an answer of any bytes: each is a step, and what follows it its text.
func story(script []byte) (events []llm.Event) {
	add := func(ev llm.Event) { events = append(events, ev) }
	add(llm.Event{Kind: llm.Start})
	open := map[int]llm.BlockType{}
	next, current := 0, -1
	shut := func(n int) {
		if _, ok := open[n]; ok {
			delete(open, n)
			add(llm.Event{Kind: llm.BlockClose, Block: n})
		}
	}
	for len(script) > 0 {
		step := script[0]
		text := string(script[1:min(len(script), 1+int(step>>4))])
		script = script[1+len(text):]
		if step%4 == 0 || current < 0 {
			ev := llm.Event{Kind: llm.BlockOpen, Block: next, Open: llm.BlockType(step >> 2 % 6)}
			current = next
			next++
			switch ev.Open {
			case llm.BlockCall:
				ev.Call = &llm.ToolCall{ID: text, Name: [...]string{"patch", "read"}[step>>5%2], Custom: step>>6%2 == 1, Arguments: text}
			case llm.BlockReasoning:
				ev.Thought = &llm.Thought{Type: [...]llm.ThoughtType{llm.ThoughtText, llm.ThoughtSummary, llm.ThoughtEncrypted, ""}[step>>6], ID: text, Format: text}
			case llm.BlockText, llm.BlockRefusal, llm.BlockImage, llm.BlockAudio:
			}
			open[current] = ev.Open
			add(ev)
			continue
		}
		typ, ok := open[current]
		if !ok {
			current = -1
			continue
		}
		ev := llm.Event{Block: current, Text: text}
		switch {
		case step%4 == 1:
			shut(current)
			continue
		case typ == llm.BlockText && step%4 == 2:
			ev = llm.Event{Kind: llm.Cite, Block: current, Citation: &llm.Citation{URL: text, Title: text, Quote: text, End: int(step)}}
		case typ == llm.BlockCall:
			ev.Kind = llm.ArgsDelta
		case typ == llm.BlockReasoning:
			ev = llm.Event{Kind: llm.ReasoningDelta, Block: current, Thought: &llm.Thought{Text: text, Signature: text, Data: text}}
		case typ == llm.BlockImage, typ == llm.BlockAudio && step%4 == 2:
			ev = llm.Event{Kind: llm.MediaDelta, Block: current, Media: &llm.Media{MIME: text, Data: text, FileID: text}}
		default:
			ev.Kind = llm.TextDelta
		}
		add(ev)
	}
	for n := range next {
		shut(n)
	}
	add(llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}})
	return events
}

// Whatever an answer is made of, what callers see is JSON with the members that the
// contract asks for, and shows no custom tool as a function.
func FuzzEmit(f *testing.F) {
	f.Add([]byte("\x30abc\x23de\x21\x28fg\x22hi\x21"), true, true)
	f.Add([]byte("\x48{\"in\x43put\":\x43\"x\"}\x01\x50abcde\x42{}\x74text\xff"), true, false)
	f.Add([]byte("\x10a\x22bc\x33def\x14\xff\x13\xfe\x34QQ==\x42QQ==\x43text"), false, false)
	f.Fuzz(func(t *testing.T, script []byte, stream, hide bool) {
		events := story(script)
		if llmtest.CheckStream(events) != nil {
			return // the script tells no answer
		}
		req := asking(stream, llm.Tool{Kind: llm.ToolCustom, Name: "patch"})
		req.Input.Reasoning = &llm.Reasoning{Exclude: hide}
		var out sink
		e := chat.Client().NewEmitter(&out, req)
		e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5, Files: []llm.FileText{{Hash: "ab", Name: string(script)}}})
		for i := range events {
			emit(t, e, llm.Chunk{Events: events[i : i+1]})
		}
		if err := e.Finish(llm.Usage{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), `"function":{"name":"patch"`) {
			t.Fatalf("a custom tool as a function: %s", out.String())
		}
		if !stream {
			checkHead(t, out.String(), "chat.completion")
			return
		}
		body, ok := strings.CutSuffix(out.String(), "data: [DONE]\n\n")
		if !ok {
			t.Fatalf("no [DONE]: %s", out.String())
		}
		for frame := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
			data, ok := strings.CutPrefix(frame, "data: ")
			if !ok {
				t.Fatalf("not a data line: %q", frame)
			}
			checkHead(t, data, "chat.completion.chunk")
		}
	})
}
