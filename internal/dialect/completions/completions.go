// Package completions speaks OpenAI's legacy Completions: the half that callers
// speak to. A prompt is a question of one message, so every chat model answers it.
// https://platform.openai.com/docs/api-reference/completions
package completions

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Client is the half that callers speak to. It is safe for concurrent use.
func Client() dialect.Client { return client{} }

type client struct{}

func (client) Name() llm.Dialect { return llm.Completions }

// Refuse answers with the contract's envelope.
func (client) Refuse(r dialect.Refusal) (status int, body []byte) { return dialect.Envelope(r) }
