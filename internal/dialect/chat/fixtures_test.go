package chat_test

import (
	"path/filepath"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// folders are the fixtures' folders and the quirks they are run with.
func folders() map[string]chat.Quirks {
	return map[string]chat.Quirks{
		"plain":    {},
		"effort":   {MaxTokensName: "max_completion_tokens", ReasoningAs: chat.ReasoningEffort, Efforts: []string{"none", "minimal", "low", "medium", "high"}},
		"contract": {ReasoningAs: chat.ReasoningObject, KeepsReasoning: "reasoning_details", KeepsCacheControl: true},
		"thinks": {
			ReasoningAs: chat.ReasoningThinking, KeepsReasoning: "reasoning_content", SystemForDeveloper: true,
			NoSchema: true, NoToolChoiceNamed: true, Prefill: "partial",
		},
		"picky": {
			SystemForDeveloper: true, FlatText: true, NoName: true, ShortToolIDs: true, Prefill: "prefix", SeedName: "random_seed",
			NoStrict: true, NoStreamOptions: true, NoUser: true, NoToolChoiceRequired: true, DropParams: []string{"logit_bias", "verbosity"},
		},
		"usage-elsewhere": {UsageAt: "x_speed.usage", DropParams: []string{"logit_bias"}},
		"deployment":      {Path: "/openai/deployments/{model}/chat/completions?api-version=2024-10-21", MaxTokensName: "max_completion_tokens"},
		"switch":          {ReasoningAs: chat.ReasoningEnable, BudgetName: "thinking_budget"},
		"template":        {ReasoningAs: chat.ReasoningTemplate},
		"draws": {
			Modalities: true, ImageConfig: true, KeepsCacheControl: true, ReasoningAs: chat.ReasoningObject, KeepsReasoning: "reasoning_details",
			FileURL: true, Grammars: true, CacheKey: true,
		},
		"speaks":        {Modalities: true, CustomTools: true, AllowedTools: true, MaxTokensName: "max_completion_tokens", Strict: schema.OpenAIStrict()},
		"strict":        {Strict: schema.OpenAIStrict(), NoImageURL: true, NoToolChoiceNamed: true},
		"parts":         {KeepsReasoning: "content", SystemForDeveloper: true, NoUser: true, DropParams: []string{"user"}},
		"searches":      {NoStreamOptions: true, NoUser: true},
		"prompted":      {ReasoningAs: chat.ReasoningEffort, Prompted: []string{"native/"}, KeepsReasoning: "content", NoStreamOptions: true},
		"object-budget": {ReasoningAs: chat.ReasoningThinking, BudgetName: "budget_tokens"},
	}
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for name, q := range folders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      filepath.Join("testdata", name),
				Upstream: chat.Upstream(q),
				Clients:  []dialect.Client{chat.Client(), messages.Client(), responses.Client()},
				Target:   dialect.Target{Model: "native/model 1", User: "hash-of-user"},
				Cost: func(u llm.Usage) llm.Usage { // $1 and $2 a million
					u.PromptCost = 1000 * 1
					u.Cost = u.PromptCost + 2500
					u.Upstream = u.Cost
					return u
				},
			})
		})
	}
}
