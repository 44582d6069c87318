package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// together speaks chat. https://docs.together.ai/docs/openai-api-compatibility
func together() Spec {
	return Spec{
		Slug:    "together",
		Env:     []string{"TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"},
		BaseURL: "https://api.together.xyz/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			ReasoningAs: chat.ReasoningEffort,
			ReasoningAt: []string{"reasoning"},
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
