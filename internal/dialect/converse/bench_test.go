package converse_test

import (
	"fmt"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush() error                { return nil }

func textFrame(i int) wire.Frame {
	const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return wire.Frame{Event: "contentBlockDelta", Data: fmt.Appendf(nil, `{"contentBlockIndex":0,"delta":{"text":" token%d, and"},"p":%q}`, i, padding[:i%60])}
}

func textFrames() (frames [64]wire.Frame) {
	for i := range frames {
		frames[i] = textFrame(i)
	}
	return frames
}

// passing is a decoder in the middle of a text, and an emitter if there is to be one.
func passing(t testing.TB, emitted bool) (through func(wire.Frame)) {
	t.Helper()
	d := converse.Upstream().NewDecoder(nil, dialect.Target{})
	e := chat.Client().NewEmitter(discard{}, &llm.Request{Stream: true, Input: &llm.ChatInput{}})
	e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
	var events []llm.Event
	through = func(f wire.Frame) {
		var err error
		if events, err = d.Frame(events[:0], f); err != nil {
			t.Fatal(err)
		}
		if !emitted {
			return
		}
		if err := e.Emit(llm.Chunk{Events: events}); err != nil {
			t.Fatal(err)
		}
	}
	through(textFrame(0))
	return through
}

func benchmark(b *testing.B, emitted bool) {
	b.Helper()
	frames := textFrames()
	through := passing(b, emitted)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		through(frames[i%len(frames)])
	}
}

// A text event decoded, decoded and encoded for a caller of chat, and what reading
// the frame alone costs a generic reader.
func BenchmarkConverseDecode(b *testing.B) { benchmark(b, false) }
func BenchmarkConverseText(b *testing.B)   { benchmark(b, true) }

func BenchmarkConverseGeneric(b *testing.B) {
	frames := textFrames()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var v any
		if err := json.Unmarshal(frames[i%len(frames)].Data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

// A piece of text costs one allocation: its copy.
func TestDecodeAllocations(t *testing.T) { //nolint:paralleltest // counts allocations
	frames := textFrames()
	through := passing(t, false)
	i := 0
	if n := testing.AllocsPerRun(500, func() { through(frames[i%len(frames)]); i++ }); n > 1 {
		t.Errorf("%v allocations a text delta", n)
	}
}
