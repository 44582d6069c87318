package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// nebius is its Token Factory. https://docs.tokenfactory.nebius.com
func nebius() Spec {
	return Spec{
		Slug:    "nebius",
		Env:     []string{"NEBIUS_API_KEY"},
		BaseURL: "https://api.tokenfactory.nebius.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
