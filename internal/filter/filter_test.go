package filter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/filter"
)

func code(err error) string {
	if e, ok := errors.AsType[*filter.Error](err); ok {
		return e.Field + " " + e.Code
	}
	return ""
}

// GR-06: what a custom pattern may be.
func TestGR06_Patterns(t *testing.T) {
	t.Parallel()
	for pattern, text := range map[string]string{
		`\b(sk-[a-zA-Z0-9]{8})\b`:         "sk-abcd1234",
		`PROJ-\d{4,6}`:                    "PROJ-12345",
		`AKIA[0-9A-Z]{16}`:                "AKIAIOSFODNN7EXAMPLE",
		`https?:\/\/internal\.co\S*`:      "https://internal.co/x?y",
		`\u0041\u{1F600}`:                 "A\U0001F600",
		`[^]b`:                            "\nb",
		`(?<year>\d{4})`:                  "2024",
		`[[]x`:                            "[x",
		`\cJ`:                             "\n",
		`a\0b`:                            "a\x00b",
		`(?:\d{3}-)+`:                     "123-456-",
		`^secret$`:                        "secret",
		strings.Repeat("abcdefghij", 300): strings.Repeat("abcdefghij", 300),
		`(?i)straße`:                      "STRASSE",
		`[[:alpha:]]`:                     ":]",
		`a{`:                              "a{",
		`\p{L}+`:                          "é",
		`x*`:                              "xx",
		`\w+@\w+`:                         "a@b",
		"[\u4e00-\u9fff]{2}":              "日本",
		`(a|b)c{2,}`:                      "bccc",
		`(?:foo|bar)\s+\d+(?:\.\d+)?`:     "foo  1.5",
	} {
		e := filter.Entry{Pattern: pattern, Action: filter.Redact, Label: "#"}
		if err := e.Check(); err != nil {
			t.Errorf("%.60q: %v", pattern, err)
			continue
		}
		want := "<#>"
		switch pattern {
		case `(?i)straße`, `^secret$`:
			want = "<" + text + ">"
		case `https?:\/\/internal\.co\S*`:
			want = "<#"
		}
		if got := redacted(t, compile(t, e), "<"+text+">"); got != want {
			t.Errorf("%.60q: got %.60q", pattern, got)
		}
	}
	for _, pattern := range []string{
		`(?=x)`, `(?!x)`, `(?<=x)y`, `(?<!x)y`, `(a)\1`, `(?<n>a)\k<n>`, `(a+)+`, `(a*)*`, `([a-z]+\.)+x`, `(a+b?){2,}`, `(`, `[a`, `a{2,1}`, `*a`, `a{1001}`, `((a{100}){100}){9}`,
		strings.Repeat("ab", 50_001), "\xff", `\b`, `()`, strings.Repeat("(?:[a-z]|[0-9])", 6000), strings.Repeat(`[\pLx]`, 40),
	} {
		e := filter.Entry{Pattern: pattern, Action: filter.Block}
		if got := code(e.Check()); got != "pattern "+filter.CodePattern {
			t.Errorf("%.60q: got %q", pattern, got)
		}
	}
}

// What else is refused of an entry.
func TestEntry_Check(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]filter.Entry{
		"pattern ":    {Action: filter.Block},
		"slug ":       {Slug: "e-mail", Action: filter.Block},
		"action ":     {Slug: filter.Email},
		"label ":      {Pattern: "a", Action: filter.Block, Label: strings.Repeat("é", 101)},
		"scan_scope ": {Slug: filter.Email, Action: filter.Block, Scan: filter.ScanUser},
		"scope ":      {Slug: filter.Injection, Action: filter.Block, Scope: filter.Both},
		"reversible ": {Slug: filter.Email, Action: filter.Block, Reversible: true},
	} {
		if got := code(e.Check()); got != want {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
	for _, e := range []filter.Entry{
		{Slug: filter.Email, Pattern: "a", Action: filter.Flag},
		{Slug: filter.Injection, Action: filter.Flag, Scan: "nobody"},
		{Slug: filter.Email, Action: filter.Flag, Scope: "none"},
		{Slug: filter.Email, Action: "drop"},
		{Pattern: "a", Action: filter.Block, Label: "a\nb"},
		{Slug: filter.Email, Action: filter.Redact, Reversible: true, Scope: filter.Output},
		{Slug: filter.Injection, Action: filter.Redact, Reversible: true},
	} {
		if e.Check() == nil {
			t.Errorf("%+v: no error", e)
		}
	}
	for _, allow := range [][]string{{""}, {strings.Repeat("x", 1001)}, slices.Repeat([]string{"x"}, 201)} {
		if _, err := filter.Compile(allow, []filter.Entry{{Slug: filter.Injection, Action: filter.Flag}}); code(err) != "allowlist " {
			t.Errorf("%d phrases: %v", len(allow), err)
		}
	}
	var many []filter.Entry
	for i := range 10 {
		many = append(many, filter.Entry{Pattern: strings.Repeat("a", 3000+i), Action: filter.Flag})
	}
	if _, err := filter.Compile(nil, many); code(err) != "pattern "+filter.CodePattern {
		t.Errorf("too much together: %v", err)
	}
}

// GR-03: filters of several levels unite; the strongest action is taken.
func TestGR03_Merge(t *testing.T) {
	t.Parallel()
	flag := filter.Entry{Slug: filter.Email, Action: filter.Flag, From: filter.Origin{ID: "g1"}}
	redact := filter.Entry{Slug: filter.Email, Action: filter.Redact, From: filter.Origin{ID: "g2"}, Reversible: true}
	final := filter.Entry{Slug: filter.Email, Action: filter.Redact, From: filter.Origin{ID: "g3"}}
	block := filter.Entry{Pattern: "x", Action: filter.Block, Label: "[X]", Scope: filter.Both}
	noted := filter.Entry{Pattern: "x", Action: filter.Flag, Scope: filter.Output}
	users := filter.Entry{Slug: filter.Injection, Action: filter.Block, Scan: filter.ScanUser}
	everybody := filter.Entry{Slug: filter.Injection, Action: filter.Flag}
	for _, order := range [][][]filter.Entry{{{flag, noted, users}, {redact, block}, {final, everybody}}, {{everybody, final}, {block, redact}, {users, noted, flag}}} {
		got := filter.Merge(order...)
		find := func(slug filter.Slug, pattern string, scope filter.Scope) (e filter.Entry) {
			n := 0
			for _, x := range got {
				if x.Slug == slug && x.Pattern == pattern && x.Scope == scope {
					e = x
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s%s %s is there %d times", slug, pattern, scope, n)
			}
			return e
		}
		if len(got) != 4 {
			t.Errorf("%d entries", len(got))
		}
		if e := find(filter.Email, "", filter.Input); e.Action != filter.Redact || e.Reversible || e.From.ID == "g1" {
			t.Errorf("email: %+v", e)
		}
		if e := find("", "x", filter.Input); e.Action != filter.Block {
			t.Errorf("x in: %+v", e)
		}
		if e := find("", "x", filter.Output); e.Action != filter.Block || e.Label != "[X]" {
			t.Errorf("x out: %+v", e)
		}
		if e := find(filter.Injection, "", filter.Input); e.Action != filter.Block || e.Scan != filter.ScanAll {
			t.Errorf("injection: %+v", e)
		}
	}
}

// Sets are shared by those who have the same filters.
func TestSets(t *testing.T) {
	t.Parallel()
	var sets filter.Sets
	mail := []filter.Entry{{Slug: filter.Email, Action: filter.Flag}}
	a, err := sets.Of(nil, mail)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := sets.Of(nil, nil, mail)
	c, _ := sets.Of([]string{"x"}, mail)
	if a != b || a == c || a.Digest() == c.Digest() {
		t.Error("the same filters are not the same set, or others are")
	}
	if none, err := sets.Of(nil); none != nil || err != nil {
		t.Errorf("nothing: %v, %v", none, err)
	}
	for i := range 100 {
		if _, err := sets.Of(nil, []filter.Entry{{Pattern: strings.Repeat("a", i+1), Action: filter.Flag}}); err != nil {
			t.Fatal(err)
		}
	}
	if again, _ := sets.Of(nil, mail); again == a {
		t.Error("kept for ever")
	}
}

// S62: no text makes any filter slow. What ten MiB of the worst texts cost is measured in
// BenchmarkWorst; here it is that all of them come to an end, and what too much is told.
func TestS62_Bounded(t *testing.T) {
	t.Parallel()
	builtins := compile(t, all(filter.Input)...)
	for name, text := range worst(256 << 10) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := builtins.Begin().Text(text); err != nil {
				t.Error(err)
			}
		})
	}
	explodes := compile(t, filter.Entry{Pattern: `[ab]*a[ab]{40}c`, Action: filter.Redact})
	var b strings.Builder
	for i := uint64(1); b.Len() < 4<<20; i = i*6364136223846793005 + 1442695040888963407 {
		b.WriteByte("ab"[i>>63])
	}
	began := time.Now()
	_, err := explodes.Begin().Text(b.String())
	t.Logf("a pattern whose states explode: %v after %s", err, time.Since(began))
	if err == nil || !strings.Contains(err.Error(), "shorten it") {
		t.Errorf("got %v", err)
	}
}

// worst are texts that cost the most.
func worst(n int) map[string]string {
	r := func(s string) string { return strings.Repeat(s, n/len(s)) }
	return map[string]string{
		"letters": r("a"), "digits": r("1"), "digits with dashes": r("1-"), "phones": r("914-309-4996 "), "cards": r("4111 1111 1111 1111 "), "half a card": r("4111 1111 1111 1112 "),
		"at signs": r("@"), "addresses": r("a@b.com "), "half an address": r("a@b.c1"), "dots": r("a."), "colons": r(":"), "hex": r("f:"), "IPs": r("1.1.1.1 "), "names": r("John Smith "),
		"titles": r("Dr. Ann Bo "), "streets": r("1 Main St, "), "half a street": r("1 A B C D "), "injections": r("ignore previous instructions "), "half of them": r("ignore all "),
		"base64": r("aWdub3JlIGFsbCBwcmV2aW91cyBpbnN0cnVjdGlvbnM="), "hex pairs": r("69 67 6e "), "spaced": r("i g n o r e "), "scrambled": r("ignroe prevoius "), "tags": r("< system "),
		"spaces": r(" "), "lines": r("\n"), "no UTF-8": r("\xff"), "many kinds": r("é日😀"), "you are now": r("you are now a "), "DAN": r("DAN "), "greetings": r("Dear "),
	}
}

func BenchmarkWorst(b *testing.B) {
	s := compile(b, all(filter.Input)...)
	for name, text := range worst(10 << 20) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := s.Begin().Text(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
