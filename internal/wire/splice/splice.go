// Package splice edits the top-level members of a JSON object in place: what it
// is not told to touch keeps its bytes, so members nobody here has heard of
// survive as they were sent. The whole text is validated on the way; duplicate
// members and invalid UTF-8 are errors, because two readers that disagree about
// `model` are a billing hole (trust F61).
package splice

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Member is a top-level member as offsets into the text it was found in.
type Member struct {
	Name       string
	start      int // of the quote that opens the name
	valueStart int
	End        int // one past the value
}

// Value is the member's value within the text it was found in.
func (m Member) Value(src []byte) []byte { return src[m.valueStart:m.End] }

// Members lists the top-level members of the object src, in order.
func Members(src []byte) ([]Member, error) {
	if !jsontext.Value(src).IsValid() {
		return nil, complaint(src)
	}
	i := space(src, 0)
	if src[i] != '{' {
		return nil, fmt.Errorf("splice: want an object, got %v", jsontext.Value(src).Kind())
	}
	members := make([]Member, 0, 16)
	for i = space(src, i+1); src[i] != '}'; i = space(src, i) {
		if src[i] == ',' {
			i = space(src, i+1)
		}
		m := Member{start: i}
		i = stringEnd(src, i)
		name := src[m.start:i]
		if bytes.IndexByte(name, '\\') < 0 {
			m.Name = string(name[1 : len(name)-1])
		} else {
			text, err := jsontext.AppendUnquote(nil, name)
			if err != nil {
				return nil, err
			}
			m.Name = string(text)
		}
		m.valueStart = space(src, space(src, i)+1) // past the colon
		i = valueEnd(src, m.valueStart)
		m.End = i
		members = append(members, m)
	}
	return members, nil
}

// complaint is what is wrong with a text that is not valid.
func complaint(src []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(src))
	if _, err := dec.ReadValue(); err != nil {
		return err
	}
	return fmt.Errorf("splice: %d bytes after the object", len(src)-int(dec.InputOffset()))
}

// The functions below find their way in valid JSON only.

func space(src []byte, i int) int {
	for src[i] == ' ' || src[i] == '\n' || src[i] == '\r' || src[i] == '\t' {
		i++
	}
	return i
}

// stringEnd is one past the string that opens at i.
func stringEnd(src []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(src[i:], '"')
		slashes := 0
		for src[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}

// valueEnd is one past the value that begins at i, inside an object.
func valueEnd(src []byte, i int) int {
	for depth := 0; ; i++ {
		switch src[i] {
		case '"':
			i = stringEnd(src, i) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 { // the object's own, after a number or a literal
				return i
			}
			depth--
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// Edit sets the member Name to the JSON text Value, or removes it where Value
// is nil.
type Edit struct {
	Name  string
	Value []byte
}

// Set is an Edit.
func Set(name string, value []byte) Edit { return Edit{name, value} }

// Remove is an Edit.
func Remove(name string) Edit { return Edit{Name: name} }

// Apply appends src to dst with the edits made: a member that exists is replaced
// where it stands, one that does not is added at the end. An edit list is short,
// and the last edit of a name wins.
func Apply(dst, src []byte, edits ...Edit) ([]byte, error) {
	members, err := Members(src)
	if err != nil {
		return dst, err
	}
	return ApplyTo(dst, src, members, edits...), nil
}

// ApplyTo is [Apply] for a text whose members are already known.
func ApplyTo(dst, src []byte, members []Member, edits ...Edit) []byte {
	size := len(src)
	for _, e := range edits {
		size += len(e.Name) + len(e.Value) + len(`"":,`)
	}
	dst = append(slices.Grow(dst, size), '{')
	empty := true
	comma := func() {
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
	}
	var done uint64
	for _, m := range members {
		i := find(edits, m.Name)
		switch {
		case i < 0:
			comma()
			dst = append(dst, src[m.start:m.End]...)
		case edits[i].Value == nil:
		default:
			comma()
			dst = append(dst, src[m.start:m.valueStart]...)
			dst = append(dst, edits[i].Value...)
		}
		if i >= 0 {
			done |= 1 << i
		}
	}
	for i, e := range edits {
		if e.Value == nil || done&(1<<i) != 0 || find(edits, e.Name) != i {
			continue
		}
		comma()
		dst, _ = jsontext.AppendQuote(dst, e.Name) // edits name members in valid UTF-8
		dst = append(dst, ':')
		dst = append(dst, e.Value...)
	}
	return append(dst, '}')
}

func find(edits []Edit, name string) int {
	for i, e := range slices.Backward(edits) {
		if e.Name == name {
			return i
		}
	}
	return -1
}
