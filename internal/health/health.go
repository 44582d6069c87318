// Package health learns from real traffic how endpoints do: who ails, who is fast, who
// asked to be left alone. What it says feeds the order of a plan; it never forbids an
// endpoint by itself, but for a while it keeps all but a trial request away from one
// that fails again and again.
package health

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// The spans of the rules below.
const (
	outageWindow  = 30 * time.Second // RT-01
	routingWindow = 5 * time.Minute  // HM-04: what routing sees
	publicWindow  = 30 * time.Minute // HM-04: what is published
	toolsWindow   = 2 * time.Hour    // HM-07
	dayWindow     = 24 * time.Hour
	freshFor      = 250 * time.Millisecond // how old a standing may be
	maxCooling    = 60 * time.Second       // F12: a hint counts up to this
)

// The limits of the rules below.
const (
	outageFaults  = 3   // U4: at least this many, and over half of the attempts
	uptimeCount   = 100 // HM-02: requests before an uptime is computed
	degradedBelow = 0.95
	downBelow     = 0.80
)

// Published is what the catalogue tells of an endpoint (HM-04, CT-12): over thirty
// minutes, where the name says nothing else. An uptime is a share, -1 for too few
// requests.
type Published struct {
	Latency, Throughput           Percentiles
	Uptime5m, Uptime30m, Uptime1d float64
}

// Tracker keeps the standing of every endpoint. It is safe for concurrent use.
type Tracker struct {
	// Ejected hears that an endpoint is left alone until then, or, at the zero time, that
	// it is back, as far as this node found out by itself. It must be quick and must not
	// ask the tracker. It is set before use; nil: nobody hears.
	Ejected func(endpoint string, until time.Time)

	now func() time.Time

	mu        sync.Mutex                           // of those who add an endpoint
	endpoints atomic.Pointer[map[string]*endpoint] // replaced, never written to

	cold   cold
	gossip gossip
}

// endpoint is what is known of one endpoint.
type endpoint struct {
	told atomic.Pointer[telling]

	mu     sync.Mutex
	recent recent
	eject  ejection
	short  window[pace]  // routingWindow
	long   window[pace]  // publicWindow
	fine   window[tally] // publicWindow
	tools  window[tally] // toolsWindow
	day    window[tally] // dayWindow

	heard   heard
	unheard *unheard // nil: there is nobody to tell
}

// telling is a standing and how long it holds.
type telling struct {
	until time.Time
	Standing
}

// New returns an empty tracker.
func New(now func() time.Time) *Tracker {
	t := &Tracker{now: now}
	t.endpoints.Store(&map[string]*endpoint{})
	return t
}

func (t *Tracker) endpoint(id string) *endpoint {
	if e := (*t.endpoints.Load())[id]; e != nil {
		return e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	have := *t.endpoints.Load()
	if e := have[id]; e != nil {
		return e
	}
	e := &endpoint{
		short: newWindow[pace](routingWindow, 10),
		long:  newWindow[pace](publicWindow, 6),
		fine:  newWindow[tally](publicWindow, 6),
		tools: newWindow[tally](toolsWindow, 12),
		day:   newWindow[tally](dayWindow, 24),
		heard: heard{recent: newWindow[tally](outageWindow, heardSlots)},
	}
	if t.shares() {
		e.unheard = &unheard{}
	}
	more := maps.Clone(have)
	more[id] = e
	t.endpoints.Store(&more)
	return e
}

// Sample is a good answer.
type Sample struct {
	Latency  time.Duration // to the first content
	Took     time.Duration // the whole time
	Output   int64         // tokens
	Calls    bool          // it ended in tool calls
	BadCalls bool          // and one of them is in error (HM-06)
}

// Succeeded records a good answer.
func (t *Tracker) Succeeded(id string, s Sample) {
	e, now := t.endpoint(id), t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recent.add(attempt{now, true})
	was := e.eject
	e.eject.succeeded(now)
	t.tellEjection(id, e, was)
	e.count(now, func(c *tally) {
		c.good++
		if s.Calls {
			c.calls++
		}
		if s.BadCalls {
			c.badCalls++
		}
	})
	paces := []*pace{e.short.at(now), e.long.at(now)}
	if e.unheard != nil {
		paces = append(paces, &e.unheard.pace)
	}
	for _, p := range paces {
		p.latency[bin(float64(s.Latency)/float64(latencyUnit))]++
		if s.Took > 0 && s.Output > 0 {
			p.throughput[bin(float64(s.Output)/s.Took.Seconds()/throughputUnit)]++
		}
	}
	e.stale(now)
}

// Failed records a fault of the provider's: faults of ours and of the caller must not
// be reported here (HM-01). A refused connection is an outage at once (U4).
func (t *Tracker) Failed(id string, refused bool) {
	e, now := t.endpoint(id), t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recent.add(attempt{now, false})
	if refused {
		e.recent.refused = now
	}
	was := e.eject
	e.eject.failed(now)
	t.tellEjection(id, e, was)
	e.count(now, func(c *tally) { c.bad++ })
	e.told.Store(nil)
}

// Limited records a 429 or a 403 of the provider's: it counts neither for the endpoint
// nor against it (HM-01).
func (t *Tracker) Limited(id string) {
	e, now := t.endpoint(id), t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.eject.released()
	e.count(now, func(c *tally) { c.limited++ })
}

// Admit reports whether a request may be sent to the endpoint now. Who is admitted to
// one on trial must report how it went; wait is how long the others should stay away.
func (t *Tracker) Admit(id string) (ok bool, wait time.Duration) {
	e := (*t.endpoints.Load())[id]
	if e == nil {
		return true, 0
	}
	now := t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	ok, wait = e.eject.admit(now)
	if !e.eject.until.IsZero() {
		e.told.Store(nil)
	}
	return ok, wait
}

// Released ends a trial that told nothing of the endpoint: the caller left, or it was
// our fault.
func (t *Tracker) Released(id string) {
	e := (*t.endpoints.Load())[id]
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.eject.released()
	e.told.Store(nil)
}

func (e *endpoint) count(now time.Time, f func(*tally)) {
	for _, w := range []*window[tally]{&e.fine, &e.tools, &e.day} {
		f(w.at(now))
	}
	if e.unheard != nil {
		f(&e.unheard.tally)
	}
}

// stale lets a standing that is told end soon.
func (e *endpoint) stale(now time.Time) {
	if told := e.told.Load(); told != nil && (told.Grade != Fit || told.until.Sub(now) > freshFor) {
		e.told.Store(nil)
	}
}

// Standing is how the endpoint does now.
func (t *Tracker) Standing(id string) *Standing { return t.View()(id) }

// View is how all endpoints do at this moment, for whoever asks of many.
func (t *Tracker) View() func(id string) *Standing {
	endpoints, now := *t.endpoints.Load(), t.now()
	return func(id string) *Standing {
		e := endpoints[id]
		if e == nil {
			return unasked
		}
		if told := e.told.Load(); told != nil && now.Before(told.until) {
			return &told.Standing
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		told := &telling{Standing: e.standing(now), until: now.Add(freshFor)}
		e.told.Store(told)
		return &told.Standing
	}
}

var unasked = &Standing{} //nolint:gochecknoglobals // never written to

func (e *endpoint) standing(now time.Time) Standing {
	short, fine, tools := merge(e.short.all(now)), sum(e.fine.all(now)), sum(e.tools.all(now))
	s := Standing{
		Latency: short.latency.latencies(), Throughput: short.throughput.throughputs(),
		Requests: int64(fine.good) + int64(fine.bad), ToolCalls: int64(tools.calls), ToolErrors: int64(tools.badCalls),
	}
	uptime := fine.uptime()
	switch {
	case e.eject.left(now) > 0, !e.eject.trial.IsZero():
		s.Grade = Ejected
	case e.eject.lapsed(now):
		s.Trial = true
	case e.recent.outage(now, sum(e.heard.recent.all(now))), uptime >= 0 && uptime < downBelow:
		s.Grade = Ailing
	case uptime >= 0 && uptime < degradedBelow:
		s.Grade = Degraded
	}
	return s
}

// Published is what is told of the endpoint.
func (t *Tracker) Published(id string) Published {
	e := (*t.endpoints.Load())[id]
	if e == nil {
		return Published{Uptime5m: -1, Uptime30m: -1, Uptime1d: -1}
	}
	now := t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	long := merge(e.long.all(now))
	return Published{
		Latency: long.latency.latencies(), Throughput: long.throughput.throughputs(),
		Uptime5m: (*e.fine.at(now)).uptime(), Uptime30m: sum(e.fine.all(now)).uptime(), Uptime1d: sum(e.day.all(now)).uptime(),
	}
}
