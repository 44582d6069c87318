package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// stackit is its AI Model Serving.
// https://docs.stackit.cloud/products/data-and-ai/ai-model-serving/
func stackit() Spec {
	return Spec{
		Slug:    "stackit",
		Env:     []string{"STACKIT_API_KEY"},
		BaseURL: "https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
