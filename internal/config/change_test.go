package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

func TestChange(t *testing.T) {
	t.Parallel()
	base, err := catalog.New(small(t))
	if err != nil {
		t.Fatal(err)
	}
	m := base.Models()[0]
	e := m.Endpoints[0]
	ch, err := ParseChange("change.yaml", []byte(`
providers:
  `+e.Provider+`: {enabled: false}
  acme: {base_url: "https://api.acme.example/v1", data_policy: {zdr: true}}
models:
  acme/new: {endpoints: [{provider: acme, native: n, pricing: {prompt: "0.000001", completion: "0.000002"}}, {provider: acme, tag: acme/eu, native: n, pricing: {prompt: "0", completion: "0"}}]}
prices:
  `+e.ID+`: {prompt: "0.5"}
policy: {zdr: true, deny_training: true, only: [acme], ignore: [Acme/EU], max_price: {prompt: "3", completion: "15.5"}}
`), none)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]bool{e.Provider: false, "acme": true}, ch.Enabled); d != "" {
		t.Error(d)
	}
	if !ch.ZDR || !ch.NoTraining || ch.Only[0] != "acme" || ch.Ignore[0] != "Acme/EU" || *ch.MaxPrompt != 3_000_000 || *ch.MaxCompletion != 15_500_000 {
		t.Errorf("%+v", ch)
	}
	d, err := ch.Apply(base.Data())
	if err != nil {
		t.Fatal(err)
	}
	snap, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if snap.Version() == base.Version() {
		t.Error("a changed catalogue has the name of the unchanged one")
	}
	got, _ := snap.Endpoint(e.ID)
	if got.Prices.Prompt.Text != "0.5" || got.Prices.Completion != e.Prices.Completion {
		t.Errorf("%+v", got.Prices)
	}
	if n, ok := snap.Endpoint("acme/new@acme"); !ok || !n.Policy.ZDR {
		t.Error("the new endpoint is not there as it was said")
	}
	if was, _ := base.Endpoint(e.ID); was.Prices.Prompt.Text == "0.5" {
		t.Error("the base was written to")
	}
	if err := ch.Unknown(snap); err != nil {
		t.Error(err)
	}
}

// A change of nothing leaves all as it was, name and all.
func TestChangeOfNothing(t *testing.T) {
	t.Parallel()
	ch, err := ParseChange("change.yaml", nil, none)
	if err != nil {
		t.Fatal(err)
	}
	base, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	d, err := ch.Apply(base)
	if err != nil {
		t.Fatal(err)
	}
	was, err := catalog.New(base)
	if err != nil {
		t.Fatal(err)
	}
	is, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if is.Version() != was.Version() || !cmp.Equal(was.Models(), is.Models()) {
		t.Error("the catalogue is another one")
	}
}

func TestChangeErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"polcy: {}":                             "change.yaml:1:1: polcy: unknown key; known here: models, policy, prices, providers",
		"listen: :1":                            "listen: unknown key",
		"policy: {zdr: maybe}":                  "policy.zdr: ",
		"policy: {max_price: {prompt: much}}":   "policy.max_price.prompt: \"much\" is not a decimal",
		"policy: {max_price: {request: \"1\"}}": "policy.max_price.request: unknown key",
		"prices: {x/y@z: {promt: \"1\"}}":       "promt: unknown key",
		"prices: {x/y@z: {prompt: \"-1\"}}":     "prompt: ",
		"providers: {groq: {enabled: perhaps}}": "providers.groq.enabled: ",
	} {
		if _, err := ParseChange("change.yaml", []byte(text), none); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	ch, err := ParseChange("change.yaml", []byte("prices: {x/y@z: {prompt: \"1\"}}"), none)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := catalog.New(small(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Unknown(snap); err == nil || !strings.Contains(err.Error(), `change.yaml:1:10: prices."x/y@z": the catalogue has no endpoint`) {
		t.Errorf("%v", err)
	}
	e := snap.Models()[0].Endpoints[0]
	ch, err = ParseChange("change.yaml", []byte("policy: {only: ["+strings.ToUpper(e.Provider)+"], ignore: ["+e.Tag+", gud]}"), none)
	if err != nil {
		t.Fatal(err)
	}
	const want = `policy.ignore: "gud" is neither a provider of the catalogue nor an endpoint's tag`
	if err := ch.Unknown(snap); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "policy.only") {
		t.Errorf("%v", err)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0": 0, "30d": 720 * time.Hour, "12h": 12 * time.Hour} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1.5d", "36501d", "0d", "99999999999999999999d", "soon"} {
		if got, err := ParseAge(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// Where sim listens is no part of a catalogue's version, so that a decision finds its
// catalogue after a restart.
func TestVersionWithoutPorts(t *testing.T) {
	t.Parallel()
	version := func(port string) string {
		d := small(t)
		sim := catalog.Data{Providers: d.Providers[:1], Models: []catalog.Model{{ID: "sim/x", Endpoints: []*catalog.Endpoint{{
			Provider: d.Providers[0].Slug, Native: "n", BaseURL: "http://127.0.0.1:" + port,
		}}}}}
		got, err := mustParse(t, "", none).Catalogue(d, sim)
		if err != nil {
			t.Fatal(err)
		}
		return got.Version
	}
	if a, b := version("1"), version("2"); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func FuzzParseChange(f *testing.F) {
	f.Add("providers: {groq: {enabled: false}}\nprices: {x/y@z: {prompt: \"1\"}}\npolicy: {zdr: true, only: [a], max_price: {prompt: \"3\"}}")
	f.Add("models: {a/b: {endpoints: [{provider: groq, native: n, pricing: {prompt: \"0\", completion: \"0\"}}]}}")
	base, err := catalog.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	base.Models = base.Models[:3]
	f.Fuzz(func(_ *testing.T, text string) {
		ch, err := ParseChange("change.yaml", []byte(text), none)
		if err != nil {
			return
		}
		if d, err := ch.Apply(base); err == nil {
			_, _ = catalog.New(d)
		}
	})
}
