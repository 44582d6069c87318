package gateway

import (
	"context"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Explain says what would be planned for a request. Nobody is asked, nothing is held
// and nothing is recorded. A management key, which may not ask for inference, may ask
// this.
func (g *Gateway) Explain(ctx context.Context, who identity.Principal, req *llm.Request, seed uint64) (route.Explanation, error) {
	who.Management = false
	at := g.Now()
	limits, err := g.Gate.Check(ctx, who, req, at)
	if err != nil {
		return route.Explanation{}, err
	}
	limits.Default(&req.Routing)
	w := g.under(&limits, at)
	w.Sticky = g.sticky(ctx, w.Catalog, req, who.Account)
	w.Loses = func(e *catalog.Endpoint) []string { return g.Relay.Loses(req, e) }
	q := route.Ask(req)
	w.Shares = g.Demand.of(&q)
	said := route.Explain(q, w, limits, seed)
	for i := range said.Candidates {
		if e, ok := w.Catalog.Endpoint(said.Candidates[i].Endpoint); ok {
			said.Candidates[i].Resting = g.Relay.Resting(e).Seconds()
		}
	}
	return said, nil
}
