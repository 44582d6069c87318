package config

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

func usd(t *testing.T, text string) catalog.Price {
	t.Helper()
	p, err := catalog.ParsePrice(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// small is a built-in catalogue of one provider and one model.
func small(t *testing.T) catalog.Data {
	t.Helper()
	return catalog.Data{
		Version: "v1",
		Providers: []catalog.Provider{
			{Slug: "azure", Name: "Azure"},
			{
				Slug: "vendor", Name: "Vendor", StatusPageURL: "https://status.vendor.example",
				Policy: catalog.DataPolicy{Known: true, ZDR: true, Source: "built in"},
			},
		},
		Models: []catalog.Model{{
			ID: "vendor/big", Name: "Vendor: Big", Description: "old", ContextLength: 1000, InputModalities: []string{"text", "image"},
			Endpoints: []*catalog.Endpoint{
				{
					Provider: "vendor", Native: "big", SupportedParameters: []string{"stop"},
					Prices: catalog.Prices{Prompt: usd(t, "0.1"), Completion: usd(t, "0.2")},
				},
				{
					Provider: "azure", Native: "big", BaseURL: "https://${AZURE_RESOURCE_NAME}.services.example/v1",
					Prices: catalog.Prices{Prompt: usd(t, "0.1"), Completion: usd(t, "0.2")},
				},
			},
		}},
		Aliases: map[string]string{"vendor/old": "vendor/big"},
	}
}

func snapshot(t *testing.T, c *Config, also ...catalog.Data) *catalog.Snapshot {
	t.Helper()
	d, err := c.Catalogue(small(t), also...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const acme = `providers:
  acme:
    name: Acme Cloud
    dialect: chat
    base_url: https://API.acme.example/v1/
    api_key: pre-${ACME_API_KEY}-post
    data_policy: {training: false, retention_days: 0, zdr: true, region: eu}
    auth: {type: header, name: api-key}
    privacy_policy_url: https://acme.example/privacy
    timeouts: {first_byte: 7s, idle: 8s}
models:
  acme/fast-1:
    name: "Acme: Fast 1"
    description: Quick.
    created: 2025-01-02
    tokenizer: GPT
    knowledge_cutoff: 2024-10-01
    context_length: 128000
    input_modalities: [text, image]
    output_modalities: [text]
    endpoints:
      - provider: acme
        native: fast-1-0613
        tag: acme/eu-west
        tier: flex
        max_completion_tokens: 8192
        quantization: fp8
        supported_parameters: [tools, max_tokens]
        pricing:
          prompt: "0.0000010"
          completion: 0.000002
          input_cache_read: "0.0000001"
          overrides: [{min_prompt_tokens: 200000, prompt: "0.000002"}]
      - provider: vendor
        native: fast-1
        dialect: messages
        base_url: http://10.0.0.9:8080/v1
        context_length: 64000
        data_policy: {retention_days: 30}
        timeouts: {first_byte: 3s}
        pricing: {prompt: "0", completion: "0"}
`

func TestOverlayAdds(t *testing.T) {
	t.Parallel()
	c := mustParse(t, acme, vars("ACME_API_KEY", "k"))
	s := snapshot(t, c)
	p, _ := s.Provider("acme")
	zdr := vouched(catalog.DataPolicy{ZDR: true, Region: "eu"}, "turnpike.yaml:7", catalog.FactTraining, catalog.FactRetention, catalog.FactPublication, catalog.FactZDR, catalog.FactRegion)
	if diff := cmp.Diff(&catalog.Provider{Slug: "acme", Name: "Acme Cloud", PrivacyPolicyURL: "https://acme.example/privacy", Policy: zdr}, p); diff != "" {
		t.Error(diff)
	}
	m, ok := s.Model("acme/fast-1")
	if !ok {
		t.Fatal("no model")
	}
	m0 := *m
	m0.Endpoints = nil
	if diff := cmp.Diff(catalog.Model{
		ID: "acme/fast-1", CanonicalSlug: "acme/fast-1", Name: "Acme: Fast 1", Description: "Quick.", Created: 1735776000,
		ContextLength: 128000, InputModalities: []string{"text", "image"}, OutputModalities: []string{"text"},
		Tokenizer: "GPT", KnowledgeCutoff: "2024-10-01", SupportedParameters: m.SupportedParameters,
	}, m0); diff != "" {
		t.Error(diff)
	}
	if len(m.Endpoints) != 2 {
		t.Fatal(m.Endpoints)
	}
	version := s.Version()
	if diff := cmp.Diff(catalog.Endpoint{
		ID: "acme/fast-1@acme/eu-west", Model: "acme/fast-1", Provider: "acme", Tag: "acme/eu-west", Native: "fast-1-0613",
		ContextLength: 128000, MaxCompletionTokens: 8192, Quantization: "fp8", Tier: "flex",
		Parameters: map[string]bool{"tools": true, "max_tokens": true}, SupportedParameters: []string{"max_tokens", "tools"},
		InputModalities: []string{"text", "image"},
		Prices: catalog.Prices{
			Prompt: usd(t, "0.0000010"), Completion: usd(t, "0.000002"), CacheRead: usd(t, "0.0000001"), Version: version,
			Overrides: []catalog.Override{{MinPromptTokens: 200000, Prices: catalog.Prices{Prompt: usd(t, "0.000002"), Version: version}}},
		},
		Policy: zdr,
	}, *m.Endpoints[0]); diff != "" {
		t.Error(diff)
	}
	second := *m.Endpoints[1]
	// Thirty days end the zero retention that the provider would have had.
	want := vouched(catalog.DataPolicy{Retains: true, RetentionDays: 30}, "turnpike.yaml:39", catalog.FactRetention, catalog.FactZDR)
	want.Evidence[catalog.FactTraining].Source, want.Evidence[catalog.FactPublication].Source = "built in", "built in"
	if diff := cmp.Diff(want, second.Policy); diff != "" {
		t.Error(diff)
	}
	if second.Dialect != "messages" || second.BaseURL != "http://10.0.0.9:8080/v1" || second.ContextLength != 64000 || second.FirstByte != 3*time.Second {
		t.Errorf("%+v", second)
	}
	if !second.Parameters["tools"] || !second.Parameters["max_tokens"] {
		t.Errorf("unlisted parameters: %v", second.SupportedParameters)
	}
}

func TestOverlayMerges(t *testing.T) {
	t.Parallel()
	s := snapshot(t, mustParse(t, `providers:
  vendor: {data_policy: {training: true}}
models:
  vendor/big: {description: new, input_modalities: [text]}
`, vars("AZURE_RESOURCE_NAME", "mine")))
	p, _ := s.Provider("vendor")
	if p.Name != "Vendor" || p.StatusPageURL == "" || !p.Policy.Training || p.Policy.ZDR || p.Policy.Source != "turnpike.yaml:2" {
		t.Errorf("%+v", p)
	}
	m, _ := s.Model("vendor/old")
	if m.Name != "Vendor: Big" || m.Description != "new" || len(m.InputModalities) != 1 || m.ContextLength != 1000 || len(m.Endpoints) != 2 {
		t.Errorf("%+v", m)
	}
	if e := m.Endpoints[0]; !e.Policy.Training || e.Policy.ZDR {
		t.Errorf("the policy did not reach its endpoint: %+v", e.Policy)
	}
	if got := m.Endpoints[1].BaseURL; got != "https://mine.services.example/v1" {
		t.Errorf("base URL %q", got)
	}

	s = snapshot(t, mustParse(t, `models:
  vendor/big:
    endpoints: [{provider: vendor, native: x, pricing: {prompt: "1", completion: "2"}}]
`, none))
	m, _ = s.Model("vendor/big")
	if len(m.Endpoints) != 1 || m.Endpoints[0].Native != "x" || m.Endpoints[0].Prices.Prompt.Text != "1" {
		t.Errorf("lists are replaced: %+v", m.Endpoints)
	}
	if e := m.Endpoints[0]; e.ContextLength != 1000 {
		t.Errorf("context %d", e.ContextLength)
	}
}

func TestOverlayLeavesBuiltinAlone(t *testing.T) {
	t.Parallel()
	before := small(t)
	if _, err := mustParse(t, "models: {vendor/big: {description: new, endpoints: []}}\n", vars("AZURE_RESOURCE_NAME", "mine")).Catalogue(before); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(small(t), before); diff != "" {
		t.Error(diff)
	}
}

func TestBuiltinFalse(t *testing.T) {
	t.Parallel()
	sim := catalog.Data{
		Providers: []catalog.Provider{{Slug: "sim", Name: "Sim"}},
		Models: []catalog.Model{{ID: "sim/echo", Name: "Echo", Endpoints: []*catalog.Endpoint{
			{Provider: "sim", Native: "echo", Prices: catalog.Prices{Prompt: usd(t, "1"), Completion: usd(t, "2")}},
		}}},
	}
	s := snapshot(t, mustParse(t, `catalog: {builtin: false}
models:
  x/y: {endpoints: [{provider: vendor, native: y, pricing: {prompt: "0", completion: "0"}}]}
`, none), sim)
	var models, providers []string
	for _, m := range s.Models() {
		models = append(models, m.ID)
	}
	for _, p := range s.Providers() {
		providers = append(providers, p.Slug)
	}
	if diff := cmp.Diff([][]string{{"sim/echo", "x/y"}, {"sim", "vendor"}}, [][]string{models, providers}); diff != "" {
		t.Error(diff)
	}
}

func TestLocalServers(t *testing.T) {
	t.Parallel()
	found := catalog.Data{
		Providers: []catalog.Provider{{Slug: "ollama", Name: "Ollama", Policy: catalog.DataPolicy{ZDR: true}.Assert(catalog.Evidence{Source: "found"})}},
		Models: []catalog.Model{
			{ID: "ollama/llama3.2", Name: "Llama", Endpoints: []*catalog.Endpoint{
				{Provider: "ollama", Native: "llama3.2:latest", Prices: catalog.Prices{Prompt: usd(t, "0"), Completion: usd(t, "0")}},
			}},
			{ID: "vendor/big", Name: "an impostor"},
			{ID: "vendor/old", Name: "an impostor"},
		},
		Aliases: map[string]string{"ollama/llama3.2:latest": "ollama/llama3.2", "vendor/old": "ollama/llama3.2"},
	}
	s := snapshot(t, mustParse(t, "", none), found)
	if m, ok := s.Model("ollama/llama3.2:latest"); !ok || m.ID != "ollama/llama3.2" || !m.Endpoints[0].Policy.ZDR {
		t.Errorf("found %+v", m)
	}
	if m, _ := s.Model("vendor/old"); m.ID != "vendor/big" || m.Name != "Vendor: Big" {
		t.Errorf("what is there was changed: %+v", m)
	}

	const mine = "models: {a/b: {endpoints: [{provider: vllm, native: n, pricing: {prompt: 0, completion: 0}}]}}\n"
	m, _ := snapshot(t, mustParse(t, "discover: false\n"+mine, none)).Model("a/b")
	if p := m.Endpoints[0].Policy; !p.ZDR {
		t.Errorf("a server on this machine: %+v", p)
	}
	m, _ = snapshot(t, mustParse(t, "providers: {vllm: {base_url: \"http://gpu.lan:8000/v1\"}}\n"+mine, none)).Model("a/b")
	if p := m.Endpoints[0].Policy; !cmp.Equal(p, catalog.Unknown()) {
		t.Errorf("a server elsewhere: %+v", p)
	}
	m, _ = snapshot(t, mustParse(t, "providers: {vllm: {base_url: \"http://[::1]:8001/v1\"}}\n"+mine, none)).Model("a/b")
	if p := m.Endpoints[0].Policy; !p.ZDR {
		t.Errorf("another port of this machine: %+v", p)
	}
}

// A charge pins the version of a price, so what changes a price changes the
// version, and nothing else does (I9).
func TestVersion(t *testing.T) {
	t.Parallel()
	version := func(text string) string {
		return snapshot(t, mustParse(t, text, vars("K", "v", "AZURE_RESOURCE_NAME", "mine"))).Version()
	}
	priced := func(prompt string) string {
		return "models: {x/y: {endpoints: [{provider: vendor, native: y, pricing: {prompt: " + prompt + ", completion: 0}}]}}\n"
	}
	plain, one := version(""), version(priced("1"))
	if plain != "v1" {
		t.Errorf("without a file: %s", plain)
	}
	for _, same := range []string{"providers: {vendor: {api_key: \"${K}\", timeouts: {idle: 1s}}}\n", "sim: false\n"} {
		if got := version(same); got != "v1" {
			t.Errorf("%q makes it %s", same, got)
		}
	}
	seen := map[string]string{plain: "", one: priced("1")}
	for _, other := range []string{
		priced("2"),
		"models: {vendor/big: {context_length: 7}}\n",
		"providers: {vendor: {data_policy: {region: eu}}}\n",
		"catalog: {builtin: false}\n",
	} {
		got := version(other)
		if before, ok := seen[got]; ok {
			t.Errorf("%q and %q are both %s", other, before, got)
		}
		seen[got] = other
		if again := version(other); again != got {
			t.Errorf("%q is %s, then %s", other, got, again)
		}
	}
}

func TestCatalogueErrors(t *testing.T) {
	t.Parallel()
	c := mustParse(t, `providers:
  nobody: {name: Nobody}
  Acme: {base_url: "https://acme.example"}
models:
  a/b:
    endpoints:
      - {provider: vendro, native: n, pricing: {prompt: "0", completion: "0"}}
  c/d: {name: D}
  e/f:
    endpoints:
      - {provider: vendor, native: n, pricing: {prompt: "0", completion: "0"}}
      - {provider: vendor, native: m, pricing: {prompt: "0", completion: "0"}}
  g:
    endpoints: []
  h/i:
    endpoints:
      - {provider: vendor, native: n, pricing: {prompt: "1"}}
`, none)
	_, err := c.Catalogue(small(t))
	want := `turnpike.yaml:2:3: providers.nobody: base_url: is missing: "nobody" is no built-in provider
      nobody: {name: Nobody}
      ^
turnpike.yaml:3:3: providers."Acme": slug: "Acme" holds other than lower case letters, digits, dots and dashes
      Acme: {base_url: "https://acme.example"}
      ^
turnpike.yaml:7:20: models."a/b".endpoints[0].provider: "vendro" is neither a built-in provider nor one of this file
          - {provider: vendro, native: n, pricing: {prompt: "0", completion: "0"}}
                       ^
turnpike.yaml:8:3: models."c/d": endpoints: is missing: "c/d" is no built-in model
      c/d: {name: D}
      ^
turnpike.yaml:9:3: models."e/f": endpoint "vendor": tag: listed twice; give one of the two a suffix
      e/f:
      ^
turnpike.yaml:13:3: models.g: id: "g" is not of the form author/slug
      g:
      ^
turnpike.yaml:15:3: models."h/i": endpoint "vendor": pricing.completion: must not be empty for a model that writes text
      h/i:
      ^`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func specs() []provider.Spec {
	return []provider.Spec{
		{Slug: "vendor", Env: []string{"VENDOR_KEY", "OTHER_VENDOR_KEY"}, BaseURL: "https://api.vendor.example/v1", Default: llm.Chat, Auth: provider.Bearer{}},
		{Slug: "azure", Env: []string{"AZURE_API_KEY"}, BaseURL: "https://${AZURE_RESOURCE_NAME}.example/v1", Default: llm.Chat, Auth: provider.Bearer{}},
		{Slug: "ollama", Keyless: true, Local: true, BaseURL: "http://127.0.0.1:11434/v1", Default: llm.Chat, Auth: provider.Bearer{}},
	}
}

func TestProviders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		env        []string
		live       map[string]string // slug -> base URL, key
		named      []string
	}{
		{"nothing", "discover: false\n", nil, map[string]string{}, nil},
		{"discovery", "", nil, map[string]string{"ollama": "http://127.0.0.1:11434/v1 "}, []string{"127.0.0.1:11434"}},
		{"a local server that is named", "discover: false\nproviders: {ollama: {base_url: \"http://gpu.lan:1/v1\"}}\n", nil, map[string]string{"ollama": "http://gpu.lan:1/v1 "}, []string{"gpu.lan:1"}},
		{"a local server that a model names", "discover: false\nmodels: {a/b: {endpoints: [{provider: ollama, native: n, pricing: {prompt: 0, completion: 0}}]}}\n", nil, map[string]string{"ollama": "http://127.0.0.1:11434/v1 "}, []string{"127.0.0.1:11434"}},
		{"variable", "discover: false\n", []string{"VENDOR_KEY", "k1", "OTHER_VENDOR_KEY", "k2"}, map[string]string{"vendor": "https://api.vendor.example/v1 k1"}, nil},
		{"second variable", "discover: false\n", []string{"OTHER_VENDOR_KEY", "k2"}, map[string]string{"vendor": "https://api.vendor.example/v1 k2"}, nil},
		{"the file before the variable", "discover: false\nproviders: {vendor: {api_key: k0}}\n", []string{"VENDOR_KEY", "k1"}, map[string]string{"vendor": "https://api.vendor.example/v1 k0"}, nil},
		{"base URL of the file", "discover: false\nproviders: {vendor: {base_url: \"https://proxy.lan/v1\"}}\n", []string{"VENDOR_KEY", "k1"}, map[string]string{"vendor": "https://proxy.lan/v1 k1"}, []string{"proxy.lan:443"}},
		{"a resource that is not set", "discover: false\n", []string{"AZURE_API_KEY", "k"}, map[string]string{}, nil},
		{"a resource", "discover: false\n", []string{"AZURE_API_KEY", "k", "AZURE_RESOURCE_NAME", "mine"}, map[string]string{"azure": "https://mine.example/v1 k"}, nil},
		{"a resource that would move the host", "discover: false\n", []string{"AZURE_API_KEY", "k", "AZURE_RESOURCE_NAME", "evil.example/"}, map[string]string{}, nil},
		{"the file's own", "discover: false\nproviders: {acme: {base_url: \"http://10.0.0.5/v1\"}, b: {base_url: \"https://B.example\", api_key: k}}\n", nil, map[string]string{"acme": "http://10.0.0.5/v1 ", "b": "https://B.example k"}, []string{"10.0.0.5:80", "b.example:443"}},
		{"an endpoint's own base URL", "discover: false\nmodels: {a/b: {endpoints: [{provider: vendor, base_url: \"http://[::1]:81/v1\", native: n, pricing: {prompt: 0, completion: 0}}]}}\n", nil, map[string]string{}, []string{"[::1]:81"}},
		{"a policy is no connection", "discover: false\nproviders: {bedrock: {data_policy: {training: false}}}\n", nil, map[string]string{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			live, named, err := mustParse(t, c.text, vars(c.env...)).Providers(specs(), provider.Means{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for slug, l := range live {
				got[slug] = l.BaseURL + " "
				for _, k := range l.Keys {
					got[slug] += k.Secret
				}
				if l.Slug != slug || l.Speaks[l.Default] == nil || l.Auth == nil {
					t.Errorf("%s cannot be asked: %+v", slug, l)
				}
			}
			if diff := cmp.Diff(c.live, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.named, named); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProviderEntryOverSpec(t *testing.T) {
	t.Parallel()
	all := specs()
	live, _, err := mustParse(t, `providers:
  vendor: {api_key: k, auth: {type: header, name: x-key}, dialect: messages, timeouts: {idle: 2s}}
models: {a/b: {endpoints: [{provider: vendor, dialect: gemini, native: n, pricing: {prompt: 0, completion: 0}}]}}
`, none).Providers(all, provider.Means{})
	if err != nil {
		t.Fatal(err)
	}
	v := live["vendor"]
	if v.Default != llm.Messages || v.Auth != (provider.Header{Name: "X-Key"}) || v.Idle != 2*time.Second || v.FirstByte != 0 {
		t.Errorf("%+v", v)
	}
	for _, d := range []llm.Dialect{llm.Messages, llm.Gemini} {
		if u := v.Speaks[d]; u == nil || u.Name() != d {
			t.Errorf("does not speak %s", d)
		}
	}
	if all[0].Speaks != nil {
		t.Error("the spec was written to")
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://x.example", http.NoBody)
	v.Auth.Sign(req, v.Keys[0].Secret)
	if req.Header.Get("X-Key") != "k" || req.Header.Get("Authorization") != "" {
		t.Errorf("%v", req.Header)
	}
}

func TestLocalServersAskedWhereTheyAre(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "providers: {ollama: {base_url: \"http://127.0.0.1:7/v1\", api_key: k}}\n", none)
	live, _, err := c.Providers(specs(), provider.Means{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range c.LocalServers(live) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.BaseURL, http.NoBody)
		if s.Sign != nil {
			s.Sign(req)
		}
		got[s.Slug] = s.BaseURL + " " + req.Header.Get("Authorization")
	}
	if diff := cmp.Diff(map[string]string{
		"ollama": "http://127.0.0.1:7/v1 Bearer k", "lmstudio": "http://127.0.0.1:1234/v1 ", "vllm": "http://127.0.0.1:8000/v1 ",
	}, got); diff != "" {
		t.Error(diff)
	}
	if s := mustParse(t, "discover: false\n", none).LocalServers(live); len(s) != 0 {
		t.Errorf("discovery is off: %v", s)
	}
}

// A provider that the code knows can be named though the catalogue has nothing
// of it.
func TestSpecWithoutCatalogue(t *testing.T) {
	t.Parallel()
	s := snapshot(t, mustParse(t, `providers: {hyperbolic: {api_key: k}}
models:
  a/b: {endpoints: [{provider: sambanova, native: n, pricing: {prompt: 0, completion: 0}}]}
`, none))
	m, _ := s.Model("a/b")
	if e := m.Endpoints[0]; !cmp.Equal(e.Policy, catalog.Unknown()) {
		t.Errorf("%+v", e)
	}
	for _, slug := range []string{"hyperbolic", "sambanova"} {
		if _, ok := s.Provider(slug); !ok {
			t.Errorf("no provider %s", slug)
		}
	}
	if _, ok := s.Provider("groq"); ok {
		t.Error("a provider that nobody names was added")
	}
}

func TestProvidersErrors(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "providers:\n  acme:\n    api_key: k\n  azure:\n    api_key: k\n", none)
	_, _, err := c.Providers(specs(), provider.Means{})
	want := `turnpike.yaml:4:3: providers.azure: base_url: is missing: the variable AZURE_RESOURCE_NAME is not set
      azure:
      ^
turnpike.yaml:2:3: providers.acme: base_url: is missing: this build does not know where "acme" is
      acme:
      ^`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// The real things together: an empty file changes nothing of the built-in
// catalogue, and with every variable set every provider can be asked.
func TestBuiltinCatalogueAndProviders(t *testing.T) {
	t.Parallel()
	builtin, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	c := mustParse(t, "", func(name string) string {
		if strings.HasPrefix(name, "TURNPIKE_") {
			return ""
		}
		return "set"
	})
	d, err := c.Catalogue(builtin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if s.Version() != builtin.Version || len(s.Models()) != len(builtin.Models) || len(s.Providers()) != len(builtin.Providers) {
		t.Errorf("%s with %d models and %d providers", s.Version(), len(s.Models()), len(s.Providers()))
	}
	live, named, err := c.Providers(provider.All(), provider.Means{})
	if err != nil || len(live) != len(provider.All()) {
		t.Errorf("%d providers are live: %v", len(live), err)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:11434", "127.0.0.1:1234", "127.0.0.1:8000"}, named); diff != "" {
		t.Error(diff)
	}
	for _, m := range s.Models() {
		for _, e := range m.Endpoints {
			if strings.Contains(e.BaseURL, "${") {
				t.Errorf("%s: %s", e.ID, e.BaseURL)
			}
		}
	}
}
