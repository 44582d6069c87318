package sim

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// schema is what an argument object is made by: the part of JSON Schema that
// coding agents use, and Google's dialect of it.
type schema struct {
	Type       stringOr[[]string]        `json:"type"`
	Properties map[string]jsontext.Value `json:"properties"`
	Required   []string                  `json:"required"`
	Enum       []jsontext.Value          `json:"enum"`
	Const      jsontext.Value            `json:"const"`
	Default    jsontext.Value            `json:"default"`
	AnyOf      []jsontext.Value          `json:"anyOf"`
}

const maxFill = 8 // levels of objects that are filled in

// readSchema is forgiving: what cannot be read says nothing.
func readSchema(v jsontext.Value) schema {
	var s schema
	if len(v) == 0 || json.Unmarshal(v, &s) != nil {
		return schema{}
	}
	return s
}

func (s schema) is(name string) bool {
	return strings.EqualFold(s.Type.str, name) || slices.ContainsFunc(s.Type.val, func(t string) bool { return strings.EqualFold(t, name) })
}

// first is the first of names that is a property, "" if none is.
func (s schema) first(names ...string) string {
	for _, name := range names {
		if _, ok := s.Properties[name]; ok {
			return name
		}
	}
	return ""
}

// member is a member of a JSON object that is decided already.
type member struct {
	name  string
	value []byte
}

// object writes the members given and after them whatever else is required, with
// text where words are wanted.
func (s schema) object(text string, level int, given ...member) []byte {
	dst := []byte{'{'}
	for i, m := range given {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendString(dst, m.name), ':'), m.value...)
	}
	for _, name := range s.Required {
		if slices.ContainsFunc(given, func(m member) bool { return m.name == name }) {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(appendString(dst, name), ':'), fill(name, s.Properties[name], text, level)...)
		given = append(given, member{name: name})
	}
	return append(dst, '}')
}

// fill makes a value that the schema allows, as far as sim understands it.
func fill(name string, v jsontext.Value, text string, level int) []byte {
	s := readSchema(v)
	switch {
	case len(s.Const) > 0:
		return s.Const
	case len(s.Default) > 0:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.AnyOf) > 0 && level < maxFill:
		return fill(name, s.AnyOf[0], text, level+1)
	case s.is("object"):
		if level >= maxFill {
			return []byte("{}")
		}
		return s.object(text, level+1)
	case s.is("array"):
		return []byte("[]")
	case s.is("boolean"):
		return []byte("false")
	case s.is("integer"), s.is("number"):
		if strings.Contains(strings.ToLower(name), "timeout") {
			return []byte("60000")
		}
		return []byte("1")
	case s.is("null"):
		return []byte("null")
	}
	low := strings.ToLower(name)
	if strings.Contains(low, "dir") || strings.Contains(low, "cwd") || strings.Contains(low, "path") {
		return []byte(`"."`)
	}
	return appendString(nil, text)
}
