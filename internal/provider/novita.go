package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// novita speaks chat under a base without a version.
// https://novita.ai/docs/guides/llm-api
func novita() Spec {
	return Spec{
		Slug:        "novita",
		Env:         []string{"NOVITA_API_KEY"},
		BaseURL:     "https://api.novita.ai/openai",
		Speaks:      speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEnable})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
