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

// unsaid is a candidate that the request was not sent to by a rule of the planner's: a
// strict one, since what its values would have lost there is known only once they were
// put into its words; or one that policy does not admit there any more.
type unsaid struct{ route.Exclusion }

func (u *unsaid) Error() string {
	if u.Rule == route.RuleStrict {
		return u.Endpoint.Tag + ": could not be said: " + u.Detail
	}
	return u.Endpoint.Tag + ": " + u.Rule
}

// strictly refuses a request that must lose nothing and would.
func strictly(req *llm.Request, c route.Candidate, lost []string) *llm.Error {
	if !req.Strict || len(lost) == 0 {
		return nil
	}
	return &llm.Error{
		Type: llm.TypeUnprocessable, Fault: llm.FaultUnsuited,
		Message: "X-Turnpike-Strict is set, and not all of the request can be said to this endpoint", Err: &unsaid{route.Exclusion{Endpoint: c.Endpoint, Rule: route.RuleStrict, Detail: strings.Join(lost, ", ")}},
	}
}

// leftOut are the candidates that were left out so late.
func (o *outcomes) leftOut() (list []*unsaid) {
	for _, x := range o.list {
		if u, ok := errors.AsType[*unsaid](x.err); ok {
			list = append(list, u)
		}
	}
	return list
}

const maxListed = 12

// nobody explains that nobody is left who may be told the request, and can be told all of
// a strict one, in the planner's words and with what the planner had left out before.
func nobody(req *llm.Request, plan route.Plan, list []*unsaid) *llm.Error {
	names := make(map[string]string, len(plan.Candidates))
	for _, c := range plan.Candidates {
		names[c.Provider.Slug] = c.Provider.Name
	}
	var rules, removed, providers []string
	var all []route.Exclusion
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
		switch {
		case x.By != nil:
			why += ", required by " + x.By.String()
		case x.Detail != "":
			why += ": " + x.Detail
		}
		all = append(all, x)
		removed = append(removed, x.Endpoint.Tag+" ("+why+")")
	}
	for _, u := range list {
		add(u.Exclusion)
	}
	for _, x := range plan.Excluded {
		add(x)
	}
	slices.Sort(rules)
	a := &llm.Availability{Code: "constraint_filtered", Models: req.Models, Providers: providers, ExcludedBy: rules}
	a.LeftOut, a.Omitted = route.LeftOut(all)
	typ, strict := llm.TypeNotFound, ""
	if i := slices.IndexFunc(list, func(u *unsaid) bool { return u.Rule == route.RuleStrict }); i >= 0 {
		typ, strict = llm.TypeUnprocessable, "; X-Turnpike-Strict is set, and the fields named could not be said to those endpoints"
		a.Constraint = llm.Constraint{Field: route.RuleStrict, Detail: "X-Turnpike-Strict is set; " + list[i].Error()}
	}
	if slices.ContainsFunc(rules, policy.Privacy) {
		a.Code, a.Constraint = "privacy_restricted", llm.Constraint{}
	}
	more := ""
	if n := len(removed) - maxListed; n > 0 {
		removed, more = removed[:maxListed], fmt.Sprintf(" and %d more", n)
	}
	return &llm.Error{
		Type: typ, Fault: llm.FaultCaller,
		Message:      fmt.Sprintf("No endpoint can serve %s. Left out: %s%s%s", strings.Join(req.Models, ", "), strings.Join(removed, ", "), more, strict),
		Availability: a,
	}
}
