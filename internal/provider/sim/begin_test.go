package sim_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

// beginning is a conversation that ends in what the model is to have said; chat marks it
// where marked is set.
func beginning(dialect, asked, begun string, marked bool) members {
	said := func(user, assistant string) string { return "[" + user + "," + assistant + "]" }
	plain := func(mark string) string {
		return said(`{"role":"user","content":`+quote(asked)+`}`, `{"role":"assistant","content":`+quote(begun)+mark+`}`)
	}
	switch dialect {
	case "gemini":
		return members{"contents": said(`{"role":"user","parts":[{"text":`+quote(asked)+`}]}`, `{"role":"model","parts":[{"text":`+quote(begun)+`}]}`)}
	case "converse":
		return members{"messages": said(`{"role":"user","content":[{"text":`+quote(asked)+`}]}`, `{"role":"assistant","content":[{"text":`+quote(begun)+`}]}`)}
	case "responses":
		return members{"input": plain("")}
	case "chat":
		if marked {
			return members{"messages": plain(`,"prefix":true`)}
		}
	}
	return members{"messages": plain("")}
}

// What a last message of the model's begins is gone on with, by the dialects whose
// vendors do so.
func TestBeginnings(t *testing.T) {
	t.Parallel()
	const asked, rest = "one two  three\nfour", "  three\nfour"
	for _, dialect := range dialects {
		for _, begun := range []string{"one two", "something else"} {
			for _, marked := range []bool{true, false} {
				for _, stream := range []bool{true, false} {
					t.Run(strings.Join([]string{dialect, begun, strconv.FormatBool(marked), strconv.FormatBool(stream)}, "/"), func(t *testing.T) {
						t.Parallel()
						q := request{dialect: dialect, stream: stream, model: "echo", extra: beginning(dialect, asked, begun, marked)}
						r := ask(t, q)
						if r.status != http.StatusOK {
							t.Fatalf("%d: %s", r.status, r.body)
						}
						want := asked
						if begun == "one two" && (dialect == "messages" || dialect == "gemini" || dialect == "converse" || dialect == "chat" && marked) {
							want = rest
						}
						got := listen(q, r.body)
						if got.text != want || got.completion != strconv.Itoa(sim.Tokens(want)) {
							t.Errorf("%+v, want %q", got, want)
						}
					})
				}
			}
		}
	}
}

// Anthropic and Bedrock refuse a beginning that ends in white space, and one where the
// model is to think.
func TestBadBeginnings(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"messages", "converse"} {
		r := ask(t, request{dialect: dialect, model: "echo", extra: beginning(dialect, "one two", "one ", false)})
		if r.status != http.StatusBadRequest || !strings.Contains(string(r.body), "trailing whitespace") {
			t.Errorf("%s: %d %s", dialect, r.status, r.body)
		}
		r = ask(t, request{dialect: dialect, model: "echo", extra: both(beginning(dialect, "one two", "one", false), thinkingOn(dialect))})
		if r.status != http.StatusBadRequest || !strings.Contains(string(r.body), "thinking") {
			t.Errorf("%s: %d %s", dialect, r.status, r.body)
		}
	}
}
