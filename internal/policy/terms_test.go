package policy_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// stated is a policy whose facts are all stated, and hold at noon.
func stated(p catalog.DataPolicy) catalog.DataPolicy {
	return p.Assert(catalog.Evidence{Source: "https://example.test/policy"})
}

func endpoint(p catalog.DataPolicy, paid bool) *catalog.Endpoint {
	e := &catalog.Endpoint{ID: "a/b@c", Provider: "acme", Tag: "acme/eu", Policy: p}
	price := money.Pico(0)
	if paid {
		price = 1
	}
	e.Prices.Prompt, e.Prices.Completion = catalog.Price{Text: "0.000000000001", Unit: price}, catalog.Price{Text: "0", Unit: 0}
	return e
}

// DP-02 to DP-06: every demand, against who meets it, who does not, and who did once.
func TestTermsRefuse(t *testing.T) {
	t.Parallel()
	best := catalog.DataPolicy{ZDR: true, Region: "eu-west-1"}
	month := 30
	model := &catalog.Model{ID: "anthropic/claude", CanonicalSlug: "anthropic/claude-2026"}
	for name, c := range map[string]struct {
		terms policy.Terms
		bad   func(*catalog.DataPolicy)
		want  string
	}{
		"zdr":           {policy.Terms{ZDR: policy.AllGroups}, func(p *catalog.DataPolicy) { p.ZDR = false }, policy.RuleZDR},
		"zdr of group":  {policy.Terms{ZDR: policy.Anthropic}, func(p *catalog.DataPolicy) { p.ZDR = false }, policy.RuleZDR},
		"training":      {policy.Terms{NoTraining: policy.Both}, func(p *catalog.DataPolicy) { p.Training = true }, policy.RuleTraining},
		"paid training": {policy.Terms{NoTraining: policy.Paid}, func(p *catalog.DataPolicy) { p.Training = true }, policy.RuleTraining},
		"publication":   {policy.Terms{NoPublication: policy.Both}, func(p *catalog.DataPolicy) { p.CanPublish = true }, policy.RulePublication},
		"collection":    {policy.Terms{NoCollection: true}, func(p *catalog.DataPolicy) { p.Retains, p.RetentionDays = true, 1 }, policy.RuleTraining},
		"retention":     {policy.Terms{MaxRetention: &month}, func(p *catalog.DataPolicy) { p.Retains, p.RetentionDays = true, 31 }, policy.RuleRetention},
		"for how long":  {policy.Terms{MaxRetention: &month}, func(p *catalog.DataPolicy) { p.Retains, p.RetentionDays = true, -1 }, policy.RuleRetention},
		"region":        {policy.Terms{Regions: []string{"eu"}}, func(p *catalog.DataPolicy) { p.Region = "us" }, policy.RuleRegion},
		"part of none":  {policy.Terms{Regions: []string{"eu"}}, func(p *catalog.DataPolicy) { p.Region = "europe" }, policy.RuleRegion},
		"subprocessors": {policy.Terms{Subprocessors: []string{"aws"}}, func(p *catalog.DataPolicy) { p.Subprocessors = []string{"AWS", "x"} }, policy.RuleSubprocessors},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := func(p catalog.DataPolicy, terms policy.Terms, want string) {
				t.Helper()
				if got := terms.Refuses(model, endpoint(p, true), noon); got != want {
					t.Errorf("%+v: %q, want %q", p, got, want)
				}
			}
			p := stated(best)
			check(p, c.terms, "")
			bad := p
			c.bad(&bad)
			check(bad, c.terms, c.want)
			check(catalog.Unknown(), c.terms, c.want)
			expired := best.Assert(catalog.Evidence{Source: "s", Expires: noon})
			check(expired, c.terms, c.want)
			fresh := best.Assert(catalog.Evidence{Source: "s", Expires: noon.Add(1)})
			check(fresh, c.terms, "")
			verified := c.terms
			verified.Verified = true
			check(p, verified, policy.RuleUnverified)
			check(best.Assert(catalog.Evidence{Source: "s", Operator: true}), verified, "")
		})
	}
}

// DP-05: a demand for one group of models is none for the others. DP-06: nor is one for
// what is free any for what is paid.
func TestGroupsAndOffers(t *testing.T) {
	t.Parallel()
	worst := stated(catalog.DataPolicy{Training: true, CanPublish: true})
	groups := map[string]policy.Groups{
		"anthropic/a": policy.Anthropic, "~anthropic/a-latest": policy.Anthropic, "openai/a": policy.OpenAI, "google/a": policy.Google, "x-ai/a": policy.XAI,
		"meta/a": policy.Other, "anthropic2/a": policy.Other, "a": policy.Other,
	}
	for id, own := range groups {
		for _, g := range []policy.Groups{policy.Anthropic, policy.OpenAI, policy.Google, policy.XAI, policy.Other} {
			terms := policy.Terms{ZDR: g}
			if got := terms.Refuses(&catalog.Model{ID: id}, endpoint(worst, true), noon) != ""; got != (g == own) {
				t.Errorf("%s under %b: refused is %v", id, g, got)
			}
		}
	}
	for _, paid := range []bool{false, true} {
		for terms, want := range map[*policy.Terms]bool{
			{NoTraining: policy.Free}: !paid, {NoTraining: policy.Paid}: paid, {NoTraining: policy.Both}: true,
			{NoPublication: policy.Free}: !paid, {NoPublication: policy.Paid}: paid,
		} {
			if got := terms.Refuses(&catalog.Model{ID: "a/b"}, endpoint(worst, paid), noon) != ""; got != want {
				t.Errorf("paid %v: %+v refuses: %v", paid, terms, got)
			}
		}
	}
}

// GR-05: lists name models by id, canonical slug or author, and providers by slug or tag.
func TestListsOfTerms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		terms policy.Terms
		want  string
	}{
		"id":                     {policy.Terms{AllowedModels: []string{"Meta/Llama"}}, ""},
		"canonical slug":         {policy.Terms{AllowedModels: []string{"meta/llama-2026"}}, ""},
		"author":                 {policy.Terms{AllowedModels: []string{"meta/*"}}, ""},
		"another":                {policy.Terms{AllowedModels: []string{"meta/llama2", "metal/*"}}, policy.RuleModels},
		"ignored":                {policy.Terms{IgnoredModels: []string{"meta/llama-2026"}}, policy.RuleIgnoredModel},
		"ignored goes first":     {policy.Terms{AllowedModels: []string{"meta/*"}, IgnoredModels: []string{"meta/llama"}}, policy.RuleIgnoredModel},
		"provider":               {policy.Terms{AllowedProviders: []string{"ACME"}}, ""},
		"tag":                    {policy.Terms{AllowedProviders: []string{"acme/eu"}}, ""},
		"another's tag":          {policy.Terms{AllowedProviders: []string{"acme/us"}}, policy.RuleProviders},
		"ignored provider":       {policy.Terms{IgnoredProviders: []string{"acme"}}, policy.RuleIgnored},
		"ignored tag":            {policy.Terms{IgnoredProviders: []string{"acme/eu"}}, policy.RuleIgnored},
		"allowed and ignored":    {policy.Terms{AllowedProviders: []string{"acme"}, IgnoredProviders: []string{"acme"}}, policy.RuleIgnored},
		"nothing, demands of it": {policy.Terms{}, ""},
	} {
		e := endpoint(stated(catalog.DataPolicy{}), true)
		if got := c.terms.Refuses(&catalog.Model{ID: "meta/llama", CanonicalSlug: "meta/llama-2026"}, e, noon); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	variant := &catalog.Model{ID: "meta/llama:free", CanonicalSlug: "meta/llama:free"}
	allow, ignore := policy.Terms{AllowedModels: []string{"meta/llama"}}, policy.Terms{IgnoredModels: []string{"meta/llama"}}
	if allow.Refuses(variant, endpoint(catalog.DataPolicy{}, false), noon) == "" {
		t.Error("to allow a model allows no variant of it")
	}
	if ignore.Refuses(variant, endpoint(catalog.DataPolicy{}, false), noon) == "" {
		t.Error("to ignore a model ignores its variants")
	}
}

func drawTerms(t *rapid.T, label string) policy.Terms {
	some := func(name string, from ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 0, 2).Draw(t, label+name)
	}
	terms := policy.Terms{
		ZDR:           policy.Groups(rapid.IntRange(0, int(policy.AllGroups)).Draw(t, label+"zdr")) & policy.Groups(rapid.SampledFrom([]int{0, 31}).Draw(t, label+"z")),
		NoTraining:    policy.Offers(rapid.IntRange(0, 3).Draw(t, label+"training")),
		NoPublication: policy.Offers(rapid.IntRange(0, 3).Draw(t, label+"publication")),
		NoCollection:  rapid.Bool().Draw(t, label+"collection"), Verified: rapid.IntRange(0, 4).Draw(t, label+"verified") == 0,
		Regions: some("regions", "eu", "us"), Subprocessors: some("subprocessors", "aws"),
		AllowedModels: some("models", "anthropic/*", "openai/a", "meta/a"), IgnoredModels: some("ignored models", "openai/*", "meta/a"),
		AllowedProviders: some("providers", "acme", "other/eu"), IgnoredProviders: some("ignored", "acme/eu", "other"),
	}
	if rapid.Bool().Draw(t, label+"bounded") {
		terms.MaxRetention = new(rapid.IntRange(0, 40).Draw(t, label+"days"))
	}
	return terms
}

func drawEndpoints(t *rapid.T) (*catalog.Model, []*catalog.Endpoint) {
	m := &catalog.Model{ID: rapid.SampledFrom([]string{"anthropic/a", "openai/a", "google/a", "x-ai/a", "meta/a", "meta/a:free"}).Draw(t, "model")}
	m.CanonicalSlug = m.ID
	var list []*catalog.Endpoint
	for i := range 4 {
		p := catalog.DataPolicy{
			Training: rapid.Bool().Draw(t, "training"), Retains: rapid.Bool().Draw(t, "retains"), RetentionDays: rapid.IntRange(-1, 40).Draw(t, "days"),
			CanPublish: rapid.Bool().Draw(t, "publishes"), ZDR: rapid.Bool().Draw(t, "zdr"), Region: rapid.SampledFrom([]string{"", "eu", "us", "eu-1"}).Draw(t, "region"),
		}
		for f := range catalog.Facts {
			p.Evidence[f] = rapid.SampledFrom([]catalog.Evidence{{}, {Source: "s"}, {Source: "s", Expires: noon}, {Source: "s", Operator: true}}).Draw(t, "evidence")
		}
		e := endpoint(p, rapid.Bool().Draw(t, "paid"))
		e.Provider = rapid.SampledFrom([]string{"acme", "other"}).Draw(t, "provider")
		e.Tag = e.Provider + []string{"", "/eu", "/us", "/x"}[i]
		list = append(list, e)
	}
	return m, list
}

func admitted(l *policy.Limits, m *catalog.Model, list []*catalog.Endpoint) []string {
	var out []string
	for _, e := range list {
		if rule, by := l.Refuses(m, e, noon); rule == "" {
			out = append(out, e.Tag)
		} else if by == nil || by.Remedy(rule) == "" || by.ChangedBy() == "" || by.String() == "" {
			panic("a rule that nobody explains: " + rule)
		}
	}
	return out
}

// R5, DP-04, GR-03: what is admitted is what every level admits, in whichever order they
// come, and one more level admits nothing more.
func TestLevelsOnlyTighten(t *testing.T) {
	t.Parallel()
	kinds := []policy.Kind{policy.Operator, policy.Account, policy.AtWorkspace, policy.Member, policy.Key, policy.DataClass, policy.Request}
	rapid.Check(t, func(t *rapid.T) {
		m, list := drawEndpoints(t)
		var l policy.Limits
		left := admitted(&l, m, list)
		if len(left) != len(list) {
			t.Fatalf("without a level, %v are admitted", left)
		}
		for i := range rapid.IntRange(1, 5).Draw(t, "levels") {
			level := policy.Level{Kind: kinds[(i+rapid.IntRange(0, 6).Draw(t, "kind"))%len(kinds)], ID: "g", Name: "n", Terms: drawTerms(t, "")}
			alone := admitted(new(policy.Limits{}.With(level)), m, list)
			l = l.With(level)
			now := admitted(&l, m, list)
			want := slices.DeleteFunc(slices.Clone(left), func(tag string) bool { return !slices.Contains(alone, tag) })
			if !slices.Equal(now, want) {
				t.Fatalf("%+v leaves %v of %v, alone it admits %v", level, now, left, alone)
			}
			left = now
		}
		slices.Reverse(l.Levels)
		if again := admitted(&l, m, list); !slices.Equal(again, left) {
			t.Fatalf("in the other order %v, not %v", again, left)
		}
	})
}

// What is demanded is written in words, and read again.
func TestTerms_Words(t *testing.T) {
	t.Parallel()
	for want, terms := range map[string]policy.Terms{
		`{}`: {},
		`{"zdr":"anthropic,other","no_training":"free","no_publication":"paid,free"}`: {ZDR: policy.Anthropic | policy.Other, NoTraining: policy.Free, NoPublication: policy.Both},
		`{"zdr":"anthropic,openai,google,xai,other","no_training":"paid"}`:            {ZDR: policy.AllGroups, NoTraining: policy.Paid},
	} {
		text, err := json.Marshal(terms)
		if err != nil || string(text) != want {
			t.Errorf("%s, %v: want %s", text, err, want)
		}
		var again policy.Terms
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, terms) {
			t.Errorf("%s: read as %+v, %v", text, again, err)
		}
	}
	for _, bad := range []string{`{"zdr":"mistral"}`, `{"zdr":3}`, `{"no_training":"paid,"}`, `{"no_training":""}`} {
		if json.Unmarshal([]byte(bad), new(policy.Terms)) == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// What a refusal says would admit an endpoint names what each level lacks, not the first alone.
func TestLimits_Also(t *testing.T) {
	t.Parallel()
	l := policy.Limits{Levels: []policy.Level{
		{Kind: policy.Operator, Terms: policy.Terms{NoTraining: policy.Both}},
		{Kind: policy.Account, Terms: policy.Terms{NoPublication: policy.Free}}, // content with what is paid for
		{Kind: policy.DataClass, Name: "pii", Terms: policy.Terms{Regions: []string{"eu"}}},
	}}
	m, e := &catalog.Model{ID: "a/b"}, endpoint(stated(catalog.DataPolicy{Training: true, CanPublish: true, Region: "us"}), true)
	rule, by := l.Refuses(m, e, noon)
	const want = "; and for data class pii a region within eu, stated in its data_policy with evidence that has not expired"
	if got := l.Also(m, e, noon, by); rule != policy.RuleTraining || got != want {
		t.Errorf("%s, %q", rule, got)
	}
	l.Levels = l.Levels[:2]
	if got := l.Also(m, e, noon, &l.Levels[0]); got != "" {
		t.Errorf("%q", got)
	}
}
