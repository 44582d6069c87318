package safe_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// A panic is an error, which does not say what may be secret; other errors and good
// endings are as they were.
func TestWork(t *testing.T) {
	t.Parallel()
	const canary = "sk-canary"
	err := safe.Work("reading", func() error { panic(canary) })()
	p, ok := errors.AsType[*safe.PanicError](err)
	if !ok || p.What != "reading" || p.Cause != canary || err.Error() != "panic: reading" {
		t.Errorf("%v %+v", err, p)
	}
	if err := safe.Work("reading", func() error { return io.EOF })(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := safe.Work("reading", func() error { return nil })(); err != nil {
		t.Error(err)
	}
	if got := safe.Cause(canary); got != "string" {
		t.Error(got)
	}
	var nobody *struct{ name string }
	safe.Func("writing", func() { _ = nobody.name })()
}

// Steady work begins again after each panic, and ends when it is done or its context is.
func TestSteady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		safe.Steady(t.Context(), "keeping", func() {
			if runs++; runs < 3 {
				panic("not yet")
			}
		})()
		if runs != 3 {
			t.Errorf("%d runs", runs)
		}
		ctx, cancel := context.WithCancel(t.Context())
		runs = 0
		safe.Steady(ctx, "keeping", func() {
			runs++
			cancel()
			panic("at the end")
		})()
		if runs != 1 {
			t.Errorf("%d runs after the end", runs)
		}
	})
}
