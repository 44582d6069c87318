package health

import (
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// News is something that the other nodes of a gateway should hear.
type News struct {
	Text []byte    // for their [Tracker.Hear]
	Fact string    // what it is kept as for nodes that join later; "": it is not
	Till time.Time // how long the fact holds; zero: no longer
}

// gossip is how a tracker tells others what it sees. A node's own traffic counts once:
// what it hears of itself is passed over.
type gossip struct {
	node string
	tell func(News)
}

// The bounds of what is heard: whoever can write to the exchange is believed about
// numbers, not about sizes.
const (
	maxHeard   = 1 << 20 // bytes of a message
	perDigest  = 64      // endpoints of a message
	maxName    = 512     // bytes of a name
	maxDelta   = 1 << 20 // events of a kind in a message
	maxCount   = 1 << 26 // of a kind in a slice of a window, so that no sum overflows
	maxTimes   = 16      // ejections in a row
	maxKeys    = 4096    // keys that cool at a time before any more are heard of
	heardSlots = 6       // slices of outageWindow
)

// message is what nodes tell each other. Times are Unix milliseconds.
type message struct {
	Node string   `json:"node"`
	Cool []cooled `json:"cool,omitzero"`
	Out  []ousted `json:"out,omitzero"`
	Back []string `json:"back,omitzero"` // endpoints whose trial went well
	Seen []seen   `json:"seen,omitzero"`
}

type cooled struct {
	Provider string `json:"provider"`
	Label    string `json:"label,omitzero"`
	Endpoint string `json:"endpoint,omitzero"`
	Until    int64  `json:"until"`
}

type ousted struct {
	Endpoint string `json:"endpoint"`
	Since    int64  `json:"since"` // when its failures in a row began
	Until    int64  `json:"until"`
	Times    int    `json:"times"`
}

// seen is what a node saw of an endpoint since it last told. A histogram is told by
// pairs of bin and count.
type seen struct {
	Endpoint   string   `json:"endpoint"`
	Good       uint32   `json:"good,omitzero"`
	Bad        uint32   `json:"bad,omitzero"`
	Limited    uint32   `json:"limited,omitzero"`
	Calls      uint32   `json:"calls,omitzero"`
	BadCalls   uint32   `json:"bad_calls,omitzero"`
	Latency    []uint32 `json:"latency,omitzero"`
	Throughput []uint32 `json:"throughput,omitzero"`
}

// unheard is what an endpoint has seen and not told yet.
type unheard struct {
	tally
	pace
}

// heard is what others said of an endpoint.
type heard struct {
	recent window[tally] // outageWindow
	out    bool          // its ejection is theirs
}

// Share lets the tracker tell other nodes what it sees; node is its name among them, and
// tell must not block. It is called before anything else.
func (t *Tracker) Share(node string, tell func(News)) { t.gossip = gossip{node, tell} }

// shares reports whether there is anybody to tell.
func (t *Tracker) shares() bool { return t.gossip.tell != nil }

func (t *Tracker) tellCooling(k Key, until time.Time) {
	if t.shares() {
		t.gossip.tell(t.coolingNews(k, until))
	}
}

func (t *Tracker) coolingNews(k Key, until time.Time) News {
	return News{
		Text: t.encode(message{Cool: []cooled{{k.Provider, k.Label, k.Endpoint, until.UnixMilli()}}}),
		Fact: "cool\x00" + k.Provider + "\x00" + k.Label + "\x00" + k.Endpoint, Till: until,
	}
}

// tellEjection tells that an endpoint's ejection changed from what it was.
func (t *Tracker) tellEjection(id string, e *endpoint, was ejection) {
	if e.eject.until.Equal(was.until) {
		return
	}
	e.heard.out = false
	if t.Ejected != nil {
		t.Ejected(id, e.eject.until)
	}
	if !t.shares() {
		return
	}
	since := was.first
	if !was.until.IsZero() {
		since = was.until // a trial that failed
	}
	t.gossip.tell(t.ejectionNews(id, e, since))
}

func (t *Tracker) ejectionNews(id string, e *endpoint, since time.Time) News {
	n := News{Fact: "out\x00" + id, Till: e.eject.until}
	if e.eject.until.IsZero() {
		n.Text = t.encode(message{Back: []string{id}})
	} else {
		n.Text = t.encode(message{Out: []ousted{{id, since.UnixMilli(), e.eject.until.UnixMilli(), e.eject.times}}})
	}
	return n
}

// Known are the facts that hold now, for others who have not heard of them.
func (t *Tracker) Known() []News {
	now := t.now()
	var known []News
	for id, e := range *t.endpoints.Load() {
		e.mu.Lock()
		if e.eject.left(now) > 0 && !e.heard.out {
			known = append(known, t.ejectionNews(id, e, now))
		}
		e.mu.Unlock()
	}
	t.cold.mu.RLock()
	defer t.cold.mu.RUnlock()
	for k, until := range t.cold.until {
		if now.Before(until) {
			known = append(known, t.coolingNews(k, until))
		}
	}
	return known
}

// Digest is what was seen since the last one.
func (t *Tracker) Digest() (messages [][]byte) {
	m := message{}
	flush := func() {
		if len(m.Seen) > 0 {
			messages = append(messages, t.encode(m))
			m.Seen = nil
		}
	}
	for id, e := range *t.endpoints.Load() {
		e.mu.Lock()
		if e.unheard != nil && *e.unheard != (unheard{}) {
			u := e.unheard
			m.Seen = append(m.Seen, seen{
				id, told(u.good), told(u.bad), told(u.limited), told(u.calls), told(u.badCalls), pairs(&u.latency), pairs(&u.throughput),
			})
			*u = unheard{}
		}
		e.mu.Unlock()
		if len(m.Seen) == perDigest {
			flush()
		}
	}
	flush()
	return messages
}

// told is a count as it may be told.
func told(n uint32) uint32 { return min(n, maxDelta) }

func pairs(h *histogram) []uint32 {
	var list []uint32
	for bin, n := range h {
		if n > 0 {
			list = append(list, uint32(bin), told(n))
		}
	}
	return list
}

func (t *Tracker) encode(m message) []byte {
	m.Node = t.gossip.node
	text, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		return nil // a name that is not UTF-8: nobody else knows it
	}
	return text
}

var errHeard = errors.New("health: not understood")

// Hear takes in what another node told. known says which endpoints there are: of others
// nothing is kept.
func (t *Tracker) Hear(text []byte, known func(endpoint string) bool) error {
	if len(text) > maxHeard {
		return errHeard
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil || !m.sound() {
		return errHeard
	}
	if m.Node == t.gossip.node {
		return nil
	}
	now := t.now()
	for _, c := range m.Cool {
		if c.Endpoint == "" || known(c.Endpoint) {
			t.coolUntil(Key{c.Provider, c.Label, c.Endpoint}, soonest(time.UnixMilli(c.Until), now.Add(maxCooling)), maxKeys)
		}
	}
	for _, o := range m.Out {
		if known(o.Endpoint) {
			t.endpoint(o.Endpoint).hearOut(o, now)
		}
	}
	for _, id := range m.Back {
		if known(id) {
			t.endpoint(id).hearBack(now)
		}
	}
	for i := range m.Seen {
		if known(m.Seen[i].Endpoint) {
			t.endpoint(m.Seen[i].Endpoint).hearSeen(&m.Seen[i], now)
		}
	}
	return nil
}

// sound reports whether everything is within bounds.
func (m *message) sound() bool {
	named := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(s string) bool { return len(s) > maxName })
	}
	for _, c := range m.Cool {
		if !named(c.Provider, c.Label, c.Endpoint) {
			return false
		}
	}
	for _, o := range m.Out {
		if !named(o.Endpoint) {
			return false
		}
	}
	if !named(m.Back...) {
		return false
	}
	for i := range m.Seen {
		s := &m.Seen[i]
		if !named(s.Endpoint) || max(s.Good, s.Bad, s.Limited, s.Calls, s.BadCalls) > maxDelta || !paired(s.Latency) || !paired(s.Throughput) {
			return false
		}
	}
	return true
}

// paired reports whether a list is pairs of a bin, each greater than the last, and a
// count.
func paired(list []uint32) bool {
	if len(list)%2 != 0 {
		return false
	}
	for i := 0; i < len(list); i += 2 {
		if list[i] >= bins || list[i+1] > maxDelta || i > 0 && list[i] <= list[i-2] {
			return false
		}
	}
	return true
}

// hearOut takes over an ejection, unless the endpoint was seen to answer here since its
// failures began there: a node may have lost its own network.
func (e *endpoint) hearOut(o ousted, now time.Time) {
	until := soonest(time.UnixMilli(o.Until), now.Add(ejectMost))
	e.mu.Lock()
	defer e.mu.Unlock()
	if !until.After(now) || !until.After(e.eject.until) || e.recent.lastGood().After(time.UnixMilli(o.Since)) {
		return
	}
	e.eject.until, e.eject.trial, e.eject.row = until, time.Time{}, 0
	e.eject.times = max(e.eject.times, min(max(o.Times, 1), maxTimes))
	e.eject.decays = until.Add(decayEvery)
	e.heard.out = true
	e.told.Store(nil)
}

// hearBack ends an ejection that is over, or that was hearsay.
func (e *endpoint) hearBack(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.eject.lapsed(now) || e.heard.out {
		e.eject.succeeded(now)
		e.heard.out = false
		e.told.Store(nil)
	}
}

func (e *endpoint) hearSeen(s *seen, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range []*window[tally]{&e.heard.recent, &e.fine, &e.tools, &e.day} {
		c := w.at(now)
		for _, x := range []struct {
			n  *uint32
			by uint32
		}{{&c.good, s.Good}, {&c.bad, s.Bad}, {&c.limited, s.Limited}, {&c.calls, s.Calls}, {&c.badCalls, s.BadCalls}} {
			*x.n = min(*x.n+x.by, maxCount)
		}
	}
	for _, w := range []*window[pace]{&e.short, &e.long} {
		p := w.at(now)
		p.latency.hear(s.Latency)
		p.throughput.hear(s.Throughput)
	}
	e.told.Store(nil)
}

func (h *histogram) hear(pairs []uint32) {
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = min(h[pairs[i]]+pairs[i+1], maxCount)
	}
}

func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
