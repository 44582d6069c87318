package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// openRouter is a gateway itself and speaks the wider chat of its callers: reasoning,
// reasoning_details and cache_control go through. A request's routing does not:
// this gateway has done that.
// https://openrouter.ai/docs/api-reference/overview
func openRouter() Spec {
	return Spec{
		Slug:    "openrouter",
		Env:     []string{"OPENROUTER_API_KEY"},
		BaseURL: "https://openrouter.ai/api/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			KeepsCacheControl: true,
			ReasoningAs:       chat.ReasoningObject,
			ReasoningAt:       []string{"reasoning"},
			KeepsReasoning:    "reasoning_details",
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
		Forward: []string{"X-Anthropic-Beta"},
	}
}
