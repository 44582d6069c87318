package gemini

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// encodeSchema copies a JSON Schema with every `const` written as an `enum` of
// one, since responseJsonSchema does not know `const`. Nothing else is changed:
// Google passes over keywords that it does not know.
func encodeSchema(schema jsontext.Value) (jsontext.Value, error) {
	var out bytes.Buffer
	c := schemaCopy{jsontext.NewDecoder(bytes.NewReader(schema)), jsontext.NewEncoder(&out)}
	if err := c.schema(); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

type schemaCopy struct {
	from *jsontext.Decoder
	to   *jsontext.Encoder
}

// schema copies a schema, or a list of schemas.
func (c schemaCopy) schema() error {
	switch c.from.PeekKind() {
	case '{':
		return c.members(func(keyword string) error {
			switch keyword {
			case "const":
				return c.enum()
			case "properties", "$defs", "definitions", "patternProperties":
				return c.named(keyword)
			case "items", "additionalProperties", "anyOf", "oneOf", "allOf", "prefixItems", "not":
				if err := c.to.WriteToken(jsontext.String(keyword)); err != nil {
					return err
				}
				return c.schema()
			default:
				return c.rest(keyword)
			}
		})
	case '[':
		if err := c.token(); err != nil {
			return err
		}
		for c.from.PeekKind() != ']' {
			if err := c.schema(); err != nil {
				return err
			}
		}
		return c.token()
	default:
		return c.value()
	}
}

// named copies a keyword whose members are schemas under names of the caller's.
func (c schemaCopy) named(keyword string) error {
	if c.from.PeekKind() != '{' {
		return c.rest(keyword)
	}
	if err := c.to.WriteToken(jsontext.String(keyword)); err != nil {
		return err
	}
	return c.members(func(name string) error {
		if err := c.to.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		return c.schema()
	})
}

// members copies an object; each is called behind a member's name, which it
// writes.
func (c schemaCopy) members(each func(name string) error) error {
	if err := c.token(); err != nil {
		return err
	}
	for c.from.PeekKind() != '}' {
		t, err := c.from.ReadToken()
		if err != nil {
			return err
		}
		if err := each(t.String()); err != nil {
			return err
		}
	}
	return c.token()
}

func (c schemaCopy) enum() error {
	v, err := c.from.ReadValue()
	if err != nil {
		return err
	}
	if err := c.to.WriteToken(jsontext.String("enum")); err != nil {
		return err
	}
	return c.to.WriteValue(append(append(jsontext.Value("["), v...), ']'))
}

func (c schemaCopy) rest(keyword string) error {
	if err := c.to.WriteToken(jsontext.String(keyword)); err != nil {
		return err
	}
	return c.value()
}

func (c schemaCopy) value() error {
	v, err := c.from.ReadValue()
	if err != nil {
		return err
	}
	return c.to.WriteValue(v)
}

func (c schemaCopy) token() error {
	t, err := c.from.ReadToken()
	if err != nil {
		return err
	}
	return c.to.WriteToken(t)
}
