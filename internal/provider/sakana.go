package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// sakana speaks responses and chat. https://console.sakana.ai/models
func sakana() Spec {
	return Spec{
		Slug:    "sakana",
		Env:     []string{"SAKANA_API_KEY"},
		BaseURL: "https://api.sakana.ai/v1",
		Speaks:  speaks(responses.Upstream(responses.Quirks{}), chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort})),
		Default: llm.Responses,
		Auth:    Bearer{},
	}
}
