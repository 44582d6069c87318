package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// mixlayer speaks chat. https://docs.mixlayer.com
func mixlayer() Spec {
	return Spec{
		Slug:    "mixlayer",
		Env:     []string{"MIXLAYER_API_KEY"},
		BaseURL: "https://models.mixlayer.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
