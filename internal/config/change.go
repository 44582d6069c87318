package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Change is what an operator thinks of changing: a file of its own, of which past
// decisions are asked what would have become of them.
type Change struct {
	Enabled         map[string]bool // providers that could be asked, or could not
	ZDR, NoTraining bool            // for every request
	Only, Ignore    []string        // providers and endpoint tags
	MaxPrompt       *money.Pico     // per token
	MaxCompletion   *money.Pico

	config *Config                      // its providers and models
	prices map[string]map[string]string // endpoint -> name of a price -> dollars
	at     map[string]value             // where the prices of an endpoint are
	names  []named                      // of the policy
}

// named is a provider or an endpoint tag that the policy names, and where.
type named struct {
	name string
	at   value
}

// ParseChange reads a change. Its providers and models are those of a configuration; a
// provider may also say enabled, and an endpoint's prices can be changed one by one.
func ParseChange(name string, text []byte, getenv func(string) string) (*Change, error) {
	c := defaults()
	c.getenv, c.File = getenv, name
	c.source = newSource(name, text, getenv)
	ch := &Change{config: c, Enabled: map[string]bool{}, prices: map[string]map[string]string{}, at: map[string]value{}}
	if s := c.source; s.root != nil {
		s.value(s.root, s.root.GetToken(), "").members(
			member{"providers", func(v value) { v.each(ch.readProvider) }},
			member{"models", func(v value) { v.each(c.readModel) }},
			member{"prices", func(v value) { v.each(ch.readPrices) }},
			member{"policy", ch.readPolicy},
		)
	}
	if len(c.source.errs) > 0 {
		return nil, errors.Join(c.source.errs...)
	}
	return ch, nil
}

func (ch *Change) readProvider(slug string, v value) {
	var enabled *bool
	ch.config.readProvider(slug, v, member{"enabled", given(&enabled, parseBool)})
	entries := ch.config.providers
	switch {
	case enabled != nil:
		ch.Enabled[slug] = *enabled
	case entries[len(entries)-1].connect: // who says how to reach it has a key for it
		ch.Enabled[slug] = true
	}
}

func (ch *Change) readPrices(endpoint string, v value) {
	var sheet catalog.Prices
	known := map[string]string{}
	for _, m := range priceMembers(&sheet) {
		known[m.name] = ""
	}
	ch.at[endpoint], ch.prices[endpoint] = v, map[string]string{}
	v.each(func(name string, v value) {
		if _, ok := known[name]; !ok {
			v.fail("unknown key; known here: %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
			return
		}
		var p catalog.Price
		if scalar(&p, parsePrice)(v); p.Listed() {
			ch.prices[endpoint][name] = p.Text
		}
	})
}

func (ch *Change) readPolicy(v value) {
	v.members(
		member{"zdr", scalar(&ch.ZDR, parseBool)},
		member{"deny_training", scalar(&ch.NoTraining, parseBool)},
		member{"only", ch.readNames(&ch.Only)},
		member{"ignore", ch.readNames(&ch.Ignore)},
		member{"max_price", func(v value) {
			v.members(
				member{"prompt", given(&ch.MaxPrompt, parsePerMillion)},
				member{"completion", given(&ch.MaxCompletion, parsePerMillion)},
			)
		}},
	)
}

func (ch *Change) readNames(into *[]string) func(value) {
	return func(v value) {
		words(into, plain)(v)
		for _, name := range *into {
			ch.names = append(ch.names, named{name, v})
		}
	}
}

// parsePerMillion reads dollars per million tokens, as requests say it, and returns them
// per token, rounded down.
func parsePerMillion(s string) (money.Pico, error) {
	p, err := money.ParsePico(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a decimal of dollars per million tokens", s)
	}
	return p / 1_000_000, nil
}

// Apply is a catalogue with the change made. What the change names and the catalogue
// does not have is passed over: an older one may lack it.
func (ch *Change) Apply(base catalog.Data) (catalog.Data, error) {
	d, err := ch.config.Catalogue(base)
	if err != nil {
		return catalog.Data{}, err
	}
	if len(ch.prices) == 0 {
		return d, nil
	}
	d.Version += "+prices"
	for i := range d.Models {
		m := &d.Models[i]
		for j, e := range m.Endpoints {
			tag := e.Tag
			if tag == "" {
				tag = e.Provider
			}
			if changed, ok := ch.prices[m.ID+"@"+tag]; ok {
				x := *e
				reprice(&x.Prices, changed)
				m.Endpoints[j] = &x
			}
		}
	}
	return d, nil
}

func reprice(sheet *catalog.Prices, changed map[string]string) {
	sheet.Routed = false
	for name, p := range sheet.All {
		if text, ok := changed[name]; ok {
			*p, _ = parsePrice(text) // it was read before
		}
	}
}

// Unknown are the endpoints whose prices the change names, and the providers and tags of
// its policy, that the catalogue does not have: most likely they are misspelt.
func (ch *Change) Unknown(snap *catalog.Snapshot) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(ch.prices)) {
		if _, ok := snap.Endpoint(id); !ok {
			errs = append(errs, ch.at[id].err("the catalogue has no endpoint of this name: turnpike models show MODEL lists a model's, which are named MODEL@ENDPOINT"))
		}
	}
	for _, n := range ch.names {
		if !meant(snap, n.name) {
			errs = append(errs, n.at.err("%q is neither a provider of the catalogue nor an endpoint's tag: turnpike models show MODEL lists a model's", n.name))
		}
	}
	return errors.Join(errs...)
}

// meant reports that a name means any endpoint, in any case of letters.
func meant(snap *catalog.Snapshot, name string) bool {
	for _, m := range snap.Models() {
		for _, e := range m.Endpoints {
			if strings.EqualFold(name, e.Provider) || strings.EqualFold(name, e.Tag) {
				return true
			}
		}
	}
	return false
}
