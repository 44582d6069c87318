package gateway

import (
	"context"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// plan decides whom to ask.
func (g *Gateway) plan(ctx context.Context, req *llm.Request, limits policy.Limits, admitted *pass, o *record.Outcome) (route.Plan, error) {
	began := g.Now()
	w := g.under(&limits, o.Began)
	w.Sticky = g.sticky(ctx, w.Catalog, req, o.Account)
	w.Loses = func(e *catalog.Endpoint) []string { return g.Relay.Loses(req, e) }
	q := route.Ask(req)
	w.Shares, o.Task = g.Demand.of(&q), q.Task
	plan, decision, err := route.Decide(q, w, limits, g.Seed())
	if g.Decided != nil {
		g.Decided(record.Decision{
			ID: o.ID, Account: o.Account, Began: o.Began, Snapshot: decision.Snapshot,
			Text: func() ([]byte, error) { return json.Marshal(decision) },
		})
	}
	if err == nil {
		plan, err = admitted.within(ctx, o.Account, plan)
	}
	routed(req, &q, w.Catalog, &plan, o)
	o.Spent.Plan = g.Now().Sub(began)
	return plan, err
}

// world is what plans depend on beside a request.
func (g *Gateway) world(at time.Time) route.World {
	return route.World{Catalog: g.Catalog(), Barred: g.Barred, Health: g.Health.View(), At: at}
}
