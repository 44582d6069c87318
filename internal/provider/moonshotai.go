package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// moonshotAI speaks chat. No call can be forced; a message of the assistant's at the end is
// continued if it is marked as partial; reasoning goes back while tools are called.
// https://platform.moonshot.ai/docs/api/chat
func moonshotAI() Spec {
	return Spec{
		Slug:    "moonshotai",
		Env:     []string{"MOONSHOT_API_KEY"},
		BaseURL: "https://api.moonshot.ai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			SystemForDeveloper:   true,
			Prefill:              dialect.PrefillPartial,
			NoToolChoiceRequired: true,
			ReasoningAs:          chat.ReasoningThinking,
			ReasoningAt:          []string{"reasoning_content"},
			KeepsReasoning:       "reasoning_content",
			CacheKey:             true,
			NoImageURL:           true,
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
