package route

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
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
)

// target is a model to plan for, with what its name's variant says.
type target struct {
	model    *catalog.Model
	sort     llm.Sort
	admits   string // a service tier that its endpoints may be of (SL-02)
	strategy Strategy
}

// resolve turns the caller's names into models. Names that do not resolve, and models
// that have ended, are passed over as long as one is left (FB-02).
func resolve(q *Query, w *World, rng *rand.Rand) ([]target, Strategy, error) {
	targets := make([]target, 0, len(q.Models))
	var first error
	for _, name := range q.Models {
		found, err := lookUp(q, w, name, rng)
		for _, t := range found {
			if wrong := unfit(q, w, t.model); wrong != nil {
				err = wrong
				continue
			}
			if !slices.ContainsFunc(targets, func(have target) bool { return have.model == t.model }) { // FB-01
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
	case !slices.Contains(m.OutputModalities, "text"):
		return wrongEndpoint(q, m)
	case lacksOutput(q, m) != "":
		return noOutput(m, lacksOutput(q, m))
	case ended(m, w.At):
		return deprecated(m)
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

// ended reports whether the day of a model's removal is over (CT-07).
func ended(m *catalog.Model, at time.Time) bool {
	return m.ExpirationDate != "" && at.UTC().Format(time.DateOnly) > m.ExpirationDate
}

// lookUp finds what a name means: a model, the newest of a family, or what a router
// picks. A static variant is a model of its own; the dynamic ones work on any name
// (SL-01) and may stack.
func lookUp(q *Query, w *World, name string, rng *rand.Rand) ([]target, error) {
	base, variant := name, target{}
	for {
		if found, err := whatIs(q, w, base, rng); found != nil || err != nil {
			for i := range found {
				found[i].sort, found[i].admits = variant.sort, variant.admits
			}
			return found, err
		}
		i := strings.LastIndexByte(base, ':')
		if i < 0 {
			return nil, unknownModel(name, w.Catalog)
		}
		switch base[i:] {
		case ":nitro":
			variant.sort, variant.admits = llm.SortThroughput, string(llm.TierPriority)
		case ":floor":
			variant.sort, variant.admits = llm.SortPrice, string(llm.TierFlex)
		case ":exacto":
			variant.sort = llm.SortExacto
		default:
			return nil, unknownModel(name, w.Catalog)
		}
		base = base[:i]
	}
}

// whatIs is what a name without dynamic variants means; nil if nothing.
func whatIs(q *Query, w *World, name string, rng *rand.Rand) ([]target, error) {
	if found, err := routed(q, w, name, rng); found != nil || err != nil {
		return found, err
	}
	if family, ok := strings.CutPrefix(name, "~"); ok {
		if m := newest(w, family); m != nil {
			return []target{{model: m, strategy: Latest}}, nil
		}
		return nil, nil
	}
	m, ok := w.Catalog.Model(name)
	if !ok {
		return nil, nil
	}
	t := target{model: m, strategy: Direct}
	if m.ID != name && m.CanonicalSlug != name {
		t.strategy = Alias
	}
	return []target{t}, nil
}

// newest is the newest model that "author/family-latest" means (SL-07): one of the
// author's whose name is the family's but for its version, that has not ended and has
// an endpoint that can be asked here; without one of those, the newest of all.
func newest(w *World, alias string) *catalog.Model {
	family, ok := strings.CutSuffix(alias, "-latest")
	if !ok {
		return nil
	}
	var best *catalog.Model
	live := func(m *catalog.Model) bool {
		return slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return w.Barred(e) == "" })
	}
	rank := func(m *catalog.Model) int {
		if live(m) {
			return 1
		}
		return 0
	}
	for _, m := range w.Catalog.Family(family) {
		if ended(m, w.At) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(rank(m), rank(best)), cmp.Compare(m.Created, best.Created)) > 0 {
			best = m
		}
	}
	return best
}
