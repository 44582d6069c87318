package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// baseten serves its Model APIs in chat; dedicated deployments have bases of their own.
// https://docs.baseten.co/inference/model-apis/overview
func baseten() Spec {
	return Spec{
		Slug:    "baseten",
		Env:     []string{"BASETEN_API_KEY"},
		BaseURL: "https://inference.baseten.co/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
