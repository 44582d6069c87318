package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
)

// tally is what came of all cases.
type tally struct {
	cases, attempts, violations, refused, answered, again, continued, turns, withdrawn, moved, judged, fetches atomic.Int64
}

// TestNoWayAround draws catalogues, what is known of their endpoints, policies at every
// level, requests and failures, and runs them through the whole spine. At the door, on
// the far side of all that could have decided otherwise, every attempt is held to the
// rules as around_rules_test.go says them again. TURNPIKE_POLICY_CASES sets how many.
func TestNoWayAround(t *testing.T) {
	t.Parallel()
	cases := int64(20_000)
	if text := os.Getenv("TURNPIKE_POLICY_CASES"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cases = n
	}
	const each = 400 // cases in one world
	began := time.Now()
	sum, next := &tally{}, atomic.Int64{}
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for {
				n := next.Add(1)
				if (n-1)*each >= cases || sum.violations.Load() > 0 {
					return
				}
				if err := newAround(t, uint64(n), sum).run(int(min(each, cases-(n-1)*each))); err != nil {
					t.Errorf("world %d: %v", n, err)
					return
				}
			}
		})
	}
	work.Wait()
	t.Logf("%d cases in %s: %d attempts, %d violations; %d answered, %d refused, %d answers given again, %d continued, %d turns of a tool, "+
		"%d catalogues changed under way, %d endpoints left out on the way, %d endpoints judged twice, %d fetches",
		sum.cases.Load(), time.Since(began).Round(time.Millisecond), sum.attempts.Load(), sum.violations.Load(), sum.answered.Load(), sum.refused.Load(), sum.again.Load(),
		sum.continued.Load(), sum.turns.Load(), sum.moved.Load(), sum.withdrawn.Load(), sum.judged.Load(), sum.fetches.Load())
	for what, n := range map[string]*atomic.Int64{
		"answered": &sum.answered, "refused": &sum.refused, "given again": &sum.again, "continued": &sum.continued, "turns": &sum.turns,
		"left out on the way": &sum.withdrawn, "fetches": &sum.fetches,
		"catalogues changed": &sum.moved, "judged": &sum.judged,
	} {
		if n.Load() == 0 {
			t.Errorf("no case: %s", what)
		}
	}
}

// around is one world, and the case that is at it.
type around struct {
	t    *testing.T
	d    dice
	land *land
	g    *gateway.Gateway
	sum  *tally
	seed uint64

	now     time.Time
	current int // of the land's versions
	rules   *rules
	wishes  []*wish // of the request that is asked, the innermost last
	planned int     // the version by which it was planned
	began   time.Time
	id      int
	sources map[string][]string // generation -> the endpoints that answered
	found   error
}

const worldSpan = 30 * 24 * time.Hour

func newAround(t *testing.T, seed uint64, sum *tally) *around {
	t.Helper()
	a := &around{
		t: t, d: dice{rand.New(rand.NewPCG(seed, 5))}, sum: sum, seed: seed, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
		sources: map[string][]string{},
	}
	var err error
	if a.land, err = a.d.land(a.now, worldSpan); err != nil {
		t.Fatal(err)
	}
	a.rules = a.land.rules(a.d)
	clock := func() time.Time { return a.now }
	books := ledger.New(ledger.NewMemory(), clock, "test")
	for _, err := range []error{
		books.Open(t.Context(), ledger.Customer(account)), books.TopUp(t.Context(), ledger.Customer(account), "opening", 1_000_000_000*money.USD),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	live := a.land.live()
	h := health.New(clock)
	a.g = &gateway.Gateway{
		Catalog: func() *catalog.Snapshot { return a.land.snaps[a.current] },
		Barred:  func(*catalog.Endpoint) string { return "" },
		Gate: &policy.Gate{
			House: func() (*policy.House, error) { return a.rules.house, nil },
			Rules: func(context.Context, identity.Principal, time.Time) (policy.Rules, error) {
				return policy.Rules{Levels: a.rules.levels, Classes: a.rules.floors}, nil
			},
		},
		Health: h, Sessions: affinity.New(time.Hour, clock, nil), Cache: cache.New(drawer{}, clock), Ledger: books, Sink: nowhere{}, Now: clock,
		Seed: a.d.Uint64, EndUser: func(_, user string) string { return user }, Total: time.Hour, Drains: make(chan struct{}, 1),
		Relay: &relay.Relay{
			Door:    egress.New(egress.Options{Beyond: beyond{a}, Resolver: beyond{a}}),
			Catalog: func() *catalog.Snapshot { return a.land.snaps[a.current] },
			Providers: func(slug string) (provider.Live, bool) {
				l, ok := live[slug]
				return l, ok
			},
			Health: h, Attempts: 6, Now: clock, Timeouts: relay.Timeouts{FirstByte: time.Hour, Idle: time.Hour},
		},
	}
	return a
}

// drawer is a store for the response cache.
type drawer map[string][]byte

func (s drawer) Get(_ context.Context, key string) ([]byte, bool) { v, ok := s[key]; return v, ok }
func (s drawer) Delete(_ context.Context, key string)             { delete(s, key) }
func (s drawer) Put(_ context.Context, key string, value []byte, _ time.Duration) {
	s[key] = bytes.Clone(value)
}

type nowhere struct{}

func (nowhere) Record(record.Outcome) {}

// run runs so many cases.
func (a *around) run(cases int) error {
	var asked *wish // before, which may have an answer that is kept
	for n := range cases {
		a.now = a.now.Add(time.Duration(a.d.Int64N(int64(worldSpan) / 400)))
		if a.d.chance(0.1) {
			a.current = a.d.IntN(2)
		}
		if a.d.chance(0.7) {
			a.rules = a.land.rules(a.d)
		}
		x := a.land.wish(a.d, a.rules, n)
		if asked != nil && asked.caches && a.d.chance(0.5) {
			x = *asked
			if n, err := strconv.Atoi(strings.TrimPrefix(x.class, "c")); err == nil && n >= len(a.rules.classes) {
				x.class = ""
			}
		}
		a.judge(&x)
		a.ask(&x)
		asked = &x
		a.sum.cases.Add(1)
		if a.found != nil {
			a.sum.violations.Add(1)
			return fmt.Errorf("case %d, %+v under %+v: %w", n, x, *a.rules, a.found)
		}
	}
	if n := a.g.Relay.Door.Violations(); n != 0 {
		return fmt.Errorf("the door counts %d violations", n)
	}
	return nil
}

// version is the catalogue that a request is planned by: the one that the operator's
// policy goes with, or the current one.
func (a *around) version() int {
	if h := a.rules.house; h != nil && h.Catalog == a.land.snaps[1-a.current] {
		return 1 - a.current
	}
	return a.current
}

// ask asks a request.
func (a *around) ask(x *wish) {
	a.id++
	id := "gen-" + strconv.Itoa(a.id)
	a.wishes = append(a.wishes, x)
	planned, began := a.planned, a.began
	a.planned, a.began = a.version(), a.now
	defer func() { a.wishes, a.planned, a.began = a.wishes[:len(a.wishes)-1], planned, began }()
	var tool *gateway.Tool
	if x.tool {
		tool = &gateway.Tool{Name: "ours", Run: func(context.Context, string) string {
			if a.unfetched(x) {
				a.fails("a tool runs")
			}
			inner := a.land.wish(a.d, a.rules, -a.id)
			inner.tool = false
			a.ask(&inner)
			return "said"
		}}
	}
	var o record.Outcome
	err := a.g.RunWith(context.Background(), identity.Principal{Account: account, KeyHash: "k"}, x.request(id), tool, quiet{}, &o)
	switch e, ok := errors.AsType[*llm.Error](err); {
	case err == nil && o.CacheSource != "":
		a.sum.again.Add(1)
		for _, endpoint := range a.sources[o.CacheSource] {
			a.holds(endpoint, "an answer is given again")
		}
	case err == nil:
		a.sum.answered.Add(1)
		a.sum.continued.Add(int64(min(len(o.Parts), 1)))
		from := []string{o.Endpoint}
		for _, p := range o.Parts {
			from = append(from, p.Endpoint)
		}
		a.sources[id] = from
	case !ok:
		a.fails(err.Error())
	default:
		a.sum.refused.Add(1)
		if e.Availability != nil && e.Availability.Code == "privacy_restricted" && strings.Contains(e.Message, "Left out") && o.Ended != (time.Time{}) {
			a.sum.withdrawn.Add(1) // it was planned, and nobody could be asked any more
		}
	}
}

// quiet is a caller who reads it all and remembers nothing.
type quiet struct{}

func (quiet) Begin(dialect.Head)               {}
func (quiet) Emit(llm.Chunk) error             { return nil }
func (quiet) Finish(llm.Usage) error           { return nil }
func (quiet) Fail(*llm.Error, llm.Usage) error { return nil }

func (a *around) fails(why string) {
	if a.found == nil {
		a.found = errors.New(why)
	}
}

// allowed says whether the rules let an endpoint be asked, by what is known of it in a
// version of the catalogue.
func (a *around) allowed(version int, id string, x *wish, at time.Time) bool {
	e, ok := a.land.known[version][id]
	if !ok {
		e = a.land.known[0][id]
		e.missing = true
	}
	for _, d := range a.rules.demands(x) {
		if !d.admits(&e, at) {
			return false
		}
	}
	return true
}

// holds holds an endpoint to the rules as it is now.
func (a *around) holds(id, what string) {
	x := a.wishes[len(a.wishes)-1]
	if !a.allowed(a.current, id, x, a.now) {
		a.fails(what + " of " + id + ", which is not allowed as it is now")
	}
}

// unfetched says whether somebody demands that nothing is fetched.
func (a *around) unfetched(x *wish) bool {
	for _, d := range a.rules.demands(x) {
		if d.noFetch {
			return true
		}
	}
	return false
}

// judge asks of some requests which endpoints their limits admit, and holds that to the
// rules both ways; and that a demand more admits none more.
func (a *around) judge(x *wish) {
	if !a.d.chance(0.1) {
		return
	}
	who, req := identity.Principal{Account: account, KeyHash: "k"}, x.request("judged")
	limits, err := a.g.Gate.Check(context.Background(), who, req, a.now)
	if err != nil {
		a.fails(err.Error())
		return
	}
	more := a.land.demand(a.d)
	tighter := []policy.Limits{limits.With(policy.Level{Kind: policy.Key, Terms: more.terms()})}
	zdr, deny := *req, *req
	zdr.Routing.ZDR, deny.Routing.DenyCollection = true, true
	for _, req := range []*llm.Request{&zdr, &deny} {
		l, err := a.g.Gate.Check(context.Background(), who, req, a.now)
		if err != nil {
			a.fails(err.Error())
		}
		tighter = append(tighter, l)
	}
	if n := len(a.rules.classes); n > 0 { // the request may raise its class, and not lower it
		for i := range n {
			classy := *req
			classy.DataClass = "c" + strconv.Itoa(i)
			l, err := a.g.Gate.Check(context.Background(), who, &classy, a.now)
			if err != nil {
				a.fails(err.Error())
			}
			if x.class == "" && (len(a.rules.floors) > 0 || a.rules.house.Default == "") || x.class < classy.DataClass && x.class != "" {
				tighter = append(tighter, l)
			}
		}
	}
	for version, snap := range a.land.snaps {
		for _, m := range snap.Models() {
			for _, e := range m.Endpoints {
				a.sum.judged.Add(1)
				rule, _ := limits.Refuses(m, e, a.now)
				if want := a.allowed(version, e.ID, x, a.now); want != (rule == "") {
					a.fails(fmt.Sprintf("%s: rule %q, allowed %t: %+v", e.ID, rule, want, a.land.known[version][e.ID]))
				}
				for _, l := range tighter {
					if tight, _ := l.Refuses(m, e, a.now); tight == "" && rule != "" {
						a.fails(e.ID + ": a demand more admits it: " + rule)
					}
				}
			}
		}
	}
}

// beyond is all that is behind the door.
type beyond struct{ *around }

// LookupNetIP is where a fetch gets to.
func (b beyond) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	b.sum.fetches.Add(1)
	if b.unfetched(b.wishes[len(b.wishes)-1]) {
		b.fails("something is fetched")
	}
	return nil, errors.New("no network in this test")
}

// RoundTrip is an attempt: it counts, is held to the rules, and comes to something.
func (b beyond) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	b.sum.attempts.Add(1)
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(r.URL.Host, "e"), ".test"))
	if err != nil || n >= len(b.land.ids) {
		b.fails("a request to " + r.URL.Host)
		return nil, io.EOF
	}
	id, x := b.land.ids[n], b.wishes[len(b.wishes)-1]
	b.holds(id, "an attempt")
	if e := b.land.known[0][id]; !x.wants(&e) {
		b.fails("an attempt of " + id + ", which the request does not mean")
	}
	if !b.allowed(b.planned, id, x, b.began) || !b.allowed(b.planned, id, x, b.now) {
		b.fails("an attempt of " + id + ", which is not allowed by what it was planned by")
	}
	if b.d.chance(0.2) { // what is known changes while the request is under way
		b.now = b.now.Add(time.Duration(b.d.Int64N(int64(worldSpan) / 50)))
	}
	if b.d.chance(0.2) {
		b.current = 1 - b.current
		b.sum.moved.Add(1)
	}
	if b.d.chance(0.1) {
		return nil, io.ErrUnexpectedEOF
	}
	return b.answer(r, x)
}

const (
	roleEvent = `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null}]}` + "\n\n"
	moreEvent = `data: {"id":"c","choices":[{"index":0,"delta":{"content":" there"},"finish_reason":null}]}` + "\n\n"
	stopEvent = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}` + "\n\ndata: [DONE]\n\n"
	callEvent = `data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"ours","arguments":"{}"}}]},"finish_reason":null}]}` + "\n\n" +
		`data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}` + "\n\ndata: [DONE]\n\n"
	wholeBody = `{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}`
)

func (b beyond) answer(r *http.Request, x *wish) (*http.Response, error) {
	status, kind, body, cut := http.StatusOK, "text/event-stream", roleEvent+moreEvent+stopEvent, false
	if r.Header.Get("Accept") == "application/json" {
		kind, body = "application/json", wholeBody
	}
	switch b.d.IntN(16) {
	case 0, 1, 2:
		status, kind, body = pickOne(b.d, 500, 503, 429, 404, 401, 403, 400), "application/json", `{"error":{"message":"no"}}`
	case 3, 4, 5:
		if kind == "text/event-stream" {
			body, cut = roleEvent+moreEvent, true
		}
	case 6:
		body, cut = "", true
	default:
		if x.tool && kind == "text/event-stream" && b.d.chance(0.5) {
			b.sum.turns.Add(1)
			body = callEvent
		}
	}
	var from io.Reader = strings.NewReader(body)
	if cut {
		from = io.MultiReader(from, broken{})
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(from), ContentLength: -1, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// broken is where a connection breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
