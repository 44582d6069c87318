package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// xiaomi is its MiMo platform. https://platform.xiaomimimo.com
func xiaomi() Spec {
	return Spec{
		Slug:    "xiaomi",
		Env:     []string{"XIAOMI_API_KEY"},
		BaseURL: "https://api.xiaomimimo.com/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName:  "max_completion_tokens",
			ReasoningAs:    chat.ReasoningThinking,
			ReasoningAt:    []string{"reasoning_content"},
			KeepsReasoning: "reasoning_content",
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
