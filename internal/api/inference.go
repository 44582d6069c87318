package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/fusion"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/preset"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// uploadLimit is how long a request body may take to arrive (F60).
const uploadLimit = 30 * time.Second

// Inference is what the routes of all client dialects share.
type Inference struct {
	Gateway   *gateway.Gateway
	Presets   *preset.Presets // that requests may name; nil: there are none
	BodyLimit int64           // bytes
	KeepAlive time.Duration   // of silence, before a stream gets a comment
	NewID     func() string   // gen-...
	Log       *slog.Logger
	// DefaultModel is the model of a key's requests that name none, "" for none; nil: nobody has one.
	DefaultModel func(ctx context.Context, who identity.Principal) (string, error)
}

// dialects are the routes of inference: a new client dialect is a line here.
func (i Inference) dialects() []generation {
	return []generation{
		{i, "POST /chat/completions", chat.Client()},
		{i, "POST /responses", responses.Client()},
		{i, "POST /messages", messages.Client()},
		{i, "POST /completions", completions.Client()},
	}
}

// generation answers inference requests in one client dialect.
type generation struct {
	Inference
	pattern string
	client  dialect.Client
}

// serve answers one request.
func (g generation) serve(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	text, err := readBody(w, r, g.BodyLimit)
	if err != nil {
		g.refuse(w, dialect.Refusal{Error: asError(err)})
		return
	}
	began := time.Now()
	req, said, err := g.understand(r.Context(), who, g.client, text, r.Header)
	timingOf(w).parse = time.Since(began)
	if err != nil {
		g.refuse(w, dialect.Refusal{Error: asError(err)})
		return
	}
	if req.Strict, err = strict(r.Header.Get("X-Turnpike-Strict")); err != nil {
		g.refuse(w, dialect.Refusal{Error: asError(err)})
		return
	}
	req.Cache = caching(r.Header, said)
	run := g.Gateway.Run
	switch deliberates, err := fusion.Offer(req, r.Header); {
	case err != nil:
		g.refuse(w, dialect.Refusal{Error: asError(err)})
		return
	case deliberates:
		run = fusion.Fusion{Gateway: g.Gateway, NewID: g.NewID, Log: g.Log}.Run
	}
	g.answer(w, r, who, req, run)
}

// strict reads the header that lets nothing be lost on the way to an endpoint.
func strict(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, llm.Bad("X-Turnpike-Strict: want true or false")
	}
}

// countTokens estimates what a Messages request would have in tokens (AM-09). A
// model that could not be asked is refused as it is by POST /messages.
func (i Inference) countTokens(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	refuse := func(err error) { writeRefusal(w, messages.Client().Refuse, dialect.Refusal{Error: asError(err)}) }
	text, err := readBody(w, r, i.BodyLimit)
	if err != nil {
		refuse(err)
		return
	}
	said, err := i.named(r.Context(), who, llm.Messages, text)
	if err != nil {
		refuse(err)
		return
	}
	answer, models, err := messages.CountTokens(said.Body, r.Header)
	if err == nil {
		err = i.Gateway.Check(models)
	}
	if err != nil {
		refuse(err)
		return
	}
	write(w, http.StatusOK, answer)
}

func (g generation) refuse(w http.ResponseWriter, r dialect.Refusal) {
	writeRefusal(w, g.client.Refuse, r)
}

func managementKey() *llm.Error {
	return &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultCaller,
		Message: "Management keys cannot be used for inference: create a user key with POST /api/v1/keys and use that",
	}
}

// runner is [gateway.Gateway.Run], or has it do more.
type runner func(context.Context, identity.Principal, *llm.Request, dialect.Emitter, *record.Outcome) error

func (g generation) answer(w http.ResponseWriter, r *http.Request, who identity.Principal, req *llm.Request, run runner) {
	req.ID = g.NewID()
	w.Header().Set("X-Generation-Id", req.ID) // ST-08
	if g.Gateway.Caches(r.Context(), who, req) {
		missed(w.Header(), req.Cache)
	}
	ctx, waited := egress.Watch(r.Context())
	timingOf(w).waited = waited
	out := newSink(w, req.Stream, g.KeepAlive)
	defer out.close()
	o := outcome(r)
	emitter := announcer{healing(req, g.client.NewEmitter(out, req)), out, g.Gateway.Now, &o}
	err := run(ctx, who, req, emitter, &o)
	defer out.trail()
	if err == nil {
		out.deliver()
		return
	}
	out.spent(o.Spent)
	out.classed(&o)
	e := placed(asError(err), req)
	g.log(r, &o, e)
	refusal := dialect.Refusal{Error: e, ID: req.ID, Models: req.Models, Router: told(&o)}
	if status, _ := g.client.Refuse(refusal); status != 0 && out.withdraw() {
		unkept(w.Header())
		g.refuse(w, refusal)
		return
	}
	// A keep-alive has gone out and with it the status (F25), or the dialect makes
	// an answer of such an error (ER-12): it is said in band.
	emitter.Begin(dialect.Head{ID: req.ID, Model: req.Models[0], Created: o.Began.Unix(), Router: told(&o), Echoes: e.Echoes})
	_ = emitter.Fail(e, llm.Usage{}) // a caller that cannot be written to has left
	out.deliver()
}

// announcer tells in the answer's head what was lost on the way to the endpoint, and
// gives the answer the clock.
type announcer struct {
	dialect.Emitter
	out *sink
	now func() time.Time
	o   *record.Outcome
}

func (a announcer) Begin(h dialect.Head) {
	a.out.spent(a.o.Spent)
	a.out.classed(a.o)
	if len(h.Lost) > 0 {
		a.out.announce("X-Turnpike-Lossy", strings.Join(h.Lost, ", "))
	}
	if h.Cached != nil {
		a.out.given(h.Cached)
	}
	h.Now = a.now
	a.Emitter.Begin(h)
}

// log tells the operator what the caller is not told.
func (g generation) log(r *http.Request, o *record.Outcome, e *llm.Error) {
	level := slog.LevelInfo
	if e.Fault == llm.FaultOurs {
		level = slog.LevelError
	}
	g.Log.LogAttrs(r.Context(), level, "request failed",
		slog.String("id", o.ID), slog.String("account", o.Account), slog.String("model", o.Requested),
		slog.String("type", string(e.Type)), slog.Int("attempts", len(o.Tried)), slog.String("err", e.Noted()))
}

// outcome begins a record with what the request's head says (AU-06).
func outcome(r *http.Request) record.Outcome {
	site, app := attribution(r.Header)
	return record.Outcome{Referer: site, Title: titleOf(r.Header), App: app, UserAgent: clip(r.UserAgent()), Told: asksForRouting(r.Header)}
}

// asksForRouting is what is to be filled in for a caller who wants to be told of the
// routing, else nil (MD-01). The second name is an older one.
func asksForRouting(h http.Header) *llm.RouterMetadata {
	for _, name := range [...]string{"X-Openrouter-Metadata", "X-Openrouter-Experimental-Metadata"} {
		if v := h.Get(name); v != "" {
			if strings.EqualFold(v, "enabled") {
				return &llm.RouterMetadata{}
			}
			return nil
		}
	}
	return nil
}

// told is what there is to tell of the routing: nothing where nobody asked, or where the
// request was not routed at all (MD-02).
func told(o *record.Outcome) *llm.RouterMetadata {
	if o.Told == nil || o.Told.Strategy == "" {
		return nil
	}
	return o.Told
}

// clip bounds what is kept of a header.
func clip(s string) string {
	const most = 256
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}

// errSlow says that a body did not arrive within the time for uploads.
var errSlow = errors.New("api: the upload took too long")

// readBody reads a body of at most limit bytes, within the time that the guard
// has set for uploads.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	tooLarge := &llm.Error{
		Type: llm.TypePayloadTooLarge, Fault: llm.FaultCaller,
		Message: fmt.Sprintf("The request body is over the limit of %d bytes", limit),
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // what follows is not read
		return nil, tooLarge
	}
	// The server's own writer: told of a body that is too large, it lets the answer arrive
	// before it closes the connection.
	r.Body = http.MaxBytesReader(timingOf(w).ResponseWriter, r.Body, limit)
	began := time.Now()
	text, err := readAll(r)
	timingOf(w).upload = time.Since(began)
	switch _, over := errors.AsType[*http.MaxBytesError](err); {
	case err == nil:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // unsupported by test recorders only
		return text, nil
	case over:
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request body took too long to arrive", Err: errSlow}
	default:
		return nil, llm.Bad("The request body did not arrive whole")
	}
}

// eager is up to which announced length a body is allotted before it is here.
const eager = 1 << 20

func readAll(r *http.Request) ([]byte, error) {
	if n := r.ContentLength; n > 0 && n <= eager {
		text := make([]byte, n)
		_, err := io.ReadFull(r.Body, text)
		return text, err
	}
	return io.ReadAll(r.Body)
}
