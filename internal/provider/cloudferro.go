package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// cloudferro is its Sherlock service. https://docs.sherlock.cloudferro.com
func cloudferro() Spec {
	return Spec{
		Slug:    "cloudferro",
		Env:     []string{"CLOUDFERRO_SHERLOCK_API_KEY"},
		BaseURL: "https://api-sherlock.cloudferro.com/openai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
