package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

const serverTiming = "Server-Timing"

// timing is a response that tells where the time went. Its first figure is our own
// share: the clock's time less what was spent waiting for the caller's body, for
// upstreams, and for the caller to take the answer.
type timing struct {
	http.ResponseWriter
	began  time.Time
	upload time.Duration  // until the body was here
	waited *egress.Waited // for upstreams; nil: for none
	taken  time.Duration  // until the caller took what was written
	auth   time.Duration
	parse  time.Duration
	spent  record.Spent

	told    bool
	partial bool // the head goes out in the midst of a wait: what it comes to is not known yet
}

func newTiming(w http.ResponseWriter) *timing { return &timing{ResponseWriter: w, began: time.Now()} }

// timingOf is the timing of a response that came through the guard.
func timingOf(w http.ResponseWriter) *timing {
	if t, ok := w.(*timing); ok {
		return t
	}
	return newTiming(w)
}

// Unwrap is for http.ResponseController.
func (t *timing) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader tells what is known by now.
func (t *timing) WriteHeader(status int) {
	t.tell()
	t.ResponseWriter.WriteHeader(status)
}

func (t *timing) Write(p []byte) (int, error) {
	t.tell()
	return t.ResponseWriter.Write(p)
}

func (t *timing) tell() {
	if t.told {
		return
	}
	t.told = true
	t.Header()[serverTiming] = []string{t.value()}
}

// value is the header's, in milliseconds (https://www.w3.org/TR/server-timing/).
func (t *timing) value() string {
	const digits = "0123456789"
	var room [160]byte
	dst := room[:0]
	add := func(name string, d time.Duration) {
		if d <= 0 {
			return
		}
		if len(dst) > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(append(dst, name...), ";dur="...)
		us := d.Microseconds()
		dst = strconv.AppendInt(dst, us/1000, 10)
		dst = append(dst, '.', digits[us/100%10], digits[us/10%10], digits[us%10])
	}
	if !t.partial {
		add("turnpike", t.ours())
	}
	add("auth", t.auth)
	add("parse", t.parse)
	add("plan", t.spent.Plan)
	add("hold", t.spent.Hold)
	if !t.partial {
		add("upstream", t.waited.Total())
	}
	add("upload", t.upload)
	add("download", t.taken)
	return string(dst)
}

// ours is our own share so far, and at least what a clock can tell from nothing.
func (t *timing) ours() time.Duration {
	return max(time.Since(t.began)-t.upload-t.taken-t.waited.Total(), time.Microsecond)
}
