package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// berget speaks chat. https://api.berget.ai
func berget() Spec {
	return Spec{
		Slug:    "berget",
		Env:     []string{"BERGET_API_KEY"},
		BaseURL: "https://api.berget.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
