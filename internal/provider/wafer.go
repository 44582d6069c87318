package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// wafer is its Pass. https://docs.wafer.ai/wafer-pass
func wafer() Spec {
	return Spec{
		Slug:    "wafer",
		Env:     []string{"WAFER_API_KEY"},
		BaseURL: "https://pass.wafer.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
