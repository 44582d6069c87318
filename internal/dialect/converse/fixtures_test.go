package converse_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	for dir, target := range map[string]dialect.Target{
		"claude":  {Model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", MaxOutput: 64000, User: "u-5e884898da28"},
		"opus":    {Model: "eu.anthropic.claude-opus-4-8", MaxOutput: 128000},
		"nova":    {Model: "us.amazon.nova-2-lite-v1:0"},
		"llama":   {Model: "us.meta.llama4-scout-17b-instruct-v1:0", Stream: true},
		"mistral": {Model: "mistral.mixtral-8x7b-instruct-v0:1"},
		"kimi":    {Model: "moonshot.kimi-k2-thinking"},
		"openai":  {Model: "openai.gpt-oss-120b-1:0"},
	} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      "testdata/" + dir,
				Upstream: converse.Upstream(),
				Clients:  []dialect.Client{chat.Client(), messages.Client(), responses.Client()},
				Target:   target,
				Cost:     cost,
			})
		})
	}
}

// cost is a made-up price, so that fixtures show what the client is told of it.
func cost(u llm.Usage) llm.Usage {
	u.Cost, u.Upstream = 1000, 1000
	return u
}
