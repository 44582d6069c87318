package route

import (
	"fmt"
	"slices"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// shop has 20 models of four authors, each dearer and newer than the one before, and a
// free one.
func shop(t testing.TB) World {
	t.Helper()
	models := map[string][]*catalog.Endpoint{"free/one": {at(t, "p", "0")}}
	for i := range 20 {
		models[fmt.Sprintf("a%d/m%02d", i%4, i)] = []*catalog.Endpoint{at(t, "p", fmt.Sprintf("0.0000%02d", i+1))}
	}
	w := world(t, models)
	data := catalog.Data{Version: "shop", Providers: []catalog.Provider{{Slug: "p", Name: "P"}}}
	for _, m := range w.Catalog.Models() {
		row := *m
		var n int64
		if _, err := fmt.Sscanf(m.ID[len(m.ID)-2:], "%d", &n); err == nil {
			row.Created = 1_700_000_000 + n
		}
		data.Models = append(data.Models, row)
	}
	snap, err := catalog.New(data)
	if err != nil {
		t.Fatal(err)
	}
	w.Catalog = snap
	return w
}

func TestPanel(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for preset, want := range map[llm.FusionPreset][]string{
		llm.FusionDefault: {"a3/m19", "a2/m18", "a1/m17"}, // of 16 to 19
		llm.FusionHigh:    {"a3/m19", "a2/m18", "a1/m17"},
		llm.FusionBudget:  {"a3/m07", "a2/m06", "a1/m05"}, // of 0 to 7
		llm.FusionFast:    {"a3/m07", "a2/m06", "a1/m05"}, // nothing is known yet
	} {
		if got := Panel(Query{}, w, policy.Limits{}, preset); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", preset, got, want)
		}
	}
	w.Health = func(id string) *health.Standing {
		st := &health.Standing{}
		for speed, model := range []string{"a0/m12", "a0/m08", "a2/m02"} {
			if m, _ := w.Catalog.Model(model); m.Endpoints[0].ID == id {
				st.Throughput = health.Percentiles{P50: float64(50 + speed)}
			}
		}
		return st
	}
	if got, want := Panel(Query{}, w, policy.Limits{}, llm.FusionFast), []string{"a2/m02", "a0/m08", "a3/m07"}; !slices.Equal(got, want) {
		t.Errorf("by speed: %v, want %v", got, want)
	}
	// Who may not have the conversation is on no panel.
	if got := Panel(Query{Routing: llm.Routing{Ignore: []string{"p"}}}, w, policy.Limits{}, llm.FusionHigh); len(got) != 0 {
		t.Errorf("%v", got)
	}
	few := world(t, map[string][]*catalog.Endpoint{"a/1": {at(t, "p", "0.000001")}, "a/2": {at(t, "p", "0.000002")}})
	if got, want := Panel(Query{}, few, policy.Limits{}, llm.FusionHigh), []string{"a/2", "a/1"}; !slices.Equal(got, want) {
		t.Errorf("of one author: %v, want %v", got, want)
	}
	free := world(t, map[string][]*catalog.Endpoint{"a/1": {at(t, "p", "0")}})
	if got := Panel(Query{}, free, policy.Limits{}, llm.FusionBudget); !slices.Equal(got, []string{"a/1"}) {
		t.Errorf("where all are free: %v", got)
	}
}

// Behind the router's name answers the model that the request names, in the variant that
// it names, or the strongest. The plan can be made again.
func TestFusionPlan(t *testing.T) {
	t.Parallel()
	w := shop(t)
	for _, try := range []struct{ name, model, want string }{
		{llm.FusionModel, "", "a3/m19"},
		{llm.FusionFlash, "", "a3/m19"},
		{llm.FusionModel, "a1/m01:floor", "a1/m01"},
		{llm.FusionModel + ":nitro", "a1/m01", "a1/m01"},
	} {
		q := Query{Models: []string{try.name}, Plugins: llm.Plugins{Fusion: llm.Fusion{On: true, Model: try.model}}}
		plan, d, err := Decide(q, w, policy.Limits{}, 7)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Strategy != Fusion || plan.Candidates[0].Model.ID != try.want || plan.Candidates[0].Strategy != Fusion {
			t.Errorf("%v: %s of %s", try, plan.Candidates[0].Model.ID, plan.Strategy)
		}
		again, err := d.Again(w.Catalog)
		if made := Came(again, err); !d.Made.Same(made) {
			t.Errorf("%v: made again it is another plan", try)
		}
	}
	if _, err := Make(Query{Models: []string{llm.FusionModel}, Plugins: llm.Plugins{Fusion: llm.Fusion{Model: "no/such"}}}, w, policy.Limits{}, Rand(1)); err == nil {
		t.Error("answered by a model that nobody knows")
	}
}
