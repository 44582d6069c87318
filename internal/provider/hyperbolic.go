package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// hyperbolic speaks chat. https://docs.hyperbolic.xyz/docs/rest-api
func hyperbolic() Spec {
	return Spec{
		Slug:        "hyperbolic",
		Env:         []string{"HYPERBOLIC_API_KEY"},
		BaseURL:     "https://api.hyperbolic.xyz/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
