package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// tinfoil speaks chat. Its attestation is not verified here: to this gateway it is a
// provider like others. https://docs.tinfoil.sh
func tinfoil() Spec {
	return Spec{
		Slug:    "tinfoil",
		Env:     []string{"TINFOIL_API_KEY"},
		BaseURL: "https://inference.tinfoil.sh/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
