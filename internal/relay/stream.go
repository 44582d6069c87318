// Package relay is the attempt loop: it sends a request to one candidate of a
// plan after the other until one answers with content, and never asks a second
// once that happened (law 8), unless the caller wants an answer that breaks off to be
// continued. It also turns an upstream's bytes into an llm.Stream.
package relay

import (
	"errors"
	"io"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
	"github.com/turnpike-gateway/turnpike/internal/wire/eventstream"
	"github.com/turnpike-gateway/turnpike/internal/wire/sse"
)

// maxEvent is the cap of the trust document, 2.1, on one event.
const maxEvent = 4 << 20

// ReadStream reads a streamed answer from body: frames become events as the
// decoder says, each frame a chunk. It ends at the protocol's terminal signal,
// whether or not the upstream closes after it (F30).
func ReadStream(body io.ReadCloser, dec dialect.Decoder, from llm.Dialect) llm.Stream {
	return &stream{body: body, scan: sse.NewScanner(body, maxEvent), dec: dec, from: from}
}

// ReadEventStream is [ReadStream] for AWS's binary framing.
func ReadEventStream(body io.ReadCloser, dec dialect.Decoder, from llm.Dialect) llm.Stream {
	return &stream{body: body, scan: eventstream.NewScanner(body, maxEvent), dec: dec, from: from}
}

// scanner is a framing.
type scanner interface {
	Next() (wire.Frame, error)
	More() bool // Next would not have to read
}

type stream struct {
	body   io.ReadCloser
	scan   scanner
	dec    dialect.Decoder
	from   llm.Dialect
	events []llm.Event
	ended  bool
}

// Next returns what the next frame that means something said.
func (s *stream) Next() (llm.Chunk, error) {
	for {
		if s.ended {
			return llm.Chunk{}, io.EOF
		}
		f, err := s.frame()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return s.end(errors.Is(err, io.ErrUnexpectedEOF))
		}
		if err != nil {
			return s.broken(readError(err))
		}
		s.events, err = s.dec.Frame(s.events[:0], f)
		if err != nil {
			return llm.Chunk{Events: s.events}, err
		}
		verbatim := s.dec.Verbatim()
		if len(s.events) == 0 && !verbatim {
			continue
		}
		c := llm.Chunk{Events: s.events, More: s.scan.More() || s.dec.Done()}
		if verbatim {
			c.From, c.Raw = s.from, f.Data
		}
		return c, nil
	}
}

func (s *stream) frame() (wire.Frame, error) {
	if s.dec.Done() {
		return wire.Frame{}, io.EOF
	}
	return s.scan.Next()
}

// broken ends a stream whose connection failed with err, unless the protocol's
// terminal signal came before: then it does not matter (F33).
func (s *stream) broken(err error) (llm.Chunk, error) {
	c, end := s.end(false)
	if end != nil && !errors.Is(end, io.EOF) {
		return llm.Chunk{}, err
	}
	return c, end
}

// end asks the decoder for what it still holds. A connection that broke off is
// no error if the protocol's terminal signal came before (F33).
func (s *stream) end(broken bool) (llm.Chunk, error) {
	s.ended = true
	events, err := s.dec.End(s.events[:0])
	if err != nil {
		if e, ok := errors.AsType[*llm.Error](err); ok && broken && e.Err == nil {
			e.Err = io.ErrUnexpectedEOF
		}
		return llm.Chunk{}, err
	}
	if len(events) == 0 {
		return llm.Chunk{}, io.EOF
	}
	return llm.Chunk{Events: events}, nil
}

func (s *stream) Close() error { return s.body.Close() }

// readError is a broken connection or framing in the contract's words.
func readError(err error) error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer broke off", Err: err}
}
