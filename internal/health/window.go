package health

import "time"

// window keeps what happened over a span of time in slices, which are forgotten one
// after the other. A clock that goes back goes on in the newest slice.
type window[T any] struct {
	span   time.Duration // of a slice
	slices []T
	newest int64 // the number of the newest slice since the epoch
}

func newWindow[T any](span time.Duration, slices int) window[T] {
	return window[T]{span: span / time.Duration(slices), slices: make([]T, slices)}
}

// at is the slice of now.
func (w *window[T]) at(now time.Time) *T {
	n, size := now.UnixNano()/int64(w.span), int64(len(w.slices))
	for k := max(w.newest, n-size) + 1; k <= n; k++ {
		clear(w.slices[k%size : k%size+1])
	}
	w.newest = max(w.newest, n)
	return &w.slices[w.newest%size]
}

// all are the slices that are not too old, in no order.
func (w *window[T]) all(now time.Time) []T {
	w.at(now)
	return w.slices
}

// tally counts requests by how they ended.
type tally struct {
	good, bad uint32 // HM-01: what counts for uptime, and against it
	limited   uint32 // 429 and 403: counted apart
	calls     uint32 // answers that ended in tool calls
	badCalls  uint32 // those of them with a call in error (HM-06)
}

func sum(parts []tally) (t tally) {
	for _, p := range parts {
		t.good += p.good
		t.bad += p.bad
		t.limited += p.limited
		t.calls += p.calls
		t.badCalls += p.badCalls
	}
	return t
}

// uptime is the share of good requests, -1 where there are too few (HM-02).
func (t tally) uptime() float64 {
	all := t.good + t.bad
	if all < uptimeCount {
		return -1
	}
	return float64(t.good) / float64(all)
}

// pace is how fast answers were.
type pace struct{ latency, throughput histogram }

func merge(parts []pace) (p pace) {
	for i := range parts {
		p.latency.add(&parts[i].latency)
		p.throughput.add(&parts[i].throughput)
	}
	return p
}
