package completions_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]dialect.Upstream{
		"chat":     chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort}),
		"messages": messages.Upstream(messages.Quirks{}),
		"fills":    chat.Upstream(chat.Quirks{FillPath: "/fim/completions", Fills: []string{"nat"}, SeedName: "random_seed", NoStreamOptions: true, NoUser: true, CacheKey: true}),
		"gapless":  chat.Upstream(chat.Quirks{FillPath: "/fim/completions", Fills: []string{"code-"}, NoStreamOptions: true}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      filepath.Join("testdata", name),
				Upstream: u,
				Clients:  []dialect.Client{completions.Client()},
				Target:   dialect.Target{Model: "native", User: "hash-of-user"},
				Cost: func(u llm.Usage) llm.Usage {
					u.PromptCost, u.Cost, u.Upstream = 1000, 3500, 3500
					return u
				},
			})
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"model":"a/b"}`:                                        "prompt: want the text to go on from",
		`{"prompt":"hi"}`:                                        "model: want the model to ask",
		`{"model":"a/b","prompt":7}`:                             "prompt: want a string",
		`{"model":"a/b","prompt":["a","b"]}`:                     "prompt: want one prompt",
		`{"model":"a/b","prompt":[]}`:                            "prompt: want one prompt",
		`{"model":"a/b","prompt":[1,2]}`:                         "prompt/0: want text: prompts of tokens are not supported",
		`{"model":"a/b","prompt":"hi","n":2}`:                    "n: several choices are not supported",
		`{"model":"a/b","prompt":"hi","best_of":3}`:              "best_of: several choices are not supported",
		`{"model":"a/b","prompt":"hi","logprobs":21}`:            "logprobs: want a whole number from 0 to 20",
		`{"model":"a/b","prompt":"hi","logit_bias":[]}`:          "logit_bias: want an object",
		`{"model":"a/b","prompt":"hi","response_format":{}}`:     "response_format: want a type",
		`{"model":"a/b","prompt":"hi","plugins":[{"id":"web"}]}`: "plugins/0: the plugin web is not supported here",
	} {
		_, err := completions.Client().Parse([]byte(body), http.Header{})
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Message != want || e.Fault != llm.FaultCaller {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"model":"a/b","prompt":["hi"],"suffix":"x","echo":true,"logprobs":2,"stop":["a"],"max_tokens":3,"reasoning":{"effort":"low"}}`))
	f.Add([]byte(`{"model":"a/b","prompt":"hi","response_format":{"type":"json_schema","json_schema":{"schema":{}}},"logit_bias":{"1":2}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := completions.Client().Parse(body, http.Header{})
		if err != nil {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultCaller {
				t.Fatalf("%v", err)
			}
			return
		}
		if _, err := chat.Upstream(chat.Quirks{}).Encode(req, dialect.Target{Model: "m"}); err != nil {
			t.Fatalf("what was accepted cannot be asked: %v", err)
		}
	})
}
