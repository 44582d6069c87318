package config

import (
	"fmt"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// terms are the members of what everybody, or a class of data, demands. Each can only
// demand: what its opposite says is what holds without it.
func (p *Policy) terms(t *policy.Terms) []member {
	return []member{
		{"zdr", readGroups(&t.ZDR)},
		{"training", readOffers(&t.NoTraining)},
		{"publication", readOffers(&t.NoPublication)},
		{"data_collection", scalar(&t.NoCollection, parseCollection)},
		{"max_retention_days", given(&t.MaxRetention, parseDays)},
		{"regions", some(words(&t.Regions, parseWord))},
		{"subprocessors", readSubprocessors(&t.Subprocessors)},
		{"verified", scalar(&t.Verified, parseBool)},
		{"allowed_models", p.readNames(&t.AllowedModels, &p.models)},
		{"ignored_models", p.readNames(&t.IgnoredModels, &p.models)},
		{"allowed_providers", p.readNames(&t.AllowedProviders, &p.providers)},
		{"ignored_providers", p.readNames(&t.IgnoredProviders, &p.providers)},
		{"cache", scalar(&t.NoCache, parseNot)},
		{"logging", scalar(&t.NoLogging, parseNot)},
		{"fetch", scalar(&t.NoFetch, parseNot)},
	}
}

// parseNot reads what is allowed into what is not.
func parseNot(s string) (bool, error) {
	b, err := parseBool(s)
	return !b, err
}

func parseCollection(s string) (bool, error) {
	s, err := oneOf("allow", "deny")(s)
	return s == "deny", err
}

func parseDays(s string) (int, error) {
	const most = 36500 // a century
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is not a number of days", s)
	}
	return n, nil
}

// some is a list that must not be empty: an empty one would demand nothing, and looks as
// if it demanded everything.
func some(read func(value)) func(value) {
	return func(v value) {
		wrong, any := len(v.errs), false
		if read(v); len(v.errs) > wrong || v.node == nil {
			return
		}
		v.list(func(value) { any = true })
		if !any {
			v.fail("must not be empty: leave it out to demand nothing")
		}
	}
}

func (p *Policy) readNames(into *[]string, names *[]named) func(value) {
	return some(func(v value) {
		words(into, parseName)(v)
		for _, name := range *into {
			*names = append(*names, named{name, v})
		}
	})
}

// readGroups reads true, false, or a list of groups of models (DP-05).
func readGroups(into *policy.Groups) func(value) {
	known := map[string]policy.Groups{
		"anthropic": policy.Anthropic, "openai": policy.OpenAI, "google": policy.Google, "xai": policy.XAI, "other": policy.Other,
	}
	return func(v value) {
		if kind(v.node) != "a list" {
			var all bool
			if scalar(&all, parseBool)(v); all {
				*into = policy.AllGroups
			}
			return
		}
		var names []string
		some(words(&names, oneOf("anthropic", "openai", "google", "xai", "other")))(v)
		for _, name := range names {
			*into |= known[name]
		}
	}
}

// readOffers reads whether something may be done: true, false, or one for what is paid
// and one for what is free (DP-06).
func readOffers(not *policy.Offers) func(value) {
	return func(v value) {
		var paid, free bool
		if kind(v.node) == "a mapping" {
			v.members(member{"paid", scalar(&paid, parseNot)}, member{"free", scalar(&free, parseNot)})
		} else {
			scalar(&paid, parseNot)(v)
			free = paid
		}
		if paid {
			*not |= policy.Paid
		}
		if free {
			*not |= policy.Free
		}
	}
}

// readSubprocessors reads none, or a list of who may handle prompts beside the provider.
func readSubprocessors(into *[]string) func(value) {
	return func(v value) {
		if kind(v.node) == "a list" {
			some(words(into, parseName))(v)
			return
		}
		var none string
		if scalar(&none, oneOf(policy.Nobody))(v); none != "" {
			*into = []string{policy.Nobody}
		}
	}
}
