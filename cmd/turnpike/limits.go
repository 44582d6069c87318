package main

import (
	"context"
	"errors"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/valkey"
)

// limits are on how often something may be asked: in common on all nodes that share a
// Valkey, shared, which is nil where this one is alone.
func limits(c *config.Config, s *store, shared *valkey.Client) *limit.Limiter {
	o := limit.Options{Now: time.Now, Free: limit.Free(c.Limits.Free), Bought: s.bought, Counted: s.db.FreeRequests}
	if shared != nil {
		o.Shared = shared
	}
	return limit.New(o)
}

// bought is what an account was credited with, ever.
func (s *store) bought(ctx context.Context, account string) (money.Nano, error) {
	b, err := s.ledger.Balance(ctx, ledger.Customer(account))
	if errors.Is(err, ledger.ErrNoAccount) {
		return 0, nil
	}
	return b.Credits, err
}
