package gateway

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// plan decides whom to ask.
func (g *Gateway) plan(req *llm.Request, limits policy.Limits, o *record.Outcome) (route.Plan, error) {
	w := g.world(o.Began)
	w.Loses = func(e *catalog.Endpoint) []string { return g.Relay.Loses(req, e) }
	plan, _, err := route.Decide(route.Ask(req), w, limits, g.Seed())
	return plan, err
}

// world is what plans depend on beside a request.
func (g *Gateway) world(at time.Time) route.World {
	return route.World{Catalog: g.Catalog(), Barred: g.Barred, Health: g.Health.View(), At: at}
}
