package sqlstore

import (
	"context"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

// asked counts a request to a free variant. Where it is the first of a day, the days
// before are dropped.
func (w *writer) asked(o *record.Outcome) error {
	if !o.Free {
		return nil
	}
	if err := w.one(db.AddFreeRequest, o.Account, day(o.Began)); err != nil {
		return err
	}
	var n int64
	if _, err := w.row(db.CountFreeRequests, []any{o.Account, day(o.Began)}, []any{&n}); err != nil || n > 1 {
		return err
	}
	_, err := w.exec(db.DropFreeRequests, o.Account, day(o.Began))
	return err
}

// FreeRequests are how many requests to free variants the account made on the day of at
// (UTC) that have ended.
func (d *DB) FreeRequests(ctx context.Context, account string, at time.Time) (int64, error) {
	n, err := d.read.CountFreeRequests(ctx, db.CountFreeRequestsParams{Account: account, Day: day(at)})
	if err != nil {
		return 0, d.failed("free requests", err)
	}
	return n, nil
}

// rate is a limit of a key's in its column.
func rate(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

func rates(r *db.ApiKey) identity.Rates {
	return identity.Rates{Requests: max(0, r.RequestsPerMinute), Tokens: max(0, r.TokensPerMinute)}
}
