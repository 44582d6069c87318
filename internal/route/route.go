// Package route plans: from a request, a catalogue snapshot, limits, health and a seed
// it makes the ordered list of candidates, and says of every endpoint of the named
// models which rule left it out. It is a pure function: the same inputs give the same
// plan (law 6), today or when it is replayed.
package route

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// World is what a plan depends on beside the request.
type World struct {
	Catalog *catalog.Snapshot
	Barred  func(*catalog.Endpoint) (rule string) // why the set-up here cannot ask it: no_credential, no_dialect; "" if it can
	Loses   func(*catalog.Endpoint) []string      // what of the request could not be said to it
	Health  func(endpoint string) *health.Standing
	Sticky  map[string]int64 // endpoint -> tokens of this session that its cache is expected to hold
	Shares  []Share          // what is spent on models, for the auto router
	At      time.Time        // when the request came
	Explain bool             // Plan.Excluded is wanted
}

// warm is how many tokens of the prompt an endpoint is expected to read from its cache.
func (w *World) warm(e *catalog.Endpoint) int64 {
	if w.Sticky == nil {
		return 0
	}
	return w.Sticky[e.ID]
}

// Candidate is an endpoint that may be tried.
type Candidate struct {
	Endpoint *catalog.Endpoint
	Model    *catalog.Model
	Provider *catalog.Provider
	Why      Reason

	Name     int      // the caller's, among Query.Models, that it was planned for
	Strategy Strategy // how that name was understood
}

// Exclusion is an endpoint that a rule left out.
type Exclusion struct {
	Endpoint *catalog.Endpoint
	Rule     string
	Detail   string        // the fields in question, for RuleStrict
	By       *policy.Level // who demands it, where it is a matter of policy
	Also     string        // what would admit it beside, where others demand something of it, too
}

// Plan is candidates in the order in which to try them.
type Plan struct {
	Strategy   Strategy
	Candidates []Candidate
	Considered int         // endpoints of all the models named, left out or not
	Excluded   []Exclusion // only where World.Explain asks for it
	Chances    []float64   // the same: of each candidate, of coming first by the draw

	Limits *policy.Limits // that it was made under, which hold as long as it is walked; nil: there are none
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

// Make plans. Its error is an *llm.Error that says what removed each endpoint.
func Make(q Query, w World, limits policy.Limits, rng *rand.Rand) (Plan, error) {
	targets, strategy, err := resolve(&q, &w, &limits, rng)
	if err != nil {
		return Plan{}, err
	}
	table, _ := tables.Get().(*[]entry) // New makes no other
	defer tables.Put(table)
	p := planner{query: &q, world: &w, limits: &limits, targets: targets, entries: *table}
	entries := p.filter()
	if len(entries) == 0 && p.squeeze() {
		p.excluded = nil // what was too long is no more
		entries = p.filter()
	}
	*table = entries
	if len(entries) == 0 {
		return p.nobody(strategy)
	}
	all := entries
	entries = arrange(&q, &w, targets, entries, rng)
	if w.Explain {
		for i := range all[len(entries):] {
			p.exclude(Exclusion{Endpoint: all[len(entries)+i].endpoint, Rule: RuleLength})
		}
	}
	if q.Routing.NoFallbacks {
		if entries = p.withoutFallbacks(entries); len(entries) == 0 {
			return p.nobody(strategy)
		}
	}
	plan := Plan{Strategy: strategy, Candidates: make([]Candidate, len(entries)), Considered: p.considered, Excluded: p.excluded, Limits: &limits}
	for i := range entries {
		e := &entries[i]
		provider, _ := w.Catalog.Provider(e.endpoint.Provider) // a snapshot has no endpoint without its provider
		t := &targets[e.model]
		plan.Candidates[i] = Candidate{Endpoint: e.endpoint, Model: t.model, Provider: provider, Why: e.why, Name: t.name, Strategy: t.strategy}
	}
	if w.Explain {
		plan.Chances = odds(entries, all)
	}
	return plan, nil
}

// nobody says why a plan has no candidate: rules, or that none of the endpoints that are
// left is one of those listed and others are not wanted (RT-21).
func (p *planner) nobody(strategy Strategy) (Plan, error) {
	p.world.Explain, p.excluded = true, nil
	for _, e := range p.filter() {
		p.exclude(Exclusion{Endpoint: e.endpoint, Rule: RuleFallbacks})
	}
	return Plan{Strategy: strategy, Considered: p.considered, Excluded: p.excluded}, empty(p.query, p.world.Catalog, p.excluded)
}

// tables are room for entries, to be used again: a thousand are much to throw away for
// each request.
var tables = sync.Pool{New: func() any { return new([]entry) }} //nolint:gochecknoglobals // nobody sees what it holds

// planner is one plan in the making.
type planner struct {
	entries    []entry // room for the work
	query      *Query
	world      *World
	limits     *policy.Limits
	targets    []target
	considered int
	excluded   []Exclusion
	squeezed   int64 // endpoints of this context take a prompt of any length, see [planner.squeeze]
}

func (p *planner) exclude(x Exclusion) {
	if p.world.Explain {
		p.excluded = append(p.excluded, x)
	}
}

// withoutFallbacks is what allow_fallbacks: false leaves of each model (RT-21): the
// listed providers, or else one endpoint.
func (p *planner) withoutFallbacks(ordered []entry) []entry {
	kept := ordered[:0:0]
	for i, e := range ordered {
		if e.why == WhyOrder || len(p.query.Routing.Order) == 0 && p.first(ordered[:i], e) {
			kept = append(kept, e)
		} else {
			p.exclude(Exclusion{Endpoint: e.endpoint, Rule: RuleFallbacks})
		}
	}
	return kept
}

// first reports that no endpoint of e's model is before it, or none at all where the
// models are one list.
func (p *planner) first(before []entry, e entry) bool {
	if p.query.Routing.Partition == llm.PartitionNone {
		return len(before) == 0
	}
	return !slices.ContainsFunc(before, func(b entry) bool { return b.model == e.model })
}
