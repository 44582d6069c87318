package responses_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Flush() error                { return nil }

// line is an answer on its way from a vendor of the dialect to a caller of it.
type line struct {
	events []llm.Event
	dec    dialect.Decoder
	out    dialect.Emitter
	raw    bool
}

// connect begins an answer: its head has passed, and n of its pieces have.
func connect(tb testing.TB, raw bool) (l *line, pieces []wire.Frame) {
	tb.Helper()
	frames := answerFrames(100)
	l = &line{raw: raw, dec: responses.Upstream(responses.Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{}), out: emitter(tb, discard{}, streamed)}
	for _, f := range frames {
		if strings.Contains(string(f.Data), "output_text.delta") {
			pieces = append(pieces, f)
		} else if len(pieces) == 0 {
			l.pass(tb, f)
		}
	}
	l.pass(tb, pieces[0])
	return l, pieces
}

func (l *line) pass(tb testing.TB, f wire.Frame) {
	var err error
	if l.events, err = l.dec.Frame(l.events[:0], f); err != nil {
		tb.Fatal(err)
	}
	c := llm.Chunk{Events: l.events}
	if l.raw && l.dec.Verbatim() {
		c.From, c.Raw = llm.Responses, f.Data
	}
	if err := l.out.Emit(c); err != nil {
		tb.Fatal(err)
	}
}

// A piece of text through decoder and emitter, encoded anew.
func BenchmarkResponsesText(b *testing.B) { benchmarkPieces(b, false) }

// The same, forwarded.
func BenchmarkResponsesPassthrough(b *testing.B) { benchmarkPieces(b, true) }

func benchmarkPieces(b *testing.B, raw bool) {
	b.Helper()
	l, pieces := connect(b, raw)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%100_000 == 99_999 { // an answer has an end
			l, pieces = connect(b, raw)
		}
		l.pass(b, pieces[i%len(pieces)])
	}
}

// What a generic reader takes for the same frame: the bound of the two above.
func BenchmarkResponsesGeneric(b *testing.B) {
	_, pieces := connect(b, false)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var v any
		if err := json.Unmarshal(pieces[i%len(pieces)].Data, &v); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPieceAllocations(t *testing.T) { //nolint:paralleltest // counts allocations
	for _, raw := range []bool{false, true} {
		l, pieces := connect(t, raw)
		i := 0
		n := testing.AllocsPerRun(1000, func() {
			l.pass(t, pieces[i%len(pieces)])
			i++
		})
		if n > 2 {
			t.Errorf("forwarded %v: %v allocations a piece", raw, n)
		}
	}
}

// conversation is a request of about n bytes: instructions, a tool and a conversation.
func conversation(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"model":"author/model","stream":true,"temperature":0.7,"max_output_tokens":500,"instructions":"You are a helpful assistant.",` +
		`"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}],"input":[{"role":"user","content":"hi"}`)
	for i := 0; b.Len() < n-80; i++ {
		said := "It is a truth universally acknowledged, \"that\" a single man\nin possession of a good fortune, must be in want of a wife. " + strings.Repeat("And so on. ", min(i, 60))
		if i%2 == 0 {
			fmt.Fprintf(&b, `,{"type":"message","id":"msg_%d","role":"assistant","status":"completed","content":[{"type":"output_text","text":%q,"annotations":[]}]}`, i, said)
			continue
		}
		fmt.Fprintf(&b, `,{"type":"message","role":"user","content":[{"type":"input_text","text":%q}]}`, said)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1 << 10, 19 << 10} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			src := conversation(n)
			c := responses.Client()
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

// An answer's beginning and end, with the tools of a coding agent to repeat.
func BenchmarkAnswer(b *testing.B) {
	var tools []string
	for i := range 12 {
		tools = append(tools, fmt.Sprintf(`{"type":"function","name":"f%d","description":%q,"parameters":{"type":"object"}}`, i, strings.Repeat("It does this. ", 100)))
	}
	body := []byte(`{"model":"m","stream":true,"input":"hi","tools":[` + strings.Join(tools, ",") + `]}`)
	c := responses.Client()
	events := []llm.Event{start(), open(0, llm.BlockText), delta(0, "Hello"), shut(0), finish(llm.FinishStop)}
	b.ReportAllocs()
	for b.Loop() {
		req, err := c.Parse(body, http.Header{})
		if err != nil {
			b.Fatal(err)
		}
		e := c.NewEmitter(discard{}, req)
		e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
		if err := e.Emit(llm.Chunk{Events: events}); err != nil {
			b.Fatal(err)
		}
		if err := e.Finish(llm.Usage{}); err != nil {
			b.Fatal(err)
		}
	}
}
