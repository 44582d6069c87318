package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/record"
)

// text is a decision's words.
func text(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }

// settled waits until all is written that was given to the database.
func settled(t *testing.T, d *DB) {
	t.Helper()
	if err := d.Tell(t.Context(), "settled", "yes"); err != nil {
		t.Fatal(err)
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	began := time.Unix(1_790_000_000, 123_000).UTC()
	o := sample()
	o.Began = began.Add(time.Second)
	want := []Decision{
		{"gen-refused", "alice", began, "v1", []byte(`{"seed":"1"}`)},
		{o.ID, o.Account, o.Began, "v2", []byte(`{"seed":"2"}`)},
	}
	for _, x := range slices.Backward(want) {
		d.Decided(record.Decision{ID: x.ID, Account: x.Account, Began: x.Began, Snapshot: x.Snapshot, Text: text(string(x.Text))})
	}
	d.Decided(record.Decision{ID: want[0].ID, Text: text("again")}) // the first counts
	d.Record(o)
	settled(t, d)

	for _, x := range want {
		got, err := d.Decision(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := d.Decision(t.Context(), "gen-none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	all := func(since time.Time) (got []Decided) {
		for x, err := range d.Decisions(t.Context(), since) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, x)
		}
		if n, err := d.CountDecisions(t.Context(), since); err != nil || int(n) != len(got) {
			t.Errorf("%d are counted of %d, %v", n, len(got), err)
		}
		return got
	}
	kept, err := d.Generation(t.Context(), o.Account, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Decided{{Decision: want[0]}, {Decision: want[1], Outcome: kept}}, all(time.Time{})); diff != "" {
		t.Error(diff)
	}
	if got := all(o.Began); len(got) != 1 || got[0].ID != o.ID {
		t.Errorf("%+v", got)
	}
	if n := d.Dropped(); n != 0 {
		t.Errorf("%d were lost", n)
	}
}

// What cannot be kept is counted, and takes nothing else with it.
func TestDecisionsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	d.Decided(record.Decision{ID: "gen-1", Text: text("{}")})
	d.Decided(record.Decision{ID: "gen-2", Text: func() ([]byte, error) { return nil, errors.New("no words") }})
	d.Decided(record.Decision{ID: "gen-3", Text: func() ([]byte, error) { return make([]byte, maxDecision+1), nil }})
	d.Decided(record.Decision{ID: "gen-4", Text: text("{}")})
	settled(t, d)
	for id, kept := range map[string]bool{"gen-1": true, "gen-2": false, "gen-3": false, "gen-4": true} {
		if _, err := d.Decision(t.Context(), id); kept != (err == nil) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n := d.Dropped(); n != 2 {
		t.Errorf("%d are counted as lost, want 2", n)
	}
}

// A catalogue stays while a decision may name it, however long ago it was made.
func TestForget(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	day := func(n int) time.Time { return time.Unix(1_790_000_000, 0).UTC().AddDate(0, 0, n) }
	use := func(version string, at time.Time) {
		known, err := d.UseSnapshot(t.Context(), version, at)
		if err == nil && !known {
			err = d.PutSnapshot(t.Context(), version, []byte("packed "+version), at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const each = 1500 // more than one step
	for n := range 3 {
		use(fmt.Sprintf("v%d", n), day(n))
		use(fmt.Sprintf("v%d", n), day(n+1)) // until the next one comes
		for i := range each {
			d.Decided(record.Decision{ID: fmt.Sprintf("gen-%d-%d", n, i), Began: day(n).Add(time.Duration(i) * time.Second), Snapshot: fmt.Sprintf("v%d", n), Text: text("{}")})
		}
		settled(t, d)
	}
	if err := d.Forget(t.Context(), day(1).Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n, err := d.CountDecisions(t.Context(), time.Time{}); err != nil || n != each {
		t.Errorf("%d decisions are left, %v", n, err)
	}
	for version, kept := range map[string]bool{"v0": false, "v1": true, "v2": true} {
		packed, err := d.Snapshot(t.Context(), version)
		if kept != (err == nil) || kept && string(packed) != "packed "+version || !kept && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %q, %v", version, packed, err)
		}
	}
	if err := d.Forget(t.Context(), day(9)); err != nil {
		t.Fatal(err)
	}
	if n, err := d.CountDecisions(t.Context(), time.Time{}); err != nil || n != 0 {
		t.Errorf("%d decisions are left, %v", n, err)
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	for _, want := range []string{"", "one", "two"} {
		if want != "" {
			if err := d.Tell(t.Context(), "at", want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := d.Told(t.Context(), "at"); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
