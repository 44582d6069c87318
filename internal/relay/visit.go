package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// visit is one attempt at one endpoint with one key, from when it is let in to when it
// is over: for the attempt that answers, to the end of the answer. Whatever way it
// ends, health hears of it once, and what it held is given back once. It is of one
// goroutine.
type visit struct {
	relay  *Relay
	at     route.Candidate
	live   provider.Live
	key    provider.Key
	pass   *pass
	active *active
	echo   jsontext.Value // what the provider was sent, for a caller who asked

	budget *budget // nil where the attempt tells nothing of the endpoint, or has told it
	spent  bool
	staged bool // the caller has a fault performed
	sent   bool // the provider, or whoever gives tokens for it, was asked
	told   bool // health has heard
	over   bool
}

// enter begins a visit: the key may be used, the model has credit for a further attempt,
// and the endpoint takes requests. away says why not; for want of credit it is nil.
func (t *tour) enter(c route.Candidate, live provider.Live, key provider.Key) (v *visit, away *llm.Error) {
	r, m, now := t.relay, t.model(c), t.relay.Now()
	if away := r.resting(c, key); away != nil {
		return nil, away
	}
	pass, wait := r.gates.enter(c.Endpoint.Provider, key, now)
	if wait > 0 {
		return nil, &llm.Error{
			Type: llm.TypeRateLimit, Fault: llm.FaultBusy, RetryAfter: wait,
			Message: c.Provider.Name + " is asked as often as the operator allows",
		}
	}
	v = &visit{relay: r, at: c, live: live, key: key, pass: pass, staged: r.staged(t.req, live)}
	if !v.staged {
		v.budget = m.budget
		if v.spent = m.attempts > 0; v.spent && !m.budget.spend(c.Endpoint.ID, now) {
			pass.undo()
			return nil, nil
		}
	}
	if ok, wait := r.Health.Admit(c.Endpoint.ID); !ok {
		v.pays(resultNothing)
		pass.undo()
		return nil, r.ejected(c, wait)
	}
	v.active = r.traffic.enter(c.Endpoint.ID)
	return v, nil
}

// resting says why a key must not be used at an endpoint now, nil if it may: it cools
// (F12), or was refused (F18).
func (r *Relay) resting(c route.Candidate, key provider.Key) *llm.Error {
	k := keyOf(c, key)
	if parked := r.Health.Parked(k); parked > 0 {
		return &llm.Error{
			Type: llm.TypeUnavailable, Fault: llm.FaultCredential,
			Message: fmt.Sprintf("%s refused our access and is left alone for another %s", c.Provider.Name, parked.Round(time.Second)),
		}
	}
	if cooling := r.Health.Cooling(k); cooling > 0 {
		return &llm.Error{
			Type: llm.TypeRateLimit, Fault: llm.FaultBusy, RetryAfter: cooling,
			Message: fmt.Sprintf("%s asked not to be called for another %s", c.Provider.Name, cooling.Round(time.Second)),
		}
	}
	return nil
}

// Resting is for how long no key may be used at an endpoint; 0 where one may be.
func (r *Relay) Resting(e *catalog.Endpoint) time.Duration {
	live, ok := r.Providers(e.Provider)
	if !ok {
		return 0
	}
	var least time.Duration
	for i, key := range order(live.Keys, &llm.Request{}) {
		k := keyOf(route.Candidate{Endpoint: e}, key)
		rest := max(r.Health.Parked(k), r.Health.Cooling(k))
		if i == 0 || rest < least {
			least = rest
		}
	}
	return least
}

// ejected says why an endpoint takes no request for a while: it does not have the model
// any more (F20), or failed again and again (F24).
func (r *Relay) ejected(c route.Candidate, wait time.Duration) *llm.Error {
	if r.Health.Gone(c.Endpoint.ID) {
		return &llm.Error{
			Type: llm.TypeNotFound, Fault: llm.FaultMissing,
			Message: c.Provider.Name + " does not have the model any more",
		}
	}
	return &llm.Error{
		Type: llm.TypeOverloaded, Fault: llm.FaultOverloaded, RetryAfter: wait,
		Message: fmt.Sprintf("%s failed again and again and is left alone for another %s", c.Provider.Name, wait.Round(time.Second)),
	}
}

func keyOf(c route.Candidate, key provider.Key) health.Key {
	return health.Key{Provider: c.Endpoint.Provider, Label: key.Label, Endpoint: c.Endpoint.ID}
}

// close ends the visit. What nobody told health tells it nothing: a trial that came to
// no end is another's.
func (v *visit) close() {
	if v.over {
		return
	}
	v.over = true
	v.pays(resultNothing)
	if !v.told {
		v.told = true
		v.relay.Health.Released(v.at.Endpoint.ID)
	}
	if v.sent {
		v.pass.leave()
	} else {
		v.pass.undo()
	}
	v.active.leave()
}

// pays settles the attempt with the model's retry budget, once.
func (v *visit) pays(how result) {
	if v.budget != nil {
		v.budget.ended(v.at.Endpoint.ID, v.spent, how, v.relay.Now())
		v.budget = nil
	}
}

// succeeded tells health of a good answer.
func (v *visit) succeeded(s health.Sample) {
	if v.staged || v.told {
		return
	}
	v.told = true
	v.relay.Health.Succeeded(v.at.Endpoint.ID, s)
}

// failed tells health whose fault a failure was. Faults of ours, of the caller, and a
// rate limit do not count against an endpoint (HM-01, R4); a key that was refused is
// left alone (F18). status is the upstream's, 0 where it is not known.
func (v *visit) failed(e *llm.Error, status int) {
	v.pays(resultOf(e.Fault))
	if v.staged || v.told {
		return
	}
	v.told = true
	h, id := v.relay.Health, v.at.Endpoint.ID
	switch e.Fault {
	case llm.FaultBusy:
		h.Limited(id)
		h.Cool(keyOf(v.at, v.key), e.RetryAfter)
	case llm.FaultCredential:
		if status == http.StatusForbidden || status == http.StatusTooManyRequests {
			h.Limited(id) // HM-01
		} else {
			h.Failed(id, false)
		}
		v.park(e, status)
	case llm.FaultMissing:
		if h.Missing(id) {
			v.alarm("a provider does not have the model any more: the endpoint is left out for an hour", e, status)
		}
	case llm.FaultOverloaded, llm.FaultUpstream, llm.FaultTimeout:
		d, dialled := errors.AsType[*egress.DialError](e)
		if dialled && d.Kind == egress.DNS && (resolverFailed(d) || v.relay.Door.Blind()) {
			h.Released(id)
			return // F03: our resolver, not their name
		}
		h.Failed(id, dialled && d.Kind == egress.Refused)
	default:
		h.Released(id)
	}
}

func resultOf(f llm.Fault) result {
	switch f {
	case llm.FaultBusy, llm.FaultCredential:
		return resultLimited
	case llm.FaultMissing, llm.FaultOverloaded, llm.FaultUpstream, llm.FaultTimeout:
		return resultBad
	default:
		return resultNothing
	}
}

// park leaves a key alone that was refused or is spent: everywhere, but for a 403, which
// may be about this one model. Who is asked without a key has none to leave alone.
func (v *visit) park(e *llm.Error, status int) {
	if v.key.None() {
		return
	}
	k := keyOf(v.at, v.key)
	if status != http.StatusForbidden {
		k.Endpoint = ""
	}
	if v.relay.Health.Park(k) {
		v.alarm("a provider refuses our key, or has nothing left for it: the key is left alone for a while", e, status)
	}
}

// alarm is a line for the operator, who alone can mend it.
func (v *visit) alarm(what string, e *llm.Error, status int) {
	v.relay.log(what,
		slog.String("provider", v.at.Endpoint.Provider), slog.String("endpoint", v.at.Endpoint.ID), slog.String("key", v.key.Label),
		slog.Int("status", status), slog.String("code", e.ProviderCode))
}

func (r *Relay) log(what string, attrs ...slog.Attr) {
	if r.Log != nil {
		r.Log.LogAttrs(context.Background(), slog.LevelError, what, attrs...)
	}
}

func resolverFailed(d *egress.DialError) bool {
	dns, ok := errors.AsType[*net.DNSError](d)
	return ok && !dns.IsNotFound
}

// unresolved is the failure of a look-up in the light of all others: where no name can
// be looked up, it is ours, and nobody is to blame (F03).
func (r *Relay) unresolved(e *llm.Error) *llm.Error {
	d, ok := errors.AsType[*egress.DialError](e)
	if !ok || d.Kind != egress.DNS || !r.Door.Blind() {
		return e
	}
	if r.Door.Alarm() {
		r.log("no provider's name can be looked up: the resolver of this machine fails", slog.Any("err", d))
	}
	ours := *e
	ours.Type, ours.RetryAfter = llm.TypeOverloaded, time.Second
	ours.Message = "The gateway cannot look up where providers are: try again later"
	return &ours
}
