package route

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func price(t testing.TB, text string) catalog.Price {
	t.Helper()
	p, err := catalog.ParsePrice(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// at is an endpoint of a provider whose prompt and completion cost the same.
func at(t testing.TB, provider, usd string, more ...func(*catalog.Endpoint)) *catalog.Endpoint {
	t.Helper()
	e := &catalog.Endpoint{Provider: provider, Tag: provider, Native: "n", SupportedParameters: []string{"max_tokens", "temperature"}}
	e.Prices.Prompt, e.Prices.Completion = price(t, usd), price(t, usd)
	e.Policy = catalog.DataPolicy{ZDR: true}.Assert(catalog.Evidence{Source: "test"})
	for _, f := range more {
		f(e)
	}
	return e
}

func world(t testing.TB, models map[string][]*catalog.Endpoint) World {
	t.Helper()
	d := catalog.Data{Version: "test"}
	seen := map[string]bool{}
	for id, endpoints := range models {
		d.Models = append(d.Models, catalog.Model{
			ID: id, CanonicalSlug: id, Name: id, InputModalities: []string{"text", "image"}, OutputModalities: []string{"text"}, Endpoints: endpoints,
		})
		for _, e := range endpoints {
			if !seen[e.Provider] {
				seen[e.Provider] = true
				d.Providers = append(d.Providers, catalog.Provider{Slug: e.Provider, Name: strings.ToUpper(e.Provider)})
			}
		}
	}
	snap, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return World{
		Catalog: snap,
		Barred:  func(*catalog.Endpoint) string { return "" },
		Explain: true,
		Health:  func(string) *health.Standing { return &health.Standing{} },
	}
}

func ailing(is bool) *health.Standing {
	if is {
		return &health.Standing{Grade: health.Ailing}
	}
	return &health.Standing{}
}

func tags(p Plan) (out []string) {
	for _, c := range p.Candidates {
		out = append(out, c.Endpoint.Tag)
	}
	return out
}

func request(models ...string) *llm.Request { return &llm.Request{Models: models} }

// RT-02, item 1 of part 3: over many draws of $1 and $3, nine to one; an endpoint
// with an outage is never first and always last.
func TestDefaultDraw(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), at(t, "b", "2"), at(t, "c", "3")}})
	w.Health = func(id string) *health.Standing { return ailing(strings.HasSuffix(id, "@b")) }
	const draws = 20_000
	first := map[string]int{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range draws {
		p, err := Make(Ask(request("x/y")), w, policy.Limits{}, rng)
		if err != nil {
			t.Fatal(err)
		}
		got := tags(p)
		if len(got) != 3 || got[2] != "b" {
			t.Fatalf("b is in an outage, yet the order is %v", got)
		}
		first[got[0]]++
	}
	// Three standard deviations of a binomial with p = 0.9.
	if dev := math.Abs(float64(first["a"]) - 0.9*draws); dev > 3*math.Sqrt(draws*0.9*0.1) {
		t.Errorf("a was first in %d of %d draws, want about 90%%", first["a"], draws)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	endpoints := func() []*catalog.Endpoint {
		return []*catalog.Endpoint{at(t, "dear", "3"), at(t, "cheap", "1"), at(t, "mid", "2"), at(t, "mid", "2.5", func(e *catalog.Endpoint) { e.Tag = "mid/turbo" })}
	}
	fast := func(id string) *health.Standing {
		s := map[string]health.Standing{
			"x/y@dear": {Throughput: health.Percentiles{P50: 100}, Latency: health.Percentiles{P50: 1}},
			"x/y@mid":  {Throughput: health.Percentiles{P50: 50}, Latency: health.Percentiles{P50: 0.001}},
		}[id]
		return &s
	}
	for _, c := range []struct {
		name   string
		models []string
		edit   func(*llm.Routing)
		want   []string
	}{
		{"sort by price", nil, func(r *llm.Routing) { r.Sort = llm.SortPrice }, []string{"cheap", "mid", "mid/turbo", "dear"}},
		{":floor", []string{"x/y:floor"}, func(*llm.Routing) {}, []string{"cheap", "mid", "mid/turbo", "dear"}},
		{":nitro: fastest first, no data last", []string{"x/y:nitro"}, func(*llm.Routing) {}, []string{"dear", "mid", "cheap", "mid/turbo"}},
		{"an explicit sort beats the variant", []string{"x/y:nitro"}, func(r *llm.Routing) { r.Sort = llm.SortLatency }, []string{"mid", "dear", "cheap", "mid/turbo"}},
		{"order first, the rest follows, sort is ignored (RT-05)", nil, func(r *llm.Routing) { r.Order, r.Sort = []string{"dear", "absent", "mid"}, llm.SortThroughput }, []string{"dear", "mid", "mid/turbo", "cheap"}},
		{"a suffixed slug is one endpoint (RT-11)", nil, func(r *llm.Routing) { r.Order = []string{"mid/turbo"} }, []string{"mid/turbo", "cheap", "mid", "dear"}},
		{"a display name works", nil, func(r *llm.Routing) { r.Only, r.Sort = []string{"MID"}, llm.SortPrice }, []string{"mid", "mid/turbo"}},
		{"order without fallbacks (RT-21)", nil, func(r *llm.Routing) { r.Order, r.NoFallbacks = []string{"mid/turbo", "dear"}, true }, []string{"mid/turbo", "dear"}},
		{"no fallbacks without order: the cheapest", nil, func(r *llm.Routing) { r.NoFallbacks = true }, []string{"cheap"}},
		{"ignore", nil, func(r *llm.Routing) { r.Ignore, r.Sort = []string{"mid"}, llm.SortPrice }, []string{"cheap", "dear"}},
		{"max price", nil, func(r *llm.Routing) { p := money.Pico(2e12); r.MaxPrice.Prompt, r.Sort = &p, llm.SortPrice }, []string{"cheap", "mid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := world(t, map[string][]*catalog.Endpoint{"x/y": endpoints()})
			w.Health = fast
			req := request("x/y")
			if c.models != nil {
				req.Models = c.models
			}
			c.edit(&req.Routing)
			p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, tags(p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Each rule leaves out what it must, and an empty plan is a 404 that names it
// (RT-28, DP-07).
func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		endpoint func(*catalog.Endpoint)
		request  func(*llm.Request)
		barred   string
		rule     string
		code     string
	}{
		{"no key", nil, nil, RuleCredential, RuleCredential, "no_endpoints"},
		{"dialect not spoken", nil, nil, RuleDialect, RuleDialect, "no_endpoints"},
		{"zdr", func(e *catalog.Endpoint) { e.Policy = catalog.Unknown() }, func(r *llm.Request) { r.Routing.ZDR = true }, "", "data_policy:zdr", "privacy_restricted"},
		{"retains without training is still collection", func(e *catalog.Endpoint) { e.Policy.Retains, e.Policy.ZDR = true, false }, func(r *llm.Request) { r.Routing.DenyCollection = true }, "", "data_policy:training", "privacy_restricted"},
		{"only", nil, func(r *llm.Request) { r.Routing.Only = []string{"other"} }, "", RuleAllowed, "constraint_filtered"},
		{"ignore", nil, func(r *llm.Request) { r.Routing.Ignore = []string{"A"} }, "", RuleIgnored, "constraint_filtered"},
		{"a tier is no part of the base slug (RT-10)", func(e *catalog.Endpoint) { e.Tag, e.Tier = "a/priority", "priority" }, func(r *llm.Request) { r.Routing.Only = []string{"a"} }, "", RuleAllowed, "constraint_filtered"},
		{"a tier needs an opt-in", func(e *catalog.Endpoint) { e.Tag, e.Tier = "a/flex", "flex" }, nil, "", RuleTier, "constraint_filtered"},
		{"context", func(e *catalog.Endpoint) { e.ContextLength = 10_000 }, func(r *llm.Request) { r.Needs.PromptTokens = 16_000 }, "", RuleContext, "constraint_filtered"},
		{"output length (RT-06)", func(e *catalog.Endpoint) { e.MaxCompletionTokens = 100 }, func(r *llm.Request) { r.Needs.MaxTokens = 101 }, "", RuleMaxTokens, "constraint_filtered"},
		{"modality", func(e *catalog.Endpoint) { e.InputModalities = []string{"text"} }, func(r *llm.Request) { r.Needs.Modalities = []string{"image"} }, "", RuleModality, "constraint_filtered"},
		{"quantization", func(e *catalog.Endpoint) { e.Quantization = "int4" }, func(r *llm.Request) { r.Routing.Quantizations = []string{"fp8"} }, "", RuleQuantization, "constraint_filtered"},
		{"price", nil, func(r *llm.Request) { p := money.Pico(1); r.Routing.MaxPrice.Completion = &p }, "", RuleMaxPrice, "constraint_filtered"},
		{"parameters", nil, func(r *llm.Request) { r.Routing.RequireParameters, r.Needs.Parameters = true, []string{"seed"} }, "", RuleParameters, "constraint_filtered"},
		{"priced by where it is routed", func(e *catalog.Endpoint) { e.Prices = catalog.Prices{Routed: true} }, nil, "", RuleUnpriced, "no_endpoints"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := at(t, "a", "1")
			if c.endpoint != nil {
				c.endpoint(e)
			}
			w := world(t, map[string][]*catalog.Endpoint{"x/y": {e}})
			w.Barred = func(*catalog.Endpoint) string { return c.barred }
			req := request("x/y")
			if c.request != nil {
				c.request(req)
			}
			p, err := Make(Ask(req), w, asked(req.Routing.ZDR, req.Routing.DenyCollection), rand.New(rand.NewPCG(1, 1)))
			refused, ok := errors.AsType[*llm.Error](err)
			want := llm.TypeNotFound
			if c.rule == RuleContext { // PL-06
				want = llm.TypeContextLength
			}
			if !ok || refused.Type != want || refused.Availability == nil {
				t.Fatalf("want a 404, got %v with %v", err, tags(p))
			}
			if refused.Availability.Code != c.code || !slices.Equal(refused.Availability.ExcludedBy, []string{c.rule}) {
				t.Errorf("got %s %v, want %s by %s", refused.Availability.Code, refused.Availability.ExcludedBy, c.code, c.rule)
			}
			if !strings.Contains(refused.Message, c.rule) {
				t.Errorf("the message does not name the rule: %s", refused.Message)
			}
		})
	}
}

func TestTierOptIn(t *testing.T) {
	t.Parallel()
	tier := func(e *catalog.Endpoint) { e.Tag, e.Tier = "a/priority", "priority" }
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), at(t, "a", "5", tier)}})
	req := request("x/y")
	req.Routing.Only = []string{"a/priority"}
	p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1)))
	if err != nil || !slices.Equal(tags(p), []string{"a/priority"}) {
		t.Errorf("%v, %v", tags(p), err)
	}
}

// RT-19: endpoints that take `tools` are preferred to the exclusion of others,
// and where none does the request still goes out.
func TestPreferredParameters(t *testing.T) {
	t.Parallel()
	tools := func(e *catalog.Endpoint) { e.SupportedParameters = []string{"tools"} }
	req := request("x/y", "x/z")
	req.Routing.Sort, req.Needs.Parameters = llm.SortPrice, []string{"tools"}
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), at(t, "b", "2", tools)}, "x/z": {at(t, "c", "1")}})
	p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1)))
	if err != nil || !slices.Equal(tags(p), []string{"b", "c"}) {
		t.Errorf("%v, %v", tags(p), err)
	}
}

// FB-01, FB-05, RT-20: models in order, each with its own variant; partition
// "none" sorts the endpoints of all of them together.
func TestModels(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{
		"x/y": {at(t, "a", "2"), at(t, "b", "4")}, "x/z": {at(t, "c", "1"), at(t, "d", "3")}, "x/y:free": {at(t, "f", "0")},
	})
	plan := func(edit func(*llm.Request), models ...string) []string {
		req := request(models...)
		req.Routing.Sort = llm.SortPrice
		edit(req)
		p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1)))
		if err != nil {
			return []string{err.Error()}
		}
		return tags(p)
	}
	for _, c := range []struct {
		got, want []string
	}{
		{plan(func(*llm.Request) {}, "x/y", "x/z"), []string{"a", "b", "c", "d"}},
		{plan(func(r *llm.Request) { r.Routing.Partition = llm.PartitionNone }, "x/y", "x/z"), []string{"c", "a", "d", "b"}},
		{plan(func(r *llm.Request) { r.Routing.NoFallbacks = true }, "x/y", "x/z"), []string{"a", "c"}},
		{plan(func(*llm.Request) {}, "x/y:free"), []string{"f"}},
		{plan(func(*llm.Request) {}, "x/y:free:floor", "x/z"), []string{"f", "c", "d"}},
		{plan(func(*llm.Request) {}, "x/nonsense", "x/z"), []string{"c", "d"}},
		{plan(func(*llm.Request) {}, "x/nonsense"), []string{"x/nonsense is not a valid model ID: GET /api/v1/models lists those that are"}},
		{plan(func(*llm.Request) {}, "x/z:free"), []string{"x/z has no variant :free here"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Error(diff)
		}
	}
}

// Law 6: the same inputs give the same plan; what was asked to be excluded is
// not in it; tightening never adds a candidate.
func TestLaw6(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var endpoints []*catalog.Endpoint
		for i := range rapid.IntRange(1, 8).Draw(r, "endpoints") {
			e := at(t, fmt.Sprintf("p%d", i), rapid.SampledFrom([]string{"0", "1", "2", "5"}).Draw(r, "usd"))
			e.Policy.ZDR = rapid.Bool().Draw(r, "zdr")
			e.Policy.Retains = !e.Policy.ZDR
			endpoints = append(endpoints, e)
		}
		w := world(t, map[string][]*catalog.Endpoint{"x/y": endpoints})
		sick := rapid.IntRange(0, 8).Draw(r, "ailing")
		w.Health = func(id string) *health.Standing {
			return ailing(id == fmt.Sprintf("x/y@p%d", sick))
		}
		req := request("x/y")
		req.Routing.Sort = rapid.SampledFrom([]llm.Sort{"", llm.SortPrice, llm.SortLatency}).Draw(r, "sort")
		req.Routing.Ignore = []string{fmt.Sprintf("p%d", rapid.IntRange(0, 8).Draw(r, "ignore"))}
		limits := asked(rapid.Bool().Draw(r, "want zdr"), false)
		seed := rapid.Uint64().Draw(r, "seed")
		make1 := func(l policy.Limits) Plan {
			p, _ := Make(Ask(req), w, l, rand.New(rand.NewPCG(seed, 0))) // an empty plan is as good a case
			return p
		}
		p, again := make1(limits), make1(limits)
		if !slices.Equal(tags(p), tags(again)) {
			r.Fatalf("%v, then %v", tags(p), tags(again))
		}
		if len(p.Candidates)+len(p.Excluded) != len(endpoints) {
			r.Fatalf("%d candidates and %d exclusions of %d endpoints", len(p.Candidates), len(p.Excluded), len(endpoints))
		}
		tight := make1(asked(true, true))
		for _, c := range tight.Candidates {
			if !p.Allows(c.Endpoint.ID) || !c.Endpoint.Policy.ZDR || c.Endpoint.Tag == req.Routing.Ignore[0] {
				r.Fatalf("%s is in the tighter plan", c.Endpoint.ID)
			}
		}
	})
}

// asked are the limits of a request that wants zero retention, or no collection.
func asked(zdr, denyCollection bool) policy.Limits {
	return policy.Limits{}.With(policy.Level{Kind: policy.Request, Terms: policy.Asked(zdr, denyCollection)})
}
