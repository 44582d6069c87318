package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

type policyReport struct {
	Class    string `help:"Only this class." placeholder:"NAME"`
	Expiring string `help:"Only the facts that expire within a time, or have." placeholder:"30d"`
	All      bool   `help:"The whole catalogue (default: what can be asked with the keys that are set)."`
	At       string `help:"As of a day (default: now)." placeholder:"2027-01-31"`
	Policy   string `help:"A policy file (default: the configuration's)." placeholder:"FILE"`
}

// Help is shown by turnpike policy report --help.
func (policyReport) Help() string {
	return `Example:
  turnpike policy report > evidence.md
  turnpike policy report --class pii --all
  turnpike policy report --expiring 30d

The evidence for an auditor, in Markdown: per provider and endpoint each fact with its source, when and by whom it was
checked and when it expires, and per data class which endpoints are admitted, and why the others are not. A fact is
verified by the operator, stated by the catalogue, expired, or unknown; what is expired or unknown counts as the worst.`
}

// report is the evidence at a time.
type report struct {
	At        string          `json:"at"`
	File      string          `json:"policy_file,omitzero"`
	Version   string          `json:"policy_version,omitzero"`
	Catalogue string          `json:"catalogue"`
	All       bool            `json:"whole_catalogue"`
	Facts     []reportedFacts `json:"facts"`
	Classes   []reportedClass `json:"classes"`
}

// reportedFacts are the facts of a provider, or of an endpoint.
type reportedFacts struct {
	Provider string `json:"provider"`
	Endpoint string `json:"endpoint,omitzero"` // "": what holds for all of the provider's that say nothing else
	Facts    []fact `json:"facts"`
}

// reportedClass is what a class admits.
type reportedClass struct {
	Name        string             `json:"name,omitzero"` // "": requests without a class
	Description string             `json:"description,omitzero"`
	Levels      []policy.Level     `json:"demands"`
	Admitted    []string           `json:"admitted"`
	Excluded    []reportedExcluded `json:"excluded"`
}

type reportedExcluded struct {
	Endpoint  string `json:"endpoint"`
	Rule      string `json:"rule"`
	By        string `json:"required_by"`
	Remedy    string `json:"remedy"`
	ChangedBy string `json:"changed_by"`
}

// Run prints the report.
func (cmd policyReport) Run(ctx context.Context, a app) error {
	at := time.Now()
	if cmd.At != "" {
		var err error
		if at, err = catalog.ParseDate(cmd.At); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	m, err := a.ruled(ctx, cmd.Policy)
	if err != nil {
		return err
	}
	models := map[*catalog.Endpoint]*catalog.Model{}
	var endpoints []*catalog.Endpoint
	for _, x := range m.catalog().Models() {
		for _, e := range x.Endpoints {
			if cmd.All || m.barred(e) == "" {
				endpoints, models[e] = append(endpoints, e), x
			}
		}
	}
	slices.SortFunc(endpoints, func(a, b *catalog.Endpoint) int { return strings.Compare(a.ID, b.ID) })
	r := report{
		At: at.UTC().Format(time.RFC3339), File: m.config.Policy.File, Catalogue: m.catalog().Version(), All: cmd.All,
		Facts: m.facts(endpoints, at), Classes: []reportedClass{},
	}
	if h := m.supply().house; h != nil {
		r.Version = h.Version
	}
	if cmd.Expiring != "" {
		within, err := config.ParseAge(cmd.Expiring)
		if err != nil {
			return fmt.Errorf("--expiring: %w", err)
		}
		return a.expiring(r.Facts, at.Add(within))
	}
	if r.Classes, err = m.classes(ctx, cmd.Class, endpoints, models, at); err != nil {
		return err
	}
	if a.json {
		return a.print(r, nil, nil)
	}
	return a.write(r.markdown())
}

// facts are those of the providers of the endpoints, and of each endpoint that differs.
func (m *market) facts(endpoints []*catalog.Endpoint, at time.Time) []reportedFacts {
	byProvider := map[string][]reportedFacts{}
	common := map[string][]fact{}
	for _, p := range m.catalog().Providers() {
		common[p.Slug] = factsOf(&p.Policy, at)
	}
	for _, e := range endpoints {
		if byProvider[e.Provider] == nil {
			byProvider[e.Provider] = []reportedFacts{{Provider: e.Provider, Facts: common[e.Provider]}}
		}
		if own := factsOf(&e.Policy, at); !slices.Equal(own, common[e.Provider]) {
			byProvider[e.Provider] = append(byProvider[e.Provider], reportedFacts{e.Provider, e.ID, own})
		}
	}
	out := []reportedFacts{}
	for _, p := range m.catalog().Providers() {
		out = append(out, byProvider[p.Slug]...)
	}
	return out
}

// classes are what each class admits: without a class first. name is "" for all.
func (m *market) classes(ctx context.Context, name string, endpoints []*catalog.Endpoint, models map[*catalog.Endpoint]*catalog.Model, at time.Time) ([]reportedClass, error) {
	var all []policy.Class
	if h := m.supply().house; h != nil {
		all = h.Classes
	}
	if name == "" && (m.ruling == nil || m.ruling.House.Default == "") {
		all = slices.Concat([]policy.Class{{}}, all)
	}
	out := []reportedClass{}
	for _, c := range all {
		if name != "" && c.Name != name {
			continue
		}
		limits, err := m.offline().Check(ctx, identity.Principal{}, &llm.Request{DataClass: c.Name}, at)
		if err != nil {
			return nil, err
		}
		x := reportedClass{Name: c.Name, Description: c.Description, Levels: limits.Levels, Admitted: []string{}, Excluded: []reportedExcluded{}}
		if x.Levels == nil {
			x.Levels = []policy.Level{}
		}
		for _, e := range endpoints {
			rule, by := limits.Refuses(models[e], e, at)
			if rule == "" {
				x.Admitted = append(x.Admitted, e.ID)
				continue
			}
			x.Excluded = append(x.Excluded, reportedExcluded{e.ID, rule, by.String(), by.Remedy(rule), by.ChangedBy()})
		}
		out = append(out, x)
	}
	if name != "" && len(out) == 0 {
		return nil, fmt.Errorf("there is no data class %q in the policy", name)
	}
	return out, nil
}

// expiring prints the facts that do not count any more at a time.
func (a app) expiring(all []reportedFacts, by time.Time) error {
	type row struct {
		Provider string `json:"provider"`
		Endpoint string `json:"endpoint,omitzero"`
		fact     `json:",inline"`
	}
	out := []row{}
	var rows [][]string
	for _, x := range all {
		for _, f := range x.Facts {
			if f.Expires == "" || f.Expires > catalog.Date(by) {
				continue
			}
			out = append(out, row{x.Provider, x.Endpoint, f})
			rows = append(rows, []string{or(x.Endpoint, x.Provider), f.Fact, f.Value, string(f.Status), f.Expires, or(f.By, "-"), f.Source})
		}
	}
	return a.print(out, []string{"OF", "FACT", "COUNTS AS", "STATUS", "EXPIRES", "CHECKED BY", "SOURCE"}, rows)
}

func (a app) write(text string) error {
	_, err := fmt.Fprint(a.out, text)
	return err
}

// markdown is the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Data policy: evidence\n")
	line("As of %s. Policy: %s, version %s. Catalogue: %s.\n", r.At, or(r.File, "none"), or(r.Version, "none"), r.Catalogue)
	if r.All {
		line("The whole catalogue, whether there is a key for it or not.\n")
	} else {
		line("Endpoints that can be asked with the keys that are set here.\n")
	}
	line("A fact is *verified* by the operator, *stated* by the catalogue, *expired*, or *unknown*. What is expired or unknown")
	line("counts as the worst.\n")
	line("## Facts\n")
	if len(r.Facts) == 0 {
		line("There are no endpoints: --all shows the whole catalogue.\n")
	} else {
		line("| of | fact | counts as | status | source | checked | by | expires |")
		line("|---|---|---|---|---|---|---|---|")
	}
	for _, x := range r.Facts {
		of := cell(x.Provider)
		if x.Endpoint != "" {
			of = "`" + cell(x.Endpoint) + "`"
		}
		for _, f := range x.Facts {
			line("| %s | %s | %s | %s | %s | %s | %s | %s |", of, f.Fact, cell(f.Value), f.Status, cell(f.Source), f.Checked, cell(f.By), f.Expires)
		}
	}
	for i := range r.Classes {
		r.Classes[i].markdown(line)
	}
	return b.String()
}

func (c *reportedClass) markdown(line func(string, ...any)) {
	if c.Name == "" {
		line("\n## Requests without a data class\n")
	} else {
		line("\n## Data class %s\n", c.Name)
	}
	if c.Description != "" {
		line("%s\n", cell(c.Description))
	}
	for i := range c.Levels {
		line("- %s demands %s", c.Levels[i].String(), strings.Join(demands(&c.Levels[i].Terms), "; "))
	}
	if len(c.Levels) == 0 {
		line("Nothing is demanded.")
	}
	line("\nAdmitted: %d of %d endpoints.\n", len(c.Admitted), len(c.Admitted)+len(c.Excluded))
	for _, id := range c.Admitted {
		line("- `%s`", cell(id))
	}
	if len(c.Excluded) == 0 {
		return
	}
	line("\n| left out | by | whose rule | what would admit it | who can change that |")
	line("|---|---|---|---|---|")
	for _, x := range c.Excluded {
		line("| `%s` | %s | %s | %s | %s |", cell(x.Endpoint), x.Rule, cell(x.By), cell(x.Remedy), cell(x.ChangedBy))
	}
}

// cell is a text that does not end the cell or the line of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ", "`", "'").Replace(s)
}

// demands are the terms in words.
func demands(t *policy.Terms) (out []string) {
	say := func(demanded bool, format string, args ...any) {
		if demanded {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	list := func(l []string) string { return strings.Join(l, ", ") }
	say(t.ZDR == policy.AllGroups, "zero retention")
	say(t.ZDR != policy.NoGroup && t.ZDR != policy.AllGroups, "zero retention of models of %s", list(groups(t.ZDR)))
	say(t.NoTraining != policy.Neither, "no training on prompts%s", offers(t.NoTraining))
	say(t.NoPublication != policy.Neither, "no publication of prompts%s", offers(t.NoPublication))
	say(t.NoCollection, "neither retention nor training")
	if t.MaxRetention != nil {
		say(true, "retention of %d days at most", *t.MaxRetention)
	}
	say(len(t.Regions) > 0, "a region within %s", list(t.Regions))
	nobody := slices.Equal(t.Subprocessors, []string{policy.Nobody})
	say(nobody, "no subprocessors")
	say(len(t.Subprocessors) > 0 && !nobody, "no subprocessors but %s", list(t.Subprocessors))
	say(t.Verified, "that the operator has checked these facts")
	say(len(t.AllowedModels) > 0, "only the models %s", list(t.AllowedModels))
	say(len(t.IgnoredModels) > 0, "none of the models %s", list(t.IgnoredModels))
	say(len(t.AllowedProviders) > 0, "only the providers %s", list(t.AllowedProviders))
	say(len(t.IgnoredProviders) > 0, "none of the providers %s", list(t.IgnoredProviders))
	say(t.NoCache, "no response cache")
	say(t.NoLogging, "no logging of content")
	say(t.NoFetch, "that nothing named by URL is fetched")
	return out
}

func groups(g policy.Groups) (out []string) {
	for _, x := range []struct {
		group policy.Groups
		name  string
	}{{policy.Anthropic, "Anthropic"}, {policy.OpenAI, "OpenAI"}, {policy.Google, "Google"}, {policy.XAI, "xAI"}, {policy.Other, "others"}} {
		if g&x.group != 0 {
			out = append(out, x.name)
		}
	}
	return out
}

func offers(o policy.Offers) string {
	switch o {
	case policy.Paid:
		return " by paid models"
	case policy.Free:
		return " by free models"
	default:
		return ""
	}
}
