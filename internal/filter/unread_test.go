package filter_test

import (
	"net/http"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The caller's bytes go to a vendor of the same language as they are: they must not say
// behind a parser's back what a filter would have found.
func TestPolicy_NothingHidesInTheCallersBytes(t *testing.T) {
	t.Parallel()
	s := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Block})
	for name, body := range map[string]string{
		"two members say the same": `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"I am ` + who + `","refusal":"hi"}]}]}`,
		"a member nobody knows":    `{"model":"m","messages":[{"role":"user","content":"hi","odd":{"a":["` + who + `"]}}]}`,
		"the name of one":          `{"model":"m","messages":[{"role":"user","content":"hi","` + who + `":1}]}`,
		"behind an escape":         `{"model":"m","messages":[{"role":"user","content":"hi","odd":"jane\u0040corp.example"}]}`,
		"what an image says":       `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"},"text":"` + who + `"}]}]}`,
		"a transcript":             `{"model":"m","messages":[{"role":"user","content":"hi","audio":{"id":"a","transcript":"` + who + `"}}]}`,
		"behind a data URI":        `{"model":"m","messages":[{"role":"user","content":"hi","odd":"data:,` + who + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := chat.Client().Parse([]byte(body), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Begin().Request(req); err == nil && req.Source != nil {
				t.Error("it goes out as it came")
			}
		})
	}
	t.Run("a citation", func(t *testing.T) {
		t.Parallel()
		body := `{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"text","text":"x","citations":[{"type":"char_location","cited_text":"` + who + `"}]}]},{"role":"user","content":"hi"}]}`
		req, err := messages.Client().Parse([]byte(body), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Begin().Request(req); err == nil && req.Source != nil {
			t.Error("it goes out as it came")
		}
	})
	t.Run("what stays here, and what was read", func(t *testing.T) {
		t.Parallel()
		body := `{"model":"m","user":"` + who + `","metadata":{"who":"` + who + `"},"messages":[{"role":"user","content":[{"type":"text","text":"hi"},` +
			`{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],"tools":[{"type":"function","function":{"name":"f","description":"mails ` + who + `"}}]}`
		req, err := chat.Client().Parse([]byte(body), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Begin().Request(req); err != nil || req.Source == nil {
			t.Errorf("%v: it does not go out as it came", err)
		}
	})
}

// Log probabilities of a text that waits, or was redacted, do not come with another one.
func TestPolicy_LogprobsOfWhatIsHeldBack(t *testing.T) {
	t.Parallel()
	s := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact, Scope: filter.Output})
	of := jsontext.Value(`{"content":[{"token":"` + who + `"},{"token":" is it"}]}`)
	for name, list := range map[string][]llm.Event{
		"with nothing":             {{Kind: llm.TextDelta, Text: who}, {Kind: llm.TextDelta, Logprobs: of}},
		"with the last of several": {{Kind: llm.TextDelta, Text: who + " "}, {Kind: llm.TextDelta, Text: "is it ", Logprobs: of}},
	} {
		list = append([]llm.Event{{Kind: llm.BlockOpen, Open: llm.BlockText}}, list...)
		a := s.Begin().Answer(&chunks{list: []llm.Chunk{{Events: list}}}, false, false)
		c, err := a.Next()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Events {
			if e.Logprobs != nil {
				t.Errorf("%s: %s", name, e.Logprobs)
			}
		}
	}
}
