package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/valkey"
)

// join gives the gateway its sessions and, where a Valkey is configured, shares them and
// the health of endpoints with the other nodes there. shared is nil where none is.
func join(ctx context.Context, c *config.Config, g *gateway.Gateway, log *slog.Logger) (shared *valkey.Client, leave func(), err error) {
	if c.Valkey == "" {
		g.Sessions = affinity.New(c.Timeouts.Session, time.Now, nil)
		return nil, func() {}, nil
	}
	shared, err = valkey.Open(ctx, valkey.Options{
		URL: c.Valkey, Log: log, Now: time.Now, Node: rand.Text(), Health: g.Health,
		Known: func(endpoint string) bool { _, ok := g.Catalog().Endpoint(endpoint); return ok },
	})
	if err != nil {
		return nil, nil, err
	}
	g.Sessions = affinity.New(c.Timeouts.Session, time.Now, shared)
	return shared, shared.Close, nil
}
