package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// relace applies edits. Every model has a host of its own; this is Instant Apply's, below
// which it answers chat too. https://docs.relace.ai/api-reference/introduction
func relace() Spec {
	return Spec{
		Slug:    "relace",
		Env:     []string{"RELACE_API_KEY"},
		BaseURL: "https://instantapply.endpoint.relace.run/v1/apply",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
