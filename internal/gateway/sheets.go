package gateway

import (
	"sync"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
)

// sheets remembers the price sheets of the catalogue's endpoints: to make one
// costs more than anything else of a charge, and it stays the same until the
// catalogue is another.
type sheets struct {
	mu    sync.Mutex
	snap  *catalog.Snapshot
	known map[*catalog.Endpoint]sheet
}

type sheet struct {
	hash string
	text []byte // never changed
}

// of is [pricing.Sheet] of the endpoint's prices.
func (s *sheets) of(snap *catalog.Snapshot, e *catalog.Endpoint) (hash string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap != snap {
		s.snap, s.known = snap, map[*catalog.Endpoint]sheet{}
	}
	known, ok := s.known[e]
	if !ok {
		known.hash, known.text = pricing.Sheet(e.Prices)
		s.known[e] = known
	}
	return known.hash, known.text
}
