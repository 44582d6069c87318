package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// nodes are trackers that tell each other everything at once.
func nodes(t *testing.T, n int) ([]*Tracker, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	all := make([]*Tracker, n)
	for i := range all {
		all[i] = New(c.now)
		all[i].Share(string(rune('a'+i)), func(news News) {
			for j, other := range all {
				if err := other.Hear(news.Text, everything); err != nil {
					t.Errorf("%d does not understand %s", j, news.Text)
				}
			}
		})
	}
	return all, c
}

func everything(string) bool { return true }

// exchange lets all tell what they saw.
func exchange(t *testing.T, all []*Tracker) {
	t.Helper()
	for _, from := range all {
		for _, text := range from.Digest() {
			for _, to := range all {
				if err := to.Hear(text, everything); err != nil {
					t.Errorf("%s is not understood", text)
				}
			}
		}
	}
}

func TestEjectionIsShared(t *testing.T) {
	t.Parallel()
	all, c := nodes(t, 3)
	for range 5 {
		all[0].Failed("x", false)
	}
	grades := func(want Grade) {
		t.Helper()
		for i, n := range all {
			if got := n.Standing("x").Grade; got != want {
				t.Errorf("at %d it is %v, want %v", i, got, want)
			}
		}
	}
	grades(Ejected)
	c.advance(5 * time.Second)
	for i, n := range all {
		if ok, _ := n.Admit("x"); !ok {
			t.Errorf("%d has no trial of its own", i)
		}
	}
	all[1].Failed("x", false) // its trial: out for twice as long, everywhere
	grades(Ejected)
	c.advance(10*time.Second - time.Millisecond)
	grades(Ejected)
	c.advance(time.Millisecond)
	if ok, _ := all[2].Admit("x"); !ok {
		t.Error("no trial after the second ejection")
	}
	all[2].Succeeded("x", good())
	for i, n := range all {
		if ok, _ := n.Admit("x"); !ok || n.Standing("x").Grade == Ejected || n.Standing("x").Trial {
			t.Errorf("%d has not heard that it is back", i)
		}
	}
}

// A node that lost its own network must not take an endpoint from those who see it
// answer.
func TestHearsayDoesNotOutweighWhatIsSeen(t *testing.T) {
	t.Parallel()
	all, c := nodes(t, 2)
	all[0].Failed("x", false)
	c.advance(time.Second)
	all[1].Succeeded("x", good())
	for range 4 {
		all[0].Failed("x", false)
	}
	if all[0].Standing("x").Grade != Ejected {
		t.Error("not ejected where it fails")
	}
	if all[1].Standing("x").Grade == Ejected {
		t.Error("ejected where it answers")
	}
}

func TestCoolingIsShared(t *testing.T) {
	t.Parallel()
	all, c := nodes(t, 2)
	k := Key{"p", "1", "x"}
	all[0].Cool(k, 5*time.Second)
	if got := all[1].Cooling(k); got != 5*time.Second {
		t.Errorf("cools for %v", got)
	}
	if got := all[1].Cooling(Key{"p", "2", "x"}); got != 0 {
		t.Errorf("another key cools for %v", got)
	}
	c.advance(5 * time.Second)
	if got := all[1].Cooling(k); got != 0 {
		t.Errorf("still cools for %v", got)
	}
}

// A node that joins later is told what holds.
func TestKnown(t *testing.T) {
	t.Parallel()
	all, c := nodes(t, 2)
	k := Key{"p", "1", "x"}
	all[0].Cool(k, 5*time.Second)
	all[0].Cool(Key{"p", "2", "x"}, time.Second)
	for range 5 {
		all[0].Failed("x", false)
		all[1].Failed("y", false)
	}
	c.advance(time.Second)
	late := New(c.now)
	late.Share("late", func(News) {})
	facts := map[string]time.Duration{}
	for _, n := range all[0].Known() {
		facts[n.Fact] = n.Till.Sub(c.t)
		if err := late.Hear(n.Text, everything); err != nil {
			t.Error(err)
		}
	}
	if len(facts) != 2 || facts["out\x00x"] != 4*time.Second || facts["cool\x00p\x001\x00x"] != 4*time.Second {
		t.Errorf("knows %v: the cooling and the ejection that it saw itself", facts)
	}
	if late.Cooling(k) != 4*time.Second || late.Standing("x").Grade != Ejected || late.Standing("y").Grade != Fit {
		t.Error("who joins is not told so")
	}
}

// An outage is one of all nodes together (RT-01), and what they see makes one uptime.
func TestCountsAreShared(t *testing.T) {
	t.Parallel()
	all, c := nodes(t, 3)
	for _, n := range all {
		n.Failed("x", false)
	}
	if all[0].Standing("x").Grade != Fit {
		t.Error("one fault is no outage")
	}
	exchange(t, all)
	for i, n := range all {
		if got := n.Standing("x").Grade; got != Ailing {
			t.Errorf("three faults of three: %v at %d", got, i)
		}
	}
	c.advance(outageWindow)
	for _, n := range all {
		for range 33 {
			n.Succeeded("x", good())
		}
		n.Limited("x")
	}
	exchange(t, all)
	exchange(t, all) // nothing is told twice
	for i, n := range all {
		s, p := n.Standing("x"), n.Published("x")
		if s.Requests != 102 || s.Grade != Fit || p.Uptime30m != 99./102 {
			t.Errorf("at %d: %+v, %+v", i, s, p)
		}
	}
	c.advance(dayWindow) // a node that told once ages out
	if got := all[1].Standing("x").Requests; got != 0 {
		t.Errorf("%d requests a day later", got)
	}
}

// Percentiles of all nodes are those of one node that had seen everything.
func TestMergedIsAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		all, c := nodes(t, rapid.IntRange(1, 4).Draw(r, "nodes"))
		one := New(c.now)
		ids := []string{"x", "y", "z"}
		for range rapid.IntRange(0, 200).Draw(r, "events") {
			id, n := rapid.SampledFrom(ids).Draw(r, "endpoint"), rapid.SampledFrom(all).Draw(r, "node")
			s := Sample{
				Latency: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(r, "latency")), Took: time.Second,
				Output: rapid.Int64Range(0, 1e5).Draw(r, "output"), Calls: rapid.Bool().Draw(r, "calls"),
			}
			n.Succeeded(id, s)
			one.Succeeded(id, s)
			if rapid.IntRange(0, 9).Draw(r, "tell") == 0 {
				exchange(t, all)
			}
		}
		exchange(t, all)
		for _, id := range ids {
			for i, n := range all {
				if got, want := *n.Standing(id), *one.Standing(id); got != want {
					r.Fatalf("%s at %d: %+v, want %+v", id, i, got, want)
				}
				if got, want := n.Published(id), one.Published(id); got != want {
					r.Fatalf("%s at %d: %+v, want %+v", id, i, got, want)
				}
			}
		}
	})
}

// What is heard is bounded.
func TestHear(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	tr.Share("me", func(News) {})
	known := func(id string) bool { return id == "x" }
	for text, fine := range map[string]bool{
		`{"node":"b","cool":[{"provider":"p","endpoint":"x","until":9223372036854775807}]}`:                       true,
		`{"node":"b","out":[{"endpoint":"x","since":0,"until":9223372036854775807,"times":1000000}],"new":[1,2]}`: true,
		`{"node":"b","seen":[{"endpoint":"stranger","good":1}]}`:                                                  true,
		`{"node":"me","seen":[{"endpoint":"x","good":5}]}`:                                                        true,
		`{"node":"b","seen":[{"endpoint":"x","good":-1}]}`:                                                        false,
		`{"node":"b","seen":[{"endpoint":"x","good":4294967295}]}`:                                                false,
		`{"node":"b","seen":[{"endpoint":"x","latency":[97,1]}]}`:                                                 false,
		`{"node":"b","seen":[{"endpoint":"x","latency":[1,1,1,1]}]}`:                                              false,
		`{"node":"b","seen":[{"endpoint":"x","latency":[1]}]}`:                                                    false,
		`{"node":"b","node":"b"}`:                                                                                 false,
		`{"node":"b"`:                                                                                             false,
		``:                                                                                                        false,
	} {
		if err := tr.Hear([]byte(text), known); (err == nil) != fine {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got := tr.Cooling(Key{Provider: "p", Endpoint: "x"}); got != maxCooling {
		t.Errorf("cools for %v", got)
	}
	c.advance(ejectMost - 1)
	if tr.Standing("x").Grade != Ejected {
		t.Error("not ejected")
	}
	c.advance(1 + freshFor)
	if s := tr.Standing("x"); !s.Trial || s.Requests != 0 {
		t.Errorf("%+v: an ejection lasts at most five minutes, and nothing was counted", s)
	}
	if len(*tr.endpoints.Load()) != 1 {
		t.Error("remembers endpoints that are not there")
	}
}

func FuzzHear(f *testing.F) {
	tr := New(time.Now)
	var told [][]byte
	tr.Share("a", func(n News) { told = append(told, n.Text) })
	tr.Cool(Key{"p", "1", "x"}, time.Minute)
	tr.Succeeded("x", good())
	for range 5 {
		tr.Failed("x", false)
	}
	tr.Limited("x")
	for _, text := range append(told, tr.Digest()...) {
		f.Add(text)
	}
	f.Add([]byte(`{"node":"a","back":["x"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		tr := New(c.now)
		tr.Share("b", func(News) {})
		tr.Succeeded("x", good())
		_ = tr.Hear(text, func(id string) bool { return id == "x" }) // what it thinks of it is its own affair
		if got := tr.Cooling(Key{"p", "1", "x"}); got > maxCooling {
			t.Errorf("cools for %v", got)
		}
		s, p := tr.Standing("x"), tr.Published("x")
		if s.Requests < 0 || s.Grade > Ejected || p.Uptime30m > 1 {
			t.Errorf("%+v, %+v", s, p)
		}
		if ok, wait := tr.Admit("x"); !ok && wait > ejectMost {
			t.Errorf("away for %v", wait)
		}
		if len(*tr.endpoints.Load()) > 1 || len(tr.Digest()) > 1 {
			t.Error("remembers or tells more than it saw")
		}
	})
}
