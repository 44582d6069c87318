package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// evroc is its Think service. https://docs.evroc.com/products/think/overview.html
func evroc() Spec {
	return Spec{
		Slug:    "evroc",
		Env:     []string{"EVROC_API_KEY"},
		BaseURL: "https://models.think.evroc.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
