package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

type listedModel struct {
	ID            string `json:"id"`
	CanonicalSlug string `json:"canonical_slug"`
	Name          string `json:"name"`
	ContextLength int64  `json:"context_length"`
	Architecture  struct {
		Input     []string `json:"input_modalities"`
		Output    []string `json:"output_modalities"`
		Tokenizer string   `json:"tokenizer"`
	} `json:"architecture"`
	Pricing   map[string]any `json:"pricing"`
	Reasoning any            `json:"reasoning"`
	Alias     map[string]any `json:"alias_target"`
	Top       struct {
		ContextLength *int64 `json:"context_length"`
	} `json:"top_provider"`
}

func listed(t *testing.T, h http.Handler, id string) (found *listedModel) {
	t.Helper()
	w := get(t, h, "/models")
	conform(t, http.MethodGet, "/models", http.StatusOK, w.Body.Bytes())
	for _, m := range read[struct{ Data []listedModel }](t, w, http.StatusOK).Data {
		if m.ID == id {
			return &m
		}
	}
	return nil
}

// RO-11: routers are listed in the tokenizer group Router, without reasoning, and with
// what the models that they may pick can do.
func TestRO11_RoutersAreListed(t *testing.T) {
	t.Parallel()
	d := smallCatalogue()
	h := catalogueOf(t, d, nil)
	auto := listed(t, h, catalog.RouterAuto)
	if auto == nil || auto.ContextLength != 400_000 || auto.Architecture.Tokenizer != "Router" || auto.Reasoning != nil ||
		!slices.Equal(auto.Architecture.Input, []string{"text", "image"}) || auto.Pricing["prompt"] != "-1" || auto.Pricing["completion"] != "-1" || auto.Top.ContextLength != nil {
		t.Errorf("auto: %+v", auto)
	}
	if free := listed(t, h, catalog.RouterFree); free == nil || free.ContextLength != 4_000 || free.Pricing["prompt"] != "0" || !slices.Equal(free.Architecture.Input, []string{"text"}) {
		t.Errorf("free: %+v", free)
	}
	if m := listed(t, h, catalog.RouterPareto); m != nil {
		t.Errorf("no model has a score, and the router is listed: %+v", m)
	}
	d.Models[0].CodingScore = 0.9
	scored := catalogueOf(t, d, nil)
	if m := listed(t, scored, catalog.RouterPareto); m == nil || m.ContextLength != 400_000 {
		t.Errorf("pareto: %+v", m)
	}
	w := get(t, scored, "/model/openrouter/auto")
	conform(t, http.MethodGet, "/model/{author}/{slug}", http.StatusOK, w.Body.Bytes())
	w = get(t, scored, "/models/openrouter/auto/endpoints")
	if got := read[struct{ Data struct{ Endpoints []any } }](t, w, http.StatusOK); len(got.Data.Endpoints) != 0 {
		t.Errorf("endpoints %v", got)
	}
	d.Models = slices.DeleteFunc(d.Models, func(m catalog.Model) bool { return m.ID == "lab/plain:free" })
	if m := listed(t, catalogueOf(t, d, nil), catalog.RouterFree); m != nil {
		t.Errorf("nothing is free, and the router is listed: %+v", m)
	}
}

// SL-08: an alias is listed with the price, limits and abilities of what it stands for.
func TestSL08_AliasesAreListed(t *testing.T) {
	t.Parallel()
	d := smallCatalogue()
	usd := func(text string) catalog.Price {
		p, err := catalog.ParsePrice(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	model := func(id, name, prompt string, created int64, context int64) catalog.Model {
		return catalog.Model{ID: id, Name: name, Created: created, ContextLength: context, Endpoints: []*catalog.Endpoint{
			{Provider: "lab", Native: name, ContextLength: context, Prices: catalog.Prices{Prompt: usd(prompt), Completion: usd(prompt)}},
		}}
	}
	d.Models = append(d.Models,
		model("acme/road-4", "Road 4", "0.000004", 400, 4000),
		model("acme/road-5", "Road 5", "0.000005", 500, 5000),
		model("~acme/road-latest", "Road Latest", "0.000001", 100, 1),
		model("~acme/rail-latest", "Rail Latest", "0.000001", 100, 1))
	h := catalogueOf(t, d, nil)
	got := listed(t, h, "~acme/road-latest")
	if got == nil || got.Name != "Road Latest" || got.CanonicalSlug != "~acme/road-latest" || got.ContextLength != 5000 || got.Pricing["prompt"] != "0.000005" {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(map[string]any{"slug": "acme/road-5", "name": "Road 5"}, got.Alias); diff != "" {
		t.Error(diff)
	}
	if m := listed(t, h, "~acme/rail-latest"); m != nil {
		t.Errorf("stands for nothing and is listed: %+v", m)
	}
	if m := listed(t, h, "acme/road-5"); m == nil || m.Alias != nil {
		t.Errorf("%+v", m)
	}
	// Where the newest cannot be asked, it is the newest of those that can.
	snap, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	c := api.NewCatalogue(func() *catalog.Snapshot { return snap }, doing(nil), func() time.Time { return noon })
	c.Barred = func(e *catalog.Endpoint) string {
		if e.Model == "acme/road-5" {
			return "no_credential"
		}
		return ""
	}
	if got := listed(t, catalogueRoutes(c), "~acme/road-latest"); got == nil || got.Alias["slug"] != "acme/road-4" {
		t.Errorf("%+v", got)
	}
}
