package dialect_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		typ   llm.Type
		fault llm.Fault
	}{
		200: {llm.TypeUnavailable, llm.FaultUpstream},
		302: {llm.TypeUnavailable, llm.FaultUpstream}, // F11
		400: {llm.TypeInvalidRequest, llm.FaultCaller},
		401: {llm.TypeUnavailable, llm.FaultCredential}, // F18
		402: {llm.TypeUnavailable, llm.FaultCredential}, // F19
		403: {llm.TypeUnavailable, llm.FaultCredential},
		404: {llm.TypeNotFound, llm.FaultMissing}, // F20
		408: {llm.TypeTimeout, llm.FaultTimeout},
		410: {llm.TypeNotFound, llm.FaultMissing},
		413: {llm.TypePayloadTooLarge, llm.FaultUnsuited},
		418: {llm.TypeUnavailable, llm.FaultUpstream},
		422: {llm.TypeUnprocessable, llm.FaultCaller},
		429: {llm.TypeRateLimit, llm.FaultBusy}, // F12
		500: {llm.TypeUnavailable, llm.FaultUpstream},
		502: {llm.TypeUnavailable, llm.FaultUpstream}, // F14
		503: {llm.TypeOverloaded, llm.FaultOverloaded},
		504: {llm.TypeTimeout, llm.FaultTimeout},
		524: {llm.TypeTimeout, llm.FaultTimeout},
		529: {llm.TypeOverloaded, llm.FaultOverloaded}, // F15
	} {
		if typ, fault := dialect.Classify(status); typ != want.typ || fault != want.fault {
			t.Errorf("%d: %s fault %d, want %s fault %d", status, typ, fault, want.typ, want.fault)
		}
	}
}

// What a caller must never see as is: our access to a provider (R4).
func TestClassifyNeverBlamesTheCaller(t *testing.T) {
	t.Parallel()
	for status := range 1000 {
		typ, _ := dialect.Classify(status)
		switch typ.Status() {
		case 401, 402, 403:
			t.Errorf("%d becomes %d", status, typ.Status())
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	seen := map[string]llm.Fault{}
	for f := llm.FaultCaller; f <= llm.FaultTimeout; f++ {
		if f == llm.FaultGone {
			continue // nobody is left to be told
		}
		text := dialect.Explain(f)
		if other, ok := seen[text]; ok || text == "" {
			t.Errorf("fault %d is told as fault %d is: %q", f, other, text)
		}
		seen[text] = f
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          "",
		" \n\t ":                    "",
		"too\r\nlong\x00\x1b[31m":   "too long [31m",
		"bad \xff byte":             "bad \uFFFD byte",
		strings.Repeat("é", 500):    strings.Repeat("é", 500),
		strings.Repeat("é", 501):    strings.Repeat("é", 499) + "…",
		strings.Repeat("\xff", 900): strings.Repeat("\uFFFD", 1), // a run of bad bytes is one replacement
	} {
		if got := dialect.Quote(in); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
