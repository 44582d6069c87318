package responses

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// field is a member of an object, as offsets into the object's text. Like all of
// this file it is for text that somebody has already found valid.
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

func elements(src []byte, f func(element []byte)) bool { return walk.Elements(src, f) }

func find(src []byte, name string) []byte { return walk.Find(src, name) }

func text(value []byte) string { return walk.Text(value) }

func space(src []byte, i int) int { return walk.Space(src, i) }

// index is a small whole number that counts from 0; -1 for any other value.
func index(value []byte) int {
	const most = 1 << 20
	n, err := strconv.ParseUint(string(value), 10, 32)
	if err != nil || n > most {
		return -1
	}
	return int(n)
}

// quote appends s as a JSON string; bytes that are no UTF-8 become U+FFFD (F37).
func quote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
