package filter

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// check says which parts of a match are finds.
type check func(text []byte, from, to int, found func(from, to int))

// shape is an expression of a built-in filter and what it takes for its matches to be
// finds. Expressions are of RE2.
type shape struct {
	name    string
	pattern string
	check   check
}

// shapes are what a built-in filter looks for.
func shapes(s Slug) []shape {
	switch s {
	case Email:
		return []shape{{"", `[A-Za-z0-9._%+\-\x{C0}-\x{24F}]+@[A-Za-z0-9\-\x{C0}-\x{24F}]+(?:\.[A-Za-z0-9\-\x{C0}-\x{24F}]+)*\.[A-Za-z]{2,24}`, email}}
	case Phone:
		return []shape{{"", `\+?\(?\d(?:[ \x{A0}.\-()/]{0,2}\d){7,}`, phone}}
	case SSN:
		return []shape{{"", `\d{3}[ \-]\d{2}[ \-]\d{4}`, ssn}}
	case CreditCard:
		return []shape{{"", `\d(?:[ \-]?\d){12,}`, card}}
	case IPAddress:
		return []shape{
			{"", `\d{1,3}(?:\.\d{1,3}){3}`, ipv4},
			{"", `[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*`, ipv6},
		}
	case PersonName:
		return names()
	case Address:
		return addresses()
	case Injection:
		return injections()
	default:
		return nil
	}
}

// email leaves out what cannot end or begin an address: the dots and dashes around it.
func email(text []byte, from, to int, found func(from, to int)) {
	for from < to && (text[from] == '.' || text[from] == '-') {
		from++
	}
	if text[from] != '@' {
		found(from, to)
	}
}

// ipv4 finds four numbers of at most 255, of which no fifth and no letter is beside.
func ipv4(text []byte, from, to int, found func(from, to int)) {
	dotted := to+1 < len(text) && text[to] == '.' && digit(text[to+1]) || from > 0 && text[from-1] == '.'
	if dotted || beside(text, from, to) {
		return
	}
	if a, err := netip.ParseAddr(string(text[from:to])); err == nil && a.Is4() {
		found(from, to)
	}
}

// ipv6 finds addresses of at least two colons and one digit.
func ipv6(text []byte, from, to int, found func(from, to int)) {
	for to > from && (text[to-1] == '.' || text[to-1] == ':' && (to-from < 2 || text[to-2] != ':')) {
		to--
	}
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")
	if to-from < len("::1") || to-from > longest || beside(text, from, to) {
		return
	}
	digits := strings.ContainsAny(string(text[from:to]), "0123456789")
	if a, err := netip.ParseAddr(string(text[from:to])); err == nil && a.Is6() && digits {
		found(from, to)
	}
}

// beside reports whether a letter, a digit or an underscore touches a part of the text.
func beside(text []byte, from, to int) bool { return wordBefore(text, from) || wordAfter(text, to) }

func wordBefore(text []byte, at int) bool {
	r, size := utf8.DecodeLastRune(text[:at])
	return size > 0 && isWord(r)
}

func wordAfter(text []byte, at int) bool {
	r, size := utf8.DecodeRune(text[at:])
	return size > 0 && isWord(r)
}

// isWord reports whether a character joins others to a word. Scripts that put no space
// between words (they begin behind U+2000) do not.
func isWord(r rune) bool {
	return r < utf8.RuneSelf && kindOf(r) == kindWord || r >= utf8.RuneSelf && r < 0x2000 && unicode.IsLetter(r)
}
