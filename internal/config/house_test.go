package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string { return map[string]string{"KEY": "k-1"}[name] }
	p, err := ParsePolicy("policy.yaml", []byte(`
everyone: {zdr: [openai, xai], training: {paid: false, free: true}, data_collection: deny, ignored_models: [a/*, b/c]}
classes:
  - {name: public}
  - {name: pii, description: people, training: false, publication: {free: false}, max_retention_days: 0, regions: [eu, ch], subprocessors: none,
     verified: true, zdr: true, allowed_models: [b/*], allowed_providers: [azure], ignored_providers: [azure/us], cache: false, logging: false, fetch: false}
  - {name: secret, training: true, cache: true, zdr: false, subprocessors: [Acme]}
default_class: public
detectors:
  - {name: classifier, url: "http://127.0.0.1:9/classify", api_key: "${KEY}", timeout: 500ms, required: false, classes: {sensitive: pii}, data_policy: {zdr: true, region: eu}}
  - {name: patterns, builtins: [email], patterns: ['falcon'], raises: secret}
moderation: {url: "https://m.example/v1"}
filters: [{slug: ssn, action: redact, reversible: true}, {pattern: x+, action: block, label: L, scope: both}]
`), getenv)
	if err != nil {
		t.Fatal(err)
	}
	h := p.House
	if len(h.Version) != 12 {
		t.Errorf("version %q", h.Version)
	}
	zero := 0
	wantTerms := policy.Terms{ZDR: policy.OpenAI | policy.XAI, NoTraining: policy.Paid, NoCollection: true, IgnoredModels: []string{"a/*", "b/c"}}
	wantClasses := []policy.Class{
		{Name: "public"},
		{Name: "pii", Description: "people", Terms: policy.Terms{
			ZDR: policy.AllGroups, NoTraining: policy.Both, NoPublication: policy.Free, MaxRetention: &zero, Regions: []string{"eu", "ch"},
			Subprocessors: []string{policy.Nobody}, Verified: true, AllowedModels: []string{"b/*"}, AllowedProviders: []string{"azure"},
			IgnoredProviders: []string{"azure/us"}, NoCache: true, NoLogging: true, NoFetch: true,
		}},
		{Name: "secret", Terms: policy.Terms{Subprocessors: []string{"Acme"}}},
	}
	if d := cmp.Diff(wantTerms, h.Terms); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(wantClasses, h.Classes); d != "" {
		t.Error(d)
	}
	if h.Default != "public" {
		t.Error(h.Default)
	}
	if len(h.Detectors) != 2 || h.Detectors[0].Finds == nil || h.Detectors[0].Raises != "secret" { // those that ask nobody come first
		t.Fatalf("%+v", h.Detectors)
	}
	s := h.Detectors[1].Service
	if s == nil || s.URL != "http://127.0.0.1:9/classify" || s.Key != "k-1" || s.Timeout != 500*time.Millisecond || s.Required || s.Classes["sensitive"] != "pii" || !s.Policy.ZDR || !s.Policy.Verified(catalog.FactRegion, time.Now()) {
		t.Errorf("%+v", s)
	}
	if m := h.Moderation; m == nil || !m.Required || m.Timeout != 2*time.Second {
		t.Errorf("%+v", h.Moderation)
	}
	if d := cmp.Diff([]string{"127.0.0.1:9", "m.example:443"}, p.Hosts()); d != "" {
		t.Error(d)
	}
	own := filter.Origin{Scope: "operator"}
	want := []filter.Entry{
		{Slug: filter.SSN, Action: filter.Redact, Reversible: true, From: own},
		{Pattern: "x+", Action: filter.Block, Label: "L", Scope: filter.Both, From: own},
	}
	if d := cmp.Diff(want, h.Filters); d != "" {
		t.Error(d)
	}
}

func TestPolicyOfNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n"} {
		p, err := ParsePolicy("policy.yaml", []byte(text), none)
		if err != nil || !p.House.Terms.Empty() || p.House.Classes != nil || p.House.Version == "" {
			t.Errorf("%q: %v, %+v", text, err, p)
		}
	}
}

// Everything that is wrong is told at once, with where it is.
func TestParsePolicy_Errors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{"everone: {}", "policy.yaml:1:1: everone: unknown key; known here: classes"},
		{"everyone: {zrd: true}", "policy.yaml:1:12: everyone.zrd: unknown key"},
		{"everyone: {zdr: [meta]}", `everyone.zdr[0]: "meta" is none of`},
		{"everyone: {zdr: []}", "everyone.zdr: must not be empty"},
		{"everyone: {regions: []}", "everyone.regions: must not be empty"},
		{"everyone: {allowed_providers: []}", "everyone.allowed_providers: must not be empty: leave it out to demand nothing"},
		{"everyone: {regions: eu}", "everyone.regions: must be a list"},
		{"everyone: {subprocessors: nobody}", `everyone.subprocessors: "nobody" is none of none`},
		{"everyone: {max_retention_days: -1}", `everyone.max_retention_days: "-1" is not a number of days`},
		{"everyone: {training: {paid: maybe}}", `everyone.training.paid: "maybe" is neither true nor false`},
		{"everyone: {data_collection: no}", `everyone.data_collection: "no" is none of allow, deny`},
		{"classes: [{zdr: true}]", "classes[0]: name: is missing"},
		{"classes: [{name: PII}]", `classes[0].name: "PII" holds other than`},
		{"classes: [{name: a}, {name: a}]", `classes[1]: name: there are two classes "a"`},
		{"default_class: pii", `policy.yaml:1:16: default_class: there is no class "pii": classes defines none`},
		{"facts: {providers: {openai: {trainig: false}}}", "facts.providers.openai.trainig: unknown key"},
		{"facts: {providers: {openai: {training: false, checked: 2026-13-01}}}", `facts.providers.openai.checked: "2026-13-01" is not a date`},
		{"facts: {providers: {openai: {zdr: true, training: true}}}", "zdr: true cannot hold beside training: true"},
		{"facts: {endpoints: {openai: {zdr: true}}}", "facts.endpoints.openai: is no endpoint: want model@tag"},
		{"detectors: [{name: d}]", "detectors[0]: finds nothing"},
		{"detectors: [{builtins: [email], raises: x}]", "detectors[0]: name: is missing"},
		{"detectors: [{name: d, builtins: [email]}]", "detectors[0]: raises: is missing"},
		{"detectors: [{name: d, builtins: [emial], raises: x}]", "detectors[0].builtins[0]: want one of email"},
		{"detectors: [{name: d, patterns: ['(?<=a)b'], raises: x}]", "detectors[0].patterns[0]: "},
		{"detectors: [{name: d, patterns: ['a'], raises: x}]", `detectors[0].raises: there is no class "x"`},
		{"detectors: [{name: d, patterns: ['a'], url: 'http://a', raises: x}]", "detectors[0]: has both patterns and a classifier"},
		{"detectors: [{name: d, url: 'ftp://a', classes: {a: b}}]", "detectors[0].url: not an http or https URL"},
		{"detectors: [{name: d, timeout: 1s}]", "detectors[0]: url: is missing"},
		{"moderation: {timeout: 1s}", "moderation: url: is missing"},
		{"moderation: {url: 'http://a', api_key: sk-1234567890}", "moderation.api_key: must be a variable, as ${NAME}"},
		{"moderation: {url: 'http://a', api_key: '${ABSENT}'}", "moderation.api_key: the variable ABSENT is not set"},
		{"filters: [{slug: email, action: burn}]", "filters[0].action: want block, redact or flag"},
		{"filters: [{pattern: '(a', action: block}]", "filters[0].pattern: "},
		{"filters: [{action: block}]", "filters[0]: "},
	} {
		_, err := ParsePolicy("policy.yaml", []byte(c.line+"\n"), none)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n%v\nwant %s", c.line, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "sk-1234567890") {
			t.Errorf("a key is told: %v", err)
		}
	}
	_, err := ParsePolicy("policy.yaml", []byte("everyone: {zrd: true}\nclasses: [{name: A}]\ndefault_class: b\n"), none)
	for _, line := range []string{":1:", ":2:", ":3:"} {
		if err == nil || !strings.Contains(err.Error(), "policy.yaml"+line) {
			t.Errorf("%v\nwithout %s", err, line)
		}
	}
}

// DP-01, DP-02: facts go before the catalogue's one by one, and an endpoint's before its
// provider's.
func TestPolicyFacts(t *testing.T) {
	t.Parallel()
	one, err := catalog.ParsePrice("1")
	if err != nil {
		t.Fatal(err)
	}
	sheet := catalog.Prices{Prompt: one, Completion: one}
	base := catalog.Data{
		Version: "v", Providers: []catalog.Provider{
			{Slug: "acme", Name: "Acme", Policy: catalog.DataPolicy{Known: true, Training: true, Retains: true, RetentionDays: 30, Source: "https://acme.example"}},
			{Slug: "other", Name: "Other"},
		},
		Models: []catalog.Model{{ID: "a/m", Name: "M", ContextLength: 1000, Endpoints: []*catalog.Endpoint{
			{Provider: "acme", Native: "m", Prices: sheet},
			{Provider: "acme", Tag: "acme/eu", Native: "m", Prices: sheet},
			{Provider: "other", Native: "m", Prices: sheet},
		}}},
	}
	p, err := ParsePolicy("policy.yaml", []byte(`
facts:
  providers: {acme: {training: false, source: contract, checked: 2026-11-01, expires: 2027-01-01}}
  endpoints: {"a/m@acme/eu": {retention_days: 0, region: eu}}
`), none)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Facts(base)
	snap, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(snap.Version(), "v+facts-") {
		t.Error(snap.Version())
	}
	if base.Providers[0].Policy.Training != true || base.Models[0].Endpoints[1].Policy.Region != "" {
		t.Error("the base was written to")
	}
	before := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	after := before.AddDate(0, 0, 1)
	get := func(id string, at time.Time) catalog.DataPolicy {
		e, ok := snap.Endpoint(id)
		if !ok {
			t.Fatal(id)
		}
		return e.Policy.At(at)
	}
	if x := get("a/m@acme", before); x.Training || !x.Retains || x.RetentionDays != 30 {
		t.Errorf("%+v", x)
	}
	if x := get("a/m@acme", after); !x.Training {
		t.Error("an expired fact counts")
	}
	if x := get("a/m@acme/eu", before); x.Training || x.Retains || x.Region != "eu" {
		t.Errorf("%+v", x)
	}
	if x := get("a/m@other", before); !x.Training || !x.Retains {
		t.Errorf("%+v", x)
	}
	e, _ := snap.Endpoint("a/m@acme")
	if !e.Policy.Verified(catalog.FactTraining, before) || e.Policy.Verified(catalog.FactRetention, before) {
		t.Error("what the operator says is verified, and only that")
	}
	if again := p.Facts(base); again.Version != d.Version {
		t.Error("the same facts make another version")
	}
	if same := (*Policy)(nil).Facts(base); same.Version != "v" {
		t.Error(same.Version)
	}
}

func TestPolicyUnknown(t *testing.T) {
	t.Parallel()
	snap, err := catalog.New(small(t))
	if err != nil {
		t.Fatal(err)
	}
	m := snap.Models()[0]
	e := m.Endpoints[0]
	author, _, _ := strings.Cut(m.ID, "/")
	right := "everyone: {ignored_models: [" + m.ID + ", " + author + "/*], allowed_providers: [" + e.Provider + ", ollama, openai]}\n" +
		"facts: {providers: {" + e.Provider + ": {training: false}}, endpoints: {\"" + e.ID + "\": {training: false}}}\n"
	p, err := ParsePolicy("policy.yaml", []byte(right), none)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Unknown(snap); err != nil {
		t.Error(err)
	}
	p, err = ParsePolicy("policy.yaml", []byte(`
everyone: {ignored_models: [no/such, nobody/*], ignored_providers: [opnai]}
facts: {providers: {opnai: {training: false}}, endpoints: {"no/such@openai": {training: false}}}
`), none)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Unknown(snap)
	for _, want := range []string{"no/such", "nobody/*", `"opnai" is neither`, "facts.providers.opnai: there is no such provider", `no/such@openai": the catalogue has no such endpoint`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwithout %s", err, want)
		}
	}
}

// The example in docs is a policy, and names what the built-in catalogue has.
func TestExamplePolicy(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/policy.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePolicy("policy.example.yaml", text, none)
	if err != nil {
		t.Fatal(err)
	}
	builtin, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	snap, err := catalog.New(p.Facts(builtin))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Unknown(snap); err != nil {
		t.Error(err)
	}
}

func TestPolicyFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, text, env, want string }{
		{"turnpike.yaml", "policy: {file: policy.yaml}", "", "policy.yaml"},
		{"/etc/turnpike/turnpike.yaml", "policy: {file: policy.yaml}", "", "/etc/turnpike/policy.yaml"},
		{"/etc/turnpike/turnpike.yaml", "policy: {file: /srv/policy.yaml}", "", "/srv/policy.yaml"},
		{"/etc/turnpike/turnpike.yaml", "policy: {file: policy.yaml}", "mine.yaml", "mine.yaml"},
		{"", "", "mine.yaml", "mine.yaml"},
	} {
		got, err := Parse(c.file, []byte(c.text), func(name string) string {
			if name == "TURNPIKE_POLICY_FILE" {
				return c.env
			}
			return ""
		})
		if err != nil || got.Policy.File != c.want {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	example, err := os.ReadFile("../../docs/policy.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte("classes: [{name: a, zdr: true}]\ndefault_class: a\ndetectors: [{name: d, patterns: [a], raises: a}]\n"))
	f.Add([]byte("everyone: &a {regions: [*a]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy("p", text, none)
		if err != nil {
			return
		}
		h := p.House
		if h.Version == "" || h.Default != "" && !h.Has(h.Default) {
			t.Errorf("%+v", h)
		}
		for _, d := range h.Detectors {
			if (d.Finds == nil) == (d.Service == nil) || d.Finds != nil && !h.Has(d.Raises) {
				t.Errorf("%+v", d)
			}
		}
		snap := catalog.Data{Version: "v"}
		if _, err := catalog.New(p.Facts(snap)); err != nil {
			t.Error(err)
		}
	})
}
