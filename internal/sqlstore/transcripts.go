package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/transcript"
)

// KeepTranscripts keeps what was said, in one commit.
func (d *DB) KeepTranscripts(ctx context.Context, list []transcript.Entry) error {
	return d.writer.do(ctx, func(w *writer) error {
		return w.secure(func() error {
			for i := range list {
				e := &list[i]
				if _, err := w.exec(db.InsertTranscript, e.ID, e.Account, e.Workspace, micros(e.At), micros(e.Expires), e.Text); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Transcript of a generation of the account's that has not expired, or [ErrNotFound].
func (d *DB) Transcript(ctx context.Context, account, id string, at time.Time) (transcript.Entry, error) {
	r, err := d.read.ReadTranscript(ctx, db.ReadTranscriptParams{Account: account, Generation: id})
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && r.ExpiresAt <= micros(at):
		return transcript.Entry{}, ErrNotFound
	case err != nil:
		return transcript.Entry{}, d.failed("transcript", err)
	}
	return transcript.Entry{
		ID: r.Generation, Account: r.Account, Workspace: r.Workspace, At: fromMicros(r.At), Expires: fromMicros(r.ExpiresAt), Text: r.Text,
	}, nil
}

// CountTranscripts is how many are kept.
func (d *DB) CountTranscripts(ctx context.Context) (int64, error) {
	n, err := d.read.CountTranscripts(ctx)
	if err != nil {
		return 0, d.failed("transcripts", err)
	}
	return n, nil
}

// DropTranscripts deletes those that have expired, and all of each workspace that may not
// have any, and wipes what they said from the files: each text is overwritten where it
// stands before any row is deleted, since pages are put together then, and may hold in
// their unused parts what stood in them before. It does so in small steps, between which
// others may write.
func (d *DB) DropTranscripts(ctx context.Context, at time.Time, may func(account, workspace string) (bool, error)) (dropped int64, err error) {
	if _, err := d.all(ctx, db.BlankExpiredTranscripts, micros(at)); err != nil {
		return 0, err
	}
	owners, err := d.read.TranscriptOwners(ctx)
	if err != nil {
		return 0, d.failed("transcripts", err)
	}
	for _, o := range owners {
		ok, err := may(o.Account, o.Workspace)
		if err != nil {
			return 0, err
		}
		if ok {
			continue
		}
		if _, err := d.all(ctx, db.BlankTranscripts, o.Account, o.Workspace); err != nil {
			return 0, err
		}
	}
	dropped, err = d.all(ctx, db.DropBlankTranscripts)
	d.unwiped.Add(dropped)
	if err != nil {
		return dropped, err
	}
	if d.unwiped.Load() > 0 {
		return dropped, d.wipe(ctx)
	}
	return dropped, nil
}

// all repeats a statement that changes a few rows until there are none. What it deletes
// is overwritten in the database's pages.
func (d *DB) all(ctx context.Context, text string, args ...any) (changed int64, err error) {
	for {
		var n int64
		err := d.writer.do(ctx, func(w *writer) error {
			return w.secure(func() (err error) {
				n, err = w.exec(text, args...)
				return err
			})
		})
		if changed += n; err != nil || n == 0 {
			return changed, err
		}
	}
}

// secure runs f with what becomes unused in pages, or is copied out of them, overwritten
// with zeros, which takes longer.
func (w *writer) secure(f func() error) error {
	var state int64
	if _, err := w.row("PRAGMA secure_delete = ON", nil, []any{&state}); err != nil {
		return err
	}
	err := f()
	_, off := w.row("PRAGMA secure_delete = OFF", nil, []any{&state})
	return errors.Join(err, off)
}

// wipe empties the log of what was written, in which older pages stand. It does not wait
// for those who read: it is done again with the next sweep.
func (d *DB) wipe(ctx context.Context) error {
	pool, err := sql.Open("sqlite", uri(d.path, "busy_timeout(100)"))
	if err != nil {
		return err
	}
	defer pool.Close()
	var busy, frames, moved int64
	before := d.unwiped.Load()
	if err := pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return d.failed("checkpoint", err)
	}
	if busy == 0 {
		d.unwiped.Add(-before)
	}
	return nil
}
