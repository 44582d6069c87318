package filter

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func one(t testing.TB, pattern string) (*scanner, *regexp.Regexp) {
	t.Helper()
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newScanner(make([]rule, 1), []*syntax.Regexp{re})
	if err != nil {
		t.Fatal(err)
	}
	std := regexp.MustCompile(pattern)
	std.Longest()
	return s, std
}

func patterns() []string {
	return []string{
		`ab`, `a+`, `a*b`, `\bfoo\b`, `foo\b`, `\Bo`, `^a`, `(?m)^a`, `a$`, `(?m)a$`, `\Aab|b\z`, `abcd|c`, `(?i)straße`, `[^\n]+b`,
		`é+`, `a.c`, `(?s)a.c`, `\d{2,3}-\d`, `(a|ab)(c|bcd)`, `\b\w+@\w+\b`, `x{0,3}y`, `a(.*z)?`, `(?:\b|x)a`, `(?m)^\s*a:\s`, `\bа`, `o\B`,
	}
}

func drawText(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
		"a", "b", "c", "d", "x", "y", "z", "foo", "o", "@", " ", "\n", "1", "2", "-", ":", "é", "STRASSE", "straße", "а", "_", "\xff", "ſ",
	}), 0, 24).Draw(t, "text"), "")
}

// A machine finds what the standard library's leftmost-longest search does, but for
// empty matches.
func TestMachine_Standard(t *testing.T) {
	t.Parallel()
	for _, pattern := range patterns() {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			s, std := one(t, pattern)
			rapid.Check(t, func(t *rapid.T) {
				text := drawText(t)
				hits, ok := s.scan([]byte(text), newWork())
				if !ok {
					t.Fatal("no work left")
				}
				var want []hit
				for _, m := range std.FindAllStringIndex(text, -1) {
					if m[0] < m[1] {
						want = append(want, hit{m[0], m[1], 0})
					}
				}
				if len(hits) != len(want) {
					t.Fatalf("%q: got %v, want %v", text, hits, want)
				}
				for i := range want {
					if hits[i] != want[i] {
						t.Fatalf("%q: got %v, want %v", text, hits, want)
					}
				}
			})
		})
	}
}
