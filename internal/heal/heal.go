// Package heal repairs the JSON of a model that was asked for JSON and wrote
// something close to it (contract area 14, SO-04): JSON in a fence or amid
// prose, what is still open at the very end, trailing and missing commas, keys
// without quotes, strings in single quotes, True, False and None, comments, raw
// line breaks and unknown escapes in strings, a byte order mark.
//
// It repairs spelling and never guesses at meaning: a text with two readings is
// returned as it is. Where a model was cut off by its token limit, whatever
// closes is a guess; the caller knows the finish reason and asks only about
// answers that ended by themselves. Streams are not healed (SO-03).
package heal

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how many brackets may be open in what is repaired; valid JSON may
// be as deep as the JSON library allows.
const maxDepth = 1000

// patience is how many times over the text may be read in attempts that end in
// nothing. It keeps a text full of brackets linear.
const patience = 8

const (
	bom   = "\ufeff"
	fence = "```"
)

// JSON returns the JSON that text was meant to be. Valid JSON comes back as it
// is with changed false, duplicate members included. When ok is true healed is
// valid JSON, when it is false healed is text.
func JSON(text string) (healed string, changed, ok bool) {
	if valid(text) {
		return text, false, true
	}
	if inner := unwrap(text); valid(inner) {
		return inner, true, true
	}
	s := search{text: text}
	out, ok := s.run()
	if !ok || !valid(out) {
		return text, false, false
	}
	return out, true, true
}

// valid reports whether text is JSON by RFC 8259: duplicate names and escaped
// lone surrogates are, bytes that are no UTF-8 are not.
func valid(text string) bool {
	return utf8.ValidString(text) &&
		jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// unwrap takes off a byte order mark and one fence around everything. It is how
// a bare string or number in a fence is found; the search wants a bracket.
func unwrap(text string) string {
	text = strings.TrimPrefix(text, bom)
	inner, found := strings.CutPrefix(strings.TrimSpace(text), fence)
	if !found {
		return text
	}
	inner, found = strings.CutSuffix(inner, fence)
	label, body, lines := strings.Cut(inner, "\n")
	if !found || !lines || strings.ContainsAny(label, fence) {
		return text
	}
	return strings.TrimSpace(body)
}

// search finds the values in a text and keeps the best of them.
type search struct {
	text   string
	fenced bool // inside of a fence
	label  int  // where the label of the last fence ended
	wasted int  // bytes read in vain

	best       string
	bestLen    int // of the text that best was read from; 0: nothing yet
	bestFenced bool
}

// run returns the longest value of the text, one in a fence before any other.
// A value that is broken ends the search: what remains are pieces of it.
func (s *search) run() (string, bool) {
	for at := 0; ; {
		i := strings.IndexAny(s.text[at:], "{[`")
		if i < 0 {
			return s.best, s.bestLen > 0
		}
		at += i
		if s.text[at] == '`' {
			at = s.backtick(at)
			continue
		}
		r := reader{in: s.text, at: at, fenced: s.fenced}
		switch r.read() {
		case broken:
			return "", false
		case prose:
			s.wasted += r.at - at
			if s.wasted > patience*len(s.text) {
				return "", false
			}
			at++
		case done:
			if s.torn(at, &r) {
				return "", false
			}
			s.offer(at, &r)
			at = r.at
		}
	}
}

// backtick steps over backticks; three of them open or close a fence.
func (s *search) backtick(at int) int {
	if !strings.HasPrefix(s.text[at:], fence) {
		return at + 1
	}
	s.fenced = !s.fenced
	at += len(fence)
	for at < len(s.text) && wordy(s.text[at]) {
		at++
	}
	s.label = at
	return at
}

// offer takes the value that r read from the text at from, unless it is none or
// the one we have is better.
func (s *search) offer(from int, r *reader) {
	length := r.at - from
	if s.bestFenced && !s.fenced || s.bestFenced == s.fenced && length <= s.bestLen || !s.plausible(from, r) {
		return
	}
	s.best, s.bestLen, s.bestFenced = string(r.out), length, s.fenced
}

// plausible reports whether a value is meant as one. Amid prose [1] is a
// footnote, [0] an index, ["a"](b) a link and {} a pair of braces.
func (s *search) plausible(from int, r *reader) bool {
	before, after := s.before(from), s.after(r.at)
	starts := before == 0 || before == s.label || s.text[before-1] == '\n'
	ends := after == len(s.text) || s.text[after] == '\n' || strings.HasPrefix(s.text[after:], fence)
	if starts && ends {
		return true
	}
	if r.root.kind == '{' {
		return r.root.members > 0
	}
	if before == from && !starts && (wordy(s.text[from-1]) || strings.IndexByte(`)]"'`, s.text[from-1]) >= 0) {
		return false
	}
	if after == r.at && !ends && s.text[after] == '(' {
		return false
	}
	if r.root.nested || r.root.strings && !r.cut {
		return true
	}
	return ends && r.root.members > 1 && s.text[before-1] == ':'
}

// torn reports whether what was read is a piece of something larger that lost a
// bracket: then its neighbours would be lost with it.
func (s *search) torn(from int, r *reader) bool {
	if i := s.before(from); i > 0 && s.text[i-1] == ':' {
		if j := s.before(i - 1); j > 0 && strings.IndexByte(`"'`, s.text[j-1]) >= 0 {
			return true
		}
	}
	comma := false
	for i := r.at; i < len(s.text); i++ {
		switch c := s.text[i]; c {
		case ' ', '\t', '\r', '\n', '}', ']':
		case ',':
			comma = true
		case '"', '{', '[':
			return true
		case '\'':
			return comma
		default:
			return comma && r.guessed
		}
	}
	return false
}

// before is the end of what precedes at, white space of the line aside.
func (s *search) before(at int) int {
	for at > 0 && (s.text[at-1] == ' ' || s.text[at-1] == '\t' || s.text[at-1] == '\r') {
		at--
	}
	if strings.HasPrefix(s.text, bom) && at == len(bom) {
		return 0
	}
	return at
}

// after is the start of what follows at, white space of the line aside.
func (s *search) after(at int) int {
	for at < len(s.text) && (s.text[at] == ' ' || s.text[at] == '\t' || s.text[at] == '\r') {
		at++
	}
	return at
}

// wordy reports whether a byte belongs to a word; so does all beyond ASCII.
func wordy(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}
