package relay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Addresses of the rig's network: one answers, the others fail each in its way.
const (
	up      = "10.0.0.1:80"
	refuses = "10.0.0.2:80"
	silent  = "10.0.0.3:80"
	starved = "10.0.0.4:80" // this machine has no descriptors left
	inside  = "10.0.0.5:80" // not named by the operator

	nowhere   = "nowhere.example:80" // names that are not found
	elsewhere = "elsewhere.example:80"
	named     = "named.example:80" // that of up
)

// names is the resolver of the rig's network.
type names struct{}

func (names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host+":80" == named {
		return []netip.Addr{netip.MustParseAddrPort(up).Addr()}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// rig is a relay whose network is pipes, so that it can live in a bubble where
// time is made.
type rig struct {
	*relay.Relay
	t    *testing.T
	plan route.Plan
	live map[string]provider.Live

	mu    sync.Mutex
	asked []string // endpoints that a request reached, in order
	seen  []*http.Request
	sent  []string // bodies
	dials int
}

// at is one candidate of a plan: what its endpoint does when it is asked.
type at struct {
	model   string // "" is m
	host    string // "" is up
	answers http.HandlerFunc
	edit    func(*catalog.Endpoint, *provider.Live)
}

func newRig(t *testing.T, candidates ...at) *rig {
	t.Helper()
	r := &rig{t: t, live: map[string]provider.Live{}}
	conns := make(chan net.Conn)
	done := make(chan struct{})
	door := egress.New(egress.Options{
		Named:    []string{up, refuses, silent, starved, nowhere, elsewhere, named},
		Resolver: names{},
		Dial: func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			switch a.String() {
			case refuses:
				return nil, syscall.ECONNREFUSED
			case silent:
				<-ctx.Done()
				return nil, ctx.Err()
			case starved:
				return nil, syscall.EMFILE
			}
			r.mu.Lock()
			r.dials++
			r.mu.Unlock()
			near, far := net.Pipe()
			select {
			case conns <- far:
				return near, nil
			case <-done:
				return nil, syscall.ECONNREFUSED
			}
		},
	})
	srv := &http.Server{Handler: r.network(candidates), ReadHeaderTimeout: time.Hour}
	go func() { _ = srv.Serve(pipes{conns, done}) }()
	t.Cleanup(func() {
		door.CloseIdle()
		_ = srv.Close()
	})
	r.Relay = &relay.Relay{
		Door: door, Health: health.New(time.Now), Attempts: 8, Now: time.Now,
		Timeouts:  relay.Timeouts{FirstByte: 60 * time.Second, Idle: 30 * time.Second},
		Providers: func(slug string) (provider.Live, bool) { l, ok := r.live[slug]; return l, ok },
	}
	for i, c := range candidates {
		r.add(i, c)
	}
	return r
}

func (r *rig) add(i int, c at) {
	name := strconv.Itoa(i)
	if c.model == "" {
		c.model = "m"
	}
	if c.host == "" {
		c.host = up
	}
	e := &catalog.Endpoint{ID: c.model + "@" + name, Model: c.model, Provider: name, Native: "native-" + name, BaseURL: "http://" + c.host + "/" + name}
	l := provider.Live{Spec: provider.Spec{Slug: name, Speaks: provider.Plain(), Default: llm.Chat, Auth: provider.Bearer{}}, Keys: []provider.Key{{Secret: "sk-test-not-a-key"}}}
	if c.edit != nil {
		c.edit(e, &l)
	}
	r.live[name] = l
	r.plan.Candidates = append(r.plan.Candidates, route.Candidate{
		Endpoint: e, Model: &catalog.Model{ID: c.model}, Provider: &catalog.Provider{Slug: name, Name: "P" + name},
	})
}

// network answers for every candidate under the first segment of its path.
func (r *rig) network(candidates []at) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
		i, err := strconv.Atoi(name)
		if err != nil || i >= len(candidates) {
			http.Error(w, "no such endpoint", http.StatusTeapot)
			return
		}
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		r.asked, r.seen, r.sent = append(r.asked, name), append(r.seen, q), append(r.sent, string(body))
		r.mu.Unlock()
		candidates[i].answers(w, q)
	})
}

// pipes is the listener of the rig's network.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// request parses what a caller might send.
func request(t *testing.T, more ...string) *llm.Request {
	t.Helper()
	body := `{"model":"m","messages":[{"role":"user","content":"hi"}]` + strings.Join(append([]string{""}, more...), ",") + `}`
	req, err := chat.Client().Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const stream = `"stream":true`

// got is what became of a request.
type got struct {
	err   *llm.Error
	text  string // content that came
	tried []record.Try
	began time.Time
	took  time.Duration
}

func (r *rig) do(ctx context.Context, req *llm.Request) got {
	r.t.Helper()
	g := got{began: time.Now()}
	a, tried, err := r.Do(ctx, req, r.plan)
	g.tried = tried
	if err == nil {
		defer a.Stream.Close()
		g.text, err = read(a.Stream)
	}
	g.took = time.Since(g.began)
	if err != nil {
		var ok bool
		if g.err, ok = errors.AsType[*llm.Error](err); !ok {
			r.t.Fatalf("not an *llm.Error: %v", err)
		}
	}
	return g
}

func read(s llm.Stream) (string, error) {
	var text strings.Builder
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			return text.String(), nil
		}
		if err != nil {
			return text.String(), err
		}
		for _, e := range c.Events {
			if e.Kind == llm.TextDelta {
				text.WriteString(e.Text)
			}
		}
	}
}

func (r *rig) asks() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.asked, " ")
}

func (r *rig) outage(candidate int) bool {
	// Two faults more make an outage of one that counted.
	id := r.plan.Candidates[candidate].Endpoint.ID
	r.Health.Failed(id, false)
	r.Health.Failed(id, false)
	return r.Health.Standing(id).Grade != health.Fit
}

// Answers of an endpoint.

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func fails(status int, header ...string) http.HandlerFunc {
	return says(status, `{"error":{"message":"no"}}`, header...)
}

const (
	wholeHello = `{"id":"c","object":"chat.completion","model":"native","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`
	roleFrame  = `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	helloFrame = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}` + "\n\n"
	stopFrame  = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	doneFrame  = "data: [DONE]\n\n"
)

// streams sends each piece after a pause: a duration is a pause, a string is sent.
func streams(pieces ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		play(w, q, append([]any{""}, pieces...)) // the headers at once
	}
}

func play(w http.ResponseWriter, q *http.Request, pieces []any) {
	for _, p := range pieces {
		switch p := p.(type) {
		case string:
			if _, err := io.WriteString(w, p); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		case time.Duration:
			select {
			case <-time.After(p):
			case <-q.Context().Done():
				return
			}
		}
	}
}

var good = streams(roleFrame, helloFrame, stopFrame, doneFrame)

func TestVerdict(t *testing.T) {
	t.Parallel()
	busy := func(seconds string) at { return at{answers: fails(429, "Retry-After", seconds)} }
	status := func(n int) at { return at{answers: fails(n)} }
	of := func(model string, a at) at { a.model = model; return a }
	for _, c := range []struct {
		name       string
		plan       []at
		typ        llm.Type
		code       string // of availability
		retryable  bool
		retryAfter time.Duration
		tried      int
	}{
		{"one 500", []at{status(500)}, llm.TypeUnavailable, "", false, 0, 1},
		{"one 503", []at{status(503)}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 1},
		{"one 529", []at{status(529)}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 1},
		{"one 504", []at{status(504)}, llm.TypeTimeout, "", false, 0, 1},
		{"one 401 (F18, R4)", []at{status(401)}, llm.TypeUnavailable, "", false, 0, 1},
		{"one 402 (F19, R4)", []at{status(402)}, llm.TypeUnavailable, "", false, 0, 1},
		{"one redirect (F11)", []at{{answers: says(307, "", "Location", "http://10.0.0.9/")}}, llm.TypeUnavailable, "", false, 0, 1},
		{"one 429 (ER-06)", []at{busy("7")}, llm.TypeRateLimit, "capacity_exhausted", true, 7 * time.Second, 1},
		{"429 everywhere: the least hint (ER-07)", []at{busy("7"), busy("3"), status(429)}, llm.TypeRateLimit, "capacity_exhausted", true, 3 * time.Second, 3},
		{"404 everywhere (F20)", []at{status(404), status(404)}, llm.TypeNotFound, "model_unavailable_upstream", false, 0, 2},
		{"5xx everywhere", []at{status(500), status(502)}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 2},
		{"5xx and 429", []at{status(500), busy("9")}, llm.TypeOverloaded, "temporarily_unavailable", true, 9 * time.Second, 2},
		{"5xx and 404", []at{status(500), status(404)}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 2},
		{"too large for one, the other is down", []at{status(413), status(500)}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 2},
		{"one is down, too large for the other", []at{status(500), status(413)}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 2},
		{"too large for all", []at{status(413), status(413)}, llm.TypePayloadTooLarge, "", false, 0, 2},
		{"gone from one, too large for the other (ER-09)", []at{status(404), status(413)}, llm.TypePayloadTooLarge, "", false, 0, 2},
		{"the request is wrong: no other endpoint (F16)", []at{status(400), status(500)}, llm.TypeInvalidRequest, "", false, 0, 1},
		{"down, then wrong", []at{status(500), status(400)}, llm.TypeInvalidRequest, "", false, 0, 2},
		{"wrong for both models: the last (FB-03)", []at{status(400), status(500), of("n", status(422)), of("n", status(500))}, llm.TypeUnprocessable, "", false, 0, 2},
		{"wrong for one model, gone for the other (FB-03, ER-09)", []at{status(400), of("n", status(404))}, llm.TypeNotFound, "model_unavailable_upstream", false, 0, 2},
		{"wrong for one model, busy at the other (FB-03)", []at{status(400), of("n", busy("5"))}, llm.TypeRateLimit, "capacity_exhausted", true, 5 * time.Second, 2},
		{"down for both models: the last speaks for itself (FB-03)", []at{status(500), status(503), of("n", status(504))}, llm.TypeTimeout, "", false, 0, 3},
		{"refused and time-out", []at{{host: refuses}, {host: silent}}, llm.TypeOverloaded, "temporarily_unavailable", true, 0, 2},
		{"refused (F01)", []at{{host: refuses}}, llm.TypeUnavailable, "", false, 0, 1},
		{"no connection in time (F02)", []at{{host: silent}}, llm.TypeTimeout, "", false, 0, 1},
		{"not for us to dial (F04)", []at{{host: inside}}, llm.TypeUnavailable, "", false, 0, 1},
		{"our own descriptors (F90): no other is asked", []at{{host: starved}, {answers: good}}, llm.TypeOverloaded, "", false, time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.plan...)
				g := r.do(t.Context(), request(t, stream))
				if g.err == nil {
					t.Fatal("answered")
				}
				if g.err.Type != c.typ || g.err.RetryAfter != c.retryAfter || len(g.tried) != c.tried || len(g.err.Previous) != c.tried {
					t.Errorf("%s (%s), retry after %s, %d tried, %d previous; want %s, %s, %d", g.err.Type, g.err.Message, g.err.RetryAfter, len(g.tried), len(g.err.Previous), c.typ, c.retryAfter, c.tried)
				}
				a := llm.Availability{}
				if g.err.Availability != nil {
					a = *g.err.Availability
				}
				if a.Code != c.code || a.Retryable != c.retryable {
					t.Errorf("availability %+v, want %q, %v", a, c.code, c.retryable)
				}
				if s := g.err.Type.Status(); s == 401 || s == 402 || s == 403 {
					t.Errorf("status %d without proof about the caller (R4)", s)
				}
				for _, p := range g.err.Previous {
					if p.Status < 300 {
						t.Errorf("a failed attempt has status %d", p.Status)
					}
				}
				if strings.Contains(g.err.Message, "10.0.0.") || strings.Contains(g.err.Error(), "sk-test") {
					t.Errorf("says too much (R8): %v", g.err)
				}
			})
		})
	}
}

// The order of attempts, and that the first good answer ends them.
func TestFirstGoodAnswerWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: fails(500)}, at{host: refuses}, at{answers: streams(roleFrame)}, at{answers: good}, at{answers: good})
		g := r.do(t.Context(), request(t, stream))
		if g.err != nil || g.text != "hello" || r.asks() != "0 2 3" {
			t.Errorf("%v %q, asked %s", g.err, g.text, r.asks())
		}
		want := []record.Try{
			{Endpoint: "m@0", ProviderSlug: "0", ProviderName: "P0", Model: "m", Status: 500, Type: llm.TypeUnavailable},
			{Endpoint: "m@1", ProviderSlug: "1", ProviderName: "P1", Model: "m", Type: llm.TypeUnavailable},
			{Endpoint: "m@2", ProviderSlug: "2", ProviderName: "P2", Model: "m", Status: 200, Type: llm.TypeUnavailable},
			{Endpoint: "m@3", ProviderSlug: "3", ProviderName: "P3", Model: "m", Status: 200},
		}
		if d := cmp.Diff(want, g.tried); d != "" {
			t.Error(d)
		}
	})
}

func TestAttemptsAreCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := at{answers: fails(500)}
		r := newRig(t, down, down, down, at{answers: good})
		r.Attempts = 3
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeOverloaded || len(g.tried) != 3 || r.asks() != "0 1 2" {
			t.Errorf("%v after %d, asked %s", g.err, len(g.tried), r.asks())
		}
	})
}

// F12: who asked to be left alone is passed over, counts as no attempt, and its
// hint is the caller's.
func TestCooling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: fails(429, "Retry-After", "20")}, at{answers: fails(429, "Retry-After", "3600")})
		if g := r.do(t.Context(), request(t, stream)); g.err == nil || len(g.tried) != 2 {
			t.Fatalf("%+v", g)
		}
		time.Sleep(5 * time.Second) //nolint:forbidigo // the bubble's clock
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeRateLimit || g.err.RetryAfter != 15*time.Second || len(g.tried) != 0 || len(g.err.Previous) != 0 {
			t.Errorf("%+v tried %v", g.err, g.tried)
		}
		if g.err.Availability == nil || g.err.Availability.Code != "capacity_exhausted" {
			t.Errorf("availability %+v", g.err.Availability)
		}
		time.Sleep(15 * time.Second) //nolint:forbidigo // the bubble's clock: the first may be asked again, the second not yet
		if g = r.do(t.Context(), request(t, stream)); r.asks() != "0 1 0" {
			t.Errorf("asked %s, %v", r.asks(), g.err)
		}
		time.Sleep(40 * time.Second) //nolint:forbidigo // the bubble's clock: a hint counts up to a minute
		if r.do(t.Context(), request(t, stream)); r.asks() != "0 1 0 0 1" {
			t.Errorf("asked %s", r.asks())
		}
	})
}

// HM-01, R4: whose health suffers from what.
func TestBlame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		at    at
		after bool // content
		blame bool
	}{
		{"500", at{answers: fails(500)}, false, true},
		{"503", at{answers: fails(503)}, false, true},
		{"404", at{answers: fails(404)}, false, true},
		{"401", at{answers: fails(401)}, false, true},
		{"refused", at{host: refuses}, false, true},
		{"no connection in time", at{host: silent}, false, true},
		{"empty", at{answers: streams()}, false, true},
		{"silence", at{answers: streams(time.Hour)}, false, true},
		{"broken after content", at{answers: streams(helloFrame)}, true, true},
		{"silence after content", at{answers: streams(helloFrame, time.Hour)}, true, true},
		{"400", at{answers: fails(400)}, false, false},
		{"413", at{answers: fails(413)}, false, false},
		{"422", at{answers: fails(422)}, false, false},
		{"429", at{answers: fails(429)}, false, false},
		{"our descriptors", at{host: starved}, false, false},
		{"good", at{answers: good}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.at)
				a, _, err := r.Do(t.Context(), request(t, stream), r.plan)
				if a != nil {
					_, err = read(a.Stream)
					if failed, ok := errors.AsType[*llm.Error](err); ok {
						r.Broke(a, failed)
					} else {
						r.Ended(a, health.Sample{Output: 1})
					}
					a.Stream.Close()
				}
				if c.after != (a != nil && err != nil) {
					t.Fatalf("answer %v, %v", a, err)
				}
				if got := r.outage(0); got != c.blame {
					t.Errorf("blamed is %v, want %v: %v", got, c.blame, err)
				}
			})
		})
	}
}

// A caller who leaves ends it all: nobody is blamed and nobody else asked.
func TestGoneCallerStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: streams(time.Hour)}, at{answers: good})
		ctx, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() {
			leave(&llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultGone, Message: "left"})
		})
		g := r.do(ctx, request(t, stream))
		if g.err == nil || g.err.Fault != llm.FaultGone || r.asks() != "0" || len(g.tried) != 1 || g.took != time.Second {
			t.Errorf("%v after %s, asked %s", g.err, g.took, r.asks())
		}
		if r.outage(0) {
			t.Error("the provider was blamed")
		}
	})
}

// The limit on a whole request ends it too, whatever its fault: no further
// candidate is counted or blamed.
func TestOverallLimitStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: fails(500)}, at{answers: streams(time.Hour)}, at{answers: good})
		ctx, end := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() {
			end(&llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultTimeout, Message: "too long"})
		})
		g := r.do(ctx, request(t, stream))
		if g.err == nil || g.err.Message != "too long" || len(g.tried) != 2 || len(g.err.Previous) != 2 || r.asks() != "0 1" {
			t.Errorf("%v, %d tried, asked %s", g.err, len(g.tried), r.asks())
		}
		if r.outage(1) || r.outage(2) {
			t.Error("a provider was blamed for our limit")
		}
	})
}

// late is an answer after a while.
func late(d time.Duration, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		select {
		case <-time.After(d):
			then(w, q)
		case <-q.Context().Done():
		}
	}
}

// F25-F30: which silence is how long allowed.
func TestSilence(t *testing.T) {
	t.Parallel()
	const s = time.Second
	ping := func(n int, every time.Duration) (pieces []any) {
		for range n {
			pieces = append(pieces, every, ": ping\n\n")
		}
		return pieces
	}
	all := func(groups ...[]any) (pieces []any) {
		for _, g := range groups {
			pieces = append(pieces, g...)
		}
		return pieces
	}
	end := []any{helloFrame, stopFrame, doneFrame}
	slowModel := func(e *catalog.Endpoint, _ *provider.Live) { e.FirstByte = 300 * s }
	slowProvider := func(_ *catalog.Endpoint, l *provider.Live) { l.FirstByte, l.Idle = 300*s, 50*s }
	for _, c := range []struct {
		name    string
		answers http.HandlerFunc
		edit    func(*catalog.Endpoint, *provider.Live)
		more    []string // of the request; nil is a stream
		fails   bool
		at      time.Duration
		text    string // that came before
	}{
		{name: "headers in time", answers: late(59*s, good), at: 59 * s, text: "hello"},
		{name: "no headers (F09)", answers: late(time.Hour, good), fails: true, at: 60 * s},
		{name: "headers, then nothing (F26)", answers: streams(time.Hour), fails: true, at: 60 * s},
		{name: "late headers, then nothing", answers: late(50*s, streams(time.Hour)), fails: true, at: 110 * s},
		{name: "the endpoint's own limit", answers: late(250*s, good), edit: slowModel, at: 250 * s, text: "hello"},
		{name: "the provider's own limit", answers: late(299*s, good), edit: slowProvider, at: 299 * s, text: "hello"},
		{name: "idle in time", answers: streams(helloFrame, 29*s, helloFrame, 29*s, stopFrame, doneFrame), at: 58 * s, text: "hellohello"},
		{name: "idle too long (F29)", answers: streams(helloFrame, time.Hour), fails: true, at: 30 * s, text: "hello"},
		{name: "the provider's own idle limit", answers: streams(helloFrame, time.Hour), edit: slowProvider, fails: true, at: 50 * s, text: "hello"},
		{name: "pings count against silence", answers: streams(all(ping(7, 20*s), end)...), at: 140 * s, text: "hello"},
		{name: "pings alone (F27)", answers: streams(ping(1000, 20*s)...), fails: true, at: 160 * s},
		{name: "pings alone after content", answers: streams(all([]any{helloFrame}, ping(1000, 20*s))...), fails: true, at: 160 * s, text: "hello"},
		{name: "pings at a slow model may go on as long as silence could", answers: streams(all(ping(14, 20*s), end)...), edit: slowModel, at: 280 * s, text: "hello"},
		{name: "it ends without closing (F30)", answers: streams(helloFrame, stopFrame, doneFrame, time.Hour), at: 0, text: "hello"},
		{name: "whole, within 50 ms a token", answers: late(159*s, says(200, wholeHello)), more: []string{`"max_tokens":2000`}, at: 159 * s, text: "hello"},
		{name: "whole, too late", answers: late(time.Hour, says(200, wholeHello)), more: []string{`"max_tokens":2000`}, fails: true, at: 160 * s},
		{name: "whole, and a long one", answers: late(400*s, says(200, wholeHello)), more: []string{`"max_tokens":10000`}, at: 400 * s, text: "hello"},
		{name: "whole, of absurdly many tokens", answers: late(30*time.Minute, says(200, wholeHello)), more: []string{`"max_tokens":9223372036854775807`}, at: 30 * time.Minute, text: "hello"},
		{name: "not whole, because no limit is set", answers: late(159*s, good), more: []string{}, fails: true, at: 60 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, at{answers: c.answers, edit: c.edit})
				if c.more == nil {
					c.more = []string{stream}
				}
				g := r.do(t.Context(), request(t, c.more...))
				if (g.err != nil) != c.fails || g.took != c.at || g.text != c.text {
					t.Errorf("%v after %s with %q; want failure %v after %s with %q", g.err, g.took, g.text, c.fails, c.at, c.text)
				}
				if c.fails && (g.err.Type != llm.TypeTimeout || g.err.Fault != llm.FaultTimeout) {
					t.Errorf("%s, fault %d", g.err.Type, g.err.Fault)
				}
			})
		})
	}
}

// F57: a caller who is slow to take the answer is no silent provider.
func TestSlowCallerIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: streams(helloFrame, helloFrame, helloFrame, stopFrame, doneFrame)})
		a, _, err := r.Do(t.Context(), request(t, stream), r.plan)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Stream.Close()
		for {
			_, err := a.Stream.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		}
	})
}

// What an answer says it is decides how it is read, within bounds.
func TestAnswers(t *testing.T) {
	t.Parallel()
	zipped := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	sse := roleFrame + helloFrame + stopFrame + doneFrame
	chunked := func(header map[string]string, pieces ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			w.Header()["Content-Type"] = nil // none is guessed
			for k, v := range header {
				w.Header().Set(k, v)
			}
			play(w, q, pieces)
		}
	}
	kind := func(k string) map[string]string { return map[string]string{"Content-Type": k} }
	for _, c := range []struct {
		name    string
		answers http.HandlerFunc
		whole   bool // is asked for
		fails   bool
	}{
		{"a stream", chunked(kind("text/event-stream; charset=utf-8"), sse), false, false},
		{"a stream without a type", chunked(nil, sse), false, false},
		{"a completion to a stream request (F40)", chunked(kind("application/json"), wholeHello), false, false},
		{"a stream to a whole request", chunked(kind("text/event-stream"), sse), true, false},
		{"a completion", says(200, wholeHello), true, false},
		{"a completion without a length that never ends (F30)", chunked(kind("application/json"), wholeHello, time.Hour), true, false},
		{"a completion without a type", chunked(nil, wholeHello), true, false},
		{"a completion of a vendor's type", chunked(kind("application/vnd.x+json"), wholeHello), true, false},
		{"a page (F40)", chunked(kind("text/html"), "<html>"+sse), false, true},
		{"text", chunked(kind("text/plain"), wholeHello), true, true},
		{"nothing", chunked(kind("application/json")), true, true},
		{"nothing to a stream request (F32)", chunked(kind("text/event-stream")), false, true},
		{"half a completion", chunked(kind("application/json"), wholeHello[:60]), true, true},
		{"a completion shorter than it said", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, wholeHello)
		}, true, true},
		{"a completion over 64 MiB", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(65<<20))
		}, true, true},
		{"status 201", says(201, wholeHello), true, true},
		{"gzip nobody asked for (F51)", chunked(map[string]string{"Content-Encoding": "gzip", "Content-Type": "text/event-stream"}, zipped(sse)), false, false},
		{"gzip of a completion", chunked(map[string]string{"Content-Encoding": "GZIP", "Content-Type": "application/json"}, zipped(wholeHello)), true, false},
		{"gzip that is none", chunked(map[string]string{"Content-Encoding": "gzip", "Content-Type": "text/event-stream"}, sse), false, true},
		{"gzip cut off", chunked(map[string]string{"Content-Encoding": "gzip", "Content-Type": "text/event-stream"}, zipped(sse)[:20]), false, true},
		{"no encoding at all", chunked(map[string]string{"Content-Encoding": "identity", "Content-Type": "application/json"}, wholeHello), true, false},
		{"encodings on encodings", chunked(map[string]string{"Content-Encoding": "gzip, gzip", "Content-Type": "text/event-stream"}, zipped(zipped(sse))), false, true},
		{"an error object (F41)", says(200, `{"error":{"message":"overloaded","code":503}}`), true, true},
		{"an error as the first event (F42)", streams(`data: {"error":{"message":"overloaded","code":503}}` + "\n\n"), false, true},
		{"a finish in error before content", streams(roleFrame, `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"error"}]}`+"\n\n", doneFrame), false, true},
		{"an event over 4 MiB (F39)", streams("data: " + strings.Repeat("x", 5<<20)), false, true},
		{"frames without content, without end (R6)", streams(strings.Repeat(roleFrame, 100_000), helloFrame, stopFrame, doneFrame), false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, at{answers: c.answers})
				more := stream
				if c.whole {
					more = `"max_tokens":9`
				}
				g := r.do(t.Context(), request(t, more))
				switch {
				case (g.err != nil) != c.fails, !c.fails && g.text != "hello":
					t.Errorf("%v %q", g.err, g.text)
				case c.fails && (!g.err.Fault.Next() || g.text != ""):
					t.Errorf("no other endpoint would be asked: fault %d, %v", g.err.Fault, g.err)
				}
			})
		})
	}
}

// Headers that leave: those the provider may see, the endpoint's own, and ours.
func TestOutwardRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: says(200, wholeHello), edit: func(e *catalog.Endpoint, l *provider.Live) {
			l.Forward = []string{"x-allowed"}
			e.Fixed = catalog.Fixed{Headers: map[string]string{"X-Fixed": "yes"}, Body: map[string]string{"speed": `"fast"`, "model": `"other"`}}
		}})
		req := request(t, `"max_tokens":9`, `"provider":{"only":["x"]}`)
		req.Forward = http.Header{"X-Allowed": {"1", "2"}, "X-Turnpike-Sim": {"cut"}, "Authorization": {"Bearer of-the-caller"}}
		if g := r.do(t.Context(), req); g.err != nil {
			t.Fatal(g.err)
		}
		h := r.seen[0].Header
		want := http.Header{
			"Accept": {"application/json"}, "Authorization": {"Bearer sk-test-not-a-key"}, "Content-Type": {"application/json"},
			"User-Agent": {"turnpike"}, "X-Allowed": {"1", "2"}, "X-Fixed": {"yes"}, "Content-Length": h["Content-Length"],
		}
		if d := cmp.Diff(want, h); d != "" {
			t.Error(d)
		}
		if body := r.sent[0]; !strings.Contains(body, `"speed":"fast"`) || !strings.Contains(body, `"model":"other"`) || strings.Contains(body, `"provider"`) {
			t.Errorf("sent %s", body)
		}
		if len(req.Forward) != 3 {
			t.Error("the request was changed")
		}
	})
}

// S14: what follows the base may not change where we go.
func TestPathCannotChangeTheHost(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"http://" + up + "@10.0.0.9:80",
		"http://user:secret@" + up,
		"http://" + up + "/#",
		"http://" + up + "\\@10.0.0.9",
		"http://[::1",
		"file:///etc/passwd",
		"",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, at{answers: good, edit: func(e *catalog.Endpoint, l *provider.Live) { e.BaseURL, l.BaseURL = base, base }})
				g := r.do(t.Context(), request(t, stream))
				if g.err == nil || r.dials != 0 {
					t.Errorf("%v, %d dials", g.err, r.dials)
				}
			})
		})
	}
}

// What the plan names and the set-up lacks is our fault, not a panic.
func TestIncompleteSetUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: good, edit: func(e *catalog.Endpoint, _ *provider.Live) { e.Dialect = "klingon" }}, at{answers: good, edit: func(e *catalog.Endpoint, _ *provider.Live) { e.Provider = "nobody" }})
		for range 2 {
			g := r.do(t.Context(), request(t, stream))
			if g.err == nil || g.err.Fault != llm.FaultOurs || g.err.Type != llm.TypeServer || len(g.tried) != 0 {
				t.Errorf("%+v", g.err)
			}
			r.plan.Candidates = r.plan.Candidates[1:]
		}
		if g := r.do(t.Context(), request(t, stream)); g.err == nil || g.err.Type != llm.TypeServer { // no candidate at all
			t.Errorf("%+v", g.err)
		}
	})
}

// ER-08: an error that came before a provider was asked names none, neither as its
// author nor among those that failed before.
func TestUnaskedProvidersAreNotNamed(t *testing.T) {
	t.Parallel()
	gemini := func(e *catalog.Endpoint, _ *provider.Live) { e.Dialect = string(llm.Gemini) }
	const orphan = `{"role":"user","content":"hi"},{"role":"tool","tool_call_id":"call_9","content":"4"}`
	for _, c := range []struct {
		name       string
		candidates []at
		asked      string
		provider   string
		previous   int
	}{
		{"alone", []at{{answers: good, edit: gemini}}, "", "", 0},
		{"after another", []at{{answers: fails(500)}, {answers: good, edit: gemini}}, "0", "", 1},
		{"before another", []at{{model: "n", answers: good, edit: gemini}, {answers: fails(500)}}, "1", "P1", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.candidates...)
				body := `{"model":"m","stream":true,"messages":[` + orphan + `]}`
				req := must(chat.Client().Parse([]byte(body), http.Header{}))
				g := r.do(t.Context(), req)
				if g.err == nil || r.asks() != c.asked || len(g.tried) != c.previous || len(g.err.Previous) != c.previous || g.err.ProviderName != c.provider {
					t.Errorf("%+v, asked %q, tried %v", g.err, r.asks(), g.tried)
				}
			})
		})
	}
}

// R5: the door refuses what is not in the plan.
func TestPlanBindsTheDoor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: good})
		door := r.Door
		_, err := door.Do(must(http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+up+"/0", nil)), egress.Pass{Endpoint: "other", Allowed: r.plan.Allows})
		if !errors.Is(err, egress.ErrNotAllowed) || r.dials != 0 {
			t.Errorf("%v, %d dials", err, r.dials)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprint("test: ", err))
	}
	return v
}

// Connections are used again after whole answers and after streams that end.
func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers http.HandlerFunc
		more    string
	}{
		"whole":    {says(200, wholeHello), `"max_tokens":9`},
		"stream":   {good, stream},
		"slow end": {streams(helloFrame, stopFrame, doneFrame, 5*time.Millisecond), stream},
		"error":    {fails(500), stream},
		"whole, no length": {func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			play(w, q, []any{wholeHello, "\n"})
		}, `"max_tokens":9`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, at{answers: c.answers})
				for range 3 {
					r.do(t.Context(), request(t, c.more))
					synctest.Wait()
				}
				if r.dials != 1 {
					t.Errorf("%d connections for three requests", r.dials)
				}
			})
		})
	}
}
