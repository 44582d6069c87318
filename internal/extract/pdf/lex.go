package pdf

import (
	"bytes"
	"strconv"
)

// The kinds of object (ISO 32000-1, 7.3): nil, bool, int, float64 and these.
type (
	name   string
	text   []byte // a string: bytes in an encoding that its place knows
	array  []object
	dict   map[name]object
	ref    int // the number of an indirect object
	object any

	// stream is a dictionary with bytes, as they are in the file.
	stream struct {
		dict dict
		raw  []byte
		end  int // of raw in the file
	}

	// keyword is a word that is no object: an operator, obj, or "" at the end.
	keyword string
)

const (
	maxNesting = 64      // of arrays and dictionaries
	maxNodes   = 200_000 // objects in an object
	maxString  = 1 << 20 // bytes
)

// lexer reads objects. Every call of object makes progress, so a loop that ends
// with the keyword "" ends.
type lexer struct {
	data  []byte
	at    int
	refs  bool // N G R is a reference; in a content stream there are none
	nodes int  // read since the last reset
	bad   bool // ended too early, nested too deep or too large
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

// space steps over white space and comments.
func (l *lexer) space() {
	for l.at < len(l.data) {
		switch c := l.data[l.at]; {
		case isSpace(c):
			l.at++
		case c == '%':
			for l.at < len(l.data) && l.data[l.at] != '\n' && l.data[l.at] != '\r' {
				l.at++
			}
		default:
			return
		}
	}
}

// object reads an object or a keyword.
func (l *lexer) object() object {
	l.nodes, l.bad = 0, false
	return l.nested(0)
}

func (l *lexer) nested(depth int) object {
	l.space()
	if l.at >= len(l.data) {
		return keyword("")
	}
	if l.nodes++; l.nodes > maxNodes || depth > maxNesting {
		l.bad = true
		l.at++
		return keyword("?")
	}
	switch c := l.data[l.at]; {
	case c == '/':
		return l.name()
	case c == '(':
		return l.literal()
	case c == '[':
		l.at++
		return l.array(depth)
	case c == '<' && l.follows("<<"):
		l.at += 2
		return l.dict(depth)
	case c == '<':
		return l.hex()
	case c == '+' || c == '-' || c == '.' || '0' <= c && c <= '9':
		return l.number()
	case c == '>' && l.follows(">>"):
		l.at += 2
		return keyword(">>")
	case isDelimiter(c):
		l.at++
		return keyword(string(c))
	default:
		return l.word()
	}
}

func (l *lexer) follows(s string) bool { return bytes.HasPrefix(l.data[l.at:], []byte(s)) }

// regular is the run of regular characters here.
func (l *lexer) regular() []byte {
	start := l.at
	for l.at < len(l.data) && !isSpace(l.data[l.at]) && !isDelimiter(l.data[l.at]) {
		l.at++
	}
	return l.data[start:l.at]
}

func (l *lexer) word() object {
	switch w := l.regular(); string(w) {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	default:
		return keyword(w)
	}
}

func (l *lexer) name() object {
	l.at++
	raw := l.regular()
	if bytes.IndexByte(raw, '#') < 0 {
		return name(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) && unhex(raw[i+1]) < 16 && unhex(raw[i+2]) < 16 {
			out = append(out, unhex(raw[i+1])<<4|unhex(raw[i+2]))
			i += 2
			continue
		}
		out = append(out, raw[i])
	}
	return name(out)
}

// unhex is the value of a hexadecimal digit, 16 for anything else.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	default:
		return 16
	}
}

// number reads an integer, a real or, where they may be, a reference.
func (l *lexer) number() object {
	raw := l.regular()
	n, err := strconv.Atoi(string(raw))
	if err != nil {
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || f != f || f > 1e15 || f < -1e15 {
			return 0 // some writers' --1 and 0.0.0
		}
		return f
	}
	if !l.refs || n < 0 || raw[0] == '+' {
		return n
	}
	// Not l.space: a generation and an R stand on the same line.
	back := l.at
	for l.at < len(l.data) && isSpace(l.data[l.at]) {
		l.at++
	}
	digits := l.at
	for l.at < len(l.data) && '0' <= l.data[l.at] && l.data[l.at] <= '9' {
		l.at++
	}
	if l.at > digits && l.at-digits <= 5 {
		for l.at < len(l.data) && isSpace(l.data[l.at]) {
			l.at++
		}
		if l.at < len(l.data) && l.data[l.at] == 'R' && (l.at+1 == len(l.data) || isSpace(l.data[l.at+1]) || isDelimiter(l.data[l.at+1])) {
			l.at++
			return ref(n)
		}
	}
	l.at = back
	return n
}

// hex reads <48656c6c6f>.
func (l *lexer) hex() object {
	l.at++
	return l.hexUpTo(maxString)
}

func (l *lexer) hexUpTo(limit int) text {
	var out text
	high, half := byte(0), false
	for l.at < len(l.data) && len(out) < limit {
		c := l.data[l.at]
		l.at++
		if c == '>' {
			if half {
				out = append(out, high<<4)
			}
			return out
		}
		v := unhex(c)
		if v == 16 {
			continue
		}
		if half {
			out = append(out, high<<4|v)
		}
		high, half = v, !half
	}
	l.bad = true
	return out
}

// literal reads (Hello), with its escapes and inner parentheses.
func (l *lexer) literal() object {
	l.at++
	var out text
	depth := 1
	for l.at < len(l.data) && len(out) < maxString {
		c := l.data[l.at]
		l.at++
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return out
			}
		case '\\':
			out = l.escape(out)
			continue
		}
		out = append(out, c)
	}
	l.bad = true
	return out
}

// escape reads what follows a backslash.
func (l *lexer) escape(out text) text {
	if l.at >= len(l.data) {
		return out
	}
	c := l.data[l.at]
	l.at++
	switch c {
	case 'n':
		return append(out, '\n')
	case 'r':
		return append(out, '\r')
	case 't':
		return append(out, '\t')
	case 'b':
		return append(out, '\b')
	case 'f':
		return append(out, '\f')
	case '\r':
		if l.at < len(l.data) && l.data[l.at] == '\n' {
			l.at++
		}
		return out
	case '\n':
		return out
	}
	if c < '0' || c > '7' {
		return append(out, c)
	}
	v := c - '0'
	for i := 0; i < 2 && l.at < len(l.data) && '0' <= l.data[l.at] && l.data[l.at] <= '7'; i++ {
		v = v<<3 | (l.data[l.at] - '0')
		l.at++
	}
	return append(out, v)
}

func (l *lexer) array(depth int) object {
	out := array{}
	for !l.bad {
		o := l.nested(depth + 1)
		switch o {
		case keyword("]"):
			return out
		case keyword(""), keyword("endobj"), keyword("stream"):
			l.bad = true
			return out
		}
		if _, junk := o.(keyword); !junk {
			out = append(out, o)
		}
	}
	return out
}

func (l *lexer) dict(depth int) object {
	out := dict{}
	for !l.bad {
		key := l.nested(depth + 1)
		k, ok := key.(name)
		if !ok {
			switch key {
			case keyword(">>"):
				return out
			case keyword(""), keyword("endobj"), keyword("stream"):
				l.bad = true
				return out
			}
			continue // junk where a key should be
		}
		v := l.nested(depth + 1)
		if v == keyword(">>") {
			return out // a key without a value
		}
		if _, junk := v.(keyword); !junk {
			out[k] = v
		}
	}
	return out
}
