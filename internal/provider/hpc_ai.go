package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// hpcAI speaks chat. https://www.hpc-ai.com/doc/docs/quickstart/
func hpcAI() Spec {
	return Spec{
		Slug:    "hpc-ai",
		Env:     []string{"HPC_AI_API_KEY"},
		BaseURL: "https://api.hpc-ai.com/inference/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
