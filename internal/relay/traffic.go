package relay

import "sync"

// A request that was certainly not processed may be sent to its endpoint again, on a
// fresh connection, once (F06, F08). All of an endpoint's share what that may cost: a
// tenth of its requests under way, or these few.
const (
	againShare = 10
	againFloor = 3
)

// traffic counts what is under way at each endpoint.
type traffic struct {
	mu sync.Mutex
	of map[string]*flow
}

type flow struct{ active, again int }

// active is one request under way.
type active struct {
	traffic *traffic
	flow    *flow
	again   bool // it was sent a second time
}

func (s *traffic) enter(endpoint string) *active {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]*flow{}
	}
	f := s.of[endpoint]
	if f == nil {
		f = &flow{}
		s.of[endpoint] = f
	}
	f.active++
	return &active{traffic: s, flow: f}
}

// mayRepeat reports whether the request may be sent a second time, however often it is
// asked.
func (a *active) mayRepeat() bool {
	a.traffic.mu.Lock()
	defer a.traffic.mu.Unlock()
	if a.again {
		return true
	}
	if a.flow.again >= max(againFloor, a.flow.active/againShare) {
		return false
	}
	a.again = true
	a.flow.again++
	return true
}

func (a *active) leave() {
	a.traffic.mu.Lock()
	defer a.traffic.mu.Unlock()
	a.flow.active--
	if a.again {
		a.flow.again--
	}
}
