package relay

import (
	"errors"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// leastSecret is from how many bytes on a text is taken to be a secret: a shorter
// one may be a word.
const leastSecret = 8

// withhold is the error without the operator's key: some upstreams repeat what
// they were sent (R8).
func withhold(e *llm.Error, key string) *llm.Error {
	if len(key) < leastSecret || !strings.Contains(e.Error()+"\n"+e.ProviderCode, key) {
		return e
	}
	clean := func(s string) string { return strings.ReplaceAll(s, key, "[key]") }
	out := *e
	out.Message, out.ProviderCode = clean(e.Message), clean(e.ProviderCode)
	if e.Err != nil {
		out.Err = errors.New(clean(e.Err.Error()))
	}
	return &out
}
