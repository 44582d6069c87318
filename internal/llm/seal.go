package llm

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json"
)

// sealed marks a thought that was put into one opaque text.
const sealed = "tp-thought-1."

// Seal puts a thought into one opaque text, for dialects that carry foreign
// thoughts in a single member only: Anthropic's `signature` and redacted `data`,
// OpenAI's `encrypted_content`. Text that the dialect shows beside it is left out.
// It hides nothing: the caller has been told all of it, or could not read it.
func Seal(t Thought) string {
	t.Text = ""
	text, err := json.Marshal(&t)
	if err != nil { // bytes that are no UTF-8: nothing a vendor would know again
		return ""
	}
	return sealed + base64.RawURLEncoding.EncodeToString(text)
}

// Unseal is the thought that a text of [Seal] holds; ok is false for any other.
func Unseal(s string) (t Thought, ok bool) {
	text, ok := strings.CutPrefix(s, sealed)
	if !ok {
		return t, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &t) != nil {
		return Thought{}, false
	}
	return t, true
}

// custom is how a custom tool's free text travels where tools take JSON alone.
type custom struct {
	Input string `json:"input"`
}

// CustomParameters is the schema under which a custom tool is offered as a
// function.
const CustomParameters = `{"type":"object","properties":{"input":{"type":"string","description":"The tool's input, as free text."}},"required":["input"],"additionalProperties":false}`

// WrapInput is a custom tool's input as a function's arguments.
func WrapInput(input string) string {
	text, err := json.Marshal(custom{strings.ToValidUTF8(input, "\uFFFD")})
	if err != nil {
		return `{"input":""}`
	}
	return string(text)
}

// UnwrapInput is the input of a custom tool that was offered as a function; text
// that is no such object is the input itself.
func UnwrapInput(arguments string) string {
	var c custom
	if json.Unmarshal([]byte(arguments), &c) != nil {
		return arguments
	}
	return c.Input
}
