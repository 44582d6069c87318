package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// chutes speaks chat. https://llm.chutes.ai/v1/models
func chutes() Spec {
	return Spec{
		Slug:        "chutes",
		Env:         []string{"CHUTES_API_KEY"},
		BaseURL:     "https://llm.chutes.ai/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
