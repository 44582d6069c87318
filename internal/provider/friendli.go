package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// friendli is its serverless endpoints; dedicated ones have a base of their own.
// https://friendli.ai/docs/guides/serverless_endpoints/introduction
func friendli() Spec {
	return Spec{
		Slug:        "friendli",
		Env:         []string{"FRIENDLI_TOKEN"},
		BaseURL:     "https://api.friendli.ai/serverless/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningTemplate})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
