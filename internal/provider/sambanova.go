package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// sambaNova speaks chat. https://docs.sambanova.ai/cloud/docs/get-started/overview
func sambaNova() Spec {
	return Spec{
		Slug:    "sambanova",
		Env:     []string{"SAMBANOVA_API_KEY"},
		BaseURL: "https://api.sambanova.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
