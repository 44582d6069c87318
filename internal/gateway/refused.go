package gateway

import (
	"cmp"
	"errors"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// refused tells the audit log of a request that ends in an error, if a policy refused it.
func (g *Gateway) refused(who identity.Principal, limits *policy.Limits, o *record.Outcome, err *error) {
	if g.Refused == nil || *err == nil {
		return
	}
	e, ok := errors.AsType[*llm.Error](*err)
	if !ok || !byPolicy(e) {
		return
	}
	x := g.refusal(who, limits, o)
	x.Error = string(e.Type)
	if a := e.Availability; a != nil {
		x.Code, x.Omitted = a.Code, a.Omitted
		for _, l := range a.LeftOut {
			x.Endpoints = append(x.Endpoints, trail.Exclusion{Endpoint: l.Endpoint, Rule: l.Rule, Level: l.By})
		}
	}
	if b, ok := errors.AsType[*filter.BlockedError](e); ok {
		x.Endpoints = append(x.Endpoints, filtersOf(b.By)...)
	}
	if f, ok := errors.AsType[*policy.FoundError](e); ok {
		x.Endpoints = append(x.Endpoints, trail.Exclusion{Rule: "data_class:" + f.Class, Level: theOperators})
	}
	if errors.Is(e, errModerated) {
		x.Endpoints = append(x.Endpoints, trail.Exclusion{Rule: "moderation", Level: theOperators})
	}
	if short, ok := errors.AsType[*ledger.Insufficient](e.Err); ok {
		if b := limits.Budget(short.Scope); b.Source != "" {
			x.Endpoints = append(x.Endpoints, budgetOf(b))
		}
	}
	g.Refused(x)
}

// stopped tells the audit log of an answer that a content filter has ended.
func (g *Gateway) stopped(who identity.Principal, limits *policy.Limits, o *record.Outcome, pass *filter.Pass) {
	if g.Refused == nil {
		return
	}
	x := g.refusal(who, limits, o)
	x.Code = "answer_stopped"
	x.Endpoints = filtersOf(slices.DeleteFunc(pass.Found(), func(f filter.Found) bool {
		return f.Entry.Action != filter.Block || f.Entry.Scope != filter.Output && f.Entry.Scope != filter.Both
	}))
	g.Refused(x)
}

func (g *Gateway) refusal(who identity.Principal, limits *policy.Limits, o *record.Outcome) trail.Event {
	return trail.Event{
		At: g.Now(), Account: who.Account, By: trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: who.KeyHash, Label: who.KeyLabel}},
		RequestID: o.ID, Object: o.Requested, Class: limits.Class, Policy: limits.Version,
	}
}

// filtersOf are content filters as rules that no endpoint is behind, without what they
// look for.
func filtersOf(found []filter.Found) []trail.Exclusion {
	var out []trail.Exclusion
	for _, f := range found {
		out = append(out, trail.Exclusion{Rule: "content_filter:" + cmp.Or(string(f.Entry.Slug), "custom"), Level: blockedBy(f.Entry.From)})
	}
	return out
}

// budgetOf is a spending limit as a rule that no endpoint is behind.
func budgetOf(b policy.Spending) trail.Exclusion {
	x := trail.Exclusion{Rule: "budget:" + string(b.Source)}
	switch b.Source {
	case policy.OfKeyLimit:
		x.Level = "the key's own limit"
	case policy.OfWorkspace:
		x.Level = "workspace " + b.ID
	default:
		x.Level = "guardrail " + b.ID
	}
	return x
}

const theOperators = "the operator's policy"

// blockedBy says whose content filter it is.
func blockedBy(from filter.Origin) string {
	if from.ID == "" {
		return theOperators
	}
	return "guardrail " + from.ID + " (" + from.Scope + ")"
}

// byPolicy reports whether it was somebody's rule that refused: of the operator, of an
// account, or of the request itself. What a vendor refuses, or what cannot be served
// whoever asks, is nobody's.
func byPolicy(e *llm.Error) bool {
	if a := e.Availability; a != nil {
		if a.Code == "privacy_restricted" {
			return true
		}
		for _, l := range a.LeftOut {
			if l.By != "" {
				return true
			}
		}
	}
	switch {
	case e.Fault == llm.FaultBarred:
		return true
	case e.Fault != llm.FaultCaller || e.ProviderName != "":
		return false
	}
	switch e.Type {
	case llm.TypePermissionDenied, llm.TypeContentPolicy:
		return true
	case llm.TypePaymentRequired:
		short, ok := errors.AsType[*ledger.Insufficient](e.Err)
		return ok && short.Scope != "" // a limit that was set, not money that is not there
	default:
		return false
	}
}
