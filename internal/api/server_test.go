package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is the whole surface over a network of pipes, so that it can live in a
// bubble where time is made. Its one model is lab/one, at $1 and $2 per million
// tokens.
type house struct {
	t      *testing.T
	client *http.Transport
	door   pipes // to us
	log    bytes.Buffer
	books  *ledger.Ledger
}

// bearers authenticates by name.
type bearers struct{}

func (bearers) Authenticate(_ context.Context, bearer string) (identity.Principal, error) {
	p := identity.Principal{Account: "acme", KeyHash: bearer}
	switch bearer {
	case "user":
		return p, nil
	case "boss":
		p.Management = true
		return p, nil
	case "broke":
		p.Account = "broke"
		return p, nil
	case "disabled":
		return p, identity.ErrDisabled
	case "expired":
		return p, identity.ErrExpired
	case "down":
		return p, errors.New("sql: no route to db.internal with password hunter2")
	default:
		return p, identity.ErrUnknown
	}
}

// panics is an account side that breaks.
func panics(context.Context, string, string) (record.Outcome, bool, error) {
	panic("index out of range in /build/generation.go")
}

const vendor = "10.0.0.1:80"

func newHouse(t *testing.T, answers http.HandlerFunc, keepAlive time.Duration) *house {
	t.Helper()
	h := &house{t: t, door: newPipes()}
	upstream := newPipes()
	out := egress.New(egress.Options{
		Named: []string{vendor},
		Dial:  func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) { return upstream.dial(ctx) },
	})
	data := smallCatalogue()
	price := func(text string) catalog.Price {
		p, err := money.ParsePico(text)
		if err != nil {
			t.Fatal(err)
		}
		return catalog.Price{Text: text, Unit: p}
	}
	data.Providers = append(data.Providers, catalog.Provider{Slug: "pipe", Name: "Pipe", Policy: catalog.Unknown()})
	data.Models = append(data.Models, catalog.Model{
		ID: "lab/one", CanonicalSlug: "lab/one", Name: "One", InputModalities: []string{"text"}, OutputModalities: []string{"text"},
		Endpoints: []*catalog.Endpoint{{
			ID: "lab/one@pipe", Model: "lab/one", Provider: "pipe", Tag: "pipe", Native: "one", BaseURL: "http://" + vendor,
			InputModalities: []string{"text"}, Prices: catalog.Prices{Prompt: price("0.000001"), Completion: price("0.000002")},
		}},
	}, catalog.Model{
		ID: "lab/two-tongues", CanonicalSlug: "lab/two-tongues", Name: "Two", InputModalities: []string{"text"}, OutputModalities: []string{"text"},
		Endpoints: []*catalog.Endpoint{{
			ID: "lab/two-tongues@pipe", Model: "lab/two-tongues", Provider: "pipe", Tag: "pipe", Native: "two", BaseURL: "http://" + vendor,
			Dialect: string(llm.Gemini), InputModalities: []string{"text"}, Prices: catalog.Prices{Prompt: price("0.000001"), Completion: price("0.000002")},
		}},
	})
	snap := snapshotOf(t, data)
	current := func() *catalog.Snapshot { return snap }
	live := provider.Live{Spec: provider.Spec{Slug: "pipe", Speaks: provider.Plain(), Default: llm.Chat, CancelStops: true}}
	tracker := health.New(time.Now)
	h.books = ledger.New(ledger.NewMemory(), time.Now, "test")
	for _, account := range []string{"acme", "broke"} {
		if err := h.books.Open(t.Context(), ledger.Customer(account)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.books.TopUp(t.Context(), ledger.Customer("acme"), "opening", money.USD); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&h.log, nil))
	ids := 0
	g := &gateway.Gateway{
		Catalog: current, Barred: func(*catalog.Endpoint) string { return "" }, Health: tracker, Ledger: h.books,
		Sink: nowhere{}, Now: time.Now, Seed: func() uint64 { return 1 }, EndUser: func(_, user string) string { return "u-" + user }, Total: time.Hour,
		Relay: &relay.Relay{
			Door: out, Providers: func(string) (provider.Live, bool) { return live, true }, Health: tracker, Attempts: 8, Now: time.Now,
			Timeouts: relay.Timeouts{FirstByte: 60 * time.Second, Idle: 30 * time.Second},
		},
	}
	front := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), Handler: api.New(api.Routes{
		Inference: api.Inference{
			Gateway: g, BodyLimit: 3 << 20, KeepAlive: keepAlive, Log: log,
			NewID: func() string { ids++; return fmt.Sprintf("gen-%d", ids) },
		},
		Catalogue:  api.NewCatalogue(current, tracker, time.Now),
		Credits:    api.Credits{Ledger: h.books},
		Generation: api.Lookup{Find: panics},
	}, bearers{}, log)}
	back := &http.Server{ReadHeaderTimeout: time.Hour, Handler: answers}
	go func() { _ = front.Serve(h.door) }()
	go func() { _ = back.Serve(upstream) }()
	h.client = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.door.dial(ctx) }}
	t.Cleanup(func() {
		h.client.CloseIdleConnections()
		_ = front.Close()
		out.CloseIdle()
		_ = back.Close()
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock: connections linger after an answer that did not read its request
		if r, err := h.books.Verify(context.Background()); err != nil || r.Open != 0 {
			t.Errorf("%d holds open, %v", r.Open, err)
		}
	})
	return h
}

type nowhere struct{}

func (nowhere) Record(record.Outcome) {}

// pipes is a network of one address.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() pipes { return pipes{make(chan net.Conn), make(chan struct{})} }

func (p pipes) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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

// said is an answer of the house.
type said struct {
	status int
	header http.Header
	length int64
	body   string
	err    error // of reading the body
	took   time.Duration
}

func (h *house) ask(method, path, key, body string) said {
	h.t.Helper()
	return h.send(h.request(method, path, key, strings.NewReader(body)))
}

func (h *house) request(method, path, key string, body io.Reader) *http.Request {
	h.t.Helper()
	q, err := http.NewRequestWithContext(h.t.Context(), method, "http://house"+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	if key != "" {
		q.Header.Set("Authorization", "Bearer "+key)
	}
	return q
}

func (h *house) send(q *http.Request) said {
	h.t.Helper()
	began := time.Now()
	resp, err := h.client.RoundTrip(q)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return said{resp.StatusCode, resp.Header, resp.ContentLength, string(body), err, time.Since(began)}
}

// in runs f in a bubble with a house whose vendor answers so.
func in(t *testing.T, answers http.HandlerFunc, f func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newHouse(t, answers, 10*time.Second)) })
}

func unasked(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nobody was to ask", 599) }

const chatPath = "/api/v1/chat/completions"

func hello(more ...string) string {
	return `{"model":"lab/one","messages":[{"role":"user","content":"hi"}]` + strings.Join(append([]string{""}, more...), ",") + `}`
}

// AU-01 to AU-03, R4: who is let in, and what the others are told.
func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		plain := func(status int, typ, message string) string {
			return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"metadata":{"error_type":%q}}}`, status, message, typ)
		}
		for _, c := range []struct {
			name, method, path, header string
			status                     int
			body                       string
		}{
			{"no key (AU-01)", "POST", chatPath, "", 401, plain(401, "authentication", "Missing Authentication header")},
			{"no key for credits", "GET", "/api/v1/credits", "", 401, plain(401, "authentication", "Missing Authentication header")},
			{"no key for a management route", "GET", "/api/v1/keys", "", 401, plain(401, "authentication", "Missing Authentication header")},
			{"another scheme", "POST", chatPath, "Basic dXNlcg==", 401, plain(401, "authentication", "The Authorization header must read: Bearer <key>")},
			{"the bare key", "POST", chatPath, "user", 401, plain(401, "authentication", "The Authorization header must read: Bearer <key>")},
			{"an empty key", "POST", chatPath, "Bearer  ", 401, plain(401, "authentication", "The Authorization header must read: Bearer <key>")},
			{"unknown (AU-02)", "POST", chatPath, "Bearer nobody", 401, plain(401, "authentication", "No such key")},
			{"disabled (AU-02)", "POST", chatPath, "Bearer disabled", 401, plain(401, "authentication", "This key is disabled")},
			{"expired (AU-02)", "POST", chatPath, "Bearer expired", 401, plain(401, "authentication", "This key has expired")},
			{"our store is down (R4)", "POST", chatPath, "Bearer down", 503, plain(503, "provider_overloaded", "Keys cannot be checked right now: try again")},
			{"a management key cannot infer (AU-03)", "POST", chatPath, "Bearer boss", 403, plain(403, "permission_denied", "Management keys cannot be used for inference: create a user key with POST /api/v1/keys and use that")},
			{"a user key cannot manage (AU-03)", "GET", "/api/v1/keys", "Bearer user", 403, plain(403, "permission_denied", "Only management keys can perform this operation")},
			{"nor delete", "DELETE", "/api/v1/keys/abc", "Bearer user", 403, plain(403, "permission_denied", "Only management keys can perform this operation")},
		} {
			q := h.request(c.method, c.path, "", strings.NewReader(`{"model":`))
			if c.header != "" {
				q.Header.Set("Authorization", c.header)
			}
			a := h.send(q)
			if a.status != c.status || a.body != c.body {
				t.Errorf("%s: %d %s, want %d %s", c.name, a.status, a.body, c.status, c.body)
			}
			if a.header.Get("Content-Type") != "application/json" || a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %v", c.name, a.header)
			}
			if retry := a.header.Get("Retry-After"); (retry == "1") != (c.status == 503) {
				t.Errorf("%s: Retry-After %q", c.name, retry)
			}
		}
		q := h.request("GET", "/api/v1/credits", "", nil)
		q.Header.Set("Authorization", "bearer  user ")
		if a := h.send(q); a.status != 200 {
			t.Errorf("a scheme in small letters: %d %s", a.status, a.body)
		}
		if !strings.Contains(h.log.String(), "keys cannot be read") {
			t.Error("the operator is not told of the store")
		}
	})
}

// AU-04, and what is where.
func TestRoutes(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		for _, c := range []struct {
			method, path, key string
			status            int
			has               string
		}{
			{"GET", "/api/v1/models", "", 200, "lab/one"},
			{"GET", "/v1/models", "", 200, "lab/one"},
			{"HEAD", "/api/v1/models", "", 200, ""},
			{"GET", "/api/v1/models/count", "", 200, "count"},
			{"GET", "/api/v1/providers", "", 200, "Pipe"},
			{"GET", "/api/v1/endpoints/zdr", "", 200, "data"},
			{"GET", "/healthz", "", 200, "true"},
			{"GET", "//api//v1///models", "", 200, "lab/one"},
			{"POST", "/api/v1//chat/completions", "", 401, "Missing"},
			{"GET", "/", "", 404, `"code":404,"message":"There is nothing at /"`},
			{"GET", "/api/v1/nothing", "user", 404, "not_found"},
			{"GET", "/api/v1/models/", "", 404, "not_found"},
			{"GET", "/api/v1/%ff%fe", "", 404, "not_found"},
			{"GET", "/api/v1/%22%3Cscript%3E", "", 404, "not_found"},
			{"GET", "/api/v1/../v1/models", "", 404, "not_found"},
			{"POST", "/api/v1/./chat/completions", "user", 404, "not_found"},
			{"GET", "/api/v1/%2e%2e/models", "", 404, "not_found"},
			{"GET", "/" + strings.Repeat("x", 5000), "", 404, "not_found"},
			{"GET", chatPath, "user", 405, `"code":405,"message":"GET is not allowed here; use POST"`},
			{"DELETE", "/api/v1/models", "", 405, `"code":405`},
			{"PUT", "/api/v1/keys/abc", "boss", 405, "use GET or PATCH or DELETE"},
			{"BREW", chatPath, "user", 405, "BREW is not allowed here; use POST"},
			{"OPTIONS", chatPath, "", 204, ""},
			{"OPTIONS", "/anything", "", 204, ""},
		} {
			a := h.ask(c.method, c.path, c.key, "")
			if a.status != c.status || !strings.Contains(a.body, c.has) {
				t.Errorf("%s %.60s: %d %.200s, want %d and %s", c.method, c.path, a.status, a.body, c.status, c.has)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s %.60s: a browser may not read it (AU-10)", c.method, c.path)
			}
			if (c.status == 405) != (a.header.Get("Allow") != "") {
				t.Errorf("%s %.60s: Allow %q", c.method, c.path, a.header.Get("Allow"))
			}
			if len(a.body) > 1000 && c.status >= 400 {
				t.Errorf("%s %.60s: an error of %d bytes", c.method, c.path, len(a.body))
			}
		}
		a := h.ask("OPTIONS", chatPath, "", "")
		allowed := a.header.Get("Access-Control-Allow-Headers") + a.header.Get("Access-Control-Allow-Methods")
		if !strings.Contains(allowed, "Authorization") || !strings.Contains(allowed, "POST") { // a star does not cover Authorization
			t.Errorf("preflight (AU-10): %v", a.header)
		}
	})
}

// F91, ER-02: a panic is a masked 500, and the operator sees it.
func TestPanicIsMasked(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		a := h.ask("GET", "/api/v1/generation?id=gen-1", "user", "")
		want := `{"error":{"code":500,"message":"Internal Server Error","metadata":{"error_type":"server"}}}`
		if a.status != 500 || a.body != want {
			t.Errorf("%d %s", a.status, a.body)
		}
		if log := h.log.String(); !strings.Contains(log, "msg=panic cause=string") || !strings.Contains(log, "api_test.panics") {
			t.Error("the operator is not told")
		} else if strings.Contains(log, "index out of range") {
			t.Error("the log has what the panic said, which may be somebody's words") // but for the runtime's own
		}
		if a = h.ask("GET", "/healthz", "", ""); a.status != 200 {
			t.Errorf("afterwards: %d", a.status)
		}
	})
}

// F59 to F61: bodies that are too large, too slow or too short cost nothing.
func TestBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		key    string
		body   func(q *http.Request)
		status int
		took   time.Duration
	}{
		{"none", "user", func(q *http.Request) { q.Body, q.ContentLength = nil, 0 }, 400, 0},
		{"too large, and says so", "user", func(q *http.Request) { q.Body, q.ContentLength = endless(), 4<<20 }, 413, 0},
		{"too large, and does not say", "user", func(q *http.Request) { q.Body, q.ContentLength = endless(), -1 }, 413, 0},
		{"large, and comes to nothing", "user", func(q *http.Request) { q.Body, q.ContentLength = stuck(), 3<<20 }, 408, 30 * time.Second},
		{"small, and comes to nothing (F60)", "user", func(q *http.Request) { q.Body, q.ContentLength = stuck(), 100 }, 408, 30 * time.Second},
		{"chunked, and comes to nothing", "user", func(q *http.Request) { q.Body, q.ContentLength = stuck(), -1 }, 408, 30 * time.Second},
		{"without a key, and comes to nothing", "nobody", func(q *http.Request) { q.Body, q.ContentLength = stuck(), 100 }, 401, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in(t, unasked, func(t *testing.T, h *house) {
				q := h.request("POST", chatPath, c.key, nil)
				c.body(q)
				a := h.send(q)
				if a.status != c.status || !strings.Contains(a.body, fmt.Sprintf(`"code":%d`, c.status)) {
					t.Errorf("%d %s, want %d", a.status, a.body, c.status)
				}
				if a.took > c.took {
					t.Errorf("took %s", a.took)
				}
				if q.Body != nil {
					_ = q.Body.Close()
				}
			})
		})
	}
}

type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// endless is a body without an end, stuck one without a beginning.
func endless() io.ReadCloser { return io.NopCloser(filler{}) }

func stuck() io.ReadCloser { r, _ := io.Pipe(); return r }

const (
	roleFrame  = `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	helloFrame = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}` + "\n\n"
	stopFrame  = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20}}` + "\n\n"
	doneFrame  = "data: [DONE]\n\n"
	comment    = ": OPENROUTER PROCESSING\n\n"
)

// streams sends each piece in turn: a duration is a pause, a string is sent.
func streams(pieces ...any) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for _, p := range pieces {
			switch p := p.(type) {
			case string:
				_, _ = io.WriteString(w, p)
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
}

// ST-01, ST-04, ST-05, ST-08, AU-09: streams, and where comments and errors go.
func TestStream(t *testing.T) {
	t.Parallel()
	const s = time.Second
	full := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		http.Error(w, `{"error":{"message":"busy"}}`, http.StatusTooManyRequests)
	}
	for _, c := range []struct {
		name    string
		answers http.HandlerFunc
		status  int
		kinds   string // of what comes: c comment, d data, e error, [ DONE
		took    time.Duration
	}{
		{"at once", streams(roleFrame, helloFrame, stopFrame, doneFrame), 200, "dddd[", 0},
		{"after 25 s", streams(25*s, roleFrame, helloFrame, stopFrame, doneFrame), 200, "ccdddd[", 25 * s},
		{"role at once, content after 25 s", streams(roleFrame, 25*s, helloFrame, stopFrame, doneFrame), 200, "ccdddd[", 25 * s},
		{"a gap in between", streams(helloFrame, 15*s, helloFrame, 5*s, stopFrame, doneFrame), 200, "dcddd[", 20 * s},
		{"an error at once (AU-09)", full, 429, "e", 0},
		{"an error after comments (F25)", streams(time.Hour), 200, "cccccce", 60 * s},
		{"an error after content (ST-05)", streams(helloFrame, 15*s), 200, "dce", 15 * s},
		{"an error right after content", streams(helloFrame), 200, "de", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in(t, c.answers, func(t *testing.T, h *house) {
				a := h.ask("POST", chatPath, "user", hello(`"stream":true`))
				if a.err != nil || a.status != c.status || a.took != c.took {
					t.Errorf("%d after %s, %v; want %d after %s", a.status, a.took, a.err, c.status, c.took)
				}
				if got := kinds(a); got != c.kinds {
					t.Errorf("%s, want %s:\n%s", got, c.kinds, a.body)
				}
				if a.header.Get("X-Generation-Id") != "gen-1" {
					t.Errorf("no id (ST-08): %v", a.header)
				}
				want := "text/event-stream"
				if c.status != 200 {
					want = "application/json"
				}
				if got := a.header.Get("Content-Type"); got != want {
					t.Errorf("content type %q", got)
				}
				if c.status == 429 && (a.header.Get("Retry-After") != "7" || !strings.Contains(a.body, `"retry_after":7`) || !strings.Contains(a.body, "capacity_exhausted")) {
					t.Errorf("ER-06, ER-07: %v %s", a.header, a.body)
				}
			})
		})
	}
}

func kinds(a said) string {
	if !strings.HasPrefix(a.body, "data:") && !strings.HasPrefix(a.body, ":") {
		return "e"
	}
	var out strings.Builder
	for event := range strings.SplitSeq(strings.TrimSuffix(a.body, "\n\n"), "\n\n") {
		switch {
		case event+"\n\n" == comment:
			out.WriteByte('c')
		case event+"\n\n" == doneFrame:
			out.WriteByte('[')
		case strings.Contains(event, `"error":{`):
			out.WriteByte('e')
		case strings.HasPrefix(event, "data: {"):
			out.WriteByte('d')
		default:
			out.WriteByte('?')
		}
	}
	return out.String()
}

// Whole answers go out once, with their length, and nothing before them.
func TestWholeAnswer(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"one piece": {`"max_tokens":50`}, "from a stream": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, streams(25*time.Second, roleFrame, helloFrame, stopFrame, doneFrame), func(t *testing.T, h *house) {
				a := h.ask("POST", chatPath, "user", hello(more...))
				if a.status != 200 || a.length != int64(len(a.body)) || !strings.Contains(a.body, `"content":"hello"`) || !strings.Contains(a.body, `"cost":0.00005`) {
					t.Errorf("%d, length %d of %d: %s", a.status, a.length, len(a.body), a.body)
				}
				if a.header.Get("X-Generation-Id") != "gen-1" || a.header.Get("Content-Type") != "application/json" {
					t.Errorf("%v", a.header)
				}
			})
		})
	}
	t.Run("an error after content (ER-10)", func(t *testing.T) {
		t.Parallel()
		in(t, streams(helloFrame), func(t *testing.T, h *house) {
			a := h.ask("POST", chatPath, "user", hello())
			if a.status != 200 || a.length != int64(len(a.body)) || !strings.Contains(a.body, `"finish_reason":"error"`) || !strings.Contains(a.body, "hello") {
				t.Errorf("%d, %s", a.status, a.body)
			}
		})
	})
	t.Run("an error before content", func(t *testing.T) {
		t.Parallel()
		in(t, streams(), func(t *testing.T, h *house) {
			a := h.ask("POST", chatPath, "user", hello())
			if a.status != 502 || a.header.Get("X-Generation-Id") != "gen-1" || !strings.Contains(a.body, `"provider_name":"Pipe"`) {
				t.Errorf("%d, %s", a.status, a.body)
			}
		})
	})
}

// Refusals before anything is asked: each in the contract's words, none held for.
func TestRefusals(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name, key, body string
			status          int
			has             string
		}{
			{"unknown model (SL-12)", "user", strings.Replace(hello(), "lab/one", "lab/two", 1), 400, `"availability":{"code":"model_not_found","retryable":false,"requested_models":["lab/two"]`},
			{"no endpoint (RT-28)", "user", hello(`"provider":{"only":["nobody"]}`), 404, `"code":"constraint_filtered"`},
			{"a data policy", "user", hello(`"provider":{"zdr":true}`), 404, `"code":"privacy_restricted"`},
			{"no credits (ER-14)", "broke", hello(), 402, "Insufficient credits"},
			{"absurdly many tokens", "user", hello(`"max_tokens":9223372036854775807`), 400, "max_tokens"},
			{"a member twice (F61)", "user", hello(`"model":"lab/one"`), 400, "model"},
			{"no JSON", "user", "{", 400, "invalid_request"},
			{"no UTF-8", "user", strings.Replace(hello(), "hi", "\xff", 1), 400, "invalid_request"},
			{"deep", "user", strings.Repeat("[", 100_000), 400, "invalid_request"},
		} {
			a := h.ask("POST", chatPath, c.key, c.body)
			if a.status != c.status || !strings.Contains(a.body, c.has) || !strings.Contains(a.body, fmt.Sprintf(`{"error":{"code":%d,`, c.status)) {
				t.Errorf("%s: %d %s; want %d and %s", c.name, a.status, a.body, c.status, c.has)
			}
		}
		b, err := h.books.Balance(t.Context(), ledger.Customer("acme"))
		if d := cmp.Diff(ledger.Balance{Posted: money.USD, Credits: money.USD}, b); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	})
}

// F57: who is slow gets the answer, who does not read is let go.
func TestSlowReaders(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("hello ", 100_000)
	frame := strings.Replace(helloFrame, "hello", long, 1)
	for _, c := range []struct {
		name string
		more string
		pace time.Duration // between reads of 16 KiB
		good bool
	}{
		{"a stream, slowly", `"stream":true`, time.Second, true},
		{"a whole answer, slowly", `"stream":false`, time.Second, true},
		{"a stream, not", `"stream":true`, time.Hour, false},
		{"a whole answer, not", `"stream":false`, time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				// A comment that waited for a write to end would stop the bubble's clock.
				h := newHouse(t, streams(roleFrame, frame, stopFrame, doneFrame), 1000*time.Hour)
				resp, err := h.client.RoundTrip(h.request("POST", chatPath, "user", strings.NewReader(hello(c.more))))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				var body bytes.Buffer
				for err == nil {
					time.Sleep(c.pace) //nolint:forbidigo // the bubble's clock
					_, err = io.CopyN(&body, resp.Body, 16<<10)
				}
				if good := errors.Is(err, io.EOF) && strings.Contains(body.String(), long); good != c.good {
					t.Errorf("good is %v: %v after %d bytes", good, err, body.Len())
				}
				synctest.Wait()
				if b, err := h.books.Balance(t.Context(), ledger.Customer("acme")); err != nil || b.Held != 0 || b.Used == 0 {
					t.Errorf("%+v, %v", b, err)
				}
			})
		})
	}
}
