package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// synthetic speaks chat. https://dev.synthetic.new/docs/api/overview
func synthetic() Spec {
	return Spec{
		Slug:    "synthetic",
		Env:     []string{"SYNTHETIC_API_KEY"},
		BaseURL: "https://api.synthetic.new/openai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
