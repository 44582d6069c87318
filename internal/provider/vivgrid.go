package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// vivgrid speaks chat and responses. https://docs.vivgrid.com/models
func vivgrid() Spec {
	return Spec{
		Slug:    "vivgrid",
		Env:     []string{"VIVGRID_API_KEY"},
		BaseURL: "https://api.vivgrid.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{}), responses.Upstream(responses.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
