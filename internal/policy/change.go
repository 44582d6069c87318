package policy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// maxTries is how often a change is tried again that others came before.
const maxTries = 8

// draft is a book that is being changed.
type draft struct {
	*Book
	at      time.Time
	changes []Change
}

// change reads an account's book, has f change it, and commits what f did. Others may
// change the same book: then f begins anew.
func (d *Directory) change(ctx context.Context, account string, f func(*draft) error) error {
	for range maxTries {
		book, err := d.Book(ctx, account)
		if err != nil {
			return err
		}
		w := &draft{Book: book, at: d.clock()}
		if err := f(w); err != nil {
			return err
		}
		if len(w.changes) == 0 {
			return nil
		}
		err = d.store.Commit(ctx, account, book.Revision, w.changes, w.at)
		d.forget(account)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return ErrBusy
}

func (d *Directory) clock() time.Time { return d.now().UTC().Truncate(time.Microsecond) }

// put notes that an object is now as v says; version 0 is one that is not kept yet.
func (w *draft) put(kind, id string, version int64, created time.Time, before, after any) error {
	c := Change{Kind: kind, ID: id, Version: version + 1, CreatedAt: created}
	var err error
	if version > 0 {
		if c.Before, err = json.Marshal(before, json.Deterministic(true)); err != nil {
			return err
		}
	}
	if c.After, err = json.Marshal(after, json.Deterministic(true)); err != nil {
		return err
	}
	if bytes.Equal(c.Before, c.After) {
		return nil
	}
	w.changes = append(w.changes, c)
	return nil
}

// drop notes that an object is gone.
func (w *draft) drop(kind, id string, version int64, before any) error {
	text, err := json.Marshal(before, json.Deterministic(true))
	w.changes = append(w.changes, Change{Kind: kind, ID: id, Version: version + 1, Before: text})
	return err
}

// SetPrivacy changes the account's privacy settings.
func (d *Directory) SetPrivacy(ctx context.Context, account string, edit func(*Settings) error) (Settings, error) {
	var got Settings
	err := d.change(ctx, account, func(w *draft) error {
		got = w.Privacy
		if err := edit(&got); err != nil {
			return err
		}
		if err := got.check(); err != nil {
			return err
		}
		err := w.put(KindPrivacy, account, w.Privacy.Version, w.at, &w.Privacy, &got)
		if len(w.changes) > 0 {
			got.UpdatedAt, got.Version = w.at, got.Version+1
		}
		return err
	})
	return got, err
}

// CreateGuardrail makes a guardrail. It enforces nothing until it is assigned (GR-01).
func (d *Directory) CreateGuardrail(ctx context.Context, account string, g Guardrail) (Guardrail, error) {
	id, err := identity.NewID(d.random)
	if err != nil {
		return g, err
	}
	err = d.change(ctx, account, func(w *draft) error {
		g.ID, g.Workspace, g.CreatedAt = id, cmp.Or(g.Workspace, identity.Workspace(account)), w.at
		if err := g.check(); err != nil {
			return err
		}
		switch {
		case !slices.ContainsFunc(w.Workspaces, func(x Workspace) bool { return x.ID == g.Workspace }):
			return invalid("workspace_id: want the id of a workspace of this account")
		case len(w.Guardrails) >= MaxGuardrails+MaxWorkspaces:
			return invalid("an account has at most %d guardrails", MaxGuardrails)
		}
		g.Version, g.UpdatedAt = 1, w.at
		return w.put(KindGuardrail, g.ID, 0, g.CreatedAt, nil, &g)
	})
	return g, err
}

// UpdateGuardrail changes a guardrail; a default one that nobody has configured is made
// by it (GR-01).
func (d *Directory) UpdateGuardrail(ctx context.Context, account, id string, edit func(*Guardrail) error) (Guardrail, error) {
	var got Guardrail
	err := d.change(ctx, account, func(w *draft) error {
		old, found := w.Guardrail(id)
		if !found {
			return ErrNotFound
		}
		got = old
		if err := edit(&got); err != nil {
			return err
		}
		if err := got.check(); err != nil {
			return err
		}
		err := w.put(KindGuardrail, id, old.Version, old.CreatedAt, &old, &got)
		if len(w.changes) > 0 {
			got.UpdatedAt, got.Version = w.at, got.Version+1
		}
		return err
	})
	return got, err
}

// DeleteGuardrail forgets a guardrail, and who has it. A default one is as if nobody had
// configured it.
func (d *Directory) DeleteGuardrail(ctx context.Context, account, id string) error {
	return d.change(ctx, account, func(w *draft) error {
		if _, found := w.Guardrail(id); !found {
			return ErrNotFound
		}
		return w.dropGuardrail(id)
	})
}

func (w *draft) dropGuardrail(id string) error {
	for _, list := range []struct {
		kind string
		has  []Assignment
	}{{KindKey, w.Keys}, {KindMember, w.Members}} {
		for _, a := range list.has {
			if a.Guardrail == id {
				if err := w.drop(list.kind, a.Subject, 1, &a); err != nil {
					return err
				}
			}
		}
	}
	if g, _ := w.Guardrail(id); g.Version > 0 {
		return w.drop(KindGuardrail, id, g.Version, &g)
	}
	return nil
}

// Assign gives the guardrail to keys (by hash) or members (by the id of the user), in the
// place of what they had (GR-02), and returns how many they are. The caller has checked
// that the account has the keys.
func (d *Directory) Assign(ctx context.Context, account, guardrail, kind string, subjects []string, by string) (int, error) {
	subjects = distinct(subjects)
	ids := make([]string, len(subjects))
	for i := range ids {
		id, err := identity.NewID(d.random)
		if err != nil {
			return 0, err
		}
		ids[i] = id
	}
	return len(subjects), d.change(ctx, account, func(w *draft) error {
		if _, found := w.Guardrail(guardrail); !found {
			return ErrNotFound
		}
		more := 0
		for i, s := range subjects {
			old, had := w.assignment(kind, s)
			if had && old.Guardrail == guardrail {
				continue
			}
			version := int64(0)
			if had {
				version = 1
			} else {
				more++
			}
			a := Assignment{Subject: s, ID: ids[i], Guardrail: guardrail, AssignedBy: by, CreatedAt: w.at}
			if err := w.put(kind, s, version, w.at, &old, &a); err != nil {
				return err
			}
		}
		if len(w.Keys)+len(w.Members)+more > MaxAssigned {
			return invalid("an account has at most %d keys and members with a guardrail of their own", MaxAssigned)
		}
		return nil
	})
}

// Unassign takes the guardrail from those who have it, and returns how many they were.
func (d *Directory) Unassign(ctx context.Context, account, guardrail, kind string, subjects []string) (n int, err error) {
	subjects = distinct(subjects)
	err = d.change(ctx, account, func(w *draft) error {
		if _, found := w.Guardrail(guardrail); !found {
			return ErrNotFound
		}
		n = 0
		for _, s := range subjects {
			if a, had := w.assignment(kind, s); had && a.Guardrail == guardrail {
				n++
				if err := w.drop(kind, s, 1, &a); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return n, err
}

func distinct(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func (w *draft) assignment(kind, subject string) (Assignment, bool) {
	list := w.Keys
	if kind == KindMember {
		list = w.Members
	}
	i := slices.IndexFunc(list, func(a Assignment) bool { return a.Subject == subject })
	if i < 0 {
		return Assignment{}, false
	}
	return list[i], true
}

// CreateWorkspace makes a workspace.
func (d *Directory) CreateWorkspace(ctx context.Context, account string, made Workspace) (Workspace, error) {
	id, err := identity.NewID(d.random)
	if err != nil {
		return made, err
	}
	err = d.change(ctx, account, func(w *draft) error {
		made.ID, made.CreatedAt = id, w.at
		if err := w.checkWorkspace(&made); err != nil {
			return err
		}
		if len(w.Workspaces) >= MaxWorkspaces {
			return invalid("an account has at most %d workspaces", MaxWorkspaces)
		}
		made.Version, made.UpdatedAt = 1, w.at
		return w.put(KindWorkspace, id, 0, made.CreatedAt, nil, &made)
	})
	return made, err
}

func (w *draft) checkWorkspace(x *Workspace) error {
	if err := x.check(); err != nil {
		return err
	}
	if other, taken := w.Workspace(x.Slug); taken && other.ID != x.ID {
		return invalid("slug: another workspace of this account has it")
	}
	for _, hash := range x.LogKeys {
		if len(hash) != 64 {
			return invalid("io_logging_key_hashes: want hashes of keys")
		}
	}
	return nil
}

// UpdateWorkspace changes a workspace, which is named by its id or slug.
func (d *Directory) UpdateWorkspace(ctx context.Context, account, name string, edit func(w *Workspace, at time.Time) error) (Workspace, error) {
	var got Workspace
	err := d.change(ctx, account, func(w *draft) error {
		old, found := w.Workspace(name)
		if !found {
			return ErrNotFound
		}
		got = old
		got.Budgets = slices.Clone(old.Budgets)
		if err := edit(&got, w.at); err != nil {
			return err
		}
		if err := w.checkWorkspace(&got); err != nil {
			return err
		}
		err := w.put(KindWorkspace, old.ID, old.Version, old.CreatedAt, &old, &got)
		if len(w.changes) > 0 {
			got.UpdatedAt, got.Version = w.at, got.Version+1
		}
		return err
	})
	return got, err
}

// DeleteWorkspace forgets a workspace with its budgets and guardrails. One that has keys
// stays (WS-06), and so does the default one.
func (d *Directory) DeleteWorkspace(ctx context.Context, account, name string) error {
	return d.change(ctx, account, func(w *draft) error {
		x, found := w.Workspace(name)
		switch {
		case !found:
			return ErrNotFound
		case x.ID == identity.Workspace(account):
			return fmt.Errorf("%w: The default workspace cannot be deleted", ErrForbidden)
		}
		for _, g := range w.Guardrails {
			if g.Workspace == x.ID {
				if err := w.dropGuardrail(g.ID); err != nil {
					return err
				}
			}
		}
		return w.drop(KindWorkspace, x.ID, x.Version, &x)
	})
}

// SetBudget bounds what a workspace spends in an interval. IncludeBYOK is the whole
// workspace's; nil leaves it.
func (d *Directory) SetBudget(ctx context.Context, account, name string, b WorkspaceBudget, includeBYOK *bool) (Workspace, error) {
	id, err := identity.NewID(d.random)
	if err != nil {
		return Workspace{}, err
	}
	return d.UpdateWorkspace(ctx, account, name, func(w *Workspace, at time.Time) error {
		if includeBYOK != nil {
			w.IncludeBYOK = *includeBYOK
		}
		if old, found := w.Budget(b.Reset); found {
			b.ID, b.CreatedAt = old.ID, old.CreatedAt
			if old.Limit == b.Limit {
				return nil
			}
		} else {
			b.ID, b.CreatedAt = id, at
		}
		b.UpdatedAt = at
		w.Budgets = slices.DeleteFunc(w.Budgets, func(x WorkspaceBudget) bool { return x.Reset == b.Reset })
		w.Budgets = append(w.Budgets, b)
		return nil
	})
}

// DeleteBudget takes a bound away; where there is none, it is gone already (WS-05).
func (d *Directory) DeleteBudget(ctx context.Context, account, name string, reset identity.Reset) error {
	_, err := d.UpdateWorkspace(ctx, account, name, func(w *Workspace, _ time.Time) error {
		w.Budgets = slices.DeleteFunc(w.Budgets, func(x WorkspaceBudget) bool { return x.Reset == reset })
		return nil
	})
	return err
}
