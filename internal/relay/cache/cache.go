// Package cache keeps answers for a while, to be given again, free of charge, to the
// same API key that asks the same thing (contract area 12). An answer is kept as what
// its upstream said, chunk by chunk, so that it goes out by the way on which a fresh
// one goes; of its usage nothing is kept. A key begins with whose it is ([KeyOf]), and
// an entry repeats its key: a store that mixed two up would give out neither.
package cache

import (
	"context"
	"time"
)

// Store keeps bytes under a name for a time at most; it may lose them at any moment.
// Memory implements it, and what several nodes share. Nothing in it is trusted.
type Store interface {
	Get(ctx context.Context, key string) (value []byte, ok bool)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration)
	Delete(ctx context.Context, key string)
}

// MaxEntry is how large an answer may be that is kept, in bytes.
const MaxEntry = 8 << 20

// Cache is answers in a store.
type Cache struct {
	store Store
	now   func() time.Time
}

// New is a cache in a store.
func New(s Store, now func() time.Time) *Cache { return &Cache{s, now} }

// Get is the answer under a key. What has expired, or cannot be read, is none.
func (c *Cache) Get(ctx context.Context, k Key) (*Entry, bool) {
	text, ok := c.store.Get(ctx, k.name())
	if !ok {
		return nil, false
	}
	e, ok := decode(k, text)
	if !ok || e.Age(c.now()) >= e.TTL {
		return nil, false
	}
	return e, true
}

// Put keeps an answer whose recording has come to its end, in the place of any before.
// One that is too large is not kept.
func (c *Cache) Put(ctx context.Context, k Key, e Entry, r *Recording) {
	e.stored = c.now()
	if text, ok := encode(k, &e, r); ok {
		c.store.Put(ctx, k.name(), text, e.TTL)
	}
}

// Delete forgets the answer under a key.
func (c *Cache) Delete(ctx context.Context, k Key) { c.store.Delete(ctx, k.name()) }
