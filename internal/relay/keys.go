package relay

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// order is a provider's keys in the order in which a request tries them: by weight, and
// the same for all turns of a conversation, since a vendor keeps its cache for each of
// its customers. No chance but what made the request's own name is in it.
func order(keys []provider.Key, req *llm.Request) []provider.Key {
	switch len(keys) {
	case 0:
		return []provider.Key{{}}
	case 1:
		return keys
	}
	seed := []byte(cmp.Or(req.SessionID, req.ID))
	if req.Conversation.ID != [32]byte{} {
		seed = req.Conversation.ID[:]
	}
	type drawn struct {
		key provider.Key
		at  float64
	}
	list := make([]drawn, len(keys))
	for i, k := range keys {
		sum := sha256.Sum256(append(slices.Clip(seed), k.Label...))
		uniform := (float64(binary.BigEndian.Uint64(sum[:])>>11) + 0.5) / (1 << 53)
		list[i] = drawn{k, -math.Log(uniform) / float64(max(k.Weight, 1))} // the first of so many races is won by weight
	}
	slices.SortFunc(list, func(a, b drawn) int { return cmp.Compare(a.at, b.at) })
	out := make([]provider.Key, len(list))
	for i, d := range list {
		out[i] = d.key
	}
	return out
}

// asNow is a provider and one of its keys as they are now: a key that was changed while
// the request was under way is for those attempts alone that had begun (F95). ok is false
// if it was taken away.
func (r *Relay) asNow(c route.Candidate, key provider.Key) (live provider.Live, now provider.Key, ok bool) {
	live, ok = r.Providers(c.Endpoint.Provider)
	if !ok || key.None() && len(live.Keys) == 0 {
		return live, key, ok
	}
	i := slices.IndexFunc(live.Keys, func(k provider.Key) bool { return k.Label == key.Label })
	if i < 0 {
		return live, key, false
	}
	return live, live.Keys[i], true
}

// gates hold what is under way and what was asked with each key that the operator
// limits.
type gates struct {
	mu sync.Mutex
	of map[gateID]*gate
}

type gateID struct{ provider, label string }

type gate struct {
	busy int
	used minute
}

// pass is a request's place within the limits of a key.
type pass struct {
	gates *gates
	gate  *gate
	at    int64 // second
}

// enter takes a place. Where there is none, wait is for how long at least; what is
// under way may end at any time.
func (s *gates) enter(slug string, k provider.Key, now time.Time) (p *pass, wait time.Duration) {
	if k.Rate == 0 && k.Concurrency == 0 {
		return nil, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[gateID]*gate{}
	}
	g := s.of[gateID{slug, k.Label}]
	if g == nil {
		g = &gate{}
		s.of[gateID{slug, k.Label}] = g
	}
	if k.Rate > 0 {
		wait = g.used.wait(now, k.Rate)
	}
	if k.Concurrency > 0 && g.busy >= k.Concurrency {
		wait = max(wait, time.Second)
	}
	if wait > 0 {
		return nil, wait
	}
	g.busy++
	return &pass{s, g, g.used.add(now)}, 0
}

// leave ends what was under way.
func (p *pass) leave() {
	if p == nil {
		return
	}
	p.gates.mu.Lock()
	defer p.gates.mu.Unlock()
	p.gate.busy--
}

// undo is leave for a request that was not sent: it does not count.
func (p *pass) undo() {
	if p == nil {
		return
	}
	p.gates.mu.Lock()
	defer p.gates.mu.Unlock()
	p.gate.busy--
	p.gate.used.remove(p.at)
}

// minute counts by seconds what happened in the last sixty and the one under way, so
// that no sixty seconds in a row hold more than is allowed.
type minute struct {
	of     [61]int
	sum    int
	newest int64
}

// advance forgets what is over. A clock that goes back stands still.
func (m *minute) advance(now time.Time) {
	const size = int64(len(m.of))
	second := now.Unix()
	for s := max(m.newest, second-size) + 1; s <= second; s++ {
		slot := &m.of[s%size]
		m.sum -= *slot
		*slot = 0
	}
	m.newest = max(m.newest, second)
}

// wait is how long it takes until another one is allowed.
func (m *minute) wait(now time.Time, limit int) time.Duration {
	m.advance(now)
	const size = int64(len(m.of))
	left := m.sum
	for age := size - 1; age >= 0 && left >= limit; age-- {
		if left -= m.of[(m.newest-age)%size]; left < limit {
			return time.Unix(m.newest-age+size, 0).Sub(now)
		}
	}
	return 0
}

func (m *minute) add(now time.Time) (second int64) {
	m.advance(now)
	m.of[m.newest%int64(len(m.of))]++
	m.sum++
	return m.newest
}

func (m *minute) remove(second int64) {
	const size = int64(len(m.of))
	if m.newest-second < size && m.of[second%size] > 0 {
		m.of[second%size]--
		m.sum--
	}
}
