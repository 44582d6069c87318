package health

import (
	"testing"
	"time"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newTracker() (*Tracker, *clock) {
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	return New(c.now), c
}

// RT-01, U4: three faults and over half of the attempts within 30 s.
func TestOutage(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Failed("a", false)
	tr.Failed("a", false)
	if tr.Standing("a").Outage {
		t.Error("two faults are no outage")
	}
	tr.Failed("a", false)
	if !tr.Standing("a").Outage {
		t.Error("three of three faults are an outage")
	}
	for range 3 {
		tr.Succeeded("a", time.Second, 10, time.Second)
	}
	if tr.Standing("a").Outage {
		t.Error("half of the attempts failing is no outage")
	}
	tr.Failed("a", false)
	if !tr.Standing("a").Outage {
		t.Error("four of seven is an outage")
	}
	c.advance(30 * time.Second)
	if tr.Standing("a").Outage {
		t.Error("an outage older than 30 s is over")
	}
}

func TestRefusedConnection(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Failed("a", true)
	if !tr.Standing("a").Outage {
		t.Error("a refused connection is an outage at once")
	}
	c.advance(time.Second)
	tr.Succeeded("a", time.Second, 1, time.Second)
	if tr.Standing("a").Outage {
		t.Error("it answered since")
	}
}

// F12: the hint is obeyed, up to a minute; a 429 is no outage.
func TestCooling(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Cool("a", 5*time.Second)
	tr.Cool("a", time.Second)
	tr.Cool("b", time.Hour)
	tr.Cool("c", 0)
	if got := tr.Standing("a"); got.Cooling != 5*time.Second || got.Outage {
		t.Errorf("a: %+v", got)
	}
	if got := tr.Standing("b").Cooling; got != time.Minute {
		t.Errorf("b cools for %v", got)
	}
	if got := tr.Standing("c").Cooling; got != time.Second {
		t.Errorf("c cools for %v", got)
	}
	c.advance(5 * time.Second)
	if got := tr.Standing("a").Cooling; got != 0 {
		t.Errorf("a still cools for %v", got)
	}
}

func TestMedians(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Succeeded("a", 9*time.Second, 1, time.Second)
	c.advance(5 * time.Minute)
	for i := range 200 { // more than the ring holds
		tr.Succeeded("a", time.Duration(i)*time.Millisecond, int64(i), time.Second)
	}
	got := tr.Standing("a")
	if got.Latency != 136*time.Millisecond || got.Throughput != 136 {
		t.Errorf("medians of the newest 128 samples: %+v", got)
	}
	if (tr.Standing("unknown") != Standing{}) {
		t.Error("an endpoint never seen has no standing")
	}
}
