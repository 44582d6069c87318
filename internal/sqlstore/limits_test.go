package sqlstore

import (
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/record"
)

// Requests to free variants are counted by days, for each account, once each; days that
// are over are dropped.
func TestFreeRequests(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	noon := time.Date(2026, time.December, 10, 12, 0, 0, 0, time.UTC)
	count := func(account string, at time.Time) int64 {
		t.Helper()
		if err := d.writer.do(t.Context(), func(*writer) error { return nil }); err != nil { // what is recorded is on its way
			t.Fatal(err)
		}
		n, err := d.FreeRequests(t.Context(), account, at)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	yesterday := noon.AddDate(0, 0, -1)
	for i, o := range []record.Outcome{
		{Account: "acme", Free: true, Began: yesterday},
		{Account: "other", Free: true, Began: yesterday},
		{Account: "acme", Free: true, Began: yesterday},
	} {
		o.ID = "gen-yesterday-" + string(rune('a'+i))
		d.Record(o)
	}
	if n := count("acme", noon.Add(-12*time.Hour-time.Nanosecond)); n != 2 {
		t.Errorf("%d yesterday", n)
	}
	for i, o := range []record.Outcome{
		{Account: "acme", Free: true, Began: noon},
		{Account: "acme", Began: noon},
		{Account: "acme", Free: true, Began: noon.Add(12*time.Hour - time.Nanosecond)},
		{Account: "acme", Free: true, Began: noon.Add(-12 * time.Hour)},
	} {
		o.ID = "gen-today-" + string(rune('a'+i))
		d.Record(o)
		d.Record(o) // known already
	}
	if n := count("acme", noon); n != 3 {
		t.Errorf("%d today", n)
	}
	if n := count("acme", yesterday); n != 0 {
		t.Errorf("%d yesterday are still there", n)
	}
	if n := count("other", yesterday); n != 1 {
		t.Errorf("%d of the other's", n)
	}
	if n := count("nobody", noon); n != 0 {
		t.Errorf("%d of nobody's", n)
	}
}
