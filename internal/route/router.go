package route

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// picks is how many models a router plans for: the best and its fallbacks.
const picks = 3

// Share is what was spent on a model of late, for a kind of task.
type Share struct {
	Task   string  `json:"task,omitzero"` // "": for any
	Model  string  `json:"model"`
	Spent  float64 `json:"spent"`           // dollars
	Prompt float64 `json:"prompt,omitzero"` // dollars that a token of a prompt came to; 0: nobody knows
}

// router is a router at work on one request.
type router struct {
	query  *Query
	world  *World
	limits *policy.Limits
	rng    *rand.Rand
}

// Routed reports whether any of the names is a router's.
func (q *Query) Routed() bool { return slices.ContainsFunc(q.Models, catalog.Router) }

// pick is what the router of a name picks; nil for the name of anything else. fastest
// says that the name's variant wants speed.
func (r *router) pick(name string, fastest bool) ([]target, error) {
	if catalog.Router(name) && r.query.Prompt { // RO-06
		return nil, llm.Bad(name + " needs messages, and this request has a prompt")
	}
	switch name {
	case catalog.RouterAuto:
		return r.auto(&r.query.Plugins.Auto, Auto)
	case catalog.RouterAutoBeta: // RO-01: each reads only its own settings
		return r.auto(&r.query.Plugins.AutoBeta, Auto)
	case catalog.RouterFree:
		free := r.able(func(e *catalog.Endpoint) bool { return e.Prices.Free() })
		r.rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		return r.picked(free, Free)
	case catalog.RouterPareto:
		return r.pareto(fastest)
	case catalog.RouterBodyBuilder:
		return r.builder()
	case catalog.RouterFusion, catalog.RouterFusionFlash:
		return r.fusion()
	}
	return nil, nil
}

// able are the models, newest first, that have an endpoint which the plan would not
// leave out, which takes what the request needs, and which suits. What is hidden is
// picked by nobody, and no router picks a router.
func (r *router) able(suits func(*catalog.Endpoint) bool) []*catalog.Model {
	var out []*catalog.Model
	p := planner{query: r.query, world: r.world, limits: r.limits}
	for _, m := range r.world.Catalog.Models() {
		if m.Hidden || strings.HasPrefix(m.ID, "~") || catalog.Router(m.ID) || unfit(r.query, r.world, m) != nil {
			continue
		}
		t := target{model: m}
		if slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool {
			if !suits(e) || e.Tier != "" || !takesAll(r.query, e) {
				return false
			}
			_, out := p.excludes(&t, e)
			return !out
		}) {
			out = append(out, m)
		}
	}
	return out
}

// picked are the first of the models as targets. A model that has the conversation's
// prompt in a cache comes first, while it is among them (RO-07).
func (r *router) picked(models []*catalog.Model, by Strategy) ([]target, error) {
	if len(models) == 0 {
		return nil, nothingToPick()
	}
	models = models[:min(len(models), picks)]
	stays := func(m *catalog.Model) int {
		if slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { _, ok := r.world.Sticky[e.ID]; return ok }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(models, func(a, b *catalog.Model) int { return stays(a) - stays(b) })
	return targetsOf(models, by), nil
}

func targetsOf(models []*catalog.Model, by Strategy) []target {
	targets := make([]target, 0, len(models))
	for _, m := range models {
		targets = append(targets, target{model: m, strategy: by})
	}
	return targets
}

// band is where a cost tier begins and ends, in percent of the models by cost (RO-02).
func band(set *llm.AutoRouter) (from, to int) {
	switch set.Tier {
	case llm.CostLow:
		return 0, 20
	case llm.CostMedium:
		return 20, 40
	case llm.CostHigh:
		return 40, 60
	case llm.CostXHigh:
		return 60, 80
	case llm.CostMax:
		return 80, 100
	default:
		if set.Ceiling > 0 {
			return 0, set.Ceiling
		}
		return 0, 20 // RO-02: none given is about low
	}
}

// auto ranks the models of a cost tier by what was spent on them for such tasks, then on
// any; those that nobody has paid for yet follow, the newest first (RO-04). Where there
// are models that cost something, those that are free are for the free router.
func (r *router) auto(set *llm.AutoRouter, by Strategy) ([]target, error) {
	models := r.able(func(e *catalog.Endpoint) bool { return !e.Prices.Free() })
	if len(models) == 0 {
		models = r.able(func(*catalog.Endpoint) bool { return true })
	}
	models = slices.DeleteFunc(models, func(m *catalog.Model) bool { // what is excluded is not allowed
		return len(set.Allowed) > 0 && !slices.ContainsFunc(set.Allowed, like(m)) || slices.ContainsFunc(set.Excluded, like(m))
	})
	pinned := r.pinned(set.Pin, models)
	r.byCost(models)
	from, to := band(set)
	n := len(models)
	models = models[n*from/100 : max(n*to/100, min(n, n*from/100+1))]
	r.bySpent(models)
	if pinned != nil {
		models = append([]*catalog.Model{pinned}, slices.DeleteFunc(models, func(m *catalog.Model) bool { return m == pinned })...)
		return targetsOf(models[:min(len(models), picks)], by), nil
	}
	return r.picked(models, by)
}

// builder picks as the auto router does of those that can be held to a schema, or else
// of all. The operator pays, so that what may be picked is no dearer than the low band is
// where the caller wishes for nothing, whatever the caller's wishes leave of it.
func (r *router) builder() ([]target, error) {
	open, unbound := *r.query, *r
	open.Routing = llm.Routing{}
	unbound.query = &open
	r.query.Routing.Sort, r.query.Routing.Tier = llm.SortPrice, llm.TierNone
	for _, parameters := range [...][]string{{"response_format", "structured_outputs"}, nil} {
		open.Needs.Parameters = parameters
		cheap, err := unbound.auto(&llm.AutoRouter{}, BodyBuilder)
		if err != nil {
			continue
		}
		q, held := *r.query, *r
		q.Needs.Parameters, held.query = parameters, &q
		capped(&q.Routing.MaxPrice, cheap)
		if found, err := held.auto(&llm.AutoRouter{}, BodyBuilder); err == nil {
			r.query.Routing.MaxPrice = q.Routing.MaxPrice
			return found, nil
		}
	}
	return nil, nothingToPick()
}

// capped lowers a ceiling to the dearest of what the models' cheapest endpoints cost.
func capped(most *llm.MaxPrice, models []target) {
	var prompt, completion money.Pico
	for _, t := range models {
		cheapest := t.model.Endpoints[0]
		for _, e := range t.model.Endpoints {
			if e.Plain() && (!cheapest.Plain() || e.Prices.Prompt.Unit < cheapest.Prices.Prompt.Unit) {
				cheapest = e
			}
		}
		prompt, completion = max(prompt, cheapest.Prices.Prompt.Unit), max(completion, cheapest.Prices.Completion.Unit)
	}
	if most.Prompt == nil || *most.Prompt > prompt {
		most.Prompt = &prompt
	}
	if most.Completion == nil || *most.Completion > completion {
		most.Completion = &completion
	}
}

// pinned is the model that said the last turn, while it may be picked.
func (r *router) pinned(name string, models []*catalog.Model) *catalog.Model {
	if m, ok := r.world.Catalog.Model(name); ok && slices.Contains(models, m) {
		return m
	}
	return nil
}

// byCost sorts by what the request would cost at the cheapest endpoint of each model.
func (r *router) byCost(models []*catalog.Model) {
	costs := make(map[*catalog.Model]float64, len(models))
	for _, m := range models {
		least := math.Inf(1)
		for _, e := range m.Endpoints {
			if e.Plain() && r.world.Barred(e) == "" {
				least = min(least, Blend(r.query, 0, &e.Prices))
			}
		}
		costs[m] = least
	}
	slices.SortStableFunc(models, func(a, b *catalog.Model) int { return cmp.Compare(costs[a], costs[b]) })
}

// bySpent sorts by what was spent on each model.
func (r *router) bySpent(models []*catalog.Model) {
	such, all := map[string]float64{}, map[string]float64{}
	for _, s := range r.world.Shares {
		switch s.Task {
		case "":
			all[s.Model] += s.Spent
		case r.query.Task:
			such[s.Model] += s.Spent
		}
	}
	slices.SortStableFunc(models, func(a, b *catalog.Model) int {
		return cmp.Or(
			cmp.Compare(such[b.ID], such[a.ID]),
			cmp.Compare(all[b.ID], all[a.ID]),
			cmp.Compare(b.Created, a.Created),
			cmp.Compare(a.ID, b.ID))
	})
}

// like says whether a pattern, in which * stands for anything, means the model.
func like(m *catalog.Model) func(pattern string) bool {
	return func(pattern string) bool { return wild(pattern, m.ID) || wild(pattern, m.CanonicalSlug) }
}

func wild(pattern, name string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		rest = strings.TrimLeft(rest, "*") // several in a row are one
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(name, part)
		}
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name, rest = after, more
	}
}

// The tiers of coding scores begin here (contract area 9).
const (
	codingHigh   = 0.66
	codingMedium = 0.33
)

// pareto takes the cheapest of the models whose coding score is in the tier asked for,
// or the fastest. Where the tier has none, the next better has a say, then the next
// worse. Scores are the catalogue's: models without one are not picked.
func (r *router) pareto(fastest bool) ([]target, error) {
	set := &r.query.Plugins.Pareto
	scored := slices.DeleteFunc(r.able(func(*catalog.Endpoint) bool { return true }), func(m *catalog.Model) bool { return m.CodingScore == 0 })
	if set.MaxPrice != nil {
		return r.picked(r.frontier(scored, *set.MaxPrice), Pareto)
	}
	asked := 0
	if s := set.MinCodingScore; s != nil {
		asked = tierOf(*s)
	}
	for _, tier := range [...][3]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}}[asked] {
		models := slices.DeleteFunc(slices.Clone(scored), func(m *catalog.Model) bool { return tierOf(m.CodingScore) != tier })
		if len(models) == 0 {
			continue
		}
		r.byCost(models)
		if fastest {
			r.bySpeed(models)
		}
		return r.picked(models, Pareto)
	}
	return nil, nothingToPick()
}

// tierOf is 0 for the best.
func tierOf(score float64) int {
	switch {
	case score >= codingHigh:
		return 0
	case score >= codingMedium:
		return 1
	default:
		return 2
	}
}

// bySpeed sorts by the throughput of each model's fastest endpoint; of those without
// data nothing is known, and they come last.
func (r *router) bySpeed(models []*catalog.Model) {
	speed := make(map[*catalog.Model]float64, len(models))
	for _, m := range models {
		for _, e := range m.Endpoints {
			if st := r.world.Health(e.ID); e.Plain() && r.world.Barred(e) == "" && st.Throughput.Known() {
				speed[m] = max(speed[m], st.Throughput.P50)
			}
		}
	}
	slices.SortStableFunc(models, func(a, b *catalog.Model) int { return cmp.Compare(speed[b], speed[a]) })
}

// frontier are the models whose prompts cost at most so much, the best first: those than
// which none is both as good and as cheap, then the others.
func (r *router) frontier(models []*catalog.Model, most money.Pico) []*catalog.Model {
	prices := make(map[*catalog.Model]float64, len(models))
	for _, m := range models {
		prices[m] = r.promptPrice(m)
	}
	beaten := func(m *catalog.Model) int {
		if slices.ContainsFunc(models, func(by *catalog.Model) bool {
			return by.CodingScore >= m.CodingScore && prices[by] <= prices[m] && (by.CodingScore > m.CodingScore || prices[by] < prices[m])
		}) {
			return 1
		}
		return 0
	}
	rank := make(map[*catalog.Model]int, len(models))
	for _, m := range models {
		rank[m] = beaten(m)
	}
	cheap := slices.DeleteFunc(slices.Clone(models), func(m *catalog.Model) bool { return prices[m] > float64(most) })
	slices.SortStableFunc(cheap, func(a, b *catalog.Model) int {
		return cmp.Or(rank[a]-rank[b], cmp.Compare(b.CodingScore, a.CodingScore), cmp.Compare(prices[a], prices[b]))
	})
	return cheap
}

// promptPrice is what a token of a prompt costs at a model, in pico-dollars: as it is
// listed at its cheapest endpoint, or as it came to of late.
func (r *router) promptPrice(m *catalog.Model) float64 {
	if r.query.Plugins.Pareto.Weighted {
		for _, s := range r.world.Shares {
			if s.Task == "" && s.Model == m.ID && s.Prompt > 0 {
				return s.Prompt * 1e12
			}
		}
	}
	least := math.Inf(1)
	for _, e := range m.Endpoints {
		if e.Plain() && r.world.Barred(e) == "" {
			least = min(least, float64(e.Prices.Prompt.Unit))
		}
	}
	return least
}

// nothingToPick is RO-03.
func nothingToPick() error {
	return &llm.Error{
		Type: llm.TypeNotFound, Fault: llm.FaultCaller,
		Message:      "No models match your request and model restrictions",
		Availability: &llm.Availability{Code: "no_endpoints"},
	}
}
