package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ambient speaks chat. https://ambient.xyz
func ambient() Spec {
	return Spec{
		Slug:    "ambient",
		Env:     []string{"AMBIENT_API_KEY"},
		BaseURL: "https://api.ambient.xyz/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
