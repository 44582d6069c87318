package relay

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// unsaid is a candidate that a strict request was not sent to: what its values would
// have lost there is known only once they were put into its words.
type unsaid struct {
	at   route.Candidate
	lost []string
}

func (u *unsaid) Error() string {
	return u.at.Endpoint.Tag + ": could not be said: " + strings.Join(u.lost, ", ")
}

// strictly refuses a request that must lose nothing and would.
func strictly(req *llm.Request, c route.Candidate, lost []string) *llm.Error {
	if !req.Strict || len(lost) == 0 {
		return nil
	}
	return &llm.Error{
		Type: llm.TypeUnprocessable, Fault: llm.FaultUnsuited,
		Message: "X-Turnpike-Strict is set, and not all of the request can be said to this endpoint", Err: &unsaid{c, lost},
	}
}

// leftOut are the candidates that strictness has left out.
func (o *outcomes) leftOut() (list []*unsaid) {
	for _, x := range o.list {
		if u, ok := errors.AsType[*unsaid](x.err); ok {
			list = append(list, u)
		}
	}
	return list
}

const maxListed = 12

// nobody explains that nobody is left who can be told all of a strict request, in the
// planner's words and with what the planner had left out before.
func nobody(req *llm.Request, plan route.Plan, list []*unsaid) *llm.Error {
	names := make(map[string]string, len(plan.Candidates))
	for _, c := range plan.Candidates {
		names[c.Provider.Slug] = c.Provider.Name
	}
	var rules, removed, providers []string
	add := func(x route.Exclusion) {
		if !slices.Contains(rules, x.Rule) {
			rules = append(rules, x.Rule)
		}
		name, known := names[x.Endpoint.Provider]
		if !known {
			name = x.Endpoint.Provider
		}
		if !slices.Contains(providers, name) {
			providers = append(providers, name)
		}
		why := x.Rule
		if x.Detail != "" {
			why += ": " + x.Detail
		}
		removed = append(removed, x.Endpoint.Tag+" ("+why+")")
	}
	for _, u := range list {
		add(route.Exclusion{Endpoint: u.at.Endpoint, Rule: route.RuleStrict, Detail: strings.Join(u.lost, ", ")})
	}
	for _, x := range plan.Excluded {
		add(x)
	}
	slices.Sort(rules)
	a := &llm.Availability{
		Code: "constraint_filtered", Models: req.Models, Providers: providers, ExcludedBy: rules,
		Constraint: llm.Constraint{Field: route.RuleStrict, Detail: "X-Turnpike-Strict is set; " + list[0].Error()},
	}
	if slices.Contains(rules, policy.RuleZDR) || slices.Contains(rules, policy.RuleTraining) {
		a.Code, a.Constraint = "privacy_restricted", llm.Constraint{}
	}
	more := ""
	if n := len(removed) - maxListed; n > 0 {
		removed, more = removed[:maxListed], fmt.Sprintf(" and %d more", n)
	}
	return &llm.Error{
		Type: llm.TypeUnprocessable, Fault: llm.FaultCaller,
		Message: fmt.Sprintf("No endpoint can serve %s. Left out: %s%s; X-Turnpike-Strict is set, and the fields named could not be said to those endpoints",
			strings.Join(req.Models, ", "), strings.Join(removed, ", "), more),
		Availability: a,
	}
}
