package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// venice speaks chat, with venice_parameters for what is its own.
// https://docs.venice.ai/api-reference
func venice() Spec {
	return Spec{
		Slug:    "venice",
		Env:     []string{"VENICE_API_KEY"},
		BaseURL: "https://api.venice.ai/api/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
