package relay

import (
	"errors"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	const own = "operator/own+key-0123456789abcdWXYZ"
	for text, want := range map[string]string{
		"nothing to hide":                "nothing to hide",
		"":                               "",
		"the key " + own + " is refused": "the key [key] is refused",
		"the key oper********************WXYZ is refused":   "the key [key] is refused",
		"Your api key: ****WXYZ is invalid":                 "Your api key: [key] is invalid",
		"key opera...WXYZ.":                                 "key [key].",
		"key operat...":                                     "key [key]...",
		"Incorrect API key provided: sk-abc***.":            "Incorrect API key provided: [key].",
		"Incorrect API key provided: sk-proj-**********f3A": "Incorrect API key provided: [key]",
		`{"key":"sk-or-v1-0123456789abcdef"}`:               `{"key":"[key]"}`,
		"key=sk-ant-api03-aB3dEfGhIjKlMnOp, org=org-1":      "key=[key], org=org-1",
		"for AKIAIOSFODNN7EXAMPLE in eu-west-1":             "for [key] in eu-west-1",
		"consumer AIzaSyA-0123456789abcdefghijklmnopqrstu":  "consumer [key]",
		"Authorization: Bearer a/b+c0123456=, retry":        "Authorization: Bearer [key], retry",
		"Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln":  "Bearer [key]",
		"Bearer authentication is required":                 "Bearer authentication is required",
		"Bearer token missing":                              "Bearer token missing",
		"messages.2.content.0: **required** field":          "messages.2.content.0: **required** field",
		"gpt-4o-mini-2024-07-18 and sk-learn are no keys":   "gpt-4o-mini-2024-07-18 and sk-learn are no keys",
		"the tool toolu_01A09q90qw90lq917835lq9 is unknown": "the tool toolu_01A09q90qw90lq917835lq9 is unknown",
		"wait... 20.5 s *** and \u00e9t\u00e9 \xff":         "wait... 20.5 s *** and \u00e9t\u00e9 \xff",
	} {
		if got := scrub(text, []string{own, "short", ""}); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestWithhold(t *testing.T) {
	t.Parallel()
	cause := errors.New("dial: refused")
	plain := &llm.Error{Type: llm.TypeInvalidRequest, Message: "no", ProviderCode: "400", Err: cause}
	if got := withhold(plain, []string{"operator-key"}); got != plain {
		t.Errorf("%+v", got)
	}
	e := &llm.Error{Type: llm.TypeInvalidRequest, Message: "operator-key", ProviderCode: "operator-key", Err: errors.New("x operator-key")}
	got := withhold(e, []string{"operator-key"})
	if got.Message != "[key]" || got.ProviderCode != "[key]" || got.Err.Error() != "x [key]" || got.Type != e.Type || e.Message != "operator-key" {
		t.Errorf("%+v of %+v", got, e)
	}
	e = &llm.Error{Message: "operator-key", Err: cause}
	if got := withhold(e, []string{"operator-key"}); !errors.Is(got, cause) {
		t.Error("a clean cause was lost")
	}
}

// Whatever an upstream says, the operator's key is not in it.
func FuzzScrub(f *testing.F) {
	f.Add("Bearer sk-abc*** operator-key", "operator-key")
	f.Add("bearer  a/b operator...key. AKIA", "operator-key")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := scrub(text, []string{secret})
		if len(secret) >= leastSecret && !strings.ContainsAny(secret, withheld) && strings.Contains(got, secret) {
			t.Errorf("%q with %q became %q", text, secret, got)
		}
	})
}
