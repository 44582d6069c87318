package limit_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time         { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration)   { c.at.Add(int64(d)) }
func (c *clock) set(t time.Time) *clock { c.at.Store(t.UnixNano()); return c }

func newClock() *clock { return new(clock).set(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)) }

// world is what a limiter asks others for.
type world struct {
	bought  atomic.Int64
	counted atomic.Int64
	reads   atomic.Int64
	fails   atomic.Bool
}

func (w *world) options(c *clock, f limit.Free) limit.Options {
	read := func(n *atomic.Int64) (int64, error) {
		w.reads.Add(1)
		if w.fails.Load() {
			return 0, errors.New("the disk is gone")
		}
		return n.Load(), nil
	}
	return limit.Options{
		Now: c.now, Free: f,
		Bought: func(context.Context, string) (money.Nano, error) {
			n, err := read(&w.bought)
			return money.Nano(n), err
		},
		Counted: func(context.Context, string, time.Time) (int64, error) { return read(&w.counted) },
	}
}

func refused(t *testing.T, err error) *llm.Error {
	t.Helper()
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e.Type != llm.TypeRateLimit || e.Limit == nil || e.Fault != llm.FaultCaller {
		t.Fatalf("%v", err)
	}
	return e
}

// Whatever is asked at once, by however many, exactly as many are admitted as may be, and
// a refusal names the time from which on the next one is.
func TestKeyExact(t *testing.T) {
	t.Parallel()
	const most, callers, each = 100, 32, 50
	c := newClock()
	l := limit.New(new(world).options(c, limit.Free{}))
	var admitted atomic.Int64
	flood := func() {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				for range each {
					if _, err := l.Key(t.Context(), "k", identity.Rates{Requests: most}, 1, 0); err == nil {
						admitted.Add(1)
					}
				}
			})
		}
		all.Wait()
	}
	flood()
	if n := admitted.Load(); n != most {
		t.Fatalf("%d admitted", n)
	}
	_, err := l.Key(t.Context(), "k", identity.Rates{Requests: most}, 1, 0)
	e := refused(t, err)
	if e.Limit.Most != most || e.Limit.Left != 0 || !e.Limit.Reset.Equal(c.now().Add(e.RetryAfter)) || e.RetryAfter <= 60*time.Second || e.RetryAfter > 61*time.Second {
		t.Errorf("%+v, %+v", e, e.Limit)
	}
	for _, part := range []string{"Rate limit exceeded: requests-per-minute. ", "100 requests a minute", "in 61 seconds", "PATCH /api/v1/keys/k"} {
		if !strings.Contains(e.Message, part) {
			t.Errorf("%q is not in %q", part, e.Message)
		}
	}
	c.pass(e.RetryAfter - time.Nanosecond)
	flood()
	if n := admitted.Load(); n != most {
		t.Fatalf("%d admitted within a minute", n)
	}
	c.pass(time.Nanosecond)
	flood()
	if n := admitted.Load(); n != 2*most {
		t.Fatalf("%d admitted after it", n)
	}
}

// taken is what a request took, as a model remembers it.
type taken struct {
	at               time.Time
	requests, tokens int64
}

// No sixty seconds in a row hold more than the limits, wherever they begin, and nothing
// is refused that the model of whole seconds would admit.
func TestKeyModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			c := newClock()
			began := c.now()
			l := limit.New(new(world).options(c, limit.Free{}))
			rates := identity.Rates{Requests: 1 + rng.Int64N(20), Tokens: 1 + rng.Int64N(5000)}
			type running struct {
				ticket *limit.Ticket
				is     *taken
			}
			var log []*taken
			var open []running
			within := func(long time.Duration) (requests, tokens int64) {
				for _, x := range log {
					if c.now().Sub(x.at) < long {
						requests, tokens = requests+x.requests, tokens+x.tokens
					}
				}
				return requests, tokens
			}
			whole := func() (requests, tokens int64) { // as many whole seconds count as are looked at
				now := int64(c.now().Sub(began) / time.Second)
				for _, x := range log {
					if now-int64(x.at.Sub(began)/time.Second) < 61 {
						requests, tokens = requests+x.requests, tokens+x.tokens
					}
				}
				return requests, tokens
			}
			for range 400 {
				switch rng.IntN(10) {
				case 0, 1, 2:
					c.pass(time.Duration(rng.Int64N(int64(8 * time.Second))))
				case 3:
					if len(open) == 0 {
						continue
					}
					i := rng.IntN(len(open))
					x := open[i]
					open = slices.Delete(open, i, i+1)
					if rng.IntN(4) == 0 {
						x.ticket.Return(t.Context())
						x.is.requests, x.is.tokens = 0, 0
					} else { // an answer may come to more than was thought: what is already taken stays so
						x.is.tokens = rng.Int64N(x.is.tokens + 1)
						x.ticket.End(t.Context(), x.is.tokens)
					}
					x.ticket.Return(t.Context()) // once it has ended, nothing
				default:
					tokens := rng.Int64N(rates.Tokens + 1)
					r, tk := whole()
					fits := r+1 <= rates.Requests && tk+tokens <= rates.Tokens
					ticket, err := l.Key(t.Context(), "k", rates, 1, tokens)
					if (err == nil) != fits {
						t.Fatalf("%d of %d requests and %d + %d of %d tokens: %v", r, rates.Requests, tk, tokens, rates.Tokens, err)
					}
					if err == nil {
						x := &taken{c.now(), 1, tokens}
						log, open = append(log, x), append(open, running{ticket, x})
						break
					}
					e := refused(t, err)
					if e.Limit.Left < 0 || e.RetryAfter <= 0 || e.RetryAfter > 61*time.Second {
						t.Fatalf("%+v %+v", e, e.Limit)
					}
				}
				if r, tk := within(60 * time.Second); r > rates.Requests || tk > rates.Tokens {
					t.Fatalf("%d of %d requests, %d of %d tokens", r, rates.Requests, tk, rates.Tokens)
				}
			}
		})
	}
}

// An answer that is longer than was thought counts as long as it is: the next ones wait.
func TestKeyTokens(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New(new(world).options(c, limit.Free{}))
	rates := identity.Rates{Tokens: 1000}
	take := func(n int64) (*limit.Ticket, error) { return l.Key(t.Context(), "k", rates, 1, n) }
	first, err := take(600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = take(500)
	if e := refused(t, err); e.Limit.Left != 400 || e.Limit.Most != 1000 || !strings.Contains(e.Message, "of which 400 are left, and this request may take up to 500") {
		t.Errorf("%v %+v", e, e.Limit)
	}
	first.End(t.Context(), 100)
	second, err := take(900)
	if err != nil {
		t.Fatal(err)
	}
	second.End(t.Context(), 3000)
	c.pass(59 * time.Second)
	_, err = take(1)
	if e := refused(t, err); e.Limit.Left != 0 {
		t.Errorf("%+v", e.Limit)
	}
	c.pass(2 * time.Second)
	if all, err := take(1 << 40); err != nil { // is all that the key may have
		t.Error(err)
	} else {
		all.Return(t.Context())
	}
	for _, x := range []struct {
		prompt, output int64
		says           string
	}{
		{400, 600, ""},
		{400, 601, "max_tokens: this key may use 1000 tokens a minute (tokens_per_minute), and the prompt has about 400: ask for 600 at most"},
		{1000, 0, ""},
		{1001, 0, "The prompt has about 1001 tokens, and this key may use 1000 a minute (tokens_per_minute): shorten it"},
		{400, math.MaxInt64, "max_tokens: this key may use 1000 tokens a minute (tokens_per_minute), and the prompt has about 400: ask for 600 at most"},
		{math.MaxInt64, math.MaxInt64, "The prompt has about 9223372036854775807 tokens, and this key may use 1000 a minute (tokens_per_minute): shorten it"},
		{1000, 5, "The prompt has about 1000 tokens, and this key may use 1000 a minute (tokens_per_minute): shorten it"},
	} {
		got := ""
		if e, ok := errors.AsType[*llm.Error](limit.TooMany(rates, x.prompt, x.output)); ok {
			if got = e.Message; e.Type != llm.TypeInvalidRequest {
				t.Errorf("%s", e.Type)
			}
		}
		if got != x.says {
			t.Errorf("%d and %d: %q, want %q", x.prompt, x.output, got, x.says)
		}
	}
	if err := limit.TooMany(identity.Rates{Requests: 1}, 1<<40, 1<<40); err != nil {
		t.Error(err)
	}
	for range 2000 { // less than nothing gives nothing
		if ticket, err := take(-1 << 60); err == nil {
			ticket.End(t.Context(), 0)
		}
	}
	if _, err := take(1000); err != nil {
		t.Error(err)
	}
	if _, err := take(1); err == nil {
		t.Error("admitted")
	}
}

// A key's limits are its own, and one without any is not counted.
func TestKeyApart(t *testing.T) {
	t.Parallel()
	l := limit.New(new(world).options(newClock(), limit.Free{}))
	for range 3 {
		for i := range 100 {
			_, err := l.Key(t.Context(), strconv.Itoa(i), identity.Rates{Requests: 2}, 1, 7)
			_, same := l.Key(t.Context(), "none", identity.Rates{}, 1, 7)
			_, part := l.Key(t.Context(), "part", identity.Rates{Requests: 2}, 0, 7) // of another request
			if same != nil || part != nil {
				t.Fatal(same, part)
			}
			if err != nil {
				_ = refused(t, err)
			}
		}
	}
	if _, err := l.Key(t.Context(), "7", identity.Rates{Requests: 2}, 1, 0); err == nil {
		t.Error("admitted")
	}
	if _, err := l.Key(t.Context(), "7", identity.Rates{Requests: 3}, 1, 0); err != nil { // it was raised
		t.Error(err)
	}
	if _, err := l.Key(t.Context(), "7", identity.Rates{Requests: 1}, 1, 0); err == nil { // it was lowered
		t.Error("admitted")
	}
}
