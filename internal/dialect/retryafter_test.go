package dialect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date, later = "Mon, 02 Mar 2026 10:00:00 GMT", "Mon, 02 Mar 2026 10:00:07 GMT"
	now := time.Date(2026, 3, 2, 10, 0, 5, 0, time.UTC)
	for _, c := range []struct {
		name              string
		after, ms, dateIs string
		now               time.Time
		want              time.Duration
	}{
		{name: "none"},
		{name: "seconds", after: "7", want: 7 * time.Second},
		{name: "padded", after: " 7 ", want: 7 * time.Second},
		{name: "zero means soon", after: "0", want: time.Second},
		{name: "fraction", after: "1.5", want: 1500 * time.Millisecond},
		{name: "milliseconds win", after: "7", ms: "2500", want: 2500 * time.Millisecond},
		{name: "milliseconds at least a second", ms: "20", want: time.Second},
		{name: "bad milliseconds", after: "7", ms: "soon", want: 7 * time.Second},
		{name: "date after the answer's date", after: later, dateIs: date, now: now, want: 7 * time.Second},
		{name: "date after now", after: later, now: now, want: 2 * time.Second},
		{name: "date without a clock", after: later},
		{name: "date gone by", after: date, dateIs: later},
		{name: "date now", after: date, dateIs: date},
		{name: "far future", after: "Fri, 01 Jan 9999 00:00:00 GMT", dateIs: date, want: time.Hour},
		{name: "far past", after: "Mon, 01 Jan 0001 00:00:00 GMT", dateIs: date},
		{name: "negative", after: "-5"},
		{name: "negative infinity", after: "-Inf"},
		{name: "not a number", after: "NaN"},
		{name: "infinity", after: "Inf", want: time.Hour},
		{name: "10^18", after: "1000000000000000000", want: time.Hour},
		{name: "beyond float", after: "1" + strings.Repeat("0", 400), want: time.Hour},
		{name: "over an hour", after: "3601", want: time.Hour},
		{name: "words", after: "soon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			for k, v := range map[string]string{"Retry-After": c.after, "Retry-After-Ms": c.ms, "Date": c.dateIs} {
				if v != "" {
					h.Set(k, v)
				}
			}
			if got := dialect.RetryAfter(h, c.now); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
