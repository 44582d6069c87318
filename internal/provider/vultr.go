package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// vultr is its Serverless Inference. https://api.vultrinference.com
func vultr() Spec {
	return Spec{
		Slug:    "vultr",
		Env:     []string{"VULTR_API_KEY"},
		BaseURL: "https://api.vultrinference.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
