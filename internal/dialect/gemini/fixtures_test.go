package gemini_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	studio, vertex := gemini.Upstream(gemini.Quirks{}), gemini.Upstream(gemini.Vertex())
	for _, c := range []dialecttest.Case{
		{Dir: "flash", Upstream: studio, Target: dialect.Target{Model: "gemini-2.5-flash"}},
		{Dir: "gemini3", Upstream: studio, Target: dialect.Target{Model: "gemini-3.1-pro-preview"}},
		{Dir: "gemma", Upstream: studio, Target: dialect.Target{Model: "gemma-4-26b-a4b-it"}},
		{Dir: "image", Upstream: studio, Target: dialect.Target{Model: "gemini-2.5-flash-image"}},
		{Dir: "image3", Upstream: studio, Target: dialect.Target{Model: "gemini-3-pro-image-preview"}},
		{Dir: "tts", Upstream: studio, Target: dialect.Target{Model: "gemini-2.5-flash-preview-tts"}},
		{Dir: "vertex", Upstream: vertex, Target: dialect.Target{Model: "gemini-2.5-flash"}},
		{Dir: "narrow", Upstream: studio, Target: dialect.Target{
			Model:     "gemini-2.5-flash",
			Accepts:   map[string]bool{"max_tokens": true, "reasoning": true, "include_reasoning": true, "response_format": true},
			MaxOutput: 65535,
		}},
	} {
		t.Run(c.Dir, func(t *testing.T) {
			t.Parallel()
			c.Dir = "testdata/" + c.Dir
			c.Clients = []dialect.Client{chat.Client(), messages.Client(), responses.Client()}
			c.Cost = cost
			dialecttest.Run(t, c)
		})
	}
}

// cost is a made-up price, so that fixtures show what the client is told of it.
func cost(u llm.Usage) llm.Usage {
	u.Cost, u.Upstream = 1000, 1000
	return u
}
