package route

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// lines are a plan as it can be compared.
func lines(p Plan, err error) (out []string) {
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range p.Candidates {
		out = append(out, c.Endpoint.ID+" "+c.Why.String())
	}
	return append(out, string(p.Strategy), strconv.Itoa(p.Considered))
}

// Law 6, kept: a decision that was written down and read again makes the same plan,
// candidate by candidate.
func TestDecisionsAreReplayed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := drawWorld(t, r)
		q := drawQuery(r)
		limits := asked(rapid.Bool().Draw(r, "zdr"), rapid.Bool().Draw(r, "no training"))
		plan, decision, err := Decide(q, w, limits, rapid.Uint64().Draw(r, "seed"))
		text, failed := json.Marshal(decision)
		if failed != nil {
			r.Fatal(failed)
		}
		var kept Decision
		if failed := json.Unmarshal(text, &kept); failed != nil {
			r.Fatalf("%v: %s", failed, text)
		}
		if d := cmp.Diff(lines(plan, err), lines(kept.Again(w.Catalog))); d != "" {
			r.Fatalf("%s\n%s", d, text)
		}
	})
}

// drawWorld is a few models at some providers, in all sorts of states.
func drawWorld(t *testing.T, r *rapid.T) World {
	models := map[string][]*catalog.Endpoint{}
	tracker := health.New(time.Now)
	barred := map[string]bool{}
	sticky := map[string]int64{}
	for _, model := range []string{"x/y", "x/z", "x/y:free"} {
		for i := range rapid.IntRange(1, 6).Draw(r, "endpoints") {
			e := at(t, fmt.Sprintf("p%d", i), rapid.SampledFrom([]string{"0", "0.000001", "0.000002", "0.0000051"}).Draw(r, "usd"))
			e.Policy.ZDR = rapid.Bool().Draw(r, "zdr")
			e.Policy.Retains = !e.Policy.ZDR
			e.Prices.CacheRead = price(t, "0.0000001")
			if rapid.Bool().Draw(r, "tools") {
				e.SupportedParameters = append(e.SupportedParameters, "tools")
			}
			if rapid.IntRange(0, 4).Draw(r, "tier") == 0 {
				e.Tier = rapid.SampledFrom([]string{"flex", "priority"}).Draw(r, "which")
				e.Tag += "/" + e.Tier
			}
			id := model + "@" + e.Tag
			barred[id] = rapid.IntRange(0, 5).Draw(r, "barred") == 0
			if rapid.IntRange(0, 5).Draw(r, "sticky") == 0 {
				sticky[id] = 800
			}
			for range rapid.IntRange(0, 6).Draw(r, "answers") {
				tracker.Succeeded(id, health.Sample{Latency: time.Duration(rapid.IntRange(1, 5000).Draw(r, "ms")) * time.Millisecond, Took: 6 * time.Second, Output: 300, Calls: true})
			}
			for range rapid.IntRange(0, 6).Draw(r, "faults") {
				tracker.Failed(id, false)
			}
			models[model] = append(models[model], e)
		}
	}
	w := world(t, models)
	w.Health, w.Sticky = tracker.Standing, sticky
	w.Barred = func(e *catalog.Endpoint) string {
		if barred[e.ID] {
			return RuleCredential
		}
		return ""
	}
	w.Loses = func(e *catalog.Endpoint) []string {
		if e.Provider == "p0" {
			return []string{"top_k"}
		}
		return nil
	}
	w.At = time.Unix(1_790_000_000, 5).UTC()
	return w
}

func drawQuery(r *rapid.T) Query {
	dear := money.Pico(1_500_000)
	q := Query{
		Models: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x/y", "x/z", "x/y:free", "x/y:nitro", "x/z:floor", "x/z:exacto", "openrouter/free", "openrouter/auto", "openrouter/auto-beta:nitro", "openrouter/pareto-code", "~x/y-latest", "x/none"}), 1, 3, rapid.ID).Draw(r, "models"),
		Routing: llm.Routing{
			Order:         rapid.SliceOfN(rapid.SampledFrom([]string{"p0", "p3", "p1/flex"}), 0, 2).Draw(r, "order"),
			Ignore:        rapid.SliceOfN(rapid.SampledFrom([]string{"p1", "p4"}), 0, 1).Draw(r, "ignore"),
			NoFallbacks:   rapid.Bool().Draw(r, "no fallbacks"),
			Sort:          rapid.SampledFrom([]llm.Sort{"", "", llm.SortPrice, llm.SortLatency, llm.SortThroughput, llm.SortExacto}).Draw(r, "sort"),
			Partition:     rapid.SampledFrom([]llm.Partition{llm.PartitionModel, llm.PartitionNone}).Draw(r, "partition"),
			Tier:          rapid.SampledFrom([]llm.Tier{"", llm.TierFlex, llm.TierPriority, llm.TierDefault}).Draw(r, "tier"),
			MaxLatency:    llm.Cutoffs{P90: rapid.SampledFrom([]float64{0, 0.5, 3}).Draw(r, "latency")},
			MinThroughput: llm.Cutoffs{P50: rapid.SampledFrom([]float64{0, 51}).Draw(r, "throughput")},
		},
		Needs:  llm.Needs{PromptTokens: 1000, MaxTokens: int64(rapid.IntRange(0, 600).Draw(r, "max"))},
		Strict: rapid.Bool().Draw(r, "strict"),
	}
	if rapid.Bool().Draw(r, "tools") {
		q.Needs.Parameters = []string{"tools"}
	}
	if rapid.Bool().Draw(r, "max price") {
		q.Routing.MaxPrice.Prompt = &dear
	}
	return q
}
