package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Timeouts of one attempt, where provider and endpoint say nothing else.
type Timeouts struct {
	// FirstByte bounds every silence before the first content. An answer that is
	// not streamed arrives when it is all written: for it the limit grows by 50 ms
	// for each output token asked for (20 tokens a second).
	FirstByte time.Duration
	// Idle bounds every silence after it.
	Idle time.Duration
}

// perToken is what an answer that is not streamed is allowed for each token, up
// to maxPatience of them: an hour.
const (
	perToken    = 50 * time.Millisecond
	maxPatience = int64(time.Hour / perToken)
)

// progressLimits times Idle spent reading without an event, although bytes come,
// is a stall dressed in pings (F27).
const progressLimits = 5

// Relay asks candidates in turn. It holds no state of its own; all fields are
// set before use.
type Relay struct {
	Door      *egress.Door
	Providers func(slug string) (provider.Live, bool)
	Health    *health.Tracker
	Timeouts  Timeouts
	Attempts  int           // at most, over all models of a request
	Reads     chan struct{} // a slot for each document that may be read at a time; nil: any number
	Room      *Room         // for whole answers while they are read; nil: without end
	Now       func() time.Time
}

// Answer is a candidate's answer from its first content on. What came before it
// (role, start frames) is replayed first, so that nothing of a failed attempt is
// ever seen (F26).
type Answer struct {
	From   route.Candidate
	Live   provider.Live
	Stream llm.Stream
	Lost   []string       // fields that could not be said to the endpoint
	Files  []llm.FileText // documents whose text was read for the model

	Began        time.Time // when this attempt was sent
	FirstContent time.Time

	staged bool // the caller has a fault performed
}

// Do tries the candidates of the plan until one answers with content, or ends
// well without any. tried lists every attempt in order, also on error; a candidate
// that could not be sent the request is none. Nothing is asked twice.
func (r *Relay) Do(ctx context.Context, req *llm.Request, plan route.Plan) (answer *Answer, tried []record.Try, err error) {
	out := outcomes{}
	attached := media.New(r.Door, r.Reads)
	attempts := 0
	for _, c := range plan.Candidates {
		if out.closed(c) {
			continue
		}
		if attempts == r.Attempts {
			break
		}
		if away := r.away(c); away != nil {
			out.add(c, away)
			continue
		}
		attempts++
		began := r.Now()
		answer, status, asked, failed := r.attempt(ctx, req, plan, c, attached)
		t := record.Try{
			Endpoint: c.Endpoint.ID, ProviderSlug: c.Endpoint.Provider, ProviderName: c.Provider.Name,
			Model: c.Model.ID, Status: status, Latency: r.Now().Sub(began),
		}
		if failed == nil {
			tried = append(tried, t)
			return answer, tried, nil
		}
		if _, left := errors.AsType[*unsaid](failed); left {
			attempts-- // nobody was to be asked
		}
		if asked { // of others the error and its history must not speak (ER-08)
			t.Type = failed.Type
			tried = append(tried, t)
			failed.ProviderName = t.ProviderName
		}
		if ctx.Err() != nil { // whoever ended the request: it was no provider, and nobody else is asked
			failed.Previous = previous(tried)
			return nil, tried, failed
		}
		if !r.staged(req, c) {
			r.blame(c, failed)
		}
		out.add(c, failed)
		if !failed.Fault.Next() && !failed.Fault.NextModel() {
			failed.Previous = previous(tried)
			return nil, tried, failed
		}
	}
	failed := out.verdict(req, plan, tried)
	failed.Files = attached.Files()
	return nil, tried, failed
}

// attempt asks one candidate. status is the upstream's, 0 if it never answered;
// asked is false where it failed before there was anything to send.
func (r *Relay) attempt(ctx context.Context, req *llm.Request, plan route.Plan, c route.Candidate, attached *media.Attached) (a *Answer, status int, asked bool, failed *llm.Error) {
	live, ok := r.Providers(c.Endpoint.Provider)
	if !ok {
		return nil, 0, false, &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "The endpoint has no provider", Err: errors.New(c.Endpoint.ID)}
	}
	began := r.Now()
	made, failed := r.prepare(ctx, req, c, live, attached)
	if failed != nil {
		return nil, 0, false, failed
	}
	lost := append(r.Loses(req, c.Endpoint), unkept(req, made, upstream(live, c.Endpoint))...)
	x, failed := r.send(ctx, made, plan, c, live, lost)
	if failed != nil {
		return nil, x.status, x.asked, failed
	}
	ahead, err := peek(x.stream, x.watch)
	if err != nil {
		x.stream.Close()
		return nil, x.status, true, x.watch.explain(ctx, err)
	}
	x.watch.committed()
	return &Answer{
		From: c, Live: live, Lost: x.lost, Files: attached.Files(), Began: began, FirstContent: r.Now(), staged: r.staged(req, c),
		Stream: &replay{ahead: ahead, rest: x.stream, watch: x.watch, ctx: ctx},
	}, x.status, true, nil
}

// peek reads up to and including the first chunk that commits: one with content,
// or with a good finish. An answer that ends in error before any content is no
// answer, and neither is one that says more than an event may hold without any
// (R6).
func peek(s llm.Stream, w *watch) ([]llm.Chunk, error) {
	var ahead []llm.Chunk
	held := 0
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			return nil, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer was empty"}
		}
		if err != nil {
			return nil, err
		}
		w.progress(c)
		ahead = append(ahead, c)
		for _, e := range c.Events {
			if e.Kind == llm.Finish && e.Finish.Unified == llm.FinishError {
				return nil, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer ended in an error", ProviderCode: e.Finish.Native}
			}
			if e.Content() || e.Kind == llm.Finish {
				return ahead, nil
			}
		}
		if held += len(c.Raw) + perEvent*(1+len(c.Events)); held > maxEvent {
			return nil, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer has no content"}
		}
		last := &ahead[len(ahead)-1]
		last.Events, last.Raw = slices.Clone(last.Events), slices.Clone(last.Raw)
	}
}

// perEvent is about what an event takes in memory, in bytes.
const perEvent = 256

// replay is an answer's stream: what was peeked, then the rest.
type replay struct {
	ahead []llm.Chunk
	rest  llm.Stream
	watch *watch
	ctx   context.Context //nolint:containedctx // whose end explains an error of the stream; a stream lives within one request
	ended bool
}

func (p *replay) Next() (llm.Chunk, error) {
	if len(p.ahead) > 0 {
		c := p.ahead[0]
		p.ahead[0] = llm.Chunk{} // a whole answer is large
		p.ahead = p.ahead[1:]
		c.More = c.More || len(p.ahead) > 0
		return c, nil
	}
	c, err := p.rest.Next()
	switch {
	case err == nil:
		p.watch.progress(c)
		return c, nil
	case errors.Is(err, io.EOF):
		p.ended = true
		return c, err
	default:
		return c, p.watch.explain(p.ctx, err)
	}
}

func (p *replay) Close() error {
	if p.ended {
		p.watch.rest()
	}
	return p.rest.Close()
}

// blame tells health whose fault a failure was. Faults of ours, of the caller,
// and a rate limit do not count against an endpoint (HM-01, R4).
func (r *Relay) blame(c route.Candidate, e *llm.Error) {
	id := c.Endpoint.ID
	switch e.Fault {
	case llm.FaultBusy:
		r.Health.Limited(id)
		r.Health.Cool(keyOf(c), e.RetryAfter)
	case llm.FaultCredential, llm.FaultMissing, llm.FaultOverloaded, llm.FaultUpstream, llm.FaultTimeout:
		d, dialled := errors.AsType[*egress.DialError](e)
		if dialled && d.Kind == egress.DNS && resolverFailed(d) {
			r.Health.Released(id)
			return // F03: our resolver, not their name
		}
		r.Health.Failed(id, dialled && d.Kind == egress.Refused)
	default:
		r.Health.Released(id)
	}
}

func resolverFailed(d *egress.DialError) bool {
	dns, ok := errors.AsType[*net.DNSError](d)
	return ok && !dns.IsNotFound
}

// faultHeader asks sim to perform a fault.
const faultHeader = "X-Turnpike-Sim"

// staged reports that the caller has a fault performed by a provider that takes
// such orders: what then happens says nothing of the endpoint.
func (r *Relay) staged(req *llm.Request, c route.Candidate) bool {
	live, ok := r.Providers(c.Endpoint.Provider)
	return ok && len(only(req, live.Forward).Forward[faultHeader]) > 0
}

// Ended tells health how an answer went on after its first content: output
// tokens if it ended well, or the error that broke it.
func (r *Relay) Ended(a *Answer, output int64, failed *llm.Error) {
	switch {
	case a.staged:
		return
	case failed != nil:
		r.blame(a.From, failed)
		return
	}
	r.Health.Succeeded(a.From.Endpoint.ID, health.Sample{Latency: a.FirstContent.Sub(a.Began), Output: output, Took: r.Now().Sub(a.Began)})
}

// away says why a candidate must not be asked now, nil if it may be: its key cools
// (F12), or it was ejected and none but a trial may ask it (F24).
func (r *Relay) away(c route.Candidate) *llm.Error {
	if cooling := r.Health.Cooling(keyOf(c)); cooling > 0 {
		return &llm.Error{
			Type: llm.TypeRateLimit, Fault: llm.FaultBusy, RetryAfter: cooling,
			Message: fmt.Sprintf("%s asked not to be called for another %s", c.Provider.Name, cooling.Round(time.Second)),
		}
	}
	if ok, wait := r.Health.Admit(c.Endpoint.ID); !ok {
		return &llm.Error{
			Type: llm.TypeOverloaded, Fault: llm.FaultOverloaded, RetryAfter: wait,
			Message: fmt.Sprintf("%s failed again and again and is left alone for another %s", c.Provider.Name, wait.Round(time.Second)),
		}
	}
	return nil
}

func keyOf(c route.Candidate) health.Key {
	return health.Key{Provider: c.Endpoint.Provider, Endpoint: c.Endpoint.ID}
}

// outcomes gathers how the candidates of a plan failed.
type outcomes struct {
	list []outcome
	shut []string // models whose request was refused as such: no other endpoint of theirs is asked
}

type outcome struct {
	model string
	err   *llm.Error
}

func (o *outcomes) add(c route.Candidate, e *llm.Error) {
	o.list = append(o.list, outcome{c.Model.ID, e})
	if !e.Fault.Next() {
		o.shut = append(o.shut, c.Model.ID)
	}
}

func (o *outcomes) closed(c route.Candidate) bool { return slices.Contains(o.shut, c.Model.ID) }

// verdict is the error of a request whose candidates all failed: that of the
// model which was tried last (FB-03). One failure speaks for itself, and so does
// the last where it is the caller's fault or where trying again helps nobody
// (ER-09); otherwise ER-06.
func (o *outcomes) verdict(req *llm.Request, plan route.Plan, tried []record.Try) *llm.Error {
	if len(o.list) == 0 {
		return &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "The plan had no candidate"}
	}
	end := o.list[len(o.list)-1]
	var errs []*llm.Error
	for _, x := range o.list {
		if x.model == end.model {
			errs = append(errs, x.err)
		}
	}
	last := *end.err
	last.Previous = previous(tried)
	last.RetryAfter = o.retryAfter()
	all := func(faults ...llm.Fault) bool {
		return !slices.ContainsFunc(errs, func(e *llm.Error) bool { return !slices.Contains(faults, e.Fault) })
	}
	switch {
	case last.Fault == llm.FaultCaller || last.Fault == llm.FaultRefused:
	case all(llm.FaultBusy):
		last.Type, last.Message = llm.TypeRateLimit, "Every provider of this model is rate limited: try again later"
		last.Availability = &llm.Availability{Code: "capacity_exhausted", Retryable: true}
	case all(llm.FaultMissing):
		last.Type, last.Message = llm.TypeNotFound, "The model is not available at any of its providers any more"
		last.Availability = &llm.Availability{Code: "model_unavailable_upstream"}
	case all(llm.FaultCaller, llm.FaultRefused, llm.FaultUnsuited, llm.FaultMissing):
		if list := o.leftOut(); len(list) > 0 { // which others would not have been
			last = *nobody(req, plan, list)
			last.Previous = previous(tried)
		}
	case len(errs) > 1:
		last.Type, last.Message = llm.TypeOverloaded, "Every provider of this model failed: try again later"
		last.Availability = &llm.Availability{Code: "temporarily_unavailable", Retryable: true}
	}
	return &last
}

// retryAfter is the smallest hint of any attempt (ER-07).
func (o *outcomes) retryAfter() (least time.Duration) {
	for _, x := range o.list {
		if hint := x.err.RetryAfter; hint > 0 && (least == 0 || hint < least) {
			least = hint
		}
	}
	return least
}

func previous(tried []record.Try) []llm.Attempt {
	out := make([]llm.Attempt, 0, len(tried))
	for _, t := range tried {
		status := t.Status
		if status == 0 || status == http.StatusOK {
			status = t.Type.Status()
		}
		out = append(out, llm.Attempt{Provider: t.ProviderName, Code: t.Type, Status: status})
	}
	return out
}
