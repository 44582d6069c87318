package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// maxBody is the cap of the trust document, 2.1, on an answer that is not streamed.
const maxBody = 64 << 20

var errTooLarge = fmt.Errorf("answer over %d bytes", maxBody)

// ReadWhole reads an answer that was not streamed: a stream of one chunk. size is
// the body's length in bytes, or -1 where it is not known: then the answer ends
// with its JSON text, whether or not the upstream closes after it (F30).
func ReadWhole(body io.ReadCloser, size int64, dec dialect.Decoder, from llm.Dialect) llm.Stream {
	return &whole{body: body, size: size, dec: dec, from: from}
}

type whole struct {
	room *Room           // nil: without end
	ctx  context.Context //nolint:containedctx // the attempt's, which ends a wait for room
	held []chan struct{} // places in the room
	body io.ReadCloser
	size int64
	dec  dialect.Decoder
	from llm.Dialect
	done bool
}

// Next reads and decodes the answer. Beside the body it takes the memory of what the
// answer says, and of a body whose size was not told as much again while it is read.
func (w *whole) Next() (llm.Chunk, error) {
	if w.done {
		return llm.Chunk{}, io.EOF
	}
	w.done = true
	defer w.leave()
	raw, err := w.read()
	if err != nil {
		return llm.Chunk{}, readError(err)
	}
	events, err := w.dec.Whole(nil, raw)
	if err != nil {
		return llm.Chunk{}, err
	}
	c := llm.Chunk{Events: events, Whole: true}
	if w.dec.Verbatim() {
		c.From, c.Raw = w.from, raw
	}
	w.dec = nil // it holds what it has read
	return c, nil
}

func (w *whole) read() ([]byte, error) {
	switch {
	case w.size < 0:
		return w.gather()
	case w.size > maxBody:
		return nil, errTooLarge
	}
	if err := w.enter(w.size); err != nil {
		return nil, err
	}
	raw := make([]byte, w.size)
	_, err := io.ReadFull(w.body, raw)
	return raw, err
}

// The pieces in which a body of unknown size is read, in bytes.
const (
	firstPiece = 8 << 10
	mostPiece  = 1 << 20
)

// gather reads as far as the JSON text goes. The pieces are put together once: a
// buffer that grew would be copied again and again.
func (w *whole) gather() ([]byte, error) {
	var pieces [][]byte
	var text jsonText
	total, piece := 0, make([]byte, 0, firstPiece)
	for {
		if len(piece) == cap(piece) {
			pieces = append(pieces, piece)
			next := min(2*cap(piece), mostPiece)
			if err := w.enter(int64(total + next)); err != nil {
				return nil, err
			}
			piece = make([]byte, 0, next)
		}
		n, err := w.body.Read(piece[len(piece):cap(piece)])
		fresh := piece[len(piece) : len(piece)+n]
		end := text.end(fresh)
		if end >= 0 {
			n = end
		}
		piece, total = piece[:len(piece)+n], total+n
		switch {
		case total > maxBody:
			return nil, errTooLarge
		case end >= 0 && pieces == nil:
			return piece, nil
		case end >= 0:
			return bytes.Join(append(pieces, piece), nil), nil
		case errors.Is(err, io.EOF) && !text.begun:
			return nil, nil // the decoder says what an empty body means
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

func (w *whole) Close() error { return w.body.Close() }

// jsonText finds the end of a JSON text. What makes no sense is the decoder's matter.
type jsonText struct {
	begun           bool
	depth           int
	quoted, escaped bool
}

// end is one past the end of the text within p, its next bytes; -1 if it goes on. A
// text that is neither an object nor an array ends at once.
func (t *jsonText) end(p []byte) int {
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case t.escaped:
			t.escaped = false
		case t.quoted:
			for i < len(p) && p[i] != '"' && p[i] != '\\' {
				i++
			}
			if i < len(p) {
				t.escaped, t.quoted = p[i] == '\\', p[i] != '"'
			}
		case c == ' ', c == '\n', c == '\r', c == '\t':
		case c == '{', c == '[':
			t.begun = true
			t.depth++
		case c == '}', c == ']':
			if t.depth--; t.depth <= 0 {
				return i + 1
			}
		case t.depth == 0:
			return i + 1
		case c == '"':
			t.quoted = true
		}
	}
	return -1
}

// Room bounds how much of whole answers is read and decoded at a time, over all
// requests: the bodies of 16 large answers and of two huge ones, which is 256 MiB.
// Small ones are free. It is left once an answer is decoded, so that no caller who is
// slow to take one keeps others out.
type Room struct{ large, huge chan struct{} }

// NewRoom is a room in which nobody is.
func NewRoom() *Room { return &Room{make(chan struct{}, 16), make(chan struct{}, 2)} }

// From how many bytes on an answer is large, and huge.
const (
	largeBody = 1 << 20
	hugeBody  = 8 << 20
)

// enter waits until there is room for an answer of so many bytes. One that turns out
// to be huge keeps its place among the large ones meanwhile; who has a place among the
// huge waits for nothing more, so that no two wait for each other.
func (w *whole) enter(size int64) error {
	if w.room == nil || size <= largeBody {
		return nil
	}
	place := w.room.large
	if size > hugeBody {
		place = w.room.huge
	}
	if slices.Contains(w.held, place) {
		return nil
	}
	select {
	case place <- struct{}{}:
		w.held = append(w.held, place)
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

func (w *whole) leave() {
	for _, place := range w.held {
		<-place
	}
	w.held = nil
}
