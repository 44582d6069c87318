package main

import (
	"context"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// beside does work beside the server until it is stopped. A panic does not end it for
// good.
func beside(ctx context.Context, what string, work func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go safe.Func(what, func() {
		defer close(done)
		safe.Steady(ctx, what, func() { work(ctx) })()
	})()
	return func() { cancel(); <-done }
}

// each does work at intervals, beside the server.
func each(ctx context.Context, what string, interval time.Duration, work func(context.Context)) (stop func()) {
	return beside(ctx, what, func(ctx context.Context) {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				work(ctx)
			}
		}
	})
}
