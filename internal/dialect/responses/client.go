package responses

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

func (*client) Name() llm.Dialect { return llm.Responses }
