package relay

import (
	"sync"
	"time"
)

// A retry budget bounds what a total outage of a model costs (R11): a request's first
// attempt at a model is free, every further one is paid for in advance and is given
// back where it tells of no outage. So a busy endpoint that dies costs nothing while
// another answers, and where none does, the budget is soon used up: over any minute
// with 600 requests and more, 1.1 attempts a request at most. Two kinds of attempt need
// no credit: at an endpoint that has just answered, and one at a time at an endpoint
// that has not failed of late, so that others learn from it.
const (
	budgetMost   = 8.0  // attempts
	budgetLeast  = -20. // the deepest debt
	budgetAsked  = 0.05 // for each request
	budgetSecond = 0.05 // for each second

	provenFor  = time.Second      // an answer vouches for its endpoint so long
	scoutAfter = 30 * time.Second // a failure keeps an endpoint from being tried without credit so long
)

// patience is how long a request that has no credit waits for others to find out who
// can answer.
const patience = 10 * time.Second

// result is what an attempt tells of its endpoint.
type result uint8

const (
	resultNothing result = iota // it is alive, or nothing is known: the attempt costs nothing
	resultGood                  // it answers
	resultLimited               // it may answer others
	resultBad                   // it fails
)

// budgets are those of all models.
type budgets struct {
	mu sync.Mutex
	of map[string]*budget
}

// asked counts a request for a model.
func (s *budgets) asked(model string, now time.Time) *budget {
	s.mu.Lock()
	if s.of == nil {
		s.of = map[string]*budget{}
	}
	b := s.of[model]
	if b == nil {
		b = &budget{left: budgetMost, filled: now, at: map[string]*footing{}}
		s.of[model] = b
	}
	s.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now, budgetAsked)
	return b
}

// budget is that of one model.
type budget struct {
	mu     sync.Mutex
	left   float64
	filled time.Time
	at     map[string]*footing // by endpoint
	open   int                 // retries under way
	news   chan struct{}       // closed when an attempt ends; nil: nobody waits
}

// footing is what the last attempts at an endpoint showed.
type footing struct {
	good, bad time.Time
	open      int // retries under way
}

func (b *budget) fill(now time.Time, more float64) {
	if d := now.Sub(b.filled); d > 0 {
		more += d.Seconds() * budgetSecond
		b.filled = now
	}
	b.left = min(b.left+more, budgetMost)
}

func (b *budget) footing(endpoint string) *footing {
	f := b.at[endpoint]
	if f == nil {
		f = &footing{}
		b.at[endpoint] = f
	}
	return f
}

// spend pays for a further attempt at the endpoint, if there may be one.
func (b *budget) spend(endpoint string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now, 0)
	f := b.footing(endpoint)
	proven := f.good.After(f.bad) && now.Sub(f.good) < provenFor
	scout := f.open == 0 && now.Sub(f.bad) >= scoutAfter
	if b.left < 1 && !proven && !scout {
		return false
	}
	b.left = max(b.left-1, budgetLeast)
	f.open++
	b.open++
	return true
}

// ended notes what came of an attempt; spent is whether it was paid for.
func (b *budget) ended(endpoint string, spent bool, how result, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.footing(endpoint)
	if spent {
		f.open--
		b.open--
		if how == resultNothing || how == resultGood {
			b.left = min(b.left+1, budgetMost)
		}
	}
	switch how {
	case resultGood:
		f.good = now
	case resultBad:
		f.bad = now
	case resultNothing, resultLimited:
	}
	if b.news != nil {
		close(b.news)
		b.news = nil
	}
}

// next is closed when another attempt has ended; nil where none is under way that
// could tell anything.
func (b *budget) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == 0 {
		return nil
	}
	if b.news == nil {
		b.news = make(chan struct{})
	}
	return b.news
}
