package dialect

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The bounds of a hint that is believed (F23).
const (
	minRetryAfter = time.Second
	maxRetryAfter = time.Hour
)

// RetryAfter is an upstream's hint when to come back, between a second and an
// hour, or 0: none. It reads Retry-After in seconds, whole or not, or as an HTTP
// date, and before it the more precise Retry-After-Ms of OpenAI. A date counts
// from the answer's own Date, so that no clock but the upstream's matters, else
// from now; with neither (now is zero) it is no hint. Values that are negative,
// past or no number are dropped (F23).
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if d := parseWait(h.Get("Retry-After-Ms"), time.Millisecond); d != 0 {
		return d
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if d := parseWait(value, time.Second); d != 0 || value == "" {
		return d
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	if now.IsZero() || !at.After(now) {
		return 0
	}
	return min(max(at.Sub(now), minRetryAfter), maxRetryAfter)
}

func parseWait(s string, unit time.Duration) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if math.IsNaN(n) || n < 0 || (err != nil && n == 0) {
		return 0
	}
	n *= float64(unit)
	if n >= float64(maxRetryAfter) { // before the conversion, which would overflow
		return maxRetryAfter
	}
	return max(time.Duration(n), minRetryAfter)
}
