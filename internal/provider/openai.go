package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// openAI wrote the chat dialect. Its reasoning models know the output limit under its
// newer name only, and all others know that too.
// https://platform.openai.com/docs/api-reference/chat
func openAI() Spec {
	return Spec{
		Slug:    "openai",
		Env:     []string{"OPENAI_API_KEY"},
		BaseURL: "https://api.openai.com/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			ReasoningAs:   chat.ReasoningEffort,
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
