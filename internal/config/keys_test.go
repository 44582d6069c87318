package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Several keys of one provider, and its limits.
func TestKeys(t *testing.T) {
	t.Parallel()
	const text = `discover: false
providers:
  vendor:
    timeouts: {attempt: 90s}
    api_keys:
      - {key: "${A}", label: team-a, weight: 3, rpm: 600, concurrency: 32}
      - key: k-b
        label: team-b
  acme: {base_url: "https://acme.example", api_keys: [{key: k-c, label: c}]}
  local: {base_url: "https://local.example"}
models: {a/b: {endpoints: [{provider: vendor, native: n, timeouts: {attempt: 7s}, pricing: {prompt: 0, completion: 0}}]}}
`
	c := mustParse(t, text, vars("A", "k-a", "VENDOR_KEY", "of-the-environment"))
	live, _, err := c.Providers(specs(), provider.Means{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]provider.Key{}
	for slug, l := range live {
		got[slug] = l.Keys
		if l.Keyless != (slug == "local") {
			t.Errorf("%s is keyless: %v", slug, l.Keyless)
		}
	}
	if diff := cmp.Diff(map[string][]provider.Key{
		"vendor": {{Label: "team-a", Secret: "k-a", Weight: 3, Rate: 600, Concurrency: 32}, {Label: "team-b", Secret: "k-b"}},
		"acme":   {{Label: "c", Secret: "k-c"}},
		"local":  nil,
	}, got); diff != "" {
		t.Error(diff)
	}
	m, _ := snapshot(t, c).Model("a/b")
	if live["vendor"].Attempt != 90*time.Second || m.Endpoints[0].Attempt != 7*time.Second {
		t.Errorf("attempts may take %v, %v", live["vendor"].Attempt, m.Endpoints[0].Attempt)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	t.Parallel()
	const key = "hunter2-not-a-key"
	for _, c := range []struct{ text, want string }{
		{"api_keys: []", "api_keys: must not be empty"},
		{"api_keys: " + key, "api_keys: must be a list"},
		{"api_keys: [" + key + "]", "api_keys[0]"},
		{"api_keys: [{key: " + key + "}]", "api_keys[0]: label: is missing"},
		{"api_keys: [{label: a}]", "api_keys[0]: key: is missing"},
		{"api_keys: [{label: a, key: \"${NOT_SET}\"}]", "api_keys[0].key: the variable NOT_SET is not set"},
		{"api_keys: [{label: a, key: " + key + "}, {label: a, key: other}]", `api_keys[1]: label: "a" is given twice`},
		{"api_keys: [{label: a, key: " + key + "}, {label: b, key: " + key + "}]", "api_keys[1]: key: is that of another label"},
		{"api_keys: [{label: Team A, key: " + key + "}]", "api_keys[0].label"},
		{"api_keys: [{label: " + strings.Repeat("a", 33) + ", key: " + key + "}]", "api_keys[0].label: is longer"},
		{"api_keys: [{label: a, key: " + key + ", weight: 0}]", "api_keys[0].weight"},
		{"api_keys: [{label: a, key: " + key + ", weight: 1001}]", "api_keys[0].weight: 1001 is more than 1000"},
		{"api_keys: [{label: a, key: " + key + ", rpm: -1}]", "api_keys[0].rpm"},
		{"api_keys: [{label: a, key: " + key + ", concurrency: many}]", "api_keys[0].concurrency"},
		{"api_keys: [{label: a, key: " + key + "}], api_key: other", "api_keys: cannot stand beside api_key"},
		{"api_keys: [{label: a, key: " + key + "}], auth: {type: aws, region: eu-west-1}", "api_keys: is not for auth of type: aws"},
	} {
		_, err := Parse("turnpike.yaml", []byte("providers: {vendor: {"+c.text+"}}\n"), none)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.text, err)
		}
		if err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("%s: shown in %v", c.text, err)
		}
	}
}
