package health

import (
	"testing"
	"time"
)

// F13, F18, F19: a key that was refused is left alone for five minutes, at one endpoint
// or everywhere, and a hint of a minute does not shorten that.
func TestF18_Parked(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	if !tr.Park(Key{"p", "a", "x"}) || tr.Park(Key{"p", "a", "x"}) || !tr.Park(Key{Provider: "p", Label: "b"}) || tr.Park(Key{"p", "b", "y"}) {
		t.Error("what is news and what is not")
	}
	tr.Cool(Key{"p", "a", "x"}, time.Hour)
	for k, want := range map[Key]bool{{"p", "a", "x"}: true, {"p", "a", "y"}: false, {"p", "b", "x"}: true, {"p", "c", "x"}: false, {"q", "b", "x"}: false} {
		if got := tr.Parked(k); (got == 5*time.Minute) != want || !want && got != 0 {
			t.Errorf("%v is parked for %v", k, got)
		}
	}
	c.advance(5 * time.Minute)
	if tr.Parked(Key{"p", "b", "x"}) != 0 || !tr.Park(Key{Provider: "p", Label: "b"}) {
		t.Error("parked for ever")
	}
}

// F20: three confirmations in a row, and nobody but a trial asks for an hour.
func TestF20_Missing(t *testing.T) {
	t.Parallel()
	tr, c := newTracker()
	miss := func(want bool) {
		t.Helper()
		if got := tr.Missing("a"); got != want {
			t.Errorf("leaves: %v", got)
		}
	}
	admits := func(want bool) {
		t.Helper()
		if ok, _ := tr.Admit("a"); ok != want {
			t.Errorf("admitted: %v", ok)
		}
	}
	miss(false)
	miss(false)
	tr.Failed("a", false) // not in a row
	miss(false)
	tr.Succeeded("a", good())
	miss(false)
	miss(false)
	admits(true)
	miss(true)
	miss(false) // one that was under way
	if tr.Standing("a").Grade != Ejected || !tr.Gone("a") || tr.Gone("b") {
		t.Error("not left out")
	}
	c.advance(time.Hour - 1)
	admits(false)
	c.advance(1)
	admits(true)
	admits(false)
	miss(false) // the trial: an hour more
	c.advance(time.Hour - 1)
	admits(false)
	c.advance(1)
	admits(true)
	tr.Succeeded("a", good())
	admits(true)
	miss(false)
	admits(true)
	if tr.Gone("a") {
		t.Error("it is back")
	}
}
