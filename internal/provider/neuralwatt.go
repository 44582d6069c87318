package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// neuralwatt speaks chat. https://portal.neuralwatt.com/docs
func neuralwatt() Spec {
	return Spec{
		Slug:    "neuralwatt",
		Env:     []string{"NEURALWATT_API_KEY"},
		BaseURL: "https://api.neuralwatt.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
