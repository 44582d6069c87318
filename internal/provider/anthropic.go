package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// anthropic wrote the messages dialect. https://docs.claude.com/en/api/messages
func anthropic() Spec {
	return Spec{
		Slug:        "anthropic",
		Env:         []string{"ANTHROPIC_API_KEY"},
		BaseURL:     "https://api.anthropic.com",
		Speaks:      speaks(messages.Upstream(messages.Quirks{})),
		Default:     llm.Messages,
		Auth:        Header{Name: "X-Api-Key"},
		Forward:     []string{"X-Anthropic-Beta"},
		CancelStops: true,
	}
}
