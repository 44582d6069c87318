package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// mistral speaks chat, refuses members it does not know, and wants tool calls' ids to be
// nine letters or digits. Content may come as a list of text and thinking, and is to go
// back as that. Codestral fills gaps, at a path that answers in chat. Magistral thinks by the vendor's own prompt.
// https://docs.mistral.ai/api/endpoint/chat
// https://docs.mistral.ai/api/endpoint/fim
// https://docs.mistral.ai/studio/conversations/reasoning
// https://docs.mistral.ai/resources/deprecated/native-reasoning
func mistral() Spec {
	return Spec{
		Slug:    "mistral",
		Env:     []string{"MISTRAL_API_KEY"},
		BaseURL: "https://api.mistral.ai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			FillPath:           "/fim/completions",
			Fills:              []string{"codestral-"},
			SeedName:           "random_seed",
			DropParams:         []string{"logit_bias", "logprobs", "min_p", "repetition_penalty", "top_k", "top_logprobs"},
			NoStreamOptions:    true,
			NoUser:             true,
			SystemForDeveloper: true,
			NoName:             true,
			Prefill:            dialect.PrefillPrefix,
			ShortToolIDs:       true,
			CacheKey:           true,
			ReasoningAs:        chat.ReasoningEffort,
			Efforts:            []string{"none", "high"},
			Prompted:           []string{"magistral-"},
			KeepsReasoning:     "content",
		})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
