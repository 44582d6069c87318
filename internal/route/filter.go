package route

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Rules that leave an endpoint out: the contract's `excluded_by` vocabulary, and
// our own words where it has none.
const (
	RuleDialect      = "no_dialect"
	RuleCredential   = "no_credential"
	RuleAllowed      = "allowed_providers"
	RuleIgnored      = "ignored_providers"
	RuleTier         = "service_tier"
	RuleDeprecated   = "deprecated"
	RuleUnpriced     = "unpriced"
	RuleContext      = "context_length"
	RuleMaxTokens    = "max_tokens"
	RuleModality     = "input_modalities"
	RuleQuantization = "quantization"
	RuleMaxPrice     = "max_price"
	RuleDistillable  = "enforce_distillable_text"
	RuleParameters   = "require_parameters"
	RulePreferred    = "preferred_parameters" // RT-19: others of the model take what was sent
	RuleFallbacks    = "allow_fallbacks"
	RuleStrict       = "strict"      // X-Turnpike-Strict: something would be lost
	RuleLength       = "plan_length" // so many others come before it that nobody will ask it
)

// filter are the endpoints of all targets that may serve the request.
func (p *planner) filter() []entry {
	p.considered = 0
	for i := range p.targets {
		p.considered += len(p.targets[i].model.Endpoints)
	}
	entries := slices.Grow(p.entries[:0], p.considered)
	for i := range p.targets {
		from := len(entries)
		for _, e := range p.targets[i].model.Endpoints {
			if x, out := p.excludes(&p.targets[i], e); out {
				if p.world.Explain && x.By != nil {
					x.Also = p.limits.Also(p.targets[i].model, e, p.world.At, x.By)
				}
				p.exclude(x)
				continue
			}
			entries = append(entries, entry{endpoint: e, standing: p.world.Health(e.ID), model: uint16(i)})
		}
		entries = entries[:from+len(p.prefer(entries[from:]))]
	}
	return entries
}

// excludes says whether a rule leaves an endpoint out, and which. What policy demands
// is asked first, so that nothing else is said of an endpoint that may not be known.
func (p *planner) excludes(t *target, e *catalog.Endpoint) (x Exclusion, out bool) {
	if rule, by := p.limits.Refuses(t.model, e, p.world.At); rule != "" {
		return Exclusion{Endpoint: e, Rule: rule, By: by}, true
	}
	rule, detail := p.unable(t, e)
	return Exclusion{Endpoint: e, Rule: rule, Detail: detail}, rule != ""
}

// unable names the rule by which an endpoint cannot serve the request, or returns "".
func (p *planner) unable(t *target, e *catalog.Endpoint) (rule, detail string) {
	q, w := p.query, p.world
	r := &q.Routing
	if rule := w.Barred(e); rule != "" {
		return rule, ""
	}
	switch {
	case len(r.Only) > 0 && !named(w.Catalog, e, r.Only):
		return RuleAllowed, ""
	case named(w.Catalog, e, r.Ignore):
		return RuleIgnored, ""
	case e.Tier != "" && !admitted(r, t, e):
		return RuleTier, ""
	case e.Deprecated:
		return RuleDeprecated, ""
	case e.Prices.Routed:
		return RuleUnpriced, ""
	case exceeds(&q.Needs, e) && p.tooLong(t.model, e):
		return RuleContext, ""
	case e.MaxCompletionTokens > 0 && q.Needs.MaxTokens > e.MaxCompletionTokens:
		return RuleMaxTokens, ""
	case !takesModalities(q, e):
		return RuleModality, ""
	case len(r.Quantizations) > 0 && !quantized(r.Quantizations, e.Quantization):
		return RuleQuantization, ""
	case tooDear(&r.MaxPrice, &e.Prices):
		return RuleMaxPrice, ""
	case r.Distillable && !t.model.Distillable:
		return RuleDistillable, ""
	case r.RequireParameters && !takesAll(q, e):
		return RuleParameters, ""
	}
	if q.Strict {
		if lost := w.Loses(e); len(lost) > 0 {
			return RuleStrict, strings.Join(lost, ", ")
		}
	}
	return "", ""
}

// named reports whether one of the names in order, only or ignore means the endpoint.
func named(snap *catalog.Snapshot, e *catalog.Endpoint, names []string) bool {
	for _, name := range names {
		if matches(snap, e, name) {
			return true
		}
	}
	return false
}

// matches says whether a name means the endpoint: a provider's slug or display name
// means all its endpoints but those of a service tier (RT-10), a suffixed slug exactly
// one (RT-11).
func matches(snap *catalog.Snapshot, e *catalog.Endpoint, name string) bool {
	if strings.EqualFold(name, e.Tag) {
		return true
	}
	if e.Tier != "" {
		return false
	}
	if strings.EqualFold(name, e.Provider) {
		return true
	}
	p, ok := snap.Provider(e.Provider)
	return ok && strings.EqualFold(name, p.Name)
}

// admitted reports whether the caller has opted in to an endpoint's service tier: by
// its tag (TR-04), by the tier itself, or by a variant that admits it, unless an order
// or an explicit default tier takes that back (SL-03).
func admitted(r *llm.Routing, t *target, e *catalog.Endpoint) bool {
	isTag := func(name string) bool { return strings.EqualFold(name, e.Tag) }
	if slices.ContainsFunc(r.Only, isTag) || slices.ContainsFunc(r.Order, isTag) {
		return true
	}
	if e.Tier == string(r.Tier) {
		return true
	}
	return e.Tier == t.admits && len(r.Order) == 0 && r.Tier != llm.TierDefault
}

// takesModalities passes over files unless the model itself is to read them: their
// text can be read for any model (FL-01).
func takesModalities(q *Query, e *catalog.Endpoint) bool {
	for _, m := range q.Needs.Modalities {
		if m == "file" && q.Plugins.PDF != llm.PDFNative {
			continue
		}
		if !slices.Contains(e.InputModalities, m) {
			return false
		}
	}
	return true
}

// quantized is RT-18: fp4 also admits mxfp4 and nvfp4, fp8 also mxfp8.
func quantized(wanted []string, have string) bool {
	if have == "" {
		have = "unknown"
	}
	return slices.ContainsFunc(wanted, func(q string) bool {
		return q == have || (q == "fp4" && (have == "mxfp4" || have == "nvfp4")) || (q == "fp8" && have == "mxfp8")
	})
}

func tooDear(limit *llm.MaxPrice, p *catalog.Prices) bool {
	return (limit.Prompt != nil && p.Prompt.Unit > *limit.Prompt) ||
		(limit.Completion != nil && p.Completion.Unit > *limit.Completion) ||
		(limit.Request != nil && p.Request.Unit > *limit.Request) ||
		(limit.Image != nil && p.Image.Unit > *limit.Image) ||
		(limit.Audio != nil && p.Audio.Unit > *limit.Audio)
}

func takesAll(q *Query, e *catalog.Endpoint) bool {
	return !slices.ContainsFunc(q.Needs.Parameters, func(p string) bool { return !e.Parameters[p] })
}

// preferredParameters are those of RT-19: within a model, endpoints that take
// them are preferred to the exclusion of the others.
var preferredParameters = [...]string{"tools", "structured_outputs", "response_format", "verbosity"} //nolint:gochecknoglobals // a constant list

// prefer leaves out, of the endpoints of one model, those that are not able to do what
// others of them are: read a file (FL-01), take a parameter (RT-19), serve at the flex
// tier (TR-03).
func (p *planner) prefer(kept []entry) []entry {
	q := p.query
	if q.Plugins.PDF == llm.PDFDefault && slices.Contains(q.Needs.Modalities, "file") {
		kept = p.preferred(kept, RulePreferred, func(e *catalog.Endpoint) bool { return slices.Contains(e.InputModalities, "file") })
	}
	if q.Routing.Tier == llm.TierFlex {
		kept = p.preferred(kept, RuleTier, func(e *catalog.Endpoint) bool { return e.Tier == string(llm.TierFlex) })
	}
	for _, parameter := range preferredParameters {
		if slices.Contains(q.Needs.Parameters, parameter) {
			kept = p.preferred(kept, RulePreferred, func(e *catalog.Endpoint) bool { return e.Parameters[parameter] })
		}
	}
	return kept
}

// preferred are the entries that are able, or all where none is.
func (p *planner) preferred(kept []entry, rule string, able func(*catalog.Endpoint) bool) []entry {
	if !slices.ContainsFunc(kept, func(e entry) bool { return able(e.endpoint) }) {
		return kept
	}
	out := kept[:0]
	for _, e := range kept {
		if able(e.endpoint) {
			out = append(out, e)
		} else {
			p.exclude(Exclusion{Endpoint: e.endpoint, Rule: rule})
		}
	}
	return out
}
