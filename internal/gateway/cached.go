package gateway

import (
	"context"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
)

// cacheLimit is how long an answer waits for the response cache: what it cannot say
// within it, it does not know.
const cacheLimit = 500 * time.Millisecond

// keeping is an answer on its way into the response cache. Nil keeps nothing.
type keeping struct {
	key    cache.Key
	ttl    time.Duration
	record *cache.Recording
}

func (k *keeping) add(c llm.Chunk) {
	if k != nil {
		k.record.Add(c)
	}
}

// Caches reports whether an answer to the request may come from the response cache,
// and go into it: where the caller wants it, in the languages that have one (contract
// area 12), and where what is said may be kept at all.
func (g *Gateway) Caches(who identity.Principal, req *llm.Request) bool {
	return g.Cache != nil && req.Cache.On && req.Dialect != llm.Completions && policy.Keeps(who)
}

// recall is the answer that the same request of the same key was given before, or else
// where its answer goes now. Neither waits for another request that asks the same
// (RC-07).
func (g *Gateway) recall(ctx context.Context, who identity.Principal, req *llm.Request) (*cache.Entry, *keeping) {
	if !g.Caches(who, req) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cacheLimit)
	defer cancel()
	key := cache.KeyOf(who, req)
	if req.Cache.Clear {
		g.Cache.Delete(ctx, key)
	} else if e, ok := g.Cache.Get(ctx, key); ok && !(req.Strict && len(e.Lost) > 0) {
		return e, nil
	}
	return nil, &keeping{key, req.Cache.TTL, cache.NewRecording(req.Dialect)}
}

// replay gives an answer again, as fast as its caller takes it. Nobody is asked,
// nothing is held, and nothing is charged (RC-04).
func (g *Gateway) replay(e *cache.Entry, out dialect.Emitter, o *record.Outcome) error {
	o.CacheSource, o.Model, o.ProviderSlug, o.ProviderName = e.Source, e.Model, e.ProviderSlug, e.ProviderName
	o.Finish, o.FirstContent = e.Finish, g.Now()
	age := e.Age(o.FirstContent)
	out.Begin(dialect.Head{
		ID: o.ID, Model: e.Model, Provider: e.ProviderName, Created: o.Began.Unix(), Lost: e.Lost, Files: e.Files,
		Cached: &dialect.Cached{Source: e.Source, Age: age, Left: e.TTL - age},
	})
	for c := range e.Chunks() {
		if err := out.Emit(c); err != nil {
			o.Cancelled = true
			break
		}
	}
	o.Ended = g.Now()
	g.Sink.Record(*o)
	if !o.Cancelled {
		_ = out.Finish(llm.Usage{Native: e.Native}) // who cannot be written to any more has left
	}
	return nil
}

// keep puts an answer that ended well into the response cache, before its caller sees
// the end and may ask again. What was free because it said nothing is not worth giving
// again, and what could not be booked might never have been paid for.
func (g *Gateway) keep(ctx context.Context, m *meter, a *relay.Answer, o *record.Outcome, u llm.Usage) {
	if m.keep == nil || !m.finished() || o.Unsettled || u.Completion() == 0 || m.delivered() == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cacheLimit)
	defer cancel()
	e := cache.Entry{
		Source: o.ID, Model: o.Model, ProviderSlug: o.ProviderSlug, ProviderName: o.ProviderName,
		Finish: o.Finish, Lost: a.Lost, Files: a.Files, TTL: m.keep.ttl, Native: cache.Uncounted(u.Native),
	}
	g.Cache.Put(ctx, m.keep.key, e, m.keep.record)
}
