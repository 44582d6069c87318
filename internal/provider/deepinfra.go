package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// deepinfra speaks chat; its usage also carries estimated_cost.
// https://deepinfra.com/docs/openai_api
func deepinfra() Spec {
	return Spec{
		Slug:        "deepinfra",
		Env:         []string{"DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"},
		BaseURL:     "https://api.deepinfra.com/v1/openai",
		Speaks:      speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
