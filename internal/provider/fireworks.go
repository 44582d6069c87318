package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// fireworks speaks chat and reports usage with the last frame whether asked or not.
// https://docs.fireworks.ai/tools-sdks/openai-compatibility
func fireworks() Spec {
	return Spec{
		Slug:    "fireworks",
		Env:     []string{"FIREWORKS_API_KEY"},
		BaseURL: "https://api.fireworks.ai/inference/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			ReasoningAs:    chat.ReasoningEffort,
			KeepsReasoning: "reasoning_content",
			Grammars:       true,
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
