package llm_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// A sealed thought comes back whole, but for the text that travels beside it.
func TestSeal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		in := llm.Thought{
			Type: llm.ThoughtEncrypted, Text: text.Draw(t, "text"), Signature: text.Draw(t, "signature"),
			Data: text.Draw(t, "data"), ID: text.Draw(t, "id"), Format: text.Draw(t, "format"),
		}
		out, ok := llm.Unseal(llm.Seal(in))
		in.Text = ""
		if !ok || out != in {
			t.Fatalf("%v %+v, want %+v", ok, out, in)
		}
	})
}

func TestUnsealForeign(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "EqQBCkYIBBgCKkA", "tp-thought-1.", "tp-thought-1.%%", "tp-thought-1.bnVsbGw", "tp-thought-1.W10"} {
		if got, ok := llm.Unseal(s); ok && got != (llm.Thought{}) {
			t.Errorf("%q became %+v", s, got)
		}
	}
}

func TestWrapInput(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "input")
		if out := llm.UnwrapInput(llm.WrapInput(in)); out != in {
			t.Fatalf("%q, want %q", out, in)
		}
	})
	if got := llm.UnwrapInput("*** Begin Patch"); got != "*** Begin Patch" {
		t.Errorf("text that was not wrapped became %q", got)
	}
}
