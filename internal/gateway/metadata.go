package gateway

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// routed notes how a plan came about, and tells a caller who asked (contract area 19).
// Of a request whose models nobody knows there is nothing to tell.
func routed(req *llm.Request, q *route.Query, snap *catalog.Snapshot, plan *route.Plan, o *record.Outcome) {
	o.Strategy = string(plan.Strategy)
	m := o.Told
	if m == nil || plan.Strategy == "" {
		return
	}
	m.Requested, m.Strategy, m.Total = o.Requested, o.Strategy, plan.Considered
	m.Available = make([]llm.RouterEndpoint, 0, len(plan.Candidates))
	for _, c := range plan.Candidates {
		m.Available = append(m.Available, llm.RouterEndpoint{ID: c.Endpoint.ID, Provider: c.Provider.Name, Model: c.Model.ID})
	}
	if len(plan.Candidates) == 0 {
		m.Available = considered(snap, plan.Excluded)
	}
	m.Params = paramsOf(req, plan.Strategy)
	if plan.Strategy == route.Auto {
		auto := llm.PipelineStage{Type: llm.StagePlugin, Name: "auto-router"}
		if q.Task != "" { // MD-05
			auto.Data = map[string]any{"task_type": q.Task}
		}
		m.Did(auto)
	}
}

// considered are the endpoints that were all left out. Those of a service tier that
// nobody asked for are none (RT-10).
func considered(snap *catalog.Snapshot, excluded []route.Exclusion) []llm.RouterEndpoint {
	list := []llm.RouterEndpoint{}
	for _, x := range excluded {
		if x.Rule == route.RuleTier {
			continue
		}
		name := x.Endpoint.Provider
		if p, ok := snap.Provider(name); ok {
			name = p.Name
		}
		list = append(list, llm.RouterEndpoint{ID: x.Endpoint.ID, Provider: name, Model: x.Endpoint.Model})
	}
	return list
}

func paramsOf(req *llm.Request, by route.Strategy) (p llm.RouterParams) {
	p.ThroughputFloor = req.Routing.MinThroughput.P50
	switch by {
	case route.Latest:
		family := strings.TrimPrefix(req.Models[0], "~")
		family, _, _ = strings.Cut(family, ":")
		p.VersionGroup = strings.TrimSuffix(family, "-latest")
	case route.Pareto:
		if req.Input != nil && req.Input.Plugins.Pareto.MinCodingScore != nil {
			p.QualityFloor = *req.Input.Plugins.Pareto.MinCodingScore
		}
	default:
	}
	return p
}

// answers notes who answers, and how the caller's name for the model was understood.
// What was answered by a later model than the first is a fallback (FB-08).
func answers(a *relay.Answer, m *meter, o *record.Outcome) {
	m.req.Needs.PromptTokens, m.req.Needs.Images = a.Sent.PromptTokens, a.Sent.Images // what was left out costs nothing
	switch a.From.Strategy {
	case route.Direct, route.Alias, route.Latest, route.Fallback, "":
	default:
		o.Router = m.req.Models[a.From.Name]
	}
	o.Strategy = string(a.From.Strategy)
	if a.From.Name > 0 {
		o.Strategy = string(route.Fallback)
	}
	t := o.Told
	if t == nil {
		return
	}
	t.Strategy = o.Strategy
	attempted(o)
	if c := a.Compressed; c.Changed() {
		as := "messages"
		if m.req.Dialect == llm.Completions {
			as = "prompt"
		}
		t.Did(llm.PipelineStage{Type: llm.StageCompression, Name: "context-compression", Data: map[string]any{
			"engine": string(llm.CompressionOn), "input_type": as, "original_count": c.Before, "compressed_count": c.After,
		}})
	}
	if n := len(a.Files); n > 0 {
		pages := 0
		for _, f := range a.Files {
			pages += len(f.Text)
		}
		t.Did(llm.PipelineStage{Type: llm.StagePlugin, Name: "file-parser", Data: map[string]any{"files": n, "pages": pages}})
	}
}

// attempted tells of the attempts so far, and who answered: more than one, where an
// answer was continued.
func attempted(o *record.Outcome) {
	if o.Told == nil {
		return
	}
	o.Told.Attempt, o.Told.Attempts = len(o.Tried), make([]llm.RouterAttempt, len(o.Tried))
	for i, t := range o.Tried {
		status := t.Status
		switch {
		case t.Type == "":
			status = http.StatusOK
		case status == 0 || status == http.StatusOK:
			status = t.Type.Status()
		}
		o.Told.Attempts[i] = llm.RouterAttempt{Provider: t.ProviderName, Model: t.Model, Status: status}
		at := slices.IndexFunc(o.Told.Available, func(e llm.RouterEndpoint) bool { return e.ID == t.Endpoint })
		if at >= 0 && t.Type == "" {
			o.Told.Available[at].Selected = true
		}
	}
}

// complete adds to why no endpoint answered what only the spine knows: the models that
// were asked for, and the providers that were asked for them.
func complete(err error, req *llm.Request, tried []record.Try) {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e.Availability == nil {
		return
	}
	a := e.Availability
	if a.Models == nil {
		a.Models = req.Models
	}
	if a.Providers != nil {
		return
	}
	for _, t := range tried {
		if !slices.Contains(a.Providers, t.ProviderName) {
			a.Providers = append(a.Providers, t.ProviderName)
		}
	}
}
