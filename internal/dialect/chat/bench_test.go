package chat_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// body is a request of about n bytes: a long system prompt and a conversation.
func body(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"model":"author/model","stream":true,"temperature":0.7,"max_tokens":500,"messages":[{"role":"system","content":"You are a helpful assistant."}`)
	for i := 0; b.Len() < n-80; i++ {
		role := [...]string{"user", "assistant"}[i%2]
		fmt.Fprintf(&b, `,{"role":%q,"content":%q}`, role, "It is a truth universally acknowledged, \"that\" a single man\nin possession of a good fortune, must be in want of a wife. "+strings.Repeat("And so on. ", min(i, 60)))
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1 << 10, 19 << 10} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			src := body(n)
			c := chat.Client()
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
	u := chat.Upstream(chat.Quirks{})
	for _, n := range []int{1 << 10, 19 << 10} {
		req, err := chat.Client().Parse(body(n), http.Header{})
		if err != nil {
			b.Fatal(err)
		}
		for name, r := range map[string]*llm.Request{"splice": req, "build": req.Edit(func(*llm.Request) {})} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := u.Encode(r, dialect.Target{Model: "native", Stream: true}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

const chunkHead = `{"id":"chatcmpl-Bq1","object":"chat.completion.chunk","created":1751000000,"model":"gpt-4.1-mini-2025-04-14","service_tier":"default","system_fingerprint":"fp_38343a2f8f","choices":[{"index":0,"delta":`

// thousand is a stream of 1,000 text chunks; padded gives each a tail of its own.
func thousand(padded bool) (frames []wire.Frame) {
	frames = append(frames, wire.Frame{Data: []byte(chunkHead + `{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}`)})
	for i := range 1000 {
		pad := ""
		if padded {
			pad = `,"obfuscation":"` + strings.Repeat("x", i%11) + `"`
		}
		frames = append(frames, wire.Frame{Data: []byte(chunkHead + fmt.Sprintf(`{"content":" token%d"},"logprobs":null,"finish_reason":null}],"usage":null%s}`, i, pad))})
	}
	return append(frames,
		wire.Frame{Data: []byte(chunkHead + `{},"logprobs":null,"finish_reason":"stop"}],"usage":null}`)},
		wire.Frame{Data: []byte(`[DONE]`)})
}

func BenchmarkDecode1000(b *testing.B) {
	for name, frames := range map[string][]wire.Frame{"plain": thousand(false), "padded": thousand(true)} {
		b.Run(name, func(b *testing.B) {
			u := chat.Upstream(chat.Quirks{})
			var events []llm.Event
			b.ReportAllocs()
			for b.Loop() {
				d := u.NewDecoder(nil, dialect.Target{})
				for _, f := range frames {
					var err error
					if events, err = d.Frame(events[:0], f); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush() error                { return nil }

func BenchmarkEmit1000(b *testing.B) {
	for _, padded := range []bool{false, true} {
		d := chat.Upstream(chat.Quirks{}).NewDecoder(nil, dialect.Target{})
		var chunks []llm.Chunk
		for _, f := range thousand(padded) {
			events, err := d.Frame(nil, f)
			if err != nil {
				b.Fatal(err)
			}
			c := llm.Chunk{Events: events}
			if d.Verbatim() {
				c.From, c.Raw = llm.Chat, f.Data
			}
			chunks = append(chunks, c)
		}
		run := func(name string) {
			b.Run(name, func(b *testing.B) {
				c := chat.Client()
				req := &llm.Request{Stream: true, Input: &llm.ChatInput{}}
				b.ReportAllocs()
				for b.Loop() {
					e := c.NewEmitter(discard{}, req)
					e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
					for _, c := range chunks {
						if err := e.Emit(c); err != nil {
							b.Fatal(err)
						}
					}
					if err := e.Finish(llm.Usage{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if padded {
			run("forwarded-padded")
			continue
		}
		run("forwarded")
		for i := range chunks {
			chunks[i].From, chunks[i].Raw = "", nil
		}
		run("reencoded")
	}
}

// benchmarkText takes a text frame through decoder and emitter: forwarded, or
// encoded anew for a frame that must not be seen as it is.
func benchmarkText(b *testing.B, forward bool) {
	b.Helper()
	b.ReportAllocs()
	through := pipe(b, forward)
	frames := thousand(true)
	for i := 1; b.Loop(); i = i%1000 + 1 {
		through(frames[i])
	}
}

// pipe is a decoder and an emitter after their first frames.
func pipe(t testing.TB, forward bool) func(wire.Frame) {
	t.Helper()
	d := chat.Upstream(chat.Quirks{}).NewDecoder(nil, dialect.Target{})
	e := chat.Client().NewEmitter(discard{}, &llm.Request{Stream: true, Input: &llm.ChatInput{}})
	e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
	var events []llm.Event
	through := func(f wire.Frame) {
		var err error
		if events, err = d.Frame(events[:0], f); err != nil {
			t.Fatal(err)
		}
		c := llm.Chunk{Events: events}
		if forward && d.Verbatim() {
			c.From, c.Raw = llm.Chat, f.Data
		}
		if err := e.Emit(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range thousand(true)[:10] {
		through(f)
	}
	return through
}

func BenchmarkChatText(b *testing.B)        { benchmarkText(b, false) }
func BenchmarkChatPassthrough(b *testing.B) { benchmarkText(b, true) }

// BenchmarkChatGeneric is what neither may exceed: reading the frame into a map.
func BenchmarkChatGeneric(b *testing.B) {
	frames := thousand(true)
	b.ReportAllocs()
	for i := 1; b.Loop(); i = i%1000 + 1 {
		var v any
		if err := json.Unmarshal(frames[i].Data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// A piece of text costs at most two allocations, on either way.
func TestTextAllocations(t *testing.T) { //nolint:paralleltest // counts allocations
	frames := thousand(true)
	for _, forward := range []bool{false, true} {
		through := pipe(t, forward)
		i := 20
		if n := testing.AllocsPerRun(500, func() { through(frames[i]); i++ }); n > 2 {
			t.Errorf("forwarded %v: %v allocations a text frame", forward, n)
		}
	}
}
