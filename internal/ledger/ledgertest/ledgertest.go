// Package ledgertest is what every ledger.Store must pass: cases by rule,
// random histories compared with the model (law 7), races for the last cent, and
// the books proven afterwards (law 5).
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Clock is a clock that stands until it is moved.
type Clock struct{ micros atomic.Int64 }

// NewClock stands at a Monday noon.
func NewClock() *Clock {
	c := &Clock{}
	c.micros.Store(time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

// Now is the time it shows.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()).UTC() }

// Advance moves it.
func (c *Clock) Advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// Guard proves the books of s when the test ends (law 5).
func Guard(t testing.TB, s ledger.Store) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := ledger.New(s, time.Now, "guard").Verify(context.Background()); err != nil {
			t.Errorf("books after the test: %v", err)
		}
	})
}

// Run runs everything against stores made by open, which cleans up after itself.
func Run(t *testing.T, open func(testing.TB) ledger.Store) {
	t.Helper()
	guarded := func(t testing.TB) ledger.Store {
		s := open(t)
		Guard(t, s)
		return s
	}
	for name, test := range map[string]func(*testing.T, ledger.Store){
		"hold":       testHold,
		"grow":       testGrow,
		"settle":     testSettle,
		"late":       testLate,
		"limits":     testLimits,
		"refs":       testRefs,
		"zero":       testZero,
		"sweep":      testSweep,
		"race":       testRaceBalance,
		"race limit": testRaceLimit,
		"history":    testHistory,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, guarded(t))
		})
	}
}

const alice = "customer:alice"

// books opens alice's account with n.
func books(t *testing.T, s ledger.Store, n money.Nano) (*ledger.Ledger, *Clock) {
	t.Helper()
	c := NewClock()
	l := ledger.New(s, c.Now, "one")
	must(t, l.Open(t.Context(), alice))
	if n > 0 {
		must(t, l.TopUp(t.Context(), alice, "start", n))
	}
	return l, c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func wantShort(t *testing.T, err error, want ledger.Insufficient) {
	t.Helper()
	e, ok := errors.AsType[*ledger.Insufficient](err)
	if !ok {
		t.Fatalf("error %v, want %v", err, &want)
	}
	if diff := cmp.Diff(want, *e); diff != "" {
		t.Fatal(diff)
	}
}

func wantBalance(t *testing.T, l *ledger.Ledger, want ledger.Balance) {
	t.Helper()
	got, err := l.Balance(t.Context(), alice)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func testHold(t *testing.T, s ledger.Store) {
	l, c := books(t, s, 100)
	h, err := l.Reserve(t.Context(), alice, "g1", 60)
	must(t, err)
	want := ledger.Hold{Ref: "g1", Account: alice, Amount: 60, Owner: "one", Opened: c.Now()}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Fatal(diff)
	}
	wantBalance(t, l, ledger.Balance{Posted: 100, Held: 60, Credits: 100})
	_, err = l.Reserve(t.Context(), alice, "g2", 41)
	wantShort(t, err, ledger.Insufficient{Account: alice, Available: 40, Wanted: 41})
	wantBalance(t, l, ledger.Balance{Posted: 100, Held: 60, Credits: 100})
	_, err = l.Reserve(t.Context(), "customer:nobody", "g3", 1)
	wantErr(t, err, ledger.ErrNoAccount)
	_, err = l.Balance(t.Context(), "customer:nobody")
	wantErr(t, err, ledger.ErrNoAccount)
	must(t, l.Settle(t.Context(), h, 0))
	wantBalance(t, l, ledger.Balance{Posted: 100, Credits: 100})
}

func testGrow(t *testing.T, s ledger.Store) {
	l, _ := books(t, s, 100)
	h, err := l.Reserve(t.Context(), alice, "g1", 10, ledger.Limit{Scope: "key:a", Max: 50}, ledger.Limit{Scope: "key:b", Max: 1000})
	must(t, err)
	h, err = l.Grow(t.Context(), h, 30)
	must(t, err)
	if h.Amount != 40 {
		t.Fatalf("grown to %d, want 40", h.Amount)
	}
	same, err := l.Grow(t.Context(), h, 11)
	wantShort(t, err, ledger.Insufficient{Account: alice, Scope: "key:a", Available: 10, Wanted: 11})
	if same.Amount != 40 {
		t.Fatalf("a failed growth returned %d", same.Amount)
	}
	wantBalance(t, l, ledger.Balance{Posted: 100, Held: 40, Credits: 100})
	other, err := l.Reserve(t.Context(), alice, "g2", 60)
	must(t, err)
	_, err = l.Grow(t.Context(), h, 1)
	wantShort(t, err, ledger.Insufficient{Account: alice, Available: 0, Wanted: 1})
	_, err = l.Grow(t.Context(), ledger.Hold{Ref: "g9", Account: alice}, 1)
	wantErr(t, err, ledger.ErrNoHold)
	must(t, l.Settle(t.Context(), h, 35))
	_, err = l.Grow(t.Context(), h, 1)
	wantErr(t, err, ledger.ErrClosed)
	must(t, l.Settle(t.Context(), other, 0))
	wantBalance(t, l, ledger.Balance{Posted: 65, Credits: 100, Used: 35})
}

func testSettle(t *testing.T, s ledger.Store) {
	l, _ := books(t, s, 100)
	h, err := l.Reserve(t.Context(), alice, "g1", 60)
	must(t, err)
	must(t, l.Settle(t.Context(), h, 25))
	wantBalance(t, l, ledger.Balance{Posted: 75, Credits: 100, Used: 25})
	must(t, l.Settle(t.Context(), h, 25))
	wantErr(t, l.Settle(t.Context(), h, 26), ledger.ErrClosed)
	wantErr(t, l.Settle(t.Context(), h, 0), ledger.ErrClosed)
	wantErr(t, l.Settle(t.Context(), ledger.Hold{Ref: "g9", Account: alice}, 1), ledger.ErrNoHold)

	// I8: what exceeds the hold is the operator's loss.
	h, err = l.Reserve(t.Context(), alice, "g2", 10)
	must(t, err)
	must(t, l.Settle(t.Context(), h, 17))
	wantBalance(t, l, ledger.Balance{Posted: 65, Credits: 100, Used: 35})
	r, err := l.Verify(t.Context())
	must(t, err)
	if r.Loss != 7 || r.Captured != 35 || r.Posted != 65 {
		t.Fatalf("report %+v", r)
	}

	// A hold as it was before it grew settles what it has become.
	h, err = l.Reserve(t.Context(), alice, "g3", 10)
	must(t, err)
	_, err = l.Grow(t.Context(), h, 10)
	must(t, err)
	must(t, l.Settle(t.Context(), h, 15))
	wantBalance(t, l, ledger.Balance{Posted: 50, Credits: 100, Used: 50})

	h, err = l.Reserve(t.Context(), alice, "g4", 10)
	must(t, err)
	must(t, l.Settle(t.Context(), h, 0))
	must(t, l.Settle(t.Context(), h, 0))
	wantErr(t, l.Settle(t.Context(), h, 5), ledger.ErrClosed)
}

func testLate(t *testing.T, s ledger.Store) {
	l, c := books(t, s, 100)
	lim := ledger.Limit{Scope: "key:a", Max: 70}
	var holds []ledger.Hold
	for i, amount := range []money.Nano{50, 20, 10, 10} {
		h, err := l.Reserve(t.Context(), alice, "g"+strconv.Itoa(i), amount, lim)
		if i == 2 {
			wantShort(t, err, ledger.Insufficient{Account: alice, Scope: "key:a", Available: 0, Wanted: 10})
			h, err = l.Reserve(t.Context(), alice, "g"+strconv.Itoa(i), amount)
		}
		if i == 3 {
			h, err = l.Reserve(t.Context(), alice, "g3", amount)
		}
		must(t, err)
		holds = append(holds, h)
	}
	c.Advance(ledger.HoldLife + time.Second)
	n, err := l.Sweep(t.Context())
	must(t, err)
	if n != 4 {
		t.Fatalf("%d expired, want 4", n)
	}
	wantBalance(t, l, ledger.Balance{Posted: 100, Credits: 100})
	now, err := l.Reserve(t.Context(), alice, "new", 45, lim)
	must(t, err)
	must(t, l.Settle(t.Context(), holds[0], 50)) // the scope has 25 left
	wantBalance(t, l, ledger.Balance{Posted: 75, Held: 45, Credits: 100, Used: 25})
	must(t, l.Settle(t.Context(), holds[0], 50))
	wantErr(t, l.Settle(t.Context(), holds[0], 49), ledger.ErrClosed)
	must(t, l.Settle(t.Context(), holds[1], 5)) // the scope has nothing left
	must(t, l.Settle(t.Context(), holds[2], 0))
	must(t, l.Settle(t.Context(), holds[2], 10)) // released, yet not closed: expired may still be captured
	wantBalance(t, l, ledger.Balance{Posted: 65, Held: 45, Credits: 100, Used: 35})
	rest, err := l.Reserve(t.Context(), alice, "rest", 17)
	must(t, err)
	must(t, l.Settle(t.Context(), holds[3], 10)) // 3 are available
	wantBalance(t, l, ledger.Balance{Posted: 62, Held: 62, Credits: 100, Used: 38})
	must(t, l.Settle(t.Context(), now, 45))
	must(t, l.Settle(t.Context(), rest, 17))
	wantBalance(t, l, ledger.Balance{Credits: 100, Used: 100})
	r, err := l.Verify(t.Context())
	must(t, err)
	if r.Loss != 25+5+7 {
		t.Fatalf("loss %d", r.Loss)
	}
}

func testLimits(t *testing.T, s ledger.Store) {
	l, _ := books(t, s, 1000)
	key, space := ledger.Limit{Scope: "key:a@2026-11", Max: 100}, ledger.Limit{Scope: "workspace:w", Max: 60}
	h, err := l.Reserve(t.Context(), alice, "g1", 40, key, space)
	must(t, err)
	if diff := cmp.Diff([]string{key.Scope, space.Scope}, h.Scopes); diff != "" {
		t.Fatal(diff)
	}
	// All or none: the key has room, the workspace has not.
	_, err = l.Reserve(t.Context(), alice, "g2", 30, key, space)
	wantShort(t, err, ledger.Insufficient{Account: alice, Scope: space.Scope, Available: 20, Wanted: 30})
	wantBalance(t, l, ledger.Balance{Posted: 1000, Held: 40, Credits: 1000})
	_, err = l.Reserve(t.Context(), alice, "g3", 61, key)
	wantShort(t, err, ledger.Insufficient{Account: alice, Scope: key.Scope, Available: 60, Wanted: 61})
	must(t, l.Settle(t.Context(), h, 40))
	// A limit lowered below what is spent admits nothing more; a raised one does.
	_, err = l.Reserve(t.Context(), alice, "g4", 1, ledger.Limit{Scope: key.Scope, Max: 30})
	wantShort(t, err, ledger.Insufficient{Account: alice, Scope: key.Scope, Available: -10, Wanted: 1})
	h, err = l.Reserve(t.Context(), alice, "g5", 160, ledger.Limit{Scope: key.Scope, Max: 200})
	must(t, err)
	must(t, l.Settle(t.Context(), h, 0))
	// A new window is a new scope.
	h, err = l.Reserve(t.Context(), alice, "g6", 100, ledger.Limit{Scope: "key:a@2026-12", Max: 100})
	must(t, err)
	must(t, l.Settle(t.Context(), h, 100))
	for _, bad := range [][]ledger.Limit{{{Scope: ""}}, {{Scope: "a b"}}, {key, key}} {
		if _, err := l.Reserve(t.Context(), alice, "g7", 1, bad...); err == nil {
			t.Errorf("limits %v were taken", bad)
		}
	}
}

func testRefs(t *testing.T, s ledger.Store) {
	l, _ := books(t, s, 100)
	must(t, l.Open(t.Context(), "customer:bob"))
	must(t, l.Open(t.Context(), alice))
	must(t, l.TopUp(t.Context(), alice, "start", 100))
	wantErr(t, l.TopUp(t.Context(), alice, "start", 99), ledger.ErrRefUsed)
	wantErr(t, l.TopUp(t.Context(), "customer:bob", "start", 100), ledger.ErrRefUsed)
	wantErr(t, l.TopUp(t.Context(), "customer:nobody", "x", 100), ledger.ErrNoAccount)
	if err := l.TopUp(t.Context(), alice, "huge", 1<<63-1); !errors.Is(err, money.ErrOverflow) {
		t.Fatalf("overflow gave %v", err)
	}
	h, err := l.Reserve(t.Context(), alice, "g1", 10)
	must(t, err)
	again, err := l.Reserve(t.Context(), alice, "g1", 20)
	must(t, err)
	if diff := cmp.Diff(h, again); diff != "" {
		t.Fatal(diff)
	}
	_, err = l.Reserve(t.Context(), "customer:bob", "g1", 0)
	wantErr(t, err, ledger.ErrRefUsed)
	must(t, l.Settle(t.Context(), h, 10))
	_, err = l.Reserve(t.Context(), alice, "g1", 10)
	wantErr(t, err, ledger.ErrRefUsed)
	wantBalance(t, l, ledger.Balance{Posted: 90, Credits: 100, Used: 10})
	for _, bad := range []string{"", "revenue", "customer:a b"} {
		if l.Open(t.Context(), bad) == nil {
			t.Errorf("account %q was opened", bad)
		}
	}
}

// U10 and CB-04: with exactly nothing, paid work is refused and free work is
// not; below zero nothing goes.
func testZero(t *testing.T, s ledger.Store) {
	l, _ := books(t, s, 0)
	free, err := l.Reserve(t.Context(), alice, "free", 0)
	must(t, err)
	_, err = l.Reserve(t.Context(), alice, "paid", 1)
	wantShort(t, err, ledger.Insufficient{Account: alice, Available: 0, Wanted: 1})
	must(t, l.Adjust(t.Context(), alice, "chargeback", -5))
	must(t, l.Adjust(t.Context(), alice, "chargeback", -5))
	_, err = l.Reserve(t.Context(), alice, "free2", 0)
	wantShort(t, err, ledger.Insufficient{Account: alice, Available: -5, Wanted: 0})
	_, err = l.Grow(t.Context(), free, 1)
	wantShort(t, err, ledger.Insufficient{Account: alice, Available: -5, Wanted: 1})
	must(t, l.Settle(t.Context(), free, 0))
	wantBalance(t, l, ledger.Balance{Posted: -5, Credits: -5})
	must(t, l.TopUp(t.Context(), alice, "back", 6))
	h, err := l.Reserve(t.Context(), alice, "paid2", 1)
	must(t, err)
	must(t, l.Settle(t.Context(), h, 1))
	// A free hold that cost something after all is the operator's loss.
	h, err = l.Reserve(t.Context(), alice, "free3", 0)
	must(t, err)
	must(t, l.Settle(t.Context(), h, 3))
	wantBalance(t, l, ledger.Balance{Posted: 0, Credits: 1, Used: 1})
}

func testSweep(t *testing.T, s ledger.Store) {
	l, c := books(t, s, 100)
	dead := ledger.New(s, c.Now, "dead")
	for _, o := range []struct {
		l   *ledger.Ledger
		ref string
	}{{l, "mine"}, {dead, "theirs"}, {dead, "grown"}} {
		_, err := o.l.Reserve(t.Context(), alice, o.ref, 10, ledger.Limit{Scope: "key:a", Max: 100})
		must(t, err)
	}
	sweep := func(want int, f func(context.Context) (int, error)) {
		t.Helper()
		n, err := f(t.Context())
		must(t, err)
		if n != want {
			t.Fatalf("%d closed, want %d", n, want)
		}
	}
	c.Advance(ledger.HoldLife)
	sweep(0, l.Sweep) // not past it yet
	must(t, l.Heartbeat(t.Context()))
	_, err := dead.Grow(t.Context(), ledger.Hold{Ref: "grown"}, 0)
	must(t, err)
	c.Advance(time.Second)
	sweep(1, l.Sweep) // theirs
	_, err = l.Grow(t.Context(), ledger.Hold{Ref: "theirs", Account: alice}, 1)
	wantErr(t, err, ledger.ErrClosed)
	sweep(1, l.SweepDead) // grown
	sweep(0, l.SweepDead)
	wantBalance(t, l, ledger.Balance{Posted: 100, Held: 10, Credits: 100})
	// I7: heartbeats do not keep a lost hold for ever.
	for range int(ledger.MaxLife/ledger.HoldLife) + 1 {
		must(t, l.Heartbeat(t.Context()))
		c.Advance(ledger.HoldLife)
	}
	c.Advance(time.Second)
	sweep(1, l.Sweep)
	wantBalance(t, l, ledger.Balance{Posted: 100, Credits: 100})
}

// testRaceBalance: 64 goroutines for money of exactly 10 holds (F86).
func testRaceBalance(t *testing.T, s ledger.Store) {
	const each, k, rounds = 7, 10, 20
	l, _ := books(t, s, each*k*rounds)
	for round := range rounds {
		drain, err := l.Reserve(t.Context(), alice, fmt.Sprint("drain", round), money.Nano(each*k*(rounds-1-round)))
		must(t, err)
		won := race(t, func(i int) error {
			h, err := l.Reserve(t.Context(), alice, fmt.Sprintf("r%d-%d", round, i), each)
			if err != nil {
				return err
			}
			return l.Settle(t.Context(), h, each)
		})
		if won != k {
			t.Fatalf("round %d: %d won, want %d", round, won, k)
		}
		must(t, l.Settle(t.Context(), drain, 0))
	}
	wantBalance(t, l, ledger.Balance{Credits: each * k * rounds, Used: each * k * rounds})
}

// testRaceLimit: 64 goroutines for a limit of exactly 10 holds (F94).
func testRaceLimit(t *testing.T, s ledger.Store) {
	const each, k = 7, 10
	l, _ := books(t, s, 1e9)
	for round := range 20 {
		lim := ledger.Limit{Scope: fmt.Sprint("key:", round), Max: each*k + each - 1}
		won := race(t, func(i int) error {
			_, err := l.Reserve(t.Context(), alice, fmt.Sprintf("r%d-%d", round, i), each, lim)
			return err
		})
		if won != k {
			t.Fatalf("round %d: %d won, want %d", round, won, k)
		}
	}
}

// race starts 64 goroutines at once and counts those that were not refused for
// money.
func race(t *testing.T, f func(i int) error) int64 {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 64 {
		wg.Go(func() {
			<-start
			err := f(i)
			if err == nil {
				won.Add(1)
			} else if _, ok := errors.AsType[*ledger.Insufficient](err); !ok {
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	return won.Load()
}

// testHistory: a random history gives equal answers from s and from the model
// (law 7), and leaves both with the same, sound books (law 5).
func testHistory(t *testing.T, s ledger.Store) {
	model := ledger.NewMemory()
	c := NewClock()
	var serial int // histories share the stores, not their names
	rapid.Check(t, func(t *rapid.T) {
		serial++
		history(t, s, model, c, serial)
	})
	got, err := ledger.New(s, c.Now, "x").Verify(t.Context())
	must(t, err)
	want, err := ledger.New(model, c.Now, "x").Verify(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports differ (-model +store):\n%s", diff)
	}
}

func history(t *rapid.T, s ledger.Store, model *ledger.Memory, c *Clock, serial int) {
	ctx := t.Context()
	name := func(kind string, n int) string { return fmt.Sprintf("%s%d-%d", kind, serial, n) }
	var accounts []string
	for i := range 2 {
		accounts = append(accounts, name("customer:c", i))
	}
	owner := rapid.SampledFrom([]string{"one", "two"})
	refs, scopes := rapid.IntRange(0, 9), rapid.IntRange(0, 2)
	amount := rapid.Custom(func(t *rapid.T) money.Nano { return money.Nano(rapid.IntRange(0, 60).Draw(t, "amount")) })
	holds := map[int]ledger.Hold{}

	// both asks the store and the model, and wants one answer.
	both := func(what string, f func(*ledger.Ledger) (any, error)) (any, error) {
		o := owner.Draw(t, "owner")
		got, gotErr := f(ledger.New(s, c.Now, o))
		want, wantErr := f(ledger.New(model, c.Now, o))
		if !sameError(gotErr, wantErr) {
			t.Fatalf("%s: store says %v, model says %v", what, gotErr, wantErr)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: store says %+v, model says %+v", what, got, want)
		}
		return got, gotErr
	}
	for _, a := range accounts {
		_, _ = both("open", func(l *ledger.Ledger) (any, error) { return nil, l.Open(ctx, a) })
	}
	t.Repeat(map[string]func(*rapid.T){
		"top up": func(t *rapid.T) {
			a, ref, n := rapid.SampledFrom(accounts).Draw(t, "account"), name("t", refs.Draw(t, "ref")), amount.Draw(t, "n")
			_, _ = both("top up", func(l *ledger.Ledger) (any, error) { return nil, l.TopUp(ctx, a, ref, n) })
		},
		"adjust": func(t *rapid.T) {
			a, ref, n := rapid.SampledFrom(accounts).Draw(t, "account"), name("t", refs.Draw(t, "ref")), amount.Draw(t, "n")-40
			_, _ = both("adjust", func(l *ledger.Ledger) (any, error) { return nil, l.Adjust(ctx, a, ref, n) })
		},
		"reserve": func(t *rapid.T) {
			a, i, n := rapid.SampledFrom(accounts).Draw(t, "account"), refs.Draw(t, "ref"), amount.Draw(t, "n")
			var limits []ledger.Limit
			for _, j := range rapid.SliceOfNDistinct(scopes, 0, 2, rapid.ID[int]).Draw(t, "scopes") {
				limits = append(limits, ledger.Limit{Scope: name("key:", j), Max: 2 * amount.Draw(t, "max")})
			}
			h, err := both("reserve", func(l *ledger.Ledger) (any, error) { return l.Reserve(ctx, a, name("g", i), n, limits...) })
			if err == nil {
				holds[i] = h.(ledger.Hold)
			}
		},
		"grow": func(t *rapid.T) {
			i, n := refs.Draw(t, "ref"), amount.Draw(t, "n")
			h := known(holds, i, name("g", i))
			grown, err := both("grow", func(l *ledger.Ledger) (any, error) { return l.Grow(ctx, h, n) })
			if err == nil && rapid.Bool().Draw(t, "keep") {
				holds[i] = grown.(ledger.Hold)
			}
		},
		"settle": func(t *rapid.T) {
			i, n := refs.Draw(t, "ref"), amount.Draw(t, "cost")
			h := known(holds, i, name("g", i))
			_, _ = both("settle", func(l *ledger.Ledger) (any, error) { return nil, l.Settle(ctx, h, n) })
		},
		"pass": func(t *rapid.T) {
			c.Advance(time.Duration(rapid.IntRange(1, 20).Draw(t, "minutes")) * time.Minute)
		},
		"heartbeat": func(*rapid.T) {
			_, _ = both("heartbeat", func(l *ledger.Ledger) (any, error) { return nil, l.Heartbeat(ctx) })
		},
		"sweep": func(*rapid.T) {
			_, _ = both("sweep", func(l *ledger.Ledger) (any, error) { return l.Sweep(ctx) })
		},
		"sweep dead": func(*rapid.T) {
			_, _ = both("sweep dead", func(l *ledger.Ledger) (any, error) { return l.SweepDead(ctx) })
		},
		"": func(*rapid.T) {
			for _, a := range accounts {
				_, _ = both("balance", func(l *ledger.Ledger) (any, error) { return l.Balance(ctx, a) })
			}
		},
	})
	if _, err := both("verify", func(l *ledger.Ledger) (any, error) { return l.Verify(ctx) }); err != nil {
		t.Fatal(err)
	}
}

func known(holds map[int]ledger.Hold, i int, ref string) ledger.Hold {
	if h, ok := holds[i]; ok {
		return h
	}
	return ledger.Hold{Ref: ref}
}

// sameError compares kinds of errors, and for refusals the figures.
func sameError(a, b error) bool {
	ea, oka := errors.AsType[*ledger.Insufficient](a)
	eb, okb := errors.AsType[*ledger.Insufficient](b)
	if oka || okb {
		return oka && okb && *ea == *eb
	}
	for _, kind := range []error{ledger.ErrNoAccount, ledger.ErrNoHold, ledger.ErrRefUsed, ledger.ErrClosed, money.ErrOverflow} {
		if errors.Is(a, kind) != errors.Is(b, kind) {
			return false
		}
	}
	return (a == nil) == (b == nil)
}
