package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// cerebras speaks chat. Penalties and logit_bias are refused, not ignored.
// https://inference-docs.cerebras.ai/resources/openai
func cerebras() Spec {
	return Spec{
		Slug:    "cerebras",
		Env:     []string{"CEREBRAS_API_KEY"},
		BaseURL: "https://api.cerebras.ai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			DropParams:    []string{"frequency_penalty", "logit_bias", "presence_penalty"},
			ReasoningAs:   chat.ReasoningEffort,
			Efforts:       []string{"low", "medium", "high"},
			ReasoningAt:   []string{"reasoning"},
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
