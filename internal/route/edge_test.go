package route

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// FB-01: other names of a model are the same model; its endpoints are in a plan
// once.
func TestNothingIsPlannedTwice(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), at(t, "b", "2")}, "x/z": {at(t, "a", "1")}})
	for _, partition := range []llm.Partition{llm.PartitionModel, llm.PartitionNone} {
		req := request("x/y:floor", "x/y", "x/y:nitro", "x/z", "x/y")
		req.Routing.Partition = partition
		p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range p.Candidates {
			ids = append(ids, c.Endpoint.ID)
		}
		slices.Sort(ids)
		if d := cmp.Diff([]string{"x/y@a", "x/y@b", "x/z@a"}, ids); d != "" {
			t.Errorf("partition %q: %s", partition, d)
		}
	}
}

// Absurd sizes neither wrap around nor slip through.
func TestAbsurdSizes(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "0", func(e *catalog.Endpoint) { e.ContextLength = 8192 })}})
	for _, c := range []struct {
		prompt, most int64
		fits         bool
	}{
		{100, 100, true},
		{100, 8000, true},
		{100, 8192, false},
		{100, math.MaxInt64, false},
		{12_000, 192, true},
		{20_000, 0, false},
		{1 << 40, math.MaxInt64, false},
	} {
		req := request("x/y")
		req.Needs.PromptTokens, req.Needs.MaxTokens = c.prompt, c.most
		req.Input = &llm.ChatInput{Plugins: llm.Plugins{Compress: llm.CompressionOff}}
		_, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
		if (err == nil) != c.fits {
			t.Errorf("prompt %d, max_tokens %d: %v", c.prompt, c.most, err)
		}
	}
}

// U2: whatever the prices, a draw is an order of all, the free ones first.
func TestDrawOfAbsurdPrices(t *testing.T) {
	t.Parallel()
	most := catalog.Price{Text: "9223372", Unit: math.MaxInt64}
	endpoints := []*catalog.Endpoint{
		at(t, "dearest", "1", func(e *catalog.Endpoint) { e.Prices = catalog.Prices{Prompt: most, Completion: most, Request: most} }),
		at(t, "free", "0"), at(t, "cheapest", "0.000000000001"), at(t, "gratis", "0"), at(t, "usual", "0.000001"),
	}
	w := world(t, map[string][]*catalog.Endpoint{"x/y": endpoints})
	req := request("x/y")
	req.Needs.PromptTokens, req.Needs.MaxTokens = 1<<40, math.MaxInt64
	for seed := range uint64(200) {
		p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatal(err)
		}
		got := tags(p)
		if free := got[:2]; !slices.Contains(free, "free") || !slices.Contains(free, "gratis") || len(got) != 5 {
			t.Fatalf("%v", got)
		}
		slices.Sort(got)
		if got = slices.Compact(got); len(got) != 5 {
			t.Fatalf("%v", got)
		}
	}
}

// RT-04, RT-21: the caller's order holds over an outage, and without fallbacks
// each model keeps what it names.
func TestOrderOverOutage(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{
		"x/y": {at(t, "a", "1"), at(t, "b", "2"), at(t, "c", "3")},
		"x/z": {at(t, "b", "2"), at(t, "c", "0.5")},
	})
	w.Health = func(id string) *health.Standing { return ailing(id == "x/y@c") }
	for _, c := range []struct {
		name    string
		routing llm.Routing
		want    []string
	}{
		{"an ailing one first, because it is named", llm.Routing{Order: []string{"c"}}, []string{"c", "a", "b", "c", "b"}},
		{"only what is named", llm.Routing{Order: []string{"c", "nobody"}, NoFallbacks: true}, []string{"c", "c"}},
		{"the cheapest stable one of each model", llm.Routing{NoFallbacks: true}, []string{"a", "c"}},
		{"the cheapest stable one of all", llm.Routing{NoFallbacks: true, Partition: llm.PartitionNone}, []string{"c"}},
		{"an ailing one last, by price too", llm.Routing{Sort: llm.SortPrice, Partition: llm.PartitionNone}, []string{"c", "a", "b", "b", "c"}},
	} {
		req := request("x/y", "x/z")
		req.Routing = c.routing
		p, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, tags(p)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}
