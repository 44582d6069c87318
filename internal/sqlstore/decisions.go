package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

// maxDecision is the longest decision that is kept, in bytes: a request may name models
// and providers without end.
const maxDecision = 1 << 20

// Decision is what is kept of a plan.
type Decision struct {
	ID       string // of the generation
	Account  string
	Began    time.Time
	Snapshot string // the version of the catalogue
	Text     []byte // a route.Decision as JSON
}

// Decided keeps what a plan was made from. It does not wait, and leaves it to the writer
// to put the decision into words. What cannot be kept is counted by [DB.Dropped].
func (d *DB) Decided(x record.Decision) {
	d.writer.later(func(w *writer) error {
		text, err := x.Text()
		if err != nil || len(text) > maxDecision { // no reason to undo what others do in this commit
			w.dropped.Add(1)
			return nil //nolint:nilerr // it is counted
		}
		_, err = w.exec(db.InsertDecision, x.ID, x.Account, micros(x.Began), x.Snapshot, text)
		return err
	})
}

// Decision of a generation, or [ErrNotFound]. It is for the operator: it asks for no
// account.
func (d *DB) Decision(ctx context.Context, id string) (Decision, error) {
	row, err := d.read.ReadDecision(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Decision{}, ErrNotFound
	}
	if err != nil {
		return Decision{}, d.failed("decision", err)
	}
	return Decision{row.Generation, row.Account, fromMicros(row.BeganAt), row.Snapshot, row.Text}, nil
}

// Decisions are all that were made since a time, in the order of time, each with what
// came of it; the outcome of one that was refused, or that is still under way, has no
// ID.
func (d *DB) Decisions(ctx context.Context, since time.Time) iter.Seq2[Decided, error] {
	return func(yield func(Decided, error) bool) {
		rows, err := d.pool.QueryContext(ctx, db.DecisionsSince, micros(since))
		if err != nil {
			yield(Decided{}, d.failed("decisions", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r db.DecisionsSinceRow
			err := rows.Scan(&r.Generation, &r.Account, &r.BeganAt, &r.Snapshot, &r.Text,
				&r.KeyHash, &r.Model, &r.Endpoint, &r.Sheet, &r.EndedAt, &r.Prompt, &r.Completion, &r.Charged, &r.Detail)
			x := Decided{Decision: Decision{r.Generation, r.Account, fromMicros(r.BeganAt), r.Snapshot, r.Text}}
			if err == nil && len(r.Detail) > 0 {
				x.Outcome, err = outcome(db.Generation{
					ID: r.Generation, Account: r.Account, KeyHash: r.KeyHash, Model: r.Model, Endpoint: r.Endpoint, Sheet: r.Sheet,
					BeganAt: r.BeganAt, EndedAt: r.EndedAt, Prompt: r.Prompt, Completion: r.Completion, Charged: r.Charged, Detail: r.Detail,
				})
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Decided{}, d.failed("decisions", err))
		}
	}
}

// Decided is a decision and what came of it.
type Decided struct {
	Decision
	Outcome record.Outcome
}

// CountDecisions is how many [DB.Decisions] would yield.
func (d *DB) CountDecisions(ctx context.Context, since time.Time) (int64, error) {
	n, err := d.read.CountDecisions(ctx, micros(since))
	if err != nil {
		return 0, d.failed("decisions", err)
	}
	return n, nil
}

// UseSnapshot notes that a catalogue is the current one at a time. known is false if it
// is not kept: then [DB.PutSnapshot] is wanted.
func (d *DB) UseSnapshot(ctx context.Context, version string, at time.Time) (known bool, err error) {
	err = d.writer.do(ctx, func(w *writer) error {
		n, err := w.exec(db.UseSnapshot, micros(at), version)
		known = n > 0
		return err
	})
	return known, err
}

// PutSnapshot keeps a catalogue that is the current one at a time.
func (d *DB) PutSnapshot(ctx context.Context, version string, packed []byte, at time.Time) error {
	return d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.InsertSnapshot, version, micros(at), packed)
		return err
	})
}

// Snapshot is a packed catalogue by its version, or [ErrNotFound].
func (d *DB) Snapshot(ctx context.Context, version string) ([]byte, error) {
	packed, err := d.read.ReadSnapshot(ctx, version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, d.failed("snapshot", err)
	}
	return packed, nil
}

// usedLag is how much later than its last note a catalogue may have been the current
// one.
const usedLag = time.Hour

// Forget throws away the decisions made before a time, and the catalogues that none of
// the others can name. It does so in small steps, between which others may write.
func (d *DB) Forget(ctx context.Context, before time.Time) error {
	for {
		var n int64
		err := d.writer.do(ctx, func(w *writer) error {
			var err error
			n, err = w.exec(db.DropDecisions, micros(before))
			return err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	return d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.DropSnapshots, micros(before.Add(-usedLag)))
		return err
	})
}

// Tell keeps a word about this database under a name, for the commands that open it
// beside a server; [DB.Told] reads it, "" for none.
func (d *DB) Tell(ctx context.Context, name, value string) error {
	return d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.PutMeta, name, []byte(value))
		return err
	})
}

// Told is described at [DB.Tell].
func (d *DB) Told(ctx context.Context, name string) (string, error) {
	value, err := d.read.ReadMeta(ctx, name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", d.failed("meta", err)
	}
	return string(value), nil
}
