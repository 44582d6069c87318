package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// Rules by which an endpoint is left out: the contract's `excluded_by` vocabulary (area
// 5), and our own words where it has none.
const (
	RuleZDR           = "data_policy:zdr"
	RuleTraining      = "data_policy:training"
	RulePublication   = "data_policy:publication"
	RuleRetention     = "data_policy:retention"
	RuleSubprocessors = "data_policy:subprocessors"
	RuleUnverified    = "data_policy:unverified" // it says what is demanded, but the operator has not checked it
	RuleRegion        = "data_region"
	RuleModels        = "allowed_models"
	RuleIgnoredModel  = "ignored_models"
	RuleProviders     = "allowed_providers"
	RuleIgnored       = "ignored_providers"
)

// Privacy reports whether a rule is about what becomes of prompts, or about whom an
// administrator trusts with them: what it leaves nothing of is `privacy_restricted`.
func Privacy(rule string) bool {
	return strings.HasPrefix(rule, "data_policy:") || rule == RuleRegion || rule == RuleModels || rule == RuleIgnoredModel
}

// Groups are groups of models by their authors, for which zero retention is demanded
// apart (DP-05).
type Groups uint8

// The groups. Other is everybody not named here.
const (
	Anthropic Groups = 1 << iota
	OpenAI
	Google
	XAI
	Other

	NoGroup   Groups = 0
	AllGroups        = Anthropic | OpenAI | Google | XAI | Other
)

func groupWords() []string { return []string{"anthropic", "openai", "google", "xai", "other"} }

// MarshalText names the groups, with commas between them.
func (g Groups) MarshalText() ([]byte, error) { return spell(uint8(g), groupWords()), nil }

// UnmarshalText reads what MarshalText has written.
func (g *Groups) UnmarshalText(text []byte) error { return unspell((*uint8)(g), text, groupWords()) }

// GroupOf is the group of a model, by its author.
func GroupOf(model string) Groups {
	author, _, _ := strings.Cut(strings.TrimPrefix(model, "~"), "/")
	switch author {
	case "anthropic":
		return Anthropic
	case "openai":
		return OpenAI
	case "google":
		return Google
	case "x-ai":
		return XAI
	default:
		return Other
	}
}

// Offers are what is paid for, what is free, or both (DP-06).
type Offers uint8

// The offers.
const (
	Paid Offers = 1 << iota
	Free

	Neither Offers = 0
	Both           = Paid | Free
)

func offerWords() []string { return []string{"paid", "free"} }

// MarshalText names the offers, with a comma between them.
func (o Offers) MarshalText() ([]byte, error) { return spell(uint8(o), offerWords()), nil }

// UnmarshalText reads what MarshalText has written.
func (o *Offers) UnmarshalText(text []byte) error { return unspell((*uint8)(o), text, offerWords()) }

// spell is a set in words: one for each of its bits, the lowest first.
func spell(set uint8, words []string) []byte {
	var in []string
	for i, word := range words {
		if set&(1<<i) != 0 {
			in = append(in, word)
		}
	}
	return []byte(strings.Join(in, ","))
}

// unspell is the set that words spell.
func unspell(set *uint8, text []byte, words []string) error {
	*set = 0
	for word := range strings.SplitSeq(string(text), ",") {
		i := slices.Index(words, word)
		if i < 0 {
			return fmt.Errorf("want some of %s", strings.Join(words, ", "))
		}
		*set |= 1 << i
	}
	return nil
}

func offered(e *catalog.Endpoint) Offers {
	if e.Prices.Free() {
		return Free
	}
	return Paid
}

// Terms is what one level demands of every endpoint that may serve a request. The zero
// value demands nothing. Each member can only leave out more; terms are never merged but
// all hold, so that no level can loosen what another demands (R5, DP-04, GR-03).
type Terms struct {
	ZDR           Groups   `json:"zdr,omitzero"`            // models of these groups need zero retention
	NoTraining    Offers   `json:"no_training,omitzero"`    // of these, none may train on prompts
	NoPublication Offers   `json:"no_publication,omitzero"` // of these, none may publish them
	NoCollection  bool     `json:"no_collection,omitzero"`  // none may keep them or train on them (data_collection: deny)
	MaxRetention  *int     `json:"max_retention_days,omitzero"`
	Regions       []string `json:"regions,omitempty"`       // one of which handles prompts
	Subprocessors []string `json:"subprocessors,omitempty"` // nobody else may handle them, see [Nobody]; whoever has none always may
	Verified      bool     `json:"verified,omitzero"`       // the operator has checked each fact that the above ask for

	AllowedModels    []string `json:"allowed_models,omitempty"` // ids, canonical slugs, or author/*
	IgnoredModels    []string `json:"ignored_models,omitempty"`
	AllowedProviders []string `json:"allowed_providers,omitempty"` // slugs or tags
	IgnoredProviders []string `json:"ignored_providers,omitempty"`

	NoCache   bool `json:"no_cache,omitzero"`   // the response cache keeps no answer
	NoLogging bool `json:"no_logging,omitzero"` // what is said is not logged, whoever opted in, nor told to anybody
	NoFetch   bool `json:"no_fetch,omitzero"`   // nothing that a request names by URL is fetched, and no tool of ours runs
}

// Empty reports whether the terms demand nothing.
func (t *Terms) Empty() bool {
	return t.ZDR == NoGroup && t.NoTraining == Neither && t.NoPublication == Neither && !t.NoCollection && t.MaxRetention == nil &&
		len(t.Regions) == 0 && len(t.Subprocessors) == 0 && !t.Verified && len(t.AllowedModels) == 0 && len(t.IgnoredModels) == 0 &&
		len(t.AllowedProviders) == 0 && len(t.IgnoredProviders) == 0 && !t.NoCache && !t.NoLogging && !t.NoFetch
}

// Refuses names the rule by which an endpoint of a model is not admitted at a time, or
// returns "". What is unknown or has expired counts as the worst (DP-02).
func (t *Terms) Refuses(m *catalog.Model, e *catalog.Endpoint, at time.Time) (rule string) {
	switch {
	case len(t.AllowedModels) > 0 && !slices.ContainsFunc(t.AllowedModels, func(name string) bool { return means(name, m, false) }):
		return RuleModels
	case slices.ContainsFunc(t.IgnoredModels, func(name string) bool { return means(name, m, true) }):
		return RuleIgnoredModel
	case len(t.AllowedProviders) > 0 && !provides(t.AllowedProviders, e):
		return RuleProviders
	case provides(t.IgnoredProviders, e):
		return RuleIgnored
	}
	return t.refusesPolicy(m, e, at)
}

// Nobody is the one entry of a list of subprocessors that admits none.
const Nobody = "none"

// claim is a demand on a fact.
type claim struct {
	fact catalog.Fact
	rule string
	met  bool // by what is known
}

func (t *Terms) refusesPolicy(m *catalog.Model, e *catalog.Endpoint, at time.Time) string {
	p := &e.Policy
	check := func(c claim) string {
		switch {
		case !c.met || !p.Fresh(c.fact, at):
			return c.rule
		case t.Verified && !p.Verified(c.fact, at):
			return RuleUnverified
		}
		return ""
	}
	if t.ZDR != NoGroup && (t.ZDR == AllGroups || t.ZDR&GroupOf(m.ID) != 0) {
		if rule := check(claim{catalog.FactZDR, RuleZDR, p.ZDR}); rule != "" {
			return rule
		}
	}
	if t.NoCollection {
		if rule := check(claim{catalog.FactTraining, RuleTraining, !p.Training}); rule != "" {
			return rule
		}
		if rule := check(claim{catalog.FactRetention, RuleTraining, !p.Retains}); rule != "" {
			return rule
		}
	}
	if t.NoTraining != Neither && (t.NoTraining == Both || t.NoTraining&offered(e) != 0) {
		if rule := check(claim{catalog.FactTraining, RuleTraining, !p.Training}); rule != "" {
			return rule
		}
	}
	if t.NoPublication != Neither && (t.NoPublication == Both || t.NoPublication&offered(e) != 0) {
		if rule := check(claim{catalog.FactPublication, RulePublication, !p.CanPublish}); rule != "" {
			return rule
		}
	}
	if t.MaxRetention != nil {
		kept := !p.Retains || p.RetentionDays >= 0 && p.RetentionDays <= *t.MaxRetention
		if rule := check(claim{catalog.FactRetention, RuleRetention, kept}); rule != "" {
			return rule
		}
	}
	if len(t.Regions) > 0 {
		if rule := check(claim{catalog.FactRegion, RuleRegion, within(p.Region, t.Regions)}); rule != "" {
			return rule
		}
	}
	if len(t.Subprocessors) > 0 {
		trusted := !slices.ContainsFunc(p.Subprocessors, func(s string) bool { return !fold(t.Subprocessors, s) })
		if rule := check(claim{catalog.FactSubprocessors, RuleSubprocessors, trusted}); rule != "" {
			return rule
		}
	}
	return ""
}

// local is the region of this machine, which no prompt leaves: it is within every other.
const local = "local"

// within reports whether a region is one of those wanted, or a part of one: eu-west-1 is
// within eu.
func within(region string, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool {
		return strings.EqualFold(region, w) || region == local ||
			len(region) > len(w) && region[len(w)] == '-' && strings.EqualFold(region[:len(w)], w)
	})
}

func fold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
}

// means reports whether an entry of a list names the model: by its id, its canonical
// slug, or its author's all. To ignore a model is to ignore its variants too.
func means(entry string, m *catalog.Model, variants bool) bool {
	if author, all := strings.CutSuffix(entry, "/*"); all {
		return len(m.ID) > len(author) && m.ID[len(author)] == '/' && strings.EqualFold(m.ID[:len(author)], author)
	}
	if strings.EqualFold(entry, m.ID) || strings.EqualFold(entry, m.CanonicalSlug) {
		return true
	}
	if !variants {
		return false
	}
	base, _, isVariant := strings.Cut(m.ID, ":")
	canonical, _, _ := strings.Cut(m.CanonicalSlug, ":")
	return isVariant && (strings.EqualFold(entry, base) || strings.EqualFold(entry, canonical))
}

// provides reports whether the list names the endpoint's provider, or the endpoint by its tag.
func provides(list []string, e *catalog.Endpoint) bool {
	for _, name := range list {
		if strings.EqualFold(name, e.Provider) || strings.EqualFold(name, e.Tag) {
			return true
		}
	}
	return false
}
