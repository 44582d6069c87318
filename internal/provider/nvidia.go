package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// nvidia is the hosted NIM API. https://docs.api.nvidia.com/nim/reference/llm-apis
func nvidia() Spec {
	return Spec{
		Slug:    "nvidia",
		Env:     []string{"NVIDIA_API_KEY"},
		BaseURL: "https://integrate.api.nvidia.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningTemplate})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
