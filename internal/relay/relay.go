package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/compress"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// Timeouts of one attempt, where provider and endpoint say nothing else.
type Timeouts struct {
	// FirstByte bounds every silence before the first content. An answer that is
	// not streamed arrives when it is all written: for it the limit grows by 50 ms
	// for each output token asked for (20 tokens a second).
	FirstByte time.Duration
	// Idle bounds every silence after it.
	Idle time.Duration
	// Attempt bounds the time to the first content whatever comes before it, so that
	// an endpoint which trickles is left while another may still be asked; it grows as
	// FirstByte does. 0: no limit.
	Attempt time.Duration
	// Total is what a whole request may take; 0: any time. It ends with its context:
	// here, it keeps attempts from beginning that could not come to anything.
	Total time.Duration
}

// What must be left of a request's time for a further attempt to begin: a twentieth of
// it, or this.
const (
	restShare = 20
	restMost  = 5 * time.Second
)

// perToken is what an answer that is not streamed is allowed for each token, up
// to maxPatience of them: an hour.
const (
	perToken    = 50 * time.Millisecond
	maxPatience = int64(time.Hour / perToken)
)

// progressLimits times Idle spent reading without an event, although bytes come,
// is a stall dressed in pings (F27).
const progressLimits = 5

// Relay asks candidates in turn. All exported fields are set before use; the others
// bound what all requests together do to upstreams.
type Relay struct {
	Door      *egress.Door
	Catalog   func() *catalog.Snapshot // as it is now; nil: as each plan has it
	Providers func(slug string) (provider.Live, bool)
	Health    *health.Tracker
	Timeouts  Timeouts
	Attempts  int           // at most, over all models of a request
	Reads     chan struct{} // a slot for each document that may be read at a time; nil: any number
	Room      *Room         // for whole answers while they are read; nil: without end
	Log       *slog.Logger  // for what the operator alone can mend; nil: nobody is told
	Now       func() time.Time

	budgets budgets
	gates   gates
	traffic traffic
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
	Echoes []llm.Echo     // what this endpoint and those before it were sent, for a caller who asked

	Sent       llm.Needs       // of what the endpoint was sent
	Compressed compress.Report // what of the prompt was left out on the way

	Began        time.Time // when this attempt was sent
	FirstContent time.Time

	visit *visit
}

// Do tries the candidates of the plan until one answers with content, or ends
// well without any. tried lists every attempt in order, also on error; a candidate
// that could not be sent the request is none. Nothing is asked twice.
func (r *Relay) Do(ctx context.Context, req *llm.Request, plan route.Plan) (answer *Answer, tried []record.Try, err error) {
	t := &tour{relay: r, req: req, plan: plan, attached: media.New(r.fetcher(plan), r.Reads), began: r.Now()}
	for _, c := range plan.Candidates {
		if answer, end := t.ask(ctx, c); answer != nil || end != nil {
			return t.result(answer, end)
		}
	}
	return t.result(t.wait(ctx))
}

// attempt asks one candidate. status is the upstream's, 0 if it never answered.
func (r *Relay) attempt(ctx context.Context, req *llm.Request, plan route.Plan, v *visit, attached *media.Attached) (a *Answer, status int, failed *llm.Error) {
	c, live, began := v.at, v.live, r.Now()
	made, failed := r.prepare(ctx, req, c, live, attached)
	if failed != nil {
		return nil, 0, failed
	}
	made, cut, failed := adapt(made, c)
	if failed != nil {
		return nil, 0, failed
	}
	lost := append(r.Loses(req, c.Endpoint), unkept(req, made, upstream(live, c.Endpoint))...)
	x, failed := r.send(ctx, made, plan, v, lost)
	if failed != nil {
		return nil, x.status, failed
	}
	ahead, err := peek(x.stream, x.watch)
	if err != nil {
		x.stream.Close()
		return nil, x.status, x.watch.explain(ctx, err)
	}
	x.watch.committed()
	v.pays(resultGood)
	return &Answer{
		From: c, Live: live, Lost: x.lost, Files: attached.Files(), Sent: made.Needs, Compressed: cut, Began: began, FirstContent: r.Now(), visit: v,
		Stream: &replay{ahead: ahead, rest: x.stream, watch: x.watch, ctx: ctx, visit: v},
	}, x.status, nil
}

// peek reads up to and including the first chunk that commits: one with content,
// or with a good finish. An answer that ends in error before any content is no
// answer, and neither is one that says more than an event may hold without any
// (R6). A panic over its bytes is an error of ours (F91).
func peek(s llm.Stream, w *watch) (ahead []llm.Chunk, err error) {
	defer safe.Catch("reading an answer", &err)
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
	visit *visit
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

// Close ends the answer, and the visit with it.
func (p *replay) Close() error {
	defer p.visit.close()
	if p.ended {
		p.watch.rest()
	}
	return p.rest.Close()
}

// faultHeader asks sim to perform a fault.
const faultHeader = "X-Turnpike-Sim"

// staged reports that the caller has a fault performed by a provider that takes
// such orders: what then happens says nothing of the endpoint.
func (r *Relay) staged(req *llm.Request, live provider.Live) bool {
	return len(req.Forward) > 0 && len(only(req, live.Forward).Forward[faultHeader]) > 0
}

// Ended tells health that an answer ended well, and what was in it. It comes before the
// stream is closed, as does Broke.
func (r *Relay) Ended(a *Answer, said health.Sample) {
	said.Latency, said.Took = a.FirstContent.Sub(a.Began), r.Now().Sub(a.Began)
	a.visit.succeeded(said)
}

// Broke tells health of the error that ended an answer after its first content.
func (r *Relay) Broke(a *Answer, failed *llm.Error) { a.visit.failed(failed, 0) }

// outcomes gathers how the candidates of a plan failed.
type outcomes struct {
	list []outcome
	shut []string // models whose request was refused as such: no other endpoint of theirs is asked
}

type outcome struct {
	model, endpoint string
	err             *llm.Error
}

func (o *outcomes) add(c route.Candidate, e *llm.Error) {
	o.list = append(o.list, outcome{c.Model.ID, c.Endpoint.ID, e})
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
	several := false // failures: those of one endpoint's keys may be one and the same
	for _, x := range o.list {
		if x.model == end.model {
			errs = append(errs, x.err)
			several = several || x.endpoint != end.endpoint || x.err.Fault != end.err.Fault
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
	case several:
		last.Type, last.Message = llm.TypeOverloaded, "Every provider of this model failed: try again later"
		last.Availability = &llm.Availability{Code: "temporarily_unavailable", Retryable: true}
	case last.Type == llm.TypeOverloaded && last.Fault != llm.FaultOurs:
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
