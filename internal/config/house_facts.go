package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/discover"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// factsEntry is what the policy says of what becomes of prompts at a provider or an
// endpoint.
type factsEntry struct {
	policyEntry
	named
}

func (p *Policy) readFacts(v value) {
	read := func(into *[]factsEntry, check func(value, string)) func(value) {
		return func(v value) {
			v.each(func(name string, v value) {
				e := factsEntry{named: named{name, v}}
				readPolicy(&e.policyEntry)(v)
				check(v, name)
				*into = append(*into, e)
			})
		}
	}
	v.members(
		member{"providers", read(&p.providerFacts, func(value, string) {})},
		member{"endpoints", read(&p.endpointFacts, func(v value, id string) {
			if model, tag, ok := strings.Cut(id, "@"); !ok || model == "" || tag == "" {
				v.fail("is no endpoint: want model@tag, as turnpike models show MODEL lists them")
			}
		})},
	)
}

// Facts is a catalogue with the policy's facts in place of its own, fact by fact. What is
// said of an endpoint, wherever that is, goes before what is said of its provider (DP-01):
// it is there because the endpoint is different.
func (p *Policy) Facts(d catalog.Data) catalog.Data {
	if p == nil || len(p.providerFacts)+len(p.endpointFacts) == 0 {
		return d
	}
	changed := sha256.New()
	say := func(e *factsEntry, to *catalog.DataPolicy) {
		if e != nil {
			*to = e.over(*to)
			fmt.Fprintf(changed, "%s %#v\n", e.name, *to)
		}
	}
	providers, endpoints := byName(p.providerFacts), byName(p.endpointFacts)
	d.Providers, d.Models = slices.Clone(d.Providers), slices.Clone(d.Models)
	for i := range d.Providers {
		say(providers[d.Providers[i].Slug], &d.Providers[i].Policy)
	}
	for i := range d.Models {
		m := &d.Models[i]
		m.Endpoints = slices.Clone(m.Endpoints)
		for j, e := range m.Endpoints {
			x := *e
			say(endpoints[m.ID+"@"+cmp.Or(x.Tag, x.Provider)], &x.Policy)
			m.Endpoints[j] = &x
		}
	}
	d.Version += "+facts-" + hex.EncodeToString(changed.Sum(nil))[:12]
	return d
}

func byName(list []factsEntry) map[string]*factsEntry {
	out := make(map[string]*factsEntry, len(list))
	for i := range list {
		out[list[i].name] = &list[i]
	}
	return out
}

// Unknown are the names in the policy that the catalogue does not have: most likely they
// are misspelt, and what is misspelt among what is ignored is not ignored.
func (p *Policy) Unknown(snap *catalog.Snapshot) error {
	var errs []error
	slugs := map[string]bool{}
	for _, s := range provider.All() {
		slugs[s.Slug] = true
	}
	for _, s := range discover.Servers() {
		slugs[s.Slug] = true
	}
	isProvider := func(slug string) bool {
		_, ok := snap.Provider(slug)
		return ok || slugs[slug]
	}
	for _, n := range p.providers {
		if !isProvider(strings.ToLower(n.name)) && !meant(snap, n.name) {
			errs = append(errs, n.at.err("%q is neither a provider nor an endpoint's tag: turnpike models show MODEL lists a model's", n.name))
		}
	}
	for _, n := range p.models {
		if !modelled(snap, n.name) {
			errs = append(errs, n.at.err("%q is no model of the catalogue, nor an author's all, as author/*", n.name))
		}
	}
	for _, f := range p.providerFacts {
		if !isProvider(f.name) {
			errs = append(errs, f.named.at.err("there is no such provider"))
		}
	}
	for _, f := range p.endpointFacts {
		if _, ok := snap.Endpoint(f.name); !ok {
			errs = append(errs, f.named.at.err("the catalogue has no such endpoint: turnpike models show MODEL lists a model's, which are named MODEL@ENDPOINT"))
		}
	}
	return errors.Join(errs...)
}

// modelled reports whether an entry of a list of models means any.
func modelled(snap *catalog.Snapshot, name string) bool {
	author, all := strings.CutSuffix(name, "/*")
	for _, m := range snap.Models() {
		if all && len(m.ID) > len(author) && m.ID[len(author)] == '/' && strings.EqualFold(m.ID[:len(author)], author) ||
			strings.EqualFold(name, m.ID) || strings.EqualFold(name, m.CanonicalSlug) {
			return true
		}
	}
	return false
}

// Says counts the providers and endpoints that the policy says something of.
func (p *Policy) Says() int { return len(p.providerFacts) + len(p.endpointFacts) }
