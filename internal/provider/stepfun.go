package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// stepFun speaks chat. https://platform.stepfun.com/docs/zh/overview/concept
func stepFun() Spec {
	return Spec{
		Slug:    "stepfun",
		Env:     []string{"STEPFUN_API_KEY"},
		BaseURL: "https://api.stepfun.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
