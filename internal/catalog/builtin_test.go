package catalog_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

func builtin(t *testing.T) *catalog.Snapshot {
	t.Helper()
	d, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBuiltinIsLargeEnough(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	endpoints := 0
	serving := map[string]bool{}
	for _, m := range s.Models() {
		endpoints += len(m.Endpoints)
		for _, e := range m.Endpoints {
			serving[e.Provider] = true
		}
	}
	delete(serving, "openrouter") // an upstream, but no inference provider
	if n := len(s.Models()); n < 340 {
		t.Errorf("%d models, want at least 340", n)
	}
	if endpoints < 900 {
		t.Errorf("%d endpoints, want at least 900", endpoints)
	}
	if len(serving) < 25 {
		t.Errorf("%d inference providers, want at least 25", len(serving))
	}
}

func TestBuiltinHoldsTogether(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for _, m := range s.Models() {
		if len(m.Endpoints) == 0 {
			t.Errorf("%s has no endpoint", m.ID)
		}
		for i, e := range m.Endpoints {
			if _, ok := s.Provider(e.Provider); !ok {
				t.Errorf("%s: no provider %q", e.ID, e.Provider)
			}
			if got, ok := s.Endpoint(e.ID); !ok || got != e || e.Model != m.ID || e.ID != m.ID+"@"+e.Tag {
				t.Errorf("%s is not found under its id", e.ID)
			}
			if e.Provider == "openrouter" && (e.Native != m.ID || i != len(m.Endpoints)-1) {
				t.Errorf("%s: OpenRouter serves %q, in place %d of %d", e.ID, e.Native, i+1, len(m.Endpoints))
			}
			if e.Policy.Known == cmp.Equal(e.Policy, catalog.Unknown()) || e.Policy.Known != (e.Policy.Source != "") {
				t.Errorf("%s: policy %+v is neither known from somewhere nor the assumption", e.ID, e.Policy)
			}
			if strings.HasSuffix(m.ID, ":free") && !e.Prices.Free() {
				t.Errorf("%s costs something", e.ID)
			}
		}
		if m.Endpoints[len(m.Endpoints)-1].Provider != "openrouter" {
			t.Errorf("%s has no endpoint at OpenRouter", m.ID)
		}
	}
}

// Each fact says where it stands, who read it there and when, and until when it counts;
// and each that says none of it is the worst (DP-02).
func TestBuiltinFactsHaveEvidence(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	known := 0
	hold := func(id string, p catalog.DataPolicy) {
		if p.Known != (p.Source != "") {
			t.Errorf("%s: its policy is from nowhere", id)
		}
		worst := catalog.Unknown()
		for f := range catalog.Facts {
			e := p.Evidence[f]
			if e == (catalog.Evidence{}) {
				continue
			}
			known++
			if !strings.HasPrefix(e.Source, "https://") || e.Checked.IsZero() || e.By != "catalogue" || !e.Expires.Equal(e.Checked.AddDate(0, 0, 180)) || e.Operator {
				t.Errorf("%s: %s has evidence %+v", id, f, e)
			}
		}
		none := p
		none.Evidence, none.Source, none.Known = catalog.Evidences{}, "", false
		if late := p.At(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)); late.Known || late.ZDR || !late.Training || late.RetentionDays != worst.RetentionDays || late.Region != "" {
			t.Errorf("%s: what has expired is %+v", id, late)
		}
		if !p.Known && !cmp.Equal(none, worst) {
			t.Errorf("%s: what nobody stated is %+v", id, none)
		}
	}
	for _, p := range s.Providers() {
		hold(p.Slug, p.Policy)
	}
	for _, m := range s.Models() {
		for _, e := range m.Endpoints {
			hold(e.ID, e.Policy)
		}
	}
	if known < 1000 {
		t.Errorf("%d facts", known)
	}
	// DP-01: what an endpoint states is its own, and the rest is its provider's.
	eu := endpoint(s, "anthropic/claude-haiku-4.5@amazon-bedrock/eu")
	if eu == nil || eu.Policy.Region != "eu" || eu.Policy.Training || eu.Policy.CanPublish || !eu.Policy.Retains ||
		eu.Policy.Evidence[catalog.FactRegion].Source == eu.Policy.Evidence[catalog.FactTraining].Source {
		t.Errorf("%+v", eu)
	}
}

// Every price reads as exactly what it says, down to the pico-dollar.
func TestBuiltinPricesRoundTrip(t *testing.T) {
	t.Parallel()
	pico := big.NewInt(1e12)
	check := func(id, name string, p catalog.Price) {
		if !p.Listed() {
			if p.Unit != 0 {
				t.Errorf("%s: %s is not listed and yet %d", id, name, p.Unit)
			}
			return
		}
		exact, ok := new(big.Rat).SetString(p.Text)
		if !ok {
			t.Errorf("%s: %s is %q", id, name, p.Text)
			return
		}
		exact.Mul(exact, new(big.Rat).SetInt(pico))
		floor := new(big.Int).Div(exact.Num(), exact.Denom())
		if floor.Int64() != int64(p.Unit) {
			t.Errorf("%s: %s %q bills as %d pico-dollars, want %d", id, name, p.Text, p.Unit, floor)
		}
		if exact.IsInt() && strings.Contains(p.Text, ".") && p.Unit.String() != strings.TrimRight(strings.TrimRight(p.Text, "0"), ".") {
			t.Errorf("%s: %s %q comes back as %s", id, name, p.Text, p.Unit)
		}
	}
	prices := 0
	for _, m := range builtin(t).Models() {
		for _, e := range m.Endpoints {
			sheets := []catalog.Prices{e.Prices}
			for _, o := range e.Prices.Overrides {
				sheets = append(sheets, o.Prices)
			}
			for _, sheet := range sheets {
				for name, p := range sheet.All {
					check(e.ID, name, *p)
					prices++
				}
			}
		}
	}
	if prices == 0 {
		t.Error("no price was looked at")
	}
}

func TestSeedFacts(t *testing.T) {
	t.Parallel()
	s := builtin(t)
	for id, want := range map[string][2]string{ // dollars per token at the primary endpoint, and at OpenRouter
		"anthropic/claude-opus-4.8":      {"0.000005", "0.000025"},
		"anthropic/claude-opus-4.8-fast": {"0.00001", "0.00005"},
		"openai/gpt-oss-20b:free":        {"0", "0"},
		"relace/relace-apply-3":          {"0.00000085", "0.00000125"},
		"morph/morph-v3-fast":            {"0.0000008", "0.0000012"},
	} {
		m, ok := s.Model(id)
		if !ok {
			t.Errorf("no model %s", id)
			continue
		}
		for _, e := range []*catalog.Endpoint{m.Endpoints[0], m.Endpoints[len(m.Endpoints)-1]} {
			if got := [2]string{e.Prices.Prompt.Text, e.Prices.Completion.Text}; got != want {
				t.Errorf("%s costs %v, want %v", e.ID, got, want)
			}
		}
	}
	for id, primary := range map[string]string{
		"anthropic/claude-opus-4.8":         "claude-opus-4-8",
		"anthropic/claude-opus-4.8-fast":    "claude-opus-4-8",
		"openai/gpt-4o":                     "gpt-4o",
		"google/gemini-2.5-pro":             "gemini-2.5-pro",
		"deepseek/deepseek-v4-pro":          "deepseek-v4-pro",
		"meta-llama/llama-3.3-70b-instruct": "meta-llama/Llama-3.3-70B-Instruct",
	} {
		m, ok := s.Model(id)
		if !ok || m.Endpoints[0].Native != primary {
			t.Errorf("the primary endpoint of %s is %+v, want %s", id, m, primary)
		}
	}
	if e := endpoint(s, "anthropic/claude-opus-4.8-fast@anthropic"); e == nil || e.Fixed.Body["speed"] != `"fast"` || e.Fixed.Headers["anthropic-beta"] == "" {
		t.Errorf("fast mode is not asked for: %+v", e)
	}
	for _, id := range []string{"relace/relace-apply-3@relace", "morph/morph-v3-fast@morph", "morph/morph-v3-large@morph"} {
		if e := endpoint(s, id); e == nil || !e.Policy.ZDR || !e.Policy.Known || e.Policy.Retains || e.Policy.Training {
			t.Errorf("%s is not marked zero-retention: %+v", id, e)
		}
	}
	if e := endpoint(s, "openrouter/owl-alpha@openrouter"); e == nil || !e.Policy.Retains || !e.Policy.Known {
		t.Errorf("Owl Alpha is not marked as logging prompts: %+v", e)
	}
	if e := endpoint(s, "anthropic/claude-opus-4.8@openrouter"); e == nil || !cmp.Equal(e.Policy, catalog.Unknown()) {
		t.Errorf("OpenRouter as an upstream is trusted: %+v", e)
	}
	if e := endpoint(s, "openrouter/auto@openrouter"); e == nil || !e.Prices.Routed || e.Prices.Free() {
		t.Errorf("the auto router has a price: %+v", e)
	}
	if e := endpoint(s, "google/gemini-2.5-pro@google-ai-studio"); e == nil || len(e.Prices.Overrides) != 1 ||
		e.Prices.Overrides[0].MinPromptTokens != 200_000 || e.Prices.Overrides[0].Prices.Prompt.Text != "0.0000025" || e.Prices.CacheRead.Text != "0.000000125" {
		t.Errorf("the tier over 200k tokens is missing: %+v", e)
	}
	if m, ok := s.Model("anthropic/claude-opus-4-8"); !ok || m.ID != "anthropic/claude-opus-4.8" {
		t.Error("an old slug does not redirect")
	}
	if m, ok := s.Model("anthropic/claude-4.7-opus-20260416"); !ok || m.ID != "anthropic/claude-opus-4.7" {
		t.Error("a canonical slug does not resolve")
	}
}

func BenchmarkBuiltin(b *testing.B) {
	for b.Loop() {
		if _, err := catalog.Builtin(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	d, err := catalog.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := catalog.New(d); err != nil {
			b.Fatal(err)
		}
	}
}
