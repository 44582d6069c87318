// Package health learns from real traffic how endpoints do: who ails, who asked
// to be left alone, who is fast. What it says feeds the order of a plan; it
// never forbids an endpoint by itself.
package health

import (
	"slices"
	"sync"
	"time"
)

// Windows of the rules below.
const (
	outageWindow = 30 * time.Second // RT-01
	sampleWindow = 5 * time.Minute  // HM-04
	outageFaults = 3                // U4: at least this many, and over half of the attempts
	maxSamples   = 128
	maxCooling   = 60 * time.Second // F12: a hint counts up to this
	medianAge    = time.Second
)

// Standing is how an endpoint does right now.
type Standing struct {
	Outage     bool          // RT-01, U4
	Cooling    time.Duration // how long it asked to be left alone after a 429
	Latency    time.Duration // median time to first content over five minutes; 0: no data
	Throughput float64       // median output tokens per second over five minutes; 0: no data
}

// Tracker keeps the standing of every endpoint. It is safe for concurrent use.
type Tracker struct {
	now func() time.Time

	mu        sync.RWMutex
	endpoints map[string]*endpoint
}

type endpoint struct {
	mu       sync.Mutex
	attempts []attempt // a ring of the newest
	next     int
	refused  time.Time // the last refused connection
	cooling  time.Time
	samples  []sample
	nextS    int

	summed      time.Time // when the medians were taken
	latency     time.Duration
	throughput  float64
	latencies   []time.Duration // room for sorting
	throughputs []float64
}

type attempt struct {
	at time.Time
	ok bool
}

type sample struct {
	at         time.Time
	latency    time.Duration
	throughput float64
}

// New returns an empty tracker.
func New(now func() time.Time) *Tracker {
	return &Tracker{now: now, endpoints: map[string]*endpoint{}}
}

func (t *Tracker) endpoint(id string) *endpoint {
	t.mu.RLock()
	e := t.endpoints[id]
	t.mu.RUnlock()
	if e != nil {
		return e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e = t.endpoints[id]; e == nil {
		e = &endpoint{}
		t.endpoints[id] = e
	}
	return e
}

// Succeeded records a good answer: its time to first content, and its output
// tokens over the whole time it took (HM-03).
func (t *Tracker) Succeeded(id string, latency time.Duration, tokens int64, took time.Duration) {
	e, now := t.endpoint(id), t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.add(attempt{now, true})
	s := sample{at: now, latency: latency}
	if took > 0 {
		s.throughput = float64(tokens) / took.Seconds()
	}
	if len(e.samples) < maxSamples {
		e.samples = append(e.samples, s)
		return
	}
	e.samples[e.nextS] = s
	e.nextS = (e.nextS + 1) % maxSamples
}

// Failed records a fault of the provider's: faults of ours and of the caller
// must not be reported here. A refused connection is an outage at once (U4).
func (t *Tracker) Failed(id string, refused bool) {
	e, now := t.endpoint(id), t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.add(attempt{now, false})
	if refused {
		e.refused = now
	}
}

// Cool records a 429: the endpoint asks not to be tried for hint, or for a
// second where it gave none. It is no outage (HM-01).
func (t *Tracker) Cool(id string, hint time.Duration) {
	if hint <= 0 {
		hint = time.Second
	}
	e, until := t.endpoint(id), t.now().Add(min(hint, maxCooling))
	e.mu.Lock()
	defer e.mu.Unlock()
	if until.After(e.cooling) {
		e.cooling = until
	}
}

func (e *endpoint) add(a attempt) {
	if len(e.attempts) < maxSamples {
		e.attempts = append(e.attempts, a)
		return
	}
	e.attempts[e.next] = a
	e.next = (e.next + 1) % maxSamples
}

// Standing is how the endpoint does now.
func (t *Tracker) Standing(id string) Standing {
	t.mu.RLock()
	e := t.endpoints[id]
	t.mu.RUnlock()
	if e == nil {
		return Standing{}
	}
	now := t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Standing{Cooling: max(0, e.cooling.Sub(now))}
	failed, all, good := 0, 0, time.Time{}
	for _, a := range e.attempts {
		if now.Sub(a.at) >= outageWindow {
			continue
		}
		all++
		if !a.ok {
			failed++
		} else if a.at.After(good) {
			good = a.at
		}
	}
	s.Outage = failed >= outageFaults && 2*failed > all
	if !e.refused.IsZero() && now.Sub(e.refused) < outageWindow && !good.After(e.refused) {
		s.Outage = true
	}
	s.Latency, s.Throughput = e.medians(now)
	return s
}

// medians are of the samples in the window, as of a second ago at most: to sort
// them costs as much as all else of a request's routing.
func (e *endpoint) medians(now time.Time) (time.Duration, float64) {
	if age := now.Sub(e.summed); age >= 0 && age < medianAge {
		return e.latency, e.throughput
	}
	e.summed, e.latency, e.throughput = now, 0, 0
	latencies, throughputs := e.latencies[:0], e.throughputs[:0]
	for _, s := range e.samples {
		if now.Sub(s.at) < sampleWindow {
			latencies, throughputs = append(latencies, s.latency), append(throughputs, s.throughput)
		}
	}
	e.latencies, e.throughputs = latencies, throughputs
	if n := len(latencies); n > 0 {
		slices.Sort(latencies)
		slices.Sort(throughputs)
		e.latency, e.throughput = latencies[n/2], throughputs[n/2]
	}
	return e.latency, e.throughput
}
