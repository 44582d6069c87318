package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// scaleway is its Generative APIs. https://www.scaleway.com/en/docs/generative-apis/
func scaleway() Spec {
	return Spec{
		Slug:    "scaleway",
		Env:     []string{"SCALEWAY_API_KEY"},
		BaseURL: "https://api.scaleway.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
