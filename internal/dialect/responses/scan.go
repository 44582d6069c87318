package responses

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The functions of this file find their way in JSON text that somebody has
// already found valid. On other text they stay within bounds and mean nothing.

// field is a member of an object, as offsets into the object's text.
type field struct {
	name       []byte // without quotes and escapes
	start      int    // of the name's opening quote
	value, end int
}

func (f *field) of(src []byte) []byte { return src[f.value:f.end] }

// fields appends the members of the object src.
func fields(dst []field, src []byte) ([]field, bool) {
	i := space(src, 0)
	if i >= len(src) || src[i] != '{' {
		return dst, false
	}
	for i = space(src, i+1); i < len(src) && src[i] == '"'; i = space(src, i+1) {
		f := field{start: i}
		i = stringEnd(src, i)
		if i > len(src) {
			return dst, false
		}
		f.name = src[f.start+1 : i-1]
		if bytes.IndexByte(f.name, '\\') >= 0 {
			name, err := jsontext.AppendUnquote(nil, src[f.start:i])
			if err != nil {
				return dst, false
			}
			f.name = name
		}
		i = space(src, i)
		if i >= len(src) || src[i] != ':' {
			return dst, false
		}
		f.value = space(src, i+1)
		f.end = valueEnd(src, f.value)
		if f.end > len(src) {
			return dst, false
		}
		dst = append(dst, f)
		i = space(src, f.end)
		if i >= len(src) || src[i] != ',' {
			break
		}
	}
	return dst, i < len(src) && src[i] == '}'
}

// elements calls f with each element of the array src.
func elements(src []byte, f func(element []byte)) bool {
	i := space(src, 0)
	if i >= len(src) || src[i] != '[' {
		return false
	}
	for i = space(src, i+1); i < len(src) && src[i] != ']'; i = space(src, i+1) {
		end := valueEnd(src, i)
		if end > len(src) || end == i {
			return false
		}
		f(src[i:end])
		i = space(src, end)
		if i >= len(src) || src[i] != ',' {
			break
		}
	}
	return i < len(src) && src[i] == ']'
}

// find is a member's value; nil if there is none. It looks no further than it must.
func find(src []byte, name string) []byte {
	i := space(src, 0)
	if i >= len(src) || src[i] != '{' {
		return nil
	}
	for i = space(src, i+1); i < len(src) && src[i] == '"'; i = space(src, i+1) {
		from := i
		i = stringEnd(src, i)
		if i > len(src) {
			return nil
		}
		same := string(src[from+1:i-1]) == name
		if !same && bytes.IndexByte(src[from:i], '\\') >= 0 {
			same = text(src[from:i]) == name
		}
		i = space(src, i)
		if i >= len(src) || src[i] != ':' {
			return nil
		}
		from = space(src, i+1)
		i = valueEnd(src, from)
		if i > len(src) {
			return nil
		}
		if same {
			return src[from:i]
		}
		i = space(src, i)
		if i >= len(src) || src[i] != ',' {
			break
		}
	}
	return nil
}

// text is the meaning of a JSON string; "" for any other value.
func text(value []byte) string {
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

// index is a small whole number that counts from 0; -1 for any other value.
func index(value []byte) int {
	const most = 1 << 20
	n, err := strconv.ParseUint(string(value), 10, 32)
	if err != nil || n > most {
		return -1
	}
	return int(n)
}

func space(src []byte, i int) int {
	for i < len(src) && (src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t') {
		i++
	}
	return i
}

// stringEnd is one past the string that opens at i, or beyond src.
func stringEnd(src []byte, i int) int {
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

// valueEnd is one past the value that begins at i, or beyond src.
func valueEnd(src []byte, i int) int {
	if i >= len(src) {
		return len(src) + 1
	}
	switch src[i] {
	case '"':
		return stringEnd(src, i)
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
				i = stringEnd(src, i)
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

// quote appends s as a JSON string; bytes that are no UTF-8 become U+FFFD (F37).
func quote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
