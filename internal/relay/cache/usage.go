package cache

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// The levels of a frame at which a vendor may tell usage: in the frame itself, and in
// what it holds (Anthropic's message, a choice, an extension of the vendor's own). What
// lies deeper is the model's to say: a tool may have an argument of that name.
const (
	outermost = iota
	within
)

// counts reports whether a frame may tell usage. Some vendors say null in every frame but
// the last.
func counts(src []byte) bool {
	return bytes.Count(src, []byte(`"usage"`)) > bytes.Count(src, []byte(`"usage":null`))
}

// uncounted is a frame, or a body, whose usage objects count nothing (RC-04).
func uncounted(src []byte, level int) ([]byte, error) {
	members, err := splice.Members(src)
	if err != nil {
		return nil, err
	}
	var edits []splice.Edit
	for _, m := range members {
		v := m.Value(src)
		switch {
		case m.Name == "usage":
			v = Uncounted(v)
		case level != outermost:
			continue
		case v[0] == '{':
			if v, err = uncounted(v, within); err != nil {
				return nil, err
			}
		case m.Name == "choices" && v[0] == '[':
			v = uncountedChoices(v)
		default:
			continue
		}
		edits = append(edits, splice.Set(m.Name, v))
	}
	return splice.ApplyTo(nil, src, members, edits...), nil
}

func uncountedChoices(src []byte) []byte {
	dst := []byte{'['}
	walk.Elements(src, func(choice []byte) {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		if edited, err := uncounted(choice, within); err == nil {
			choice = edited
		}
		dst = append(dst, choice...)
	})
	return append(dst, ']')
}

// Uncounted is a JSON text in which every number is zero.
func Uncounted(src jsontext.Value) jsontext.Value {
	dst := make([]byte, 0, len(src))
	for i := 0; i < len(src); {
		from := i
		switch c := src[i]; {
		case c == '"':
			i = min(walk.StringEnd(src, i), len(src))
			dst = append(dst, src[from:i]...)
		case numeric(c) && c != 'e' && c != 'E':
			for i < len(src) && numeric(src[i]) {
				i++
			}
			dst = append(dst, '0')
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

func numeric(c byte) bool {
	switch c {
	case '-', '+', '.', 'e', 'E':
		return true
	}
	return c >= '0' && c <= '9'
}
