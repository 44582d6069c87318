package filter_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func ofParts(parts ...llm.Part) *llm.Request {
	return &llm.Request{Input: &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: parts}}}}
}

// What is found where texts of a message meet is found, wherever they are cut.
func TestPolicy_AcrossTexts(t *testing.T) {
	t.Parallel()
	redacts := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact})
	blocks := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Block})
	text := "I am " + who + " indeed, "
	long := strings.Repeat("so it goes, ", 100)
	for at := 1; at < len(text); at++ {
		for name, list := range map[string][]llm.Part{
			"two":         {{Text: text[:at]}, {Text: text[at:]}},
			"long ones":   {{Text: long + text[:at]}, {Text: text[at:] + long}, {Text: "."}},
			"letters":     {{Text: text[:at]}, {Text: text[at : at+1]}, {Text: ""}, {Text: text[at+1:]}},
			"in a result": {{Kind: llm.PartResult, Result: &llm.ToolResult{Parts: []llm.Part{{Text: text[:at]}, {Text: text[at:]}}}}},
		} {
			req := ofParts(list...)
			if err := redacts.Begin().Request(req); err != nil {
				t.Fatal(err)
			}
			said := ""
			for _, p := range req.Input.Messages[0].Parts {
				said += p.Text
				if p.Result != nil {
					for _, q := range p.Result.Parts {
						said += q.Text
					}
				}
			}
			if strings.Contains(said, who) || strings.Contains(said, "corp") || strings.Count(said, "[EMAIL]") != 1 {
				t.Errorf("%s at %d: %q", name, at, said)
			}
			err := blocks.Begin().Request(ofParts(list...))
			if _, blocked := errors.AsType[*filter.BlockedError](err); !blocked {
				t.Errorf("%s at %d: not blocked", name, at)
			}
		}
	}
	mark := &llm.CacheMark{TTL: "1h"}
	list := []llm.Part{{Text: "a"}, {Text: "b", Cache: mark}, {Text: who}, {Kind: llm.PartImage, Media: &llm.Media{URL: "https://x"}}, {Text: "c"}}
	req := ofParts(list...)
	if err := redacts.Begin().Request(req); err != nil || len(req.Input.Messages[0].Parts) != len(list) { // what stands beside an address is none of it
		t.Errorf("%v %+v", err, req.Input.Messages[0].Parts)
	}
	if list[0].Text != "a" || list[2].Text != who {
		t.Error("what was given is changed")
	}
}

// A document that is text is looked at as a text is.
func TestPolicy_TextDocuments(t *testing.T) {
	t.Parallel()
	s := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact})
	file := func(text string) llm.Part {
		return llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "text/plain", Data: base64.StdEncoding.EncodeToString([]byte(text))}}
	}
	req := ofParts(file("It is "+who+"."), file("%PDF-1.7 "+who), file("\xff"+who), llm.Part{Kind: llm.PartFile, Media: &llm.Media{Data: "?"}})
	if err := s.Begin().Request(req); err != nil {
		t.Fatal(err)
	}
	want := []llm.Part{file("It is [EMAIL]."), file("%PDF-1.7 " + who), file("\xff" + who), {Kind: llm.PartFile, Media: &llm.Media{Data: "?"}}}
	if d := cmp.Diff(want, req.Input.Messages[0].Parts); d != "" {
		t.Error(d)
	}
}
