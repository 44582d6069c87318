package egress

import (
	"context"
	"sync/atomic"
	"time"
)

// Waited is how long the work on a request has waited for others: for upstreams to
// answer, and for what they and whoever keeps media send. What is not that is our own
// share of the time. A nil Waited counts nothing.
type Waited struct{ nanos atomic.Int64 }

type waitedKey struct{}

// Watch returns a context whose waits are counted.
func Watch(ctx context.Context) (context.Context, *Waited) {
	w := &Waited{}
	return context.WithValue(ctx, waitedKey{}, w), w
}

// WaitedIn is what counts the waits in ctx, or nil.
func WaitedIn(ctx context.Context) *Waited {
	w, _ := ctx.Value(waitedKey{}).(*Waited)
	return w
}

// Add counts a wait. Of waits at the same time only one counts, or what bounds them.
func (w *Waited) Add(d time.Duration) {
	if w != nil {
		w.nanos.Add(int64(d))
	}
}

// Total is the sum so far.
func (w *Waited) Total() time.Duration {
	if w == nil {
		return 0
	}
	return time.Duration(w.nanos.Load())
}
