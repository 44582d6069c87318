package health

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newTracker() (*Tracker, *clock) {
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	return New(c.now), c
}

func good() Sample {
	return Sample{Latency: time.Second, Took: time.Second, Output: 10}
}

// RT-01, U4: three faults and over half of the attempts within 30 s.
func TestOutage(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Failed("a", false)
	tr.Failed("a", false)
	if tr.Standing("a").Grade != Fit {
		t.Error("two faults are no outage")
	}
	tr.Failed("a", false)
	if tr.Standing("a").Grade != Ailing {
		t.Error("three of three faults are an outage")
	}
	for range 3 {
		tr.Succeeded("a", good())
	}
	if tr.Standing("a").Grade != Fit {
		t.Error("half of the attempts failing is no outage")
	}
	tr.Failed("a", false)
	if tr.Standing("a").Grade != Ailing {
		t.Error("four of seven is an outage")
	}
	c.advance(30 * time.Second)
	if tr.Standing("a").Grade != Fit {
		t.Error("an outage older than 30 s is over")
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Failed("a", true)
	if tr.Standing("a").Grade != Ailing {
		t.Error("a refused connection is an outage at once")
	}
	c.advance(time.Second)
	tr.Succeeded("a", good())
	if tr.Standing("a").Grade != Fit {
		t.Error("it answered since")
	}
}

// F12: the hint is obeyed, up to a minute, of that key at that endpoint alone; a spend
// cap parks the key everywhere (F13).
func TestCooling(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	a, b := Key{"p", "1", "x"}, Key{"p", "2", "x"}
	tr.Cool(a, 5*time.Second)
	tr.Cool(a, time.Second)
	tr.Cool(b, time.Hour)
	tr.Cool(Key{"p", "3", "x"}, 0)
	for k, want := range map[Key]time.Duration{a: 5 * time.Second, b: time.Minute, {"p", "3", "x"}: time.Second, {"p", "1", "y"}: 0, {"q", "1", "x"}: 0} {
		if got := tr.Cooling(k); got != want {
			t.Errorf("%v cools for %v", k, got)
		}
	}
	if tr.Standing("x").Grade != Fit {
		t.Error("a 429 is no outage")
	}
	c.advance(5 * time.Second)
	if got := tr.Cooling(a); got != 0 {
		t.Errorf("still cools for %v", got)
	}
	tr.Cool(Key{Provider: "p", Label: "1"}, time.Minute)
	if got := tr.Cooling(Key{"p", "1", "y"}); got != time.Minute {
		t.Errorf("parked for %v", got)
	}
}

// HM-01, HM-02: no uptime under a hundred requests; degraded under 95 %, down under
// 80 %; a rate limit counts neither way.
func TestUptime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		good, bad, limited int
		want               Grade
	}{{99, 0, 0, Fit}, {60, 39, 0, Fit}, {95, 5, 0, Fit}, {94, 6, 0, Degraded}, {80, 20, 0, Degraded}, {79, 21, 0, Ailing}, {95, 5, 1000, Fit}} {
		tr, now := newTracker()
		for i, all := 0, c.good+c.bad; i < all; i++ {
			if i*c.bad/all != (i+1)*c.bad/all { // spread, so that none is ejected
				tr.Failed("a", false)
			} else {
				tr.Succeeded("a", good())
			}
		}
		for range c.limited {
			tr.Limited("a")
		}
		now.advance(time.Minute)
		if got := tr.Standing("a").Grade; got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// HM-05: of latencies the higher percentile is the larger, of throughputs the smaller.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Succeeded("a", Sample{Latency: time.Hour, Took: time.Hour, Output: 1})
	c.advance(5 * time.Minute)
	for i := range 1000 {
		tr.Succeeded("a", Sample{Latency: time.Duration(i) * time.Millisecond, Took: time.Second, Output: int64(i)})
	}
	s := tr.Standing("a")
	for _, x := range []struct{ got, want float64 }{
		{s.Latency.P50, 0.5},
		{s.Latency.P90, 0.9},
		{s.Latency.P99, 0.99},
		{s.Throughput.P50, 500},
		{s.Throughput.P90, 100},
		{s.Throughput.P99, 10},
	} {
		if x.got < x.want*0.92 || x.got > x.want*1.08 {
			t.Errorf("%v, want about %v", x.got, x.want)
		}
	}
	if *tr.Standing("unknown") != (Standing{}) {
		t.Error("an endpoint never seen has no standing")
	}
}

// F24: five failures in a row eject for five seconds, then one request at a time tries;
// each further ejection is twice as long, up to five minutes, and a quiet spell is
// forgotten by halves.
// The operator hears of each change once.
func TestEjectionsAreHeard(t *testing.T) {
	t.Parallel()
	tracker, clock := newTracker()
	var heard []time.Time
	tracker.Ejected = func(_ string, until time.Time) { heard = append(heard, until) }
	for range 7 {
		tracker.Failed("e", false)
	}
	out := clock.t.Add(ejectFirst)
	clock.advance(time.Minute)
	tracker.Admit("e")
	for range 2 {
		tracker.Succeeded("e", good())
	}
	if d := cmp.Diff([]time.Time{out, {}}, heard); d != "" {
		t.Error(d)
	}
}

func TestEjection(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	fail := func() {
		for range 5 {
			tr.Failed("a", false)
		}
	}
	admits := func(want bool) {
		t.Helper()
		if ok, wait := tr.Admit("a"); ok != want || ok == (wait > 0) {
			t.Errorf("admitted: %v, else in %v", ok, wait)
		}
	}
	admits(true)
	fail()
	admits(false)
	if tr.Standing("a").Grade != Ejected {
		t.Error("not ejected")
	}
	for _, seconds := range []int{5, 10, 20, 40, 80, 160, 300, 300} {
		c.advance(time.Duration(seconds)*time.Second - 1)
		admits(false)
		c.advance(1)
		if !tr.Standing("a").Trial {
			t.Error("no trial is due")
		}
		admits(true)
		admits(false) // it is under way
		if tr.Standing("a").Trial {
			t.Error("a second trial")
		}
		tr.Failed("a", false)
		admits(false)
	}
	c.advance(300 * time.Second)
	admits(true)
	tr.Released("a") // the caller left
	admits(true)
	tr.Succeeded("a", good())
	admits(true)
	admits(true)
	c.advance(10 * time.Minute)
	tr.Succeeded("a", good())
	fail()
	c.advance(5 * time.Second)
	admits(true)
}
