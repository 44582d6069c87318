// Package gateway is the spine: one request, one way. It plans, reserves, asks,
// pumps, settles and records, in that order, and is the only place that knows
// the order of things.
package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/moderate"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/trail"
	"github.com/turnpike-gateway/turnpike/internal/transcript"
)

// Gateway runs requests. All exported fields are set before use.
type Gateway struct {
	Catalog     func() *catalog.Snapshot
	Barred      func(*catalog.Endpoint) (rule string)
	Gate        *policy.Gate // nil: there is no policy but a request's own
	Health      *health.Tracker
	Sessions    *affinity.Sessions // nil: none is kept
	Cache       *cache.Cache       // of answers; nil: none is kept
	Demand      Demand             // for routers
	Moderate    *moderate.Client   // asks the operator's moderation; nil: nobody can
	Limits      *limit.Limiter     // on how often something may be asked; nil: there are none
	Ledger      *ledger.Ledger
	Relay       *relay.Relay
	Sink        record.Sink
	Decided     func(record.Decision) // keeps what plans were made from, and must not block; nil: nothing is kept
	Refused     func(trail.Event)     // keeps what a policy refused, and must not block; nil: nothing is kept
	Transcripts *transcript.Log       // of what is said, for those who opted in; nil: nothing is kept
	Now         func() time.Time
	Seed        func() uint64                     // of a request's draw
	EndUser     func(account, user string) string // what an upstream is told of an end user (CR-09)
	Total       time.Duration                     // a whole request may take this long
	Drains      chan struct{}                     // a slot for each answer that is read on after its caller left (F56)

	Stands func(ctx context.Context, account, key string) (bool, error) // whether a key may still be used, where that ends requests under way; nil: they finish

	underway  underway
	unsettled unsettled
	sheets    sheets
}

// Run answers one request through out, and fills in o. An error means that
// nothing was written: the caller of Run says it in its own way. Once content is
// out, Run ends the answer itself, well or not, and returns nil.
//
// What was asked (Input, Source) is gone from req once it is answered.
//
// After a hold, exactly one settlement is attempted on every way out: success,
// error, panic and hang-up (law 8).
func (g *Gateway) Run(ctx context.Context, who identity.Principal, req *llm.Request, out dialect.Emitter, o *record.Outcome) error {
	return g.RunWith(ctx, who, req, nil, out, o)
}

// RunWith is [Gateway.Run] with a tool of ours; nil: none.
func (g *Gateway) RunWith(ctx context.Context, who identity.Principal, req *llm.Request, tool *Tool, out dialect.Emitter, o *record.Outcome) (err error) {
	g.begin(who, req, o)
	limits, err := g.limits(ctx, who, req, tool, o)
	defer g.refused(who, &limits, o, &err)
	if err != nil {
		return err
	}
	screened, err := g.screen(ctx, req, &limits, o)
	if err != nil {
		return err
	}
	logged := g.logs(who, req, &limits)
	if out, err = g.building(req, out); err != nil {
		return err
	}
	again, kept := g.recall(ctx, who, req, &limits)
	if again != nil {
		return g.replay(again, logged, screened, out, o)
	}
	admitted, err := g.admit(ctx, who, req, o)
	if err != nil {
		return err
	}
	defer admitted.end(ctx, o)
	plan, err := g.plan(ctx, req, limits, admitted, o)
	if err != nil {
		return err
	}
	m, err := g.reserve(ctx, who, req, plan, limits, o)
	if err != nil {
		return err
	}
	defer g.abandon(m, o)
	m.keep, m.pass, m.screened, m.logged = kept, admitted, screened, logged

	life := g.begins(g.live(ctx), who)
	defer life.end()
	answer, tried, err := g.Relay.Do(life.ctx, req, plan)
	o.Tried = tried
	if err != nil {
		return g.failed(m, o, err)
	}
	g.extends(life, req, plan, answer, tool, m, o)
	g.screens(who, req, &limits, answer, m, o)
	defer answer.Stream.Close()
	forget(req)
	life.committed(answer.Live.CancelStops)
	m.serves(answer.From.Endpoint, o)
	return g.pump(life, answer, out, m, o)
}

// Check is the error in which every request for the models ends whatever it asks:
// there are none of these names, or nobody who could be asked for one.
func (g *Gateway) Check(models []string) error {
	_, err := route.Make(route.Query{Models: models}, g.world(g.Now()), policy.Limits{}, route.Rand(g.Seed()))
	return err
}

// forget lets go of what was asked, since nothing is asked again (law 8), but for an
// answer that may be continued, which has it from elsewhere: a long
// conversation is not held while its answer flows. Parts of a request may share
// an allocation with it, so what they hold must go too.
func forget(req *llm.Request) {
	if req.Input != nil {
		*req.Input = llm.ChatInput{}
	}
	if req.Source != nil {
		*req.Source = llm.Source{}
	}
	req.Input, req.Source = nil, nil
}

func (g *Gateway) begin(who identity.Principal, req *llm.Request, o *record.Outcome) {
	o.ID, o.Account, o.KeyHash, o.Began = req.ID, who.Account, who.KeyHash, g.Now()
	o.Dialect, o.Streamed, o.User, o.SessionID, o.Preset = req.Dialect, req.Stream, kept(req.User), kept(req.SessionID), req.Preset
	if req.User != "" {
		req.UserHash = g.EndUser(who.Account, req.User)
	}
	if len(req.Models) > 0 {
		o.Requested = req.Models[0]
	}
}

// kept is what a record keeps of a text of the caller's own: not too much, and
// UTF-8, also where a header said it.
func kept(s string) string {
	const most = 1 << 10
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}

// life is how long the work on a request goes on. It ends with the caller
// leaving, unless the upstream bills to the end anyway: then what it says is
// still wanted for the bill (CB-06, F55, F56).
type life struct {
	ctx    context.Context //nolint:containedctx // made here, lives as long as the request
	cancel context.CancelCauseFunc
	unhook func() bool
	caller context.Context //nolint:containedctx // the other end of the same request
	drains chan struct{}
	total  *time.Timer
	ends   func() // nil: nobody waits for it

	mu       sync.Mutex
	content  bool
	stops    bool
	gone     bool
	draining bool
	over     bool // the request has ended: who leaves now leaves nothing behind
}

// ErrShutdown is the cause with which a server's base context is cancelled when
// its drain time is over: answers still under way then end with an error in band
// (F83).
var ErrShutdown = errors.New("gateway: shutting down")

func errShutdown() *llm.Error {
	return &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "The gateway is shutting down", Err: ErrShutdown}
}

func errTooLong() *llm.Error {
	return &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultOurs, Message: "The request took too long"}
}

func errGone() *llm.Error {
	return &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultGone, Message: "The caller left"}
}

// drainLimit is how long an answer is read on after its caller left.
const drainLimit = 60 * time.Second

func (g *Gateway) live(caller context.Context) *life {
	l := &life{caller: caller, drains: g.Drains}
	l.ctx, l.cancel = context.WithCancelCause(context.WithoutCancel(caller))
	l.total = time.AfterFunc(g.Total, safe.Func("ending a request", func() { l.cancel(errTooLong()) }))
	l.unhook = context.AfterFunc(caller, safe.Func("a caller's leaving", l.left))
	return l
}

func (l *life) committed(cancelStops bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.content, l.stops = true, cancelStops
	if l.gone {
		l.leave()
	}
}

// left runs when the caller has gone, or the whole process is about to.
func (l *life) left() {
	cause := context.Cause(l.caller)
	if errors.Is(cause, ErrShutdown) {
		l.cancel(errShutdown())
		return
	}
	if e, ok := errors.AsType[*llm.Error](cause); ok && e.Type == llm.TypeTimeout && e.Fault == llm.FaultOurs { // the answer that this one is part of took too long
		l.cancel(errTooLong())
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || l.over {
		return
	}
	l.gone = true
	l.leave()
}

// leave ends the upstream's work, or lets it come to its own end while there is
// a slot for that. It holds mu.
func (l *life) leave() {
	if l.content && !l.stops && !l.draining && l.ctx.Err() == nil {
		select {
		case l.drains <- struct{}{}:
			l.draining = true
			l.total.Reset(drainLimit)
			return
		default:
		}
	}
	if !l.draining {
		l.cancel(errGone())
	}
}

// callerGone reports whether nobody reads any more.
func (l *life) callerGone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

func (l *life) end() {
	if l.ends != nil {
		l.ends()
	}
	l.unhook()
	l.cancel(context.Canceled)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.total.Stop()
	if l.draining {
		l.draining = false
		<-l.drains
	}
}
