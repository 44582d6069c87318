package policy

import (
	"net/url"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Budget is how much a guardrail lets each key and each member spend (GR-04).
type Budget struct {
	Limit       *money.Nano    `json:"limit_usd,omitzero"` // nil: any amount
	Reset       identity.Reset `json:"reset_interval,omitzero"`
	IncludeBYOK bool           `json:"include_byok_in_budgets,omitzero"`
}

func (b *Budget) check() error {
	if b.Limit != nil && *b.Limit < 0 {
		return invalid("limit_usd: want at least 0")
	}
	return nil
}

// Source is whose limit a spending limit is: the contract's words for the layers.
type Source string

// The sources.
const (
	OfDefaultMember Source = "workspace_default_member" // the workspace's default guardrail, against all of a member's keys
	OfDefaultKey    Source = "workspace_default_key"    // the same, against one key
	OfMember        Source = "member"                   // the guardrail of the key's owner
	OfKey           Source = "api_key"                  // the guardrail of the key
	OfWorkspace     Source = "workspace"                // the workspace's budget
	OfKeyLimit      Source = "key_limit"                // the key's own limit
)

// Spending is a limit that a hold must fit into, and whose it is.
type Spending struct {
	ledger.Limit
	Source Source
	ID     string // of the guardrail or the workspace
	Name   string // of it
	Reset  identity.Reset
}

// Administered reports whether it is a budget that administrators set, not a limit of the
// key's own.
func (s *Spending) Administered() bool { return s.Source != "" && s.Source != OfKeyLimit }

// Exceeded says for people that there is no room: "Workspace monthly budget of $500.00
// exceeded" (WS-04).
func (s *Spending) Exceeded() string {
	what := Interval(s.Reset) + " budget of $" + dollars(s.Max)
	switch s.Source {
	case OfWorkspace:
		return "Workspace " + what + " exceeded"
	case OfDefaultMember, OfMember:
		return "Guardrail " + s.Name + ": the " + what + " of this key's owner is exceeded"
	case OfDefaultKey, OfKey:
		return "Guardrail " + s.Name + ": the " + what + " of this key is exceeded"
	default:
		return "Key " + what + " exceeded"
	}
}

// dollars is an amount with two decimal places at least.
func dollars(n money.Nano) string {
	whole, frac, _ := strings.Cut(n.String(), ".")
	for len(frac) < 2 {
		frac += "0"
	}
	return whole + "." + frac
}

// Budget is the limit of that scope; its Source is "" if there is none.
func (l *Limits) Budget(scope string) Spending {
	for i := range l.Spend {
		if l.Spend[i].Scope == scope {
			return l.Spend[i]
		}
	}
	return Spending{}
}

// Holds are the limits as the ledger takes them.
func (l *Limits) Holds() []ledger.Limit {
	out := make([]ledger.Limit, len(l.Spend))
	for i := range l.Spend {
		out[i] = l.Spend[i].Limit
	}
	return out
}

// Count says what a scope counts, for one that begins to be counted in the middle of its
// window: what was spent before is on record by key.
type Count struct {
	Scope     string
	Max       money.Nano
	From      time.Time // the window's beginning; zero: always
	Key       string    // a key's hash, or else
	Creator   string    // all keys of a member, or else
	Workspace string    // all keys of a workspace; with a Creator: those of the member there
}

func (c Count) spending(source Source, id, name string, reset identity.Reset) Spending {
	return Spending{Limit: ledger.Limit{Scope: c.Scope, Max: c.Max}, Source: source, ID: id, Name: name, Reset: reset}
}

type sourced struct {
	Count
	Source
}

// counts are what a guardrail's budget counts for a principal: all keys of its owner, and
// its key. Each is bounded on its own.
func (g *applies) counts(who *identity.Principal, at time.Time) []sourced {
	if g.Limit == nil {
		return nil
	}
	var out []sourced
	add := func(source Source, c Count) {
		c.Max = *g.Limit
		c.Scope, c.From = identity.Window("guardrail:"+g.ID+":"+c.Scope, g.Reset, at)
		out = append(out, sourced{c, source})
	}
	if g.ofOwner != "" && who.Creator != "" {
		c := Count{Scope: "member:" + url.QueryEscape(who.Creator), Creator: who.Creator}
		if g.ofOwner == OfDefaultMember {
			c.Workspace = who.Workspace
		}
		add(g.ofOwner, c)
	}
	if g.ofKey != "" {
		add(g.ofKey, Count{Scope: "key:" + who.KeyHash, Key: who.KeyHash})
	}
	return out
}

func (w *Workspace) count(b *WorkspaceBudget, at time.Time) Count {
	c := Count{Workspace: w.ID, Max: b.Limit}
	c.Scope, c.From = identity.Window("workspace:"+w.ID, b.Reset, at)
	return c
}
