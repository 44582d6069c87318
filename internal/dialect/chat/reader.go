package chat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const maxDepth = 256 // of a request body (F61)

// reader walks a JSON text once. Its error sticks: after it every read yields
// nothing, so that callers look at it once at the end. Errors name the place as
// a JSON pointer without its first slash.
type reader struct {
	src     bytes.Buffer
	dec     *jsontext.Decoder
	scratch []byte
	err     error
}

func (r *reader) reset(body []byte) {
	r.src = *bytes.NewBuffer(body) // the decoder reads a bytes.Buffer in place
	if r.dec == nil {
		r.dec = jsontext.NewDecoder(&r.src)
	} else {
		r.dec.Reset(&r.src)
	}
	r.err = nil
}

// drop forgets the body, which must not be kept alive by a pool.
func (r *reader) drop() {
	r.src = bytes.Buffer{}
	r.dec.Reset(&r.src)
	if cap(r.scratch) > 64<<10 {
		r.scratch = nil
	}
}

// fail says what is wrong with the value just read.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = llm.Bad(place(r.dec.StackPointer()) + ": " + fmt.Sprintf(format, args...))
	}
}

func place(p jsontext.Pointer) string {
	const maxPlace = 200 // a member's name may be as long as the body
	s := strings.ToValidUTF8(strings.TrimPrefix(string(p), "/"), "\uFFFD")
	switch {
	case s == "":
		return "body"
	case len(s) > maxPlace:
		return strings.ToValidUTF8(s[:maxPlace], "") + "..."
	}
	return s
}

// broken is a text that is no JSON, or none that two readers would agree on.
func (r *reader) broken(err error) {
	if r.err != nil {
		return
	}
	bad := llm.Bad("body: not JSON")
	bad.Err = errors.New(err.Error()) // flat: an io.EOF in here must not pass for the end of a stream
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		where := place(s.JSONPointer)
		switch {
		case errors.Is(s, jsontext.ErrDuplicateName):
			bad.Message = where + ": duplicate member"
		case strings.Contains(s.Err.Error(), "UTF-8"):
			bad.Message = where + ": invalid UTF-8"
		case errors.Is(s, io.ErrUnexpectedEOF):
			bad.Message = fmt.Sprintf("%s: the JSON ends too early, at byte %d", where, s.ByteOffset)
		default:
			bad.Message = fmt.Sprintf("%s: not JSON at byte %d", where, s.ByteOffset)
		}
	}
	r.err = bad
}

// value is the raw text of the next value; it is a part of the body.
func (r *reader) value() jsontext.Value {
	if r.err != nil {
		return nil
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		r.broken(err)
		return nil
	}
	return v
}

// peek is the kind of the next value.
func (r *reader) peek() jsontext.Kind {
	if r.err != nil {
		return 0
	}
	return r.dec.PeekKind()
}

// null takes the next value if it is null: the same as a member not sent.
func (r *reader) null() bool {
	if r.peek() != 'n' {
		return false
	}
	return r.value() != nil
}

// open enters the next value if it begins with kind.
func (r *reader) open(kind jsontext.Kind, want string) bool {
	if r.peek() != kind {
		if r.value() != nil {
			r.fail("want %s", want)
		}
		return false
	}
	if _, err := r.dec.ReadToken(); err != nil {
		r.broken(err)
	}
	return r.err == nil
}

func (r *reader) shut() {
	if r.err != nil {
		return
	}
	if _, err := r.dec.ReadToken(); err != nil {
		r.broken(err)
	}
}

// object calls member for each member of the next value, which must read the
// member's value. The name is a part of the body. It reports whether there was
// an object.
func (r *reader) object(member func(name []byte)) bool {
	if !r.open('{', "an object") {
		return false
	}
	for r.err == nil && r.dec.PeekKind() != '}' {
		name := r.value()
		if len(name) < 2 {
			break
		}
		if text := name[1 : len(name)-1]; bytes.IndexByte(text, '\\') < 0 {
			member(text)
			continue
		}
		text, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			r.broken(err)
			break
		}
		member(text)
	}
	r.shut()
	return r.err == nil
}

// array calls element for each element of the next value, which must read it.
func (r *reader) array(element func()) {
	if !r.open('[', "an array") {
		return
	}
	for r.err == nil && r.dec.PeekKind() != ']' {
		element()
	}
	r.shut()
}

// bytes is the next value, a string; valid until the next read.
func (r *reader) bytes() []byte {
	v := r.value()
	if r.err != nil {
		return nil
	}
	if v[0] != '"' {
		r.fail("want a string")
		return nil
	}
	if text := v[1 : len(v)-1]; bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var err error
	if r.scratch, err = jsontext.AppendUnquote(r.scratch[:0], v); err != nil {
		r.fail("invalid UTF-8")
	}
	return r.scratch
}

func (r *reader) text() string { return string(r.bytes()) }

// optional is a string that may be null.
func (r *reader) optional() string {
	if r.null() {
		return ""
	}
	return r.text()
}

func (r *reader) texts() (list []string) {
	if r.null() {
		return nil
	}
	r.array(func() { list = append(list, r.text()) })
	return list
}

func (r *reader) boolean() *bool {
	v := r.value()
	if r.err != nil {
		return nil
	}
	switch v[0] {
	case 't', 'f':
		b := v[0] == 't'
		return &b
	case 'n':
		return nil
	}
	r.fail("want true or false")
	return nil
}

func (r *reader) flag() bool {
	b := r.boolean()
	return b != nil && *b
}

// number is a number within [low, high], or nil for null.
func (r *reader) number(low, high float64) *float64 {
	v := r.value()
	if r.err != nil || v[0] == 'n' {
		return nil
	}
	if v.Kind() != '0' {
		r.fail("want a number")
		return nil
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil || n < low || n > high {
		r.fail("want a number from %v to %v", low, high)
		return nil
	}
	return &n
}

// integer is a whole number within [low, high], or nil for null. A fraction of
// zero is no fraction: 1.0 and 1e3 are whole.
func (r *reader) integer(low, high int64) *int64 {
	v := r.value()
	if r.err != nil || v[0] == 'n' {
		return nil
	}
	if v.Kind() != '0' {
		r.fail("want a whole number")
		return nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(string(v), 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			r.fail("want a whole number")
			return nil
		}
		n = int64(f)
	}
	switch {
	case n >= low && n <= high:
		return &n
	case high == math.MaxInt64:
		r.fail("want a whole number of at least %d", low)
	default:
		r.fail("want a whole number from %d to %d", low, high)
	}
	return nil
}

// end checks that nothing follows.
func (r *reader) end() {
	if r.err != nil {
		return
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		r.err = llm.Bad(fmt.Sprintf("body: something follows the object, at byte %d", r.dec.InputOffset()))
	}
}

// deep reports where body nests deeper than maxDepth. Bodies whose brackets are
// too few for that, nearly all, cost two counts.
func deep(body []byte) (jsontext.Pointer, bool) {
	if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) <= maxDepth {
		return "", false
	}
	depth, most := 0, 0
	for i := 0; i < len(body) && most <= maxDepth; i++ {
		switch body[i] {
		case '{', '[':
			depth++
			most = max(most, depth)
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		}
	}
	if most <= maxDepth {
		return "", false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for dec.StackDepth() <= maxDepth {
		if _, err := dec.ReadToken(); err != nil {
			return "", false // not JSON: the reader will say where
		}
	}
	return dec.StackPointer(), true
}
