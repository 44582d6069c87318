package messages_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// What is accepted can be encoded and is JSON then; what is not is refused for a
// reason of the caller's.
func FuzzParse(f *testing.F) {
	for _, body := range section(f, "request.messages.json") {
		f.Add(body)
	}
	f.Add([]byte(`{"model":"a","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"\u0000"}]}],"mystery":{"a":[1e400]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := messages.Client().Parse(body, http.Header{})
		if err != nil {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultCaller || e.Message == "" {
				t.Fatalf("not the caller's error: %v", err)
			}
			return
		}
		for _, u := range []struct {
			q     messages.Quirks
			model string
		}{{messages.Quirks{}, "claude-opus-4-8"}, {messages.Quirks{}, "claude-3-haiku"}, {messages.Quirks{ThoughtFormat: "minimax"}, "m"}, {bedrock(), "claude-sonnet-4-5"}} {
			for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
				call, err := messages.Upstream(u.q).Encode(r, dialect.Target{Model: u.model, Stream: true, User: "h"})
				if err != nil {
					if _, ok := errors.AsType[*llm.Error](err); !ok {
						t.Fatalf("not typed: %v", err)
					}
					continue
				}
				if v := jsontext.Value(call.Body); !v.IsValid() || v.Kind() != '{' {
					t.Fatalf("from %s\nnot an object: %s", body, call.Body)
				}
			}
		}
	})
}

// drawEvents makes a stream of the canon's grammar from bytes: blocks of all types
// that open, grow and close while others are open.
func drawEvents(data []byte) []llm.Event {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	chunk := func() string {
		n := min(next()%9, len(data))
		s := strings.ToValidUTF8(string(data[:n]), "?") // as decoders give it
		data = data[n:]
		return s
	}
	formats := []string{llm.FormatAnthropic, llm.FormatOpenAI, llm.FormatGemini, llm.FormatUnknown, ""}
	types := []llm.ThoughtType{llm.ThoughtText, llm.ThoughtSummary, llm.ThoughtEncrypted}
	events := []llm.Event{{Kind: llm.Start, Text: "id", Model: "m"}}
	var alive []llm.Event // opening events
	opened := 0
	for len(data) > 0 && opened < 40 {
		op := next()
		if op%3 == 0 || len(alive) == 0 {
			e := llm.Event{Kind: llm.BlockOpen, Block: opened, Open: llm.BlockType(next() % 6)}
			switch e.Open {
			case llm.BlockCall:
				e.Call = &llm.ToolCall{ID: "c" + chunk(), Name: "f" + chunk(), Custom: op%5 == 0}
			case llm.BlockReasoning:
				e.Thought = &llm.Thought{Type: types[op%3], Format: formats[op%5], ID: chunk()}
			default:
			}
			opened++
			alive = append(alive, e)
			events = append(events, e)
			continue
		}
		i := next() % len(alive)
		e := llm.Event{Block: alive[i].Block}
		if op%3 == 1 && op%2 == 0 {
			e.Kind = llm.BlockClose
			alive = slices.Delete(alive, i, i+1)
			events = append(events, e)
			continue
		}
		switch alive[i].Open {
		case llm.BlockCall:
			e.Kind, e.Text = llm.ArgsDelta, chunk()
		case llm.BlockReasoning:
			th := llm.Thought{Text: chunk()}
			if op%7 == 0 {
				th = llm.Thought{Signature: chunk(), Data: chunk()}
			}
			e.Kind, e.Thought = llm.ReasoningDelta, &th
		case llm.BlockImage:
			e.Kind, e.Media = llm.MediaDelta, &llm.Media{URL: chunk()}
		case llm.BlockAudio:
			e.Kind, e.Text = llm.TextDelta, chunk()
			if op%4 == 0 {
				e.Kind, e.Media = llm.MediaDelta, &llm.Media{Data: chunk()}
			}
		case llm.BlockText:
			e.Kind, e.Text = llm.TextDelta, chunk()
			if op%4 == 0 {
				e.Kind, e.Citation = llm.Cite, &llm.Citation{URL: chunk(), Title: chunk(), Quote: chunk()}
			}
		default:
			e.Kind, e.Text = llm.TextDelta, chunk()
		}
		events = append(events, e)
	}
	for _, e := range alive {
		events = append(events, llm.Event{Kind: llm.BlockClose, Block: e.Block})
	}
	return append(events, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop, Native: "stop"}})
}

// Whatever the canon's stream, what is written is a stream of this language, whole
// or event by event the same, and says the same as one body.
func FuzzEmit(f *testing.F) {
	f.Add([]byte{0, 0, 1, 5, 4, 'a', 'b', 'c', 'd'}, true)
	f.Add([]byte("\x00\x02\x01a\x01b\x00\x02\x01c\x01d\x01\x00\x02{}\x05\x01\x04{\"a\"\x04\x00"), false)
	f.Add([]byte("\x00\x01\x00\x01\x00\x04hmhm\x07\x00\x02sg\x00\x03\x00\x00\x01\x01\x02\x03no"), true)
	f.Add(bytes.Repeat([]byte("\x03\x05\x02\x08\x01ab"), 20), false)
	f.Fuzz(func(t *testing.T, data []byte, hide bool) {
		events := drawEvents(data)
		if err := llmtest.CheckStream(events); err != nil {
			t.Fatalf("the generator: %v", err)
		}
		var at, each, whole sink
		a, b, w := emitter(&at, true, hide), emitter(&each, true, hide), emitter(&whole, false, hide)
		emit(t, a, llm.Chunk{Events: events})
		for i := range events {
			emit(t, b, llm.Chunk{Events: events[i : i+1], More: i%2 == 0})
		}
		emit(t, w, llm.Chunk{Events: events})
		for _, e := range []dialect.Emitter{a, b, w} {
			finish(t, e, llm.Usage{Input: 1, Output: 2})
		}
		checkOrder(t, at.String())
		checkOrder(t, each.String())
		streamed, err := readAll(strings.NewReader(each.String()))
		if err != nil {
			t.Fatalf("%s: %v", each.String(), err)
		}
		if err := llmtest.CheckStream(streamed); err != nil {
			t.Fatal(err)
		}
		atOnce, err := readAll(strings.NewReader(at.String()))
		if diff := cmp.Diff(gathered(streamed), gathered(atOnce), cmp.AllowUnexported(saying{})); diff != "" || err != nil {
			t.Fatalf("at once: %v %s", err, diff)
		}
		body, err := drain(relay.ReadWhole(io.NopCloser(strings.NewReader(whole.String())), int64(whole.Len()), messages.Upstream(messages.Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{}), llm.Messages))
		if err != nil {
			t.Fatalf("%s: %v", whole.String(), err)
		}
		got, want := gathered(body), gathered(streamed)
		if letters(got.text) != letters(want.text) || got.thought != want.thought || len(got.calls) != len(want.calls) {
			t.Fatalf("one body says %+v, the stream %+v", got, want)
		}
	})
}

func drain(s llm.Stream) (events []llm.Event, err error) {
	for {
		c, err := s.Next()
		events = append(events, c.Events...)
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
	}
}

// saying is what an answer says, however it was cut into blocks.
type saying struct {
	text, thought string
	calls         []string
}

func gathered(events []llm.Event) (s saying) {
	calls := map[int]int{}
	for _, e := range events {
		switch e.Kind {
		case llm.BlockOpen:
			if e.Call != nil {
				calls[e.Block] = len(s.calls)
				s.calls = append(s.calls, e.Call.ID+" "+e.Call.Name+" ")
			}
		case llm.TextDelta:
			s.text += e.Text
		case llm.ReasoningDelta:
			s.thought += e.Thought.Text
		case llm.ArgsDelta:
			s.calls[calls[e.Block]] += e.Text
		default:
		}
	}
	return s
}

// letters is a text whatever the order of its pieces: one that others overtake goes
// on behind them.
func letters(s string) string {
	r := []rune(s)
	slices.Sort(r)
	return string(r)
}

// checkOrder is the grammar of this language's streams: one block after the other.
func checkOrder(t *testing.T, stream string) {
	t.Helper()
	next, open, state := 0, false, 0
	for i, e := range parseEvents(t, stream) {
		var v struct {
			Type  string `json:"type"`
			Index int    `json:"index"`
		}
		if err := json.Unmarshal([]byte(e.data), &v); err != nil || v.Type != e.name {
			t.Fatalf("event %d: %v %s", i, err, e.data)
		}
		ok := false
		switch e.name {
		case "message_start":
			ok = state == 0
			state = 1
		case "content_block_start":
			ok = state == 1 && !open && v.Index == next
			open = true
		case "content_block_delta":
			ok = open && v.Index == next
		case "content_block_stop":
			ok = open && v.Index == next
			open = false
			next++
		case "message_delta":
			ok = state == 1 && !open
			state = 2
		case "message_stop":
			ok = state == 2
			state = 3
		}
		if !ok {
			t.Fatalf("event %d (%s) is out of order in\n%s", i, e.name, stream)
		}
	}
	if state != 3 {
		t.Fatalf("no end in\n%s", stream)
	}
}

// Law 4: what is forwarded says what is encoded from the same events says, and is a
// stream of this language, whatever a vendor sent.
func FuzzForward(f *testing.F) {
	for i, sse := range section(f, "upstream.sse") {
		f.Add(sse, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, sse []byte, stream bool) {
		s := relay.ReadStream(io.NopCloser(bytes.NewReader(sse)), messages.Upstream(messages.Quirks{}).NewDecoder(&llm.Request{Dialect: llm.Messages}, dialect.Target{}), llm.Messages)
		var forwarded, encoded sink
		a, b := emitter(&forwarded, stream, false), emitter(&encoded, stream, false)
		for {
			c, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			emit(t, a, c)
			c.From, c.Raw = "", nil
			emit(t, b, c)
		}
		finish(t, a, llm.Usage{})
		finish(t, b, llm.Usage{})
		if !stream {
			if !jsontext.Value(forwarded.Bytes()).IsValid() {
				t.Fatalf("not JSON: %s", forwarded.String())
			}
			return
		}
		for _, e := range parseEvents(t, forwarded.String()) {
			if !jsontext.Value(e.data).IsValid() {
				t.Fatalf("not JSON: %s", e.data)
			}
		}
		pile(t, forwarded.String())
		got, err := readAll(bytes.NewReader(forwarded.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, forwarded.String())
		}
		want, err := readAll(bytes.NewReader(encoded.Bytes()))
		if diff := cmp.Diff(gathered(want), gathered(got), cmp.AllowUnexported(saying{})); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}
