package gateway

import (
	"context"
	"errors"
	"sync"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ErrRevoked is why a request ended whose key was taken away while it was answered.
var ErrRevoked = errors.New("gateway: the key was revoked")

func errRevoked() *llm.Error {
	return &llm.Error{
		Type: llm.TypeAuthentication, Fault: llm.FaultCaller, Err: ErrRevoked,
		Message: "The API key was deleted, disabled or has expired while the answer was being given",
	}
}

// underway are the requests being answered, by key. Nothing is kept where keys that are
// revoked may finish what they began.
type underway struct {
	mu sync.Mutex
	of map[keyID]map[*life]struct{}
}

type keyID struct{ account, hash string }

// begins keeps a request until it ends.
func (g *Gateway) begins(l *life, who identity.Principal) *life {
	if g.Stands == nil || who.KeyHash == "" {
		return l
	}
	u, key := &g.underway, keyID{who.Account, who.KeyHash}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of == nil {
		u.of = map[keyID]map[*life]struct{}{}
	}
	if u.of[key] == nil {
		u.of[key] = map[*life]struct{}{}
	}
	u.of[key][l] = struct{}{}
	l.ends = func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.of[key], l)
		if len(u.of[key]) == 0 {
			delete(u.of, key)
		}
	}
	return l
}

func (u *underway) keys() (list []keyID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key := range u.of {
		list = append(list, key)
	}
	return list
}

// Revoke ends the requests whose keys do not stand any more, and returns how many
// (F93). A key that cannot be looked at stands. It is for a caller who comes back every
// second or so, and does nothing where Stands is nil.
func (g *Gateway) Revoke(ctx context.Context) (ended int) {
	for _, key := range g.underway.keys() {
		if stands, err := g.Stands(ctx, key.account, key.hash); stands || err != nil {
			continue
		}
		g.underway.mu.Lock()
		for l := range g.underway.of[key] {
			l.cancel(errRevoked())
			ended++
		}
		g.underway.mu.Unlock()
	}
	return ended
}
