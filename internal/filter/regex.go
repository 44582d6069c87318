package filter

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxInsts bounds the compiled size of one pattern, in instructions; maxAll that of all
// patterns of a set together; maxRanges the ranges of characters that a pattern names.
const (
	maxInsts  = 5_000
	maxAll    = 20_000
	maxRanges = 20_000
)

// parse reads a pattern in JavaScript's flavour, of what RE2 has of it (GR-06).
func parse(pattern string) (*syntax.Regexp, error) {
	refuse := func(format string, args ...any) error {
		return &Error{Field: "pattern", Code: CodePattern, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case !utf8.ValidString(pattern):
		return nil, refuse("the pattern is not UTF-8")
	case utf8.RuneCountInString(pattern) > MaxPattern:
		return nil, refuse("the pattern is longer than %d characters", MaxPattern)
	}
	re, err := syntax.Parse(translate(pattern), syntax.Perl)
	if err != nil {
		return nil, refuse("the pattern %.100q is no regular expression without lookaround and backreferences: %s", pattern, why(err))
	}
	if nested(re, false) {
		return nil, refuse("the pattern %.100q has a repetition without end within another one: (a+)+ can be said as a+", pattern)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, refuse("the pattern %.100q cannot be compiled", pattern)
	}
	if len(prog.Inst) > maxInsts {
		return nil, refuse("the pattern %.100q is too large: it compiles to %d instructions of at most %d", pattern, len(prog.Inst), maxInsts)
	}
	if n := ranges(prog); n > maxRanges {
		return nil, refuse("the pattern %.100q is too large: it names %d ranges of characters, of at most %d", pattern, n, maxRanges)
	}
	if !consumes(prog) {
		return nil, refuse("the pattern %.100q matches nothing but the empty text", pattern)
	}
	return re, nil
}

// why is a parser's error without the pattern, which may be long.
func why(err error) string {
	if e, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Sprintf("%s: %.40q", e.Code, e.Expr)
	}
	return "it cannot be read"
}

// translate writes as RE2 does what JavaScript writes otherwise: \u0041, \u{41}, \cA,
// \0, [^] and [].
func translate(p string) string {
	if !strings.ContainsAny(p, `\[`) {
		return p
	}
	var b strings.Builder
	class := false
	for i := 0; i < len(p); {
		switch rest := p[i:]; {
		case rest[0] == '\\' && len(rest) > 1:
			n := escape(&b, rest)
			i += n
		case !class && strings.HasPrefix(rest, "[^]"):
			b.WriteString(`[\x00-\x{10FFFF}]`)
			i += 3
		case !class && strings.HasPrefix(rest, "[]"):
			b.WriteString(`[^\x00-\x{10FFFF}]`)
			i += 2
		default:
			switch rest[0] {
			case '[':
				if class {
					b.WriteByte('\\') // RE2 has [[:alpha:]], JavaScript has a bracket
				}
				class = true
			case ']':
				class = false
			}
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

// escape writes the escape that s begins with, and says how long it is.
func escape(b *strings.Builder, s string) int {
	hex := func(from, n int) bool {
		return len(s) >= from+n && strings.Trim(s[from:from+n], "0123456789abcdefABCDEF") == ""
	}
	switch {
	case s[1] == 'u' && hex(2, 4):
		b.WriteString(`\x{` + s[2:6] + `}`)
		return 6
	case strings.HasPrefix(s, `\u{`):
		b.WriteString(`\x{`)
		return 3
	case s[1] == 'c' && len(s) > 2 && (s[2]|0x20 >= 'a' && s[2]|0x20 <= 'z'):
		fmt.Fprintf(b, `\x%02x`, s[2]&0x1f)
		return 3
	case s[1] == '0' && (len(s) == 2 || s[2] < '0' || s[2] > '9'):
		b.WriteString(`\x00`)
		return 2
	}
	b.WriteString(s[:2])
	return 2
}

// nested reports whether a repetition without end has another one within it.
func nested(re *syntax.Regexp, within bool) bool {
	endless := re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpRepeat && re.Max < 0
	if endless && within {
		return true
	}
	return slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return nested(sub, within || endless) })
}

// ranges counts the ranges of characters that a program names. What is repeated is named
// once.
func ranges(p *syntax.Prog) (n int) {
	known := map[*rune]bool{}
	for i := range p.Inst {
		if r := p.Inst[i].Rune; len(r) > 0 && !known[&r[0]] {
			known[&r[0]] = true
			n += len(r)
		}
	}
	return n / 2
}

// consumes reports whether a program can match any text at all.
func consumes(p *syntax.Prog) bool {
	return slices.ContainsFunc(p.Inst, func(i syntax.Inst) bool {
		switch i.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			return true
		default:
			return false
		}
	})
}

// reverse is the expression that matches the same texts read backwards.
func reverse(re *syntax.Regexp) *syntax.Regexp {
	out := *re
	switch re.Op {
	case syntax.OpLiteral:
		out.Rune = slices.Clone(re.Rune)
		slices.Reverse(out.Rune)
	case syntax.OpBeginText:
		out.Op = syntax.OpEndText
	case syntax.OpEndText:
		out.Op = syntax.OpBeginText
	case syntax.OpBeginLine:
		out.Op = syntax.OpEndLine
	case syntax.OpEndLine:
		out.Op = syntax.OpBeginLine
	default:
	}
	out.Sub = make([]*syntax.Regexp, len(re.Sub))
	for i, sub := range re.Sub {
		out.Sub[i] = reverse(sub)
	}
	if re.Op == syntax.OpConcat {
		slices.Reverse(out.Sub)
	}
	return &out
}
