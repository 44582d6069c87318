package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// meganova speaks chat. https://docs.meganova.ai
func meganova() Spec {
	return Spec{
		Slug:    "meganova",
		Env:     []string{"MEGANOVA_API_KEY"},
		BaseURL: "https://api.meganova.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
