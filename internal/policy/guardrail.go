package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// Bounds of what an account may have, so that a policy is read whole and fits into memory.
const (
	MaxGuardrails  = 500
	MaxWorkspaces  = 100
	MaxAssigned    = 10_000 // keys and members with a guardrail of their own
	MaxBulk        = 1000   // assigned by one request
	maxList        = 500    // entries of an allow or ignore list
	maxEntry       = 200    // bytes of one
	maxName        = 200    // characters
	maxDescription = 1000
)

// Errors of administration. Any other error means that the store could not be read or
// written.
var (
	// ErrNotFound: the account has no such object.
	ErrNotFound = errors.New("policy: not found")
	// ErrInvalid: a field is not acceptable; the rest of the text says which and why.
	ErrInvalid = errors.New("policy: invalid")
	// ErrInUse: there are keys in the workspace.
	ErrInUse = errors.New("policy: the workspace has keys")
	// ErrForbidden: it cannot be done to this object; the rest of the text says why.
	ErrForbidden = errors.New("policy: forbidden")
	// ErrBusy: others change the same account again and again.
	ErrBusy = errors.New("policy: changed by others meanwhile")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// Switches are demands as administrators make them, per group and offer: nil says
// nothing, false of an Enforce demands nothing.
type Switches struct {
	EnforceZDR       *bool `json:"enforce_zdr,omitzero"` // the old word for all groups; the others have been set from it
	EnforceAnthropic *bool `json:"enforce_zdr_anthropic,omitzero"`
	EnforceOpenAI    *bool `json:"enforce_zdr_openai,omitzero"`
	EnforceGoogle    *bool `json:"enforce_zdr_google,omitzero"`
	EnforceXAI       *bool `json:"enforce_zdr_xai,omitzero"`
	EnforceOther     *bool `json:"enforce_zdr_other,omitzero"`

	FreeTraining    *bool `json:"enable_free_model_training,omitzero"`
	PaidTraining    *bool `json:"enable_paid_model_training,omitzero"`
	FreePublication *bool `json:"enable_free_model_publication,omitzero"`
}

// Lists are whom an administrator trusts. Models are canonical slugs, or ids where those
// name several, or author/*; providers are slugs or tags (GR-05).
type Lists struct {
	AllowedModels    []string `json:"allowed_models,omitzero"`
	IgnoredModels    []string `json:"ignored_models,omitzero"`
	AllowedProviders []string `json:"allowed_providers,omitzero"`
	IgnoredProviders []string `json:"ignored_providers,omitzero"`
	Regions          []string `json:"regions,omitzero"` // ours: one of which handles prompts
}

func terms(s *Switches, l *Lists) Terms {
	t := Terms{
		AllowedModels: l.AllowedModels, IgnoredModels: l.IgnoredModels,
		AllowedProviders: l.AllowedProviders, IgnoredProviders: l.IgnoredProviders, Regions: l.Regions,
	}
	for group, enforced := range map[Groups]*bool{
		Anthropic: s.EnforceAnthropic, OpenAI: s.EnforceOpenAI, Google: s.EnforceGoogle, XAI: s.EnforceXAI, Other: s.EnforceOther,
	} {
		if enforced != nil && *enforced {
			t.ZDR |= group
		}
	}
	denied := func(enabled *bool) bool { return enabled != nil && !*enabled }
	if denied(s.FreeTraining) {
		t.NoTraining |= Free
	}
	if denied(s.PaidTraining) {
		t.NoTraining |= Paid
	}
	if denied(s.FreePublication) {
		t.NoPublication |= Free
	}
	return t
}

func (l *Lists) check() error {
	for _, list := range []struct {
		name    string
		entries []string
	}{
		{"allowed_models", l.AllowedModels},
		{"ignored_models", l.IgnoredModels},
		{"allowed_providers", l.AllowedProviders},
		{"ignored_providers", l.IgnoredProviders},
		{"regions", l.Regions},
	} {
		switch {
		case list.entries != nil && len(list.entries) == 0: // GR-05: nothing at all is nobody's wish
			return invalid("%s: want at least one entry, or null for no restriction", list.name)
		case len(list.entries) > maxList:
			return invalid("%s: want at most %d entries", list.name, maxList)
		case slices.ContainsFunc(list.entries, func(s string) bool {
			return s == "" || len(s) > maxEntry || strings.TrimSpace(s) != s || !utf8.ValidString(s)
		}):
			return invalid("%s: want names of 1 to %d bytes", list.name, maxEntry)
		}
	}
	return nil
}

// Guardrail is a set of rules that administrators give to keys and members (contract area
// 26). It enforces nothing until it is assigned, but for the default one of a workspace
// (GR-01).
type Guardrail struct {
	ID          string `json:"id"`
	Workspace   string `json:"workspace_id,omitzero"`
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`

	Budget
	Switches
	Lists
	Class          string   `json:"data_class,omitzero"` // ours: the floor of the data class
	ContentFilters []Filter `json:"content_filters,omitzero"`
	Builtins       []Filter `json:"content_filter_builtins,omitzero"`

	Version   int64     `json:"-"`
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// Terms is what the guardrail demands of endpoints.
func (g *Guardrail) Terms() Terms { return terms(&g.Switches, &g.Lists) }

// Filter is a content filter of a guardrail: a pattern, or one that is built in.
type Filter struct {
	Slug       filter.Slug   `json:"slug,omitzero"`
	Pattern    string        `json:"pattern,omitzero"`
	Action     filter.Action `json:"action"`
	Label      string        `json:"label,omitzero"`
	Scan       filter.Scan   `json:"scan_scope,omitzero"`
	Scope      filter.Scope  `json:"scope,omitzero"`      // ours
	Reversible bool          `json:"reversible,omitzero"` // ours
}

// Entry is the filter as package filter takes it.
func (f *Filter) Entry() filter.Entry {
	return filter.Entry{Slug: f.Slug, Pattern: f.Pattern, Action: f.Action, Label: f.Label, Scan: f.Scan, Scope: f.Scope, Reversible: f.Reversible}
}

// filters are the guardrail's content filters, which say whose they are.
func (g *Guardrail) filters(scope string) []filter.Entry {
	out := make([]filter.Entry, 0, len(g.Builtins)+len(g.ContentFilters))
	for _, list := range [][]Filter{g.Builtins, g.ContentFilters} {
		for i := range list {
			e := list[i].Entry()
			e.From = filter.Origin{ID: g.ID, Scope: scope}
			out = append(out, e)
		}
	}
	return out
}

func (g *Guardrail) check() error {
	switch {
	case strings.TrimSpace(g.Name) == "" || utf8.RuneCountInString(g.Name) > maxName:
		return invalid("name: want 1 to %d characters", maxName)
	case utf8.RuneCountInString(g.Description) > maxDescription:
		return invalid("description: want at most %d characters", maxDescription)
	}
	if err := g.Budget.check(); err != nil {
		return err
	}
	if err := g.Lists.check(); err != nil {
		return err
	}
	for _, list := range []struct {
		name    string
		entries []Filter
	}{{"content_filters", g.ContentFilters}, {"content_filter_builtins", g.Builtins}} {
		if len(list.entries) > filter.MaxEntries {
			return invalid("%s: want at most %d", list.name, filter.MaxEntries)
		}
		for i := range list.entries {
			e := list.entries[i].Entry()
			if (e.Slug == "") != (list.name == "content_filters") {
				return invalid("%s.%d: want a pattern in content_filters, and a slug in content_filter_builtins", list.name, i)
			}
			if err := e.Check(); err != nil {
				return fmt.Errorf("%w: %s.%d.%w", ErrInvalid, list.name, i, err)
			}
		}
	}
	if _, err := filter.Compile(nil, g.filters("")); err != nil { // all of them together may be too much
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// Copied sets what is not said of single groups from the old word for all of them.
func (s *Switches) Copied(said func(field string) bool) {
	for field, to := range map[string]**bool{
		"enforce_zdr_anthropic": &s.EnforceAnthropic, "enforce_zdr_openai": &s.EnforceOpenAI, "enforce_zdr_google": &s.EnforceGoogle,
		"enforce_zdr_xai": &s.EnforceXAI, "enforce_zdr_other": &s.EnforceOther,
	} {
		if !said(field) {
			*to = s.EnforceZDR
		}
	}
}

// defaultName is how the contract's own API names a workspace's default guardrail.
func defaultName(workspace string) string { return "Workspace " + workspace + " Default" }

// DefaultGuardrail is the id of a workspace's default guardrail: the same wherever it is
// asked for, whether anybody has configured it or not (GR-01).
func DefaultGuardrail(workspace string) string {
	return identity.DerivedID("default guardrail", workspace)
}
