package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// lilac speaks chat. https://docs.getlilac.com/inference/models
func lilac() Spec {
	return Spec{
		Slug:    "lilac",
		Env:     []string{"LILAC_API_KEY"},
		BaseURL: "https://api.getlilac.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
