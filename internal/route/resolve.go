package route

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Strategy says how the models of a plan were found (contract area 19).
type Strategy string

// The strategies.
const (
	Direct   Strategy = "direct"
	Alias    Strategy = "alias"  // an older name of a model
	Latest   Strategy = "latest" // ~author/family-latest
	Auto     Strategy = "auto"
	Free     Strategy = "free"
	Pareto   Strategy = "pareto"
	Fallback Strategy = "fallback" // a later model answered

	BodyBuilder Strategy = "bodybuilder"
	Fusion      Strategy = "fusion"
)

// target is a model to plan for, with what its name's variant says.
type target struct {
	model    *catalog.Model
	name     int // of the caller's, which it was found by
	sort     llm.Sort
	admits   string // a service tier that its endpoints may be of (SL-02)
	strategy Strategy
}

// resolve turns the caller's names into models. Names that do not resolve, and models
// that have ended, are passed over as long as one is left (FB-02).
func resolve(q *Query, w *World, limits *policy.Limits, rng *rand.Rand) ([]target, Strategy, error) {
	r := &router{query: q, world: w, limits: limits, rng: rng}
	targets := make([]target, 0, len(q.Models))
	var first error
	for n, name := range q.Models {
		found, err := r.lookUp(name)
		for _, t := range found {
			if wrong := unfit(q, w, t.model); wrong != nil {
				err = wrong
				continue
			}
			if !slices.ContainsFunc(targets, func(have target) bool { return have.model == t.model }) { // FB-01
				t.name = n
				targets = append(targets, t)
			}
		}
		if first == nil {
			first = err
		}
	}
	if len(targets) == 0 {
		return nil, "", first
	}
	return targets, targets[0].strategy, nil
}

// unfit says why a model cannot answer at all.
func unfit(q *Query, w *World, m *catalog.Model) error {
	switch {
	case !m.Writes():
		return wrongEndpoint(q, m)
	case lacksOutput(q, m) != "":
		return noOutput(m, lacksOutput(q, m))
	case m.Ended(w.At):
		return deprecated(m, w)
	}
	return nil
}

// lacksOutput is a modality that was asked for and that the model does not make.
func lacksOutput(q *Query, m *catalog.Model) string {
	for _, wanted := range q.Needs.Outputs {
		if !slices.Contains(m.OutputModalities, wanted) {
			return wanted
		}
	}
	return ""
}

// lookUp finds what a name means: a model, the newest of a family, or what a router
// picks. A static variant is a model of its own; the dynamic ones work on any name
// (SL-01) and may stack: the last word on the order of endpoints is the last suffix's.
func (r *router) lookUp(name string) ([]target, error) {
	base, variant := name, target{}
	for {
		if found, err := r.whatIs(base, &variant); found != nil || err != nil {
			for i := range found {
				if variant.sort != llm.SortDefault { // else what is behind the name may have one of its own
					found[i].sort, found[i].admits = variant.sort, variant.admits
				}
			}
			return found, err
		}
		i := strings.LastIndexByte(base, ':')
		if i < 0 {
			return nil, unknownModel(name, r.world.Catalog)
		}
		v, ok := dynamic(base[i:])
		if !ok {
			return nil, unknownModel(name, r.world.Catalog)
		}
		if variant.sort == llm.SortDefault {
			variant = v
		}
		base = base[:i]
	}
}

// dynamic is what a variant says that any model has; ok is false for every other.
func dynamic(suffix string) (t target, ok bool) {
	switch suffix {
	case ":nitro":
		return target{sort: llm.SortThroughput, admits: string(llm.TierPriority)}, true
	case ":floor":
		return target{sort: llm.SortPrice, admits: string(llm.TierFlex)}, true
	case ":exacto":
		return target{sort: llm.SortExacto}, true
	}
	return target{}, false
}

// whatIs is what a name without dynamic variants means; nil if nothing.
func (r *router) whatIs(name string, variant *target) ([]target, error) {
	if found, err := r.pick(name, variant.sort == llm.SortThroughput); found != nil || err != nil {
		return found, err
	}
	if strings.HasPrefix(name, "~") {
		if m := latest(r.world, name); m != nil {
			return []target{{model: m, strategy: Latest}}, nil
		}
		return nil, nil
	}
	m, ok := r.world.Catalog.Model(name)
	if !ok {
		return nil, nil
	}
	t := target{model: m, strategy: Direct}
	if m.ID != name && m.CanonicalSlug != name {
		t.strategy = Alias
	}
	return []target{t}, nil
}

// latest is the model that "~author/family-latest" means (SL-07): the newest of the
// family that has an endpoint which can be asked here; without one of those, the newest
// of all, so that the refusal speaks of it.
func latest(w *World, alias string) *catalog.Model {
	live := func(m *catalog.Model) bool {
		return slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return w.Barred(e) == "" })
	}
	if m := w.Catalog.Latest(alias, w.At, live); m != nil {
		return m
	}
	return w.Catalog.Latest(alias, w.At, nil)
}
