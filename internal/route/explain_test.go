package route

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// RT-21, RT-28: where none of the listed providers can serve and others are not wanted,
// that is a 404 which says so, and no plan without candidates.
func TestNobodyLeftWithoutFallbacks(t *testing.T) {
	t.Parallel()
	for _, explain := range []bool{false, true} {
		w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), at(t, "b", "2")}})
		w.Explain = explain
		req := request("x/y")
		req.Routing.Order, req.Routing.NoFallbacks = []string{"absent"}, true
		p, err := Make(Ask(req), w, policy.Limits{}, Rand(1))
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Type != llm.TypeNotFound || !slices.Equal(e.Availability.ExcludedBy, []string{RuleFallbacks}) || len(p.Excluded) != 2 {
			t.Errorf("%v: %+v", err, p)
		}
	}
}

// Whoever is considered is explained: a candidate in its place, or left out by a rule
// with what would admit it; the explanation is the plan.
func TestExplanationIsThePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(t, r)
		q := drawQuery(r)
		limits := asked(rapid.Bool().Draw(r, "zdr"), false)
		seed := rapid.Uint64().Draw(r, "seed")
		w.Explain = false
		plan, decision, err := Decide(q, w, limits, seed)
		x := Explain(q, w, limits, seed)
		if (err != nil) != (x.Refusal != nil) {
			r.Fatalf("%v, %+v", err, x.Refusal)
		}
		var want, got []string
		for _, c := range plan.Candidates {
			want = append(want, c.Endpoint.ID+" "+c.Why.String())
		}
		sum := 0.0
		for i, c := range x.Candidates {
			got = append(got, c.Endpoint+" "+c.Why)
			if c.Rank != i+1 || (c.Chance == nil) != (c.Why != "draw") {
				r.Fatalf("%+v", c)
			}
			if c.Chance != nil {
				sum += float64(*c.Chance)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			r.Fatal(d)
		}
		if len(x.Candidates) > 0 && x.Candidates[0].Why == "draw" && math.Abs(sum-1) > 1e-9 {
			r.Fatalf("the chances sum up to %v", sum)
		}
		for _, l := range x.Excluded {
			if l.Remedy == "" && l.Rule != "" {
				r.Fatalf("nothing is said of how %s is admitted", l.Rule)
			}
		}
		if err == nil && len(x.Candidates)+len(x.Excluded) != x.Considered {
			r.Fatalf("%d candidates and %d left out are not the %d considered", len(x.Candidates), len(x.Excluded), x.Considered)
		}
		again := decision.Explain(w.Catalog)
		x.At = again.At
		if d := cmp.Diff(x, again); d != "" {
			r.Fatal(d)
		}
		text, err := json.Marshal(x)
		if err != nil {
			r.Fatal(err)
		}
		var read Explanation
		if err := json.Unmarshal(text, &read); err != nil {
			r.Fatal(err)
		}
	})
}

// RT-02: the chances that are told are those of the draw.
func TestChancesAreThoseOfTheDraw(t *testing.T) {
	t.Parallel()
	for name, prices := range map[string][]string{
		"paid":         {"0.000001", "0.000002", "0.000003"},
		"some is free": {"0.000001", "0", "0"},
	} {
		var endpoints []*catalog.Endpoint
		for i, usd := range prices {
			endpoints = append(endpoints, at(t, fmt.Sprintf("p%d", i), usd))
		}
		endpoints = append(endpoints, at(t, "ails", "0"))
		w := world(t, map[string][]*catalog.Endpoint{"x/y": endpoints})
		w.Health = func(id string) *health.Standing { return ailing(strings.HasSuffix(id, "@ails")) }
		q := Ask(request("x/y"))
		const draws = 20_000
		first := map[string]float64{}
		for seed := range uint64(draws) {
			p, err := Make(q, w, policy.Limits{}, Rand(seed))
			if err != nil {
				t.Fatal(err)
			}
			first[p.Candidates[0].Endpoint.ID]++
		}
		for _, c := range Explain(q, w, policy.Limits{}, 1).Candidates {
			p := float64(*c.Chance)
			if got := first[c.Endpoint] / draws; math.Abs(got-p) > 4*math.Sqrt(p*(1-p)/draws) {
				t.Errorf("%s: %s came first in %.3f of the draws, and %.3f is told", name, c.Endpoint, got, p)
			}
		}
	}
}

// A decision says nothing of what was said.
func TestDecisionsHoldNoWord(t *testing.T) {
	t.Parallel()
	const secret = "xyzzy"
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1")}})
	req := request("x/y")
	req.User, req.SessionID = secret, secret
	req.Source = &llm.Source{Body: []byte(secret)}
	req.Input = &llm.ChatInput{
		Messages: []llm.Message{{Role: llm.RoleUser, Name: secret, Parts: []llm.Part{{Text: secret}}}},
		Tools:    []llm.Tool{{Name: secret, Description: secret}},
		Stop:     []string{secret}, CacheKey: secret, Suffix: secret,
		Extra: []llm.Extra{{Name: secret, Value: []byte(`"` + secret + `"`)}},
	}
	_, d, err := Decide(Ask(req), w, policy.Limits{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) {
		t.Errorf("%s", text)
	}
}

func FuzzDecision(f *testing.F) {
	f.Add([]byte(`{"snapshot":"v","seed":"1","query":{"models":["x/y"]},"seen":{"health":"AAEBAQEiIiIiAQAA x/y@a","barred":{"no_credential":["b"]}},"made":{"steps":"draw x/y@a"}}`))
	w := world(f, map[string][]*catalog.Endpoint{"x/y": {at(f, "a", "1"), at(f, "b", "2")}})
	f.Fuzz(func(t *testing.T, text []byte) {
		var d Decision
		if json.Unmarshal(text, &d) != nil {
			return
		}
		was := Came(d.Again(w.Catalog))
		again, err := json.Marshal(d)
		if err != nil {
			return // invalid UTF-8 of a caller's name cannot come back
		}
		var kept Decision
		if err := json.Unmarshal(again, &kept); err != nil {
			t.Fatal(err)
		}
		if is := Came(kept.Again(w.Catalog)); !was.Same(is) {
			t.Fatalf("%+v\n%+v", was, is)
		}
	})
}
