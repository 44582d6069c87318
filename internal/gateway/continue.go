package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// continues has another endpoint go on with the answer where it breaks off, if the
// caller wants that and it can be done at all. It must come before the request is let
// go of.
func (g *Gateway) continues(l *life, req *llm.Request, plan route.Plan, a *relay.Answer, m *meter, o *record.Outcome) {
	if sequel := g.Relay.Sequel(req, plan, a, len(o.Tried)); sequel != nil {
		a.Stream = &continued{Stream: a.Stream, g: g, life: l, answer: a, sequel: sequel, m: m, o: o}
	}
}

// continued is the stream of an answer that goes on elsewhere when it breaks off. What
// the answer says of itself is then of who goes on.
type continued struct {
	llm.Stream // of the endpoint that is at it

	g      *Gateway
	life   *life
	answer *relay.Answer
	sequel *relay.Sequel
	m      *meter
	o      *record.Outcome
}

// Next is the next chunk of one endpoint after the other.
func (c *continued) Next() (llm.Chunk, error) {
	chunk, err := c.Stream.Next()
	failed := breaks(chunk, err)
	if failed == nil || !c.goOn(failed) {
		c.sequel.See(chunk)
		return chunk, err
	}
	chunk, err = c.Stream.Next()
	c.sequel.See(chunk)
	return chunk, err
}

// breaks is how an answer broke off that another endpoint may go on with; nil if it did
// not, or if that is nobody's fault there.
func breaks(c llm.Chunk, err error) *llm.Error {
	if err == nil {
		i := slices.IndexFunc(c.Events, func(e llm.Event) bool { return e.Kind == llm.Finish && e.Finish.Unified == llm.FinishError })
		if i < 0 {
			return nil
		}
		return &llm.Error{
			Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer ended in an error",
			ProviderCode: c.Events[i].Finish.Native,
		}
	}
	failed, ok := errors.AsType[*llm.Error](err)
	if errors.Is(err, io.EOF) || !ok || !failed.Fault.Next() {
		return nil
	}
	return failed
}

// goOn has another endpoint go on, and reports whether one does. Otherwise the answer
// ends in its error as any other.
func (c *continued) goOn(failed *llm.Error) bool {
	if c.m.finished() || c.life.callerGone() || c.life.ctx.Err() != nil {
		return false
	}
	rest, ok := c.sequel.Rest()
	if !ok || !c.g.holdRest(c.life, c.m, rest, c.o.Began) {
		return false
	}
	c.life.committed(true) // whoever leaves now waits for nothing that must be read to its end
	next, tried := c.sequel.Continue(c.life.ctx, rest)
	if len(tried) > 0 {
		c.o.Tried[len(c.o.Tried)-1].Type = failed.Type // it had answered
		c.o.Tried = append(c.o.Tried, tried...)
		attempted(c.o)
	}
	if next == nil {
		return false
	}
	c.g.Relay.Broke(c.answer, failed)
	c.Stream.Close()
	c.m.turn(rest.Request, next.From.Endpoint, c.o)
	c.Stream = next.Stream
	c.answer.Becomes(next)
	selected(c.o, next.From.Endpoint.ID)
	c.life.committed(next.Live.CancelStops)
	return true
}

// selected tells of the routing who goes on.
func selected(o *record.Outcome, endpoint string) {
	if o.Told == nil {
		return
	}
	for i := range o.Told.Available {
		e := &o.Told.Available[i]
		e.Selected = e.ID == endpoint
	}
}

// holdRest has the hold cover what the rest of an answer may cost at the dearest of
// those who can go on, beside what it has cost.
func (g *Gateway) holdRest(l *life, m *meter, rest relay.Rest, began time.Time) bool {
	return g.holdFor(l, m, rest, began) == nil
}

// holdFor is [Gateway.holdRest], and says why there is no hold.
func (g *Gateway) holdFor(l *life, m *meter, rest relay.Rest, began time.Time) error {
	ask := askOf(rest.Request, rest.Plan)
	most, err := pricing.Ceiling(rest.Plan.Prices(), ask)
	if err != nil {
		return err
	}
	whole := m.finish
	m.finish = llm.FinishReason{Unified: llm.FinishStop}
	so, err := m.price(m.final(), began)
	m.finish = whole
	if err != nil {
		return err
	}
	all, err := so.Upstream.Add(most)
	if err != nil {
		return err
	}
	if by := all - m.hold.Amount; by > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), reserveLimit)
		defer cancel()
		hold, err := g.Ledger.Grow(ctx, m.hold, by)
		if err != nil {
			return err
		}
		m.hold = hold
	}
	m.heldTokens = ask.OutputTokens
	return nil
}

// part is what an endpoint had of an answer that another went on with.
type part struct {
	endpoint *catalog.Endpoint
	provider string // display name
	usage    llm.Usage
}

// turn ends the part of the endpoint that broke off: it is counted for what it
// delivered. From here on the meter counts for the other, which was sent the request.
func (m *meter) turn(req *llm.Request, e *catalog.Endpoint, o *record.Outcome) {
	m.parts = append(m.parts, part{m.endpoint, o.ProviderName, m.final()})
	sent := *req
	sent.Input = nil
	m.req, m.bytes, m.images, m.audio, m.finish, m.usage = &sent, 0, 0, 0, llm.FinishReason{}, nil
	m.serves(e, o)
}

// price is what the answer costs, of which u is the last endpoint's part.
func (m *meter) price(u llm.Usage, at time.Time) (llm.Usage, error) {
	if len(m.parts) == 0 {
		return pricing.Charge(m.endpoint.Prices, u, m.finish, at)
	}
	parts := make([]pricing.Part, 0, len(m.parts)+1)
	for _, p := range m.parts {
		parts = append(parts, pricing.Part{Prices: p.endpoint.Prices, Usage: p.usage})
	}
	return pricing.ChargeParts(append(parts, pricing.Part{Prices: m.endpoint.Prices, Usage: u}), m.finish, at)
}

// shares are the parts of an answer as they are kept, nil where it is of one piece.
func (g *Gateway) shares(m *meter, u llm.Usage, o *record.Outcome) []record.Part {
	if len(m.parts) == 0 {
		return nil
	}
	var list []record.Part
	for _, p := range append(slices.Clone(m.parts), part{m.endpoint, o.ProviderName, u}) {
		priced, err := pricing.Charge(p.endpoint.Prices, p.usage, m.finish, o.Began)
		if err != nil {
			return nil // cannot be: together they were priced
		}
		share := record.Part{Endpoint: p.endpoint.ID, ProviderSlug: p.endpoint.Provider, ProviderName: p.provider, Usage: priced}
		share.Sheet, share.SheetBytes = g.sheets.of(g.Catalog(), p.endpoint)
		list = append(list, share)
	}
	return list
}
