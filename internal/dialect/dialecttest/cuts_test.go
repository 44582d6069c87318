package dialecttest

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unsafe"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// echo says what it is told.
type echo struct {
	dialect.Decoder

	keeps bool // the frame's own bytes
	done  bool
}

func (d *echo) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	text := string(f.Data)
	if d.keeps {
		text = unsafe.String(unsafe.SliceData(f.Data), len(f.Data))
	}
	d.done = text == "end"
	return append(dst, llm.Event{Kind: llm.TextDelta, Text: text}), nil
}

func (*echo) End(dst []llm.Event) ([]llm.Event, error) { return dst, nil }

func (d *echo) Done() bool { return d.done }

func (*echo) Verbatim() bool { return true }

// spoils reads from r, and spoils what comes with any read but the first.
type spoils struct {
	r        io.Reader
	old, new string // of one length
	again    bool
}

func (s *spoils) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.again && s.old != "" {
		copy(p, bytes.ReplaceAll(p[:n], []byte(s.old), []byte(s.new)))
	}
	s.again = true
	return n, err
}

// Law 1 is broken by a decoder that keeps what is not its own, and by whatever
// makes other frames of the same bytes.
func TestCuts(t *testing.T) {
	t.Parallel()
	const raw = "data: one\n\nevent: e\ndata: two\n\nno: data\n\ndata: end\n\n"
	for _, c := range []struct{ name, old, new, want string }{
		{"well", "", "", ""},
		{"frame kept", "", "", "each frame forgotten"},
		{"other text", "two", "TWO", `cut at [1]: frame 1: "e" "TWO"`},
		{"other name", "event: e", "event: f", `cut at [1]: frame 1: "f" "two"`},
		{"one more", "no: data", "data: no", `cut at [1]: frame 2: "" "no"`},
		{"one less", "data: end", "dato: end", `cut at [1]: 2 frames, want 3`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			read := func(r io.Reader, d dialect.Decoder) llm.Stream {
				return relay.ReadStream(io.NopCloser(&spoils{r: r, old: c.old, new: c.new}), d, "")
			}
			want, _, err := drain(read(strings.NewReader(raw), &echo{}))
			if err != nil || len(want) != 3 {
				t.Fatalf("%d events, %v", len(want), err)
			}
			err = cuts([]byte(raw), want, read, &echo{keeps: c.name == "frame kept"})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
