// Package walk finds its way in JSON text that somebody has already found valid:
// it reads no more of the text than it is asked for, and copies nothing. On other
// text it stays within bounds, and what it finds means nothing.
package walk

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Done is where the next member of an object is that has no more. Any other place
// below 0 says that the text is no object.
const (
	Done   = -1
	broken = -2
)

// First is where the first member of the object src is: the place of its name's
// opening quote. One walks over all of them like this:
//
//	for i := walk.First(src); i >= 0; {
//		name, value, end, next := walk.Next(src, i)
//		if end > 0 {
//			// src[value:end]
//		}
//		i = next
//	}
func First(src []byte) int {
	i := Space(src, 0)
	if i >= len(src) || src[i] != '{' {
		return broken
	}
	i = Space(src, i+1)
	switch {
	case i < len(src) && src[i] == '"':
		return i
	case i < len(src) && src[i] == '}':
		return Done
	}
	return broken
}

// Next reads the member at i: its name, without quotes and escapes, and its value as
// offsets into src, whose end is 0 if there is none; and where the next one is.
func Next(src []byte, i int) (name []byte, value, end, next int) {
	end = i + 1
	for end < len(src) && src[end] != '"' && src[end] != '\\' { // names are short
		end++
	}
	if name = src[i+1 : end]; end == len(src) {
		return nil, 0, 0, broken
	}
	if src[end] == '"' {
		end++
	} else if name, end = escaped(src, i); end == 0 {
		return nil, 0, 0, broken
	}
	value = Space(src, end)
	if value >= len(src) || src[value] != ':' {
		return nil, 0, 0, broken
	}
	value = Space(src, value+1)
	end = ValueEnd(src, value)
	if end > len(src) || end == value {
		return nil, 0, 0, broken
	}
	next = Space(src, end)
	switch {
	case next < len(src) && src[next] == '}':
		return name, value, end, Done
	case next < len(src) && src[next] == ',':
		if next = Space(src, next+1); next < len(src) && src[next] == '"' {
			return name, value, end, next
		}
	}
	return name, value, end, broken
}

// escaped is the meaning of the string at i and one past it, or 0.
func escaped(src []byte, i int) (name []byte, end int) {
	if end = StringEnd(src, i); end > len(src) {
		return nil, 0
	}
	name, err := jsontext.AppendUnquote(nil, src[i:end])
	if err != nil {
		return nil, 0
	}
	return name, end
}

// Find is a member's value; nil if there is none. It looks no further than it must.
func Find(src []byte, name string) []byte {
	for i := First(src); i >= 0; {
		n, value, end, next := Next(src, i)
		if string(n) == name && end > 0 {
			return src[value:end]
		}
		i = next
	}
	return nil
}

// Elements calls f with each element of the array src. It is false for what is no
// array.
func Elements(src []byte, f func(element []byte)) bool {
	i := Space(src, 0)
	if i >= len(src) || src[i] != '[' {
		return false
	}
	for i = Space(src, i+1); i < len(src) && src[i] != ']'; i = Space(src, i+1) {
		end := ValueEnd(src, i)
		if end > len(src) || end == i {
			return false
		}
		f(src[i:end])
		i = Space(src, end)
		if i >= len(src) || src[i] != ',' {
			break
		}
	}
	return i < len(src) && src[i] == ']'
}

// Text is the meaning of a JSON string; "" for any other value.
func Text(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	if inside := value[1 : len(value)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	s, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return string(s)
}

// Scalar is a string's meaning, any other value's text, and "" for null or nothing.
func Scalar(value []byte) string {
	switch {
	case len(value) == 0, value[0] == 'n':
		return ""
	case value[0] == '"':
		return Text(value)
	}
	return string(value)
}

// Digits is the small whole number at i and one past it, or 0.
func Digits(src []byte, i int) (n, end int) {
	const most = 9
	start := i
	for ; i < len(src) && i-start < most && src[i] >= '0' && src[i] <= '9'; i++ {
		n = n*10 + int(src[i]-'0')
	}
	if i == start || src[start] == '0' && i > start+1 {
		return 0, 0
	}
	return n, i
}

// Inside is the length of the inside of a string that src, whose opening quote is
// gone, begins with, or -1. If it is plain, its bytes mean themselves. It looks for
// itself: src need not be valid.
func Inside(src []byte) (n int, plain bool) {
	plain = true
	ascii := true
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			return i, plain && (ascii || utf8.Valid(src[:i]))
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			return -1, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return -1, false
}

// Space is where the white space at i ends.
func Space(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

// StringEnd is one past the string that opens at i, or beyond src.
func StringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		n := bytes.IndexByte(src[i:], '"')
		if n < 0 {
			break
		}
		end := i + n
		slashes := 0
		for end-slashes > i && src[end-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
		i = end
	}
	return len(src) + 1
}

// ValueEnd is one past the value that begins at i, or beyond src.
func ValueEnd(src []byte, i int) int {
	if i >= len(src) {
		return len(src) + 1
	}
	switch src[i] {
	case '"':
		return StringEnd(src, i)
	case '{', '[':
		for depth := 0; i < len(src); {
			switch src[i] {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			case '"':
				i = StringEnd(src, i)
				continue
			}
			i++
		}
		return len(src) + 1
	}
	for i < len(src) && src[i] != ',' && src[i] != '}' && src[i] != ']' && src[i] > ' ' {
		i++
	}
	return i
}

// Meaning is the text of a string's inside, whose escapes are all of one letter.
func Meaning(inside []byte, escaped bool) string {
	if !escaped {
		return string(inside)
	}
	out := make([]byte, 0, len(inside))
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		if c == '\\' {
			i++
			switch c = inside[i]; c {
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
		}
		out = append(out, c)
	}
	return string(out)
}
