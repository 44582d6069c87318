package main

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
	"github.com/turnpike-gateway/turnpike/internal/valkey"
)

// keepAnswers makes the response cache, which all nodes that share a Valkey have in
// common; nil if there is to be none.
func keepAnswers(c *config.Config, shared *valkey.Client) (kept *cache.Cache, forget func(), err error) {
	if !c.ResponseCache.Enabled {
		return nil, func() {}, nil
	}
	if shared != nil {
		return cache.New(shared, time.Now), func() {}, nil
	}
	memory, err := cache.NewMemory(c.ResponseCache.Memory)
	if err != nil {
		return nil, nil, err
	}
	return cache.New(memory, time.Now), memory.Close, nil
}
