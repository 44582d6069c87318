package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// upstream is OpenRouter as a provider: its id at models.dev, and its slug.
const upstream = "openrouter"

type file struct {
	name string
	data []byte
}

// generate makes the files of a snapshot, and fails if [catalog.New] would not
// take them.
func generate(src *sources, hand *handKept) ([]file, error) {
	g := &generator{src: src, hand: hand, models: map[string]*catalog.ModelRecord{}}
	if err := errors.Join(g.readProviders(), g.listModels()); err != nil {
		return nil, err
	}
	if err := errors.Join(g.listEndpoints(), g.applyOverlay()); err != nil {
		return nil, err
	}
	return g.write()
}

type generator struct {
	src  *sources
	hand *handKept

	providers map[string]*provider // by id at models.dev, or by slug
	bySlug    map[string]*provider
	models    map[string]*catalog.ModelRecord
	endpoints []*catalog.EndpointRecord
	policies  map[string]*catalog.PolicyRecord  // by provider slug
	regions   map[string]catalog.EvidenceRecord // by provider slug: why its regional endpoints stay in their region
}

func (g *generator) readProviders() error {
	g.providers = map[string]*provider{}
	g.bySlug = map[string]*provider{}
	g.policies = map[string]*catalog.PolicyRecord{}
	g.regions = map[string]catalog.EvidenceRecord{}
	var errs []error
	for i := range g.hand.providers {
		p := &g.hand.providers[i]
		key := cmp.Or(p.ID, p.Slug)
		if _, ok := g.providers[key]; ok {
			errs = append(errs, fmt.Errorf("providers.yaml: %s is listed twice", key))
		}
		g.providers[key] = p
		if p.Skip != "" {
			continue
		}
		if p.Slug == "" || g.bySlug[p.Slug] != nil {
			errs = append(errs, fmt.Errorf("providers.yaml: %s: slug %q is empty or taken", key, p.Slug))
		}
		g.bySlug[p.Slug] = p
		if _, ok := g.src.modelsdev[p.ID]; p.ID != "" && !ok {
			errs = append(errs, fmt.Errorf("providers.yaml: %s is not in models.dev", p.ID))
		}
	}
	for id := range g.src.modelsdev {
		if g.providers[id] == nil {
			errs = append(errs, fmt.Errorf("providers.yaml: %s of models.dev is not reviewed", id))
		}
	}
	for _, f := range g.hand.overlay.Policies {
		if g.bySlug[f.Provider] == nil || g.policies[f.Provider] != nil {
			errs = append(errs, fmt.Errorf("overlay.yaml: policy of %q: no such provider, or a second one", f.Provider))
		}
		g.policies[f.Provider] = f.Stated.record()
	}
	for _, f := range g.hand.overlay.Regions {
		if g.bySlug[f.Provider] == nil {
			errs = append(errs, fmt.Errorf("overlay.yaml: regions of %q: no such provider", f.Provider))
		}
		g.regions[f.Provider] = f.Evidence.record()
	}
	return errors.Join(errs...)
}

// listEndpoints joins what every provider serves to the models.
func (g *generator) listEndpoints() error {
	byBase := map[string][]string{} // base model -> slugs, without the free ones
	for slug, m := range g.src.modelsdev[upstream].Models {
		if m.BaseModel != "" && !strings.Contains(slug, ":") {
			byBase[m.BaseModel] = append(byBase[m.BaseModel], slug)
		}
	}
	used := map[nativeKey]bool{}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(g.src.modelsdev)) {
		p := g.providers[id]
		if p.Skip != "" || id == upstream {
			continue
		}
		models := g.src.modelsdev[id].Models
		for _, name := range slices.Sorted(maps.Keys(models)) {
			m := models[name]
			key := nativeKey{id, name}
			n, reviewed := g.hand.natives[key]
			used[key] = true
			if !reviewed {
				slugs := byBase[m.BaseModel]
				if len(slugs) > 1 {
					errs = append(errs, fmt.Errorf("natives.tsv: %s %s could be any of %q", id, name, slugs))
				}
				if len(slugs) != 1 {
					continue
				}
				n.slug = slugs[0]
			}
			if n.slug == "-" {
				continue
			}
			model := g.models[n.slug]
			if model == nil {
				errs = append(errs, fmt.Errorf("natives.tsv: %s %s: there is no model %q", id, name, n.slug))
				continue
			}
			if err := g.addEndpoints(p, name, m, n, model); err != nil {
				errs = append(errs, fmt.Errorf("%s %s: %w", id, name, err))
			}
		}
	}
	for key := range g.hand.natives {
		if !used[key] {
			errs = append(errs, fmt.Errorf("natives.tsv: %s %s is not in models.dev, or its provider is left out", key.provider, key.name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// addEndpoints adds what a provider serves under a native name, and its fast
// mode if that is a model of its own.
func (g *generator) addEndpoints(p *provider, name string, m devModel, n native, model *catalog.ModelRecord) error {
	if m.Cost.Input == nil || m.Cost.free() && !n.free {
		return nil // not listed: an absent price is not a price of 0, and a paid vendor's 0 is no price
	}
	e, err := g.endpoint(p, name, m, n, model)
	if err != nil {
		return err
	}
	g.endpoints = append(g.endpoints, e)

	mode := m.Experimental.Modes["fast"]
	fast := g.models[model.ID+"-fast"]
	if p.Dialect != "messages" || fast == nil || mode.Provider.Body["speed"] == nil {
		return nil
	}
	m.Cost = mode.Cost
	e, err = g.endpoint(p, name, m, n, fast)
	if err != nil {
		return err
	}
	e.Headers = mode.Provider.Headers
	e.Body = map[string]string{}
	for member, value := range mode.Provider.Body {
		e.Body[member] = string(value)
	}
	g.endpoints = append(g.endpoints, e)
	return nil
}

func (g *generator) endpoint(p *provider, name string, m devModel, n native, model *catalog.ModelRecord) (*catalog.EndpointRecord, error) {
	pricing, err := m.Cost.pricing()
	if err != nil {
		return nil, err
	}
	e := &catalog.EndpointRecord{
		Model:               model.ID,
		Provider:            p.Slug,
		Native:              name,
		ContextLength:       m.Limit.Context,
		MaxCompletionTokens: m.Limit.Output,
		MaxPromptTokens:     m.Limit.Input,
		Quantization:        cmp.Or(n.quantization, quantizationOf(name)),
		InputModalities:     inputModalities(m.Modalities.Input),
		Tier:                n.tier,
		Deprecated:          m.Status == "deprecated",
		Pricing:             pricing,
	}
	e.Dialect, e.BaseURL = dialectOf(p, name, m)
	e.Dialect = cmp.Or(n.dialect, e.Dialect)
	maker := slices.Contains(p.Authors, author(model.ID))
	e.SupportedParameters = g.parameters(model.ID, m, maker, cmp.Or(e.Dialect, p.Dialect))

	region := regionOf(p.Slug, name)
	tag := cmp.Or(n.tag, region)
	if tag == "" && quantizationOf(name) != "" {
		tag = e.Quantization
	}
	if tag != "" {
		e.Tag = p.Slug + "/" + tag
	}
	if why, ok := g.regions[p.Slug]; ok && region != "" && region != "global" {
		e.Policy = &catalog.PolicyRecord{Region: region, EvidenceRecord: why}
	}
	if maker { // OpenRouter passes its price of a search on
		e.Pricing.WebSearch = g.src.openrouter[model.ID].Pricing.WebSearch
	}
	return e, nil
}

func (g *generator) applyOverlay() error {
	own := map[string]*catalog.EndpointRecord{}
	for _, e := range g.endpoints {
		if e.Provider == upstream {
			own[e.Model] = e
		}
	}
	var errs []error
	for _, f := range g.hand.overlay.Endpoints {
		like := own[f.Model]
		if like == nil || g.bySlug[f.Provider] == nil {
			errs = append(errs, fmt.Errorf("overlay.yaml: endpoint of %s at %s: no such model or provider", f.Model, f.Provider))
			continue
		}
		e := new(*like)
		e.Provider, e.Tag, e.Native, e.BaseURL = f.Provider, "", f.Native, f.BaseURL
		e.Policy = f.Stated.record()
		g.endpoints = append(g.endpoints, e)
	}
	for _, f := range g.hand.overlay.EndpointPolicies {
		found := false
		for _, e := range g.endpoints {
			prefix, all := strings.CutSuffix(f.Model, "*")
			if e.Provider != f.Provider || e.Model != f.Model && (!all || !strings.HasPrefix(e.Model, prefix)) {
				continue
			}
			found = true
			e.Policy = f.Stated.record()
			if f.Unknown {
				e.Policy = &catalog.PolicyRecord{}
			}
		}
		if !found && !strings.HasSuffix(f.Model, "*") {
			errs = append(errs, fmt.Errorf("overlay.yaml: policy of %s at %s: no such endpoint", f.Model, f.Provider))
		}
	}
	for _, f := range g.hand.overlay.Aliases {
		m := g.models[f.To]
		if m == nil {
			errs = append(errs, fmt.Errorf("overlay.yaml: alias %s: no model %s", f.From, f.To))
			continue
		}
		m.Aliases = append(m.Aliases, f.From)
	}
	return errors.Join(errs...)
}

// write puts the records in order, encodes them and makes sure they are a valid
// catalogue.
func (g *generator) write() ([]file, error) {
	serves := map[string]bool{}
	for _, e := range g.endpoints {
		serves[e.Provider] = true
	}
	var providers, models, endpoints bytes.Buffer
	for _, slug := range slices.Sorted(maps.Keys(serves)) {
		p := g.bySlug[slug]
		if err := appendLine(&providers, catalog.ProviderRecord{
			Slug:              p.Slug,
			Name:              p.Name,
			PrivacyPolicyURL:  p.PrivacyPolicyURL,
			TermsOfServiceURL: p.TermsOfServiceURL,
			StatusPageURL:     p.StatusPageURL,
			Headquarters:      p.Headquarters,
			Policy:            g.policies[slug],
		}); err != nil {
			return nil, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g.models)) {
		slices.Sort(g.models[id].Aliases)
		if err := appendLine(&models, g.models[id]); err != nil {
			return nil, err
		}
	}
	if err := g.sortEndpoints(); err != nil {
		return nil, err
	}
	for _, e := range g.endpoints {
		if slices.Equal(e.InputModalities, g.models[e.Model].InputModalities) {
			e.InputModalities = nil
		}
		if err := appendLine(&endpoints, e); err != nil {
			return nil, err
		}
	}
	hash := sha256.New()
	for _, b := range []*bytes.Buffer{&providers, &models, &endpoints} {
		hash.Write(b.Bytes())
	}
	version := g.src.date + "-" + hex.EncodeToString(hash.Sum(nil))[:12] + "\n"
	files := []file{
		{"VERSION", []byte(version)},
		{"providers.jsonl", providers.Bytes()},
		{"models.jsonl", models.Bytes()},
		{"endpoints.jsonl", endpoints.Bytes()},
	}
	return files, valid(files)
}

func valid(files []file) error {
	data, err := catalog.Decode(func(name string) ([]byte, error) {
		i := slices.IndexFunc(files, func(f file) bool { return f.name == name })
		return files[i].data, nil
	})
	if err != nil {
		return err
	}
	_, err = catalog.New(data)
	return err
}

// sortEndpoints sorts by model, and within a model puts the primary endpoint
// first: its maker's before others, plain ones before regions and variants,
// those that stay before deprecated ones, cheap before dear; tiers that need an
// opt-in, and then OpenRouter, last.
func (g *generator) sortEndpoints() error {
	rank := func(e *catalog.EndpointRecord) int {
		maker := slices.Contains(g.bySlug[e.Provider].Authors, author(e.Model))
		switch {
		case e.Provider == upstream:
			return 6
		case e.Tier != "":
			return 5
		case e.Deprecated:
			return 4
		case maker && e.Tag == "":
			return 1
		case e.Tag == "":
			return 2
		}
		return 3
	}
	price := map[*catalog.EndpointRecord]catalog.Price{}
	for _, e := range g.endpoints {
		if e.Pricing.Routed {
			continue
		}
		for _, text := range []string{e.Pricing.Prompt, e.Pricing.Completion} {
			p, err := catalog.ParsePrice(text)
			if err != nil {
				return fmt.Errorf("%s at %s: %w", e.Model, e.Provider, err)
			}
			sum := price[e]
			sum.Unit += p.Unit
			price[e] = sum
		}
	}
	slices.SortFunc(g.endpoints, func(a, b *catalog.EndpointRecord) int {
		return cmp.Or(
			cmp.Compare(a.Model, b.Model),
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(price[a].Unit, price[b].Unit),
			cmp.Compare(a.Provider, b.Provider),
			cmp.Compare(a.Tag, b.Tag),
			cmp.Compare(a.Native, b.Native),
		)
	})
	return nil
}

func appendLine(b *bytes.Buffer, record any) error {
	line, err := json.Marshal(record, json.Deterministic(true))
	if err != nil {
		return err
	}
	b.Write(line)
	return b.WriteByte('\n')
}

func author(slug string) string {
	a, _, _ := strings.Cut(slug, "/")
	return strings.TrimPrefix(a, "~")
}
