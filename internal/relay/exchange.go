package relay

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// maxErrorBody is how much of an upstream's error is read (F22).
const maxErrorBody = 64 << 10

// exchange is one upstream request with its answer.
type exchange struct {
	status int
	stream llm.Stream
	watch  *watch
	lost   []string // of the request
}

// Streamed reports whether the request is sent upstream as a stream. A caller
// who does not stream and sets no output limit is streamed for all the same:
// then its hold can start small and grow, and a silent provider shows early.
func Streamed(req *llm.Request, noStream bool) bool {
	return !noStream && (req.Stream || req.Needs.MaxTokens == 0)
}

func (r *Relay) send(ctx context.Context, req *llm.Request, plan route.Plan, v *visit, lost []string) (x exchange, failed *llm.Error) {
	c, live := v.at, v.live
	up, to := upstream(live, c.Endpoint), target(req, c.Endpoint)
	to.Prefill = prefill(live, c.Endpoint)
	streamed := to.Stream
	if up == nil {
		return x, &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "The endpoint's dialect is not spoken here", Err: errors.New(c.Endpoint.ID)}
	}
	req = only(req, live.Forward)
	call, err := up.Encode(req, to)
	if err != nil {
		return x, asError(err)
	}
	if call, err = fix(call, c.Endpoint.Fixed); err != nil {
		return x, asError(err)
	}
	x.lost = append(lost, call.Lost...)
	if failed := strictly(req, c, x.lost); failed != nil {
		return x, failed
	}
	x.watch = newWatch(ctx, r.limits(req, c, live, streamed), r.Now)
	sent := newPayload(call.Body, v.active.mayRepeat)
	hreq, place, err := r.build(x.watch.ctx, req, call, sent, c, live, streamed)
	if err != nil {
		x.watch.stop()
		return x, &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "The provider's address is not usable", Err: err}
	}
	v.sent = true
	if x.watch.secrets, err = live.Sign(hreq, v.key); err != nil {
		defer x.watch.stop()
		return x, x.watch.explain(ctx, classify(err))
	}
	if req.Echo {
		v.echo = echo(call.Body, req.UserHash, x.watch.secrets)
	}
	if left := r.withdrawn(plan, c); left != nil { // while what the request refers to was fetched, or a token
		v.sent = false
		x.watch.stop()
		return x, left
	}
	resp, err := r.Door.Do(hreq, r.pass(plan, c, place, sent)) //nolint:bodyclose // closed through what guards it
	if err != nil {
		defer x.watch.stop()
		r.astray(c, err)
		return x, x.watch.explain(ctx, r.unresolved(classify(err)))
	}
	sent.drop()
	x.status = resp.StatusCode
	body := x.watch.guard(resp.Body)
	if resp.StatusCode != http.StatusOK {
		defer body.Close()
		text, _ := io.ReadAll(io.LimitReader(body, maxErrorBody)) // what could be read is classified
		if ctx.Err() != nil {
			return x, x.watch.explain(ctx, ctx.Err())
		}
		if resp.StatusCode == http.StatusUnauthorized {
			v.key.Refused(hreq)
		}
		return x, withhold(up.Error(resp.StatusCode, resp.Header, text), x.watch.secrets)
	}
	x.stream, failed = r.open(x.watch.ctx, resp, body, up.NewDecoder(req, to), up.Name(), streamed)
	if failed != nil {
		body.Close()
	}
	return x, failed
}

// only is the request with those of the caller's headers that the provider may be
// sent.
func only(req *llm.Request, names []string) *llm.Request {
	if len(req.Forward) == 0 {
		return req
	}
	seen := *req
	seen.Forward = make(http.Header, len(names))
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		if values := req.Forward[name]; len(values) > 0 {
			seen.Forward[name] = values
		}
	}
	return &seen
}

// fix sets what the endpoint always sends, such as the member that makes a plain
// native model its fast variant.
func fix(call dialect.Call, f catalog.Fixed) (dialect.Call, error) {
	if len(f.Headers) > 0 && call.Header == nil {
		call.Header = make(http.Header, len(f.Headers))
	}
	for name, value := range f.Headers {
		call.Header.Add(name, value)
	}
	if len(f.Body) == 0 {
		return call, nil
	}
	edits := make([]splice.Edit, 0, len(f.Body))
	for _, name := range slices.Sorted(maps.Keys(f.Body)) {
		edits = append(edits, splice.Set(name, []byte(f.Body[name])))
	}
	var err error
	call.Body, err = splice.Apply(nil, call.Body, edits...)
	return call, err
}

func upstream(live provider.Live, e *catalog.Endpoint) dialect.Upstream {
	d := live.Default
	if e.Dialect != "" {
		d = llm.Dialect(e.Dialect)
	}
	return live.Speaks[d]
}

// limits bound an attempt at one endpoint; see [Timeouts].
type limits struct{ first, idle, attempt time.Duration }

func (r *Relay) limits(req *llm.Request, c route.Candidate, live provider.Live, streamed bool) limits {
	l := limits{r.Timeouts.FirstByte, r.Timeouts.Idle, r.Timeouts.Attempt}
	for _, over := range []limits{{live.FirstByte, live.Idle, live.Attempt}, {c.Endpoint.FirstByte, c.Endpoint.Idle, c.Endpoint.Attempt}} {
		l = limits{cmp.Or(over.first, l.first), cmp.Or(over.idle, l.idle), cmp.Or(over.attempt, l.attempt)}
	}
	if !streamed {
		asked := req.Needs.MaxTokens
		if asked == 0 {
			asked = c.Endpoint.MaxCompletionTokens
		}
		more := time.Duration(min(asked, maxPatience)) * perToken
		l.first += more
		if l.attempt > 0 {
			l.attempt += more
		}
	}
	return l
}

// build makes the upstream request. place is where the endpoint is, whatever signs the
// request makes of it.
func (r *Relay) build(ctx context.Context, req *llm.Request, call dialect.Call, sent *payload, c route.Candidate, live provider.Live, streamed bool) (hreq *http.Request, place string, err error) {
	base := live.BaseURL
	if c.Endpoint.BaseURL != "" {
		base = c.Endpoint.BaseURL
	}
	root, err := url.Parse(base)
	if err != nil {
		return nil, "", err
	}
	u, err := url.Parse(strings.TrimSuffix(base, "/") + call.Path)
	if err != nil {
		return nil, "", err
	}
	if u.Host != root.Host || u.User != nil || u.Fragment != "" { // S14: a model name may not change where we go
		return nil, "", fmt.Errorf("path %q changes the host of %q", call.Path, root.Host)
	}
	body, err := sent.open()
	if err != nil {
		return nil, "", err
	}
	hreq = (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        make(http.Header, 8),
		Body:          body,
		GetBody:       sent.repeat,
		ContentLength: int64(len(call.Body)),
	}).WithContext(ctx)
	maps.Copy(hreq.Header, req.Forward)
	maps.Copy(hreq.Header, call.Header)
	hreq.Header.Set("Content-Type", "application/json")
	hreq.Header.Set("User-Agent", "turnpike")
	switch {
	case call.Header.Get("Accept") != "": // a framing of the dialect's own
	case streamed:
		hreq.Header.Set("Accept", "text/event-stream")
	default:
		hreq.Header.Set("Accept", "application/json")
	}
	return hreq, root.Host, nil
}

// open reads the answer by what it says it is, which need not be what was asked
// for: a whole completion may answer a stream request, a page never does (F40).
func (r *Relay) open(ctx context.Context, resp *http.Response, body io.ReadCloser, dec dialect.Decoder, from llm.Dialect, streamed bool) (llm.Stream, *llm.Error) {
	size := resp.ContentLength
	if resp.Header.Get("Content-Encoding") != "" {
		size = -1
	}
	body, err := decompress(resp, body)
	if err != nil {
		return nil, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer has an unknown encoding", Err: err}
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" where there is none
	switch {
	case kind == "text/event-stream", kind == "" && streamed:
		return ReadStream(body, dec, from), nil
	case kind == "application/vnd.amazon.eventstream":
		return ReadEventStream(body, dec, from), nil
	case kind == "application/json", kind == "", strings.HasSuffix(kind, "+json"):
		return &whole{ctx: ctx, room: r.Room, body: body, size: size, dec: dec, from: from}, nil
	default:
		return nil, &llm.Error{
			Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer is of an unusable type",
			Err: fmt.Errorf("content type %q", kind),
		}
	}
}

// decompress undoes a compression nobody asked for (F51); what comes out is
// capped by its reader.
func decompress(resp *http.Response, body io.ReadCloser) (io.ReadCloser, error) {
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return &gunzip{body: body}, nil
	default:
		return nil, fmt.Errorf("content encoding %q", resp.Header.Get("Content-Encoding"))
	}
}

type gunzip struct {
	body io.ReadCloser
	z    *gzip.Reader
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.z == nil {
		z, err := gzip.NewReader(g.body)
		if err != nil {
			return 0, err
		}
		g.z = z
	}
	return g.z.Read(p)
}

func (g *gunzip) Close() error { return g.body.Close() }

// asError is err as an *llm.Error; one that is none is a bug of ours.
func asError(err error) *llm.Error {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return e
	}
	return &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error", Err: err}
}

// classify says what a request that got no answer means.
func classify(err error) *llm.Error {
	if e, ok := errors.AsType[*llm.Error](err); ok { // of whoever gives tokens
		return e
	}
	if errors.Is(err, egress.ErrNotAllowed) {
		return &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error", Err: err}
	}
	if d, ok := errors.AsType[*egress.DialError](err); ok {
		switch d.Kind {
		case egress.Timeout:
			return &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultTimeout, Message: "The provider could not be reached in time", Err: err}
		case egress.Local: // F90: ours, and no provider's
			return &llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOurs, Message: "The gateway is out of resources: try again later", RetryAfter: time.Second, Err: err}
		default:
			return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider could not be reached", Err: err}
		}
	}
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider broke off before it answered", Err: err}
}

var (
	errSilent     = errors.New("no byte within the limit")
	errNoProgress = errors.New("bytes but no event within the limit")
	errTooLong    = errors.New("no content within the limit of an attempt")
)

// watch ends an attempt that is silent for too long. It owns the attempt's
// context. Once the headers are in, its clock runs only during reads: a caller
// who is slow to take the answer is no silent provider.
type watch struct {
	ctx     context.Context //nolint:containedctx // the attempt's own, made here
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	whole   *time.Timer // of the attempt, until content comes; nil: it may take any time
	now     func() time.Time
	idle    time.Duration
	body    *guarded
	secrets []string // that the provider was sent: no error tells them
	waited  *egress.Waited

	// Of the one goroutine that sends the request and reads the answer.
	gap   time.Duration // the silence allowed now
	quiet time.Duration // time spent in reads since an event last came
}

func newWatch(ctx context.Context, l limits, now func() time.Time) *watch {
	w := &watch{idle: l.idle, gap: l.first, now: now, waited: egress.WaitedIn(ctx)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(l.first, safe.Func("ending an attempt", func() { w.cancel(errSilent) }))
	if l.attempt > 0 {
		w.whole = time.AfterFunc(l.attempt, safe.Func("ending an attempt", func() { w.cancel(errTooLong) }))
	}
	return w
}

// progress notes that an event came; a ping is none.
func (w *watch) progress(c llm.Chunk) {
	if len(c.Events) > 0 {
		w.quiet = 0
	}
}

// committed notes that content came: from here on the idle limit holds.
func (w *watch) committed() {
	w.gap = w.idle
	if w.whole != nil {
		w.whole.Stop()
	}
}

func (w *watch) stop() {
	w.timer.Stop()
	if w.whole != nil {
		w.whole.Stop()
	}
	w.cancel(context.Canceled)
}

// guard is the body under watch; closing it ends the attempt.
func (w *watch) guard(body io.ReadCloser) io.ReadCloser {
	w.timer.Stop() // the head is here; to wait for room to read the rest is no silence
	w.body = &guarded{body: body, w: w}
	return w.body
}

// What an upstream may still send after its answer has ended, and how long it may
// take for that.
const (
	restSize = 4 << 10
	restTime = 100 * time.Millisecond
)

// rest reads what follows an answer that has ended, mostly nothing but the end
// itself, so that the connection can be used again. It does not wait long for it
// (F30).
func (w *watch) rest() {
	w.gap = restTime
	_, _ = io.CopyN(io.Discard, w.body, restSize) // whatever it is
}

type guarded struct {
	body io.ReadCloser
	w    *watch
}

func (g *guarded) Read(p []byte) (int, error) {
	w := g.w
	began := w.now()
	w.timer.Reset(w.gap)
	n, err := g.body.Read(p)
	w.timer.Stop()
	waited := w.now().Sub(began)
	w.waited.Add(waited)
	w.quiet += waited
	if n > 0 && w.quiet > max(progressLimits*w.idle, w.gap) {
		w.cancel(errNoProgress)
		return 0, errNoProgress
	}
	return n, err
}

func (g *guarded) Close() error {
	g.w.stop()
	return g.body.Close()
}

// explain is the failure in the light of who ended the attempt: whoever ended
// the whole request, with an *llm.Error as the cause, or our timer.
func (w *watch) explain(request context.Context, err error) *llm.Error {
	if request.Err() != nil {
		return givenUp(request)
	}
	if cause := context.Cause(w.ctx); slices.Contains([]error{errSilent, errNoProgress, errTooLong}, cause) {
		return &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultTimeout, Message: "The provider took too long to answer", Err: cause}
	}
	return withhold(asError(err), w.secrets)
}

// givenUp is why a request has ended.
func givenUp(request context.Context) *llm.Error {
	cause := context.Cause(request)
	if e, ok := errors.AsType[*llm.Error](cause); ok {
		ended := *e
		return &ended
	}
	return &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultGone, Message: "The request was given up", Err: cause}
}
