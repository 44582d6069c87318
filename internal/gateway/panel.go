package gateway

import (
	"context"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Panel names the models that a preset of a deliberation stands for, among those that
// can be asked such a request here.
func (g *Gateway) Panel(ctx context.Context, who identity.Principal, req *llm.Request, preset llm.FusionPreset) ([]string, error) {
	at := g.Now()
	limits, err := g.Gate.Check(ctx, who, req, at)
	if err != nil {
		return nil, err
	}
	w := g.under(&limits, at)
	w.Loses = func(e *catalog.Endpoint) []string { return g.Relay.Loses(req, e) }
	return route.Panel(route.Ask(req), w, limits, preset), nil
}

// MostTokens is how much a model can say in one answer, as far as that is known; 0: it is
// not. A variant's name says nothing of it.
func (g *Gateway) MostTokens(name string) (most int64) {
	snap := g.Catalog()
	base, _, _ := strings.Cut(name, ":")
	m, ok := snap.Model(name)
	if !ok {
		m, ok = snap.Model(base)
	}
	if !ok {
		m = snap.Latest(base, g.Now(), nil)
	}
	if m == nil {
		return 0
	}
	for _, e := range m.Endpoints {
		if e.MaxCompletionTokens == 0 {
			return 0
		}
		most = max(most, e.MaxCompletionTokens)
	}
	return most
}
