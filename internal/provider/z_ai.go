package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// zAI speaks chat. Tools are always the model's choice; there is no json_schema.
// https://docs.z.ai/api-reference/llm/chat-completion
func zAI() Spec {
	return Spec{
		Slug:    "z-ai",
		Env:     []string{"ZAI_API_KEY", "ZHIPU_API_KEY"},
		BaseURL: "https://api.z.ai/api/paas/v4",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			NoUser:               true,
			SystemForDeveloper:   true,
			NoStrict:             true,
			NoSchema:             true,
			NoToolChoiceRequired: true,
			ReasoningAs:          chat.ReasoningThinking,
			ReasoningAt:          []string{"reasoning_content"},
			KeepsReasoning:       "reasoning_content",
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
