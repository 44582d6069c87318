package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

const able = `
providers: {acme: {base_url: "https://acme.example/v1"}}
models:
  acme/one:
    expiration_date: 2027-01-31
    coding_score: 0.75
    hidden: true
    distillable: true
    reasoning: {mandatory: true, supported_efforts: [high, low], default_effort: low, default_enabled: true, supports_max_tokens: true}
    endpoints: [{provider: acme, native: one, pricing: {prompt: "0", completion: "0"}}]
`

// What routers, aliases and efforts go by can be said of a model.
func TestAbilities(t *testing.T) {
	t.Parallel()
	m, ok := snapshot(t, mustParse(t, able, vars())).Model("acme/one")
	if !ok {
		t.Fatal("no model")
	}
	if m.ExpirationDate != "2027-01-31" || m.CodingScore != 0.75 || !m.Hidden || !m.Distillable {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff(&catalog.ReasoningAbility{Mandatory: true, Efforts: []string{"high", "low"}, DefaultEffort: "low", DefaultEnabled: true, SupportsMaxTokens: true}, m.Reasoning); diff != "" {
		t.Error(diff)
	}
	for good, bad := range map[string]string{
		"coding_score: 0.75": "coding_score: 1.5", "expiration_date: 2027-01-31": "expiration_date: soon", "hidden: true": "hidden: perhaps",
		"default_effort: low": "default_effort: little", "[high, low]": "[high, huge]", "coding_score: 0.75 ": "coding_score: NaN",
	} {
		if _, err := Parse("turnpike.yaml", []byte(strings.Replace(able, strings.TrimSpace(good), bad, 1)), vars()); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
