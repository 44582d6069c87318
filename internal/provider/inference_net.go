package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// inferenceNet speaks chat. https://docs.inference.net/api/api-quickstart
func inferenceNet() Spec {
	return Spec{
		Slug:    "inference-net",
		Env:     []string{"INFERENCE_API_KEY"},
		BaseURL: "https://api.inference.net/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
