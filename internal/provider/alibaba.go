package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// alibaba is Model Studio (DashScope) in its international region and its
// OpenAI-compatible mode. Thinking is switched and bounded at top level.
// https://www.alibabacloud.com/help/en/model-studio/use-qwen-by-calling-api
func alibaba() Spec {
	return Spec{
		Slug:    "alibaba",
		Env:     []string{"DASHSCOPE_API_KEY"},
		BaseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			SystemForDeveloper: true,
			ReasoningAs:        chat.ReasoningEnable,
			BudgetName:         "thinking_budget",
			KeepsCacheControl:  true,
			AudioURL:           true,
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
