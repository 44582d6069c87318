package filter

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"unicode/utf8"
)

// Prompt injection that is written so as not to be seen (GR-10): encoded in base64 or in
// hexadecimal, with the letters spaced out, or with the letters within words scrambled. An
// allowlist has no say here: it is not the text itself that is matched.

// evasion is a part of a text that hides what it says.
type evasion struct {
	from, to int
	name     string
}

const (
	leastEncoded = 16 // characters of an encoded text that is looked at
	leastSpaced  = 8  // letters of one that is spaced out
)

// evasions are the parts of a text that hide prompt injection.
func (s *Set) evasions(text []byte, w *work) (list []evasion, ok bool) {
	for _, look := range [...]func([]byte, *work) ([]evasion, bool){s.encoded, s.spaced, s.scrambled} {
		found, ok := look(text, w)
		if !ok {
			return nil, false
		}
		list = append(list, found...)
	}
	return list, true
}

// charset says of a byte what encoded text may have it in.
const (
	inBase64 = 1 << iota
	inHex
	isLetter
)

func charset() (t [256]byte) {
	for c := range t {
		b := byte(c)
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z':
			t[c] = inBase64 | isLetter
			if b|0x20 <= 'f' {
				t[c] |= inHex
			}
		case '0' <= b && b <= '9':
			t[c] = inBase64 | inHex
		case b == '+', b == '/', b == '-', b == '_':
			t[c] = inBase64
		}
	}
	return t
}

// encoded finds base64 and hexadecimal, in one or in pairs, that says what injections
// say.
func (s *Set) encoded(text []byte, w *work) (list []evasion, ok bool) {
	add := func(from, to int, name string, decoded []byte) bool {
		says, ok := s.says(decoded, w)
		if says {
			list = append(list, evasion{from, to, name})
		}
		return ok
	}
	pairs, pairsAt, pairsTo := []byte(nil), 0, 0
	flush := func() bool {
		good := len(pairs) < leastEncoded/2 || add(pairsAt, pairsTo, "hex_encoded_injection", pairs)
		pairs = pairs[:0]
		return good
	}
	t := &s.chars
	for i := 0; i < len(text); {
		if t[text[i]]&inBase64 == 0 {
			i++
			continue
		}
		from, all := i, byte(0xff)
		for i < len(text) && t[text[i]]&inBase64 != 0 {
			all &= t[text[i]]
			i++
		}
		run := text[from:i]
		if len(run) == 2 && all&inHex != 0 {
			if len(pairs) > 0 && from != pairsTo+1 && !flush() {
				return nil, false
			}
			if len(pairs) == 0 {
				pairsAt = from
			}
			pairs, pairsTo = hexed(pairs, run), i
			continue
		}
		if len(pairs) > 0 && !flush() {
			return nil, false
		}
		if len(run) < leastEncoded {
			continue
		}
		var good bool
		if all&inHex != 0 {
			good = add(from, i, "hex_encoded_injection", hexed(nil, run))
		} else {
			for i < len(text) && text[i] == '=' && i-from < len(run)+2 {
				i++
			}
			good = add(from, i, "base64_encoded_injection", unbase64(run))
		}
		if !good {
			return nil, false
		}
	}
	return list, flush()
}

func hexed(dst, run []byte) []byte {
	dst, _ = hex.AppendDecode(dst, run[:len(run)&^1])
	return dst
}

func unbase64(run []byte) []byte {
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(run, "-_") {
		enc = base64.RawURLEncoding
	}
	if len(run)%4 == 1 {
		run = run[:len(run)-1]
	}
	out, err := enc.AppendDecode(nil, run)
	if err != nil {
		return nil
	}
	return out
}

// says reports whether a decoded text says what injections say: a pattern matches, or two
// of their words are there.
func (s *Set) says(text []byte, w *work) (says, ok bool) {
	if len(text) < leastEncoded/2 || !readable(text) {
		return false, true
	}
	hits, ok := s.inject.scan(text, w)
	if !ok || len(hits) > 0 {
		return len(hits) > 0, ok
	}
	lower, n := bytes.ToLower(text), 0
	for _, word := range [...]string{"ignore", "bypass", "override", "reveal", "system", "prompt"} {
		if bytes.Contains(lower, []byte(word)) {
			n++
		}
	}
	return n >= 2, true
}

// readable reports whether nearly all of a text is what one can read.
func readable(text []byte) bool {
	odd := 0
	for i, c := range text {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c >= 0x7f {
			odd++
		}
		if i == 63 && odd > 16 {
			return false
		}
	}
	return odd*10 <= len(text) && utf8.Valid(text)
}

// spaced finds letters of which each stands alone, up to three spaces, dots or dashes from
// the next.
func (s *Set) spaced(text []byte, w *work) (list []evasion, ok bool) {
	t := &s.chars
	var said []byte
	from, to := 0, 0
	flush := func() bool {
		good := true
		if len(said) >= leastSpaced {
			hits, enough := s.closed.scan(said, w)
			if good = enough; len(hits) > 0 {
				list = append(list, evasion{from, to, s.closed.rules[hits[0].rule].name})
			}
		}
		said = said[:0]
		return good
	}
	for i := 1; i+1 < len(text); i++ {
		// In prose it is seldom that a letter has none beside it: all others end here.
		if t[text[i]]&isLetter == 0 || t[text[i-1]]&isLetter != 0 || t[text[i+1]]&isLetter != 0 {
			continue
		}
		if len(said) > 0 && (i-to > 3 || !spacing(text[to:i])) && !flush() {
			return nil, false
		}
		if len(said) == 0 {
			if from = i; i >= 2 && t[text[i-2]]&isLetter != 0 && i == 2 { // the text's first letter, too
				from, said = 0, append(said, text[0])
			}
		}
		said, to = append(said, text[i]), i+1
	}
	if n := len(text); len(said) > 0 && n-1 > to && n-1-to <= 3 && t[text[n-1]]&isLetter != 0 && spacing(text[to:n-1]) {
		said, to = append(said, text[n-1]), n
	}
	return list, flush()
}

func spacing(between []byte) bool {
	for _, c := range between {
		switch c {
		case ' ', '.', '-', '_', '*', '|', '/', ',', '~', '\n', '\t':
		default:
			return false
		}
	}
	return true
}

// targets are words of injections of which a scrambled one is telling.
func targets() []string {
	return []string{"ignore", "bypass", "override", "reveal", "delete", "system", "prompt", "instructions"}
}

// scrambledWords are words of injections that are known with their inner letters in any order.
func scrambledWords() []string {
	return append(targets(), "instruction", "previous", "prior", "above", "disregard", "forget", "rules", "guidelines", "constraints",
		"directives", "restrictions", "safety", "security", "hidden", "secret", "developer", "output", "repeat", "supersede", "jailbreak",
		"disable", "filters", "measures")
}

const (
	leastWord = 5
	mostWord  = 12
)

// unscramble is the word that these letters are of, "" if they are of none or in order.
func (s *Set) unscramble(word []byte) string {
	for _, known := range s.words[word[0]|0x20] {
		if len(known) != len(word) || known[len(known)-1] != word[len(word)-1]|0x20 {
			continue
		}
		var count [26]int8
		same := true
		for i := range word {
			c, k := word[i]|0x20, known[i]
			same = same && c == k
			count[c-'a']++
			count[k-'a']--
		}
		if count == [26]int8{} {
			if same {
				return ""
			}
			return known
		}
	}
	return ""
}

// scrambled finds words whose inner letters are out of order: where putting them in order
// makes an injection, or where two of those words are that telling.
func (s *Set) scrambled(text []byte, w *work) (list []evasion, ok bool) {
	t := &s.chars
	var mended []byte
	var words []evasion
	telling := map[string]bool{}
	for i := 0; i < len(text); {
		if t[text[i]]&isLetter == 0 {
			i++
			continue
		}
		from := i
		for i < len(text) && t[text[i]]&isLetter != 0 {
			i++
		}
		if n := i - from; n < leastWord || n > mostWord || s.words[text[from]|0x20] == nil {
			continue
		}
		known := s.unscramble(text[from:i])
		if known == "" {
			continue
		}
		if mended == nil {
			mended = slices.Clone(text)
		}
		copy(mended[from:i], known)
		words = append(words, evasion{from, i, "typoglycemia"})
		if slices.Contains(targets(), known) {
			telling[known] = true
		}
	}
	if len(telling) >= 2 {
		return words, true
	}
	if mended == nil {
		return nil, true
	}
	hits, ok := s.inject.scan(mended, w)
	if !ok {
		return nil, false
	}
	for _, h := range hits {
		if slices.ContainsFunc(words, func(x evasion) bool { return x.from < h.to && h.from < x.to }) {
			list = append(list, evasion{h.from, h.to, "typoglycemia"})
		}
	}
	return list, true
}
