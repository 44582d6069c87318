// Package api is Turnpike over HTTP: routes, authentication, and the contract's
// shapes of what goes in and out. Everything OpenRouter serves is at the same
// path under /api/v1; the same handlers answer under /v1.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Routes are the handlers of each part of the API.
type Routes struct {
	Inference  Inference
	Catalogue  Catalogue
	Keys       Keys
	Credits    Credits
	Presets    Presets
	Generation Lookup
	Past       Past
	Audit      Audit
	Policies   Policies
	Alive      Alive
}

// access says which keys a route is for (AU-03, AU-04).
type access uint8

const (
	anyKey access = iota
	userKey
	managementOnly
)

// Authenticator tells who a bearer token is.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (identity.Principal, error)
}

// New is the whole HTTP surface.
func New(rs Routes, auth Authenticator, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	s := server{auth: auth, log: log}
	for _, prefix := range []string{"/api/v1", "/v1"} {
		open := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(at(prefix, pattern), h) }
		open("GET /models", rs.Catalogue.Models)
		open("GET /models/count", rs.Catalogue.Count)
		open("GET /model/{author}/{slug}", rs.Catalogue.Model)
		open("GET /models/{id}", rs.Catalogue.Retrieve)
		open("GET /models/{author}/{slug}", rs.Catalogue.Retrieve)
		open("GET /models/{author}/{slug}/endpoints", func(w http.ResponseWriter, r *http.Request) {
			_, stranger := s.who(r)
			rs.Catalogue.Endpoints(w, r, stranger == nil)
		})
		open("GET /providers", rs.Catalogue.Providers)
		open("GET /endpoints/zdr", rs.Catalogue.ZDR)
		keyed := func(pattern string, a access, h handler) {
			mux.HandleFunc(at(prefix, pattern), s.keyed(a, dialect.Envelope, h))
		}
		for _, g := range rs.Inference.dialects() {
			mux.HandleFunc(at(prefix, g.pattern), s.keyed(userKey, g.client.Refuse, g.serve))
		}
		mux.HandleFunc(at(prefix, "POST /messages/count_tokens"), s.keyed(userKey, messages.Client().Refuse, rs.Inference.countTokens))
		keyed("POST /turnpike/route", anyKey, rs.Inference.route)
		keyed("GET /turnpike/route", anyKey, rs.Past.Get)
		keyed("GET /turnpike/audit", managementOnly, rs.Audit.Get)
		keyed("GET /generation", anyKey, rs.Generation.Get)
		keyed("GET /turnpike/apps", managementOnly, rs.Generation.Known)
		keyed("GET /generation/content", anyKey, rs.Generation.Said)
		keyed("GET /credits", anyKey, rs.Credits.Get)
		keyed("GET /presets", anyKey, rs.Presets.List)
		keyed("GET /presets/{slug}", anyKey, rs.Presets.Get)
		keyed("GET /presets/{slug}/versions", anyKey, rs.Presets.Versions)
		keyed("GET /presets/{slug}/versions/{version}", anyKey, rs.Presets.Version)
		for _, c := range rs.Presets.capturing() {
			keyed(c.pattern, anyKey, c.serve)
		}
		keyed("PATCH /turnpike/presets/{slug}", managementOnly, rs.Presets.Update)
		keyed("DELETE /turnpike/presets/{slug}", managementOnly, rs.Presets.Delete)
		keyed("GET /key", anyKey, rs.Keys.Current)
		keyed("GET /keys", managementOnly, rs.Keys.List)
		keyed("POST /keys", managementOnly, rs.Keys.Create)
		keyed("GET /keys/{hash}", managementOnly, rs.Keys.Get)
		keyed("PATCH /keys/{hash}", managementOnly, rs.Keys.Update)
		keyed("DELETE /keys/{hash}", managementOnly, rs.Keys.Delete)
		for pattern, h := range rs.Policies.routes() {
			keyed(pattern, managementOnly, h)
		}
		keyed("GET /models/user", anyKey, rs.Catalogue.OfUser)
	}
	mux.HandleFunc("GET /healthz", rs.Alive.get)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { unrouted(w, r, mux) })
	return s.guard(mux)
}

func at(prefix, pattern string) string {
	method, p, _ := strings.Cut(pattern, " ")
	return method + " " + prefix + p
}

type server struct {
	auth Authenticator
	log  *slog.Logger
}

type handler func(w http.ResponseWriter, r *http.Request, who identity.Principal)

// keyed lets a request through to h with the principal of its key; say writes
// what is wrong with one.
func (s server) keyed(a access, say refuser, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		refuse := func(e *llm.Error) { writeRefusal(w, say, dialect.Refusal{Error: e}) }
		began := time.Now()
		who, err := s.who(r)
		timingOf(w).auth = time.Since(began)
		if err != nil {
			refuse(err)
			return
		}
		switch {
		case a == userKey && who.Management:
			refuse(managementKey())
		case a == managementOnly && !who.Management:
			refuse(&llm.Error{Type: llm.TypePermissionDenied, Fault: llm.FaultCaller, Message: "Only management keys can perform this operation"})
		case a == userKey: // it changes nothing
			h(w, r, who)
		default:
			h(w, r.WithContext(trail.As(r.Context(), speaker(r, who))), who)
		}
	}
}

// speaker is who makes the changes of a request, for the audit log.
func speaker(r *http.Request, who identity.Principal) trail.By {
	by := trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: who.KeyHash, Label: who.KeyLabel}}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		by.Remote = peer.Addr().Unmap().String()
	}
	return by
}

func (s server) who(r *http.Request) (identity.Principal, *llm.Error) {
	refused := func(message string, err error) *llm.Error {
		return &llm.Error{Type: llm.TypeAuthentication, Fault: llm.FaultCaller, Message: message, Err: err}
	}
	header := r.Header.Get("Authorization")
	scheme, token, ok := strings.Cut(header, " ")
	switch key := r.Header.Get("X-Api-Key"); {
	case header == "" && key != "": // AU-08: how Anthropic's clients say it
		token = key
	case header == "":
		return identity.Principal{}, refused("Missing Authentication header", nil) // AU-01
	case !ok || !strings.EqualFold(scheme, "Bearer"):
		return identity.Principal{}, refused("The Authorization header must read: Bearer <key>", nil)
	}
	who, err := s.auth.Authenticate(r.Context(), strings.TrimSpace(token))
	switch {
	case err == nil:
		return who, nil
	case errors.Is(err, identity.ErrDisabled):
		return who, refused("This key is disabled", err)
	case errors.Is(err, identity.ErrExpired):
		return who, refused("This key has expired", err)
	case errors.Is(err, identity.ErrUnknown):
		return who, refused("No such key", err)
	default: // R4: our store, not their key
		s.log.LogAttrs(r.Context(), slog.LevelError, "keys cannot be read", slog.Any("err", err))
		return who, &llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOurs, Message: "Keys cannot be checked right now: try again", RetryAfter: time.Second, Err: err}
	}
}

// guard is what every request passes: duplicate slashes collapse, browsers are
// answered (AU-10), a body has its time to arrive, and a panic is a masked 500.
func (s server) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		w := newTiming(to)
		defer s.recovered(w, r)
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*") // bearer tokens only, never cookies
		h.Set("Access-Control-Expose-Headers", "X-Generation-Id, X-Turnpike-Lossy, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Server-Timing, "+
			"X-OpenRouter-Cache-Status, X-OpenRouter-Cache-TTL, X-OpenRouter-Cache-Age, X-OpenRouter-Cache-Source-Id, "+
			"X-Turnpike-Audit-Seq, X-Turnpike-Audit-Head, X-Turnpike-Data-Class")
		h.Set("Timing-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.ContentLength != 0 { // F60: also of a body that nobody will read
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadLimit)) // unsupported by test recorders only
		}
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE")
			h.Set("Access-Control-Allow-Headers", "*, Authorization")
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if !plain(r.URL) {
			nothingAt(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// plain makes one path of the spellings that clients make when they join base
// and path: slashes collapse. It is false for a path with dot segments, which
// whoever stands in front of us may read otherwise (S55).
func plain(u *url.URL) bool {
	if strings.Contains(u.Path, "//") {
		p := u.EscapedPath()
		for strings.Contains(p, "//") {
			p = strings.ReplaceAll(p, "//", "/")
		}
		u.Path, _ = url.PathUnescape(p) // it was escaped well
		u.RawPath = p
	}
	clean := path.Clean(u.Path)
	return clean == u.Path || clean+"/" == u.Path
}

// recovered turns a panic into a masked 500, or, once an answer has begun, into
// a broken connection: the cut shows (P7).
func (s server) recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("cause", safe.Cause(cause)), slog.String("stack", string(debug.Stack())))
	if w.Header().Get("Content-Type") != "" { // something has been answered already
		panic(http.ErrAbortHandler)
	}
	writeError(w, &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error"})
}
