package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// xAI speaks chat, in which reasoning tokens are counted beside completion_tokens and
// not in them, and responses, which alone gives encrypted reasoning. Its tools are
// functions, and it takes files by URL.
// https://docs.x.ai/docs/api-reference
func xAI() Spec {
	return Spec{
		Slug:    "xai",
		Env:     []string{"XAI_API_KEY"},
		BaseURL: "https://api.x.ai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			DropParams:    []string{"logit_bias"},
			ReasoningAs:   chat.ReasoningEffort,
			Efforts:       []string{"low", "medium", "high"},
			ReasoningAt:   []string{"reasoning_content"},
			Images:        []string{dialect.JPEG, dialect.PNG},
		}), responses.Upstream(responses.Quirks{
			Format:         llm.FormatXAI,
			Takes:          []string{"seed"},
			UserName:       "user",
			LogprobsFlag:   true,
			NoAudio:        true,
			NoFileData:     true,
			NoCustomTools:  true,
			NoNativeTools:  true,
			NoAllowedTools: true,
			Efforts:        []string{"low", "medium", "high"},
		})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
