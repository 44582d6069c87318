package responses_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Callers of this dialect before vendors of another and of the same.
func TestClientFixtures(t *testing.T) {
	t.Parallel()
	for folder, upstream := range map[string]dialect.Upstream{
		"chat":      chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort, KeepsReasoning: "reasoning_content"}),
		"responses": responses.Upstream(responses.Quirks{}),
		"functions": responses.Upstream(responses.Quirks{NoCustomTools: true, NoNativeTools: true, NoEncrypted: true}),
	} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      "testdata/client/" + folder,
				Upstream: upstream,
				Clients:  []dialect.Client{responses.Client()},
				Target:   dialect.Target{Model: "native-1", User: "hash-of-user"},
				Cost: func(u llm.Usage) llm.Usage {
					u.PromptCost = 1000 * 1
					u.Cost = u.PromptCost + 2500
					u.Upstream = u.Cost
					return u
				},
			})
		})
	}
}
