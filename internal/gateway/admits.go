package gateway

import (
	"context"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Admits says which endpoints a key's policy lets it ask, whatever a request of its
// demands besides, of those that can be asked here (DP-12). A management key, which may
// not ask, sees what a user key in its place would.
func (g *Gateway) Admits(ctx context.Context, who identity.Principal) (func(*catalog.Model, *catalog.Endpoint) bool, error) {
	who.Management = false
	at := g.Now()
	limits, err := g.Gate.Check(ctx, who, &llm.Request{}, at)
	if err != nil {
		return nil, err
	}
	return func(m *catalog.Model, e *catalog.Endpoint) bool {
		rule, _ := limits.Refuses(m, e, at)
		return rule == "" && g.Barred(e) == ""
	}, nil
}
