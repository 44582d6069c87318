package route

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Models that choose among the others (contract area 9).
const (
	routerAuto     = "openrouter/auto"
	routerAutoBeta = "openrouter/auto-beta"
	routerFree     = "openrouter/free"
	routerPareto   = "openrouter/pareto-code"
)

// picks is how many models a router plans for: the best and its fallbacks.
const picks = 3

// Share is what a model has of all that was spent on a kind of task.
type Share struct {
	Task  string  `json:"task"`
	Model string  `json:"model"`
	Spent float64 `json:"spent"`
}

// routed is what a router picks; nil for the name of anything else.
func routed(q *Query, w *World, name string, rng *rand.Rand) ([]target, error) {
	switch name {
	case routerAuto:
		return pickAuto(q, w, &q.Plugins.Auto)
	case routerAutoBeta: // RO-01: each reads only its own settings
		return pickAuto(q, w, &q.Plugins.AutoBeta)
	case routerFree:
		free := able(q, w, func(m *catalog.Model, e *catalog.Endpoint) bool { return e.Prices.Free() })
		rng.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		return picked(w, free, Free)
	case routerPareto:
		return pickPareto(q, w)
	}
	return nil, nil
}

// able are the models, newest first, that have an endpoint which can be asked, takes
// what the request needs, and suits; no router chooses a router.
func able(q *Query, w *World, suits func(*catalog.Model, *catalog.Endpoint) bool) []*catalog.Model {
	var out []*catalog.Model
	for _, m := range w.Catalog.Models() {
		if unfit(q, w, m) != nil || m.Hidden {
			continue
		}
		if slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool {
			return !e.Deprecated && !e.Prices.Routed && e.Tier == "" && w.Barred(e) == "" &&
				!tooLong(q, e) && takesModalities(q, e) && takesAll(q, e) && suits(m, e)
		}) {
			out = append(out, m)
		}
	}
	return out
}

// picked are the first of the models as targets. A model that has the session's prompt
// in a cache comes first, while it is among those that may be picked (RO-07).
func picked(w *World, models []*catalog.Model, by Strategy) ([]target, error) {
	if len(models) == 0 {
		return nil, nothingToPick()
	}
	stays := func(m *catalog.Model) int {
		if slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { _, ok := w.Sticky[e.ID]; return ok }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(models, func(a, b *catalog.Model) int { return stays(a) - stays(b) })
	targets := make([]target, 0, picks)
	for _, m := range models[:min(len(models), picks)] {
		targets = append(targets, target{model: m, strategy: by})
	}
	return targets, nil
}

// band is where a cost tier begins and ends, in percent of the models by cost (RO-02).
func band(tier llm.CostTier) (from, to int) {
	switch tier {
	case llm.CostMedium:
		return 20, 40
	case llm.CostHigh:
		return 40, 60
	case llm.CostXHigh:
		return 60, 80
	case llm.CostMax:
		return 80, 100
	default: // RO-02: none given is about low
		return 0, 20
	}
}

// pickAuto ranks the models of a cost tier by what was spent on them for such tasks,
// then on any; those that nobody has paid for yet follow, the newest first (RO-04).
func pickAuto(q *Query, w *World, set *llm.AutoRouter) ([]target, error) {
	if set.Pin != "" {
		if m, ok := w.Catalog.Model(set.Pin); ok && unfit(q, w, m) == nil {
			return []target{{model: m, strategy: Auto}}, nil
		}
	}
	models := able(q, w, func(m *catalog.Model, e *catalog.Endpoint) bool { return !e.Prices.Free() })
	slices.SortStableFunc(models, func(a, b *catalog.Model) int { return cmp.Compare(cheapest(q, a), cheapest(q, b)) })
	from, to := band(set.Tier)
	n := len(models)
	models = models[n*from/100 : max(n*to/100, min(n, n*from/100+1))]
	models = slices.DeleteFunc(models, func(m *catalog.Model) bool {
		return len(set.Allowed) > 0 && !slices.ContainsFunc(set.Allowed, like(m)) || slices.ContainsFunc(set.Excluded, like(m))
	})
	spent := func(m *catalog.Model, task string) (sum float64) {
		for _, s := range w.Shares {
			if s.Model == m.ID && (task == "" || s.Task == task) {
				sum += s.Spent
			}
		}
		return sum
	}
	slices.SortStableFunc(models, func(a, b *catalog.Model) int {
		return cmp.Or(
			cmp.Compare(spent(b, q.Task), spent(a, q.Task)),
			cmp.Compare(spent(b, ""), spent(a, "")),
			cmp.Compare(b.Created, a.Created),
			cmp.Compare(a.ID, b.ID))
	})
	return picked(w, models, Auto)
}

// cheapest is what the request would cost at the cheapest endpoint of a model.
func cheapest(q *Query, m *catalog.Model) float64 {
	least := Blend(q, 0, &m.Endpoints[0].Prices)
	for _, e := range m.Endpoints[1:] {
		if e.Tier == "" {
			least = min(least, Blend(q, 0, &e.Prices))
		}
	}
	return least
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

// pickPareto takes the cheapest of the models whose coding score is in the tier asked
// for. The scores are the catalogue's: models without one are not picked.
func pickPareto(q *Query, w *World) ([]target, error) {
	floor := 0.66
	if s := q.Plugins.Pareto.MinCodingScore; s != nil {
		switch {
		case *s >= 0.66:
		case *s >= 0.33:
			floor = 0.33
		default:
			floor = 0
		}
	}
	models := able(q, w, func(m *catalog.Model, e *catalog.Endpoint) bool {
		return m.CodingScore > 0 && m.CodingScore >= floor && (floor == 0.66 || m.CodingScore < floor+0.33)
	})
	slices.SortStableFunc(models, func(a, b *catalog.Model) int { return cmp.Compare(cheapest(q, a), cheapest(q, b)) })
	return picked(w, models, Pareto)
}

// nothingToPick is RO-03.
func nothingToPick() error {
	return &llm.Error{
		Type: llm.TypeNotFound, Fault: llm.FaultCaller,
		Message:      "No models match your request and model restrictions",
		Availability: &llm.Availability{Code: "no_endpoints"},
	}
}
