package relay

import (
	"errors"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// withheld stands for what no error tells.
const withheld = "[key]"

// leastSecret is from how many bytes on a text is taken to be a secret: a shorter
// one may be a word.
const leastSecret = 8

// withhold is the error without what the operator's credential consists of: some
// upstreams repeat what they were sent, whole or in part (R8). Other people's keys
// do not come along either.
func withhold(e *llm.Error, secrets []string) *llm.Error {
	out := *e
	out.Message, out.ProviderCode = scrub(e.Message, secrets), scrub(e.ProviderCode, secrets)
	changed := out.Message != e.Message || out.ProviderCode != e.ProviderCode
	if e.Err != nil {
		cause := e.Err.Error()
		if clean := scrub(cause, secrets); clean != cause {
			out.Err, changed = errors.New(clean), true
		}
	}
	if !changed {
		return e
	}
	return &out
}

// scrub is a text without the secrets, and without words that look like a key or
// like what a vendor leaves of a secret (sk-pr*****wxyz).
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= leastSecret {
			text = strings.ReplaceAll(text, s, withheld)
		}
	}
	var clean []byte
	done, before := 0, ""
	for at := 0; at < len(text); {
		if !inWord(text[at]) {
			at++
			continue
		}
		end := at
		for end < len(text) && inWord(text[end]) {
			end++
		}
		word := strings.TrimRight(text[at:end], ".")
		bearer := strings.EqualFold(before, "bearer")
		if bearer { // the token may have characters that end a word
			for end < len(text) && !strings.ContainsRune(" \t\r\n\"'`,;)}", rune(text[end])) {
				end++
			}
			word = strings.TrimRight(text[at:end], ".")
		}
		if isKey(word) || bearer && isToken(word) || slices.ContainsFunc(secrets, func(s string) bool { return leaves(text[at:end], s) }) {
			clean = append(append(clean, text[done:at]...), withheld...)
			done = at + len(word)
		}
		at, before = end, word
	}
	if clean == nil {
		return text
	}
	return string(append(clean, text[done:]...))
}

func inWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '*' || c == '.'
}

const digits = "0123456789"

// isKey reports whether a word has the form of a vendor's key: a prefix, and behind
// it what no word of a language has.
func isKey(word string) bool {
	for _, p := range []struct {
		prefix string
		least  int // bytes in all
	}{
		{"sk-", 16},
		{"sk_", 16},
		{"rk_", 16},
		{"csk-", 20},
		{"gsk_", 20},
		{"hf_", 20},
		{"r8_", 20},
		{"xai-", 40},
		{"nvapi-", 30},
		{"pplx-", 30},
		{"fw_", 20},
		{"tgp_v1_", 20},
		{"AIza", 30},
		{"ya29.", 20},
		{"ABSK", 30},
		{"AKIA", 20},
		{"ASIA", 20},
		{"eyJ", 40}, // a JSON web token
	} {
		rest, ok := strings.CutPrefix(word, p.prefix)
		if ok && (strings.Contains(rest, "**") || len(word) >= p.least && strings.ContainsAny(rest, digits)) {
			return true
		}
	}
	return false
}

// isToken tells what follows "Bearer" from a word about it.
func isToken(word string) bool {
	return len(word) >= leastSecret && strings.ContainsAny(word, digits+"*") && word != withheld
}

// leaves reports whether a word is a secret with its middle left out.
func leaves(word, secret string) bool {
	const least = 3
	if len(secret) < leastSecret {
		return false
	}
	gap := strings.IndexByte(word, '*')
	if dots := strings.Index(word, ".."); dots >= 0 && (gap < 0 || dots < gap) {
		gap = dots
	}
	if gap < 0 {
		return false
	}
	head, tail := word[:gap], strings.Trim(word[gap:], "*.")
	return len(head) >= least && strings.HasPrefix(secret, head) || len(tail) >= least && strings.HasSuffix(secret, tail)
}
