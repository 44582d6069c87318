package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// upstage speaks chat. https://developers.upstage.ai/docs/apis/chat
func upstage() Spec {
	return Spec{
		Slug:    "upstage",
		Env:     []string{"UPSTAGE_API_KEY"},
		BaseURL: "https://api.upstage.ai/v1/solar",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			ReasoningAs: chat.ReasoningEffort,
			Efforts:     []string{"low", "medium", "high"},
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
