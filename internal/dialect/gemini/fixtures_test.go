package gemini_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	targets := map[string]dialect.Target{
		"flash":   {Model: "gemini-2.5-flash"},
		"gemini3": {Model: "gemini-3.1-pro-preview"},
		"gemma":   {Model: "gemma-4-26b-a4b-it"},
		"narrow": {
			Model:     "gemini-2.5-flash",
			Accepts:   map[string]bool{"max_tokens": true, "reasoning": true, "include_reasoning": true, "response_format": true},
			MaxOutput: 65535,
		},
	}
	for dir, target := range targets {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      "testdata/" + dir,
				Upstream: gemini.Upstream(),
				Clients:  []dialect.Client{chat.Client()},
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
