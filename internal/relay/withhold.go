package relay

import (
	"errors"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// leastSecret is from how many bytes on a text is taken to be a secret: a shorter
// one may be a word.
const leastSecret = 8

// withhold is the error without what the operator's credential consists of: some
// upstreams repeat what they were sent (R8).
func withhold(e *llm.Error, secrets []string) *llm.Error {
	said := e.Error() + "\n" + e.ProviderCode
	var pairs []string
	for _, s := range secrets {
		if len(s) >= leastSecret && strings.Contains(said, s) {
			pairs = append(pairs, s, "[key]")
		}
	}
	if pairs == nil {
		return e
	}
	clean := strings.NewReplacer(pairs...).Replace
	out := *e
	out.Message, out.ProviderCode = clean(e.Message), clean(e.ProviderCode)
	if e.Err != nil {
		out.Err = errors.New(clean(e.Err.Error()))
	}
	return &out
}
