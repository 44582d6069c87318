package responses_test

import (
	"path/filepath"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// folders are the fixtures' folders and the quirks they are run with.
func folders() map[string]responses.Quirks {
	return map[string]responses.Quirks{
		"plain": {},
		"floor": {MinTokens: 16, NoAudio: true, Breakpoints: []string{"native/model"}, Efforts: []string{"low", "medium", "high"}},
		"stamped": {
			Path: "/openai/responses?api-version=2025-04-01-preview", Format: llm.FormatAzureOpenAI, Breakpoints: []string{"other"},
			UserName: "user",
		},
		"functions": {
			Format: llm.FormatXAI, Takes: []string{"seed"}, UserName: "user", LogprobsFlag: true, NoFileData: true,
			NoCustomTools: true, NoNativeTools: true, NoAllowedTools: true,
		},
		"wide": {
			AnyThought: true, Formal: true, Video: true, Budget: true, Breakpoints: []string{""},
			Takes: []string{"top_k", "frequency_penalty", "presence_penalty", "stop", "modalities", "image_config"},
		},
		"narrow": {
			NoEncrypted: true, NoStrict: true, NoSchema: true, SystemForDeveloper: true,
			DropParams: []string{"store", "include", "safety_identifier", "prompt_cache_key", "parallel_tool_calls", "reasoning.summary"},
		},
	}
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for name, q := range folders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      filepath.Join("testdata", name),
				Upstream: responses.Upstream(q),
				Clients:  []dialect.Client{chat.Client(), responses.Client()},
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

func TestCoverage(t *testing.T) {
	t.Parallel()
	for name, q := range folders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model := "m"
			if len(q.Breakpoints) > 0 {
				model = q.Breakpoints[0] + "-1"
			}
			dialecttest.Coverage(t, responses.Upstream(q), dialect.Target{Model: model})
		})
	}
}
