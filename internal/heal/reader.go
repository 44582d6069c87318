package heal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// verdict is what an attempt to read a value came to.
type verdict uint8

const (
	done   verdict = iota // a value
	prose                 // no JSON: a bracket of the text's own
	broken                // JSON, but not to be repaired
)

// state is what a level waits for.
type state uint8

const (
	wantItem  state = iota // a key, an element or the closing bracket
	wantColon              // the colon after a key
	wantValue              // the value of a member
	wantNext               // a comma or the closing bracket
)

// level is an open bracket.
type level struct {
	kind    byte // { or [
	state   state
	comma   int // where in out a comma waits for what it parts, if state is wantItem and members > 0
	members int // complete ones
	nested  bool
	strings bool
}

// reader reads one object or array leniently and writes it out strictly. White
// space and numbers are kept as they are.
type reader struct {
	in     string
	at     int
	fenced bool // a fence ends the text

	out     []byte
	open    []level
	root    level // the outermost one, once it has closed
	sure    bool  // this is JSON: a member was read, or a key in quotes and its colon
	cut     bool  // the text ended before the value did
	guessed bool  // a bracket was closed by one around it
}

// read starts at the opening bracket and stops after the closing one.
func (r *reader) read() verdict {
	if !r.push() {
		return broken
	}
	for len(r.open) > 0 {
		if !r.space() || !r.step() {
			if r.sure || len(r.open) == maxDepth {
				return broken
			}
			return prose
		}
	}
	return done
}

// step reads one token.
func (r *reader) step() bool {
	l := &r.open[len(r.open)-1]
	if r.ended() {
		return r.finish()
	}
	c := r.in[r.at]
	switch l.state {
	case wantItem:
		if c == '}' || c == ']' {
			return r.close(c)
		}
		if l.kind == '{' {
			return r.key()
		}
		return r.value()
	case wantColon:
		if c != ':' {
			return false
		}
		r.take()
		l.state = wantValue
		return true
	case wantValue:
		return r.value()
	default:
		return r.next(l, c)
	}
}

// next reads what may follow a member. A missing comma is put in where only one
// reading is left: before a key, and before what has brackets.
func (r *reader) next(l *level, c byte) bool {
	switch {
	case c == '}' || c == ']':
		return r.close(c)
	case c == ',':
		l.comma = len(r.out)
		r.take()
	case l.kind == '{' && c != ':' || c == '{' || c == '[':
		r.out = append(r.out, ',')
		l.comma = len(r.out) - 1
	default:
		return false
	}
	l.state = wantItem
	return true
}

// ended reports whether the text has; a fence between tokens ends it too.
func (r *reader) ended() bool {
	return r.at == len(r.in) || strings.HasPrefix(r.in[r.at:], fence)
}

// take copies a byte.
func (r *reader) take() {
	r.out = append(r.out, r.in[r.at])
	r.at++
}

func (r *reader) push() bool {
	if len(r.open) == maxDepth {
		return false
	}
	r.open = append(r.open, level{kind: r.in[r.at]})
	r.take()
	return true
}

// close takes a closing bracket, and closes what it finds open inside of its own.
func (r *reader) close(bracket byte) bool {
	kind := byte('{')
	if bracket == ']' {
		kind = '['
	}
	own := len(r.open) - 1
	for own >= 0 && r.open[own].kind != kind {
		own--
	}
	if own < 0 {
		return false
	}
	r.guessed = r.guessed || own < len(r.open)-1
	for len(r.open) > own {
		r.pop()
	}
	r.at++
	return true
}

// finish closes what is open at the end of the text.
func (r *reader) finish() bool {
	if s := r.open[len(r.open)-1].state; s != wantItem && s != wantNext {
		return false
	}
	r.cut = true
	for len(r.open) > 0 {
		r.pop()
	}
	return true
}

// pop closes the innermost bracket, less the comma that waits for nothing.
func (r *reader) pop() {
	l := r.open[len(r.open)-1]
	if l.state == wantItem && l.members > 0 {
		r.out = append(r.out[:l.comma], r.out[l.comma+1:]...)
	}
	closing := byte('}')
	if l.kind == '[' {
		closing = ']'
	}
	r.out = append(r.out, closing)
	r.open = r.open[:len(r.open)-1]
	if len(r.open) == 0 {
		r.root = l
		return
	}
	r.open[len(r.open)-1].nested = true
	r.complete()
}

// complete notes that a member or an element has been read.
func (r *reader) complete() {
	l := &r.open[len(r.open)-1]
	l.members++
	l.state = wantNext
	r.sure = r.sure || l.kind == '{'
}

// key reads a name, in any quotes or none.
func (r *reader) key() bool {
	l := &r.open[len(r.open)-1]
	l.state = wantColon
	if c := r.in[r.at]; c == '"' || c == '\'' {
		if !r.quoted(c) {
			return false
		}
		// Prose has braces and it has quotes, but not in this order.
		r.sure = r.sure || strings.HasPrefix(strings.TrimLeft(r.in[r.at:], " \t\r\n"), ":")
		return true
	}
	name := r.in[r.at:]
	if i := strings.IndexFunc(name, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("_$-.", c)
	}); i >= 0 {
		name = name[:i]
	}
	if name == "" || name[0] == '-' || name[0] == '.' {
		return false
	}
	r.at += len(name)
	r.out = append(append(append(r.out, '"'), name...), '"')
	return true
}

func (r *reader) value() bool {
	switch c := r.in[r.at]; {
	case c == '{' || c == '[':
		return r.push()
	case c == '"' || c == '\'':
		from, wrote := r.at, len(r.out)
		if !r.quoted(c) && !r.cutQuoted(from, wrote) {
			return false
		}
		r.open[len(r.open)-1].strings = true
	case c == '-' || '0' <= c && c <= '9':
		n := number(r.in[r.at:])
		if n == 0 || !r.parted(n) {
			return false
		}
		r.out = append(r.out, r.in[r.at:r.at+n]...)
		r.at += n
	default:
		if !r.literal() {
			return false
		}
	}
	r.complete()
	return true
}

// literal reads true, false and null in any case, and None.
func (r *reader) literal() bool {
	for _, w := range [...][2]string{{"true", "true"}, {"false", "false"}, {"null", "null"}, {"none", "null"}} {
		if n := len(w[0]); len(r.in)-r.at >= n && strings.EqualFold(r.in[r.at:r.at+n], w[0]) && r.parted(n) {
			r.out = append(r.out, w[1]...)
			r.at += n
			return true
		}
	}
	return false
}

// parted reports whether a token of n bytes ends where it should.
func (r *reader) parted(n int) bool {
	rest := r.in[r.at+n:]
	if rest == "" {
		return true
	}
	c, _ := utf8.DecodeRuneInString(rest)
	return blank(c) || strings.ContainsRune(",]}/#`", c)
}

// number is the length of the JSON number that s begins with, 0 if it is none.
func number(s string) int {
	digits := func(i int) int {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i
	}
	start := 0
	if s[0] == '-' {
		start = 1
	}
	end := digits(start)
	if end == start || s[start] == '0' && end > start+1 {
		return 0
	}
	if end < len(s) && s[end] == '.' {
		from := end + 1
		if end = digits(from); end == from {
			return 0
		}
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		from := end + 1
		if from < len(s) && (s[from] == '+' || s[from] == '-') {
			from++
		}
		if end = digits(from); end == from {
			return 0
		}
	}
	return end
}

// blank reports whether a rune is white space: that of JSON or any other.
func blank(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' || c == '\u200b' }

// space copies white space and leaves out comments. It fails in a comment that
// has no end.
func (r *reader) space() bool {
	for r.at < len(r.in) {
		rest := r.in[r.at:]
		switch c := rest[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			r.take()
		case c == '#' || strings.HasPrefix(rest, "//"):
			i := strings.IndexByte(rest, '\n')
			if i < 0 {
				i = len(rest)
			}
			r.at += i
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				r.at = len(r.in)
				return false
			}
			r.at += i + 4
		default:
			wide, n := utf8.DecodeRuneInString(rest)
			if !blank(wide) {
				return true
			}
			r.out = append(r.out, ' ')
			r.at += n
		}
	}
	return true
}
