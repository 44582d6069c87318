package responses_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

const benchResponse = `{"id":"resp_0a7c31f2d5e84b9d","object":"response","created_at":1761000000,"status":"in_progress","model":"gpt-5-mini","output":[]}`

// answerFrames are an answer of n text deltas as OpenAI sends them, padding and all.
func answerFrames(n int) (frames []wire.Frame) {
	add := func(format string, args ...any) {
		frames = append(frames, wire.Frame{Data: fmt.Appendf(nil, format, args...)})
	}
	add(`{"type":"response.created","sequence_number":0,"response":%s}`, benchResponse)
	add(`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_0a7c31f2d5e84b9d0068f1c2b400","type":"message","status":"in_progress","content":[],"role":"assistant"}}`)
	for i := range n {
		add(`{"type":"response.output_text.delta","sequence_number":%d,"item_id":"msg_0a7c31f2d5e84b9d0068f1c2b400","output_index":0,"content_index":0,"delta":" token%d","logprobs":[],"obfuscation":"%s"}`, i+2, i, strings.Repeat("x", i%11))
	}
	add(`{"type":"response.completed","sequence_number":%d,"response":{"status":"completed","usage":{"input_tokens":1,"output_tokens":%d,"total_tokens":%d}}}`, n+2, n, n+1)
	return frames
}

// BenchmarkDecode1000 is the hot path; "generic" is what reading each frame into a
// map would cost.
func BenchmarkDecode1000(b *testing.B) {
	frames := answerFrames(1000)
	b.Run("events", func(b *testing.B) {
		u := responses.Upstream(responses.Quirks{})
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
	b.Run("generic", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, f := range frames {
				var v any
				if err := json.Unmarshal(f.Data, &v); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// A piece of text costs one allocation: its copy.
func TestDecodeAllocations(t *testing.T) { //nolint:paralleltest // counts allocations
	frames := answerFrames(1000)
	d := responses.Upstream(responses.Quirks{}).NewDecoder(nil, dialect.Target{})
	var events []llm.Event
	decode := func(f wire.Frame) {
		var err error
		if events, err = d.Frame(events[:0], f); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range frames[:3] {
		decode(f)
	}
	i := 3
	if n := testing.AllocsPerRun(500, func() { decode(frames[i]); i++ }); n > 1 {
		t.Errorf("%v allocations a text delta", n)
	}
}

func BenchmarkEncode(b *testing.B) {
	var body strings.Builder
	body.WriteString(`{"model":"author/model","stream":true,"temperature":0.7,"messages":[{"role":"system","content":"You are a helpful assistant."}`)
	for i := 0; body.Len() < 19<<10; i++ {
		fmt.Fprintf(&body, `,{"role":%q,"content":%q}`, [...]string{"user", "assistant"}[i%2], strings.Repeat("And so on, \"it\" said.\n", min(i+1, 60)))
	}
	body.WriteString(`]}`)
	req, err := chat.Client().Parse([]byte(body.String()), http.Header{})
	if err != nil {
		b.Fatal(err)
	}
	u := responses.Upstream(responses.Quirks{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := u.Encode(req, dialect.Target{Model: "native", Stream: true}); err != nil {
			b.Fatal(err)
		}
	}
}
