// Package chat speaks OpenAI Chat Completions, both halves: what callers send
// and get ([Client], in the wider form that the public contract gives it) and
// what vendors are sent and answer ([Upstream], bent by [Quirks] to the ways in
// which they deviate).
//
// Between a chat caller and a chat vendor bytes pass through: only members that
// belong to the gateway are edited, so members nobody here has heard of survive
// both ways. What cannot pass is encoded from the canon of package llm.
package chat

import (
	"sync"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Client is the half that callers speak to. It is safe for concurrent use.
func Client() dialect.Client { return &client{} }

type client struct {
	parsers  sync.Pool // *parser
	emitters sync.Pool // *buffers
}

func (*client) Name() llm.Dialect { return llm.Chat }

// Refuse answers with the contract's envelope.
func (*client) Refuse(r dialect.Refusal) (status int, body []byte) { return dialect.Envelope(r) }
