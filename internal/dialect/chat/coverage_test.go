package chat_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

func TestCoverage(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]chat.Quirks{
		"plain":  {},
		"effort": {ReasoningAs: chat.ReasoningEffort},
		"object": {ReasoningAs: chat.ReasoningObject, KeepsReasoning: "reasoning_details", KeepsCacheControl: true},
		"wide": {
			CacheKey: true, Modalities: true, ImageConfig: true, AudioURL: true, FileURL: true, Grammars: true, CustomTools: true, AllowedTools: true,
			Strict: schema.OpenAIStrict(), KeepsReasoning: "content",
		},
		"dropping": {NoImageURL: true, NoToolChoiceNamed: true, DropParams: []string{
			"tools", "response_format", "reasoning", "user", "modalities", "max_completion_tokens", "stop",
		}},
		"choiceless": {DropParams: []string{"tool_choice", "parallel_tool_calls"}},
		"picky": {
			NoUser: true, SystemForDeveloper: true, FlatText: true, NoName: true, NoStrict: true, NoSchema: true, NoToolChoiceNamed: true,
			NoToolChoiceRequired: true, DropParams: []string{"logit_bias", "seed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialecttest.Coverage(t, chat.Upstream(q), dialect.Target{Model: "m"})
		})
	}
}
