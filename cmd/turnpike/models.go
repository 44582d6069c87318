package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
)

type modelsCmd struct {
	List modelsList `cmd:"" default:"withargs" help:"List models (the default)."`
	Show modelsShow `cmd:"" help:"Show a model's endpoints: provider, price, policy, and whether it can be asked."`
}

type modelsList struct {
	Provider string `help:"Only models that this provider serves." placeholder:"SLUG"`
	Live     bool   `help:"Only models that can be asked with the keys that are set."`
}

// Help is shown by turnpike models --help.
func (modelsCmd) Help() string {
	return `Example:
  turnpike models --live
  turnpike models show anthropic/claude-opus-4.8`
}

// Help is shown by turnpike models list --help.
func (modelsList) Help() string {
	return `Example:
  turnpike models list --live
  turnpike models list --provider sim`
}

func (a app) supply(ctx context.Context) (*config.Config, *supply, error) {
	c, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	door := egress.New(egress.Options{})
	defer door.CloseIdle()
	m, err := newMarket(ctx, c, door, "")
	if err != nil {
		return nil, nil, err
	}
	return c, m.supply(), nil
}

type modelRow struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Context    int64  `json:"context_length,omitempty"`
	Prompt     string `json:"prompt,omitempty"`
	Completion string `json:"completion,omitempty"`
	Endpoints  int    `json:"endpoints"`
	Live       int    `json:"live_endpoints"`
}

// Run lists models.
func (cmd modelsList) Run(ctx context.Context, a app) error {
	_, s, err := a.supply(ctx)
	if err != nil {
		return err
	}
	if _, ok := s.snapshot.Provider(cmd.Provider); cmd.Provider != "" && !ok {
		return fmt.Errorf("there is no provider %q in the catalogue: a slug is wanted, for example openai", cmd.Provider)
	}
	out := []modelRow{}
	var rows [][]string
	made := 0
	for _, m := range s.listed(time.Now()) {
		served := slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return e.Provider == cmd.Provider })
		if cmd.Provider != "" && !served {
			continue
		}
		r := modelRow{ID: m.ID, Name: m.Name, Context: m.ContextLength, Endpoints: len(m.Endpoints)}
		for _, e := range m.Endpoints {
			if s.barred(e) == "" {
				r.Live++
			}
		}
		if cmd.Live && r.Live == 0 && !(catalog.Router(m.ID) && s.picks()) {
			continue
		}
		prompt, completion := "-", "-"
		if len(m.Endpoints) > 0 {
			p := m.Endpoints[0].Prices
			r.Prompt, r.Completion = p.Prompt.Text, p.Completion.Text
			prompt, completion = perMillion(p.Prompt), perMillion(p.Completion)
		}
		if ofSim(m) {
			made++
		}
		out = append(out, r)
		rows = append(rows, []string{r.ID, tokens(r.Context), prompt, completion, strconv.Itoa(r.Endpoints), strconv.Itoa(r.Live)})
	}
	if err := a.print(out, []string{"MODEL", "CONTEXT", "PROMPT $/M", "COMPLETION $/M", "ENDPOINTS", "LIVE"}, rows); err != nil || a.json {
		return err
	}
	ofThem := ""
	if made > 0 {
		ofThem = fmt.Sprintf(", %d of them sim's", made)
	}
	fmt.Fprintf(a.out, "\n%d models%s. Prices are dollars per million tokens at the first endpoint.\n", len(rows), ofThem)
	return nil
}

// listed are the models with those that choose among the others.
func (s *supply) listed(at time.Time) []*catalog.Model {
	models := slices.DeleteFunc(s.snapshot.Models(), func(m *catalog.Model) bool { return catalog.Router(m.ID) })
	return append(models, s.snapshot.Routers(at)...)
}

// picks reports whether there is anything that a router could pick.
func (s *supply) picks() bool {
	return slices.ContainsFunc(s.snapshot.Models(), func(m *catalog.Model) bool {
		return !m.Hidden && slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return e.Plain() && s.barred(e) == "" })
	})
}

// perMillion is a unit price as people quote it.
func perMillion(p catalog.Price) string {
	if !p.Listed() {
		return "-"
	}
	return (p.Unit * 1_000_000).String()
}

func tokens(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

type modelsShow struct {
	ID string `arg:"" help:"Model, for example anthropic/claude-opus-4.8."`
}

// Help is shown by turnpike models show --help.
func (modelsShow) Help() string {
	return `Example:
  turnpike models show anthropic/claude-opus-4.8`
}

type endpointRow struct {
	Tag        string `json:"tag"`
	Provider   string `json:"provider"`
	Native     string `json:"native"`
	Prompt     string `json:"prompt"`
	Completion string `json:"completion"`
	CacheRead  string `json:"input_cache_read,omitempty"`
	Context    int64  `json:"context_length,omitempty"`
	MaxOutput  int64  `json:"max_completion_tokens,omitempty"`
	Policy     string `json:"data_policy"`
	Source     string `json:"data_policy_source,omitempty"`
	Facts      []fact `json:"facts"`
	ExcludedBy string `json:"excluded_by,omitempty"`
}

// Run shows one model.
func (cmd modelsShow) Run(ctx context.Context, a app) error {
	_, s, err := a.supply(ctx)
	if err != nil {
		return err
	}
	m, ok := s.snapshot.Model(cmd.ID)
	for _, r := range s.snapshot.Routers(time.Now()) {
		if r.ID == cmd.ID {
			m, ok = r, true
		}
	}
	if !ok {
		return fmt.Errorf("there is no model %q: turnpike models lists all", cmd.ID)
	}
	now := time.Now()
	out := []endpointRow{}
	var rows [][]string
	for _, e := range m.Endpoints {
		r := endpointRow{
			Tag: e.Tag, Provider: e.Provider, Native: e.Native, Prompt: e.Prices.Prompt.Text, Completion: e.Prices.Completion.Text,
			CacheRead: e.Prices.CacheRead.Text, Context: e.ContextLength, MaxOutput: e.MaxCompletionTokens,
			Policy: policyWords(e.Policy.At(now)), Source: e.Policy.Source, Facts: factsOf(&e.Policy, now), ExcludedBy: s.barred(e),
		}
		state := "live"
		if r.ExcludedBy != "" {
			state = r.ExcludedBy
		}
		out = append(out, r)
		rows = append(rows, []string{r.Tag, r.Native, perMillion(e.Prices.Prompt), perMillion(e.Prices.Completion), perMillion(e.Prices.CacheRead), tokens(r.Context), tokens(r.MaxOutput), r.Policy, state})
	}
	if !a.json {
		fmt.Fprintf(a.out, "%s (%s)\n%s\n", m.Name, m.ID, m.Description)
	}
	if err := a.print(out, []string{"ENDPOINT", "NATIVE NAME", "PROMPT $/M", "COMPLETION $/M", "CACHE READ $/M", "CONTEXT", "MAX OUTPUT", "DATA POLICY", "STATE"}, rows); err != nil || a.json {
		return err
	}
	return a.printFacts(out)
}

type catalogCmd struct {
	Validate catalogValidate `cmd:"" help:"Check the catalogue with the configuration's entries merged in."`
}

type catalogValidate struct{}

// Help is shown by turnpike catalog validate --help.
func (catalogValidate) Help() string {
	return `Example:
  turnpike --config turnpike.yaml catalog validate

What is wrong is named with file, line, column and field, all of it at once.`
}

// Run builds the catalogue and counts it.
func (catalogValidate) Run(ctx context.Context, a app) error {
	_, s, err := a.supply(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	var endpoints, live, zdr int
	for _, m := range s.snapshot.Models() {
		endpoints += len(m.Endpoints)
		for _, e := range m.Endpoints {
			if s.barred(e) == "" {
				live++
			}
			if e.Policy.At(now).ZDR {
				zdr++
			}
		}
	}
	out := struct {
		Version   string `json:"version"`
		Providers int    `json:"providers"`
		Models    int    `json:"models"`
		Endpoints int    `json:"endpoints"`
		Live      int    `json:"live_endpoints"`
		ZDR       int    `json:"zdr_endpoints"`
	}{s.snapshot.Version(), len(s.snapshot.Providers()), len(s.snapshot.Models()), endpoints, live, zdr}
	return a.print(out, []string{"CATALOGUE", "PROVIDERS", "MODELS", "ENDPOINTS", "LIVE", "ZERO RETENTION"},
		[][]string{{out.Version, strconv.Itoa(out.Providers), strconv.Itoa(out.Models), strconv.Itoa(endpoints), strconv.Itoa(live), strconv.Itoa(zdr)}})
}

type configCmd struct {
	Check configCheck `cmd:"" help:"Parse the configuration and say what is wrong, with file and line."`
}

type configCheck struct{}

// Help is shown by turnpike config check --help.
func (configCheck) Help() string {
	return `Example:
  turnpike --config turnpike.yaml config check`
}

// Run parses and builds everything that serving would.
func (configCheck) Run(ctx context.Context, a app) error {
	c, s, err := a.supply(ctx)
	if err != nil {
		return err
	}
	file := c.File
	if file == "" {
		file = "(none: defaults and environment)"
	}
	out := struct {
		File      string   `json:"file"`
		Listen    string   `json:"listen"`
		Database  string   `json:"database"`
		Providers []string `json:"live_providers"`
	}{c.File, c.Listen, c.Database, s.slugs()}
	return a.print(out, []string{"CONFIGURATION", "LISTEN", "DATABASE", "LIVE PROVIDERS"}, [][]string{{file, c.Listen, c.Database, strings.Join(out.Providers, ", ")}})
}

// slugs are the live providers that serve something.
func (s *supply) slugs() []string {
	out := []string{}
	for slug := range s.live {
		if _, ok := s.snapshot.Provider(slug); ok {
			out = append(out, slug)
		}
	}
	slices.Sort(out)
	return out
}
