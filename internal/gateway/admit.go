package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// pass is what a request has taken of the limits on how often something may be asked
// (contract area 22). A nil one has taken nothing, and is limited by nothing.
type pass struct {
	limits *limit.Limiter
	key    *limit.Ticket
	free   *limit.Ticket // nil: it asks for nothing that is free, so far
}

// admit has a request take what it wants of its key's limits, and, where all that it
// names is free, of its account's. What a tool of ours asks for is a part of the request
// that the tool answers: it counts no further one of the key's, but its tokens do, and
// whatever is free of it.
func (g *Gateway) admit(ctx context.Context, who identity.Principal, req *llm.Request, o *record.Outcome) (*pass, error) {
	if g.Limits == nil {
		return nil, nil
	}
	p := &pass{limits: g.Limits}
	if who.Rates != (identity.Rates{}) {
		prompt, output := req.Needs.PromptTokens, req.Needs.MaxTokens
		if err := limit.TooMany(who.Rates, prompt, output); err != nil {
			return nil, err
		}
		if output == 0 {
			output = min(step, who.Rates.Tokens/10) // as a hold assumes, and so that a small limit is not one request's
		}
		requests := int64(1)
		if o.For != "" {
			requests = 0
		}
		var err error
		if p.key, err = g.Limits.Key(ctx, who.KeyHash, who.Rates, requests, prompt+output); err != nil {
			return nil, err
		}
	}
	if allFree(g.Catalog(), req.Models) {
		if err := p.takeFree(ctx, who.Account); err != nil {
			p.key.Return(ctx)
			return nil, err
		}
	}
	return p, nil
}

// takeFree waits for its store whether the caller leaves or not: that is no failure of
// the store's.
func (p *pass) takeFree(ctx context.Context, account string) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserveLimit)
	defer cancel()
	p.free, err = p.limits.FreeRequest(ctx, account)
	return err
}

// within leaves of a plan what the account may ask now: all of it, or what is not free.
func (p *pass) within(ctx context.Context, account string, plan route.Plan) (route.Plan, error) {
	isFree := func(c route.Candidate) bool { return countsAsFree(c.Model.ID, c.Endpoint.Provider) }
	if p == nil || p.free != nil || !slices.ContainsFunc(plan.Candidates, isFree) {
		return plan, nil
	}
	err := p.takeFree(ctx, account)
	if err == nil {
		return plan, nil
	}
	plan.Candidates = slices.DeleteFunc(slices.Clone(plan.Candidates), isFree)
	if len(plan.Candidates) == 0 {
		return plan, err
	}
	return plan, nil
}

// end corrects what was taken to what was used. Who was sent nothing has used nothing; an
// attempt at what is free counts whether it was answered or not.
func (p *pass) end(ctx context.Context, o *record.Outcome) {
	if p == nil {
		return
	}
	if len(o.Tried) == 0 {
		p.key.Return(ctx)
	} else {
		p.key.End(ctx, o.Usage.Prompt()+o.Usage.Completion())
	}
	if p.free == nil {
		return
	}
	o.Free = slices.ContainsFunc(o.Tried, func(t record.Try) bool { return countsAsFree(t.Model, t.ProviderSlug) })
	if o.Free {
		p.free.End(ctx, 0)
	} else {
		p.free.Return(ctx)
	}
}

// free is the variant of a model whose requests are limited (RL-01).
const free = ":free"

// countsAsFree reports whether an attempt counts as one at a free variant. The provider
// in the box costs nobody anything, and is there to be tried.
func countsAsFree(model, provider string) bool {
	return strings.HasSuffix(model, free) && provider != sim.ProviderSlug
}

// allFree reports whether whoever answers for these names is a free variant, as far as
// can be told before there is a plan: of a router's pick it cannot.
func allFree(snap *catalog.Snapshot, names []string) bool {
	for _, name := range names {
		m, ok := snap.Model(name)
		for !ok { // a dynamic variant of it
			i := strings.LastIndexByte(name, ':')
			if i < 0 {
				return false
			}
			name = name[:i]
			m, ok = snap.Model(name)
		}
		if !slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return countsAsFree(m.ID, e.Provider) }) {
			return false
		}
	}
	return len(names) > 0
}
