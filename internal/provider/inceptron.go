package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// inceptron speaks chat. https://docs.inceptron.io
func inceptron() Spec {
	return Spec{
		Slug:    "inceptron",
		Env:     []string{"INCEPTRON_API_KEY"},
		BaseURL: "https://api.inceptron.io/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
