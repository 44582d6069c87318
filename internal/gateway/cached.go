package gateway

import (
	"context"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/filter"
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
// and go into it.
func (g *Gateway) Caches(ctx context.Context, who identity.Principal, req *llm.Request) bool {
	if !g.cacheable(req) {
		return false
	}
	limits, err := g.Gate.Check(ctx, who, req, g.Now())
	return err == nil && limits.Keeps()
}

// cacheable is where the caller wants it, in the languages that have one (contract area
// 12). Whether what is said may be kept at all is for the limits to say.
func (g *Gateway) cacheable(req *llm.Request) bool {
	return g.Cache != nil && req.Cache.On && req.Dialect != llm.Completions
}

// recall is the answer that the same request of the same key was given before, or else
// where its answer goes now. Neither waits for another request that asks the same
// (RC-07).
func (g *Gateway) recall(ctx context.Context, who identity.Principal, req *llm.Request, limits *policy.Limits) (*cache.Entry, *keeping) {
	if !g.cacheable(req) || !limits.Keeps() {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cacheLimit)
	defer cancel()
	key := cache.KeyOf(who, req)
	if req.Cache.Clear {
		g.Cache.Delete(ctx, key)
	} else if e, ok := g.Cache.Get(ctx, key); ok && !(req.Strict && len(e.Lost) > 0) && g.admits(limits, e.Endpoints) {
		return e, nil
	}
	return nil, &keeping{key, req.Cache.TTL, cache.NewRecording(req.Dialect)}
}

// admits reports whether policy lets these endpoints serve, as they are now: an answer
// that could not be asked for is not given again either.
func (g *Gateway) admits(limits *policy.Limits, endpoints []string) bool {
	if len(limits.Levels) == 0 {
		return true
	}
	snap, at := g.Catalog(), g.Now()
	return !slices.ContainsFunc(endpoints, func(id string) bool {
		e, ok := snap.Endpoint(id)
		if !ok {
			return true
		}
		m, ok := snap.Model(e.Model)
		if !ok {
			return true
		}
		rule, _ := limits.Refuses(m, e, at)
		return rule != ""
	})
}

// replay gives an answer again, as fast as its caller takes it. Nobody is asked,
// nothing is held, and nothing is charged (RC-04).
func (g *Gateway) replay(e *cache.Entry, logged *logged, screened *filter.Pass, out dialect.Emitter, o *record.Outcome) error {
	o.CacheSource, o.Model, o.ProviderSlug, o.ProviderName = e.Source, e.Model, e.ProviderSlug, e.ProviderName
	o.Finish, o.FirstContent = e.Finish, g.Now()
	age := e.Age(o.FirstContent)
	out.Begin(dialect.Head{
		ID: o.ID, Model: e.Model, Provider: e.ProviderName, Created: o.Began.Unix(), Lost: e.Lost, Files: e.Files,
		Cached: &dialect.Cached{Source: e.Source, Age: age, Left: e.TTL - age},
	})
	for c := range e.Chunks() {
		logged.see(c)
		if err := out.Emit(c); err != nil {
			o.Cancelled = true
			break
		}
	}
	o.Ended = g.Now()
	g.Sink.Record(*o)
	g.logged(logged, screened.Hide, o)
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
	if m.screened != nil && len(a.Files) > 0 { // documents as they were read, before the filters
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cacheLimit)
	defer cancel()
	from := []string{o.Endpoint}
	for i := range o.Parts {
		from = append(from, o.Parts[i].Endpoint)
	}
	from = append(from, m.tool.from()...)
	e := cache.Entry{
		Endpoints: from, Source: o.ID, Model: o.Model, ProviderSlug: o.ProviderSlug, ProviderName: o.ProviderName,
		Finish: o.Finish, Lost: a.Lost, Files: a.Files, TTL: m.keep.ttl, Native: cache.Uncounted(u.Native),
	}
	g.Cache.Put(ctx, m.keep.key, e, m.keep.record)
}
