package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// gmiCloud speaks chat.
// https://docs.gmicloud.ai/inference-engine/api-reference/llm-api-reference
func gmiCloud() Spec {
	return Spec{
		Slug:    "gmicloud",
		Env:     []string{"GMICLOUD_API_KEY"},
		BaseURL: "https://api.gmi-serving.com/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
