package chat_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
)

// The beginning of an answer is marked as the vendor wants it, in the caller's own bytes
// and in a body that is made anew (CR-05).
func TestPrefill(t *testing.T) {
	t.Parallel()
	const marked, final = `"content":"It is","%s":true}]`, `"add_generation_prompt":false,"continue_final_message":true`
	for _, x := range []struct {
		quirk, target dialect.Prefill
		want          string // a part of the body; "": no mark
		more          string
	}{
		{"", "", "", ""},
		{dialect.PrefillPlain, "", "", ""},
		{dialect.PrefillPrefix, "", fmt.Sprintf(marked, "prefix"), ""},
		{dialect.PrefillPartial, "", fmt.Sprintf(marked, "partial"), ""},
		{dialect.PrefillFinal, "", final, ""},
		{dialect.PrefillFinal, "", `"continue_final_message":false`, `,"continue_final_message":false`}, // the caller knows better
		{"", dialect.PrefillPrefix, fmt.Sprintf(marked, "prefix"), ""},
		{"", dialect.PrefillFinal, final, ""},
		{dialect.PrefillPrefix, dialect.PrefillNone, "", ""},
	} {
		for _, last := range []string{`{"role":"assistant","content":"It is"}`, `{"role":"user","content":"Go on"}`} {
			for _, own := range []bool{true, false} {
				body := `{"model":"a/b","messages":[{"role":"user","content":"Is it?"},` + last + `]` + x.more + `}`
				req, err := chat.Client().Parse([]byte(body), http.Header{})
				if err != nil {
					t.Fatal(err)
				}
				if !own {
					req.Source = nil
				}
				call, err := chat.Upstream(chat.Quirks{Prefill: x.quirk}).Encode(req, dialect.Target{Model: "m", Prefill: x.target})
				if err != nil {
					t.Fatal(err)
				}
				got := string(call.Body)
				begun := strings.Contains(last, "assistant")
				switch {
				case begun && !strings.Contains(got, x.want), x.more != "" && strings.Count(got, "continue_final_message") != 1:
					t.Errorf("%+v, own %v: %s", x, own, got)
				case (x.want == "" || !begun) && x.more == "" && (strings.Contains(got, "prefix") || strings.Contains(got, "partial") || strings.Contains(got, "final")):
					t.Errorf("%+v, own %v: marked: %s", x, own, got)
				}
			}
		}
	}
}

func TestContinues(t *testing.T) {
	t.Parallel()
	some := map[string]bool{"temperature": true}
	for _, x := range []struct {
		name        string
		q           chat.Quirks
		to          dialect.Target
		yes, thinks bool
	}{
		{"not known", chat.Quirks{}, dialect.Target{}, false, false},
		{"told that it cannot", chat.Quirks{Prefill: dialect.PrefillNone}, dialect.Target{}, false, false},
		{"without a switch", chat.Quirks{Prefill: dialect.PrefillPlain}, dialect.Target{}, true, false},
		{"levels without none", chat.Quirks{Prefill: dialect.PrefillPlain, ReasoningAs: chat.ReasoningEffort, Efforts: []string{"low"}}, dialect.Target{}, true, false},
		{"levels with none", chat.Quirks{Prefill: dialect.PrefillPlain, ReasoningAs: chat.ReasoningEffort, Efforts: []string{"none", "high"}}, dialect.Target{}, true, true},
		{"a switch", chat.Quirks{Prefill: dialect.PrefillPlain, ReasoningAs: chat.ReasoningThinking}, dialect.Target{}, true, true},
		{"a switch that the endpoint does not take", chat.Quirks{Prefill: dialect.PrefillPlain, ReasoningAs: chat.ReasoningThinking}, dialect.Target{Accepts: some}, true, false},
	} {
		u := chat.Upstream(x.q)
		if got := u.Continues(x.to, false); got != x.yes {
			t.Errorf("%s: %v", x.name, got)
		}
		if got := u.Continues(x.to, true); got != x.thinks {
			t.Errorf("%s, if it thinks: %v", x.name, got)
		}
	}
}
