package gateway

import (
	"context"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// limits are what holds for a request, and are noted in its record.
func (g *Gateway) limits(ctx context.Context, who identity.Principal, req *llm.Request, tool *Tool, o *record.Outcome) (policy.Limits, error) {
	l, err := g.Gate.Check(ctx, who, req, o.Began)
	o.DataClass, o.Policy = l.Class, l.Version
	for _, name := range l.Skipped {
		o.Told.Did(skipped(name))
	}
	l.Default(&req.Routing)
	if err == nil {
		err = tool.allowed(&l)
	}
	return l, err
}

// skipped is a service that is not required and could not be asked, for a caller who is told.
func skipped(service string) llm.PipelineStage {
	return llm.PipelineStage{
		Type: llm.StageGuardrail, Name: service, Summary: "could not be asked: the request went on without it",
		Data: map[string]any{"action": "skipped", "flagged": false},
	}
}

// under is the world in which a request is planned: with the facts that go with the rules
// it is held to, though both may have changed since.
func (g *Gateway) under(l *policy.Limits, at time.Time) route.World {
	w := g.world(at)
	if l.Catalog != nil {
		w.Catalog = l.Catalog
	}
	return w
}
