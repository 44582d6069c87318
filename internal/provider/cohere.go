package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// cohere is spoken to through its compatibility API.
// https://docs.cohere.com/docs/compatibility-api
func cohere() Spec {
	return Spec{
		Slug:        "cohere",
		Env:         []string{"COHERE_API_KEY", "CO_API_KEY"},
		BaseURL:     "https://api.cohere.ai/compatibility/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
