package gateway

import (
	"context"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// sticky are the endpoints that the request's conversation stays at (contract area 11),
// and what their caches are expected to hold. It names the conversation, for
// [Gateway.stayed].
func (g *Gateway) sticky(ctx context.Context, snap *catalog.Snapshot, req *llm.Request, account string) map[string]int64 {
	if g.Sessions == nil || len(req.Routing.Order) > 0 { // SK-07
		return nil
	}
	models := sessionModels(snap, req.Models)
	if !slices.ContainsFunc(models, func(id string) bool { return mayStay(snap, id) }) {
		return nil
	}
	// Nobody can find it by guessing what was said. No upstream is told this hash: it would be
	// of an end user of the account that has no name.
	req.Conversation = affinity.Of(g.EndUser("", account), req)
	warm := g.Sessions.Warm(ctx, req.Conversation, models)
	for id := range warm {
		if e, ok := snap.Endpoint(id); !ok || !rewards(e) {
			delete(warm, id)
		}
	}
	if len(warm) == 0 {
		return nil
	}
	return warm
}

// stayed remembers where the conversation was answered, and lets it leave the endpoints
// that failed it.
func (g *Gateway) stayed(ctx context.Context, m *meter, o *record.Outcome, u llm.Usage) {
	c := m.req.Conversation
	if g.Sessions == nil || c == (llm.Conversation{}) {
		return
	}
	if n := len(o.Parts); n > 0 { // of which the conversation stays with the last
		u = o.Parts[n-1].Usage
	}
	snap := g.Catalog()
	asked := sessionModels(snap, m.req.Models)
	with := func(model string) []string { // what was asked for, where it is not the model itself: a router
		if slices.Contains(asked, model) {
			return []string{model}
		}
		return append([]string{model}, asked...)
	}
	for i, t := range o.Tried {
		if left := o.Cancelled && i == len(o.Tried)-1; ails(t.Type) && !left {
			g.Sessions.Failed(ctx, c, with(t.Model), t.Endpoint)
		}
	}
	switch e := m.endpoint; {
	case e == nil:
	case m.finished() && rewards(e):
		g.Sessions.Answered(ctx, c, with(e.Model), e.ID, warmed(e, u), u.CacheRead > 0)
	case ails(o.ErrorType):
		g.Sessions.Failed(ctx, c, with(e.Model), e.ID)
	}
}

// ails reports whether an attempt that ended so speaks against its endpoint rather than
// against what was asked.
func ails(t llm.Type) bool {
	switch t {
	case llm.TypeRateLimit, llm.TypeUnavailable, llm.TypeOverloaded, llm.TypeTimeout, llm.TypeServer,
		llm.TypeAuthentication, llm.TypePermissionDenied, llm.TypePaymentRequired, llm.TypeNotFound:
		return true
	default:
		return false
	}
}

// rewards reports whether it is cheaper to read a prompt from the endpoint's cache than
// to send it anew (SK-05).
func rewards(e *catalog.Endpoint) bool {
	return e.Prices.CacheRead.Listed() && e.Prices.CacheRead.Unit < e.Prices.Prompt.Unit
}

// mayStay reports whether a session with what is called so can begin: any endpoint of
// the model rewards it, or nobody knows yet which model it will be.
func mayStay(snap *catalog.Snapshot, id string) bool {
	m, ok := snap.Model(id)
	return !ok || slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return rewards(e) || e.Prices.Routed })
}

// leastCached is the shortest prompt, in tokens, that vendors keep unasked.
const leastCached = 1024

// warmed are the tokens that an endpoint's cache is expected to hold after an answer:
// what was read from it and written to it; and the whole prompt where nobody pays for
// writing, since such caches keep what they see.
func warmed(e *catalog.Endpoint, u llm.Usage) int64 {
	held := u.CacheRead + u.CacheWrite5m + u.CacheWrite1h
	unasked := e.ImplicitCaching || !e.Prices.CacheWrite.Listed()
	if unasked && (u.CacheRead > 0 || u.Prompt() >= leastCached) {
		return max(held, u.Prompt())
	}
	return held
}

// sessionModels are the models that names stand for, once each, as sessions know them
// (SK-01): a dynamic variant is no other model, and a name that means now this model
// and now that stands for itself.
func sessionModels(snap *catalog.Snapshot, names []string) []string {
	models := make([]string, 0, len(names))
	for _, name := range names {
		for {
			if m, ok := snap.Model(name); ok {
				name = m.ID
				break
			}
			i := strings.LastIndexByte(name, ':')
			if i < 0 {
				break
			}
			name = name[:i]
		}
		if !slices.Contains(models, name) {
			models = append(models, name)
		}
	}
	return models
}
