package responses

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Refuse answers with the contract's envelope. Too long a prompt is not refused: it
// is answered, by a response that ends at its limit (ER-12).
func (*client) Refuse(r dialect.Refusal) (status int, body []byte) {
	if r.Error.Type == llm.TypeContextLength {
		return 0, nil
	}
	return dialect.Envelope(r)
}
