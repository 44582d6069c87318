package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// inception speaks chat. https://docs.inceptionlabs.ai
func inception() Spec {
	return Spec{
		Slug:    "inception",
		Env:     []string{"INCEPTION_API_KEY"},
		BaseURL: "https://api.inceptionlabs.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
