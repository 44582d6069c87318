// Package eventstream reads AWS's binary framing of a stream
// (application/vnd.amazon.eventstream): messages that carry their length, a few
// headers, a payload and two checksums.
// https://smithy.io/2.0/aws/amazon-eventstream.html
//
// AWS's own decoder is not used. It believes a length that is shorter than the
// message's own frame and then reads gigabytes, it takes a stream that is cut
// between some members of a message for one that has ended, and it looks through
// all headers for every header. What would be left of it is smaller than what
// would have to stand around it. The tests hold this one against it.
package eventstream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// What ends a stream for good.
var (
	// ErrTooLarge says that one message exceeds the scanner's cap (trust F39).
	ErrTooLarge = errors.New("eventstream: message too large")
	// ErrMalformed says that the bytes are no message: a length that cannot be, a
	// checksum that does not fit, a header that goes on after its message.
	ErrMalformed = errors.New("eventstream: malformed message")
)

// A message: total length, length of the headers, checksum of these two, the
// headers, the payload, checksum of all. Numbers are big-endian, 4 bytes each.
const (
	preludeSize = 12
	sumSize     = 4
	overhead    = preludeSize + sumSize
)

// The buffer begins small, since most messages are, and grows with what comes,
// never with what a length promises.
const firstRead = 2 << 10

// Scanner yields the messages of a stream as frames. It reads only when no whole
// message is left in its buffer, so that all messages of one read can be handled
// before the next ([Scanner.More]).
type Scanner struct {
	r   io.Reader
	buf []byte // buf[pos:] is read but not consumed
	pos int
	max int
	err error
}

// NewScanner reads messages of at most limit bytes, headers included, from r.
func NewScanner(r io.Reader, limit int) *Scanner {
	return &Scanner{r: r, max: limit}
}

// Next returns the next message: an event under its :event-type, or a failure
// under its :exception-type or :error-code. At the end of the stream it returns
// io.EOF, and io.ErrUnexpectedEOF where that is within a message; errors of the
// reader pass through.
func (s *Scanner) Next() (wire.Frame, error) {
	for s.err == nil || s.pos < len(s.buf) {
		f, size, err := parse(s.buf[s.pos:], s.max)
		switch {
		case err != nil:
			s.buf, s.pos, s.err = nil, 0, err
		case size > 0:
			s.pos += size
			return f, nil
		case s.err == nil:
			s.fill()
		case errors.Is(s.err, io.EOF):
			s.buf, s.pos, s.err = nil, 0, io.ErrUnexpectedEOF
		default:
			s.buf, s.pos = nil, 0
		}
	}
	return wire.Frame{}, s.err
}

// More reports whether Next would return a message without reading.
func (s *Scanner) More() bool {
	_, size, err := parse(s.buf[s.pos:], s.max)
	return err == nil && size > 0
}

// fill reads once.
func (s *Scanner) fill() {
	if s.pos > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		grown := make([]byte, len(s.buf), max(firstRead, 2*cap(s.buf)))
		copy(grown, s.buf)
		s.buf = grown
	}
	n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if err != nil {
		s.err = err
	}
}

// parse reads the message that b begins with. size is what it takes of b, 0 if b
// does not hold all of it yet. The length is believed once its checksum fits.
func parse(b []byte, limit int) (f wire.Frame, size int, err error) {
	if len(b) < preludeSize {
		return f, 0, nil
	}
	total, headers := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	switch {
	case binary.BigEndian.Uint32(b[8:]) != crc32.ChecksumIEEE(b[:8]):
		return f, 0, fmt.Errorf("%w: checksum of its lengths", ErrMalformed)
	case total < headers+overhead:
		return f, 0, fmt.Errorf("%w: %d bytes with %d of headers", ErrMalformed, total, headers)
	case total > int64(limit):
		return f, 0, fmt.Errorf("%w: %d bytes, over %d", ErrTooLarge, total, limit)
	case total > int64(len(b)):
		return f, 0, nil
	}
	end := total - sumSize
	if binary.BigEndian.Uint32(b[end:]) != crc32.ChecksumIEEE(b[:end]) {
		return f, 0, fmt.Errorf("%w: checksum", ErrMalformed)
	}
	f, err = frame(b[preludeSize : preludeSize+headers])
	f.Data = b[preludeSize+headers : end : end]
	return f, int(total), err
}

// frame reads what the headers say of the message. Headers of no concern here
// are passed over; of two with one name the last counts, as in AWS's decoder.
func frame(headers []byte) (f wire.Frame, err error) {
	var kind, event, exception, code []byte
	for len(headers) > 0 {
		name, rest, ok := text(headers, 1)
		if !ok || len(rest) == 0 {
			return f, fmt.Errorf("%w: a header's name", ErrMalformed)
		}
		value, rest, ok := headerValue(rest)
		if !ok {
			return f, fmt.Errorf("%w: a header's value", ErrMalformed)
		}
		headers = rest
		switch string(name) {
		case ":message-type":
			kind = value
		case ":event-type":
			event = value
		case ":exception-type":
			exception = value
		case ":error-code":
			code = value
		}
	}
	switch string(kind) {
	case "event":
		f.Event = eventName(event)
	case "exception": // one that the service's model names
		f.Event, f.Error = string(exception), true
	case "error": // any other
		f.Event, f.Error = string(code), true
	default:
		return f, fmt.Errorf("%w: of an unknown type", ErrMalformed)
	}
	return f, nil
}

// The types of header values whose length is written before them.
const (
	typeBytes = 6
	typeText  = 7
)

// headerValue takes a header's value, with the byte of its type, off b. It is nil
// unless it is text.
func headerValue(b []byte) (v, rest []byte, ok bool) {
	kind, b := b[0], b[1:]
	size := 0
	switch kind {
	case typeText:
		return text(b, 2)
	case typeBytes:
		_, rest, ok = text(b, 2)
		return nil, rest, ok
	case 0, 1: // true, false
	case 2, 3, 4, 5: // 1, 2, 4, 8 bytes
		size = 1 << (kind - 2)
	case 8: // a time
		size = 8
	case 9: // a UUID
		size = 16
	default:
		return nil, nil, false
	}
	if size > len(b) {
		return nil, nil, false
	}
	return nil, b[size:], true
}

// text takes a text with its length, of one or two bytes, off b.
func text(b []byte, width int) (t, rest []byte, ok bool) {
	if len(b) < width {
		return nil, nil, false
	}
	n := int(b[0])
	if width > 1 {
		n = n<<8 | int(b[1])
	}
	b = b[width:]
	if len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// eventName avoids an allocation for the names that Bedrock sends.
func eventName(b []byte) string {
	switch string(b) {
	case "messageStart":
		return "messageStart"
	case "contentBlockStart":
		return "contentBlockStart"
	case "contentBlockDelta":
		return "contentBlockDelta"
	case "contentBlockStop":
		return "contentBlockStop"
	case "messageStop":
		return "messageStop"
	case "metadata":
		return "metadata"
	case "chunk":
		return "chunk"
	}
	return string(b)
}
