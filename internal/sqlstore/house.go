package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// LoadHouse keeps that a version of the operator's policy holds from now on, with its text,
// and says so in the audit log, unless it is the one that held last. It is called before it
// holds.
func (d *DB) LoadHouse(ctx context.Context, version, text string, at time.Time) error {
	last, since, err := d.lastHouse(ctx)
	if err != nil || last == version {
		return err
	}
	return d.writer.do(ctx, func(w *writer) error {
		// The last one is the last one, whatever the clock says.
		if err := w.one(db.PutHouse, version, max(micros(at), since+1), text); err != nil {
			return err
		}
		return w.audit(ctx, trail.Event{
			At: at, Action: trail.PolicyLoad, Policy: version,
			Detail: map[string]trail.Change{"version": {Before: last, After: version}},
		})
	})
}

// LastHouse is the version of the operator's policy that held last; "" for none.
func (d *DB) LastHouse(ctx context.Context) (string, error) {
	version, _, err := d.lastHouse(ctx)
	return version, err
}

func (d *DB) lastHouse(ctx context.Context) (version string, since int64, err error) {
	row, err := d.read.LastHouse(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", 0, nil
	case err != nil:
		return "", 0, d.failed("policy", err)
	default:
		return row.Version, row.LoadedAt, nil
	}
}

// House is the text of a version of the operator's policy, or [ErrNotFound].
func (d *DB) House(ctx context.Context, version string) (string, error) {
	text, err := d.read.ReadHouse(ctx, version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", ErrNotFound
	case err != nil:
		return "", d.failed("policy", err)
	default:
		return text, nil
	}
}
