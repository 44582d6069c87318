package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Policies is policy's side of a database.
type Policies struct{ d *DB }

var _ policy.Store = Policies{}

// Policies of the database.
func (d *DB) Policies() Policies { return Policies{d} }

// Revision implements [policy.Store].
func (p Policies) Revision(ctx context.Context, account string) (int64, error) {
	n, err := p.d.read.ReadPolicyRevision(ctx, account)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, p.d.failed("policy", err)
	}
	return n, nil
}

// Policy implements [policy.Store].
func (p Policies) Policy(ctx context.Context, account string) (policy.Stored, error) {
	// One transaction, so that the revision is that of the objects.
	tx, err := p.d.pool.BeginTx(ctx, nil)
	if err != nil {
		return policy.Stored{}, p.d.failed("policy", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	q := p.d.read.WithTx(tx)
	var s policy.Stored
	s.Revision, err = q.ReadPolicyRevision(ctx, account)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, p.d.failed("policy", err)
	}
	a, err := q.ReadAccount(ctx, account)
	if errors.Is(err, sql.ErrNoRows) {
		return s, policy.ErrNotFound
	}
	if err != nil {
		return s, p.d.failed("policy", err)
	}
	s.Since = fromMicros(a.CreatedAt)
	rows, err := q.ListPolicyObjects(ctx, account)
	if err != nil {
		return s, p.d.failed("policy", err)
	}
	for _, r := range rows {
		s.Objects = append(s.Objects, policy.Object{
			Kind: r.Kind, ID: r.ID, Version: r.Version, Text: r.Text, CreatedAt: fromMicros(r.CreatedAt), UpdatedAt: fromMicros(r.UpdatedAt),
		})
	}
	return s, nil
}

// Commit implements [policy.Store].
func (p Policies) Commit(ctx context.Context, account string, revision int64, changes []policy.Change, at time.Time) error {
	var refused error
	err := p.d.writer.do(ctx, func(w *writer) (err error) {
		refused, err = w.changePolicy(ctx, account, revision, changes, at)
		return err
	})
	return errors.Join(refused, err)
}

func (w *writer) changePolicy(ctx context.Context, account string, revision int64, changes []policy.Change, at time.Time) (refused, err error) {
	var have int64
	if _, err := w.row(db.ReadPolicyRevision, []any{account}, []any{&have}); err != nil {
		return nil, err
	}
	if have != revision {
		return policy.ErrConflict, nil
	}
	for i := range changes { // before anything is written
		if c := &changes[i]; c.Kind == policy.KindWorkspace && c.After == nil {
			var n int64
			if _, err := w.row(db.CountKeysOfWorkspace, []any{account, c.ID}, []any{&n}); err != nil {
				return nil, err
			}
			if n > 0 {
				return policy.ErrInUse, nil
			}
		}
	}
	if err := w.one(db.PutPolicyRevision, account, revision+1); err != nil {
		return nil, err
	}
	for i := range changes {
		if err := w.changeObject(ctx, account, revision+1, &changes[i], at); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (w *writer) changeObject(ctx context.Context, account string, revision int64, c *policy.Change, at time.Time) error {
	var err error
	if c.After == nil {
		_, err = w.exec(db.DeletePolicyObject, account, c.Kind, c.ID)
		if err == nil && c.Kind == policy.KindWorkspace {
			err = w.clearPresets(account, c.ID)
		}
	} else {
		err = w.one(db.PutPolicyObject, account, c.Kind, c.ID, c.Version, c.After, micros(c.CreatedAt), micros(at))
	}
	if err != nil {
		return err
	}
	text := c.After
	if text == nil {
		text = []byte{}
	}
	by := trail.Of(ctx).Actor
	if err := w.one(db.InsertPolicyVersion, account, revision, c.Kind, c.ID, c.Version, text, micros(at), by.Kind+":"+by.Key); err != nil {
		return err
	}
	return w.audit(ctx, auditPolicy(account, c))
}

// auditPolicy is what the audit log tells of a change. What filters look for may itself be
// secret.
func auditPolicy(account string, c *policy.Change) trail.Event {
	e := trail.Event{Account: account, Object: c.ID}
	pick := func(create, update, remove trail.Action) trail.Action {
		switch {
		case c.Before == nil:
			return create
		case c.After == nil:
			return remove
		default:
			return update
		}
	}
	switch c.Kind {
	case policy.KindPrivacy:
		e.Action = trail.SettingsUpdate
	case policy.KindWorkspace:
		e.Action = pick(trail.WorkspaceCreate, trail.WorkspaceUpdate, trail.WorkspaceDelete)
	case policy.KindGuardrail:
		e.Action = pick(trail.GuardrailCreate, trail.GuardrailUpdate, trail.GuardrailDelete)
	default:
		before, after := guardrailOf(c.Before), guardrailOf(c.After)
		e.Action, e.Object = pick(trail.GuardrailAssign, trail.GuardrailAssign, trail.GuardrailUnassign), after
		if after == "" {
			e.Object = before
		}
		e.Detail = map[string]trail.Change{c.Kind: {After: c.ID}, "guardrail_id": {Before: before, After: after}}
		return e
	}
	object := func(text []byte) any {
		if text == nil {
			return nil
		}
		return jsontext.Value(text)
	}
	e.Detail = trail.Diff(object(c.Before), object(c.After), "content_filters")
	return e
}

func guardrailOf(assignment []byte) string {
	var a policy.Assignment
	if assignment == nil || json.Unmarshal(assignment, &a) != nil {
		return ""
	}
	return a.Guardrail
}

// unassign takes from a key that is deleted the guardrail that it has.
func (w *writer) unassign(ctx context.Context, account, hash string) error {
	var text []byte
	found, err := w.row(db.ReadPolicyObject, []any{account, policy.KindKey, hash}, []any{&text})
	if err != nil || !found {
		return err
	}
	var revision int64
	if _, err := w.row(db.ReadPolicyRevision, []any{account}, []any{&revision}); err != nil {
		return err
	}
	_, err = w.changePolicy(ctx, account, revision, []policy.Change{{Kind: policy.KindKey, ID: hash, Version: 2, Before: text}}, w.now())
	return err
}

// noWorkspace reports that the account has no such workspace. Its default one is there
// whether anybody has changed it or not.
func (w *writer) noWorkspace(account, id string) (bool, error) {
	if id == identity.Workspace(account) {
		return false, nil
	}
	var n int64
	_, err := w.row(db.CountWorkspace, []any{account, id}, []any{&n})
	return n == 0, err
}

// Begin implements [policy.Store].
func (p Policies) Begin(ctx context.Context, account string, counts []policy.Count, _ time.Time) error {
	return p.d.writer.do(ctx, func(w *writer) error {
		for i := range counts {
			if err := w.beginScope(account, &counts[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) beginScope(account string, c *policy.Count) error {
	var spent int64
	var err error
	switch from := day(c.From); {
	case c.Key != "":
		_, err = w.row(db.UsageSince, []any{account, c.Key, from}, []any{&spent})
	case c.Creator != "" && c.Workspace != "":
		_, err = w.row(db.UsageOfMemberInWorkspace, []any{account, c.Creator, c.Workspace, from}, []any{&spent})
	case c.Creator != "":
		_, err = w.row(db.UsageOfMember, []any{account, c.Creator, from}, []any{&spent})
	default:
		_, err = w.row(db.UsageOfWorkspace, []any{account, c.Workspace, from}, []any{&spent})
	}
	if err != nil {
		return fmt.Errorf("usage of %s: %w", c.Scope, err)
	}
	return w.seedScope(c.Scope, spent)
}

// At implements [policy.Store].
func (p Policies) At(ctx context.Context, account string, revision int64) ([]policy.Past, error) {
	rows, err := p.d.read.PolicyAt(ctx, db.PolicyAtParams{Account: account, Revision: revision})
	if err != nil {
		return nil, p.d.failed("policy", err)
	}
	out := make([]policy.Past, len(rows))
	for i, r := range rows {
		out[i] = policy.Past{Kind: r.Kind, ID: r.ID, Version: r.Version, Text: r.Text, Since: r.Revision, At: fromMicros(r.At), Actor: r.Actor}
	}
	return out, nil
}
