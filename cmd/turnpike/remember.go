package main

import (
	"context"
	"fmt"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

// decided keeps decisions, unless the configuration says that none is kept.
func decided(c *config.Config, db *sqlstore.DB) func(record.Decision) {
	if c.Records.Decisions == 0 {
		return nil
	}
	return db.Decided
}

// remember keeps the current catalogue, which decisions name, and forgets decisions
// that are old enough.
func remember(ctx context.Context, c *config.Config, db *sqlstore.DB, snap *catalog.Snapshot) error {
	now := time.Now()
	if c.Records.Decisions > 0 {
		if err := keepSnapshot(ctx, db, snap, now); err != nil {
			return fmt.Errorf("keep the catalogue: %w", err)
		}
	}
	return db.Forget(ctx, now.Add(-c.Records.Decisions))
}

func keepSnapshot(ctx context.Context, db *sqlstore.DB, snap *catalog.Snapshot, now time.Time) error {
	known, err := db.UseSnapshot(ctx, snap.Version(), now)
	if err != nil || known {
		return err
	}
	packed, err := snap.Data().Pack()
	if err != nil {
		return err
	}
	return db.PutSnapshot(ctx, snap.Version(), packed, now)
}
