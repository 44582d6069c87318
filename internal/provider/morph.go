package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// morph applies edits: the user message holds instruction, code and update in tags of
// their own, which pass through as text. https://docs.morphllm.com/api-reference/introduction
func morph() Spec {
	return Spec{
		Slug:    "morph",
		Env:     []string{"MORPH_API_KEY"},
		BaseURL: "https://api.morphllm.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
