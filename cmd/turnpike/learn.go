package main

import (
	"context"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/gateway"
)

// learn tells the routers what was spent on models in the last days.
func learn(ctx context.Context, s *store, g *gateway.Gateway) error {
	shares, err := s.db.Spending(ctx, time.Now())
	if err == nil {
		g.Demand.Learn(shares)
	}
	return err
}
