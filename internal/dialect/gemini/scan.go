package gemini

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// onlyText reads the frame that most of a stream consists of: one candidate with
// one part of nothing but text, and usage. It says no to all others, valid or not,
// which are then read with more care. What it passes over it has found valid, but
// for names that are there twice.
func (d *decoder) onlyText(data []byte) (text string, usage []byte, ok bool) {
	c := cursor{b: data}
	var quoted []byte
	var seen uint8
	if !c.is('{') {
		return "", nil, false
	}
	for more := true; more && !c.bad; more = c.is(',') {
		switch string(c.name()) {
		case "candidates":
			c.once(&seen, 1<<0)
			quoted = c.candidates()
		case "usageMetadata":
			c.once(&seen, 1<<1)
			usage = c.value()
		case "modelVersion":
			c.once(&seen, 1<<2)
			c.plain()
		case "responseId":
			c.once(&seen, 1<<3)
			c.plain()
		default:
			c.bad = true
		}
	}
	if c.need('}'); c.bad || !c.end() || len(quoted) < len(`"a"`) {
		return "", nil, false
	}
	var err error
	if d.unquoted, err = jsontext.AppendUnquote(d.unquoted[:0], quoted); err != nil {
		return "", nil, false
	}
	return string(d.unquoted), usage, true
}

// candidates is the text of the only part of the only candidate, in quotes.
func (c *cursor) candidates() (text []byte) {
	c.need('[')
	c.need('{')
	var seen uint8
	for more := true; more && !c.bad; more = c.is(',') {
		switch string(c.name()) {
		case "content":
			c.once(&seen, 1<<0)
			text = c.content()
		case "index":
			c.once(&seen, 1<<1)
			c.need('0')
		case "safetyRatings":
			c.once(&seen, 1<<2)
			c.value()
		default:
			c.bad = true
		}
	}
	c.need('}')
	c.need(']')
	return text
}

func (c *cursor) content() (text []byte) {
	c.need('{')
	var seen uint8
	for more := true; more && !c.bad; more = c.is(',') {
		switch string(c.name()) {
		case "parts":
			c.once(&seen, 1<<0)
			c.need('[')
			c.need('{')
			if string(c.name()) != "text" {
				c.bad = true
			}
			text = c.quoted()
			c.need('}')
			c.need(']')
		case "role":
			c.once(&seen, 1<<1)
			c.plain()
		default:
			c.bad = true
		}
	}
	c.need('}')
	return text
}

// cursor reads JSON of which it knows what to expect. Once it is bad, it stays so
// and moves no more.
type cursor struct {
	b     []byte
	i     int
	depth int
	bad   bool
}

const maxScan = 16 // levels that value looks into

func (c *cursor) space() {
	for c.i < len(c.b) && (c.b[c.i] == ' ' || c.b[c.i] == '\n' || c.b[c.i] == '\r' || c.b[c.i] == '\t') {
		c.i++
	}
}

// is takes a byte if it comes next.
func (c *cursor) is(b byte) bool {
	c.space()
	if c.bad || c.i >= len(c.b) || c.b[c.i] != b {
		return false
	}
	c.i++
	return true
}

// need takes a byte that must come next.
func (c *cursor) need(b byte) {
	if !c.is(b) {
		c.bad = true
	}
}

// once notes a member of an object, which must not come twice.
func (c *cursor) once(seen *uint8, member uint8) {
	c.bad = c.bad || *seen&member != 0
	*seen |= member
}

func (c *cursor) end() bool {
	c.space()
	return c.i == len(c.b)
}

// quoted is a string with its quotes, which nobody has looked into.
func (c *cursor) quoted() []byte {
	c.need('"')
	from := c.i - 1
	for !c.bad {
		n := bytes.IndexByte(c.b[c.i:], '"')
		if n < 0 {
			break
		}
		end := c.i + n
		slashes := 0
		for c.b[end-slashes-1] == '\\' {
			slashes++
		}
		c.i = end + 1
		if slashes%2 == 0 {
			return c.b[from:c.i]
		}
	}
	c.bad = true
	return nil
}

// plain is the inside of a string of ASCII without escapes.
func (c *cursor) plain() []byte {
	c.need('"')
	for from := c.i; !c.bad && c.i < len(c.b); c.i++ {
		switch b := c.b[c.i]; {
		case b == '"':
			c.i++
			return c.b[from : c.i-1]
		case b < ' ' || b >= 0x7f || b == '\\':
			c.bad = true
		}
	}
	c.bad = true
	return nil
}

func (c *cursor) name() []byte {
	n := c.plain()
	c.need(':')
	return n
}

// value is a value of plain strings, numbers without exponents, and literals.
func (c *cursor) value() []byte {
	c.space()
	from := c.i
	switch {
	case c.bad || c.i >= len(c.b) || c.depth == maxScan:
		c.bad = true
	case c.b[c.i] == '"':
		c.plain()
	case c.b[c.i] == '{' || c.b[c.i] == '[':
		c.nested()
	case c.b[c.i] == 't':
		c.literal("true")
	case c.b[c.i] == 'f':
		c.literal("false")
	case c.b[c.i] == 'n':
		c.literal("null")
	default:
		c.number()
	}
	if c.bad {
		return nil
	}
	return c.b[from:c.i]
}

func (c *cursor) nested() {
	object := c.b[c.i] == '{'
	closing := byte(']')
	if object {
		closing = '}'
	}
	c.i++
	if c.is(closing) {
		return
	}
	c.depth++
	for more := true; more && !c.bad; more = c.is(',') {
		if object {
			c.name()
		}
		c.value()
	}
	c.depth--
	c.need(closing)
}

func (c *cursor) literal(word string) {
	if !bytes.HasPrefix(c.b[c.i:], []byte(word)) {
		c.bad = true
		return
	}
	c.i += len(word)
}

func (c *cursor) number() {
	if c.b[c.i] == '-' {
		c.i++
	}
	from := c.i
	c.digits()
	if c.bad || (c.b[from] == '0' && c.i > from+1) {
		c.bad = true
		return
	}
	if c.i < len(c.b) && c.b[c.i] == '.' {
		c.i++
		c.digits()
	}
	if c.i < len(c.b) && (c.b[c.i] == 'e' || c.b[c.i] == 'E') {
		c.bad = true
	}
}

func (c *cursor) digits() {
	from := c.i
	for c.i < len(c.b) && '0' <= c.b[c.i] && c.b[c.i] <= '9' {
		c.i++
	}
	c.bad = c.bad || c.i == from
}
