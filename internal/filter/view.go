package filter

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// view is a JSON text as it is meant: the escapes of its strings are undone. It need not be
// valid, nor whole. at says where in the text itself each byte comes from.
type view struct {
	text   []byte
	at     []int  // of each byte of text, and of what comes next
	inside []bool // each byte is of a string
	open   bool   // a string has begun
}

// viewOf is the view of a whole text.
func viewOf(s string) *view {
	v := &view{text: make([]byte, 0, len(s)), at: make([]int, 0, len(s)+1), inside: make([]bool, 0, len(s))}
	v.feed([]byte(s), 0, true)
	return v
}

// feed takes in what comes next behind base bytes, up to an escape that is not whole yet,
// unless that is the end. The last of at says how far it came.
func (v *view) feed(raw []byte, base int, ended bool) {
	if len(v.at) > 0 {
		v.at = v.at[:len(v.at)-1]
	}
	n := 0
	defer func() { v.at = append(v.at, base+n) }()
	for n < len(raw) {
		c := raw[n]
		switch {
		case c == '"':
			v.open = !v.open
			v.add(base+n, false, c)
			n++
		case c == '\\' && v.open:
			said, size := unescape(raw[n:])
			if size == 0 {
				if !ended {
					return
				}
				said, size = raw[n:n+1], 1
			}
			v.add(base+n, true, said...)
			n += size
		default:
			v.add(base+n, v.open, c)
			n++
		}
	}
}

func (v *view) add(at int, inside bool, said ...byte) {
	for range said {
		v.at, v.inside = append(v.at, at), append(v.inside, inside)
	}
	v.text = append(v.text, said...)
}

// unescape is what the escape says that a text begins with, and its size; 0: it is not
// whole.
func unescape(raw []byte) (said []byte, size int) {
	if len(raw) < 2 {
		return nil, 0
	}
	switch c := raw[1]; c {
	case 'n':
		return []byte{'\n'}, 2
	case 't':
		return []byte{'\t'}, 2
	case 'r':
		return []byte{'\r'}, 2
	case 'b':
		return []byte{'\b'}, 2
	case 'f':
		return []byte{'\f'}, 2
	case 'u':
	default: // also of what is no escape
		return []byte{c}, 2
	}
	if len(raw) < 6 {
		return nil, 0
	}
	r := hex4(raw[2:6])
	if r < 0 {
		return []byte{'u'}, 2
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(nil, r), 6
	}
	if r < 0xdc00 {
		if len(raw) < 12 && (len(raw) < 7 || raw[6] == '\\' && (len(raw) < 8 || raw[7] == 'u')) {
			return nil, 0
		}
		if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
			if pair := utf16.DecodeRune(r, hex4(raw[8:12])); pair != utf8.RuneError {
				return utf8.AppendRune(nil, pair), 12
			}
		}
	}
	return utf8.AppendRune(nil, utf8.RuneError), 6
}

// hex4 is the number that four hexadecimal digits are, -1 if they are none.
func hex4(d []byte) (r rune) {
	for _, c := range d {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// replace is a part of the view, as JSON, with something else in the place of the finds. What is between strings stays, but for numbers and the like: for them a
// string is put.
func (v *view) replace(raw []byte, finds []find, first, to int, instead func(f *find, said []byte) string) []byte {
	out := make([]byte, 0, len(raw))
	at := v.at[first]
	for i := range finds {
		f := &finds[i]
		for from := f.from; from < f.to; {
			end := from
			if v.inside[from] {
				for end < f.to && v.inside[end] {
					end++
				}
			} else {
				for end < f.to && !v.inside[end] && scalar(v.text[end]) {
					end++
				}
				if end == from { // a brace, a comma
					from++
					continue
				}
			}
			quoted, err := jsontext.AppendQuote(nil, instead(f, v.text[from:end]))
			if err != nil {
				quoted = []byte(`"\ufffd"`) // a label that is no UTF-8, which Check refuses
			}
			if v.inside[from] {
				quoted = quoted[1 : len(quoted)-1]
			}
			out = append(out, raw[at:v.at[from]]...)
			out = append(out, quoted...)
			at, from = v.at[end], end
		}
	}
	return append(out, raw[at:v.at[to]]...)
}

func scalar(c byte) bool {
	return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '+' || c == '-' || c == '.' || c >= utf8.RuneSelf
}

// drop forgets the first bytes of the view, and returns how many of the text they were.
func (v *view) drop(n int) (raw int) {
	raw = v.at[n]
	v.text = slices.Delete(v.text, 0, n)
	v.inside = slices.Delete(v.inside, 0, n)
	v.at = slices.Delete(v.at, 0, n)
	for i := range v.at {
		v.at[i] -= raw
	}
	return raw
}
