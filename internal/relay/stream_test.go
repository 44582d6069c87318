package relay_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// cutter hands out its bytes in pieces of random size.
type cutter struct {
	data []byte
	rng  *rand.Rand
}

func (c *cutter) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+c.rng.IntN(40))], c.data)
	c.data = c.data[n:]
	return n, nil
}

func (*cutter) Close() error { return nil }

// drained is all that a stream said, and how it ended: nil is well.
func drained(t *testing.T, s llm.Stream, limit int) ([]llm.Event, error) {
	t.Helper()
	var events []llm.Event
	for range limit {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			if _, again := s.Next(); !errors.Is(again, io.EOF) {
				t.Errorf("after the end: %v", again)
			}
			return events, nil
		}
		if err != nil {
			if _, ok := errors.AsType[*llm.Error](err); !ok {
				t.Errorf("not an *llm.Error: %v", err)
			}
			return events, err
		}
		events = append(events, c.Events...)
	}
	t.Fatalf("no end after %d chunks", limit)
	return nil, nil
}

// FuzzReadStream: whatever the bytes and however they are cut, a reader ends,
// panics never, says the same for every cut, and what ends well is grammatical
// (laws 1 and 2).
func FuzzReadStream(f *testing.F) {
	for _, seed := range fixtures(f) {
		f.Add(seed, uint64(1))
	}
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\r\rdata:[DONE]\n\n"), uint64(2))
	f.Add([]byte("\xef\xbb\xbfevent: message_start\ndata: {\ndata: }\n\n"), uint64(3))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		req := &llm.Request{Input: &llm.ChatInput{}}
		for name, half := range provider.Plain() {
			limit := len(data) + 10
			whole, wholeErr := drained(t, relay.ReadStream(io.NopCloser(bytes.NewReader(data)), half.NewDecoder(req, dialect.Target{}), name), limit)
			cut, cutErr := drained(t, relay.ReadStream(&cutter{data, rand.New(rand.NewPCG(seed, 0))}, half.NewDecoder(req, dialect.Target{}), name), limit)
			if (wholeErr == nil) != (cutErr == nil) || llmtest.Lines(whole) != llmtest.Lines(cut) {
				t.Errorf("%s: the cut changes it:\n%v\n%s\nwant\n%v\n%s", name, cutErr, llmtest.Lines(cut), wholeErr, llmtest.Lines(whole))
			}
			if wholeErr == nil {
				if err := llmtest.CheckStream(whole); err != nil {
					t.Errorf("%s: %v:\n%s", name, err, llmtest.Lines(whole))
				}
			}
			told, toldErr := drained(t, relay.ReadWhole(io.NopCloser(bytes.NewReader(data)), int64(len(data)), half.NewDecoder(req, dialect.Target{}), name), limit)
			untold, untoldErr := drained(t, relay.ReadWhole(&cutter{data, rand.New(rand.NewPCG(seed, 0))}, -1, half.NewDecoder(req, dialect.Target{}), name), limit)
			if toldErr == nil && (untoldErr != nil || llmtest.Lines(told) != llmtest.Lines(untold)) {
				t.Errorf("%s: without its size it is another: %v\n%s\nwant\n%s", name, untoldErr, llmtest.Lines(untold), llmtest.Lines(told))
			}
			if untoldErr == nil {
				if err := llmtest.CheckStream(untold); err != nil {
					t.Errorf("%s, whole: %v:\n%s", name, err, llmtest.Lines(untold))
				}
			}
		}
	})
}

// fixtures are the vendors' own bytes, of all dialects.
func fixtures(tb testing.TB) (out [][]byte) {
	tb.Helper()
	files, err := filepath.Glob("../dialect/*/testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for _, section := range txtar.Parse(text).Files {
			if section.Name == "upstream.sse" || section.Name == "upstream.json" {
				out = append(out, section.Data)
			}
		}
	}
	return out
}

// F33: a connection that breaks after the terminal signal broke nothing; before
// it, it did.
func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for _, c := range []struct {
		name  string
		bytes string
		err   error
		good  bool
	}{
		{"closed after finish", helloFrame + stopFrame, io.EOF, true},
		{"cut after finish", helloFrame + stopFrame, io.ErrUnexpectedEOF, true},
		{"reset after the end mark", helloFrame + stopFrame + doneFrame, reset, true},
		{"closed before finish", helloFrame, io.EOF, false},
		{"cut before finish", helloFrame, io.ErrUnexpectedEOF, false},
		{"reset before finish", helloFrame, reset, false},
		{"half an event (F34)", helloFrame + stopFrame[:len(stopFrame)-2], io.EOF, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			half := provider.Plain()[llm.Chat]
			body := io.NopCloser(io.MultiReader(bytes.NewReader([]byte(c.bytes)), iotest.ErrReader(c.err)))
			events, err := drained(t, relay.ReadStream(body, half.NewDecoder(request(t, stream), dialect.Target{}), llm.Chat), 10)
			if (err == nil) != c.good {
				t.Errorf("%v after %s", err, llmtest.Lines(events))
			}
		})
	}
}

// stuck is a decoder that neither says anything nor ends.
type stuck struct{ dialect.Decoder }

func (stuck) Whole([]llm.Event, []byte) ([]llm.Event, error) { return nil, nil }
func (stuck) Verbatim() bool                                 { return false }

// A whole answer is one chunk, also where its decoder says nothing.
func TestWholeIsOneChunk(t *testing.T) {
	t.Parallel()
	s := relay.ReadWhole(io.NopCloser(bytes.NewReader([]byte("{}"))), 2, stuck{}, llm.Chat)
	c, err := s.Next()
	if err != nil || !c.Whole || c.Raw != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}
