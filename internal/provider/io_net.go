package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ioNet Net is its Intelligence API. https://io.net/docs/guides/intelligence/io-intelligence
func ioNet() Spec {
	return Spec{
		Slug:    "io-net",
		Env:     []string{"IOINTELLIGENCE_API_KEY"},
		BaseURL: "https://api.intelligence.io.solutions/api/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
