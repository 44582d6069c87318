package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Models that choose among the others (contract area 9).
const (
	RouterAuto        = "openrouter/auto"
	RouterAutoBeta    = "openrouter/auto-beta"
	RouterFree        = "openrouter/free"
	RouterPareto      = "openrouter/pareto-code"
	RouterBodyBuilder = "openrouter/bodybuilder"
	RouterFusion      = llm.FusionModel
	RouterFusionFlash = llm.FusionFlash
)

// routerTokenizer is the tokenizer group of what has no tokens of its own (RO-11).
const routerTokenizer = "Router"

// Routers are the rows of the models that choose among the others: as long a context as
// the largest that they may pick, all modalities that any of them takes or makes, and no
// price but that of what is picked. One that has nothing to pick from is not listed. at
// is when: what has ended by then is not picked.
func (s *Snapshot) Routers(at time.Time) []*Model {
	var rows []*Model
	for _, r := range []struct {
		id, name, description string
		created               int64
		picks                 func(*Model) bool
	}{
		{RouterAuto, "Auto Router", "Picks a model for the kind of task, by what is spent on such tasks here.", 1699401600, (*Model).callable},
		{RouterAutoBeta, "Auto Router (beta)", "The auto router, with settings of its own.", 1699401600, (*Model).callable},
		{RouterFree, "Free Models Router", "Picks any of the free models that can do what the request needs.", 1769917427, free},
		{RouterPareto, "Pareto Code Router", "Picks the cheapest of the models that are good enough at code.", 1776747900, func(m *Model) bool { return m.CodingScore > 0 && m.callable() }},
		{RouterFusion, "Fusion", "Has a panel of models deliberate where that helps, and answers with what they found.", 1781568000, (*Model).callable},
		{RouterFusionFlash, "Fusion Flash", "Fusion with a panel of the fastest models.", 1783209600, (*Model).callable},
		{RouterBodyBuilder, "Body Builder (beta)", "Turns what is asked for in words into request bodies, free of charge.", 1764903653, (*Model).callable},
	} {
		row := &Model{ID: r.id, CanonicalSlug: r.id, Name: r.name, Description: r.description, Created: r.created, Tokenizer: routerTokenizer}
		parameters := map[string]bool{}
		for _, m := range s.models {
			if !m.Hidden && !strings.HasPrefix(m.ID, "~") && m.Writes() && !m.Ended(at) && r.picks(m) {
				row.join(m, parameters)
			}
		}
		if len(row.InputModalities) > 0 {
			for p := range parameters {
				row.SupportedParameters = append(row.SupportedParameters, p)
			}
			slices.Sort(row.SupportedParameters)
			rows = append(rows, row)
		}
	}
	if i := slices.IndexFunc(rows, func(m *Model) bool { return m.ID == RouterBodyBuilder }); i >= 0 { // it reads words and writes JSON
		rows[i].InputModalities, rows[i].OutputModalities, rows[i].SupportedParameters = []string{"text"}, []string{"text"}, nil
	}
	return rows
}

// Router reports whether a model's name is that of one which chooses among the others,
// whatever its variant.
func Router(name string) bool {
	name, _, _ = strings.Cut(name, ":")
	switch name {
	case RouterAuto, RouterAutoBeta, RouterFree, RouterPareto, RouterBodyBuilder, RouterFusion, RouterFusionFlash:
		return true
	}
	return false
}

// join adds to a row what a model can do.
func (m *Model) join(with *Model, parameters map[string]bool) {
	add := func(list *[]string, more []string) {
		for _, x := range more {
			if !slices.Contains(*list, x) {
				*list = append(*list, x)
			}
		}
	}
	add(&m.InputModalities, with.InputModalities)
	add(&m.OutputModalities, with.OutputModalities)
	for _, p := range with.SupportedParameters {
		parameters[p] = true
	}
	m.ContextLength = max(m.ContextLength, with.ContextLength)
}

// Writes reports whether a model answers with text, and so can be called for chat.
func (m *Model) Writes() bool { return slices.Contains(m.OutputModalities, "text") }

// Ended reports whether the day of a model's removal is over (CT-07).
func (m *Model) Ended(at time.Time) bool {
	return m.ExpirationDate != "" && at.UTC().Format(time.DateOnly) > m.ExpirationDate
}

// Plain reports whether an endpoint serves whoever asks for its model: at a price that
// is known, in no tier that needs an opt-in, and for longer than until its end.
func (e *Endpoint) Plain() bool { return !e.Deprecated && !e.Prices.Routed && e.Tier == "" }

func (m *Model) callable() bool { return slices.ContainsFunc(m.Endpoints, (*Endpoint).Plain) }

func free(m *Model) bool {
	return slices.ContainsFunc(m.Endpoints, func(e *Endpoint) bool { return e.Plain() && e.Prices.Free() })
}

// Latest is the model that "~author/family-latest" names at the moment (SL-07), of those
// that suit: the newest of the family that has not ended, or nil. suits may be nil.
func (s *Snapshot) Latest(alias string, at time.Time, suits func(*Model) bool) *Model {
	family, ok := strings.CutPrefix(alias, "~")
	if !ok {
		return nil
	}
	if family, ok = strings.CutSuffix(family, "-latest"); !ok {
		return nil
	}
	for _, m := range s.families[family] { // newest first
		if !m.Ended(at) && (suits == nil || suits(m)) {
			return m
		}
	}
	return nil
}

// Successor is the newest model of a model's family that has not ended, or nil: what to
// ask once it has (ER-16).
func (s *Snapshot) Successor(m *Model, at time.Time) *Model {
	id, _, _ := strings.Cut(m.ID, ":")
	for _, next := range s.families[familyOf(id)] {
		if next != m && !next.Ended(at) {
			return next
		}
	}
	return nil
}
