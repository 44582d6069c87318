package route

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// fusion is who answers for a panel: the model that the request names for it, else the
// first of the strongest panel, whoever is on the one that deliberates.
func (r *router) fusion() ([]target, error) {
	name := r.query.Plugins.Fusion.Model
	if name == "" {
		return r.picked(r.panel(llm.FusionHigh), Fusion)
	}
	found, err := r.lookUp(name)
	for i := range found {
		found[i].strategy = Fusion
	}
	return found, err
}

// Panel names the models that a preset of a deliberation stands for, among those that
// can serve the request (contract area 9).
func Panel(q Query, w World, limits policy.Limits, preset llm.FusionPreset) []string {
	r := &router{query: &q, world: &w, limits: &limits}
	models := r.panel(preset)
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.ID
	}
	return names
}

// panel picks the models of a preset: of the dearest fifth the newest, of the cheaper two
// fifths the newest, or those that write fastest. Where these are too few, the next in
// price follow. Of each author there is one before there is a second of any, since a
// panel lives by its members' differences. Where there are models that cost something,
// those that are free are on no panel.
func (r *router) panel(preset llm.FusionPreset) []*catalog.Model {
	models := r.able(func(e *catalog.Endpoint) bool { return !e.Prices.Free() })
	if len(models) == 0 {
		models = r.able(func(*catalog.Endpoint) bool { return true })
	}
	newest := slices.Clone(models)
	r.byCost(models)
	band := models[:len(models)*40/100]
	if preset == llm.FusionHigh || preset == llm.FusionDefault {
		slices.Reverse(models)
		band = models[:len(models)*20/100]
	}
	ranked := slices.DeleteFunc(newest, func(m *catalog.Model) bool { return !slices.Contains(band, m) })
	ranked = append(ranked, models[len(band):]...)
	if preset == llm.FusionFast {
		r.bySpeed(ranked)
	}
	return diverse(ranked)
}

// diverse are as many of the models as a router picks, at first one of each author.
func diverse(models []*catalog.Model) []*catalog.Model {
	var first, rest []*catalog.Model
	seen := map[string]bool{}
	for _, m := range models {
		author, _, _ := strings.Cut(m.ID, "/")
		if seen[author] {
			rest = append(rest, m)
			continue
		}
		seen[author] = true
		first = append(first, m)
	}
	all := append(first, rest...)
	return all[:min(len(all), picks)]
}
