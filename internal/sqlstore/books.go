package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Books is the ledger's side of a database.
type Books struct{ d *DB }

var _ ledger.Store = Books{}

// Books of the database.
func (d *DB) Books() Books { return Books{d} }

// OpenAccount implements [ledger.Store].
func (b Books) OpenAccount(ctx context.Context, account string, at time.Time) error {
	return b.d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.OpenBalance, account, micros(at))
		return err
	})
}

// Reserve implements [ledger.Store].
func (b Books) Reserve(ctx context.Context, h ledger.Hold, limits []ledger.Limit) (ledger.Hold, error) {
	var got ledger.Hold
	var refused error
	err := b.d.writer.do(ctx, func(w *writer) (err error) {
		got, refused, err = w.reserve(h, limits)
		return err
	})
	return got, errors.Join(refused, err)
}

// reserve takes first and looks for the reason only if it could not: two
// statements, and one more per limit.
func (w *writer) reserve(h ledger.Hold, limits []ledger.Limit) (got ledger.Hold, refused, err error) {
	n, err := w.exec(db.InsertHold, h.Ref, h.Account, int64(h.Amount), h.Owner, strings.Join(h.Scopes, " "), micros(h.Opened), micros(h.Opened))
	if err != nil {
		return got, nil, err
	}
	if n == 0 {
		return w.reserved(h)
	}
	if n, err = w.exec(db.TakeHeld, int64(h.Amount), h.Account); err != nil {
		return got, nil, err
	}
	if n == 0 {
		if err := w.one(db.DeleteHold, h.Ref); err != nil {
			return got, nil, err
		}
		a, found, err := w.balance(h.Account)
		if err == nil && !found {
			return got, fmt.Errorf("reserve %s: %w: %s", h.Ref, ledger.ErrNoAccount, h.Account), nil
		}
		return got, &ledger.Insufficient{Account: h.Account, Available: a.Posted - a.Held, Wanted: h.Amount}, err
	}
	if refused, err = w.reserveScopes(h, limits); refused == nil || err != nil {
		return h, nil, err
	}
	if err := w.one(db.Release, int64(0), int64(h.Amount), h.Account); err != nil {
		return got, nil, err
	}
	return got, refused, w.one(db.DeleteHold, h.Ref)
}

// reserved is the answer to a ref that is known.
func (w *writer) reserved(h ledger.Hold) (got ledger.Hold, refused, err error) {
	old, found, err := w.hold(h.Ref)
	switch {
	case err != nil:
		return got, nil, err
	case !found:
		return got, nil, fmt.Errorf("sqlstore: hold %s was neither inserted nor found", h.Ref)
	case old.State != ledger.Open || old.Account != h.Account || old.Owner != h.Owner:
		return got, fmt.Errorf("reserve %s: %w", h.Ref, ledger.ErrRefUsed), nil
	}
	return old.Hold, nil, nil
}

// reserveScopes counts the hold against all limits or none. One refused update
// changes nothing; with several, those before it must be undone.
func (w *writer) reserveScopes(h ledger.Hold, limits []ledger.Limit) (refused, err error) {
	several := len(limits) > 1
	if several {
		if _, err := w.exec("SAVEPOINT scopes"); err != nil {
			return nil, err
		}
	}
	for _, l := range limits {
		n := int64(0)
		if l.Max >= h.Amount {
			if n, err = w.exec(db.TakeScope, l.Scope, int64(l.Max), int64(h.Amount)); err != nil {
				return nil, err
			}
		}
		if n > 0 {
			continue
		}
		s, err := w.scope(l.Scope)
		if err != nil {
			return nil, err
		}
		refused = &ledger.Insufficient{Account: h.Account, Scope: l.Scope, Available: l.Max - s.Spent - s.Held, Wanted: h.Amount}
		if several {
			if _, err := w.exec("ROLLBACK TO scopes"); err != nil {
				return nil, err
			}
		}
		break
	}
	if several {
		_, err = w.exec("RELEASE scopes")
	}
	return refused, err
}

// Grow implements [ledger.Store].
func (b Books) Grow(ctx context.Context, h ledger.Hold, by money.Nano, at time.Time) (ledger.Hold, error) {
	got := h
	var refused error
	err := b.d.writer.do(ctx, func(w *writer) (err error) {
		got, refused, err = w.grow(h, by, at)
		return err
	})
	return got, errors.Join(refused, err)
}

func (w *writer) grow(h ledger.Hold, by money.Nano, at time.Time) (got ledger.Hold, refused, err error) {
	r, found, err := w.hold(h.Ref)
	switch {
	case err != nil:
		return h, nil, err
	case !found:
		return h, fmt.Errorf("grow %s: %w", h.Ref, ledger.ErrNoHold), nil
	case r.State != ledger.Open:
		return h, fmt.Errorf("grow %s: %w: %s", h.Ref, ledger.ErrClosed, r.State), nil
	}
	if by > 0 {
		n, err := w.exec(db.TakeHeld, int64(by), r.Account)
		if err != nil {
			return h, nil, err
		}
		if n == 0 {
			a, _, err := w.balance(r.Account)
			return h, &ledger.Insufficient{Account: r.Account, Available: a.Posted - a.Held, Wanted: by}, err
		}
		for i, name := range r.Scopes {
			n, err := w.exec(db.GrowScope, int64(by), name)
			if err != nil {
				return h, nil, err
			}
			if n > 0 {
				continue
			}
			s, err := w.scope(name)
			if err != nil {
				return h, nil, err
			}
			refused = &ledger.Insufficient{Account: r.Account, Scope: name, Available: s.Max - s.Spent - s.Held, Wanted: by}
			for _, taken := range r.Scopes[:i] {
				if err := w.one(db.ReleaseScope, int64(0), int64(by), taken); err != nil {
					return h, nil, err
				}
			}
			return h, refused, w.one(db.Release, int64(0), int64(by), r.Account)
		}
	}
	r.Amount += by
	return r.Hold, nil, w.one(db.GrowHold, int64(by), micros(at), h.Ref)
}

// Settle implements [ledger.Store].
func (b Books) Settle(ctx context.Context, s ledger.Settlement) error {
	var refused error
	err := b.d.writer.do(ctx, func(w *writer) (err error) {
		refused, err = w.settle(s)
		return err
	})
	return errors.Join(refused, err)
}

// settle expects the hold to be as the caller knows it, and looks only if it is
// not: three statements, and one more per limit.
func (w *writer) settle(s ledger.Settlement) (refused, err error) {
	h := s.Hold
	state := ledger.Captured
	if s.Cost == 0 {
		state = ledger.Voided
	}
	captured := ledger.Capture(h.Amount, s.Cost, h.Amount)
	n, err := w.exec(db.CloseHold, string(state), int64(s.Cost), int64(captured), micros(s.At), h.Ref, int64(h.Amount), h.Account)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return w.settleOther(s)
	}
	return nil, w.post(s, captured, h.Amount)
}

// settleOther settles a hold that has grown, ended or expired since the caller
// saw it.
func (w *writer) settleOther(s ledger.Settlement) (refused, err error) {
	r, found, err := w.hold(s.Hold.Ref)
	if err != nil {
		return nil, err
	}
	same := r.Amount == s.Hold.Amount && r.Account == s.Hold.Account
	s.Hold = r.Hold
	switch {
	case !found:
		return fmt.Errorf("settle %s: %w", s.Hold.Ref, ledger.ErrNoHold), nil
	case r.State == ledger.Open && same:
		return nil, fmt.Errorf("sqlstore: hold %s is open and could not be closed", r.Ref)
	case r.State == ledger.Open:
		return w.settle(s)
	case r.State == ledger.Expired && s.Cost == 0:
		return nil, nil
	case r.State != ledger.Expired && r.Cost == s.Cost:
		return nil, nil
	case r.State != ledger.Expired:
		return fmt.Errorf("settle %s: %w: %s at %s", r.Ref, ledger.ErrClosed, r.State, r.Cost), nil
	}
	a, _, err := w.balance(r.Account)
	if err != nil {
		return nil, err
	}
	room := a.Posted - a.Held
	for _, name := range r.Scopes {
		sc, err := w.scope(name)
		if err != nil {
			return nil, err
		}
		room = min(room, sc.Max-sc.Spent-sc.Held)
	}
	captured := ledger.Capture(r.Amount, s.Cost, room)
	if err := w.one(db.CaptureLate, int64(s.Cost), int64(captured), micros(s.At), r.Ref); err != nil {
		return nil, err
	}
	return nil, w.post(s, captured, 0)
}

// post writes the entries of a settlement and takes it out of the balance and
// the scopes.
func (w *writer) post(s ledger.Settlement, captured, release money.Nano) error {
	e, n := ledger.Entries(s, captured)
	if err := ledger.Balanced(e[:n], captured, s.Hold.Amount); err != nil {
		return err
	}
	kind, ref, at := string(ledger.KindSettle), s.Hold.Ref, micros(s.At)
	if n >= 2 {
		if _, err := w.exec(db.InsertTwoEntries, kind, ref, e[0].Account, int64(e[0].Amount), at, e[1].Account, int64(e[1].Amount)); err != nil {
			return err
		}
	}
	if n == 3 {
		if err := w.one(db.InsertEntry, kind, ref, e[2].Account, int64(e[2].Amount), at); err != nil {
			return err
		}
	}
	if captured == 0 && release == 0 {
		return nil
	}
	if err := w.one(db.Release, int64(captured), int64(release), s.Hold.Account); err != nil {
		return err
	}
	for _, name := range s.Hold.Scopes {
		if err := w.one(db.ReleaseScope, int64(captured), int64(release), name); err != nil {
			return err
		}
	}
	return nil
}

// Post implements [ledger.Store].
func (b Books) Post(ctx context.Context, p ledger.Posting) error {
	var refused error
	err := b.d.writer.do(ctx, func(w *writer) (err error) {
		refused, err = w.posting(ctx, p)
		return err
	})
	return errors.Join(refused, err)
}

func (w *writer) posting(ctx context.Context, p ledger.Posting) (refused, err error) {
	var account string
	var amount int64
	found, err := w.row(db.FindPosting, []any{string(p.Kind), p.Ref, p.Contra}, []any{&account, &amount})
	if err != nil {
		return nil, err
	}
	if found {
		if account != p.Account || amount != int64(p.Amount) {
			return fmt.Errorf("%s %s: %w", p.Kind, p.Ref, ledger.ErrRefUsed), nil
		}
		return nil, nil
	}
	a, found, err := w.balance(p.Account)
	if err != nil {
		return nil, err
	}
	if !found {
		return fmt.Errorf("%s %s: %w: %s", p.Kind, p.Ref, ledger.ErrNoAccount, p.Account), nil
	}
	if a, refused = a.Plus(p); refused != nil {
		return refused, nil
	}
	_, err = w.exec(db.InsertTwoEntries, string(p.Kind), p.Ref, p.Account, int64(p.Amount), micros(p.At), p.Contra, int64(-p.Amount))
	if err != nil {
		return nil, err
	}
	if err := w.one(db.SetBalance, int64(a.Posted), int64(a.Credits), int64(a.Debt), p.Account); err != nil {
		return nil, err
	}
	action := trail.CreditsAdd
	if p.Kind == ledger.KindAdjust {
		action = trail.CreditsAdjust
	}
	return nil, w.audit(ctx, trail.Event{
		Action: action, Account: strings.TrimPrefix(p.Account, ledger.Customer("")), Object: p.Ref,
		Detail: map[string]trail.Change{"amount": {After: p.Amount.String()}},
	})
}

// Balance implements [ledger.Store].
func (b Books) Balance(ctx context.Context, account string) (ledger.Balance, error) {
	r, err := b.d.read.ReadBalance(ctx, account)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Balance{}, fmt.Errorf("balance: %w: %s", ledger.ErrNoAccount, account)
	}
	if err != nil {
		return ledger.Balance{}, b.d.failed("balance", err)
	}
	return accountRow(db.AuditBalancesRow(r)).Balance(), nil
}

// Beat implements [ledger.Store].
func (b Books) Beat(ctx context.Context, owner string, at, since time.Time) error {
	return b.d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.Beat, micros(at), owner, micros(since))
		return err
	})
}

// Expire implements [ledger.Store]. It works in portions, so that requests in
// between are not kept waiting.
func (b Books) Expire(ctx context.Context, e ledger.Expiry) (int, error) {
	total := 0
	for {
		n := 0
		err := b.d.writer.do(ctx, func(w *writer) (err error) {
			n, err = w.expire(e)
			return err
		})
		if err != nil {
			return total, err
		}
		if n == 0 {
			return total, nil
		}
		total += n
	}
}

func (w *writer) expire(e ledger.Expiry) (int, error) {
	text, arg := db.Expired, any(micros(e.BeatBefore))
	if e.NotOwner != "" {
		text, arg = db.Orphans, e.NotOwner
	}
	type due struct {
		ref, account, scopes string
		amount               int64
	}
	var all []due
	err := w.rows(text, func(row []driver.Value) error {
		var h due
		err := scan(row, &h.ref, &h.account, &h.amount, &h.scopes)
		all = append(all, h)
		return err
	}, arg)
	if err != nil {
		return 0, err
	}
	for _, h := range all {
		if err := w.one(db.ExpireHold, micros(e.At), h.ref); err != nil {
			return 0, err
		}
		if err := w.one(db.Release, int64(0), h.amount, h.account); err != nil {
			return 0, err
		}
		for name := range strings.FieldsSeq(h.scopes) {
			if err := w.one(db.ReleaseScope, int64(0), h.amount, name); err != nil {
				return 0, err
			}
		}
	}
	return len(all), nil
}

func (w *writer) hold(ref string) (ledger.HoldRow, bool, error) {
	var h db.Hold
	found, err := w.row(db.ReadHold, []any{ref}, []any{
		&h.Ref, &h.Account, &h.Amount, &h.State, &h.Cost, &h.Captured, &h.Owner, &h.Scopes, &h.OpenedAt, &h.BeatAt, &h.ClosedAt,
	})
	if !found {
		h.Ref = ref
	}
	return holdRow(h), found, err
}

func (w *writer) balance(account string) (ledger.AccountRow, bool, error) {
	var a db.AuditBalancesRow
	found, err := w.row(db.ReadBalance, []any{account}, []any{&a.Account, &a.Posted, &a.Held, &a.Credits, &a.Debt})
	return accountRow(a), found, err
}

func (w *writer) scope(name string) (ledger.ScopeRow, error) {
	var s db.Spending
	_, err := w.row(db.ReadScope, []any{name}, []any{&s.Scope, &s.Ceiling, &s.Spent, &s.Held, &s.Base})
	return scopeRow(s), err
}

func accountRow(a db.AuditBalancesRow) ledger.AccountRow {
	return ledger.AccountRow{
		Account: a.Account, Posted: money.Nano(a.Posted), Held: money.Nano(a.Held),
		Credits: money.Nano(a.Credits), Debt: money.Nano(a.Debt),
	}
}

func scopeRow(s db.Spending) ledger.ScopeRow {
	return ledger.ScopeRow{
		Scope: s.Scope, Max: money.Nano(s.Ceiling), Spent: money.Nano(s.Spent),
		Held: money.Nano(s.Held), Base: money.Nano(s.Base),
	}
}

func holdRow(h db.Hold) ledger.HoldRow {
	r := ledger.HoldRow{
		Hold: ledger.Hold{
			Ref: h.Ref, Account: h.Account, Amount: money.Nano(h.Amount),
			Owner: h.Owner, Opened: fromMicros(h.OpenedAt),
		},
		State: ledger.State(h.State), Beat: fromMicros(h.BeatAt),
		Cost: money.Nano(h.Cost), Captured: money.Nano(h.Captured), Closed: fromMicros(h.ClosedAt),
	}
	if h.Scopes != "" {
		r.Scopes = strings.Fields(h.Scopes)
	}
	return r
}

func entry(e db.Entry) ledger.Entry {
	return ledger.Entry{
		Kind: ledger.Kind(e.Kind), Ref: e.Ref, Account: e.Account,
		Amount: money.Nano(e.Amount), At: fromMicros(e.At),
	}
}

// Audit implements [ledger.Store].
func (b Books) Audit(ctx context.Context, look func(ledger.Snapshot) error) error {
	tx, err := b.d.pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return b.d.failed("audit", err)
	}
	// SQLite fixes what a transaction sees at its first read, so this is one commit
	// point for all four sequences (I22). There is nothing to commit.
	return errors.Join(look(snapshot{ctx, b.d, tx}), tx.Rollback())
}

type snapshot struct {
	ctx context.Context //nolint:containedctx // lives no longer than the call it came with
	d   *DB
	tx  *sql.Tx
}

func (s snapshot) Accounts() iter.Seq2[ledger.AccountRow, error] {
	return stream(s, db.AuditBalances, func(r *sql.Rows) (ledger.AccountRow, error) {
		var a db.AuditBalancesRow
		err := r.Scan(&a.Account, &a.Posted, &a.Held, &a.Credits, &a.Debt)
		return accountRow(a), err
	})
}

func (s snapshot) Scopes() iter.Seq2[ledger.ScopeRow, error] {
	return stream(s, db.AuditScopes, func(r *sql.Rows) (ledger.ScopeRow, error) {
		var p db.Spending
		err := r.Scan(&p.Scope, &p.Ceiling, &p.Spent, &p.Held, &p.Base)
		return scopeRow(p), err
	})
}

func (s snapshot) Holds() iter.Seq2[ledger.HoldRow, error] {
	return stream(s, db.AuditHolds, func(r *sql.Rows) (ledger.HoldRow, error) {
		var h db.Hold
		err := r.Scan(&h.Ref, &h.Account, &h.Amount, &h.State, &h.Cost, &h.Captured, &h.Owner, &h.Scopes, &h.OpenedAt, &h.BeatAt, &h.ClosedAt)
		return holdRow(h), err
	})
}

func (s snapshot) Entries() iter.Seq2[ledger.Entry, error] {
	return stream(s, db.AuditEntries, func(r *sql.Rows) (ledger.Entry, error) {
		var e db.Entry
		err := r.Scan(&e.Kind, &e.Ref, &e.Account, &e.Amount, &e.At)
		return entry(e), err
	})
}

// stream is a query as a sequence, one row in memory at a time.
func stream[T any](s snapshot, text string, read func(*sql.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := s.tx.QueryContext(s.ctx, text)
		if err != nil {
			yield(zero, s.d.failed("audit", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			v, err := read(rows)
			if !yield(v, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, s.d.failed("audit", err))
		}
	}
}
