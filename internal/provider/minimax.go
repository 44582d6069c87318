package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// miniMax speaks messages, which keeps its thinking apart from its text; its
// chat API, at https://api.minimax.io/v1 for an endpoint that says so, does not.
// Its signatures are its own: Claude would refuse them, and it Claude's.
// https://platform.minimax.io/docs/api-reference/text-anthropic-api
func miniMax() Spec {
	return Spec{
		Slug:    "minimax",
		Env:     []string{"MINIMAX_API_KEY"},
		BaseURL: "https://api.minimax.io/anthropic",
		Speaks: speaks(
			messages.Upstream(messages.Quirks{ThoughtFormat: "minimax"}),
			chat.Upstream(chat.Quirks{}),
		),
		Default: llm.Messages,
		Auth:    Bearer{},
	}
}
