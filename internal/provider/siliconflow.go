package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// siliconFlow is its international site. https://docs.siliconflow.com
func siliconFlow() Spec {
	return Spec{
		Slug:    "siliconflow",
		Env:     []string{"SILICONFLOW_API_KEY"},
		BaseURL: "https://api.siliconflow.com/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			ReasoningAs: chat.ReasoningEnable,
			BudgetName:  "thinking_budget",
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
