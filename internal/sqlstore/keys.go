package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Keys is identity's side of a database.
type Keys struct{ d *DB }

var _ identity.Store = Keys{}

// Keys of the database.
func (d *DB) Keys() Keys { return Keys{d} }

// Pepper implements [identity.Store].
func (k Keys) Pepper(ctx context.Context, fresh []byte) ([]byte, error) {
	const name = "pepper"
	have, err := k.d.read.ReadMeta(ctx, name)
	if err == nil {
		return have, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return nil, k.d.failed("pepper", err)
	}
	err = k.d.writer.do(ctx, func(w *writer) error {
		if _, err := w.exec(db.InsertMeta, name, fresh); err != nil {
			return err
		}
		_, err := w.row(db.ReadMeta, []any{name}, []any{&have}) // another process may have been first
		return err
	})
	return have, err
}

// InsertAccount implements [identity.Store].
func (k Keys) InsertAccount(ctx context.Context, a identity.Account) error {
	var n int64
	err := k.d.writer.do(ctx, func(w *writer) (err error) {
		n, err = w.exec(db.InsertAccount, a.ID, a.Name, a.Workspace, micros(a.CreatedAt))
		if err != nil || n == 0 {
			return err
		}
		return w.audit(ctx, trail.Event{
			Action: trail.AccountCreate, Account: a.ID, Object: a.ID,
			Detail: map[string]trail.Change{"name": {After: a.Name}, "workspace_id": {After: a.Workspace}},
		})
	})
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: %s", identity.ErrExists, a.ID)
	}
	return err
}

// Accounts implements [identity.Store].
func (k Keys) Accounts(ctx context.Context) ([]identity.Account, error) {
	rows, err := k.d.read.ListAccounts(ctx)
	if err != nil {
		return nil, k.d.failed("accounts", err)
	}
	out := make([]identity.Account, len(rows))
	for i, r := range rows {
		out[i] = identity.Account{ID: r.ID, Name: r.Name, Workspace: r.Workspace, CreatedAt: fromMicros(r.CreatedAt)}
	}
	return out, nil
}

// InsertKey implements [identity.Store].
func (k Keys) InsertKey(ctx context.Context, s identity.Stored) error {
	var n int64
	var unknown bool
	err := k.d.writer.do(ctx, func(w *writer) (err error) {
		if unknown, err = w.noWorkspace(s.Account, s.Workspace); err != nil || unknown {
			return err
		}
		n, err = w.exec(db.InsertKey, s.Hash, s.Digest[:], s.Workspace, s.Name, s.Label, s.Creator,
			flag(s.Management), flag(s.Disabled), flag(s.IncludeBYOK), limit(s.Limit), string(s.LimitReset),
			micros(s.CreatedAt), micros(s.UpdatedAt), micros(s.ExpiresAt), rate(s.Rates.Requests), rate(s.Rates.Tokens), s.DataClass, s.Account)
		if err != nil || n == 0 {
			return err
		}
		return w.audit(ctx, trail.Event{Action: trail.KeyCreate, Account: s.Account, Object: s.Hash, Detail: trail.Diff(nil, auditKey(s.Key))})
	})
	switch {
	case err == nil && unknown:
		err = fmt.Errorf("%w: workspace_id: want the id of a workspace of this account", identity.ErrInvalid)
	case err == nil && n == 0:
		err = fmt.Errorf("%w: account %s", identity.ErrNotFound, s.Account)
	}
	return err
}

// Lookup implements [identity.Store].
func (k Keys) Lookup(ctx context.Context, hash string) (identity.Stored, error) {
	r, err := k.d.read.LookupKey(ctx, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return identity.Stored{}, identity.ErrNotFound
	}
	if err != nil {
		return identity.Stored{}, k.d.failed("key", err)
	}
	s := identity.Stored{Key: key(r)}
	if copy(s.Digest[:], r.Digest) != len(s.Digest) {
		return s, fmt.Errorf("sqlstore: key %s: digest of %d bytes", hash, len(r.Digest))
	}
	return s, nil
}

// Key implements [identity.Store].
func (k Keys) Key(ctx context.Context, account, hash string) (identity.Key, error) {
	s, err := k.Lookup(ctx, hash)
	if err == nil && s.Account != account {
		err = identity.ErrNotFound
	}
	if err != nil {
		return identity.Key{}, err
	}
	return s.Key, nil
}

// Keys implements [identity.Store].
func (k Keys) Keys(ctx context.Context, account string, p identity.Page) ([]identity.Key, error) {
	rows, err := k.d.read.ListKeys(ctx, db.ListKeysParams{
		Account: account, MaxDisabled: flag(p.IncludeDisabled), Workspace: p.Workspace, Page: identity.PageSize, Skip: int64(p.Offset),
	})
	if err != nil {
		return nil, k.d.failed("keys", err)
	}
	out := make([]identity.Key, len(rows))
	for i, r := range rows {
		out[i] = key(r)
	}
	return out, nil
}

// UpdateKey implements [identity.Store]. A limit that is set on a key in use
// counts what the key has spent in the window before.
func (k Keys) UpdateKey(ctx context.Context, account, hash string, c identity.Change, at time.Time) (identity.Key, error) {
	var got identity.Key
	var found bool
	err := k.d.writer.do(ctx, func(w *writer) (err error) {
		var old identity.Key
		if old, found, err = w.key(hash); err != nil {
			return err
		}
		if found = found && old.Account == account; !found {
			return nil
		}
		got = c.Apply(old)
		got.UpdatedAt = at
		err = w.one(db.UpdateKey, got.Name, flag(got.Disabled), flag(got.IncludeBYOK), limit(got.Limit), string(got.LimitReset), micros(at),
			rate(got.Rates.Requests), rate(got.Rates.Tokens), got.DataClass, account, hash)
		if err == nil {
			err = w.audit(ctx, trail.Event{Action: trail.KeyUpdate, Account: account, Object: hash, Detail: trail.Diff(auditKey(old), auditKey(got))})
		}
		if err != nil || got.Limit == nil {
			return err
		}
		return w.seed(got, at)
	})
	if err == nil && !found {
		err = identity.ErrNotFound
	}
	return got, err
}

// seed makes the scope of a key's limit count what is on record for the key, if
// that is more than what was counted while there was a limit.
func (w *writer) seed(k identity.Key, at time.Time) error {
	name, from := k.Scope(at)
	var spent int64
	if _, err := w.row(db.UsageSince, []any{k.Account, k.Hash, day(from)}, []any{&spent}); err != nil {
		return err
	}
	return w.seedScope(name, spent)
}

func (w *writer) seedScope(name string, spent int64) error {
	s, err := w.scope(name)
	if err != nil || spent <= int64(s.Spent) {
		return err
	}
	ceiling := max(int64(s.Max), spent+int64(s.Held))
	return w.one(db.SeedScope, name, ceiling, spent, int64(s.Base)+spent-int64(s.Spent))
}

// DeleteKey implements [identity.Store].
func (k Keys) DeleteKey(ctx context.Context, account, hash string) error {
	var n int64
	err := k.d.writer.do(ctx, func(w *writer) (err error) {
		old, _, err := w.key(hash)
		if err != nil {
			return err
		}
		if n, err = w.exec(db.DeleteKey, account, hash); err != nil || n == 0 {
			return err
		}
		if err := w.unassign(ctx, account, hash); err != nil {
			return err
		}
		return w.audit(ctx, trail.Event{Action: trail.KeyDelete, Account: account, Object: hash, Detail: trail.Diff(auditKey(old), nil)})
	})
	if err == nil && n == 0 {
		err = identity.ErrNotFound
	}
	return err
}

func (w *writer) key(hash string) (identity.Key, bool, error) {
	var r db.ApiKey
	found, err := w.row(db.LookupKey, []any{hash}, []any{
		&r.Hash, &r.Digest, &r.Account, &r.Workspace, &r.Name, &r.Label, &r.Creator, &r.Management, &r.Disabled,
		&r.IncludeByok, &r.SpendLimit, &r.LimitReset, &r.CreatedAt, &r.UpdatedAt, &r.ExpiresAt, &r.RequestsPerMinute, &r.TokensPerMinute, &r.DataClass,
	})
	return key(r), found, err
}

func key(r db.ApiKey) identity.Key {
	k := identity.Key{
		Hash: r.Hash, Account: r.Account, Workspace: r.Workspace, Name: r.Name, Label: r.Label, Creator: r.Creator,
		Management: r.Management != 0, Disabled: r.Disabled != 0, IncludeBYOK: r.IncludeByok != 0,
		LimitReset: identity.Reset(r.LimitReset), Rates: rates(&r), DataClass: r.DataClass,
		CreatedAt: fromMicros(r.CreatedAt), UpdatedAt: fromMicros(r.UpdatedAt), ExpiresAt: fromMicros(r.ExpiresAt),
	}
	if r.SpendLimit >= 0 {
		n := money.Nano(r.SpendLimit)
		k.Limit = &n
	}
	return k
}

func limit(n *money.Nano) int64 {
	if n == nil {
		return -1
	}
	return int64(*n)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
