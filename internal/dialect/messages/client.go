package messages

import (
	"net/http"
	"strconv"
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

func (*client) Name() llm.Dialect { return llm.Messages }

// Parse reads a request. The result shares body, which must not change any more.
func (c *client) Parse(body []byte, h http.Header) (*llm.Request, error) {
	p, _ := c.parsers.Get().(*parser)
	if p == nil {
		p = &parser{}
	}
	defer c.parsers.Put(p)
	return p.request(body, h)
}

// CountTokens is the answer to POST /messages/count_tokens, whose body is a request
// without an output limit. The count is an estimate on the high side, which is
// what those who ask it make room by (AM-09). models are those that it names. Its
// errors are *llm.Error.
func CountTokens(body []byte, h http.Header) (answer []byte, models []string, err error) {
	p := parser{counting: true}
	req, err := p.request(body, h)
	if err != nil {
		return nil, nil, err
	}
	return append(strconv.AppendInt([]byte(`{"input_tokens":`), req.Needs.PromptTokens, 10), '}'), req.Models, nil
}
