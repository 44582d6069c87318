// Package limit says how much may be asked in a minute or on a day: requests and tokens
// of a key, and requests of an account to models that cost nothing (contract area 22).
// No sixty seconds in a row, wherever they begin, hold more than a limit; for that, what
// was taken counts for up to a second longer than sixty.
package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Options are what a limiter is made of.
type Options struct {
	Now     func() time.Time
	Free    Free
	Bought  func(ctx context.Context, account string) (money.Nano, error)                       // ever
	Counted func(ctx context.Context, account string, at time.Time) (requests int64, err error) // that were free, on the day of at
	Shared  Shared                                                                              // nil: this node is alone
}

// Limiter counts. It is safe for concurrent use, and what it keeps is bounded by what
// was asked in the last minutes.
type Limiter struct {
	Options

	began  time.Time
	seed   maphash.Seed
	shards [64]shard
}

// New is a limiter that knows of nothing that was taken.
func New(o Options) *Limiter {
	l := &Limiter{Options: o, began: o.Now(), seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i] = shard{of: map[string]*entry{}, sweep: sweepFirst}
	}
	return l
}

// shard is a part of what is limited, so that few wait for one another.
type shard struct {
	mu    sync.Mutex
	of    map[string]*entry
	sweep int // so many entries, and those that say nothing any more are dropped
	_     [64]byte
}

// sweepFirst is a size of a shard that is not worth looking at.
const sweepFirst = 64

// entry is a key, or an account.
type entry struct {
	requests minute
	tokens   *minute // nil: no tokens were counted
	today    today
	busy     int // who holds a ticket
}

// second is the time that entries know. It does not go back when the clock of the
// machine is set.
func (l *Limiter) second(now time.Time) int64 { return int64(now.Sub(l.began)/time.Second) + 1 }

// at is when a second of entries begins.
func (l *Limiter) at(second int64) time.Time {
	return l.began.Add(time.Duration(second-1) * time.Second)
}

// with has f see and change what is known of a key or an account.
func (l *Limiter) with(name string, now time.Time, f func(*entry)) {
	s := &l.shards[maphash.String(l.seed, name)%uint64(len(l.shards))]
	second := l.second(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.of[name]
	if e == nil {
		if len(s.of) >= s.sweep {
			s.drop(second, now)
		}
		e = &entry{}
		s.of[name] = e
	}
	e.advance(second)
	f(e)
}

func (e *entry) advance(second int64) {
	e.requests.advance(second)
	if e.tokens != nil {
		e.tokens.advance(second)
	}
}

// drop forgets who has asked nothing of late. What was asked on a day is kept elsewhere.
func (s *shard) drop(second int64, now time.Time) {
	for name, e := range s.of {
		e.advance(second)
		if e.busy == 0 && e.requests.sum == 0 && (e.tokens == nil || e.tokens.sum == 0) && now.Sub(e.today.used) > keepDay {
			delete(s.of, name)
		}
	}
	s.sweep = max(sweepFirst, 2*len(s.of))
}

// Ticket is what a request has taken. It ends once, by [Ticket.End] or [Ticket.Return]; a
// nil one has taken nothing.
type Ticket struct {
	limiter *Limiter
	name    string
	second  int64 // of the entry
	claims  []Claim
	there   int64 // the second of those who share; 0: they know nothing of it
	tokens  int   // the place of the claim of tokens; -1: there is none
	day     int64
	ended   bool
}

// Key takes so many requests and tokens of what a key may do in a minute, or nothing and
// says why. More tokens than it ever may count as all that it may.
func (l *Limiter) Key(ctx context.Context, hash string, r identity.Rates, requests, tokens int64) (*Ticket, error) {
	if r.Tokens == 0 && (r.Requests == 0 || requests == 0) {
		return &Ticket{ended: true}, nil
	}
	list := make([]Claim, 0, 2)
	if r.Requests > 0 && requests > 0 {
		list = append(list, Claim{Of: "key:{" + hash + "}:requests", Take: min(requests, r.Requests), Most: r.Requests})
	}
	of := -1
	if r.Tokens > 0 {
		of = len(list)
		list = append(list, Claim{Of: "key:{" + hash + "}:tokens", Take: min(max(tokens, 0), r.Tokens), Most: r.Tokens})
	}
	t := &Ticket{limiter: l, name: "key:" + hash, claims: list, tokens: of}
	refused, v := l.take(ctx, t)
	switch {
	case refused < 0:
		return t, nil
	case refused == of:
		return nil, keyTokens(hash, t.claims[of], v, l.Now())
	default:
		return nil, keyRequests(hash, t.claims[refused], v, l.Now())
	}
}

// take takes what a ticket claims of minutes and days. refused is the place of the first
// claim that there is no room for, or -1.
func (l *Limiter) take(ctx context.Context, t *Ticket) (refused int, v Verdict) {
	now := l.Now()
	refused = -1
	l.with(t.name, now, func(e *entry) {
		for i := range t.claims {
			c := &t.claims[i]
			if c.Daily {
				c.Taken = e.today.taken
				if e.today.taken+c.Take > c.Most {
					refused, v = i, Verdict{Refused: i, Taken: e.today.taken}
					return
				}
				continue
			}
			m := e.minute(i == t.tokens)
			if s := m.room(c.Take, c.Most); s > m.newest {
				refused, v = i, Verdict{Refused: i, Taken: m.sum, Wait: l.at(s).Sub(now)}
				return
			}
		}
		t.second, t.day = e.requests.newest, e.today.day
		e.add(t, 1)
		e.busy++
	})
	if refused >= 0 || l.Shared == nil {
		return refused, v
	}
	v, ok := l.Shared.Claim(ctx, t.claims)
	switch {
	case !ok:
		return -1, v
	case v.Refused >= 0 && v.Refused < len(t.claims):
		t.Return(ctx)
		return v.Refused, v
	}
	t.there = v.Second
	return -1, v
}

func (e *entry) minute(tokens bool) *minute {
	if !tokens {
		return &e.requests
	}
	if e.tokens == nil {
		e.tokens = &minute{newest: e.requests.newest}
	}
	return e.tokens
}

// add counts what a ticket claims, or, with a sign of -1, takes it back.
func (e *entry) add(t *Ticket, sign int64) {
	for i, c := range t.claims {
		if !c.Daily {
			e.minute(i == t.tokens).correct(t.second, sign*c.Take)
		} else if e.today.day == t.day {
			e.today.taken = max(0, e.today.taken+sign*c.Take)
		}
	}
}

// Return gives back all that was taken: for a request that nobody was sent.
func (t *Ticket) Return(ctx context.Context) {
	if t == nil || t.ended {
		return
	}
	t.ended = true
	t.limiter.with(t.name, t.limiter.Now(), func(e *entry) {
		e.busy--
		e.add(t, -1)
	})
	back := make([]Claim, len(t.claims))
	for i, c := range t.claims {
		c.Take = -c.Take
		back[i] = c
	}
	t.correct(ctx, back)
}

// End is the end of a request that came to so many tokens: these are what it has taken,
// from when it was admitted.
func (t *Ticket) End(ctx context.Context, tokens int64) {
	if t == nil || t.ended {
		return
	}
	t.ended = true
	var by int64
	if t.tokens >= 0 {
		by = tokens - t.claims[t.tokens].Take
	}
	t.limiter.with(t.name, t.limiter.Now(), func(e *entry) {
		e.busy--
		if by != 0 {
			e.tokens.correct(t.second, by)
		}
	})
	if by != 0 {
		c := t.claims[t.tokens]
		c.Take = by
		t.correct(ctx, []Claim{c})
	}
}

func (t *Ticket) correct(ctx context.Context, claims []Claim) {
	if t.there != 0 {
		t.limiter.Shared.Correct(ctx, t.there, claims)
	}
}
