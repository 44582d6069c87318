// Package safe makes what goroutines start with: a panic in it ends the work, and not the
// process with all that is under way (F91). Nothing else may be started; internal/archtest
// reads the source for it.
package safe

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"
)

// PanicError is a panic that was caught.
type PanicError struct {
	What  string // was being done
	Cause any
}

// Error implements error. It does not tell the cause, which may have in it what nobody
// else is to read.
func (p *PanicError) Error() string { return "panic: " + p.What }

// Catch turns a panic into an error, and tells the log. It must be deferred itself.
func Catch(what string, err *error) {
	if cause := recover(); cause != nil {
		*err = &PanicError{what, cause}
		slog.Error("panic", //nolint:sloglint // what may panic anywhere has no logger of its own
			slog.String("in", what), slog.String("cause", Cause(cause)), slog.String("stack", string(debug.Stack())))
	}
}

// Cause is what may be told of a panic: the runtime's own words, and of all else, which
// may quote what somebody said, only what it is. The stack tells where.
func Cause(cause any) string {
	if err, ok := cause.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}

// Work is f with its panics as errors.
func Work(what string, f func() error) func() error {
	return func() (err error) {
		defer Catch(what, &err)
		return f()
	}
}

// Func is f, ended by a panic.
func Func(what string, f func()) func() {
	work := Work(what, func() error { f(); return nil })
	return func() { _ = work() } // it has been told
}

// again is how long steady work rests after a panic.
const again = time.Second

// Steady is f for work that goes on as long as the process: after a panic it begins
// again, unless the context has ended.
func Steady(ctx context.Context, what string, f func()) func() {
	work := Work(what, func() error { f(); return nil })
	return func() {
		for work() != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(again):
			}
		}
	}
}
