// Package sse reads server-sent events as the WHATWG algorithm does: lines end
// in LF, CR or CRLF, a BOM is skipped, data lines join with LF, comments and
// unknown fields are dropped, and an event that the end of the stream cuts off
// is no event (trust F34, F36, F38).
package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// ErrTooLarge says that one event exceeds the scanner's cap (trust F39).
var ErrTooLarge = errors.New("sse: event too large")

// A stream that trickles, as most do, keeps a small buffer; one that fills it
// gets larger reads.
const (
	firstRead = 1 << 10
	fullRead  = 4 << 10
)

// Scanner yields the events of a stream. It reads only when no whole event is
// left in its buffer, so that all events of one read can be handled before the
// next ([Scanner.More]).
type Scanner struct {
	r        io.Reader
	buf      []byte // buf[pos:] is read but not consumed
	pos      int
	max      int
	err      error
	event    string
	data     []byte // of the event being read: a slice of buf, or of joined
	joined   []byte
	lines    int  // data lines of the event being read
	skipLF   bool // the last line ended in CR: an LF now belongs to it
	started  bool // the BOM has been looked for
	searched int  // buf[pos:searched] holds no line end
	feed     int  // the next LF, or where none is known to come before; less than pos: not looked for
	flooded  bool // the last read filled buf: there was more
}

// NewScanner reads events of at most limit bytes from r.
func NewScanner(r io.Reader, limit int) *Scanner {
	return &Scanner{r: r, max: limit}
}

// Next returns the next event that carries data. At the end of the stream it
// returns io.EOF; errors of the reader pass through.
func (s *Scanner) Next() (wire.Frame, error) {
	s.event, s.data, s.lines, s.joined = "", nil, 0, s.joined[:0]
	for {
		line, ok := s.line()
		if !ok {
			if s.err != nil {
				return wire.Frame{}, s.err
			}
			s.fill()
			continue
		}
		if len(line) > 0 {
			s.field(line)
			continue
		}
		if s.lines > 0 {
			return wire.Frame{Event: s.event, Data: s.data}, nil
		}
		s.event = ""
	}
}

// More reports whether Next would return an event without reading. It may say
// false although it would (an event whose end is not yet certain), never true
// although it would not.
func (s *Scanner) More() bool {
	rest := s.buf[s.pos:]
	data := false
	for len(rest) > 0 {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return false
		}
		line := bytes.TrimSuffix(rest[:i], []byte("\r"))
		switch {
		case len(line) == 0 && data:
			return true
		case bytes.HasPrefix(line, []byte("data:")), string(line) == "data":
			data = true
		}
		rest = rest[i+1:]
	}
	return false
}

// line takes the next complete line, without its end, off the buffer.
func (s *Scanner) line() ([]byte, bool) {
	if s.skipLF && s.pos < len(s.buf) {
		if s.buf[s.pos] == '\n' {
			s.pos++
		}
		s.skipLF = false
	}
	from := max(s.pos, s.searched)
	// Each kind of line end is looked for by itself, which is much the faster way,
	// and an LF no further than once, whatever CRs stand before it.
	if s.feed < from {
		s.feed = len(s.buf)
		if i := bytes.IndexByte(s.buf[from:], '\n'); i >= 0 {
			s.feed = from + i
		}
	}
	end := s.feed
	if i := bytes.IndexByte(s.buf[from:end], '\r'); i >= 0 {
		end = from + i
	}
	if end == len(s.buf) {
		s.searched = end
		return nil, false
	}
	line := s.buf[s.pos:end]
	s.skipLF = s.buf[end] == '\r'
	s.pos = end + 1
	if !s.started {
		s.started = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return line, true
}

func (s *Scanner) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		switch s.lines {
		case 0:
			s.data = value
		case 1:
			s.joined = append(s.joined[:0], s.data...) // a no-op where fill moved it there
			s.joined = append(append(s.joined, '\n'), value...)
			s.data = s.joined
		default:
			s.joined = append(append(s.joined, '\n'), value...)
			s.data = s.joined
		}
		s.lines++
	case "event":
		s.event = eventName(value)
	}
}

// eventName avoids an allocation for the names that vendors send.
func eventName(b []byte) string {
	switch string(b) {
	case "message_start":
		return "message_start"
	case "content_block_start":
		return "content_block_start"
	case "content_block_delta":
		return "content_block_delta"
	case "content_block_stop":
		return "content_block_stop"
	case "message_delta":
		return "message_delta"
	case "message_stop":
		return "message_stop"
	case "ping":
		return "ping"
	}
	return string(b)
}

// fill reads once. What belongs to the event being read stays in the buffer, so
// s.data remains valid: it is moved along.
func (s *Scanner) fill() {
	if s.lines == 1 && len(s.data) > 0 {
		s.joined = append(s.joined[:0], s.data...)
		s.data = s.joined
	}
	if s.pos > 0 {
		n := copy(s.buf, s.buf[s.pos:])
		s.buf, s.searched, s.pos = s.buf[:n], max(s.searched-s.pos, 0), 0
	}
	s.feed = -1 // there was none, or fill would not have been called
	if len(s.buf)+len(s.joined) > s.max {
		s.err = fmt.Errorf("%w: over %d bytes", ErrTooLarge, s.max)
		return
	}
	if room := cap(s.buf); len(s.buf) == room || (s.flooded && room < fullRead) {
		grown := make([]byte, len(s.buf), max(firstRead, 2*room))
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	s.flooded = len(s.buf) == cap(s.buf)
	if err != nil {
		s.err = err
	}
}
