package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// deepseek speaks chat of an older kind: no developer role, no json_schema. Reasoning is
// kept while tools are called. Its usage tells cache hits in members of its own,
// and comments keep slow answers alive.
// https://api-docs.deepseek.com/api/create-chat-completion
func deepseek() Spec {
	return Spec{
		Slug:    "deepseek",
		Env:     []string{"DEEPSEEK_API_KEY"},
		BaseURL: "https://api.deepseek.com",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			SystemForDeveloper: true,
			FlatText:           true,
			NoStrict:           true,
			NoSchema:           true,
			ReasoningAs:        chat.ReasoningThinking,
			ReasoningAt:        []string{"reasoning_content"},
			KeepsReasoning:     "reasoning_content",
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
