package gateway

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// F54 to F56, F83: what a caller's leaving does to the work, and to the slots in
// which an answer may be read on.
func TestLife(t *testing.T) {
	t.Parallel()
	const slots = 1
	full := func(g *Gateway, _ *life, _ context.CancelCauseFunc) { g.Drains <- struct{}{} }
	leave := func(_ *Gateway, _ *life, cancel context.CancelCauseFunc) { cancel(nil); synctest.Wait() }
	unwritable := func(_ *Gateway, l *life, _ context.CancelCauseFunc) { l.left() }
	shutdown := func(_ *Gateway, _ *life, cancel context.CancelCauseFunc) { cancel(ErrShutdown); synctest.Wait() }
	committed := func(stops bool) func(*Gateway, *life, context.CancelCauseFunc) {
		return func(_ *Gateway, l *life, _ context.CancelCauseFunc) { l.committed(stops) }
	}
	wait := func(d time.Duration) func(*Gateway, *life, context.CancelCauseFunc) {
		return func(*Gateway, *life, context.CancelCauseFunc) {
			time.Sleep(d) //nolint:forbidigo // the bubble's clock
			synctest.Wait()
		}
	}
	for _, c := range []struct {
		name  string
		steps []func(*Gateway, *life, context.CancelCauseFunc)
		fault llm.Fault // that the work ended with
		lives bool      // it goes on
		gone  bool
		slots int // taken
	}{
		{name: "nothing happens", lives: true},
		{name: "content", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false)}, lives: true},
		{name: "left before content", steps: []func(*Gateway, *life, context.CancelCauseFunc){leave}, fault: llm.FaultGone, gone: true},
		{name: "left before content that came all the same", steps: []func(*Gateway, *life, context.CancelCauseFunc){leave, committed(false)}, fault: llm.FaultGone, gone: true},
		{name: "left after content, cancelling stops it", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(true), leave}, fault: llm.FaultGone, gone: true},
		{name: "left after content, it is billed anyway", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), leave}, lives: true, gone: true, slots: 1},
		{name: "could not be written to", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), unwritable}, lives: true, gone: true, slots: 1},
		{name: "could not be written to, then left", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), unwritable, leave}, lives: true, gone: true, slots: 1},
		{name: "no slot is free", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), full, leave}, fault: llm.FaultGone, gone: true, slots: 1},
		{name: "read on for a while", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), leave, wait(drainLimit - 1)}, lives: true, gone: true, slots: 1},
		{name: "read on for too long", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), leave, wait(drainLimit)}, fault: llm.FaultOurs, gone: true, slots: 1},
		{name: "too long", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), wait(time.Hour)}, fault: llm.FaultOurs},
		{name: "shutdown before content", steps: []func(*Gateway, *life, context.CancelCauseFunc){shutdown}, fault: llm.FaultOurs},
		{name: "shutdown after content", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), shutdown}, fault: llm.FaultOurs},
		{name: "shutdown while it is read on", steps: []func(*Gateway, *life, context.CancelCauseFunc){committed(false), unwritable, shutdown}, fault: llm.FaultOurs, gone: true, slots: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				caller, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				g := &Gateway{Total: time.Hour, Drains: make(chan struct{}, slots)}
				l := g.live(caller)
				for _, step := range c.steps {
					step(g, l, cancel)
				}
				if lives := l.ctx.Err() == nil; lives != c.lives || l.callerGone() != c.gone || len(g.Drains) != c.slots {
					t.Errorf("lives %v, gone %v, %d slots; want %v, %v, %d", lives, l.callerGone(), len(g.Drains), c.lives, c.gone, c.slots)
				}
				if e, ok := errors.AsType[*llm.Error](context.Cause(l.ctx)); !c.lives && (!ok || e.Fault != c.fault) {
					t.Errorf("ended with %v", context.Cause(l.ctx))
				}
				mine := l.draining
				l.end()
				l.left() // a hang-up that comes when all is over
				cancel(nil)
				synctest.Wait()
				want := c.slots
				if mine {
					want--
				}
				if len(g.Drains) != want || l.ctx.Err() == nil {
					t.Errorf("%d slots are taken after the end, want %d", len(g.Drains), want)
				}
			})
		})
	}
}

// F31, F47: which counts are billed by.
func TestCredible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		asked  int64
		window int64
		usage  llm.Usage
		want   bool
	}{
		{"plain", 0, 0, llm.Usage{Input: 10, Output: 20}, true},
		{"all that is asked for", 100, 0, llm.Usage{Output: 60, Reasoning: 40}, true},
		{"a little more", 100, 0, llm.Usage{Output: 176}, true},
		{"much more", 100, 0, llm.Usage{Output: 177}, false},
		{"much more, of reasoning", 100, 0, llm.Usage{Reasoning: 5000}, false},
		{"as much as may be, where nothing is asked", 0, 8192, llm.Usage{Input: 100, Output: 8192}, true},
		{"a prompt beyond the window", 0, 8192, llm.Usage{Input: 10_000}, false},
		{"beyond the window together", 0, 8192, llm.Usage{Input: 5000, CacheRead: 5000}, false},
		{"beyond any window", 0, 0, llm.Usage{Input: incredible + 1}, false},
		{"negative", 0, 0, llm.Usage{Output: -1}, false},
		{"negative within a good sum", 0, 0, llm.Usage{Input: 100, CacheRead: -50}, false},
		{"2^63-1", 0, 0, llm.Usage{Output: math.MaxInt64}, false},
		{"a sum that wraps", 0, 0, llm.Usage{Input: math.MaxInt64, CacheRead: math.MaxInt64, AudioIn: 2}, false},
		{"an output sum that wraps", 0, 0, llm.Usage{Output: math.MaxInt64, Reasoning: 1}, false},
		{"anything asked", math.MaxInt64, 0, llm.Usage{Output: 5}, true},
	} {
		m := &meter{req: &llm.Request{Needs: llm.Needs{MaxTokens: c.asked}}, endpoint: &catalog.Endpoint{ContextLength: c.window}}
		if got := m.credible(c.usage); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// F46: the estimate is of what was delivered, and of no more than was asked for.
func TestEstimate(t *testing.T) {
	t.Parallel()
	m := &meter{req: &llm.Request{Needs: llm.Needs{PromptTokens: 100, MaxTokens: 50, Images: 2}}, endpoint: &catalog.Endpoint{}}
	m.see(llm.Chunk{Events: []llm.Event{
		{Kind: llm.BlockOpen, Open: llm.BlockCall, Call: &llm.ToolCall{Name: "four"}},
		{Kind: llm.ArgsDelta, Text: "12345678"},
		{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Text: "1234"}},
		{Kind: llm.UsageReport, Usage: &llm.Usage{Output: -3}},
	}}, true)
	if got := m.final(); !got.Estimated || got.Input != 75 || got.Output != 4 || got.Images != 2 {
		t.Errorf("%+v", got)
	}
	m.see(llm.Chunk{Events: []llm.Event{{Kind: llm.TextDelta, Text: string(make([]byte, 1000))}}}, true)
	if got := m.final(); got.Output != 50 {
		t.Errorf("%d output tokens, 50 were asked for", got.Output)
	}
	m.see(llm.Chunk{Events: []llm.Event{{Kind: llm.TextDelta, Text: "nobody reads this"}}}, false)
	if m.bytes != 1016 {
		t.Errorf("%d bytes were delivered", m.bytes)
	}
	if m.overlong() {
		t.Error("a kilobyte is not overlong")
	}
	m.bytes = 1 << 20
	if !m.overlong() {
		t.Error("a megabyte for 50 tokens is overlong (F31)")
	}
	m.req.Needs.MaxTokens, m.endpoint = 0, &catalog.Endpoint{MaxCompletionTokens: 1000, ContextLength: 128000}
	if got := m.final(); !m.overlong() || got.Output != 1000 {
		t.Errorf("an endless answer that nobody set a limit to: %d tokens", got.Output)
	}
	m.req.Needs.MaxTokens = math.MaxInt64
	if m.overlong() {
		t.Error("who asks for everything may have a megabyte")
	}
}
