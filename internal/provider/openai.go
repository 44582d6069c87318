package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// openAI wrote the chat and the responses dialect. In chat its reasoning models know
// the output limit under its newer name only, and all others know that too; some
// models speak responses alone. Models before GPT-5.6 refuse cache breakpoints.
// https://platform.openai.com/docs/api-reference
func openAI() Spec {
	return Spec{
		Slug:    "openai",
		Env:     []string{"OPENAI_API_KEY"},
		BaseURL: "https://api.openai.com/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			ReasoningAs:   chat.ReasoningEffort,
			CacheKey:      true,
			Modalities:    true,
			Strict:        schema.OpenAIStrict(),
			CustomTools:   true,
			AllowedTools:  true,
			Images:        dialect.UsualImages(),
		}), responses.Upstream(responses.Quirks{
			MinTokens:   16,
			NoAudio:     true,
			Breakpoints: []string{"gpt-5.6", "gpt-6"},
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
