package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// xAI speaks chat. Reasoning tokens are counted beside completion_tokens, not in them.
// https://docs.x.ai/docs/api-reference
func xAI() Spec {
	return Spec{
		Slug:    "xai",
		Env:     []string{"XAI_API_KEY"},
		BaseURL: "https://api.x.ai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			DropParams:    []string{"logit_bias"},
			ReasoningAs:   chat.ReasoningEffort,
			Efforts:       []string{"low", "medium", "high"},
			ReasoningAt:   []string{"reasoning_content"},
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
