package route

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func unknownModel(name string, snap *catalog.Snapshot) *llm.Error {
	e := &llm.Error{
		Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller,
		Message:      name + " is not a valid model ID: GET /api/v1/models lists those that are",
		Availability: &llm.Availability{Code: "model_not_found", Models: []string{name}},
	}
	base, variant, _ := strings.Cut(name, ":")
	if m, known := snap.Model(base); known {
		e.Message = fmt.Sprintf("%s has no variant :%s here", m.ID, variant)
		e.Availability.Fallbacks = []string{m.ID} // ER-16
		if variant == "free" {
			e.Type, e.Availability.Code = llm.TypeNotFound, "free_variant_ended"
		}
	}
	return e
}

// deprecated is the end that a model's expiration date announced (CT-07). The newest of
// its family is suggested in its place (ER-16).
func deprecated(m *catalog.Model, w *World) *llm.Error {
	e := &llm.Error{
		Type: llm.TypeNotFound, Fault: llm.FaultCaller,
		Message:      fmt.Sprintf("%s ended on %s: GET /api/v1/models lists those that are there", m.ID, m.ExpirationDate),
		Availability: &llm.Availability{Code: "model_deprecated", Models: []string{m.ID}},
	}
	if next := w.Catalog.Successor(m, w.At); next != nil {
		e.Message = fmt.Sprintf("%s ended on %s: the newest of its family is %s", m.ID, m.ExpirationDate, next.ID)
		e.Availability.Fallbacks = []string{next.ID}
	}
	return e
}

func wrongEndpoint(q *Query, m *catalog.Model) *llm.Error {
	return &llm.Error{
		Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller,
		Message:      fmt.Sprintf("%s answers with %s and cannot be called for chat", m.ID, strings.Join(m.OutputModalities, ", ")),
		Availability: &llm.Availability{Code: "wrong_endpoint", Models: q.Models, Constraint: outputs(m, "text")},
	}
}

// outputs is what a model makes, where something else is wanted.
func outputs(m *catalog.Model, wanted string) llm.Constraint {
	return llm.Constraint{
		Field:  "output_modalities",
		Detail: fmt.Sprintf("%s is wanted, and %s makes %s", wanted, m.ID, strings.Join(m.OutputModalities, ", ")),
	}
}

func noOutput(m *catalog.Model, wanted string) *llm.Error {
	return &llm.Error{
		Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller,
		Message:      fmt.Sprintf("modalities: %s does not make %s; it makes %s", m.ID, wanted, strings.Join(m.OutputModalities, ", ")),
		Availability: &llm.Availability{Code: "wrong_endpoint", Models: []string{m.ID}, Constraint: outputs(m, wanted)},
	}
}

// empty explains a plan without candidates (RT-28): a 404 that names what
// removed each endpoint.
func empty(q *Query, snap *catalog.Snapshot, excluded []Exclusion) *llm.Error {
	var rules, removed, providers []string
	for _, x := range excluded {
		if !slices.Contains(rules, x.Rule) {
			rules = append(rules, x.Rule)
		}
		if name := displayName(snap, x.Endpoint); !slices.Contains(providers, name) {
			providers = append(providers, name)
		}
		why := x.Rule
		switch {
		case x.By != nil:
			why += ", required by " + x.By.String()
			if x.Rule == policy.RuleProviders { // RT-12
				allowed := x.By.AllowedProviders
				why += ": " + strings.Join(allowed[:min(len(allowed), maxListed)], ", ")
			}
		case x.Detail != "":
			why += ": " + x.Detail
		}
		removed = append(removed, x.Endpoint.Tag+" ("+why+")")
	}
	slices.Sort(rules)
	a := &llm.Availability{Code: code(rules), Models: q.Models, Providers: providers, ExcludedBy: rules}
	a.LeftOut, a.Omitted = LeftOut(excluded)
	if a.Code == codeConstraint {
		a.Constraint = constraint(q, excluded)
	}
	typ := llm.TypeNotFound
	if slices.Contains(rules, RuleStrict) { // it alone stood between the request and an endpoint
		typ = llm.TypeUnprocessable
	}
	if tooLongAlone(rules) {
		return overlong(q, a, removed)
	}
	return &llm.Error{
		Type: typ, Fault: llm.FaultCaller, Availability: a,
		Message: fmt.Sprintf("No endpoint can serve %s. %s", strings.Join(q.Models, ", "), advice(q, rules, removed)),
	}
}

// maxLeftOut is how many endpoints an error lists.
const maxLeftOut = 64

// LeftOut is how an error lists the endpoints that rules left out.
func LeftOut(excluded []Exclusion) (list []llm.LeftOut, omitted int) {
	for i := range excluded[:min(len(excluded), maxLeftOut)] {
		x := &excluded[i]
		l := llm.LeftOut{Endpoint: x.Endpoint.ID, Rule: x.Rule, Admits: x.remedy()}
		l.By, l.ChangedBy = x.whose()
		list = append(list, l)
	}
	return list, len(excluded) - len(list)
}

func displayName(snap *catalog.Snapshot, e *catalog.Endpoint) string {
	if p, ok := snap.Provider(e.Provider); ok {
		return p.Name
	}
	return e.Provider
}

// codeConstraint says that something in the request stands in the way.
const codeConstraint = "constraint_filtered"

// constrains reports whether a rule is there for something in the request.
func constrains(rule string) bool {
	switch rule {
	case RuleAllowed, RuleIgnored, RuleTier, RuleContext, RuleMaxTokens, RuleModality, RuleQuantization, RuleMaxPrice, RuleDistillable, RuleParameters,
		RulePreferred, RuleFallbacks, RuleStrict:
		return true
	}
	return false
}

// constraint is what of the request left out most of the endpoints.
func constraint(q *Query, excluded []Exclusion) llm.Constraint {
	var most string
	var at []string
	by := map[string][]string{}
	whose := map[string]*policy.Level{} // nil: the request's own
	for _, x := range excluded {
		if constrains(x.Rule) {
			by[x.Rule] = append(by[x.Rule], x.Endpoint.Tag)
			whose[x.Rule] = x.By
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(by)) {
		if len(by[rule]) > len(at) {
			most, at = rule, by[rule]
		}
	}
	what := most + " leaves out "
	switch {
	case whose[most] != nil:
		what = most + " of " + whose[most].String() + " leaves out "
	case most == RuleAllowed && len(q.Routing.Only) > 0:
		what = "provider.only admits " + strings.Join(q.Routing.Only, ", ") + " and leaves out "
	case most == RuleIgnored:
		what = "provider.ignore leaves out "
	}
	if len(at) > maxListed {
		at = append(at[:maxListed:maxListed], fmt.Sprintf("%d more", len(at)-maxListed))
	}
	return llm.Constraint{Field: most, Detail: what + strings.Join(at, ", ")}
}

// code is the availability code for what removed the endpoints: a data policy
// speaks first, then any of the caller's constraints; what is left is ours.
func code(rules []string) string {
	has := func(rs ...string) bool {
		return slices.ContainsFunc(rs, func(r string) bool { return slices.Contains(rules, r) })
	}
	switch {
	case slices.ContainsFunc(rules, policy.Privacy):
		return "privacy_restricted"
	case len(rules) == 1 && has(RuleDeprecated):
		return "model_deprecated"
	case slices.ContainsFunc(rules, constrains):
		return codeConstraint
	default:
		return "no_endpoints"
	}
}

const maxListed = 12

func advice(q *Query, rules, removed []string) string {
	if len(removed) == 0 {
		return "The catalogue has no endpoint for it"
	}
	more := ""
	if len(removed) > maxListed {
		more = fmt.Sprintf(" and %d more", len(removed)-maxListed)
		removed = removed[:maxListed]
	}
	text := "Left out: " + strings.Join(removed, ", ") + more
	if len(q.Routing.Only) > 0 && slices.Contains(rules, RuleAllowed) {
		text += "; allowed were only " + strings.Join(q.Routing.Only, ", ")
	}
	if slices.Contains(rules, RuleStrict) {
		text += "; X-Turnpike-Strict is set, and the fields named could not be said to those endpoints"
	}
	if slices.Contains(rules, RuleCredential) {
		text += "; no_credential means that the operator has set no key for that provider"
	}
	return text
}
