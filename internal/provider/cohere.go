package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/cohere"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// cohereAI wrote the cohere dialect, and speaks chat under another base for those
// who ask for it (an endpoint's base_url).
// https://docs.cohere.com/reference/chat, https://docs.cohere.com/docs/compatibility-api
func cohereAI() Spec {
	return Spec{
		Slug:        "cohere",
		Env:         []string{"COHERE_API_KEY", "CO_API_KEY"},
		BaseURL:     "https://api.cohere.com",
		Speaks:      speaks(cohere.Upstream(), chat.Upstream(chat.Quirks{})),
		Default:     llm.Cohere,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
