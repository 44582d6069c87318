package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// perplexity searches before it answers. Every frame repeats the whole message so far, the
// usage so far and what was found; unknown members pass through to chat callers.
// https://docs.perplexity.ai/api-reference/chat-completions-post
func perplexity() Spec {
	return Spec{
		Slug:    "perplexity",
		Env:     []string{"PERPLEXITY_API_KEY", "PPLX_API_KEY"},
		BaseURL: "https://api.perplexity.ai",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			NoStreamOptions:    true,
			NoUser:             true,
			SystemForDeveloper: true,
			NoName:             true,
			ReasoningAs:        chat.ReasoningEffort,
			Efforts:            []string{"minimal", "low", "medium", "high"},
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
