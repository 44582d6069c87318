package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// lmStudio is a server on this machine, on its usual port. It stops when the
// connection closes. https://lmstudio.ai/docs/developer/openai-compat
func lmStudio() Spec {
	return Spec{
		Slug:        "lmstudio",
		Env:         []string{"LMSTUDIO_API_KEY"},
		BaseURL:     "http://127.0.0.1:1234/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{NoImageURL: true})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		Keyless:     true,
		Local:       true,
		CancelStops: true,
	}
}
