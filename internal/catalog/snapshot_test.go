package catalog_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// small is a catalogue with a provider and two models, one of them a variant.
func small() catalog.Data {
	price := func(in, out string) catalog.Prices {
		return catalog.Prices{Prompt: catalog.Price{Text: in}, Completion: catalog.Price{Text: out}}
	}
	return catalog.Data{
		Version: "v1",
		Providers: []catalog.Provider{{
			Slug:        "acme",
			Name:        "Acme",
			Datacenters: []string{"DE"},
			Policy:      catalog.DataPolicy{Known: true, Source: "https://acme.example/privacy, 2026-01"},
		}, {
			Slug: "other",
			Name: "Other",
		}},
		Models: []catalog.Model{{
			ID:                "acme/one",
			CanonicalSlug:     "acme/one-20260101",
			Name:              "Acme: One",
			Created:           10,
			DefaultParameters: map[string]string{"temperature": "0.7"},
			Reasoning:         &catalog.ReasoningAbility{Efforts: []string{"high", "low"}},
			Endpoints: []*catalog.Endpoint{{
				Provider:            "acme",
				Native:              "one-0101",
				SupportedParameters: []string{"tools", "max_tokens", "tools"},
				Fixed:               catalog.Fixed{Headers: map[string]string{"x-mode": "a"}, Body: map[string]string{"mode": `"a"`}},
				Prices: catalog.Prices{
					Prompt:     catalog.Price{Text: "0.000005"},
					Completion: catalog.Price{Text: "0.00002500"},
					Overrides: []catalog.Override{{
						MinPromptTokens: 200_000,
						Prices:          catalog.Prices{Prompt: catalog.Price{Text: "0.00001"}},
					}},
				},
			}, {
				Provider:            "other",
				Tag:                 "other/eu",
				Native:              "one",
				SupportedParameters: []string{"seed"},
				Prices:              price("0.000006", "0.00003"),
			}},
		}, {
			ID:            "acme/one:free",
			CanonicalSlug: "acme/one-20260101",
			Name:          "Acme: One (free)",
			Created:       20,
			Endpoints:     []*catalog.Endpoint{{Provider: "other", Native: "one:free", Prices: price("0", "0")}},
		}},
		Aliases: map[string]string{"acme/uno": "acme/one"},
	}
}

func TestNewFillsIn(t *testing.T) {
	t.Parallel()
	s, err := catalog.New(small())
	if err != nil {
		t.Fatal(err)
	}
	m, _ := s.Model("acme/one")
	first, second := m.Endpoints[0], m.Endpoints[1]
	for name, got := range map[string]any{
		"id":                 first.ID == "acme/one@acme" && second.ID == "acme/one@other/eu",
		"tag":                first.Tag == "acme",
		"model":              first.Model == "acme/one",
		"parameters":         cmp.Equal(first.SupportedParameters, []string{"max_tokens", "tools"}) && first.Parameters["tools"] && !first.Parameters["seed"],
		"union":              cmp.Equal(m.SupportedParameters, []string{"max_tokens", "seed", "tools"}),
		"modalities":         cmp.Equal(first.InputModalities, []string{"text"}) && cmp.Equal(m.OutputModalities, []string{"text"}),
		"unit":               first.Prices.Prompt.Unit == 5_000_000 && first.Prices.Completion.Unit == 25_000_000,
		"text":               first.Prices.Completion.Text == "0.00002500",
		"override unit":      first.Prices.Overrides[0].Prices.Prompt.Unit == 10_000_000,
		"version":            first.Prices.Version == "v1" && first.Prices.Overrides[0].Prices.Version == "v1",
		"policy known":       first.Policy.Known && !first.Policy.Retains,
		"policy not known":   cmp.Equal(second.Policy, catalog.Unknown()),
		"endpoint by id":     endpoint(s, "acme/one@other/eu") == second,
		"provider by slug":   cmp.Equal(provider(s, "other").Policy, catalog.Unknown()),
		"provider order":     cmp.Equal(slugs(s.Providers()), []string{"acme", "other"}),
		"newest model first": cmp.Equal(ids(s.Models()), []string{"acme/one:free", "acme/one"}),
	} {
		if got != true {
			t.Errorf("%s is not filled in", name)
		}
	}
}

func TestModelResolves(t *testing.T) {
	t.Parallel()
	s, err := catalog.New(small())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"acme/one":               "acme/one",
		"acme/one:free":          "acme/one:free",
		"acme/one-20260101":      "acme/one", // CT-08: variants share it, the plain one has it
		"acme/one-20260101:free": "acme/one:free",
		"acme/uno":               "acme/one", // SL-11
		"acme/uno:free":          "",
		"acme/one:nitro":         "", // dynamic variants are the caller's concern
		"acme/two":               "",
		"":                       "",
	} {
		m, ok := s.Model(name)
		if ok != (want != "") || ok && m.ID != want {
			t.Errorf("Model(%q) = %v, %v; want %q", name, m, ok, want)
		}
	}
}

func TestNewRejects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(d *catalog.Data)
		want   string
	}{
		{"no version", func(d *catalog.Data) { d.Version = "" }, `catalog: version: must not be empty`},
		{"provider slug", func(d *catalog.Data) { d.Providers[0].Slug = "Ac me" }, `catalog: provider "Ac me": slug: "Ac me" holds other than`},
		{"provider twice", func(d *catalog.Data) { d.Providers[1].Slug = "acme" }, `catalog: provider "acme": slug: listed twice`},
		{"provider name", func(d *catalog.Data) { d.Providers[0].Name = "" }, `catalog: provider "acme": name: must not be empty`},
		{"provider policy", func(d *catalog.Data) { d.Providers[0].Policy = catalog.DataPolicy{ZDR: true, Retains: true} }, `catalog: provider "acme": data_policy.zdr: cannot hold`},
		{"model id", func(d *catalog.Data) { d.Models[0].ID = "one" }, `catalog: model "one": id: "one" is not of the form author/slug`},
		{"model id with a tag", func(d *catalog.Data) { d.Models[0].ID = "acme/one@eu" }, `is not of the form author/slug`},
		{"model twice", func(d *catalog.Data) { d.Models[1].ID = "acme/one" }, `catalog: model "acme/one": id: listed twice`},
		{"model name", func(d *catalog.Data) { d.Models[0].Name = "" }, `catalog: model "acme/one": name: must not be empty`},
		{"canonical twice", func(d *catalog.Data) { d.Models[1].ID = "acme/two" }, `catalog: model "acme/one": canonical_slug: "acme/one-20260101" is that of "acme/two" already`},
		{"context", func(d *catalog.Data) { d.Models[0].ContextLength = -1 }, `catalog: model "acme/one": context_length: -1 is negative`},
		{"input modality", func(d *catalog.Data) { d.Models[0].InputModalities = []string{"pdf"} }, `catalog: model "acme/one": input_modalities: "pdf" is unknown`},
		{"output modality", func(d *catalog.Data) { d.Models[0].OutputModalities = []string{"file"} }, `catalog: model "acme/one": output_modalities: "file" is unknown`},
		{"cut-off", func(d *catalog.Data) { d.Models[0].KnowledgeCutoff = "2026-13-01" }, `catalog: model "acme/one": knowledge_cutoff: "2026-13-01" is not a date as YYYY-MM-DD`},
		{"default parameter", func(d *catalog.Data) { d.Models[0].DefaultParameters["temperature"] = `"hot"` }, `catalog: model "acme/one": default_parameters.temperature: "\"hot\"" is not a JSON number`},
		{"default effort", func(d *catalog.Data) { d.Models[0].Reasoning.DefaultEffort = "max" }, `reasoning.default_effort: "max" is not among`},
		{"unknown provider", func(d *catalog.Data) { first(d).Provider = "nobody" }, `catalog: model "acme/one": endpoint "nobody": provider: "nobody" is not in the catalogue`},
		{"another model", func(d *catalog.Data) { first(d).Model = "acme/two" }, `endpoint "acme": model: is "acme/two"`},
		{"tag of another", func(d *catalog.Data) { first(d).Tag = "acmeish" }, `endpoint "acmeish": tag: "acmeish" does not start with its provider "acme"`},
		{"tag twice", func(d *catalog.Data) { d.Models[0].Endpoints[1] = first(d) }, `endpoint "acme": tag: listed twice`},
		{"native", func(d *catalog.Data) { first(d).Native = "" }, `endpoint "acme": native: must not be empty`},
		{"quantization", func(d *catalog.Data) { first(d).Quantization = "fp7" }, `endpoint "acme": quantization: "fp7" is unknown`},
		{"completion tokens", func(d *catalog.Data) { first(d).MaxCompletionTokens = -5 }, `endpoint "acme": max_completion_tokens: -5 is negative`},
		{"timeout", func(d *catalog.Data) { first(d).Idle = -time.Second }, `endpoint "acme": timeouts.idle: -1000000000 is negative`},
		{"parameter", func(d *catalog.Data) { first(d).SupportedParameters = []string{"a b"} }, `endpoint "acme": supported_parameters: "a b" is not a parameter`},
		{"fixed body", func(d *catalog.Data) { first(d).Fixed.Body["mode"] = "a" }, `endpoint "acme": fixed.body.mode: "a" is not JSON`},
		{"endpoint policy", func(d *catalog.Data) { first(d).Policy = catalog.DataPolicy{Training: true, RetentionDays: 3} }, `endpoint "acme": data_policy.retention_days: is 3 although nothing is retained`},
		{"retention", func(d *catalog.Data) {
			first(d).Policy = catalog.DataPolicy{Retains: true, RetentionDays: -2}
		}, `endpoint "acme": data_policy.retention_days: -2 is neither`},
		{"price", func(d *catalog.Data) { first(d).Prices.Prompt.Text = "5e-6" }, `endpoint "acme": pricing.prompt: money: "5e-6" is not a plain decimal number`},
		{"negative price", func(d *catalog.Data) { first(d).Prices.CacheRead.Text = "-1" }, `endpoint "acme": pricing.input_cache_read: money: negative price "-1"`},
		{"no price", func(d *catalog.Data) { first(d).Prices = catalog.Prices{} }, `endpoint "acme": pricing: lists no price`},
		{"no prompt price", func(d *catalog.Data) { first(d).Prices.Prompt = catalog.Price{} }, `endpoint "acme": pricing.prompt: must not be empty`},
		{"no completion price", func(d *catalog.Data) { first(d).Prices.Completion = catalog.Price{} }, `endpoint "acme": pricing.completion: must not be empty`},
		{"routed with a price", func(d *catalog.Data) { first(d).Prices.Routed = true }, `endpoint "acme": pricing: lists prices although`},
		{"discount", func(d *catalog.Data) { first(d).Prices.Discount = "1" }, `endpoint "acme": pricing.discount: "1" is not a decimal fraction`},
		{"override without condition", func(d *catalog.Data) { first(d).Prices.Overrides[0].MinPromptTokens = 0 }, `endpoint "acme": pricing.overrides[0]: has no condition`},
		{"override from", func(d *catalog.Data) { first(d).Prices.Overrides[0].From = "0900" }, `pricing.overrides[0].from, .to: one is set without the other`},
		{"override time", func(d *catalog.Data) {
			first(d).Prices.Overrides[0].From, first(d).Prices.Overrides[0].To = "2500", "0900"
		}, `pricing.overrides[0]: "2500" is not a time of day as HHMM`},
		{"override price", func(d *catalog.Data) { first(d).Prices.Overrides[0].Prices.Prompt.Text = "x" }, `pricing.overrides[0].prompt: money: "x" is not`},
		{"override of override", func(d *catalog.Data) { first(d).Prices.Overrides[0].Prices.Routed = true }, `pricing.overrides[0]: may only list prices`},
		{"alias to nothing", func(d *catalog.Data) { d.Aliases["acme/uno"] = "acme/uno-2" }, `catalog: alias "acme/uno": "acme/uno-2" is not the id of a model`},
		{"alias is a model", func(d *catalog.Data) { d.Aliases["acme/one:free"] = "acme/one" }, `catalog: alias "acme/one:free": is the id of a model`},
		{"alias is canonical", func(d *catalog.Data) { d.Aliases["acme/one-20260101"] = "acme/one:free" }, `catalog: alias "acme/one-20260101": is the canonical slug of "acme/one"`},
		{"alias form", func(d *catalog.Data) { d.Aliases["uno"] = "acme/one" }, `catalog: alias "uno": "uno" is not of the form author/slug`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := small()
			c.change(&d)
			_, err := catalog.New(d)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New: %v\nwant %s", err, c.want)
			}
		})
	}
}

// What is done to the definition, before or after, reaches no snapshot.
func TestDataIsADeepCopy(t *testing.T) {
	t.Parallel()
	given := small()
	s, err := catalog.New(given)
	if err != nil {
		t.Fatal(err)
	}
	scribble(&given)
	if diff := cmp.Diff(small(), s.Data()); diff != "" {
		t.Errorf("the snapshot follows what it was made from:\n%s", diff)
	}
	copied := s.Data()
	scribble(&copied)
	if diff := cmp.Diff(small(), s.Data()); diff != "" {
		t.Errorf("the snapshot follows its copy:\n%s", diff)
	}
	m, _ := s.Model("acme/one")
	if m.Endpoints[0].Native != "one-0101" || m.Endpoints[0].Fixed.Body["mode"] != `"a"` || m.Endpoints[0].Prices.Overrides[0].MinPromptTokens != 200_000 {
		t.Errorf("the index follows the copy: %+v", m.Endpoints[0])
	}
}

// An overlay that states a provider's policy reaches the endpoints without one.
func TestOverlayReachesInheritedPolicies(t *testing.T) {
	t.Parallel()
	s, err := catalog.New(small())
	if err != nil {
		t.Fatal(err)
	}
	d := s.Data()
	d.Version = "v2"
	d.Providers[1].Policy = catalog.DataPolicy{ZDR: true, Known: true, Source: "the operator"}
	s, err = catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if e := endpoint(s, "acme/one@other/eu"); !e.Policy.ZDR || e.Prices.Version != "v2" {
		t.Errorf("got %+v at version %s", e.Policy, e.Prices.Version)
	}
}

func TestSnapshotIsSafeForConcurrentReaders(t *testing.T) {
	t.Parallel()
	s, err := catalog.New(small())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			models := s.Models()
			slices.Reverse(models) // the list is the reader's own
			if _, ok := s.Model("acme/uno"); !ok || s.Data().Version != "v1" || s.Models()[0].ID != "acme/one:free" {
				t.Error("a reader saw something else")
			}
		})
	}
	wg.Wait()
}

func TestDecodeNamesTheLine(t *testing.T) {
	t.Parallel()
	whole := map[string]string{
		"VERSION":         "v1\n",
		"providers.jsonl": `{"slug":"acme","name":"Acme"}` + "\n",
		"models.jsonl":    `{"id":"acme/one","name":"One","aliases":["acme/uno"]}` + "\n",
		"endpoints.jsonl": `{"model":"acme/one","provider":"acme","native":"one","pricing":{"prompt":"0","completion":"0"}}` + "\n",
	}
	for _, c := range []struct{ name, file, line, want string }{
		{"whole", "", "", ""},
		// The library words the beginning of its errors one way or another by chance.
		{"unknown member", "models.jsonl", `{"id":"acme/two","name":"Two","colour":"red"}`, `unknown object member name "colour"`},
		{"member twice", "models.jsonl", `{"id":"acme/two","id":"acme/two"}`, `models.jsonl:2: `},
		{"alias twice", "models.jsonl", `{"id":"acme/two","name":"Two","aliases":["acme/uno"]}`, `models.jsonl:2: alias "acme/uno" is that of "acme/one" already`},
		{"unknown model", "endpoints.jsonl", `{"model":"acme/two","provider":"acme","native":"two","pricing":{}}`, `endpoints.jsonl:2: model "acme/two" is not in models.jsonl`},
		{"cut off", "providers.jsonl", `{"slug":`, `providers.jsonl:2: `},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(whole)
			files[c.file] += c.line
			d, err := catalog.Decode(func(name string) ([]byte, error) { return []byte(files[name]), nil })
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				if _, err := catalog.New(d); err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("Decode: %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestVersionIsTheHashOfTheFiles(t *testing.T) {
	t.Parallel()
	hash := sha256.New()
	for _, name := range []string{"providers.jsonl", "models.jsonl", "endpoints.jsonl"} {
		data, err := os.ReadFile(filepath.Join("data", name))
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(data)
	}
	d, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if want := hex.EncodeToString(hash.Sum(nil))[:12]; !strings.HasSuffix(d.Version, "-"+want) {
		t.Errorf("version is %s, the files hash to %s: was one edited by hand?", d.Version, want)
	}
}

func first(d *catalog.Data) *catalog.Endpoint { return d.Models[0].Endpoints[0] }

func scribble(d *catalog.Data) {
	d.Providers[0].Datacenters[0] = "US"
	d.Providers[1].Name = "Nobody"
	d.Aliases["acme/dos"] = "acme/one"
	m := &d.Models[0]
	m.DefaultParameters["temperature"] = "2"
	m.Reasoning.Efforts[0] = "max"
	e := m.Endpoints[0]
	e.Native = "changed"
	e.SupportedParameters[0] = "changed"
	e.Fixed.Headers["x-mode"] = "b"
	e.Fixed.Body["mode"] = "1"
	e.Prices.Overrides[0].MinPromptTokens = 1
	m.Endpoints[1] = nil
}

func endpoint(s *catalog.Snapshot, id string) *catalog.Endpoint {
	e, _ := s.Endpoint(id)
	return e
}

func provider(s *catalog.Snapshot, slug string) *catalog.Provider {
	p, _ := s.Provider(slug)
	return p
}

func ids(list []*catalog.Model) (out []string) {
	for _, m := range list {
		out = append(out, m.ID)
	}
	return out
}

func slugs(list []*catalog.Provider) (out []string) {
	for _, p := range list {
		out = append(out, p.Slug)
	}
	return out
}
