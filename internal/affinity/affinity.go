package affinity

import (
	"context"
	"encoding/base64"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The bounds of what is remembered.
const (
	maxSessions = 1 << 16
	maxPlaces   = 8 // endpoints of a session
	maxTokens   = 1 << 30
)

// Place is what a session knows of an endpoint.
type Place struct {
	Endpoint string    // its id
	Tokens   int64     // of the prompt that its cache is expected to hold
	Gone     bool      // the endpoint failed: the session has left it
	At       time.Time // when the session last heard of it
}

// Shared is where several nodes remember the same. It never fails: what cannot be
// reached remembers nothing.
type Shared interface {
	// Places are those of each session; ok is false where nobody can tell.
	Places(ctx context.Context, sessions []string) (places [][]Place, ok bool)
	// Keep remembers a place of the sessions, until none has been kept for idle.
	Keep(ctx context.Context, sessions []string, p Place, idle time.Duration)
}

// Sessions remembers where conversations are warm. It is safe for concurrent use.
type Sessions struct {
	own    *otter.Cache[session, []Place] // values are replaced, never changed
	shared Shared
	idle   time.Duration
	now    func() time.Time
}

// New returns sessions that are forgotten once nothing was heard of them for idle
// (SK-06); shared may be nil.
func New(idle time.Duration, now func() time.Time, shared Shared) *Sessions {
	return &Sessions{
		own: otter.Must(&otter.Options[session, []Place]{
			MaximumSize:      maxSessions,
			ExpiryCalculator: otter.ExpiryWriting[session, []Place](idle),
			Clock:            clock(now),
			Executor:         func(work func()) { work() }, // little, and by whoever makes it
		}),
		shared: shared, idle: idle, now: now,
	}
}

// clock tells a cache the time. It does not tick: what has expired is dropped when
// others come.
type clock func() time.Time

// NowNano implements otter.Clock.
func (c clock) NowNano() int64 { return c().UnixNano() }

// Tick implements otter.Clock.
func (clock) Tick(time.Duration) <-chan time.Time { return nil }

// Warm are the endpoints that the conversation with one of the models stays at, each
// with the tokens of its prompt that are expected to be read from a cache; nil if none.
// It stays where it was last, and elsewhere only where more of it is held.
func (s *Sessions) Warm(ctx context.Context, c llm.Conversation, models []string) map[string]int64 {
	sessions := sessionsOf(c, models)
	if s.shared != nil {
		if lists, ok := s.shared.Places(ctx, names(sessions)); ok && len(lists) == len(sessions) {
			for i, list := range lists {
				s.learn(sessions[i], list)
			}
		}
	}
	var all []Place
	for _, x := range sessions {
		places, _ := s.own.GetIfPresent(x)
		for _, p := range places {
			if !p.Gone && s.now().Sub(p.At) < s.idle {
				all = append(all, p)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, newer)
	warm, most := map[string]int64{}, int64(-1)
	for _, p := range all {
		if p.Tokens > most {
			warm[p.Endpoint], most = p.Tokens, p.Tokens
		}
	}
	return warm
}

func newer(a, b Place) int { return b.At.Compare(a.At) }

// Answered remembers that an endpoint answered well, and what its cache is expected to
// hold now. hit says that some of the prompt was read from the cache: without it, a
// conversation that the caller did not name begins no session (SK-04).
func (s *Sessions) Answered(ctx context.Context, c llm.Conversation, models []string, endpoint string, tokens int64, hit bool) {
	sessions := sessionsOf(c, models)
	if !c.Named && !hit {
		sessions = slices.DeleteFunc(sessions, func(x session) bool { return !s.stays(x, endpoint) })
	}
	s.keep(ctx, sessions, Place{Endpoint: endpoint, Tokens: min(max(tokens, 0), maxTokens)})
}

// Failed lets the conversation leave an endpoint (SK-06).
func (s *Sessions) Failed(ctx context.Context, c llm.Conversation, models []string, endpoint string) {
	sessions := slices.DeleteFunc(sessionsOf(c, models), func(x session) bool { return !s.stays(x, endpoint) })
	s.keep(ctx, sessions, Place{Endpoint: endpoint, Gone: true})
}

// stays reports whether a session stays at the endpoint.
func (s *Sessions) stays(x session, endpoint string) bool {
	places, _ := s.own.GetIfPresent(x)
	return slices.ContainsFunc(places, func(p Place) bool {
		return p.Endpoint == endpoint && !p.Gone && s.now().Sub(p.At) < s.idle
	})
}

func (s *Sessions) keep(ctx context.Context, sessions []session, p Place) {
	if len(sessions) == 0 {
		return
	}
	p.At = s.now().Truncate(time.Microsecond) // as others remember it
	for _, x := range sessions {
		s.learn(x, []Place{p})
	}
	if s.shared != nil {
		s.shared.Keep(ctx, names(sessions), p, s.idle)
	}
}

// learn takes in places: of each endpoint the newest counts, and what a node whose
// clock is ahead says of the future is said now.
func (s *Sessions) learn(x session, heard []Place) {
	if len(heard) == 0 {
		return
	}
	now := s.now()
	s.own.Compute(x, func(known []Place, _ bool) ([]Place, otter.ComputeOp) {
		places, news := slices.Clone(known), false
		for _, p := range heard {
			if p.At.After(now) {
				p.At = now
			}
			i := slices.IndexFunc(places, func(k Place) bool { return k.Endpoint == p.Endpoint })
			switch {
			case now.Sub(p.At) >= s.idle:
				continue
			case i < 0:
				places = append(places, p)
			case p.At.Before(places[i].At) || p == places[i]:
				continue
			default:
				places[i] = p
			}
			news = true
		}
		if !news {
			return nil, otter.CancelOp
		}
		slices.SortStableFunc(places, newer)
		return places[:min(len(places), maxPlaces)], otter.WriteOp
	})
}

func sessionsOf(c llm.Conversation, models []string) []session {
	if c == (llm.Conversation{}) {
		return nil
	}
	sessions := make([]session, len(models))
	for i, m := range models {
		sessions[i] = sessionOf(c, m)
	}
	return sessions
}

// names are what sessions are called outside of this process.
func names(sessions []session) []string {
	out := make([]string, len(sessions))
	for i := range sessions {
		out[i] = base64.RawURLEncoding.EncodeToString(sessions[i][:])
	}
	return out
}
