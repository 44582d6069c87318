package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// Assignment gives a guardrail to a key or a member. Each has one at most (GR-02).
type Assignment struct {
	Subject    string    `json:"-"` // a key's hash, or the id of a user
	ID         string    `json:"id"`
	Guardrail  string    `json:"guardrail_id"`
	AssignedBy string    `json:"assigned_by,omitzero"`
	CreatedAt  time.Time `json:"-"`
}

// Book is all that the administrators of an account have set. It is not changed once it
// is made.
type Book struct {
	Account  string
	Revision int64
	Privacy  Settings

	Workspaces []Workspace // the default one first, which is always there
	Guardrails []Guardrail // in the order in which they were made, the default ones that nobody configured at the end
	Keys       []Assignment
	Members    []Assignment
}

// read makes a book of what is stored.
func read(account string, s *Stored) (*Book, error) {
	b := &Book{Account: account, Revision: s.Revision}
	for i := range s.Objects {
		o := &s.Objects[i]
		var err error
		switch o.Kind {
		case KindPrivacy:
			b.Privacy.Version, b.Privacy.UpdatedAt = o.Version, o.UpdatedAt
			err = json.Unmarshal(o.Text, &b.Privacy, json.RejectUnknownMembers(true))
		case KindWorkspace:
			w := Workspace{Version: o.Version, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt}
			err = json.Unmarshal(o.Text, &w, json.RejectUnknownMembers(true))
			b.Workspaces = append(b.Workspaces, w)
		case KindGuardrail:
			g := Guardrail{Version: o.Version, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt}
			err = json.Unmarshal(o.Text, &g, json.RejectUnknownMembers(true))
			b.Guardrails = append(b.Guardrails, g)
		case KindKey, KindMember:
			a := Assignment{Subject: o.ID, CreatedAt: o.CreatedAt}
			err = json.Unmarshal(o.Text, &a, json.RejectUnknownMembers(true))
			if o.Kind == KindKey {
				b.Keys = append(b.Keys, a)
			} else {
				b.Members = append(b.Members, a)
			}
		default: // of a later version of the program: what it demands is not known
			err = fmt.Errorf("there is a %.40q", o.Kind)
		}
		if err != nil {
			return nil, fmt.Errorf("policy: account %s: %s %s: %w", account, o.Kind, o.ID, err)
		}
	}
	b.imply(s.Since)
	return b, nil
}

// imply adds what is there without having been made: the default workspace, and every
// workspace's default guardrail.
func (b *Book) imply(since time.Time) {
	own := identity.Workspace(b.Account)
	if _, found := b.Workspace(own); !found {
		b.Workspaces = append(b.Workspaces, Workspace{ID: own, Name: defaultWorkspace, Slug: defaultSlug, Rate: 1, CreatedAt: since})
	}
	slices.SortStableFunc(b.Workspaces, func(x, y Workspace) int {
		return cmp.Compare(flag(y.ID == own), flag(x.ID == own))
	})
	for _, w := range b.Workspaces {
		id := DefaultGuardrail(w.ID)
		if _, found := b.Guardrail(id); !found {
			b.Guardrails = append(b.Guardrails, Guardrail{ID: id, Workspace: w.ID, Name: defaultName(w.ID), CreatedAt: w.CreatedAt})
		}
	}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Workspace by its id or its slug.
func (b *Book) Workspace(name string) (Workspace, bool) {
	i := slices.IndexFunc(b.Workspaces, func(w Workspace) bool { return w.ID == name || w.Slug == name })
	if i < 0 {
		return Workspace{}, false
	}
	return b.Workspaces[i], true
}

// Guardrail by its id.
func (b *Book) Guardrail(id string) (Guardrail, bool) {
	i := slices.IndexFunc(b.Guardrails, func(g Guardrail) bool { return g.ID == id })
	if i < 0 {
		return Guardrail{}, false
	}
	return b.Guardrails[i], true
}

// rules are a book that is looked things up in for every request.
type rules struct {
	revision string
	account  Level
	privacy  *Settings

	workspaces map[string]*Workspace
	defaults   map[string]*ruling // by workspace
	keys       map[string]*ruling // by hash
	members    map[string]*ruling // by the id of the user
}

// ruling is a guardrail with what it comes to.
type ruling struct {
	*Guardrail
	terms Terms
}

func rulesOf(b *Book) *rules {
	r := &rules{
		privacy:    &b.Privacy,
		account:    Level{Kind: Account, Terms: b.Privacy.Terms()},
		workspaces: make(map[string]*Workspace, len(b.Workspaces)), defaults: make(map[string]*ruling, len(b.Workspaces)),
		keys: make(map[string]*ruling, len(b.Keys)), members: make(map[string]*ruling, len(b.Members)),
	}
	if b.Revision > 0 {
		r.revision = strconv.FormatInt(b.Revision, 10)
	}
	guardrails := make(map[string]*ruling, len(b.Guardrails))
	for i := range b.Guardrails {
		g := &b.Guardrails[i]
		guardrails[g.ID] = &ruling{g, g.Terms()}
	}
	for i := range b.Workspaces {
		w := &b.Workspaces[i]
		r.workspaces[w.ID], r.defaults[w.ID] = w, guardrails[DefaultGuardrail(w.ID)]
	}
	for _, a := range b.Keys {
		r.keys[a.Subject] = guardrails[a.Guardrail]
	}
	for _, a := range b.Members {
		r.members[a.Subject] = guardrails[a.Guardrail]
	}
	maps.DeleteFunc(r.keys, func(_ string, g *ruling) bool { return g == nil })
	maps.DeleteFunc(r.members, func(_ string, g *ruling) bool { return g == nil })
	return r
}

// applies is a guardrail at the level at which it holds for a principal.
type applies struct {
	*ruling
	kind    Kind
	scope   string // what the contract calls the level, in what is told of filters
	ofKey   Source // of its budget against the key; "": there is none
	ofOwner Source // and against all keys of its owner
}

// of are the guardrails that hold for a principal, the broadest first.
func (r *rules) of(who *identity.Principal) []applies {
	out := make([]applies, 0, 3)
	if g := r.defaults[who.Workspace]; g != nil {
		out = append(out, applies{g, AtWorkspace, "workspace", OfDefaultKey, OfDefaultMember})
	}
	if g := r.members[who.Creator]; g != nil && who.Creator != "" {
		out = append(out, applies{g, Member, "member", "", OfMember})
	}
	if g := r.keys[who.KeyHash]; g != nil {
		out = append(out, applies{g, Key, "api_key", OfKey, ""})
	}
	return out
}

// demands are the rules for a principal at a time, and what its budgets count.
func (r *rules) demands(who *identity.Principal, at time.Time) (Rules, []Count) {
	out := Rules{Version: r.revision, Levels: make([]Level, 0, 4)}
	floor := func(class string) {
		if class != "" && !slices.Contains(out.Classes, class) {
			out.Classes = append(out.Classes, class)
		}
	}
	if !r.account.Empty() {
		out.Levels = append(out.Levels, r.account)
	}
	floor(r.privacy.Class)
	out.Allowed = r.privacy.Allowed
	var counts []Count
	count := func(c Count, source Source, id, name string, reset identity.Reset) {
		if slices.ContainsFunc(counts, func(x Count) bool { return x.Scope == c.Scope }) {
			return // one guardrail at several levels counts once
		}
		counts = append(counts, c)
		out.Spend = append(out.Spend, c.spending(source, id, name, reset))
	}
	for _, g := range r.of(who) {
		if !g.terms.Empty() {
			out.Levels = append(out.Levels, Level{Kind: g.kind, ID: g.ID, Name: g.Name, Terms: g.terms})
		}
		floor(g.Class)
		if f := g.filters(g.scope); len(f) > 0 {
			out.Filters = append(out.Filters, f)
		}
		for _, c := range g.counts(who, at) {
			count(c.Count, c.Source, g.ID, g.Name, g.Reset)
		}
	}
	if w := r.workspaces[who.Workspace]; w != nil {
		floor(w.Class)
		out.Sort, out.Logging = w.Sort, w.logging()
		for i := range w.Budgets {
			count(w.count(&w.Budgets[i], at), OfWorkspace, w.ID, w.Name, w.Budgets[i].Reset)
		}
	}
	floor(who.DataClass)
	return out, counts
}
