package parse

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

// Reader walks a JSON text once. Its error sticks: after it every read yields
// nothing, so that callers look at it once at the end. Errors name the place as
// a JSON pointer without its first slash.
type Reader struct {
	src     bytes.Buffer
	dec     *jsontext.Decoder
	scratch []byte
	Err     error // the first; an *llm.Error
}

// Reset starts on a body.
func (r *Reader) Reset(body []byte) {
	r.src = *bytes.NewBuffer(body) // the decoder reads a bytes.Buffer in place
	if r.dec == nil {
		r.dec = jsontext.NewDecoder(&r.src)
	} else {
		r.dec.Reset(&r.src)
	}
	r.Err = nil
}

// Drop forgets the body, which must not be kept alive by a pool.
func (r *Reader) Drop() {
	r.src = bytes.Buffer{}
	r.dec.Reset(&r.src)
	if cap(r.scratch) > 64<<10 {
		r.scratch = nil
	}
}

// Fail says what is wrong with the value just read.
func (r *Reader) Fail(format string, args ...any) {
	if r.Err == nil {
		r.Err = llm.Bad(Place(r.dec.StackPointer()) + ": " + fmt.Sprintf(format, args...))
	}
}

// Place is a pointer as errors print it.
func Place(p jsontext.Pointer) string {
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
func (r *Reader) broken(err error) {
	if r.Err != nil {
		return
	}
	bad := llm.Bad("body: not JSON")
	bad.Err = errors.New(err.Error()) // flat: an io.EOF in here must not pass for the end of a stream
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		where := Place(s.JSONPointer)
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
	r.Err = bad
}

// Value is the raw text of the next value; it is a part of the body.
func (r *Reader) Value() jsontext.Value {
	if r.Err != nil {
		return nil
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		r.broken(err)
		return nil
	}
	return v
}

// Peek is the kind of the next value.
func (r *Reader) Peek() jsontext.Kind {
	if r.Err != nil {
		return 0
	}
	return r.dec.PeekKind()
}

// Null takes the next value if it is null: the same as a member not sent.
func (r *Reader) Null() bool {
	if r.Peek() != 'n' {
		return false
	}
	return r.Value() != nil
}

// open enters the next value if it begins with kind.
func (r *Reader) open(kind jsontext.Kind, want string) bool {
	if r.Peek() != kind {
		if r.Value() != nil {
			r.Fail("want %s", want)
		}
		return false
	}
	if _, err := r.dec.ReadToken(); err != nil {
		r.broken(err)
	}
	return r.Err == nil
}

func (r *Reader) shut() {
	if r.Err != nil {
		return
	}
	if _, err := r.dec.ReadToken(); err != nil {
		r.broken(err)
	}
}

// Object calls member for each member of the next value, which must read the
// member's value. The name is a part of the body. It reports whether there was
// an object.
func (r *Reader) Object(member func(name []byte)) bool {
	if !r.open('{', "an object") {
		return false
	}
	for r.Err == nil && r.dec.PeekKind() != '}' {
		name := r.Value()
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
	return r.Err == nil
}

// Pick reads an object of which one member counts, and calls read for that.
func (r *Reader) Pick(member string, read func()) bool {
	return r.Object(func(name []byte) {
		if string(name) == member {
			read()
			return
		}
		r.Value()
	})
}

// Raw is an object as it was written, or nil for null.
func (r *Reader) Raw() jsontext.Value {
	v := r.Value()
	switch {
	case v == nil || v[0] == 'n':
		return nil
	case v[0] != '{':
		r.Fail("want an object")
		return nil
	}
	return v
}

// Array calls element for each element of the next value, which must read it.
func (r *Reader) Array(element func()) {
	if !r.open('[', "an array") {
		return
	}
	for r.Err == nil && r.dec.PeekKind() != ']' {
		element()
	}
	r.shut()
}

// Bytes is the next value, a string; valid until the next read.
func (r *Reader) Bytes() []byte {
	v := r.Value()
	if r.Err != nil {
		return nil
	}
	if v[0] != '"' {
		r.Fail("want a string")
		return nil
	}
	if text := v[1 : len(v)-1]; bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var err error
	if r.scratch, err = jsontext.AppendUnquote(r.scratch[:0], v); err != nil {
		r.Fail("invalid UTF-8")
	}
	return r.scratch
}

// Text is the next value, a string.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Optional is a string that may be null.
func (r *Reader) Optional() string {
	if r.Null() {
		return ""
	}
	return r.Text()
}

// Texts is a list of strings, which may be null.
func (r *Reader) Texts() (list []string) {
	if r.Null() {
		return nil
	}
	r.Array(func() { list = append(list, r.Text()) })
	return list
}

// Boolean is true or false, or nil for null.
func (r *Reader) Boolean() *bool {
	v := r.Value()
	if r.Err != nil {
		return nil
	}
	switch v[0] {
	case 't', 'f':
		b := v[0] == 't'
		return &b
	case 'n':
		return nil
	}
	r.Fail("want true or false")
	return nil
}

// Flag is true, false, or null for false.
func (r *Reader) Flag() bool {
	b := r.Boolean()
	return b != nil && *b
}

// Number is a number within [low, high], or nil for null.
func (r *Reader) Number(low, high float64) *float64 {
	v := r.Value()
	if r.Err != nil || v[0] == 'n' {
		return nil
	}
	if v.Kind() != '0' {
		r.Fail("want a number")
		return nil
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil || n < low || n > high {
		r.Fail("want a number from %v to %v", low, high)
		return nil
	}
	return &n
}

// Integer is a whole number within [low, high], or nil for null. A fraction of
// zero is no fraction: 1.0 and 1e3 are whole.
func (r *Reader) Integer(low, high int64) *int64 {
	v := r.Value()
	if r.Err != nil || v[0] == 'n' {
		return nil
	}
	if v.Kind() != '0' {
		r.Fail("want a whole number")
		return nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(string(v), 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			r.Fail("want a whole number")
			return nil
		}
		n = int64(f)
	}
	switch {
	case n >= low && n <= high:
		return &n
	case high == math.MaxInt64:
		r.Fail("want a whole number of at least %d", low)
	default:
		r.Fail("want a whole number from %d to %d", low, high)
	}
	return nil
}

// End checks that nothing follows.
func (r *Reader) End() {
	if r.Err != nil {
		return
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		r.Err = llm.Bad(fmt.Sprintf("body: something follows the object, at byte %d", r.dec.InputOffset()))
	}
}

// Deep reports where body nests deeper than maxDepth. Bodies whose brackets are
// too few for that, nearly all, cost two counts.
func Deep(body []byte) (jsontext.Pointer, bool) {
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

// Offset is how many bytes of the body have been read.
func (r *Reader) Offset() int64 { return r.dec.InputOffset() }
