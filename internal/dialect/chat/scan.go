package chat

import (
	"bytes"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// field is a member of an object, as offsets into the object's text. Like all of
// this file it is for text that a decoder has already found valid.
type field struct {
	name       []byte // without quotes and escapes
	start      int    // of the name's opening quote
	value, end int
}

func (f *field) of(src []byte) []byte { return src[f.value:f.end] }

// fields appends the members of the object src.
func fields(dst []field, src []byte) ([]field, bool) {
	i := walk.First(src)
	for i >= 0 {
		name, value, end, next := walk.Next(src, i)
		if end > 0 {
			dst = append(dst, field{name, i, value, end})
		}
		i = next
	}
	return dst, i == walk.Done
}

// only is the extent of the single element of the array src; empty if it has
// none. ok is false if src is no array or has more.
func only(src []byte) (from, to int, ok bool) {
	i := space(src, 0)
	if i >= len(src) || src[i] != '[' {
		return 0, 0, false
	}
	i = space(src, i+1)
	if i < len(src) && src[i] == ']' {
		return i, i, true
	}
	end := valueEnd(src, i)
	if end > len(src) {
		return 0, 0, false
	}
	j := space(src, end)
	return i, end, j < len(src) && src[j] == ']'
}

func elements(src []byte, f func([]byte)) { walk.Elements(src, f) }

// trimmed is src without the white space around it that JSON knows, which is less
// than Unicode does.
func trimmed(src []byte) []byte { return bytes.Trim(src, " \t\r\n") }

func space(src []byte, i int) int { return walk.Space(src, i) }

func valueEnd(src []byte, i int) int { return walk.ValueEnd(src, i) }

// stringBody reports whether x, put between quotes, is a valid JSON string, and
// whether it holds escapes. It says no to \u escapes, whose surrogates would
// need more care than the callers' fast paths are worth.
func stringBody(x []byte) (ok, escaped bool) {
	wide := false
	for i := 0; i < len(x); i++ {
		switch c := x[i]; {
		case c < ' ', c == '"':
			return false, escaped
		case c == '\\':
			i++
			if i == len(x) {
				return false, true
			}
			switch x[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			default:
				return false, true
			}
			escaped = true
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	return !wide || utf8.Valid(x), escaped
}

// template is a frame in which only the inside of the content string moves, and
// of the string that some vendors pad their frames with against eavesdroppers:
//
//	before + text + after                       or
//	before + text + between + padding + after
//
// and what takes the place of the fixed parts where the frame is forwarded. A
// frame that fits has the structure of the one the template was made from, if
// its moving parts are string insides: it need not be looked at again.
type template struct {
	padded                          bool
	before, between, after          []byte
	newBefore, newBetween, newAfter []byte
	made, hits                      int
}

const paddingMember = "obfuscation"

// match finds the moving parts.
func (t *template) match(frame []byte) (text, padding []byte, ok bool) {
	if len(t.before) == 0 || len(frame) < len(t.before)+len(t.between)+len(t.after) ||
		!bytes.HasSuffix(frame, t.after) || !bytes.HasPrefix(frame, t.before) {
		return nil, nil, false
	}
	text = frame[len(t.before) : len(frame)-len(t.after)]
	if t.padded {
		i := bytes.LastIndexByte(text, '"') + 1
		padding = text[i:]
		if plain, escaped := stringBody(padding); !plain || escaped || !bytes.HasSuffix(text[:i], t.between) {
			return nil, nil, false
		}
		text = text[:i-len(t.between)]
	}
	t.hits++
	return text, padding, true
}

// useful says whether making another template is likely to pay: not for vendors
// whose every frame differs.
func (t *template) useful() bool { return t.made < 8 || t.hits > t.made }

// holes are the moving parts of a frame, as offsets into it.
type holes struct {
	text, textEnd       int
	padding, paddingEnd int // 0: there is none
}

// holesOf finds the moving parts of a frame with one choice that says text.
func holesOf(frame []byte, scratch []field) (h holes, ok bool) {
	list, ok := fields(scratch[:0], frame)
	if !ok {
		return h, false
	}
	for i := range list {
		f := &list[i]
		value := f.of(frame)
		switch string(f.name) {
		case "choices":
			from, to, found := contentOf(value)
			if !found {
				return h, false
			}
			h.text, h.textEnd = f.value+from, f.value+to
		case paddingMember:
			if value[0] != '"' || h.text == 0 { // before the text it is not looked for
				return h, false
			}
			h.padding, h.paddingEnd = f.value+1, f.end-1
		}
	}
	return h, h.text > 0
}

// learn makes the template of a frame.
func (t *template) learn(frame []byte, h holes) {
	t.made++
	t.before = append(t.before[:0], frame[:h.text]...)
	t.padded = h.padding > 0
	end := h.textEnd
	t.between = t.between[:0]
	if t.padded {
		t.between = append(t.between, frame[h.textEnd:h.padding]...)
		end = h.paddingEnd
	}
	t.after = append(t.after[:0], frame[end:]...)
}

// contentOf finds the content string of the delta in a `choices` array of one:
// the offsets of its inside.
func contentOf(choices []byte) (from, to int, ok bool) {
	var scratch [12]field
	a, b, ok := only(choices)
	if !ok || a == b {
		return 0, 0, false
	}
	delta, at := find(choices[a:b], "delta", scratch[:0])
	if delta == nil {
		return 0, 0, false
	}
	content, inner := find(delta, "content", scratch[:0])
	if len(content) < 2 || content[0] != '"' {
		return 0, 0, false
	}
	from = a + at + inner + 1
	return from, from + len(content) - 2, true
}

// find is a member's value and its offset in src; nil if there is none.
func find(src []byte, name string, scratch []field) (value []byte, at int) {
	list, ok := fields(scratch[:0], src)
	if !ok {
		return nil, 0
	}
	for i := range list {
		if string(list[i].name) == name {
			return list[i].of(src), list[i].value
		}
	}
	return nil, 0
}
