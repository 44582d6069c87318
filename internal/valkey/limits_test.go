package valkey_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/e2e/valkeytest"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// steady asks until there is an answer: a machine under load may keep one waiting for
// longer than a request would.
type steady struct {
	limit.Shared
	missed *atomic.Int64
}

func (s steady) Claim(ctx context.Context, claims []limit.Claim) (limit.Verdict, bool) {
	for range 1000 {
		if v, ok := s.Shared.Claim(ctx, claims); ok {
			return v, true
		}
		s.missed.Add(1)
	}
	return limit.Verdict{}, false
}

func limiter(shared limit.Shared, now func() time.Time, free limit.Free) *limit.Limiter {
	return limit.New(limit.Options{
		Now: now, Free: free, Shared: shared,
		Bought:  func(context.Context, string) (money.Nano, error) { return 0, nil },
		Counted: func(context.Context, string, time.Time) (int64, error) { return 0, nil },
	})
}

// Two nodes together admit exactly as many as one would, whatever is asked of them at
// once.
func TestLimitsAreShared(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	missed := &atomic.Int64{}
	var nodes []*limit.Limiter
	for i := range 2 {
		// Clocks that differ by hours do not matter.
		nodes = append(nodes, limiter(steady{join(t, s.URL, strconv.Itoa(i)), missed}, func() time.Time { return time.Now().Add(time.Duration(i) * -3 * time.Second) }, limit.Free{PerMinute: 30}))
	}
	flood := func(ask func(*limit.Limiter) error) (admitted int64) {
		var n atomic.Int64
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				for range 10 {
					if ask(nodes[i%2]) == nil {
						n.Add(1)
					}
				}
			})
		}
		all.Wait()
		return n.Load()
	}
	for _, x := range []struct {
		name string
		ask  func(*limit.Limiter) error
		want int64
	}{
		{"requests", func(l *limit.Limiter) error {
			_, err := l.Key(t.Context(), "k1", identity.Rates{Requests: 50}, 1, 0)
			return err
		}, 50},
		{"tokens", func(l *limit.Limiter) error {
			_, err := l.Key(t.Context(), "k2", identity.Rates{Requests: 1000, Tokens: 105}, 1, 10)
			return err
		}, 10},
		{"free", func(l *limit.Limiter) error { _, err := l.FreeRequest(t.Context(), "acme"); return err }, 30},
	} {
		if got := flood(x.ask); got > x.want || got < x.want && missed.Load() == 0 {
			t.Errorf("%s: %d admitted, want %d", x.name, got, x.want)
		}
	}
	_, err := nodes[1].Key(t.Context(), "k1", identity.Rates{Requests: 50}, 1, 0)
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Limit == nil || e.Limit.Left != 0 || e.RetryAfter <= 0 || e.RetryAfter > 61*time.Second {
		t.Errorf("%v", err)
	}
}

// What was given back, or was less than thought, is there again on every node; what is
// over counts no more.
func TestLimitsCorrected(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	a, b, ctx := limiter(join(t, s.URL, "a"), time.Now, limit.Free{PerDay: 1, PerDayFunded: 1}), limiter(join(t, s.URL, "b"), time.Now, limit.Free{PerDay: 1, PerDayFunded: 1}), t.Context()
	rates := identity.Rates{Requests: 1, Tokens: 100}
	for range 3 {
		first, err := a.Key(ctx, "k", rates, 1, 90)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Key(ctx, "k", rates, 1, 5); err == nil {
			t.Fatal("admitted")
		}
		first.Return(ctx)
		b, a = a, b
	}
	tokens := identity.Rates{Tokens: 100}
	first, err := a.Key(ctx, "k", tokens, 1, 90)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Key(ctx, "k", tokens, 1, 50); err == nil {
		t.Fatal("admitted")
	}
	first.End(ctx, 50)
	if _, err := b.Key(ctx, "k", tokens, 1, 50); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Key(ctx, "k", tokens, 1, 1); err == nil {
		t.Fatal("admitted")
	}
	// A minute later, as the server sees it.
	s.Say(t, "DEL", "turnpike:limit:key:{k}:tokens")
	old := strconv.FormatInt(time.Now().Unix()-62, 10)
	s.Say(t, "HSET", "turnpike:limit:key:{k}:tokens", old, "100", "nonsense", "7")
	c := limiter(join(t, s.URL, "c"), time.Now, limit.Free{})
	if _, err := c.Key(ctx, "k", tokens, 1, 100); err != nil {
		t.Error(err)
	}
	if got := s.Say(t, "HLEN", "turnpike:limit:key:{k}:tokens"); got != ":1\r\n" {
		t.Errorf("%q seconds are kept", got)
	}

	day, err := a.FreeRequest(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Today(ctx, "acme"); err != nil || got != (limit.Allowance{Limit: 1, Used: 1}) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := b.FreeRequest(ctx, "acme"); err == nil {
		t.Error("admitted")
	}
	day.Return(ctx)
	if got, err := b.Today(ctx, "acme"); err != nil || got != (limit.Allowance{Limit: 1, Remaining: 1}) {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := b.FreeRequest(ctx, "acme"); err != nil {
		t.Error(err)
	}
}

// A server that is lost refuses nobody: each node counts by itself, and knows of what it
// has admitted before. One that began anew is told what each node knows of the day.
func TestLimitsAlone(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	ctx, free := t.Context(), limit.Free{PerDay: 6, PerDayFunded: 6}
	na, nb := join(t, s.URL, "a"), join(t, s.URL, "b")
	a, b := limiter(na, time.Now, free), limiter(nb, time.Now, free)
	rates := identity.Rates{Requests: 4}
	admitted := func(l *limit.Limiter, n int) (key, day int) {
		for range n {
			if _, err := l.Key(ctx, "k", rates, 1, 0); err == nil {
				key++
			}
			if _, err := l.FreeRequest(ctx, "acme"); err == nil {
				day++
			}
		}
		return key, day
	}
	if key, day := admitted(a, 3); key != 3 || day != 3 {
		t.Fatalf("%d and %d admitted", key, day)
	}
	if key, day := admitted(b, 2); key != 1 || day != 2 {
		t.Fatalf("%d and %d admitted by the other", key, day)
	}
	s.Kill(t)
	eventually(t, "both notice", func() bool {
		_, there := na.Today(ctx, "x")
		_, here := nb.Today(ctx, "x")
		return !there && !here
	})
	if key, day := admitted(a, 9); key != 1 || day != 3 {
		t.Errorf("%d and %d admitted alone", key, day)
	}
	if key, day := admitted(b, 9); key != 3 || day != 4 {
		t.Errorf("%d and %d admitted alone by the other", key, day)
	}
	s.Run(t)
	eventually(t, "both are back", func() bool {
		_, there := na.Today(ctx, "x")
		_, here := nb.Today(ctx, "x")
		return there && here
	})
	if _, day := admitted(limiter(na, time.Now, free), 1); day != 1 {
		t.Error("a node that knows nothing is refused")
	}
	if _, day := admitted(a, 1); day != 0 { // and tells
		t.Error("admitted")
	}
}
