package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// mistral speaks chat, refuses members it does not know, and wants tool calls' ids to be
// nine letters or digits. Content may come as a list of text and thinking.
// https://docs.mistral.ai/api/endpoint/chat
func mistral() Spec {
	return Spec{
		Slug:    "mistral",
		Env:     []string{"MISTRAL_API_KEY"},
		BaseURL: "https://api.mistral.ai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			SeedName:           "random_seed",
			DropParams:         []string{"logit_bias", "logprobs", "min_p", "repetition_penalty", "top_k", "top_logprobs"},
			NoStreamOptions:    true,
			NoUser:             true,
			SystemForDeveloper: true,
			NoName:             true,
			Prefill:            "prefix",
			ShortToolIDs:       true,
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
