package gateway

import (
	"errors"
	"io"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// Our own words for why we ended an answer that the upstream would have gone on
// with.
const (
	nativeInsufficient = "insufficient_credits"
	nativeUnheld       = "ledger_unavailable"
	nativeOverlong     = "max_tokens"
)

// pump writes the answer through. A slow caller slows its own upstream read:
// nothing is queued.
func (g *Gateway) pump(l *life, a *relay.Answer, out dialect.Emitter, m *meter, o *record.Outcome) error {
	o.FirstContent = a.FirstContent
	answers(a, m, o)
	out.Begin(dialect.Head{ID: o.ID, Model: o.Model, Provider: o.ProviderName, Created: o.Began.Unix(), Lost: a.Lost, Files: a.Files, Router: o.Told, Echoes: a.Echoes})
	a.Echoes = nil // which may be large
	for {
		c, err := next(a.Stream)
		if errors.Is(err, io.EOF) || (err != nil && m.finished()) {
			break // after a good finish it does not matter how the connection ends (F33, F44)
		}
		if err != nil {
			return g.broken(l, a, out, m, o, err)
		}
		m.see(c, !l.callerGone())
		l.emit(out, c)
		if native := g.mustEnd(l, m); native != "" {
			l.emit(out, m.cut(native))
			break
		}
	}
	usage := m.final()
	o.Finish, o.Cancelled = m.finish, l.callerGone()
	g.Relay.Ended(a, m.said(usage))
	usage = g.settle(m, o, usage)
	if o.Cancelled {
		return nil
	}
	g.keep(l.ctx, m, a, o, usage)
	if err := out.Finish(usage); err != nil {
		l.left()
	}
	return nil
}

// next is the next chunk of a stream. What panics in it, over bytes that nobody has thought
// of, ends the answer as any error does (F91).
func next(s llm.Stream) (c llm.Chunk, err error) {
	defer safe.Catch("reading an answer", &err)
	return s.Next()
}

// emit writes a chunk unless nobody reads; a caller that cannot be written to has
// left.
func (l *life) emit(out dialect.Emitter, c llm.Chunk) {
	if l.callerGone() {
		return
	}
	if err := out.Emit(c); err != nil {
		l.left()
	}
}

// broken ends an answer whose upstream broke after content, or whose caller
// left. The first is free, what was delivered of the second is charged (F33,
// F55).
func (g *Gateway) broken(l *life, a *relay.Answer, out dialect.Emitter, m *meter, o *record.Outcome, err error) error {
	failed, ok := errors.AsType[*llm.Error](err)
	if !ok {
		failed = &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error", Err: err}
	}
	failed.ProviderName = o.ProviderName
	if l.callerGone() {
		o.Finish, o.Cancelled = m.finish, true
		g.settle(m, o, m.final())
		return nil
	}
	if errors.Is(failed, ErrRevoked) && m.req.Stream { // what was delivered is charged, as of a caller who left (F93)
		o.Finish, o.Cancelled, o.ErrorType, o.ErrorMessage = m.finish, true, failed.Type, failed.Error()
		if err := out.Fail(failed, g.settle(m, o, m.final())); err != nil {
			l.left()
		}
		return nil
	}
	g.Relay.Broke(a, failed)
	o.Told.Failed()
	m.finish = llm.FinishReason{Unified: llm.FinishError}
	o.Finish, o.ErrorType, o.ErrorMessage = m.finish, failed.Type, failed.Noted()
	m.logged.failed(failed)
	usage := g.settle(m, o, m.final())
	if err := out.Fail(failed, usage); err != nil {
		l.left()
	}
	return nil
}

// failed is a request that no candidate answered: free.
func (g *Gateway) failed(m *meter, o *record.Outcome, err error) error {
	complete(err, m.req, o.Tried)
	attempted(o)
	if e, ok := errors.AsType[*llm.Error](err); ok {
		o.ErrorType, o.ErrorMessage, o.Cancelled = e.Type, e.Noted(), e.Fault == llm.FaultGone
	}
	if n := len(o.Tried); n > 0 {
		last := o.Tried[n-1]
		o.Model, o.Endpoint, o.ProviderSlug, o.ProviderName = last.Model, last.Endpoint, last.ProviderSlug, last.ProviderName
	}
	m.logged.failed(err)
	m.finish = llm.FinishReason{Unified: llm.FinishError}
	o.Finish = m.finish
	g.settle(m, o, llm.Usage{})
	return err
}
