package heal

import (
	"strings"
	"unicode/utf8"
)

// quoted reads a string up to its closing quote. It fails, with all that there
// is read and written, where the text ends first.
func (r *reader) quoted(quote byte) bool {
	r.out = append(r.out, '"')
	r.at++
	for r.at < len(r.in) {
		switch c := r.in[r.at]; {
		case c == quote && !r.apostrophe():
			r.out = append(r.out, '"')
			r.at++
			return true
		case c == '"':
			r.out = append(r.out, `\"`...)
			r.at++
		case c == '\\':
			if !r.escape() {
				return false
			}
		case c < ' ':
			r.control(c)
		case c < utf8.RuneSelf:
			r.take()
		default:
			wide, n := utf8.DecodeRuneInString(r.in[r.at:])
			r.out = utf8.AppendRune(r.out, wide) // U+FFFD for what is no UTF-8
			r.at += n
		}
	}
	return false
}

// cutQuoted closes a string, begun at from and written at wrote, that the text
// ended in. It fails within an escape, and where it is open what a bracket at
// the end belongs to.
func (r *reader) cutQuoted(from, wrote int) bool {
	if r.at < len(r.in) {
		return false
	}
	raw := r.in[from:]
	if r.fenced {
		raw, _, _ = strings.Cut(raw, "\n"+fence)
	}
	raw = strings.TrimRight(raw, "\r\n")
	if last := strings.TrimRight(raw, " \t\r\n"); strings.HasSuffix(last, "}") || strings.HasSuffix(last, "]") {
		raw = r.uncloseAll(last)
		if raw == "" || strings.ContainsAny(raw, "{[") {
			return false
		}
	}
	quote := r.in[from]
	r.in, r.at, r.out = r.in[:from+len(raw)], from, r.out[:wrote]
	if r.quoted(quote) || r.at < len(r.in) {
		return false
	}
	r.out = append(r.out, '"')
	return true
}

// uncloseAll takes the closing brackets of all that is open off the end of raw:
// then the quote alone is missing. It returns "" if they are not there.
func (r *reader) uncloseAll(raw string) string {
	for _, l := range r.open { // the outermost one closes last
		closing := "}"
		if l.kind == '[' {
			closing = "]"
		}
		var found bool
		if raw, found = strings.CutSuffix(strings.TrimRight(raw, " \t\r\n"), closing); !found {
			return ""
		}
	}
	return strings.TrimRight(raw, " \t\r\n")
}

// apostrophe reports whether the single quote here stands within a word, where
// no string ends.
func (r *reader) apostrophe() bool {
	return r.in[r.at] == '\'' && r.at+1 < len(r.in) && wordy(r.in[r.at-1]) && wordy(r.in[r.at+1])
}

// escape copies an escape. A quote needs none, and a backslash before what is no
// escape stands for itself.
func (r *reader) escape() bool {
	rest := r.in[r.at:]
	if len(rest) < 2 || rest[1] == 'u' && len(rest) < 6 && !strings.ContainsAny(rest[2:], "\"'") {
		return false // the text ends within it
	}
	n := 2
	switch c := rest[1]; {
	case c == '\'':
		r.at++
		n = 1
	case c == 'u' && len(rest) >= 6 && hex(rest[2:6]):
		n = 6
	case strings.IndexByte(`"\/bfnrt`, c) < 0:
		r.out = append(r.out, '\\')
		n = 1
	}
	r.out = append(r.out, r.in[r.at:r.at+n]...)
	r.at += n
	return true
}

func hex(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// control writes a control character as JSON wants it.
func (r *reader) control(c byte) {
	const digits = "0123456789abcdef"
	r.at++
	switch c {
	case '\n':
		r.out = append(r.out, `\n`...)
	case '\r':
		r.out = append(r.out, `\r`...)
	case '\t':
		r.out = append(r.out, `\t`...)
	default:
		r.out = append(r.out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
}
