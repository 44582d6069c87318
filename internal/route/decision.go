package route

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Decision is all that a plan was made from, to make it again, and what came of it. It
// holds no word of what was said. Made anew it costs next to nothing; the work of
// telling what was seen is done when it is written down.
type Decision struct {
	Snapshot string        `json:"snapshot"` // the catalogue's version
	At       time.Time     `json:"at"`
	Seed     uint64        `json:"seed,string"`
	Query    Query         `json:"query"`
	Limits   policy.Limits `json:"limits,omitzero"`
	Seen     Seen          `json:"seen,omitzero"`
	Made     Made          `json:"made"`

	watch *watch // what is yet to be told in Seen
}

// Seen is what a plan was told of the world, as far as it is not the usual.
type Seen struct {
	Barred map[string][]string `json:"barred,omitzero"` // rule -> providers of which nothing can be asked, and endpoints by their ids
	Open   []string            `json:"open,omitzero"`   // providers of which something can be asked
	Lost   map[string][]string `json:"lost,omitzero"`   // endpoint -> fields
	Health Sights              `json:"health,omitzero"`
	Sticky map[string]int64    `json:"sticky,omitzero"` // endpoint -> tokens
	Shares []Share             `json:"shares,omitzero"`
}

// Sights are what was seen of endpoints, in the order in which they were looked at.
type Sights []Sight

// Sight is how an endpoint did.
type Sight struct {
	Endpoint string // its id
	Standing health.Standing
}

// Made is what came of a decision: candidates in order, or why there are none.
type Made struct {
	Strategy   Strategy `json:"strategy,omitzero"`
	Considered int      `json:"considered,omitzero"`
	Steps      Steps    `json:"steps,omitzero"`
	Refusal    *Refusal `json:"refusal,omitzero"`
}

// Steps are the candidates in order.
type Steps []Step

// Step is a candidate in its place.
type Step struct {
	Endpoint string // its id
	Why      string
}

// Refusal is why there is no plan.
type Refusal struct {
	Type       llm.Type `json:"type"`
	Code       string   `json:"code,omitzero"`        // the availability code (contract area 5)
	ExcludedBy []string `json:"excluded_by,omitzero"` // the rules that left an endpoint out
}

// Rand is the generator of a plan's draws.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) } //nolint:gosec // a draw among endpoints, not a secret

// routers is how the names of those begin that look at what is spent on models.
const routers = "openrouter/"

// Decide plans, and keeps what the plan was made from.
func Decide(q Query, w World, limits policy.Limits, seed uint64) (Plan, Decision, error) {
	d := Decision{Snapshot: w.Catalog.Version(), At: w.At.UTC(), Seed: seed, Query: q, Limits: limits, watch: &watch{}}
	d.Seen.Sticky = w.Sticky
	if slices.ContainsFunc(q.Models, func(name string) bool { return strings.Contains(name, routers) }) {
		d.Seen.Shares = w.Shares
		w.Health = once(w.Health) // a router looks at endpoints before the planner does
	}
	plan, err := Make(q, d.watch.over(w), limits, Rand(seed))
	d.Made = Came(plan, err)
	return plan, d, err
}

// once says the same of an endpoint each time: what it is may change meanwhile.
func once(ask func(string) *health.Standing) func(string) *health.Standing {
	said := map[string]*health.Standing{}
	return func(id string) *health.Standing {
		st, ok := said[id]
		if !ok {
			st = ask(id)
			said[id] = st
		}
		return st
	}
}

// Again makes the plan of a decision again, from the catalogue that it names.
func (d *Decision) Again(snap *catalog.Snapshot) (Plan, error) {
	return Make(d.Query, d.World(snap), d.Limits, Rand(d.Seed))
}

// World is the world as it was seen, with a catalogue that need not be the one of then.
func (d *Decision) World(snap *catalog.Snapshot) World {
	d.tell()
	s := &d.Seen
	rules := map[string]string{}
	for rule, names := range s.Barred {
		for _, name := range names {
			rules[name] = rule
		}
	}
	standings := make(map[string]*health.Standing, len(s.Health))
	for i := range s.Health {
		standings[s.Health[i].Endpoint] = &s.Health[i].Standing
	}
	return World{
		Catalog: snap, At: d.At, Explain: true, Sticky: s.Sticky, Shares: s.Shares,
		Barred: func(e *catalog.Endpoint) string {
			if rule, ok := rules[e.ID]; ok {
				return rule
			}
			return rules[e.Provider]
		},
		Loses: func(e *catalog.Endpoint) []string { return s.Lost[e.ID] },
		Health: func(id string) *health.Standing {
			if st := standings[id]; st != nil {
				return st
			}
			return &health.Standing{}
		},
	}
}

// Saw reports whether it was asked of the provider, for any of its endpoints, whether it
// could be asked.
func (d *Decision) Saw(provider string) bool {
	d.tell()
	if slices.Contains(d.Seen.Open, provider) {
		return true
	}
	for _, names := range d.Seen.Barred {
		if slices.Contains(names, provider) {
			return true
		}
	}
	return false
}

// Came is what came of planning.
func Came(plan Plan, err error) Made {
	if err != nil {
		r := &Refusal{Type: llm.TypeServer}
		if e, ok := errors.AsType[*llm.Error](err); ok {
			r.Type = e.Type
			if a := e.Availability; a != nil {
				r.Code, r.ExcludedBy = a.Code, a.ExcludedBy
			}
		}
		return Made{Refusal: r}
	}
	m := Made{Strategy: plan.Strategy, Considered: plan.Considered, Steps: make(Steps, len(plan.Candidates))}
	for i := range plan.Candidates {
		m.Steps[i] = Step{plan.Candidates[i].Endpoint.ID, plan.Candidates[i].Why.String()}
	}
	return m
}

// Same reports whether both are the same plan, in each place and for the same reasons,
// or the same refusal.
func (m *Made) Same(as Made) bool {
	if m.Refusal != nil && as.Refusal != nil {
		return m.Refusal.Type == as.Refusal.Type && m.Refusal.Code == as.Refusal.Code && slices.Equal(m.Refusal.ExcludedBy, as.Refusal.ExcludedBy)
	}
	return m.Refusal == nil && as.Refusal == nil && m.Strategy == as.Strategy && m.Considered == as.Considered && slices.Equal(m.Steps, as.Steps)
}

// MarshalText is the steps as they are kept, in one text, since there are many of them:
// reason and endpoint by turns. No id of an endpoint has a space in it.
func (s Steps) MarshalText() ([]byte, error) {
	out := make([]byte, 0, 64*len(s))
	for i := range s {
		out = pair(out, s[i].Why, s[i].Endpoint)
	}
	return out, nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Steps) UnmarshalText(text []byte) error {
	return pairs(text, func(why, endpoint string) error {
		*s = append(*s, Step{endpoint, why})
		return nil
	})
}

// MarshalText is the sights as they are kept: standing and endpoint by turns.
func (s Sights) MarshalText() ([]byte, error) {
	out := make([]byte, 0, 64*len(s))
	for i := range s {
		standing, err := s[i].Standing.MarshalText()
		if err != nil {
			return nil, err
		}
		out = pair(out, string(standing), s[i].Endpoint)
	}
	return out, nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Sights) UnmarshalText(text []byte) error {
	return pairs(text, func(standing, endpoint string) error {
		*s = append(*s, Sight{Endpoint: endpoint})
		return (*s)[len(*s)-1].Standing.UnmarshalText([]byte(standing))
	})
}

func pair(out []byte, a, b string) []byte {
	if len(out) > 0 {
		out = append(out, ' ')
	}
	out = append(out, a...)
	out = append(out, ' ')
	return append(out, b...)
}

func pairs(text []byte, each func(a, b string) error) error {
	a := ""
	for word := range strings.SplitSeq(string(text), " ") {
		switch {
		case word == "":
			return errors.New("route: a decision with an empty word")
		case a == "":
			a = word
		default:
			if err := each(a, word); err != nil {
				return err
			}
			a = ""
		}
	}
	if a != "" {
		return errors.New("route: a decision with half a pair")
	}
	return nil
}

// MarshalJSONTo writes the decision down, the same one always in the same bytes.
func (d Decision) MarshalJSONTo(to *jsontext.Encoder) error {
	d.tell()
	type plain Decision
	return json.MarshalEncode(to, (*plain)(&d), json.OmitZeroStructFields(true), json.Deterministic(true))
}

// watch is what a plan asked of the world, noted in passing.
type watch struct {
	barred []bar
	lost   []loss
	health []told
}

type bar struct {
	endpoint *catalog.Endpoint
	rule     string
}

type loss struct {
	endpoint string
	fields   []string
}

type told struct {
	endpoint string
	standing *health.Standing
}

// over is the world, watched.
func (s *watch) over(w World) World {
	barred, loses, standing := w.Barred, w.Loses, w.Health
	w.Barred = func(e *catalog.Endpoint) string {
		rule := barred(e)
		s.barred = append(s.barred, bar{e, rule})
		return rule
	}
	w.Loses = func(e *catalog.Endpoint) []string {
		lost := loses(e)
		if len(lost) > 0 {
			s.lost = append(s.lost, loss{e.ID, lost})
		}
		return lost
	}
	w.Health = func(id string) *health.Standing {
		st := standing(id)
		s.health = append(s.health, told{id, st})
		return st
	}
	return w
}

// tell puts what was noted into Seen.
func (d *Decision) tell() {
	if d.watch == nil {
		return
	}
	s, w := &d.Seen, d.watch
	d.watch = nil
	s.Barred, s.Open = bars(w.barred)
	for _, x := range w.lost {
		note(&s.Lost, x.endpoint, x.fields)
	}
	for _, x := range w.health {
		if *x.standing != (health.Standing{}) {
			s.Health = append(s.Health, Sight{x.endpoint, *x.standing})
		}
	}
}

func note[T any](m *map[string]T, id string, v T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[id] = v
}

// bars says in few words who could not be asked, and who could: a provider that was
// barred wherever it was seen is named once.
func bars(seen []bar) (barred map[string][]string, open []string) {
	const mixed = "?" // no rule
	whole := map[string]string{}
	for _, x := range seen {
		if rule, ok := whole[x.endpoint.Provider]; ok && rule != x.rule {
			whole[x.endpoint.Provider] = mixed
		} else if !ok {
			whole[x.endpoint.Provider] = x.rule
		}
	}
	for _, x := range seen {
		name := x.endpoint.Provider
		if x.rule != "" && whole[name] == mixed {
			name = x.endpoint.ID
		}
		if x.rule == "" {
			open = append(open, name)
		} else {
			note(&barred, x.rule, append(barred[x.rule], name))
		}
	}
	once := func(names []string) []string {
		slices.Sort(names)
		return slices.Compact(names)
	}
	for rule, names := range barred {
		barred[rule] = once(names)
	}
	return barred, once(open)
}
