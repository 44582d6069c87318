// Package route plans: from a request, a catalogue snapshot, limits, health and
// a seed it makes the ordered list of candidates, and says of every endpoint of
// the named models which rule left it out. It is a pure function: the same
// inputs give the same plan (law 6).
package route

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// World is what a plan depends on beside the request.
type World struct {
	Catalog *catalog.Snapshot
	Barred  func(*catalog.Endpoint) (rule string)          // why the set-up here cannot ask it: no_credential, no_dialect; "" if it can
	Loses   func(*llm.Request, *catalog.Endpoint) []string // what of the request could not be said to it
	Health  func(endpoint string) health.Standing          // how it does
	At      time.Time                                      // when the request came
}

// Candidate is an endpoint that may be tried.
type Candidate struct {
	Endpoint *catalog.Endpoint
	Model    *catalog.Model
	Provider *catalog.Provider
	Why      string // what put it where it stands: order, sort:price, draw, ...
	Stable   bool   // no outage in the last 30 s
}

// Exclusion is an endpoint that a rule left out.
type Exclusion struct {
	Endpoint *catalog.Endpoint
	Rule     string
	Detail   string // the fields in question, for RuleStrict
}

// Plan is candidates in the order in which to try them.
type Plan struct {
	Candidates []Candidate
	Excluded   []Exclusion
}

// Allows reports whether the endpoint is in the plan: the set that the egress
// door asserts (R5).
func (p Plan) Allows(endpoint string) bool {
	return slices.ContainsFunc(p.Candidates, func(c Candidate) bool { return c.Endpoint.ID == endpoint })
}

// Prices are the sheets of all candidates: a hold covers the dearest.
func (p Plan) Prices() []catalog.Prices {
	sheets := make([]catalog.Prices, len(p.Candidates))
	for i, c := range p.Candidates {
		sheets[i] = c.Endpoint.Prices
	}
	return sheets
}

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
	RuleParameters   = "require_parameters"
	RulePreferred    = "preferred_parameters" // RT-19: others of the model take what was sent
	RuleFallbacks    = "allow_fallbacks"
	RuleStrict       = "strict" // X-Turnpike-Strict: something would be lost
)

// target is a named model with what its variant says about order.
type target struct {
	model *catalog.Model
	sort  llm.Sort
}

// Make plans. Its error is an *llm.Error that says what removed each endpoint.
func Make(req *llm.Request, w World, limits policy.Limits, rng *rand.Rand) (Plan, error) {
	targets, err := resolve(req, w)
	if err != nil {
		return Plan{}, err
	}
	var plan Plan
	var groups [][]Candidate
	for _, t := range targets {
		kept := filter(req, w, limits, t, &plan)
		groups = append(groups, kept)
	}
	if req.Routing.Partition == llm.PartitionNone {
		groups = [][]Candidate{slices.Concat(groups...)}
	}
	for i, g := range groups {
		ordered := arrange(req, w, g, sortOf(req, targets, i), rng)
		if req.Routing.NoFallbacks {
			ordered = withoutFallbacks(req, ordered, &plan)
		}
		plan.Candidates = append(plan.Candidates, ordered...)
	}
	if len(plan.Candidates) == 0 {
		return plan, empty(req, w.Catalog, plan)
	}
	return plan, nil
}

// sortOf is the order that holds for a group: an explicit sort beats a variant's.
func sortOf(req *llm.Request, targets []target, group int) llm.Sort {
	if req.Routing.Sort != llm.SortDefault {
		return req.Routing.Sort
	}
	return targets[group].sort
}

// resolve turns the caller's names into models. A static variant is a model of
// its own; :nitro, :floor and :exacto work on any model (SL-01). Names that do
// not resolve, and models that have ended, are passed over as long as one is left
// (FB-02).
func resolve(req *llm.Request, w World) ([]target, error) {
	var targets []target
	var first error
	for _, name := range req.Models {
		t, err := resolveOne(name, w.Catalog)
		switch {
		case err != nil:
		case !slices.Contains(t.model.OutputModalities, "text"):
			err = wrongEndpoint(req, t.model)
		case lacksOutput(req, t.model) != "":
			err = noOutput(t.model, lacksOutput(req, t.model))
		case ended(t.model, w.At):
			err = deprecated(t.model)
		}
		switch {
		case err == nil && slices.ContainsFunc(targets, func(have target) bool { return have.model == t.model }):
			// Another name of the same: nothing is asked twice (FB-01).
		case err == nil:
			targets = append(targets, t)
		case first == nil:
			first = err
		}
	}
	if len(targets) == 0 {
		return nil, first
	}
	return targets, nil
}

// lacksOutput is a modality that was asked for and that the model does not make.
func lacksOutput(req *llm.Request, m *catalog.Model) string {
	for _, wanted := range req.Needs.Outputs {
		if !slices.Contains(m.OutputModalities, wanted) {
			return wanted
		}
	}
	return ""
}

// ended reports whether the day of a model's removal is over (CT-07).
func ended(m *catalog.Model, at time.Time) bool {
	return m.ExpirationDate != "" && at.UTC().Format(time.DateOnly) > m.ExpirationDate
}

func resolveOne(name string, snap *catalog.Snapshot) (target, error) {
	base, sort := name, llm.SortDefault
	for {
		if m, ok := snap.Model(base); ok {
			return target{m, sort}, nil
		}
		i := strings.LastIndexByte(base, ':')
		if i < 0 {
			return target{}, unknownModel(name, snap)
		}
		switch base[i:] {
		case ":nitro":
			sort = llm.SortThroughput
		case ":floor":
			sort = llm.SortPrice
		case ":exacto": // quality first: the default's business, as where it is a sort
		default:
			return target{}, unknownModel(name, snap)
		}
		base = base[:i]
	}
}

// filter keeps the endpoints of a model that may serve the request.
func filter(req *llm.Request, w World, limits policy.Limits, t target, plan *Plan) []Candidate {
	kept := make([]Candidate, 0, len(t.model.Endpoints))
	for _, e := range t.model.Endpoints {
		if rule := excludes(req, w, limits, e); rule != "" {
			plan.Excluded = append(plan.Excluded, Exclusion{Endpoint: e, Rule: rule})
			continue
		}
		if req.Strict {
			if lost := w.Loses(req, e); len(lost) > 0 {
				plan.Excluded = append(plan.Excluded, Exclusion{e, RuleStrict, strings.Join(lost, ", ")})
				continue
			}
		}
		p, _ := w.Catalog.Provider(e.Provider) // a snapshot has no endpoint without its provider
		kept = append(kept, Candidate{Endpoint: e, Model: t.model, Provider: p, Stable: !w.Health(e.ID).Outage})
	}
	return prefer(req, preferReaders(req, kept, plan), plan)
}

// preferReaders leaves out endpoints that cannot read a file themselves where
// others of the model can (FL-01).
func preferReaders(req *llm.Request, kept []Candidate, plan *Plan) []Candidate {
	if !slices.Contains(req.Needs.Modalities, "file") || req.Input == nil || req.Input.Plugins.PDF != llm.PDFDefault {
		return kept
	}
	return preferred(kept, plan, func(c Candidate) bool { return slices.Contains(c.Endpoint.InputModalities, "file") })
}

func excludes(req *llm.Request, w World, limits policy.Limits, e *catalog.Endpoint) string {
	r := &req.Routing
	if rule := limits.Refuses(e.Policy); rule != "" {
		return rule
	}
	switch {
	case w.Barred(e) != "":
		return w.Barred(e)
	case len(r.Only) > 0 && !slices.ContainsFunc(r.Only, matches(w, e)):
		return RuleAllowed
	case slices.ContainsFunc(r.Ignore, matches(w, e)):
		return RuleIgnored
	case e.Tier != "" && !optsIn(r, e):
		return RuleTier
	case e.Deprecated:
		return RuleDeprecated
	case e.Prices.Routed:
		return RuleUnpriced
	case tooLong(req, e):
		return RuleContext
	case e.MaxCompletionTokens > 0 && req.Needs.MaxTokens > e.MaxCompletionTokens:
		return RuleMaxTokens
	case !takesModalities(req, e):
		return RuleModality
	case len(r.Quantizations) > 0 && !quantized(r.Quantizations, e.Quantization):
		return RuleQuantization
	case tooDear(r.MaxPrice, e.Prices):
		return RuleMaxPrice
	case r.RequireParameters && !takesAll(req, e):
		return RuleParameters
	}
	return ""
}

// matches says whether a name in order, only or ignore means the endpoint: a
// provider's slug or display name means all its endpoints but those of a service
// tier (RT-10), a suffixed slug exactly one (RT-11).
func matches(w World, e *catalog.Endpoint) func(string) bool {
	return func(name string) bool {
		if strings.EqualFold(name, e.Tag) {
			return true
		}
		if e.Tier != "" {
			return false
		}
		if strings.EqualFold(name, e.Provider) {
			return true
		}
		p, ok := w.Catalog.Provider(e.Provider)
		return ok && strings.EqualFold(name, p.Name)
	}
}

func optsIn(r *llm.Routing, e *catalog.Endpoint) bool {
	isTag := func(name string) bool { return strings.EqualFold(name, e.Tag) }
	return slices.ContainsFunc(r.Only, isTag) || slices.ContainsFunc(r.Order, isTag)
}

// tooLong reports that the prompt cannot fit. The prompt is only estimated, on
// the high side, so it must exceed the limit by half before it is held against
// an endpoint; the upstream's own refusal decides the rest.
func tooLong(req *llm.Request, e *catalog.Endpoint) bool {
	surely := req.Needs.PromptTokens * 2 / 3
	return (e.ContextLength > 0 && req.Needs.MaxTokens > e.ContextLength-surely) ||
		(e.MaxPromptTokens > 0 && surely > e.MaxPromptTokens)
}

// takesModalities passes over files unless the model itself is to read them: their
// text can be read for any model (FL-01).
func takesModalities(req *llm.Request, e *catalog.Endpoint) bool {
	for _, m := range req.Needs.Modalities {
		if m == "file" && !readsItself(req) {
			continue
		}
		if !slices.Contains(e.InputModalities, m) {
			return false
		}
	}
	return true
}

func readsItself(req *llm.Request) bool {
	return req.Input != nil && req.Input.Plugins.PDF == llm.PDFNative
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

func tooDear(limit llm.MaxPrice, p catalog.Prices) bool {
	return (limit.Prompt != nil && p.Prompt.Unit > *limit.Prompt) ||
		(limit.Completion != nil && p.Completion.Unit > *limit.Completion) ||
		(limit.Request != nil && p.Request.Unit > *limit.Request) ||
		(limit.Image != nil && p.Image.Unit > *limit.Image)
}

func takesAll(req *llm.Request, e *catalog.Endpoint) bool {
	return !slices.ContainsFunc(req.Needs.Parameters, func(p string) bool { return !e.Parameters[p] })
}

// preferredParameters are those of RT-19: within a model, endpoints that take
// them are preferred to the exclusion of the others.
var preferredParameters = [...]string{"tools", "structured_outputs", "response_format", "verbosity"} //nolint:gochecknoglobals // a constant list

func prefer(req *llm.Request, kept []Candidate, plan *Plan) []Candidate {
	for _, parameter := range preferredParameters {
		if !slices.Contains(req.Needs.Parameters, parameter) {
			continue
		}
		kept = preferred(kept, plan, func(c Candidate) bool { return c.Endpoint.Parameters[parameter] })
	}
	return kept
}

// preferred are the candidates that are able, or all where none is.
func preferred(kept []Candidate, plan *Plan, able func(Candidate) bool) []Candidate {
	if !slices.ContainsFunc(kept, able) {
		return kept
	}
	out := kept[:0:0]
	for _, c := range kept {
		if able(c) {
			out = append(out, c)
		} else {
			plan.Excluded = append(plan.Excluded, Exclusion{Endpoint: c.Endpoint, Rule: RulePreferred})
		}
	}
	return out
}

// withoutFallbacks is what allow_fallbacks: false leaves of a model (RT-21): the
// listed providers, or else one endpoint.
func withoutFallbacks(req *llm.Request, ordered []Candidate, plan *Plan) []Candidate {
	kept := ordered[:0:0]
	for i, c := range ordered {
		listed := c.Why == whyOrder
		if len(req.Routing.Order) == 0 {
			listed = i == 0
		}
		if listed {
			kept = append(kept, c)
		} else {
			plan.Excluded = append(plan.Excluded, Exclusion{Endpoint: c.Endpoint, Rule: RuleFallbacks})
		}
	}
	return kept
}
