package route

import (
	"math/rand/v2"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Decision is all that a plan was made from, to make it again. It holds no word of what
// was said.
type Decision struct {
	Snapshot string        `json:"snapshot"` // the catalogue's version
	At       time.Time     `json:"at"`
	Seed     uint64        `json:"seed,string"`
	Query    Query         `json:"query"`
	Limits   policy.Limits `json:"limits,omitzero"`
	Seen     Seen          `json:"seen,omitzero"`
}

// Seen is what a plan was told of the world, as far as it is not the usual: endpoints
// by their ids.
type Seen struct {
	Barred map[string]string          `json:"barred,omitzero"`
	Lost   map[string][]string        `json:"lost,omitzero"`
	Health map[string]health.Standing `json:"health,omitzero"`
	Sticky map[string]int64           `json:"sticky,omitzero"`
	Shares []Share                    `json:"shares,omitzero"`
}

// Rand is the generator of a plan's draws.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) } //nolint:gosec // a draw among endpoints, not a secret

// Decide plans, and keeps what the plan was made from.
func Decide(q Query, w World, limits policy.Limits, seed uint64) (Plan, Decision, error) {
	d := Decision{Snapshot: w.Catalog.Version(), At: w.At, Seed: seed, Query: q, Limits: limits}
	plan, err := Make(q, d.Seen.watch(w), limits, Rand(seed))
	return plan, d, err
}

// Again makes the plan of a decision again, from the catalogue that it names.
func (d *Decision) Again(snap *catalog.Snapshot) (Plan, error) {
	return Make(d.Query, d.Seen.world(snap, d.At), d.Limits, Rand(d.Seed))
}

// watch notes what a plan asks of the world.
func (s *Seen) watch(w World) World {
	barred, loses, standing := w.Barred, w.Loses, w.Health
	w.Barred = func(e *catalog.Endpoint) string {
		rule := barred(e)
		if rule != "" {
			note(&s.Barred, e.ID, rule)
		}
		return rule
	}
	w.Loses = func(e *catalog.Endpoint) []string {
		lost := loses(e)
		if len(lost) > 0 {
			note(&s.Lost, e.ID, lost)
		}
		return lost
	}
	w.Health = func(id string) *health.Standing {
		st := standing(id)
		if *st != (health.Standing{}) {
			note(&s.Health, id, *st)
		}
		return st
	}
	s.Sticky, s.Shares = w.Sticky, w.Shares
	return w
}

func note[T any](m *map[string]T, id string, v T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[id] = v
}

// world is the world as it was seen.
func (s *Seen) world(snap *catalog.Snapshot, at time.Time) World {
	return World{
		Catalog: snap, At: at, Explain: true, Sticky: s.Sticky, Shares: s.Shares,
		Barred: func(e *catalog.Endpoint) string { return s.Barred[e.ID] },
		Loses:  func(e *catalog.Endpoint) []string { return s.Lost[e.ID] },
		Health: func(id string) *health.Standing { st := s.Health[id]; return &st },
	}
}
