package replay

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// RuleDisabled leaves out the endpoints of a provider that a change takes away.
const RuleDisabled = "disabled"

// Change is what would be otherwise.
type Change struct {
	Enabled       map[string]bool // providers that could be asked, or could not
	Terms         policy.Terms    // for every request
	Only, Ignore  []string        // providers and endpoint tags
	MaxPrompt     *money.Pico     // per token
	MaxCompletion *money.Pico
}

// WhatIf runs recorded decisions under a change. All exported fields are set before use;
// it is not safe for concurrent use.
type WhatIf struct {
	Was, Is Catalogues // those of the record, and those of the change
	Change  Change
	// Barred says of an endpoint that a decision knew nothing of why it cannot be asked
	// today; "" if it can.
	Barred func(*catalog.Endpoint) (rule string)

	sheets map[*catalog.Endpoint]string // their hashes
	report Report
}

// Report tabulates what came of decisions, and what would have.
type Report struct {
	Requests int   `json:"requests"`
	Gone     int   `json:"gone"`     // not among them: their catalogue is not kept any more
	Moved    int   `json:"moved"`    // another endpoint would have come first
	Unknown  int   `json:"unknown"`  // were refused or failed, and would have been served: at what cost is not known
	Recorded Tally `json:"recorded"` // what came
	WhatIf   Tally `json:"what_if"`  // what would have
}

// Tally is one side of a report.
type Tally struct {
	Refused    int            `json:"refused"`
	Failed     int            `json:"failed"` // planned, and nobody answered
	Rules      map[string]int `json:"rules"`  // refused requests, by each rule that left out an endpoint
	Cost       money.Nano     `json:"cost"`
	Latency    Mean           `json:"latency_p50"`    // seconds: of the medians of the endpoints that answered
	Throughput Mean           `json:"throughput_p50"` // tokens per second, likewise
	First      map[string]int `json:"first"`          // first choices, by provider
}

// Mean is an average over those of which anything is known.
type Mean struct {
	Value float64 `json:"value"`
	Of    int     `json:"of"`
}

func (m *Mean) add(v float64) {
	m.Of++
	m.Value += (v - m.Value) / float64(m.Of)
}

// Report is what has come together so far.
func (w *WhatIf) Report() *Report {
	w.begin()
	return &w.report
}

func (w *WhatIf) begin() {
	if w.sheets == nil {
		w.sheets = map[*catalog.Endpoint]string{}
		for _, t := range []*Tally{&w.report.Recorded, &w.report.WhatIf} {
			t.Rules, t.First = map[string]int{}, map[string]int{}
		}
	}
}

// Add runs one decision more.
func (w *WhatIf) Add(ctx context.Context, x *Decided) error {
	w.begin()
	was, err := w.Was.At(ctx, x.Snapshot)
	if errors.Is(err, ErrGone) {
		w.report.Gone++
		return nil
	}
	if err != nil {
		return err
	}
	is, err := w.Is.At(ctx, x.Snapshot)
	if err != nil {
		return err
	}
	d, err := Read(x)
	if err != nil {
		return err
	}
	w.report.Requests++
	seen := d.World(was)
	before := w.recorded(d, x, was, &seen)

	limits := d.Limits
	limits = limits.With(policy.Level{Kind: policy.Operator, Terms: w.Change.Terms})
	world := seen
	world.Catalog = is
	world.Barred = func(e *catalog.Endpoint) string { return w.bars(d, &seen, e) }
	world.Explain = false
	plan, err := route.Make(d.Query, world, limits, route.Rand(d.Seed))
	if err := w.changed(plan, err, x, &seen, before); err != nil {
		return err
	}
	if first(d.Made.Steps) != firstOf(plan) {
		w.report.Moved++
	}
	return nil
}

// recorded counts what came of a decision. served reports that somebody answered.
func (w *WhatIf) recorded(d *route.Decision, x *Decided, was *catalog.Snapshot, seen *route.World) (served bool) {
	t := &w.report.Recorded
	if d.Made.Refusal != nil {
		t.refuse(d.Made.Refusal)
		return false
	}
	if e, ok := was.Endpoint(first(d.Made.Steps)); ok {
		t.First[e.Provider]++
	}
	o := &x.Outcome
	if !answered(o) {
		t.Failed++
		return false
	}
	t.Cost += o.Charged
	t.learn(seen.Health(o.Endpoint))
	return true
}

// answered reports whether an endpoint had begun to answer when the request ended.
func answered(o *record.Outcome) bool {
	return o.ID != "" && o.Endpoint != "" && (len(o.Tried) == 0 || o.Tried[len(o.Tried)-1].Type == "")
}

// changed counts what would have come of it.
func (w *WhatIf) changed(plan route.Plan, err error, x *Decided, seen *route.World, served bool) error {
	t := &w.report.WhatIf
	if err != nil {
		t.refuse(route.Came(plan, err).Refusal)
		return nil
	}
	t.First[plan.Candidates[0].Endpoint.Provider]++
	o := &x.Outcome
	if o.ID == "" { // it was refused then, or failed before anybody was asked
		w.report.Unknown++
		return nil
	}
	e := answers(plan, o)
	if e == nil {
		t.Failed++
		return nil
	}
	t.learn(seen.Health(e.ID))
	if !served {
		w.report.Unknown++
		return nil
	}
	cost, err := w.cost(e, o)
	t.Cost += cost
	return err
}

// answers is the candidate that would have answered: the first that had not failed the
// request already. nil: none is left.
func answers(plan route.Plan, o *record.Outcome) *catalog.Endpoint {
	for _, c := range plan.Candidates {
		if !slices.ContainsFunc(o.Tried, func(t record.Try) bool { return t.Endpoint == c.Endpoint.ID && t.Type != "" }) {
			return c.Endpoint
		}
	}
	return nil
}

// cost is what the recorded usage costs on the sheet of an endpoint. At the endpoint and
// the sheet that it was charged by it is what was charged.
func (w *WhatIf) cost(e *catalog.Endpoint, o *record.Outcome) (money.Nano, error) {
	if e.ID == o.Endpoint && w.sheet(e) == o.Sheet {
		return o.Charged, nil
	}
	u, err := pricing.Charge(e.Prices, o.Usage, o.Finish, o.Began)
	return u.Cost, err
}

func (w *WhatIf) sheet(e *catalog.Endpoint) string {
	hash, ok := w.sheets[e]
	if !ok {
		hash, _ = pricing.Sheet(e.Prices)
		w.sheets[e] = hash
	}
	return hash
}

// bars is why an endpoint could not be asked.
func (w *WhatIf) bars(d *route.Decision, seen *route.World, e *catalog.Endpoint) string {
	c := &w.Change
	switch enabled, said := c.Enabled[e.Provider]; {
	case said && !enabled:
		return RuleDisabled
	case len(c.Only) > 0 && !means(c.Only, e):
		return route.RuleAllowed
	case means(c.Ignore, e):
		return route.RuleIgnored
	case c.MaxPrompt != nil && e.Prices.Prompt.Unit > *c.MaxPrompt, c.MaxCompletion != nil && e.Prices.Completion.Unit > *c.MaxCompletion:
		return route.RuleMaxPrice
	case said:
		return ""
	}
	if rule := seen.Barred(e); rule != "" || d.Saw(e.Provider) {
		return rule
	}
	return w.Barred(e)
}

// means says whether one of the names means the endpoint: a provider's slug, or a tag.
func means(names []string, e *catalog.Endpoint) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, e.Provider) || strings.EqualFold(name, e.Tag) })
}

func (t *Tally) refuse(r *route.Refusal) {
	t.Refused++
	rules := r.ExcludedBy
	if len(rules) == 0 {
		rules = []string{reason(r)}
	}
	for _, rule := range rules {
		t.Rules[rule]++
	}
}

// reason is why there is no plan, where no endpoint was looked at.
func reason(r *route.Refusal) string {
	if r.Code != "" {
		return r.Code
	}
	if r.Type != "" {
		return string(r.Type)
	}
	return string(llm.TypeServer)
}

func (t *Tally) learn(s *health.Standing) {
	if s.Latency.Known() {
		t.Latency.add(s.Latency.P50)
	}
	if s.Throughput.Known() {
		t.Throughput.add(s.Throughput.P50)
	}
}

func first(steps route.Steps) string {
	if len(steps) == 0 {
		return ""
	}
	return steps[0].Endpoint
}

func firstOf(plan route.Plan) string {
	if len(plan.Candidates) == 0 {
		return ""
	}
	return plan.Candidates[0].Endpoint.ID
}
