package schema

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// value is a JSON value with the order of its members: one that the caller wrote,
// or one that was put together from such.
type value struct {
	kind jsontext.Kind
	raw  jsontext.Value // compact; nil for an object or array that was put together
	keys []string       // of an object, one for each of vals
	vals []*value       // of an object or an array

	parent *value // of what the caller wrote
	name   string // within parent: a member's name or an element's index
	alias  *value // of what was put together: what it stands for
	merged *flat  // a schema that is already read, in place of keys and vals

	index map[string]int // of keys, where there are many
}

// parse reads a text. The values' raw texts are parts of one compact copy of it.
func parse(text jsontext.Value) (*value, error) {
	strict := jsontext.NewDecoder(bytes.NewReader(text))
	if _, err := strict.ReadValue(); err != nil {
		return nil, errors.New("is not valid JSON: " + plainly(err))
	}
	compact := text.Clone()
	if err := compact.Compact(); err != nil {
		return nil, errors.New("is not valid JSON: " + plainly(err))
	}
	p := parser{jsontext.NewDecoder(bytes.NewBuffer(compact)), compact}
	v, err := p.value(nil, "", 1)
	switch {
	case err != nil:
		return nil, err
	case v.kind != '{' && v.kind != 't' && v.kind != 'f':
		return nil, errors.New("is not a JSON Schema: want an object or a boolean, got " + kindName(v.kind))
	}
	return v, nil
}

type parser struct {
	dec  *jsontext.Decoder
	text jsontext.Value
}

func (p parser) value(parent *value, name string, depth int) (*value, error) {
	v := &value{kind: p.dec.PeekKind(), parent: parent, name: name}
	if v.kind != '{' && v.kind != '[' {
		raw, err := p.dec.ReadValue()
		v.raw = p.text[int(p.dec.InputOffset())-len(raw) : p.dec.InputOffset()]
		return v, err
	}
	if depth > maxDepth {
		return nil, errTooDeep()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, err
	}
	start := p.dec.InputOffset() - 1
	for kind := p.dec.PeekKind(); kind != '}' && kind != ']'; kind = p.dec.PeekKind() {
		name := strconv.Itoa(len(v.vals))
		if v.kind == '{' {
			t, err := p.dec.ReadToken()
			if err != nil {
				return nil, err
			}
			name = t.String()
			v.keys = append(v.keys, name)
		}
		child, err := p.value(v, name, depth+1)
		if err != nil {
			return nil, err
		}
		v.vals = append(v.vals, child)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, err
	}
	v.raw = p.text[start:p.dec.InputOffset()]
	return v, nil
}

// object is an object of no members, for the schema that alias is.
func object(alias *value) *value { return &value{kind: '{', alias: alias} }

func list(vals ...*value) *value { return &value{kind: '[', vals: vals} }

func boolean(b bool) *value {
	if b {
		return &value{kind: 't', raw: jsontext.Value("true")}
	}
	return &value{kind: 'f', raw: jsontext.Value("false")}
}

func quoted(s string) *value {
	raw, err := jsontext.AppendQuote(nil, s)
	if err != nil { // cannot be: what was read is valid UTF-8
		raw = jsontext.Value(`""`)
	}
	return &value{kind: '"', raw: raw}
}

func number(text string) *value { return &value{kind: '0', raw: jsontext.Value(text)} }

// both is the schema that holds where a and b hold.
func both(a, b *value) *value {
	switch {
	case a.kind == 't':
		return b
	case b.kind == 't', a.kind == 'f':
		return a
	case b.kind == 'f':
		return b
	}
	return object(a).with("allOf", list(a, b))
}

// either is the schema that holds where one of the list's holds.
func either(alias *value, schemas ...*value) *value {
	return object(alias).with("anyOf", list(schemas...))
}

func (v *value) find(key string) int {
	if len(v.keys) <= 16 {
		for i, k := range v.keys {
			if k == key {
				return i
			}
		}
		return -1
	}
	if len(v.index) != len(v.keys) {
		v.index = make(map[string]int, len(v.keys))
		for i, k := range v.keys {
			v.index[k] = i
		}
	}
	if i, ok := v.index[key]; ok {
		return i
	}
	return -1
}

// get is a member's value, nil where there is none.
func (v *value) get(key string) *value {
	if i := v.find(key); i >= 0 {
		return v.vals[i]
	}
	return nil
}

// with sets a member of an object that was put together, and returns the object.
func (v *value) with(key string, val *value) *value {
	if i := v.find(key); i >= 0 {
		v.vals[i] = val
		return v
	}
	v.keys = append(v.keys, key)
	v.vals = append(v.vals, val)
	if v.index != nil {
		v.index[key] = len(v.keys) - 1
	}
	return v
}

// text is what a string says.
func (v *value) text() string {
	s, err := jsontext.AppendUnquote(nil, v.raw)
	if err != nil { // cannot be: the decoder took it
		return ""
	}
	return string(s)
}

// strings is what a list of strings says; false where it is not one.
func (v *value) strings() ([]string, bool) {
	if v.kind != '[' {
		return nil, false
	}
	texts := make([]string, len(v.vals))
	for i, e := range v.vals {
		if e.kind != '"' {
			return nil, false
		}
		texts[i] = e.text()
	}
	return texts, true
}

// number is a number's value as near as a float64 comes, the infinities included.
func (v *value) number() float64 {
	f, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0 // cannot be
	}
	return f
}

// append writes the value as compact JSON.
func (v *value) append(dst []byte) []byte {
	if v.raw != nil {
		return append(dst, v.raw...)
	}
	if v.kind == '[' {
		dst = append(dst, '[')
		for i, e := range v.vals {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.append(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, key := range v.keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, quoted(key).raw...), ':')
		dst = v.vals[i].append(dst)
	}
	return append(dst, '}')
}

// canonical is the same text for two values that JSON Schema takes for equal.
func (v *value) canonical() string {
	text := jsontext.Value(v.append(nil))
	if err := text.Canonicalize(); err != nil { // cannot be: the decoder took it
		return string(text)
	}
	return string(text)
}

// origin is what the caller wrote.
func (v *value) origin() *value {
	for v.alias != nil {
		v = v.alias
	}
	return v
}

// pointer is the JSON pointer (RFC 6901) of what the caller wrote, long names cut.
func (v *value) pointer() string {
	var names []string
	for v = v.origin(); v.parent != nil; v = v.parent {
		names = append(names, v.name)
	}
	var b strings.Builder
	for i := range names {
		name := names[len(names)-1-i]
		if len(name) > maxName {
			name = strings.ToValidUTF8(name[:maxName], "") + "…"
		}
		b.WriteByte('/')
		b.WriteString(escape(name))
	}
	return b.String()
}

func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func unescape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	default:
		return "null"
	}
}
