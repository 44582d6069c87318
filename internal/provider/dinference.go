package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// dInference speaks chat. https://dinference.com
func dInference() Spec {
	return Spec{
		Slug:    "dinference",
		Env:     []string{"DINFERENCE_API_KEY"},
		BaseURL: "https://api.dinference.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
