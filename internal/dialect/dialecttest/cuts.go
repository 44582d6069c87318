package dialecttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// reading reads an answer with a decoder. It closes nothing.
type reading func(io.Reader, dialect.Decoder) llm.Stream

// cuts is law 1: every single cut, and every double cut of short answers, says
// what the answer says that comes at once.
//
// A decoder sees frames and knows nothing of reads, so a cut changes what it says
// in two ways only. It may see other frames: for each cut a script is in its
// place, which holds the frames to those that it was told without one. Or it may
// have kept bytes of a frame, which a later read writes over: here they are
// written over as soon as it has seen them, which no cut can outdo.
func cuts(raw []byte, want []llm.Event, read reading, dec dialect.Decoder) error {
	told := &forgetful{Decoder: dec}
	events, _, err := drain(read(iotest.OneByteReader(bytes.NewReader(raw)), told))
	if err != nil {
		return fmt.Errorf("byte by byte, each frame forgotten: %w", err)
	}
	if got, want := llmtest.Lines(events), llmtest.Lines(want); got != want {
		return fmt.Errorf("byte by byte, each frame forgotten: %s", cmp.Diff(want, got))
	}
	check := func(at ...int) error {
		s := &script{frames: told.frames}
		if err := s.play(read(cut(raw, at...), s)); err != nil {
			return fmt.Errorf("cut at %v: %w", at, err)
		}
		return nil
	}
	n := len(raw)
	for i := range n {
		if err := check(i); err != nil {
			return err
		}
	}
	step := max(1, n/60)
	for i := 0; i < n; i += step {
		for j := i + 1; j < n; j += step {
			if err := check(i, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// frame is what a decoder was told, and whether the answer was done with it.
type frame struct {
	wire.Frame

	done bool
}

// forgetful notes the frames that a decoder is told, and leaves it nothing of them.
type forgetful struct {
	dialect.Decoder

	frames []frame
}

func (d *forgetful) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	noted := f
	noted.Data = bytes.Clone(f.Data)
	f.Data = bytes.Clone(f.Data)
	dst, err := d.Decoder.Frame(dst, f)
	copy(f.Data, bytes.Repeat([]byte("#"), len(f.Data)))
	d.frames = append(d.frames, frame{noted, d.Decoder.Done()})
	return dst, err
}

// script is in a decoder's place: it says nothing, and knows what it must be told.
type script struct {
	dialect.Decoder // nil: a stream asks for no more than is here

	frames []frame
	at     int
}

// play reads a stream whose decoder is the script.
func (s *script) play(stream llm.Stream) error {
	for {
		c, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if want := s.frames[s.at-1].Data; !bytes.Equal(c.Raw, want) {
			return fmt.Errorf("frame %d: forwarded as %q, want %q", s.at-1, c.Raw, want)
		}
	}
}

func (s *script) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	if s.at == len(s.frames) {
		return dst, fmt.Errorf("one frame more: %q %q", f.Event, f.Data)
	}
	if want := s.frames[s.at]; f.Event != want.Event || f.Error != want.Error || !bytes.Equal(f.Data, want.Data) {
		return dst, fmt.Errorf("frame %d: %q %q, want %q %q", s.at, f.Event, f.Data, want.Event, want.Data)
	}
	s.at++
	return dst, nil
}

func (s *script) End(dst []llm.Event) ([]llm.Event, error) {
	if s.at < len(s.frames) {
		return dst, fmt.Errorf("%d frames, want %d", s.at, len(s.frames))
	}
	return dst, nil
}

func (s *script) Done() bool { return s.at > 0 && s.frames[s.at-1].done }

func (*script) Verbatim() bool { return true }

func drain(s llm.Stream) (events []llm.Event, chunks []llm.Chunk, err error) {
	for {
		c, err := s.Next()
		events = append(events, c.Events...)
		if errors.Is(err, io.EOF) {
			return events, chunks, nil
		}
		if err != nil {
			return events, chunks, err
		}
		c.Events, c.Raw = slices.Clone(c.Events), bytes.Clone(c.Raw)
		chunks = append(chunks, c)
	}
}

func cut(b []byte, at ...int) io.Reader {
	var parts []io.Reader
	from := 0
	for _, i := range at {
		parts = append(parts, bytes.NewReader(b[from:i]))
		from = i
	}
	return io.MultiReader(append(parts, bytes.NewReader(b[from:]))...)
}
