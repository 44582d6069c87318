package relay

import (
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Keys are drawn by weight; a conversation stays with its key, and where that rests,
// with the same next one; the same request draws the same.
func TestOrder(t *testing.T) {
	t.Parallel()
	keys := []provider.Key{{Label: "a", Weight: 6}, {Label: "b", Weight: 3}, {Label: "c"}}
	first, second := map[string]float64{}, map[string]float64{}
	const draws = 30_000
	for i := range draws {
		req := &llm.Request{ID: "gen-" + strconv.Itoa(i)}
		list := order(keys, req)
		first[list[0].Label]++
		if list[0].Label == "a" {
			second[list[1].Label]++
		}
		again := order([]provider.Key{keys[2], keys[0], keys[1]}, req)
		for j := range list {
			if list[j] != again[j] {
				t.Fatalf("drawn once as %v, then as %v", list, again)
			}
		}
	}
	for label, want := range map[string]float64{"a": 0.6, "b": 0.3, "c": 0.1} {
		if got := first[label] / draws; math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/draws) {
			t.Errorf("%s is first in %.3f, want %.1f", label, got, want)
		}
	}
	if got := second["b"] / first["a"]; math.Abs(got-0.75) > 0.02 {
		t.Errorf("after a comes b in %.3f", got)
	}

	turn := &llm.Request{ID: "gen-1", Conversation: llm.Conversation{ID: [32]byte{7}}}
	want := order(keys, turn)[0].Label
	for i := range 20 {
		turn.ID = strconv.Itoa(i)
		if got := order(keys, turn)[0].Label; got != want {
			t.Errorf("a conversation of %s goes to %s", want, got)
		}
	}
	turn = &llm.Request{SessionID: "s-1"}
	want = order(keys, turn)[0].Label
	for i := range 20 {
		turn.ID = strconv.Itoa(i)
		if got := order(keys, turn)[0].Label; got != want {
			t.Errorf("a session of %s goes to %s", want, got)
		}
	}
	if list := order(nil, turn); len(list) != 1 || !list[0].None() {
		t.Errorf("a provider without keys: %v", list)
	}
}

// No sixty seconds in a row hold more than is allowed, and whoever is told to wait is
// let in after that.
func TestMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		limit := rapid.IntRange(1, 20).Draw(r, "limit")
		now, g, k := time.Unix(1_700_000_000, 0), gates{}, provider.Key{Label: "a", Rate: limit}
		var in []time.Time
		for range 200 {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(r, "pause")))
			p, wait := g.enter("p", k, now)
			if wait > 61*time.Second {
				r.Fatalf("waits %v", wait)
			}
			if wait > 0 && rapid.Bool().Draw(r, "patient") {
				now = now.Add(wait)
				if p, wait = g.enter("p", k, now); wait > 0 {
					r.Fatalf("is told to wait %v more", wait)
				}
			}
			if wait > 0 {
				continue
			}
			if rapid.IntRange(0, 9).Draw(r, "sent") == 0 {
				p.undo()
				continue
			}
			p.leave()
			in = append(in, now)
			if n := len(in); n > limit && now.Sub(in[n-1-limit]) < time.Minute {
				r.Fatalf("%d within %v", limit+1, now.Sub(in[n-1-limit]))
			}
		}
	})
}

// So many at a time, and each key by itself.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	now, g, k := time.Unix(1_700_000_000, 0), gates{}, provider.Key{Label: "a", Concurrency: 2}
	enter := func(slug string, k provider.Key, want bool) *pass {
		t.Helper()
		p, wait := g.enter(slug, k, now)
		if (wait == 0) != want {
			t.Errorf("waits %v", wait)
		}
		return p
	}
	one := enter("p", k, true)
	enter("p", k, true)
	enter("p", k, false)
	enter("q", k, true)
	enter("p", provider.Key{Label: "b", Concurrency: 1}, true)
	one.leave()
	enter("p", k, true)
	enter("p", k, false)
	for range 3 {
		enter("p", provider.Key{Label: "c"}, true).leave() // no limit
	}
}

// A tenth of an endpoint's requests may be under way a second time, or three of them.
func TestSame1_Share(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ active, want int }{{1, 1}, {5, 3}, {39, 3}, {40, 4}, {100, 10}} {
		var s traffic
		all := make([]*active, c.active)
		for i := range all {
			all[i] = s.enter("x")
		}
		again := 0
		for _, a := range all {
			may := a.mayRepeat()
			if may {
				again++
			}
			if a.mayRepeat() != may {
				t.Error("asked again, it is another answer")
			}
		}
		if again != c.want {
			t.Errorf("%d of %d", again, c.active)
		}
		for _, a := range all {
			a.leave()
		}
		if f := s.of["x"]; *f != (flow{}) {
			t.Errorf("%+v are left", *f)
		}
	}
}
