// Package policy decides what a request may do before anything is planned: which
// data policies an endpoint must have, and which limits its hold must fit into.
// Limits only ever tighten (DP-04, R5): what a request asks for is added to what
// its key demands, never taken away.
package policy

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits is what the Gate allows a request.
type Limits struct {
	NoTraining bool           // endpoints that keep or train on prompts are out (data_collection: deny)
	ZDR        bool           // only endpoints with zero data retention
	Spend      []ledger.Limit `json:"-"` // all must admit the hold, together or not at all (I19)
}

// Rules by which an endpoint is left out (`excluded_by`, contract area 5).
const (
	RuleZDR      = "data_policy:zdr"
	RuleTraining = "data_policy:training"
)

// Check refuses what the principal may not do at all, and says what the rest
// may at that time.
func Check(who identity.Principal, req *llm.Request, at time.Time) (Limits, error) {
	if who.Management {
		return Limits{}, &llm.Error{
			Type: llm.TypePermissionDenied, Fault: llm.FaultCaller,
			Message: "Management keys cannot be used for inference: create a user key with POST /api/v1/keys and use that",
		}
	}
	l := Limits{NoTraining: req.Routing.DenyCollection, ZDR: req.Routing.ZDR || who.ZDR}
	if scope, most, limited := who.Scope(at); limited {
		l.Spend = []ledger.Limit{{Scope: scope, Max: most}}
	}
	return l, nil
}

// Keeps reports whether an answer may be kept for a while, to be given again to the
// same key. A request's own wish for an endpoint that retains nothing is no wish that
// nothing be kept here (RC-08).
func Keeps(who identity.Principal) bool { return !who.ZDR }

// Refuses names the rule by which the policy of an endpoint is not admitted, or
// returns "". What is unknown counts as retaining and training (DP-02).
func (l *Limits) Refuses(p *catalog.DataPolicy) (rule string) {
	switch {
	case l.ZDR && !p.ZDR:
		return RuleZDR
	case l.NoTraining && (p.Training || p.Retains):
		return RuleTraining
	default:
		return ""
	}
}
