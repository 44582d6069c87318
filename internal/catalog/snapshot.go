package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Data is a catalogue as it is written down: what [Builtin] decodes, what an
// operator's overlay changes, and what [New] turns into a [Snapshot].
type Data struct {
	Version   string // names the snapshot; every charge pins it (trust I9)
	Providers []Provider
	Models    []Model           // with their Endpoints
	Aliases   map[string]string // old slug -> id of a model (SL-11)
}

// Snapshot is a validated, indexed catalogue. It never changes, so any number
// of goroutines may read it; what it returns must not be written to.
type Snapshot struct {
	definition Data

	models    []*Model // newest first, then by id
	providers []*Provider

	byID       map[string]*Model
	bySlug     map[string]*Provider
	byEndpoint map[string]*Endpoint
	names      map[string]string // canonical slugs and aliases -> id
	families   map[string][]*Model
}

// New validates d and indexes it. What a definition leaves out is filled in:
// endpoint ids, parameter sets and unions, price units and versions, tags (the
// provider's slug), modalities (text, or the model's), and data policies (fact by
// fact the provider's, or else the conservative assumption of DP-02). An error names
// the provider, model or endpoint, the field, and what is wrong with it.
func New(d Data) (*Snapshot, error) {
	if d.Version == "" {
		return nil, errors.New("catalog: version: must not be empty")
	}
	s := &Snapshot{
		definition: d.clone(),
		byID:       make(map[string]*Model, len(d.Models)),
		bySlug:     make(map[string]*Provider, len(d.Providers)),
		byEndpoint: make(map[string]*Endpoint, 4*len(d.Models)),
		names:      make(map[string]string, len(d.Models)+len(d.Aliases)),
		families:   map[string][]*Model{},
	}
	work := d.clone()
	for i := range work.Providers {
		if err := s.addProvider(&work.Providers[i]); err != nil {
			return nil, err
		}
	}
	for i := range work.Models {
		if err := s.addModel(&work.Models[i], d.Version); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(s.providers, func(a, b *Provider) int { return cmp.Compare(a.Slug, b.Slug) })
	slices.SortFunc(s.models, func(a, b *Model) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), cmp.Compare(a.ID, b.ID))
	})
	if err := s.addNames(d.Aliases); err != nil {
		return nil, err
	}
	for _, m := range s.models {
		if family := familyOf(m.ID); family != "" && !m.Hidden {
			s.families[family] = append(s.families[family], m)
		}
	}
	return s, nil
}

// Version names the snapshot.
func (s *Snapshot) Version() string { return s.definition.Version }

// Model finds a model by its id, by its canonical slug or by an alias, in that
// order. A static variant is a model of its own: "a/b:free" never finds "a/b".
func (s *Snapshot) Model(id string) (*Model, bool) {
	if m, ok := s.byID[id]; ok {
		return m, true
	}
	m, ok := s.byID[s.names[id]]
	return m, ok
}

// Models lists all models in catalogue order: newest first, then by id.
func (s *Snapshot) Models() []*Model { return slices.Clone(s.models) }

// Provider finds a provider by its slug.
func (s *Snapshot) Provider(slug string) (*Provider, bool) {
	p, ok := s.bySlug[slug]
	return p, ok
}

// Providers lists all providers by slug.
func (s *Snapshot) Providers() []*Provider { return slices.Clone(s.providers) }

// Endpoint finds an endpoint by its id, "<model id>@<tag>".
func (s *Snapshot) Endpoint(id string) (*Endpoint, bool) {
	e, ok := s.byEndpoint[id]
	return e, ok
}

// Data returns a deep copy of the definition the snapshot was made from, without
// anything that [New] filled in: a policy put on a provider by an overlay so
// reaches the endpoints that state none.
func (s *Snapshot) Data() Data { return s.definition.clone() }

// ParsePrice makes a price from a decimal in dollars per unit.
func ParsePrice(text string) (Price, error) {
	unit, err := money.ParsePico(text)
	if err != nil {
		return Price{}, err
	}
	return Price{Text: text, Unit: unit}, nil
}

// All yields every price of the sheet under its public name, listed or not,
// without the overrides.
func (p *Prices) All(yield func(name string, price *Price) bool) {
	for _, x := range []struct {
		name  string
		price *Price
	}{
		{"prompt", &p.Prompt},
		{"completion", &p.Completion},
		{"request", &p.Request},
		{"image", &p.Image},
		{"image_token", &p.ImageToken},
		{"image_output", &p.ImageOutput},
		{"audio", &p.Audio},
		{"audio_output", &p.AudioOutput},
		{"input_audio_cache", &p.InputAudioCache},
		{"web_search", &p.WebSearch},
		{"internal_reasoning", &p.InternalReasoning},
		{"input_cache_read", &p.CacheRead},
		{"input_cache_write", &p.CacheWrite},
		{"input_cache_write_1h", &p.CacheWrite1h},
	} {
		if !yield(x.name, x.price) {
			return
		}
	}
}

func (s *Snapshot) addProvider(p *Provider) error {
	if err := checkProvider(p); err != nil {
		return fmt.Errorf("catalog: provider %q: %w", p.Slug, err)
	}
	if _, ok := s.bySlug[p.Slug]; ok {
		return fmt.Errorf("catalog: provider %q: slug: listed twice", p.Slug)
	}
	p.Policy = p.Policy.settled()
	p.Policy.Alone = false
	s.bySlug[p.Slug] = p
	s.providers = append(s.providers, p)
	return nil
}

func (s *Snapshot) addModel(m *Model, version string) error {
	if m.CanonicalSlug == "" {
		m.CanonicalSlug = m.ID
	}
	if len(m.InputModalities) == 0 {
		m.InputModalities = []string{"text"}
	}
	if len(m.OutputModalities) == 0 {
		m.OutputModalities = []string{"text"}
	}
	if err := checkModel(m); err != nil {
		return fmt.Errorf("catalog: model %q: %w", m.ID, err)
	}
	if _, ok := s.byID[m.ID]; ok {
		return fmt.Errorf("catalog: model %q: id: listed twice", m.ID)
	}
	union := map[string]bool{}
	for _, e := range m.Endpoints {
		if err := s.addEndpoint(m, e, version); err != nil {
			return fmt.Errorf("catalog: model %q: endpoint %q: %w", m.ID, cmp.Or(e.Tag, e.Provider), err)
		}
		maps.Copy(union, e.Parameters)
	}
	m.SupportedParameters = slices.Sorted(maps.Keys(union))
	s.byID[m.ID] = m
	s.models = append(s.models, m)
	return nil
}

func (s *Snapshot) addEndpoint(m *Model, e *Endpoint, version string) error {
	p, ok := s.bySlug[e.Provider]
	if !ok {
		return fmt.Errorf("provider: %q is not in the catalogue", e.Provider)
	}
	if e.Model != "" && e.Model != m.ID {
		return fmt.Errorf("model: is %q", e.Model)
	}
	e.Model = m.ID
	e.Tag = cmp.Or(e.Tag, e.Provider)
	if len(e.InputModalities) == 0 {
		e.InputModalities = slices.Clone(m.InputModalities)
	}
	if err := checkEndpoint(m, e); err != nil {
		return err
	}
	e.ID = e.Model + "@" + e.Tag
	if _, ok := s.byEndpoint[e.ID]; ok {
		return errors.New("tag: listed twice; give one of the two a suffix")
	}
	e.Policy = e.Policy.Over(p.Policy)
	e.Policy.Alone = false // it is whole
	e.Parameters = make(map[string]bool, len(e.SupportedParameters))
	for _, name := range e.SupportedParameters {
		e.Parameters[name] = true
	}
	e.SupportedParameters = slices.Sorted(maps.Keys(e.Parameters))
	e.Prices.Version = version
	for i := range e.Prices.Overrides {
		e.Prices.Overrides[i].Prices.Version = version
	}
	s.byEndpoint[e.ID] = e
	return nil
}

// addNames makes canonical slugs and aliases resolve. Variants of a model share
// its canonical slug, which then means the plain one; the slug with the
// variant's suffix means the variant.
func (s *Snapshot) addNames(aliases map[string]string) error {
	for _, m := range s.models {
		name := m.CanonicalSlug
		if _, variant, ok := strings.Cut(m.ID, ":"); ok {
			if !strings.HasSuffix(name, ":"+variant) {
				name += ":" + variant
			}
		}
		if other, ok := s.names[name]; ok {
			return fmt.Errorf("catalog: model %q: canonical_slug: %q is that of %q already", m.ID, name, other)
		}
		s.names[name] = m.ID
	}
	for _, m := range s.models { // a variant without a plain model
		if _, ok := s.names[m.CanonicalSlug]; !ok {
			s.names[m.CanonicalSlug] = m.ID
		}
	}
	for _, from := range slices.Sorted(maps.Keys(aliases)) {
		to := aliases[from]
		if _, ok := s.byID[to]; !ok {
			return fmt.Errorf("catalog: alias %q: %q is not the id of a model", from, to)
		}
		if err := checkModelID(from); err != nil {
			return fmt.Errorf("catalog: alias %q: %w", from, err)
		}
		if _, ok := s.byID[from]; ok {
			return fmt.Errorf("catalog: alias %q: is the id of a model", from)
		}
		if other, ok := s.names[from]; ok && other != to {
			return fmt.Errorf("catalog: alias %q: is the canonical slug of %q", from, other)
		}
		s.names[from] = to
	}
	return nil
}

func (d Data) clone() Data {
	c := d
	c.Aliases = maps.Clone(d.Aliases)
	c.Providers = slices.Clone(d.Providers)
	for i := range c.Providers {
		c.Providers[i].Datacenters = slices.Clone(c.Providers[i].Datacenters)
		c.Providers[i].Policy.Subprocessors = slices.Clone(c.Providers[i].Policy.Subprocessors)
	}
	c.Models = slices.Clone(d.Models)
	for i := range c.Models {
		m := &c.Models[i]
		m.InputModalities = slices.Clone(m.InputModalities)
		m.OutputModalities = slices.Clone(m.OutputModalities)
		m.DefaultParameters = maps.Clone(m.DefaultParameters)
		m.SupportedParameters = slices.Clone(m.SupportedParameters)
		if m.Reasoning != nil {
			r := *m.Reasoning
			r.Efforts = slices.Clone(r.Efforts)
			m.Reasoning = &r
		}
		m.Endpoints = slices.Clone(m.Endpoints)
		for j, e := range m.Endpoints {
			m.Endpoints[j] = e.clone()
		}
	}
	return c
}

func (e *Endpoint) clone() *Endpoint {
	c := *e
	c.Parameters = maps.Clone(e.Parameters)
	c.SupportedParameters = slices.Clone(e.SupportedParameters)
	c.InputModalities = slices.Clone(e.InputModalities)
	c.Policy.Subprocessors = slices.Clone(e.Policy.Subprocessors)
	c.Fixed.Headers = maps.Clone(e.Fixed.Headers)
	c.Fixed.Body = maps.Clone(e.Fixed.Body)
	c.Prices.Overrides = slices.Clone(e.Prices.Overrides)
	return &c
}
