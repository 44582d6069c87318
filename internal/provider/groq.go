package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// groq speaks chat. A stream's usage is in x_groq, and what it cannot do it refuses.
// What a last message of the assistant's begins goes on.
// https://console.groq.com/docs/openai
// https://console.groq.com/docs/prefilling
func groq() Spec {
	return Spec{
		Slug:    "groq",
		Env:     []string{"GROQ_API_KEY"},
		BaseURL: "https://api.groq.com/openai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			DropParams:    []string{"logit_bias", "logprobs", "top_logprobs"},
			NoName:        true,
			Prefill:       dialect.PrefillPlain,
			ReasoningAs:   chat.ReasoningEffort,
			Efforts:       []string{"low", "medium", "high"},
			ReasoningAt:   []string{"reasoning"},
			UsageAt:       "x_groq.usage",
			Strict:        schema.OpenAIStrict(),
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
