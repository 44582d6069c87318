package limit_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

func usual() limit.Free { return limit.Free{PerMinute: 20, PerDay: 50, PerDayFunded: 1000} }

// ask takes n requests of an account, a few a minute, and returns how many were admitted.
func ask(t *testing.T, c *clock, l *limit.Limiter, n int) (admitted int, last error) {
	t.Helper()
	for i := range n {
		if i%20 == 19 {
			c.pass(62 * time.Second)
		}
		ticket, err := l.FreeRequest(t.Context(), "acme")
		if err != nil {
			last = err
			continue
		}
		ticket.End(t.Context(), 0)
		admitted++
	}
	return admitted, last
}

func TestFreeMinute(t *testing.T) {
	t.Parallel()
	c, w := newClock(), new(world)
	l := limit.New(w.options(c, usual()))
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
				admitted.Add(1)
			}
		})
	}
	all.Wait()
	if n := admitted.Load(); n != 20 {
		t.Fatalf("%d admitted", n)
	}
	_, err := l.FreeRequest(t.Context(), "acme")
	e := refused(t, err)
	if !strings.HasPrefix(e.Message, "Rate limit exceeded: free-models-per-min. An account may make 20 requests a minute to models of a :free variant") || e.Limit.Most != 20 {
		t.Errorf("%s %+v", e.Message, e.Limit)
	}
	if _, err := l.FreeRequest(t.Context(), "other"); err != nil {
		t.Error(err)
	}
	c.pass(e.RetryAfter)
	if n, _ := ask(t, c, l, 19); n != 19 {
		t.Errorf("%d admitted after the minute", n)
	}
}

func TestFreeDay(t *testing.T) {
	t.Parallel()
	c, w := newClock(), new(world)
	l := limit.New(w.options(c, usual()))
	n, err := ask(t, c, l, 60)
	e := refused(t, err)
	if n != 50 || e.Limit.Most != 50 || e.Limit.Left != 0 || !e.Limit.Reset.Equal(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)) || e.RetryAfter != e.Limit.Reset.Sub(c.now()) {
		t.Fatalf("%d: %v %+v", n, e, e.Limit)
	}
	if want := "Rate limit exceeded: free-models-per-day. An account may make 50 requests a day to models of a :free variant, whatever its keys, " +
		"and the next one is admitted at 2026-11-25T00:00:00Z. Accounts that have bought 10 credits may make 1000. The paid variant has none."; e.Message != want {
		t.Errorf("%s", e.Message)
	}
	if a, err := l.Today(t.Context(), "acme"); err != nil || a != (limit.Allowance{Limit: 50, Remaining: 0, Used: 50}) {
		t.Errorf("%+v %v", a, err)
	}

	// A refused request is not counted, and costs the books nothing for a while.
	before := w.reads.Load()
	for range 100 {
		if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
			t.Fatal("admitted")
		}
	}
	if n := w.reads.Load() - before; n > 1 {
		t.Errorf("%d reads for 100 refusals", n)
	}

	// More credits hold within seconds.
	w.bought.Store(int64(10*money.USD - 1))
	c.pass(6 * time.Second)
	if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
		t.Error("admitted for less than $10")
	}
	w.bought.Store(int64(10 * money.USD))
	c.pass(6 * time.Second)
	n, err = ask(t, c, l, 1000)
	e = refused(t, err)
	if n != 950 || e.Limit.Most != 1000 || !strings.HasPrefix(e.Message, "Rate limit exceeded: free-models-per-day-high-balance. ") {
		t.Fatalf("%d: %v", n, e)
	}

	// The next day begins at midnight.
	c.set(e.Limit.Reset.Add(-time.Nanosecond))
	if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
		t.Error("admitted before midnight")
	}
	c.set(e.Limit.Reset)
	if n, _ := ask(t, c, l, 10); n != 10 {
		t.Errorf("%d admitted on the next day", n)
	}
	if a, err := l.Today(t.Context(), "acme"); err != nil || a != (limit.Allowance{Limit: 1000, Remaining: 990, Used: 10}) {
		t.Errorf("%+v %v", a, err)
	}
	c.pass(-2 * time.Hour) // a clock that goes back does not give the day again
	if a, _ := l.Today(t.Context(), "acme"); a.Used != 10 {
		t.Errorf("%+v", a)
	}
}

// What was asked before this process began counts, and so does what was forgotten
// meanwhile.
func TestFreeRemembered(t *testing.T) {
	t.Parallel()
	c, w := newClock(), new(world)
	w.counted.Store(45)
	l := limit.New(w.options(c, usual()))
	if n, _ := ask(t, c, l, 10); n != 5 {
		t.Errorf("%d admitted", n)
	}
	w.counted.Store(50)
	c.pass(time.Hour)
	for i := range 20_000 { // others come and go
		_, _ = l.FreeRequest(t.Context(), strconv.Itoa(i))
		c.pass(time.Millisecond)
	}
	c.pass(time.Hour)
	if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
		t.Error("admitted")
	}
}

// What was given back is there again: nobody was sent that request.
func TestFreeReturn(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New(new(world).options(c, limit.Free{PerMinute: 1, PerDay: 1}))
	for range 5 {
		ticket, err := l.FreeRequest(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
			t.Fatal("admitted")
		}
		ticket.Return(t.Context())
		ticket.Return(t.Context())
	}
	last, err := l.FreeRequest(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	c.pass(25 * time.Hour)
	if _, err := l.FreeRequest(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	last.Return(t.Context()) // of yesterday: it gives nothing today
	if _, err := l.FreeRequest(t.Context(), "acme"); err == nil {
		t.Error("admitted")
	}
}

func TestFreeLimits(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		free     limit.Free
		bought   money.Nano
		admitted int // of 200
		today    limit.Allowance
		says     string
	}{
		"none":            {limit.Free{}, 0, 200, limit.Allowance{Limit: -1, Remaining: -1}, ""},
		"minutes alone":   {limit.Free{PerMinute: 30}, 0, 200, limit.Allowance{Limit: -1, Remaining: -1}, ""},
		"days alone":      {limit.Free{PerDay: 7, PerDayFunded: 9}, 0, 7, limit.Allowance{Limit: 7, Used: 7}, "may make 9."},
		"funded":          {limit.Free{PerDay: 7, PerDayFunded: 9}, 10 * money.USD, 9, limit.Allowance{Limit: 9, Used: 9}, ""},
		"funded, none":    {limit.Free{PerDay: 7}, 10 * money.USD, 200, limit.Allowance{Limit: -1, Remaining: -1, Used: 200}, ""},
		"not, for none":   {limit.Free{PerDay: 7}, 0, 7, limit.Allowance{Limit: 7, Used: 7}, "Accounts that have bought 10 credits have no such limit."},
		"less if funded":  {limit.Free{PerDay: 9, PerDayFunded: 7}, 10 * money.USD, 7, limit.Allowance{Limit: 7, Used: 7}, ""},
		"more if not":     {limit.Free{PerDay: 9, PerDayFunded: 7}, 0, 9, limit.Allowance{Limit: 9, Used: 9}, ""},
		"one":             {limit.Free{PerDay: 1, PerDayFunded: 1}, 0, 1, limit.Allowance{Limit: 1, Used: 1}, "1 request a day to"},
		"of negative sum": {limit.Free{PerDay: 7, PerDayFunded: 9}, -5 * money.USD, 7, limit.Allowance{Limit: 7, Used: 7}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, w := newClock(), new(world)
			w.bought.Store(int64(x.bought))
			l := limit.New(w.options(c, x.free))
			n, err := ask(t, c, l, 200)
			if n != x.admitted {
				t.Errorf("%d admitted", n)
			}
			if got, err := l.Today(t.Context(), "acme"); err != nil || got != x.today {
				t.Errorf("%+v %v", got, err)
			}
			if err != nil && !strings.Contains(err.Error(), x.says) {
				t.Errorf("%s", err)
			}
		})
	}
}

// A store that cannot be read proves nothing about the caller (R4).
func TestFreeAway(t *testing.T) {
	t.Parallel()
	c, w := newClock(), new(world)
	w.fails.Store(true)
	l := limit.New(w.options(c, usual()))
	away := func(err error) {
		t.Helper()
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypeOverloaded || e.Fault != llm.FaultOurs || e.RetryAfter == 0 || e.Limit != nil {
			t.Errorf("%v", err)
		}
	}
	_, err := l.FreeRequest(t.Context(), "acme")
	away(err)
	_, err = l.Today(t.Context(), "acme")
	away(err)
	w.fails.Store(false)
	if n, _ := ask(t, c, l, 60); n != 50 { // nobody asks the books below the limit
		t.Errorf("%d admitted", n)
	}
	c.pass(6 * time.Second)
	w.fails.Store(true)
	_, err = l.FreeRequest(t.Context(), "acme")
	away(err)
}
