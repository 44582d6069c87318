package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// regolo speaks chat. https://docs.regolo.ai
func regolo() Spec {
	return Spec{
		Slug:    "regolo",
		Env:     []string{"REGOLO_API_KEY"},
		BaseURL: "https://api.regolo.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
