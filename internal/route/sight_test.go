package route

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// What changes while a plan is made changes nothing in it: a router and the planner see
// the same of an endpoint, and so does who makes the plan again.
func TestDecisionSeesEndpointsOnce(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{
		"x/y": {at(t, "p0", "0.000001")}, "x/z": {at(t, "p1", "0.000001")},
	})
	for _, m := range w.Catalog.Models() {
		m.CodingScore = 0.9
	}
	asked := map[string]int{}
	w.Health = func(id string) *health.Standing { // each is slower, and sick, when it is asked again
		asked[id]++
		s := &health.Standing{Throughput: health.Percentiles{P50: 100, P75: 100, P90: 100, P99: 100}}
		if id == "x/z@p1" {
			s.Throughput.P50 += 100
		}
		if asked[id] > 1 {
			s.Grade, s.Throughput.P50 = health.Ejected, 1
		}
		return s
	}
	plan, decision, err := Decide(Query{Models: []string{"openrouter/pareto-code:nitro"}}, w, policy.Limits{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(lines(plan, err), lines(decision.Again(w.Catalog))); d != "" {
		t.Error(d)
	}
}
