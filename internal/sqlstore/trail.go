package sqlstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

const (
	// allHeads is the name of the head over all chains; no account is called so.
	allHeads = "*"
	// auditPage is how many records are read at once: an export to a slow reader
	// holds no snapshot of the database open.
	auditPage = 256
)

// Trail is the audit log's side of a database.
type Trail struct{ d *DB }

var _ trail.Store = Trail{}

// Trail of the database.
func (d *DB) Trail() Trail { return Trail{d} }

// Append implements [trail.Store].
func (t Trail) Append(ctx context.Context, events ...trail.Event) error {
	return t.d.writer.do(ctx, func(w *writer) error {
		for _, e := range events {
			if err := w.audit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// audit adds a record of what the operation does, in its own commit: there is no change
// without its record, and no record of a change that was not made. Who does it is
// said in ctx, see [trail.As].
func (w *writer) audit(ctx context.Context, e trail.Event) error {
	if e.At.IsZero() {
		e.At = w.now()
	}
	if e.By == (trail.By{}) {
		e.By = trail.Of(ctx)
	}
	own, found, err := w.auditHead(e.Account)
	if err != nil {
		return err
	}
	if !found {
		begin := trail.Event{At: e.At, Action: trail.Begin, Account: e.Account, By: trail.By{Actor: trail.Actor{Kind: trail.BySystem}}}
		if begin.Object, err = w.installation(); err != nil {
			return err
		}
		if own, err = w.chain(begin, own); err != nil {
			return err
		}
	}
	_, err = w.chain(e, own)
	return err
}

func (w *writer) installation() (string, error) {
	var id []byte
	found, err := w.row(db.ReadMeta, []any{"installation"}, []any{&id})
	if err == nil && !found {
		err = errors.New("sqlstore: the installation has no name")
	}
	return hex.EncodeToString(id), err
}

// chain puts the record of an event at the end of its account's chain.
func (w *writer) chain(e trail.Event, own trail.Head) (trail.Head, error) {
	all, _, err := w.auditHead(allHeads)
	if err != nil {
		return own, err
	}
	r, err := trail.Next(e, own, all)
	if err != nil {
		return own, err
	}
	err = w.one(db.InsertAudit, r.Number, r.Account, r.Seq, micros(r.At), string(r.Action), r.Text, r.Hash[:], r.Link[:])
	if err != nil {
		return own, err
	}
	if err := w.one(db.PutAuditHead, r.Account, r.Seq, r.Hash[:]); err != nil {
		return own, err
	}
	return trail.Head{Number: r.Seq, Hash: r.Hash}, w.one(db.PutAuditHead, allHeads, r.Number, r.Link[:])
}

func (w *writer) auditHead(account string) (h trail.Head, found bool, err error) {
	var hash []byte
	found, err = w.row(db.ReadAuditHead, []any{account}, []any{&h.Number, &hash})
	copy(h.Hash[:], hash)
	return h, found, err
}

// auditKey is what the audit log tells of a key: all of it but what is secret.
func auditKey(k identity.Key) any {
	return struct {
		Name        string         `json:"name"`
		Label       string         `json:"label"`
		Workspace   string         `json:"workspace_id"`
		Creator     string         `json:"creator_user_id,omitzero"`
		Management  bool           `json:"management"`
		Disabled    bool           `json:"disabled"`
		IncludeBYOK bool           `json:"include_byok_in_limit"`
		Limit       *money.Nano    `json:"limit"`
		LimitReset  identity.Reset `json:"limit_reset,omitzero"`
		Requests    int64          `json:"requests_per_minute,omitzero"`
		Tokens      int64          `json:"tokens_per_minute,omitzero"`
		DataClass   string         `json:"data_class,omitzero"`
		ExpiresAt   time.Time      `json:"expires_at,omitzero"`
	}{k.Name, k.Label, k.Workspace, k.Creator, k.Management, k.Disabled, k.IncludeBYOK, k.Limit, k.LimitReset, k.Rates.Requests, k.Rates.Tokens, k.DataClass, k.ExpiresAt}
}

// Head is the end of an account's chain.
func (t Trail) Head(ctx context.Context, account string) (trail.Head, error) {
	row, err := t.d.read.ReadAuditHead(ctx, account)
	if errors.Is(err, sql.ErrNoRows) {
		return trail.Head{}, nil
	}
	if err != nil {
		return trail.Head{}, t.d.failed("audit log", err)
	}
	return head(row.Number, row.Hash), nil
}

// Whole is the end of the chain over all.
func (t Trail) Whole(ctx context.Context) (trail.Head, error) { return t.Head(ctx, allHeads) }

// Heads are the ends of all chains, by account.
func (t Trail) Heads(ctx context.Context) (map[string]trail.Head, error) {
	rows, err := t.d.read.ListAuditHeads(ctx)
	if err != nil {
		return nil, t.d.failed("audit log", err)
	}
	out := make(map[string]trail.Head, len(rows))
	for _, r := range rows {
		if r.Account != allHeads {
			out[r.Account] = head(r.Number, r.Hash)
		}
	}
	return out, nil
}

func head(number int64, hash []byte) trail.Head {
	h := trail.Head{Number: number}
	copy(h.Hash[:], hash)
	return h
}

// Records are those of the query, in order. Times pick a stretch without gaps: from the
// first record that is not before Since to the last that is before Until.
func (t Trail) Records(ctx context.Context, q trail.Query) iter.Seq2[trail.Record, error] {
	return func(yield func(trail.Record, error) bool) {
		after, last, err := t.stretch(ctx, q)
		if err != nil {
			yield(trail.Record{}, t.d.failed("audit log", err))
			return
		}
		t.between(ctx, q, after, last)(yield)
	}
}

func (t Trail) between(ctx context.Context, q trail.Query, after, last int64) iter.Seq2[trail.Record, error] {
	return func(yield func(trail.Record, error) bool) {
		left := q.Limit
		if left <= 0 {
			left = math.MaxInt64
		}
		for after < last {
			page, err := t.page(ctx, q, after, last)
			if err != nil {
				yield(trail.Record{}, t.d.failed("audit log", err))
				return
			}
			if len(page) == 0 {
				return
			}
			for _, row := range page {
				after = row.Seq
				if q.All {
					after = row.Number
				}
				if !wanted(row.Action, q.Action) {
					continue
				}
				if !yield(auditRecord(row), nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

func wanted(action string, by trail.Action) bool {
	if prefix := string(by); strings.HasSuffix(prefix, ".") {
		return strings.HasPrefix(action, prefix)
	}
	return by == "" || action == string(by)
}

// stretch is from after which record to which the query goes.
func (t Trail) stretch(ctx context.Context, q trail.Query) (after, last int64, err error) {
	account := q.Account
	if q.All {
		account = allHeads
	}
	h, err := t.Head(ctx, account)
	if err != nil {
		return 0, 0, err
	}
	after, last = q.After, h.Number
	if !q.Since.IsZero() {
		first, err := t.edge(ctx, q, q.Since, true)
		if err != nil {
			return 0, 0, err
		}
		if first == 0 {
			return 0, 0, nil
		}
		after = max(after, first-1)
	}
	if !q.Until.IsZero() {
		until, err := t.edge(ctx, q, q.Until, false)
		if err != nil {
			return 0, 0, err
		}
		last = min(last, until)
	}
	return after, last, nil
}

// edge is the first record that is not before a time, or the last before it; 0: none.
func (t Trail) edge(ctx context.Context, q trail.Query, at time.Time, first bool) (int64, error) {
	switch {
	case q.All && first:
		return t.d.read.FirstAudit(ctx, micros(at))
	case q.All:
		return t.d.read.LastAudit(ctx, micros(at))
	case first:
		return t.d.read.FirstAccountAudit(ctx, db.FirstAccountAuditParams{Account: q.Account, Since: micros(at)})
	default:
		return t.d.read.LastAccountAudit(ctx, db.LastAccountAuditParams{Account: q.Account, Until: micros(at)})
	}
}

func (t Trail) page(ctx context.Context, q trail.Query, after, last int64) ([]db.AuditLog, error) {
	if q.All {
		return t.d.read.ListAudit(ctx, db.ListAuditParams{After: after, Last: last, Page: auditPage})
	}
	return t.d.read.ListAccountAudit(ctx, db.ListAccountAuditParams{Account: q.Account, After: after, Last: last, Page: auditPage})
}

func auditRecord(row db.AuditLog) trail.Record {
	r := trail.Record{Number: row.Number, Account: row.Account, Seq: row.Seq, At: fromMicros(row.At), Action: trail.Action(row.Action), Text: row.Text}
	copy(r.Hash[:], row.Hash)
	copy(r.Link[:], row.Link)
	return r
}

// Verify verifies the whole log, also that no chain ends before its head.
func (t Trail) Verify(ctx context.Context, v *trail.Verifier) error {
	heads, err := t.Heads(ctx) // before the records: more may come meanwhile
	if err != nil {
		return err
	}
	all, err := t.Whole(ctx)
	if err != nil {
		return err
	}
	for r, err := range t.between(ctx, trail.Query{All: true}, 0, math.MaxInt64) { // beyond the head, too
		if err == nil {
			err = v.Add(r)
		}
		if err != nil {
			return err
		}
		if h := heads[r.Account]; h.Number == r.Seq {
			if h.Hash != r.Hash {
				return &trail.BrokenError{Account: r.Account, Seq: r.Seq, What: "the head of its chain is another"}
			}
			delete(heads, r.Account)
		}
		if r.Number == all.Number && r.Link != all.Hash {
			return &trail.BrokenError{Account: r.Account, Seq: r.Seq, What: "the head over all is another"}
		}
	}
	for _, account := range slices.Sorted(maps.Keys(heads)) {
		return &trail.BrokenError{Account: account, Seq: heads[account].Number, What: "it is missing, though the head of its chain is kept"}
	}
	if heads, err = t.Heads(ctx); err != nil {
		return err
	}
	for _, c := range v.Chains() {
		if heads[c.Account].Number < c.Head.Number {
			return &trail.BrokenError{Account: c.Account, Seq: c.Head.Number, What: "the head of its chain is gone"}
		}
	}
	now, err := t.Whole(ctx)
	switch {
	case err != nil:
		return err
	case v.All().Number > now.Number:
		return fmt.Errorf("the log goes on to number %d behind its head, number %d", v.All().Number, now.Number)
	case v.All().Number < all.Number:
		return fmt.Errorf("the log ends at number %d, its head is number %d", v.All().Number, all.Number)
	}
	return v.End()
}
