package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// openRouter is a gateway itself and speaks the wider chat and responses of its
// callers: reasoning, reasoning_details and breakpoints go through. A request's
// routing does not: this gateway has done that.
// https://openrouter.ai/docs/api-reference/overview
func openRouter() Spec {
	return Spec{
		Slug:    "openrouter",
		Env:     []string{"OPENROUTER_API_KEY"},
		BaseURL: "https://openrouter.ai/api/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			KeepsCacheControl: true,
			CacheKey:          true,
			Modalities:        true,
			ImageConfig:       true,
			FileURL:           true,
			Grammars:          true,
			ReasoningAs:       chat.ReasoningObject,
			ReasoningAt:       []string{"reasoning"},
			KeepsReasoning:    "reasoning_details",
		}), responses.Upstream(responses.Quirks{
			AnyThought:  true,
			Takes:       []string{"top_k", "frequency_penalty", "presence_penalty", "modalities", "image_config"},
			Formal:      true,
			Breakpoints: []string{""}, // it takes them off for models that have none
			Video:       true,
			Budget:      true,
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
		Forward: []string{"X-Anthropic-Beta", "X-Openrouter-Fusion-Depth"},
	}
}
