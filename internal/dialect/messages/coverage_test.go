package messages_test

import (
	"net/http"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// asking is an upstream whose callers ask for structured outputs by name: without
// that, `strict` is not sent (contract, area 6).
type asking struct{ dialect.Upstream }

func (u asking) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	asked := *req
	asked.Forward = http.Header{"X-Anthropic-Beta": {"structured-outputs-2025-11-13"}}
	return u.Upstream.Encode(&asked, to)
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]messages.Quirks{
		"anthropic": {},
		"vertex":    vertex(),
		"bedrock":   bedrock(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialecttest.Coverage(t, asking{messages.Upstream(q)}, dialect.Target{Model: "claude-opus-4-5", MaxOutput: 64000})
		})
	}
}
