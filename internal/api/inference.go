package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// uploadLimit is how long a request body may take to arrive (F60).
const uploadLimit = 30 * time.Second

// Generation answers inference requests in one client dialect.
type Generation struct {
	Gateway   *gateway.Gateway
	Client    dialect.Client
	BodyLimit int64         // bytes
	KeepAlive time.Duration // of silence, before a stream gets a comment
	NewID     func() string // gen-...
	Log       *slog.Logger
}

// Serve answers one request.
func (g Generation) Serve(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	if who.Management { // before the body: a wrong key needs no parsing
		writeError(w, managementKey())
		return
	}
	text, err := readBody(w, r, g.BodyLimit)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	req, err := g.Client.Parse(text, r.Header)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	g.answer(w, r, who, req)
}

func managementKey() *llm.Error {
	return &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultCaller,
		Message: "Management keys cannot be used for inference: create a user key with POST /api/v1/keys and use that",
	}
}

func (g Generation) answer(w http.ResponseWriter, r *http.Request, who identity.Principal, req *llm.Request) {
	req.ID = g.NewID()
	w.Header().Set("X-Generation-Id", req.ID) // ST-08
	out := newSink(w, req.Stream, g.KeepAlive)
	defer out.close()
	emitter := g.Client.NewEmitter(out, req)
	o := outcome(r)
	err := g.Gateway.Run(r.Context(), who, req, emitter, &o)
	if err == nil {
		out.deliver()
		return
	}
	e := asError(err)
	g.log(r, &o, e)
	if out.withdraw() {
		writeError(w, e, req.Models...)
		return
	}
	// A keep-alive has gone out and with it the status: the rest is in band (F25).
	emitter.Begin(dialect.Head{ID: req.ID, Model: req.Models[0], Created: o.Began.Unix()})
	_ = emitter.Fail(e, llm.Usage{}) // a caller that cannot be written to has left
}

// log tells the operator what the caller is not told.
func (g Generation) log(r *http.Request, o *record.Outcome, e *llm.Error) {
	level := slog.LevelInfo
	if e.Fault == llm.FaultOurs {
		level = slog.LevelError
	}
	g.Log.LogAttrs(r.Context(), level, "request failed",
		slog.String("id", o.ID), slog.String("account", o.Account), slog.String("model", o.Requested),
		slog.String("type", string(e.Type)), slog.Int("attempts", len(o.Tried)), slog.Any("err", e))
}

// outcome begins a record with what the request's head says (AU-06).
func outcome(r *http.Request) record.Outcome {
	title := r.Header.Get("X-OpenRouter-Title")
	if title == "" {
		title = r.Header.Get("X-Title")
	}
	return record.Outcome{Referer: clip(r.Referer()), Title: clip(title), UserAgent: clip(r.UserAgent())}
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
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	text, err := readAll(r)
	switch _, over := errors.AsType[*http.MaxBytesError](err); {
	case err == nil:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // unsupported by test recorders only
		return text, nil
	case over:
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
