package gemini_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// hot is the frame that most of a stream consists of.
const hot = `{"candidates":[{"content":{"parts":[{"text":" is a gateway that answers,\nfails over and charges"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":23,"totalTokenCount":334,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9}],"thoughtsTokenCount":302},"modelVersion":"gemini-2.5-flash","responseId":"M3iLaY-AI7zTxN8P3Piw4Qg"}`

// begun is a decoder in the midst of an answer.
func begun(tb testing.TB) dialect.Decoder {
	tb.Helper()
	d := gemini.Upstream(gemini.Quirks{}).NewDecoder(&llm.Request{ID: "gen-1"}, dialect.Target{})
	if _, err := d.Frame(nil, wire.Frame{Data: []byte(hot)}); err != nil {
		tb.Fatal(err)
	}
	return d
}

// BenchmarkGeminiText is a text through decoder and emitter, to be held against
// BenchmarkGeminiGeneric.
func BenchmarkGeminiText(b *testing.B) {
	d := begun(b)
	e := chat.Client().NewEmitter(discard{}, &llm.Request{Stream: true, Input: &llm.ChatInput{}})
	e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
	frame := wire.Frame{Data: []byte(hot)}
	events, err := begun(b).Frame(nil, frame) // in the block that the first frame opened
	if err != nil {
		b.Fatal(err)
	}
	opened := []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockOpen, Open: llm.BlockText}}
	if err := e.Emit(llm.Chunk{Events: append(opened, events...)}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if events, err = d.Frame(events[:0], frame); err != nil {
			b.Fatal(err)
		}
		if err := e.Emit(llm.Chunk{Events: events}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGeminiDecode is the decoder's share of it.
func BenchmarkGeminiDecode(b *testing.B) {
	d := begun(b)
	frame := wire.Frame{Data: []byte(hot)}
	var events []llm.Event
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if events, err = d.Frame(events[:0], frame); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGeminiGeneric decodes the same frame into any.
func BenchmarkGeminiGeneric(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var v any
		if err := json.Unmarshal([]byte(hot), &v); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush() error                { return nil }

func TestDecodeAllocations(t *testing.T) { //nolint:paralleltest // allocations are counted for the whole process
	d := begun(t)
	frame := wire.Frame{Data: []byte(hot)}
	var events []llm.Event
	n := testing.AllocsPerRun(500, func() {
		var err error
		if events, err = d.Frame(events[:0], frame); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations for a frame of text", n)
	}
}

// TestTextAlike: the quick way and the careful way read a frame alike, and what is
// broken is so on both.
func TestTextAlike(t *testing.T) {
	t.Parallel()
	for _, frame := range []string{
		hot,
		`{"candidates":[{"content":{"parts":[{"text":"\ud83d\ude00"}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":""}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a","text":"b"}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"candidates":[]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":01}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a\q"}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a` + "\x01" + `"}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a` + "\xff" + `"}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"\ud83d"}]}}]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":01}}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":1e3}}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":[tru]}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}],}`,
		`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]`,
	} {
		quick, quickErr := begun(t).Frame(nil, wire.Frame{Data: []byte(frame)})
		unknown := "{\"unknown\":[]," + frame[1:] // which the quick way knows nothing of
		careful, carefulErr := begun(t).Frame(nil, wire.Frame{Data: []byte(unknown)})
		if brief(quickErr) != brief(carefulErr) || len(quick) != len(careful) || len(quick) > 0 && quick[0].Text != careful[0].Text {
			t.Errorf("%s: %v, %v; with care %v, %v", frame, quick, quickErr, careful, carefulErr)
		}
	}
}
