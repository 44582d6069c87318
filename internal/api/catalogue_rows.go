package api

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// row is a model as it is listed.
type row struct {
	model  *catalog.Model
	prices catalog.Prices
	target *catalog.Model // what an alias stands for at the moment; nil: it is no alias
}

// aliasTarget says what a "~author/family-latest" stands for (SL-08).
type aliasTarget struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// rows are the models of a snapshot, those that choose among the others (RO-11), and the
// aliases that have a target, with its price, limits and abilities (SL-08): newest first,
// then by id.
func (c Catalogue) rows(snap *catalog.Snapshot, at time.Time) []row {
	var rows []row
	for _, m := range snap.Models() {
		switch {
		case catalog.Router(m.ID): // what it picks from is what there is here
		case strings.HasPrefix(m.ID, "~"):
			if target := c.latest(snap, m.ID, at); target != nil {
				alias := *target
				alias.ID, alias.CanonicalSlug, alias.Name, alias.Created, alias.HuggingFaceID = m.ID, m.CanonicalSlug, m.Name, m.Created, ""
				rows = append(rows, row{&alias, shownPrices(primaryOf(target), at), target})
			}
		default:
			rows = append(rows, row{model: m, prices: shownPrices(primaryOf(m), at)})
		}
	}
	for _, m := range snap.Routers(at) {
		r := row{model: m, prices: catalog.Prices{Routed: true}}
		if m.ID == catalog.RouterFree {
			r.prices = catalog.Prices{}
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.model.Created, a.model.Created), cmp.Compare(a.model.ID, b.model.ID))
	})
	return rows
}

// latest is the model that a request for an alias would go to.
func (c Catalogue) latest(snap *catalog.Snapshot, alias string, at time.Time) *catalog.Model {
	can := func(m *catalog.Model) bool {
		return c.Barred == nil || slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return c.Barred(e) == "" })
	}
	if m := snap.Latest(alias, at, can); m != nil {
		return m
	}
	return snap.Latest(alias, at, nil)
}
