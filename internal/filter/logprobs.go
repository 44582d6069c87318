package filter

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// tells reports whether log probabilities are of nothing but words of a text: some vendors
// give those of several texts with the last of them, or with one that says nothing.
func tells(logprobs jsontext.Value, text string) bool {
	if len(logprobs) == 0 {
		return true
	}
	type token struct {
		Token string `json:"token"`
	}
	var of struct {
		Content []token `json:"content"`
		Refusal []token `json:"refusal"`
	}
	if json.Unmarshal(logprobs, &of) != nil {
		return false
	}
	var said strings.Builder
	for _, t := range append(of.Content, of.Refusal...) {
		said.WriteString(t.Token)
	}
	return strings.Contains(text, said.String())
}
