package cache

import (
	"context"
	"time"

	"github.com/maypok86/otter/v2"
)

// Memory is a store in this process. What does not fit is let go of, the least used
// first.
type Memory struct{ entries *otter.Cache[string, kept] }

type kept struct {
	value []byte
	ttl   time.Duration
}

// perEntry is about what an entry takes beside its bytes.
const perEntry = 256

// NewMemory is a store of so many bytes at most.
func NewMemory(most int64) (*Memory, error) {
	c, err := otter.New(&otter.Options[string, kept]{
		MaximumWeight: uint64(max(most, 0)),
		Weigher: func(key string, k kept) uint32 {
			return uint32(min(len(key)+len(k.value)+perEntry, 1<<31))
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, kept]) time.Duration { return e.Value.ttl }),
	})
	if err != nil {
		return nil, err
	}
	return &Memory{c}, nil
}

// Get implements [Store].
func (m *Memory) Get(_ context.Context, key string) ([]byte, bool) {
	k, ok := m.entries.GetIfPresent(key)
	return k.value, ok
}

// Put implements [Store].
func (m *Memory) Put(_ context.Context, key string, value []byte, ttl time.Duration) {
	m.entries.Set(key, kept{value, ttl})
}

// Delete implements [Store].
func (m *Memory) Delete(_ context.Context, key string) { m.entries.Invalidate(key) }

// Close ends the work that lets go of what has expired.
func (m *Memory) Close() { m.entries.StopAllGoroutines() }
