package messages_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush() error                { return nil }

const (
	startFrame = `{"type":"message_start","message":{"model":"m","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":5,"output_tokens":1}}}`
	openFrame  = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
)

func textFrame(i int) []byte {
	return fmt.Appendf(nil, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" token%d, and"}%s}`, i, strings.Repeat(" ", i%11))
}

// passing is a decoder and an emitter in the middle of a text.
func passing(t testing.TB, forwarded bool) (through func(frame []byte)) {
	t.Helper()
	d := messages.Upstream(messages.Quirks{}).NewDecoder(&llm.Request{Dialect: llm.Messages}, dialect.Target{})
	e := messages.Client().NewEmitter(discard{}, &llm.Request{Stream: true, Input: &llm.ChatInput{}})
	e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
	var events []llm.Event
	through = func(frame []byte) {
		var err error
		if events, err = d.Frame(events[:0], wire.Frame{Data: frame}); err != nil {
			t.Fatal(err)
		}
		c := llm.Chunk{Events: events}
		if forwarded && d.Verbatim() {
			c.From, c.Raw = llm.Messages, frame
		}
		if err := e.Emit(c); err != nil {
			t.Fatal(err)
		}
	}
	through([]byte(startFrame))
	through([]byte(openFrame))
	return through
}

func benchmark(b *testing.B, forwarded bool) {
	b.Helper()
	var frames [64][]byte
	for i := range frames {
		frames[i] = textFrame(i)
	}
	through := passing(b, forwarded)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		through(frames[i%len(frames)])
	}
}

// A text event from bytes to bytes: encoded anew, forwarded, and what reading the
// frame alone costs a generic reader.
func BenchmarkMessagesText(b *testing.B)        { benchmark(b, false) }
func BenchmarkMessagesPassthrough(b *testing.B) { benchmark(b, true) }

func BenchmarkMessagesGeneric(b *testing.B) {
	var frames [64][]byte
	for i := range frames {
		frames[i] = textFrame(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var v any
		if err := json.Unmarshal(frames[i%len(frames)], &v); err != nil {
			b.Fatal(err)
		}
	}
}

// A text event costs the copy of its text.
func TestTextAllocates(t *testing.T) { //nolint:paralleltest // the count is of all that runs
	for name, forwarded := range map[string]bool{"encoded": false, "forwarded": true} {
		through := passing(t, forwarded)
		frame := textFrame(7)
		through(frame)
		if n := testing.AllocsPerRun(1000, func() { through(frame) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// conversation is a request of about n bytes, as an agent sends it.
func conversation(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"model":"author/model","max_tokens":32000,"stream":true,"thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"high"},"system":[{"type":"text","text":"You are an agent.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"Bash","description":"Runs a command","input_schema":{"type":"object","properties":{"command":{"type":"string"}},"required":["command"],"additionalProperties":false}}],"messages":[{"role":"user","content":"Go"}`)
	for i := 0; b.Len() < n-300; i++ {
		fmt.Fprintf(&b, `,{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"EqQBCkYIBBgCKkA"},{"type":"tool_use","id":"toolu_%d","name":"Bash","input":{"command":"ls"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_%d","content":%q}]}`, i, i, strings.Repeat("It is a truth universally acknowledged.\n", 1+i%40))
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1 << 10, 64 << 10} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			src := conversation(n)
			c := messages.Client()
			h := http.Header{}
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Parse(src, h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	u := messages.Upstream(messages.Quirks{})
	for _, n := range []int{1 << 10, 64 << 10} {
		req, err := messages.Client().Parse(conversation(n), http.Header{})
		if err != nil {
			b.Fatal(err)
		}
		for name, r := range map[string]*llm.Request{"splice": req, "build": req.Edit(func(*llm.Request) {})} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := u.Encode(r, dialect.Target{Model: "claude-opus-4-8", Stream: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
