package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/discover"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Catalogue is the built-in catalogue (without its models, if catalog.builtin is
// false), then what also brings (the sim's, what discovery found: models that
// are not there yet), then the file's entries. An entry with the name of one
// that is there changes it member by member; lists, a model's endpoints among
// them, are replaced. Variables in base URLs of endpoints are filled in where
// they are set.
//
// What was added or changed is part of the version, since charges pin it (I9).
// The error joins one *[Error] for everything that is wrong.
func (c *Config) Catalogue(builtin catalog.Data, also ...catalog.Data) (catalog.Data, error) {
	o := overlay{
		c:         c,
		aliases:   map[string]string{},
		providers: map[string]*catalog.Provider{},
		models:    map[string]*catalog.Model{},
		kept:      map[string]bool{},
		changed:   sha256.New(),
	}
	variables := map[string]func(string) string{}
	for _, s := range provider.All() { // some are asked for models that only a file names
		o.providers[s.Slug] = &catalog.Provider{Slug: s.Slug, Name: s.Slug}
		variables[s.Slug] = c.variables(s)
	}
	for _, s := range discover.Servers() { // also where discovery is off
		p := s.Provider()
		o.providers[p.Slug] = &p
	}
	for _, p := range builtin.Providers {
		o.providers[p.Slug] = &p
	}
	if c.Catalog.Builtin {
		maps.Copy(o.aliases, builtin.Aliases)
		for _, m := range builtin.Models {
			o.models[m.ID] = &m
		}
		for _, p := range builtin.Providers {
			o.kept[p.Slug] = true
		}
	}
	untouched := hex.EncodeToString(o.changed.Sum(nil))
	for _, d := range also {
		o.add(d)
	}
	for _, p := range c.providers {
		o.provider(p)
	}
	for _, m := range c.models {
		o.model(m)
	}
	if len(o.errs) > 0 {
		return catalog.Data{}, errors.Join(o.errs...)
	}

	d := catalog.Data{Version: builtin.Version, Aliases: o.aliases}
	if sum := hex.EncodeToString(o.changed.Sum(nil)); sum != untouched || !c.Catalog.Builtin {
		d.Version += "+" + sum[:12]
	}
	for _, slug := range slices.Sorted(maps.Keys(o.kept)) {
		d.Providers = append(d.Providers, *o.providers[slug])
	}
	for _, id := range slices.Sorted(maps.Keys(o.models)) {
		m := *o.models[id]
		m.Endpoints = slices.Clone(m.Endpoints)
		for i, e := range m.Endpoints {
			get := variables[e.Provider]
			if e.BaseURL == "" || get == nil { // the file's own names none
				continue
			}
			if url, err := provider.Resolve(e.BaseURL, get); err == nil {
				x := *e
				x.BaseURL = url
				m.Endpoints[i] = &x
			}
		}
		d.Models = append(d.Models, m)
	}
	return d, nil
}

// overlay is a catalogue being merged.
type overlay struct {
	c         *Config
	aliases   map[string]string
	providers map[string]*catalog.Provider
	models    map[string]*catalog.Model
	kept      map[string]bool // providers that end up in the catalogue
	changed   hash.Hash
	errs      []error
}

func (o *overlay) add(d catalog.Data) {
	for _, p := range d.Providers {
		if o.kept[p.Slug] {
			continue
		}
		o.keepProvider(p)
	}
	for _, m := range d.Models {
		if o.models[m.ID] != nil || o.aliases[m.ID] != "" {
			continue
		}
		o.models[m.ID] = &m
		o.note(unplaced(m))
	}
	for from, to := range d.Aliases {
		if o.models[from] == nil && o.aliases[from] == "" && o.models[to] != nil {
			o.aliases[from] = to
		}
	}
}

func (o *overlay) provider(e providerEntry) {
	p := catalog.Provider{Slug: e.slug, Name: e.slug}
	if known := o.providers[e.slug]; known != nil {
		p = *known
	} else if e.baseURL == "" {
		o.errs = append(o.errs, e.err("base_url: is missing: %q is no built-in provider", e.slug))
		return
	}
	p.Name = cmp.Or(e.name, p.Name)
	p.PrivacyPolicyURL = cmp.Or(e.privacy, p.PrivacyPolicyURL)
	p.TermsOfServiceURL = cmp.Or(e.terms, p.TermsOfServiceURL)
	p.StatusPageURL = cmp.Or(e.status, p.StatusPageURL)
	if isServer(e.slug) && e.baseURL != "" && !onThisMachine(e.baseURL) {
		p.Policy = catalog.DataPolicy{} // what holds on this machine is not known elsewhere
	}
	p.Policy = e.policy.over(p.Policy)
	if err := check(catalog.Data{Providers: []catalog.Provider{p}}, "provider", e.slug); err != nil {
		o.errs = append(o.errs, e.err("%v", err))
		return
	}
	o.keepProvider(p)
}

func (o *overlay) model(e modelEntry) {
	m := catalog.Model{ID: e.id, Name: e.id}
	if known := o.models[e.id]; known != nil {
		m = *known
	} else {
		delete(o.aliases, e.id)
		if e.endpoints == nil {
			o.errs = append(o.errs, e.err("endpoints: is missing: %q is no built-in model", e.id))
			return
		}
	}
	m.Name = cmp.Or(e.name, m.Name)
	m.Description = cmp.Or(e.description, m.Description)
	m.Created = cmp.Or(e.created, m.Created)
	m.Tokenizer = cmp.Or(e.tokenizer, m.Tokenizer)
	m.KnowledgeCutoff = cmp.Or(e.cutoff, m.KnowledgeCutoff)
	m.ExpirationDate = cmp.Or(e.expires, m.ExpirationDate)
	m.CodingScore = cmp.Or(e.coding, m.CodingScore)
	if e.hidden != nil {
		m.Hidden = *e.hidden
	}
	if e.distillable != nil {
		m.Distillable = *e.distillable
	}
	if e.reasoning != nil {
		m.Reasoning = e.reasoning
	}
	m.ContextLength = cmp.Or(e.context, m.ContextLength)
	if e.input != nil {
		m.InputModalities = e.input
	}
	if e.output != nil {
		m.OutputModalities = e.output
	}
	if e.endpoints != nil {
		m.Endpoints = nil
	}
	wrong := len(o.errs)
	used := map[string]*catalog.Provider{}
	for _, x := range e.endpoints {
		p := o.providers[x.endpoint.Provider]
		if p == nil {
			o.errs = append(o.errs, e.source.err(x.providerAt, x.path+".provider",
				"%q is neither a built-in provider nor one of this file", x.endpoint.Provider))
			continue
		}
		if !o.kept[p.Slug] {
			o.keepProvider(*p)
		}
		end := x.endpoint
		end.ContextLength = cmp.Or(end.ContextLength, m.ContextLength)
		end.Policy = x.policy.facts
		m.Endpoints = append(m.Endpoints, &end)
	}
	if len(o.errs) > wrong {
		return
	}
	for _, x := range m.Endpoints {
		used[x.Provider] = o.providers[x.Provider]
	}
	d := catalog.Data{Models: []catalog.Model{m}}
	for _, p := range used {
		d.Providers = append(d.Providers, *p)
	}
	if err := check(d, "model", e.id); err != nil {
		o.errs = append(o.errs, e.err("%v", err))
		return
	}
	o.models[e.id] = &m
	o.note(m)
}

func (o *overlay) keepProvider(p catalog.Provider) {
	was, now := "", fmt.Sprintf("%#v\n", p)
	if o.kept[p.Slug] {
		was = fmt.Sprintf("%#v\n", *o.providers[p.Slug])
	}
	if was != now { // a key or a timeout makes no other catalogue
		o.changed.Write([]byte(now))
	}
	o.providers[p.Slug], o.kept[p.Slug] = &p, true
}

func isServer(slug string) bool {
	return slices.ContainsFunc(discover.Servers(), func(s discover.Server) bool { return s.Slug == slug })
}

func onThisMachine(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && a.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
}

// unplaced is the model without where its endpoints are: on which port sim happens to
// listen makes no other catalogue.
func unplaced(m catalog.Model) catalog.Model {
	m.Endpoints = slices.Clone(m.Endpoints)
	for i, e := range m.Endpoints {
		x := *e
		x.BaseURL = ""
		m.Endpoints[i] = &x
	}
	return m
}

// note makes the model part of the version.
func (o *overlay) note(m catalog.Model) {
	for _, e := range m.Endpoints {
		fmt.Fprintf(o.changed, "%#v\n", *e)
	}
	if m.Reasoning != nil {
		fmt.Fprintf(o.changed, "%#v\n", *m.Reasoning)
	}
	m.Endpoints, m.Reasoning = nil, nil
	fmt.Fprintf(o.changed, "%#v\n", m)
}

// check is the catalogue's own validation of one entry.
func check(d catalog.Data, what, name string) error {
	d.Version = "check"
	if _, err := catalog.New(d); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), fmt.Sprintf("catalog: %s %q: ", what, name)))
	}
	return nil
}
