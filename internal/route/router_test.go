package route

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// models are those of a plan, once each, in order.
func models(p Plan) (list []string) {
	for _, c := range p.Candidates {
		if n := len(list); n == 0 || list[n-1] != c.Model.ID {
			list = append(list, c.Model.ID)
		}
	}
	return list
}

// A router picks only what the plan would not leave out after all: account policies,
// provider lists and price ceilings hold before the pick.
func TestRoutersPickWhatCanBeAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		edit   func(*llm.Request)
		limits policy.Limits
		bar    string
		want   []string
	}{
		{"all", nil, policy.Limits{}, "", []string{"m/a"}},
		{"zero retention", nil, asked(true, false), "", []string{"m/c"}},
		{"only", func(r *llm.Request) { r.Routing.Only = []string{"b"} }, policy.Limits{}, "", []string{"m/b"}},
		{"ignored", func(r *llm.Request) { r.Routing.Ignore = []string{"a"} }, policy.Limits{}, "", []string{"m/b"}},
		{"without a key", nil, policy.Limits{}, "a", []string{"m/b"}},
		{"what is needed", func(r *llm.Request) { r.Needs.Parameters = []string{"tools"} }, policy.Limits{}, "", []string{"m/c"}},
		{"a prompt too long", func(r *llm.Request) { r.Needs.PromptTokens = 30_000 }, policy.Limits{}, "", []string{"m/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			private := func(e *catalog.Endpoint) {
				e.Policy = catalog.DataPolicy{ZDR: true}.Assert(catalog.Evidence{Source: "test"})
			}
			open := func(e *catalog.Endpoint) { e.Policy = catalog.Unknown() }
			w := world(t, map[string][]*catalog.Endpoint{
				"m/a": {at(t, "a", "1", open, func(e *catalog.Endpoint) { e.ContextLength = 10_000; e.Parameters = nil; e.SupportedParameters = nil })},
				"m/b": {at(t, "b", "2", open, func(e *catalog.Endpoint) { e.Parameters = nil; e.SupportedParameters = nil })},
				"m/c": {at(t, "c", "3", private, func(e *catalog.Endpoint) { e.SupportedParameters = []string{"tools"} })},
			})
			w.Barred = func(e *catalog.Endpoint) string {
				if e.Provider == c.bar {
					return RuleCredential
				}
				return ""
			}
			req := request(catalog.RouterAuto)
			req.Input = &llm.ChatInput{}
			if c.edit != nil {
				c.edit(req)
			}
			p, err := Make(Ask(req), w, c.limits, rand.New(rand.NewPCG(1, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, models(p)); diff != "" || p.Strategy != Auto {
				t.Errorf("%s: %s", p.Strategy, diff)
			}
		})
	}
}

// Where nothing costs anything, the auto router picks among what is free; the free router
// draws evenly.
func TestRoutersOfWhatIsFree(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{"m/a": {at(t, "a", "0")}, "m/b": {at(t, "b", "0")}, "m/c": {at(t, "c", "0")}, "m/d": {at(t, "d", "0")}})
	auto := request(catalog.RouterAuto)
	auto.Input = &llm.ChatInput{}
	if p, err := Make(Ask(auto), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1))); err != nil || len(p.Candidates) == 0 {
		t.Fatalf("%v, %v", p, err)
	}
	const draws = 4000
	first := map[string]int{}
	for seed := range uint64(draws) {
		p, err := Make(Ask(request(catalog.RouterFree)), w, policy.Limits{}, rand.New(rand.NewPCG(seed, 1)))
		if err != nil || p.Strategy != Free || len(models(p)) != picks {
			t.Fatal(p, err)
		}
		first[p.Candidates[0].Model.ID]++
	}
	for _, m := range []string{"m/a", "m/b", "m/c", "m/d"} {
		if n := first[m]; n < draws/4-150 || n > draws/4+150 { // over five standard deviations
			t.Errorf("%s is first %d times of %d", m, n, draws)
		}
	}
}

// PL-05: with compression, half of the request must fit; if it fits nowhere, the largest
// context is used, of those that nothing else leaves out.
func TestPL05_Largest(t *testing.T) {
	t.Parallel()
	size := func(n int64, more ...func(*catalog.Endpoint)) func(*catalog.Endpoint) {
		return func(e *catalog.Endpoint) {
			e.ContextLength = n
			for _, f := range more {
				f(e)
			}
		}
	}
	blind := func(e *catalog.Endpoint) { e.InputModalities = []string{"text"} }
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {
		at(t, "a", "1", size(10_000)), at(t, "b", "2", size(20_000)), at(t, "c", "3", size(30_000, blind)), at(t, "d", "4", size(20_000)),
	}})
	for _, c := range []struct {
		prompt, most int64
		images       bool
		on           llm.Compression
		want         []string
	}{
		{9_000, 0, false, llm.CompressionOff, []string{"a", "b", "c", "d"}},
		{24_000, 0, false, llm.CompressionOff, []string{"b", "c", "d"}},
		{24_000, 0, false, llm.CompressionOn, []string{"a", "b", "c", "d"}}, // at least 16,000
		{45_000, 0, false, llm.CompressionOn, []string{"b", "c", "d"}},      // at least 30,000
		{45_000, 9_000, false, llm.CompressionOn, []string{"b", "c", "d"}},
		{45_000, 20_000, false, llm.CompressionOn, []string{"c"}}, // the others could answer nothing
		{900_000, 0, false, llm.CompressionOn, []string{"c"}},
		{900_000, 0, true, llm.CompressionOn, []string{"b", "d"}},
		{900_000, 0, false, llm.CompressionDefault, nil},
		{900_000, 40_000, false, llm.CompressionOn, nil},
	} {
		w.Explain = true
		req := request("x/y")
		req.Routing.Sort = llm.SortPrice
		req.Input = &llm.ChatInput{Plugins: llm.Plugins{Compress: c.on}}
		req.Needs.PromptTokens, req.Needs.MaxTokens = c.prompt, c.most
		if c.images {
			req.Needs.Modalities = []string{"image"}
			for _, m := range w.Catalog.Models() {
				for _, e := range m.Endpoints {
					if e.Provider != "c" {
						e.InputModalities = []string{"text", "image"}
					}
				}
			}
		}
		p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1)))
		if diff := cmp.Diff(c.want, tags(p)); diff != "" {
			t.Errorf("%d and %d, %q: %v\n%s", c.prompt, c.most, c.on, err, diff)
		}
		if n := len(p.Candidates) + len(p.Excluded); n != 4 { // each is in one place
			t.Errorf("%d and %d, %q: %d of 4 endpoints are explained", c.prompt, c.most, c.on, n)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		is            bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/bc", false},
		{"a/*", "a/b", true},
		{"*", "a/b", true},
		{"*/b", "a/b", true},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxc", false},
		{"a**c", "ac", true},
		{"*b", "abb", true},
		{"", "a", false},
		{"a*", "ba", false},
		{"*a*", "bab", true},
		{"ab*ba", "aba", false},
	} {
		if got := wild(c.pattern, c.name); got != c.is {
			t.Errorf("%q means %q: %v", c.pattern, c.name, got)
		}
	}
}

// What the operator pays for is no dearer than the low band, whatever a caller leaves of it.
func TestBodyBuilderIsCheap(t *testing.T) {
	t.Parallel()
	json := func(e *catalog.Endpoint) {
		e.SupportedParameters = append(e.SupportedParameters, "response_format", "structured_outputs")
	}
	w := world(t, map[string][]*catalog.Endpoint{
		"a/low":  {at(t, "p0", "0.0000001", json)},
		"b/mid":  {at(t, "p1", "0.0000002", json)},
		"c/dear": {at(t, "p1", "0.0006", json)},
	})
	for name, edit := range map[string]func(*llm.Routing){
		"only":   func(r *llm.Routing) { r.Only = []string{"p1"} },
		"ignore": func(r *llm.Routing) { r.Ignore = []string{"p0"} },
	} {
		req := request(catalog.RouterBodyBuilder)
		edit(&req.Routing)
		if p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1))); err == nil {
			t.Errorf("%s: %v may be asked", name, tags(p))
		}
	}
	p, err := Make(Ask(request(catalog.RouterBodyBuilder)), w, policy.Limits{}, rand.New(rand.NewPCG(1, 1)))
	if err != nil || p.Candidates[0].Model.ID != "a/low" {
		t.Error(tags(p), err)
	}
}
