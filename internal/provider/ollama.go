package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ollama is a server on this machine, on its usual port. It stops when the
// connection closes. https://docs.ollama.com/api/openai-compatibility
func ollama() Spec {
	return Spec{
		Slug:    "ollama",
		BaseURL: "http://127.0.0.1:11434/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			ReasoningAs: chat.ReasoningEffort,
			ReasoningAt: []string{"reasoning"},
			NoImageURL:  true,
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		Keyless:     true,
		Local:       true,
		CancelStops: true,
	}
}
