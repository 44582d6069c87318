package responses_test

import (
	"bytes"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
)

// asks are the requests of the client's fixtures.
func asks(t testing.TB) (bodies [][]byte) {
	t.Helper()
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
			if s.Name == "request.responses.json" {
				bodies = append(bodies, s.Data)
			}
		}
	}
	return bodies
}

// What is accepted can be sent to a vendor and repeated to the caller, and is refused
// for a reason otherwise.
func FuzzParse(f *testing.F) {
	for _, body := range asks(f) {
		f.Add(body)
	}
	f.Add([]byte(`{"input":[{"\u0074ype":"reasoning","summary":[{"text":"\ud83d\ude00"},7],"content":"x","encrypted_content":"tp-thought-1.e30"}],"model":"a","tools":[{"type":"namespace","name":"é","tools":[{"type":"function","name":"` + string(bytes.Repeat([]byte("é"), 40)) + `"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := responses.Client().Parse(body, http.Header{})
		if err != nil {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultCaller || e.Message == "" {
				t.Fatalf("not the caller's error: %v", err)
			}
			return
		}
		for _, u := range []dialect.Upstream{everything(), responses.Upstream(folders()["functions"])} {
			for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
				call, err := u.Encode(r, dialect.Target{Model: "native", Stream: true, User: "h"})
				if e, ok := errors.AsType[*llm.Error](err); ok && (e.Fault == llm.FaultUnsuited || e.Fault == llm.FaultCaller) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if v := jsontext.Value(call.Body); !v.IsValid() {
					t.Fatalf("from %s\nnot JSON: %s", body, call.Body)
				}
			}
		}
		var out pipe
		e := responses.Client().NewEmitter(&out, req)
		e.Begin(dialect.Head{ID: "gen-1", Model: "a/b"})
		if err := e.Finish(llm.Usage{}); err != nil {
			t.Fatal(err)
		}
		if req.Stream {
			if _, err := follow(out.String()); err != nil {
				t.Fatal(err)
			}
			return
		}
		object(t, out.String())
	})
}

// writer makes an answer of bytes: every sequence of them is one that obeys the
// grammar.
type writer struct {
	src  []byte
	open []int
	kind map[int]llm.BlockType
	next int
}

func (w *writer) byte() byte {
	if len(w.src) == 0 {
		return 0
	}
	b := w.src[0]
	w.src = w.src[1:]
	return b
}

func (w *writer) word() string {
	n := min(int(w.byte())%6, len(w.src))
	s := string(w.src[:n])
	w.src = w.src[n:]
	return s
}

func (w *writer) thought() *llm.Thought {
	return &llm.Thought{
		Type:   []llm.ThoughtType{"", llm.ThoughtText, llm.ThoughtSummary, llm.ThoughtEncrypted}[w.byte()%4],
		ID:     []string{"", "rs_1", "rs_2", "msg_1_0"}[w.byte()%4],
		Format: []string{"", llm.FormatUnknown, llm.FormatOpenAI, llm.FormatXAI, llm.FormatAnthropic}[w.byte()%5],
	}
}

func (w *writer) events() (list []llm.Event) {
	list = append(list, start())
	w.kind = map[int]llm.BlockType{}
	for len(w.src) > 0 {
		list = append(list, w.event())
	}
	for _, n := range w.open {
		list = append(list, shut(n))
	}
	return append(list, finish([]llm.Finished{llm.FinishStop, llm.FinishLength, llm.FinishToolCalls, llm.FinishContentFilter, llm.FinishError}[w.next%5]))
}

func (w *writer) event() llm.Event {
	step := w.byte()
	if len(w.open) == 0 || step%4 == 0 && len(w.open) < 4 {
		n := w.next
		w.next++
		kind := llm.BlockType(w.byte() % 6)
		w.open = append(w.open, n)
		w.kind[n] = kind
		ev := open(n, kind)
		switch kind {
		case llm.BlockReasoning:
			if w.byte()%4 > 0 {
				ev.Thought = w.thought()
			}
		case llm.BlockCall:
			ev.Call = &llm.ToolCall{
				ID: w.word(), Name: []string{"f", "patch", "shell", "local_shell", "agents__spawn", ""}[w.byte()%6],
				Custom: w.byte()%4 == 0, Arguments: w.word(),
			}
		default:
		}
		return ev
	}
	i := int(w.byte()) % len(w.open)
	n := w.open[i]
	if step%4 == 1 {
		w.open = append(w.open[:i], w.open[i+1:]...)
		return shut(n)
	}
	switch w.kind[n] {
	case llm.BlockText:
		if step%8 == 2 {
			return llm.Event{Kind: llm.Cite, Block: n, Citation: &llm.Citation{URL: w.word(), Title: w.word(), Quote: w.word()}}
		}
		return delta(n, w.word())
	case llm.BlockReasoning:
		return thought(n, llm.Thought{Text: w.word(), Signature: w.word(), Data: w.word()})
	case llm.BlockCall:
		return args(n, []string{`{"input":"x"}`, `{"commands":["ls"]}`, `{"comm`, "{ }", w.word()}[w.byte()%5])
	case llm.BlockImage, llm.BlockAudio:
		return llm.Event{Kind: llm.MediaDelta, Block: n, Media: &llm.Media{Data: w.word(), URL: w.word()}}
	default:
		return delta(n, w.word())
	}
}

// Whatever an answer says, and in whichever pieces, makes a stream that the strictest
// SDK can follow, and one response that says the same.
func FuzzEmit(f *testing.F) {
	f.Add([]byte("\x00\x00\x02\x00\x05Hello\x01\x00\x00\x02\x03abc\x00\x01\x00"), uint8(3), false)
	f.Add([]byte("\x00\x01\x01\x01\x02\x02\x02\x00\x03ab\xff\x01\x00\x00\x01\x01\x03\x01\x02\x02\x00\x01a\x01b\x01c"), uint8(1), true)
	f.Add([]byte("\x00\x04\x00\x00\x02\x04\x00\x00\x00\x03\x03\x01\x00\x04\x00\x00\x01\x00\x00"), uint8(7), false)
	f.Add([]byte("\x00\x00\x03\x00\x01\xd9\x03\x00\x01\x96"), uint8(0), false)                                 // a character in two pieces
	f.Add([]byte("\x00\x02\x01a\x02\x01\x00\x03\x00\x02\x03\x00\x00\x03\x00\x00\x03\x00\x00"), uint8(2), true) // a native call that breaks off
	const body = greeting + `,"tools":[{"type":"custom","name":"patch"},{"type":"shell"},{"type":"local_shell"},{"type":"namespace","name":"agents","tools":[{"type":"function","name":"spawn"}]}]}`
	f.Fuzz(func(t *testing.T, src []byte, piece uint8, fails bool) {
		w := writer{src: src}
		events := w.events()
		if llmtest.CheckStream(events) != nil {
			return // the bytes tell no answer
		}
		var stream, whole pipe
		s, one := emitter(t, &stream, `{"stream":true,`+body), emitter(t, &whole, `{`+body)
		if fails {
			events = events[:len(events)/2]
		}
		for rest := events; len(rest) > 0; {
			n := min(int(piece)%5+1, len(rest))
			emit(t, s, llm.Chunk{Events: rest[:n], More: n%2 == 0})
			rest = rest[n:]
		}
		emit(t, one, llm.Chunk{Events: events})
		var err error
		if fails {
			failure := &llm.Error{Type: llm.TypeTimeout, Message: string(src)}
			err = errors.Join(s.Fail(failure, llm.Usage{}), one.Fail(failure, llm.Usage{}))
		} else {
			err = errors.Join(s.Finish(llm.Usage{}), one.Finish(llm.Usage{}))
		}
		if err != nil {
			t.Fatal(err)
		}
		response, err := follow(stream.String())
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, llmtest.Lines(events), steps(t, stream.String()))
		}
		if a, b := response["status"], object(t, whole.String())["status"]; a != b {
			t.Fatalf("streamed %v, whole %v", a, b)
		}
	})
}

// What a vendor of the same dialect sends, however wrong, makes a stream of JSON with
// our identity and nothing of the vendor's, in which nothing is said of an item once it
// is done.
func FuzzForward(f *testing.F) {
	for _, sse := range vendors(f) {
		f.Add(sse)
	}
	f.Fuzz(func(t *testing.T, sse []byte) {
		chunks, failure := told(sse, responses.Quirks{})
		stream := passed(t, chunks, failure, offered)
		list, err := frames(stream)
		if errors.Is(err, strconv.ErrRange) {
			return // a number that the check cannot hold
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, stream)
		}
		done := map[int]bool{}
		for i, m := range list {
			at := place(m, "output_index")
			if done[at] {
				t.Fatalf("event %d %v is about an item that is done\n%s", i, m, stream)
			}
			done[at] = at >= 0 && m["type"] == "response.output_item.done"
		}
		last := list[len(list)-1]
		response, ok := last["response"].(map[string]any)
		if !ok || response["id"] != "gen-1-AB" || response["model"] != "author/model" || response["output"] == nil {
			t.Fatalf("not our end: %v", last)
		}
		for _, body := range []string{plain} {
			object(t, passed(t, chunks, failure, body))
		}
	})
}
