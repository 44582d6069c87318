package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// factsKnown is the name under which the database has which facts a server last had.
const factsKnown = "facts"

// tellFacts puts on record that the facts are others than when a server last began: those
// of the built-in catalogue, or of the configuration. Those of a policy file change with it.
func tellFacts(ctx context.Context, s *store, goods *market) error {
	data, err := goods.config.Catalogue(goods.builtin, goods.sim...)
	if err != nil {
		return err
	}
	sum := sha256.New()
	for i := range data.Providers {
		fmt.Fprintf(sum, "%s %#v\n", data.Providers[i].Slug, data.Providers[i].Policy)
	}
	for i := range data.Models {
		for _, e := range data.Models[i].Endpoints {
			fmt.Fprintf(sum, "%s@%s@%s %#v\n", data.Models[i].ID, e.Provider, e.Tag, e.Policy)
		}
	}
	now := hex.EncodeToString(sum.Sum(nil))[:12]
	last, err := s.db.Told(ctx, factsKnown)
	if err != nil || last == now {
		return err
	}
	if last != "" {
		err := s.trail.Admin(ctx, trail.Event{
			Action: trail.FactsChange, Object: data.Version,
			Detail: map[string]trail.Change{"facts": {Before: last, After: now}},
		})
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	return s.db.Tell(ctx, factsKnown, now)
}
