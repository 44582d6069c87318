package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// keyed is an endpoint that answers each key in its own way; the first key is drawn
// first by nearly all requests.
func keyed(ways map[string]http.HandlerFunc, keys ...provider.Key) at {
	for i := range keys {
		keys[i].Secret = "secret-of-" + keys[i].Label
		keys[i].Weight = []int{1000, 30, 1}[i]
	}
	return at{
		edit: func(_ *catalog.Endpoint, l *provider.Live) { l.Keys = keys },
		answers: func(w http.ResponseWriter, q *http.Request) {
			ways[strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer secret-of-")](w, q)
		},
	}
}

// of puts a candidate's endpoint with the provider of another one.
func of(provided string, a at) at {
	a.edit = func(e *catalog.Endpoint, _ *provider.Live) { e.Provider = provided }
	return a
}

// labels are the keys of the attempts, in order.
func (g got) labels() string {
	var list []string
	for _, t := range g.tried {
		list = append(list, fmt.Sprintf("%s%s:%d", t.Endpoint[2:], t.KeyLabel, t.Status))
	}
	return strings.Join(list, " ")
}

func (r *rig) logs() *bytes.Buffer {
	var b bytes.Buffer
	r.Log = slog.New(slog.NewTextHandler(&b, nil))
	return &b
}

// F12: a 429 cools one key at one endpoint; the next key is asked, then the next
// endpoint, and a key that cools is not.
func TestF12_OneKeyCools(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := fails(429, "Retry-After", "20")
		ways := map[string]http.HandlerFunc{"a": busy, "b": good}
		r := newRig(t, keyed(ways, provider.Key{Label: "a"}, provider.Key{Label: "b"}), of("0", at{answers: good}))
		check := func(want string) {
			t.Helper()
			if g := r.do(t.Context(), request(t, stream)); g.err != nil || g.labels() != want {
				t.Errorf("tried %s, want %s: %v", g.labels(), want, g.err)
			}
		}
		check("0a:429 0b:200")
		check("0b:200")
		ways["b"] = fails(429, "Retry-After", "5")
		check("0b:429 1a:200") // at another endpoint the key is free
		check("1a:200")
		time.Sleep(6 * time.Second) //nolint:forbidigo // the bubble's clock
		ways["b"] = good
		check("0b:200")
		time.Sleep(15 * time.Second) //nolint:forbidigo // the bubble's clock
		ways["a"] = good
		check("0a:200")
	})
}

// F13, F18, F19: a key that is refused, or has nothing left, is left alone for five
// minutes: everywhere, unless it may be about one model. The operator is told once, by
// its label.
func TestF18_RefusedKeyIsParked(t *testing.T) {
	t.Parallel()
	const everywhere, there = "1b:200", "1a:200"
	spent := says(429, `{"error":{"message":"You exceeded your current quota, please check your plan","code":"insufficient_quota"}}`)
	for name, c := range map[string]struct {
		refuses http.HandlerFunc
		status  int
		second  string // attempts of a request for the other endpoint
	}{
		"401": {fails(401), 401, everywhere}, "402": {fails(402), 402, everywhere},
		"403": {fails(403), 403, there}, "spend cap dressed as 429": {spent, 429, everywhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ways := map[string]http.HandlerFunc{"a": c.refuses, "b": good}
				r := newRig(t, keyed(ways, provider.Key{Label: "a"}, provider.Key{Label: "b"}), of("0", at{answers: good}))
				logs := r.logs()
				check := func(want string) {
					t.Helper()
					if g := r.do(t.Context(), request(t, stream)); g.err != nil || g.labels() != want {
						t.Errorf("tried %s, want %s: %v", g.labels(), want, g.err)
					}
				}
				check(fmt.Sprintf("0a:%d 0b:200", c.status))
				check("0b:200")
				all := r.plan.Candidates
				r.plan.Candidates = all[1:]
				check(c.second)
				r.plan.Candidates = all
				time.Sleep(5*time.Minute + time.Second) //nolint:forbidigo // the bubble's clock
				ways["a"] = good
				check("0a:200")
				if text := logs.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "key=a") || strings.Contains(text, "secret-of") {
					t.Errorf("the operator is told %q", text)
				}
			})
		})
	}
}

// All keys away: the endpoint is passed over without a call, in words of its own.
func TestNoKeyIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ways := map[string]http.HandlerFunc{"a": fails(401), "b": fails(401)}
		r := newRig(t, keyed(ways, provider.Key{Label: "a"}, provider.Key{Label: "b"}))
		if g := r.do(t.Context(), request(t, stream)); g.err == nil || g.err.Type != llm.TypeUnavailable || g.labels() != "0a:401 0b:401" {
			t.Errorf("%v, tried %s", g.err, g.labels())
		}
		if g := r.do(t.Context(), request(t, stream)); g.err == nil || g.err.Type != llm.TypeUnavailable || len(g.tried) != 0 {
			t.Errorf("%+v, tried %s", g.err, g.labels())
		}
		// Who is asked without a key has none to park.
		r = newRig(t, at{answers: fails(401), edit: func(_ *catalog.Endpoint, l *provider.Live) { l.Keys = nil }})
		for range 2 {
			if g := r.do(t.Context(), request(t, stream)); g.err == nil || len(g.tried) != 1 {
				t.Errorf("%+v, tried %s", g.err, g.labels())
			}
		}
	})
}

// F24: where all endpoints are left alone, the answer is there at once and says when the
// next of them is tried.
func TestF24_AllEjected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{answers: good}, at{answers: good})
		for i, c := range r.plan.Candidates {
			for range 5 {
				r.Health.Failed(c.Endpoint.ID, false)
			}
			time.Sleep(time.Duration(i+1) * time.Second) //nolint:forbidigo // the bubble's clock
		}
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeOverloaded || g.took != 0 || g.err.RetryAfter != 2*time.Second || len(g.tried) != 0 || r.asks() != "" {
			t.Errorf("%+v after %v, asked %s", g.err, g.took, r.asks())
		}
	})
}

// The operator's own limits of a key: whoever finds no room goes on to the next key and
// endpoint without a call, and where there is none, is told when to come back.
func TestOwnLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ways := map[string]http.HandlerFunc{"a": good, "b": good}
		r := newRig(t, keyed(ways, provider.Key{Label: "a", Rate: 2}, provider.Key{Label: "b", Concurrency: 1}))
		check := func(want string) {
			t.Helper()
			if g := r.do(t.Context(), request(t, stream)); g.err != nil || g.labels() != want {
				t.Errorf("tried %s, want %s: %v", g.labels(), want, g.err)
			}
		}
		check("0a:200")
		check("0a:200")
		held, tried, err := r.Do(t.Context(), request(t, stream), r.plan)
		if err != nil || tried[0].KeyLabel != "b" {
			t.Fatal(err, tried)
		}
		time.Sleep(20 * time.Second) //nolint:forbidigo // the bubble's clock
		asked := r.asks()
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeRateLimit || g.err.Availability == nil || g.err.Availability.Code != "capacity_exhausted" || g.err.RetryAfter != time.Second {
			t.Errorf("%+v", g.err)
		}
		if len(g.tried) != 0 || r.asks() != asked {
			t.Errorf("asked %s", r.asks())
		}
		held.Stream.Close()
		held.Stream.Close()
		check("0b:200")
		time.Sleep(41 * time.Second) //nolint:forbidigo // the bubble's clock
		check("0a:200")
	})
}

// F20: three times in a row that the model is gone, and the endpoint is not asked for an
// hour; it is still a 404. The operator is told.
func TestF20_GoneModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := false
		r := newRig(t, at{answers: func(w http.ResponseWriter, q *http.Request) {
			if back {
				good(w, q)
			} else {
				fails(404)(w, q)
			}
		}})
		logs := r.logs()
		for i := range 5 {
			g := r.do(t.Context(), request(t, stream))
			if g.err == nil || g.err.Type != llm.TypeNotFound || g.err.Availability == nil || g.err.Availability.Code != "model_unavailable_upstream" {
				t.Errorf("%+v", g.err)
			}
			if want := i < 3; want != (len(g.tried) == 1) {
				t.Errorf("request %d: tried %s", i, g.labels())
			}
		}
		if strings.Count(logs.String(), "\n") != 1 {
			t.Errorf("the operator is told %q", logs)
		}
		back = true
		time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
		if g := r.do(t.Context(), request(t, stream)); g.err != nil {
			t.Error(g.err)
		}
	})
}

// F03: a name that is not found is its provider's fault; where none is, it is ours: no
// provider is blamed, the next ones are asked all the same, and the operator is told
// once.
func TestF03_OurResolver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{host: nowhere}, at{host: elsewhere}, at{host: named, answers: good})
		logs := r.logs()
		lost, found := r.plan.Candidates[:2], r.plan.Candidates[2:]
		r.plan.Candidates = lost[:1]
		if g := r.do(t.Context(), request(t, stream)); g.err == nil || g.err.Type != llm.TypeUnavailable {
			t.Errorf("%+v", g.err)
		}
		r.plan.Candidates = lost
		for range 5 {
			g := r.do(t.Context(), request(t, stream))
			if g.err == nil || g.err.Type != llm.TypeOverloaded || len(g.tried) != 2 {
				t.Errorf("%+v, tried %s", g.err, g.labels())
			}
		}
		r.plan.Candidates = lost[1:]
		if g := r.do(t.Context(), request(t, stream)); g.err == nil || g.err.Type != llm.TypeOverloaded || g.err.RetryAfter == 0 {
			t.Errorf("%+v", g.err)
		}
		for _, c := range lost {
			if got := r.Health.Standing(c.Endpoint.ID); got.Grade != health.Fit {
				t.Errorf("%s is blamed: %+v", c.Endpoint.ID, got)
			}
		}
		if strings.Count(logs.String(), "\n") != 1 {
			t.Errorf("the operator is told %q", logs)
		}
		r.plan.Candidates = append(lost, found...)
		if g := r.do(t.Context(), request(t, stream)); g.err != nil || g.text != "hello" {
			t.Errorf("%v, tried %s", g.err, g.labels())
		}
		for range 5 { // a name is found: it is theirs that are wrong
			r.plan.Candidates = lost[:1]
			r.do(t.Context(), request(t, stream))
			r.plan.Candidates = found
			r.Door.CloseIdle()
			if g := r.do(t.Context(), request(t, stream)); g.err != nil {
				t.Error(g.err)
			}
		}
		if r.Health.Standing(lost[0].Endpoint.ID).Grade == health.Fit {
			t.Error("a name that is not found is nobody's fault")
		}
	})
}

// An endpoint that trickles is left when its attempt has taken too long, whatever it
// sends before content; after that it may take its time.
func TestAttemptLimit(t *testing.T) {
	t.Parallel()
	const s = time.Second
	trickle := streams(roleFrame, 20*s, roleFrame, 20*s, roleFrame, 20*s, roleFrame, 20*s, roleFrame, 20*s, helloFrame, stopFrame, doneFrame)
	for _, c := range []struct {
		name    string
		answers http.HandlerFunc
		edit    func(*catalog.Endpoint, *provider.Live)
		more    string
		limit   time.Duration
		fails   bool
		at      time.Duration
	}{
		{"no limit", trickle, nil, stream, 0, false, 100 * s},
		{"a limit", trickle, nil, stream, 90 * s, true, 90 * s},
		{"in time", trickle, nil, stream, 101 * s, false, 100 * s},
		{"the provider's", trickle, func(_ *catalog.Endpoint, l *provider.Live) { l.Attempt = 30 * s }, stream, 90 * s, true, 30 * s},
		{"the endpoint's", trickle, func(e *catalog.Endpoint, l *provider.Live) { l.Attempt, e.Attempt = 30*s, 50*s }, stream, 90 * s, true, 50 * s},
		{"after content", streams(helloFrame, 25*s, roleFrame, 25*s, stopFrame, doneFrame), nil, stream, 20 * s, false, 50 * s},
		{"whole: by what was asked for", trickle, nil, `"max_tokens":200`, 60 * s, true, 70 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, at{answers: c.answers, edit: c.edit})
				r.Timeouts.Attempt = c.limit
				g := r.do(t.Context(), request(t, c.more))
				if (g.err != nil) != c.fails || g.took != c.at {
					t.Errorf("%v after %s", g.err, g.took)
				}
				if c.fails && (g.err.Type != llm.TypeTimeout || g.err.Fault != llm.FaultTimeout) {
					t.Errorf("%+v", g.err)
				}
			})
		})
	}
}

// No attempt begins that the whole request's limit would end at once.
func TestNoAttemptAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, total time.Duration
		asks         string
	}{{9 * time.Second, 10 * time.Second, "0 1"}, {9600 * time.Millisecond, 10 * time.Second, "0"}, {50 * time.Second, 10 * time.Minute, "0 1"}, {0, 0, "0 1"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, at{answers: func(w http.ResponseWriter, q *http.Request) {
				select {
				case <-time.After(c.first):
				case <-q.Context().Done():
				}
				fails(500)(w, q)
			}}, at{answers: good})
			r.Timeouts.Total = c.total
			g := r.do(t.Context(), request(t, stream))
			if r.asks() != c.asks || (g.err == nil) != (c.asks == "0 1") {
				t.Errorf("%v of %v: asked %s, %v", c.first, c.total, r.asks(), g.err)
			}
		})
	}
}

// panics is an upstream half with a bug.
type panics struct{ dialect.Upstream }

func (panics) NewDecoder(*llm.Request, dialect.Target) dialect.Decoder { panic("decoder") }

// Whatever way an attempt ends that was let in to an endpoint on trial, the trial ends
// with it: it went well, or badly, or it is another's.
func TestTrialsEnd(t *testing.T) {
	t.Parallel()
	leaves := func(after time.Duration) func(*testing.T) context.Context {
		return func(t *testing.T) context.Context {
			t.Helper()
			ctx, leave := context.WithCancelCause(t.Context())
			time.AfterFunc(after, func() { leave(&llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultGone, Message: "left"}) })
			return ctx
		}
	}
	strict := func(r *llm.Request) { r.Strict, r.Lost = true, []string{"something"} }
	stage := func(r *llm.Request) { r.Forward = http.Header{"X-Turnpike-Sim": {"status-500"}} }
	obeys := func(_ *catalog.Endpoint, l *provider.Live) { l.Forward = []string{"X-Turnpike-Sim"} }
	for name, c := range map[string]struct {
		at     at
		ctx    func(*testing.T) context.Context
		edit   func(*llm.Request)
		unread bool // the answer is closed unread, as by a panic
		panics bool
	}{
		"good":                    {at: at{answers: good}},
		"500":                     {at: at{answers: fails(500)}},
		"503":                     {at: at{answers: fails(503)}},
		"429":                     {at: at{answers: fails(429)}},
		"401":                     {at: at{answers: fails(401)}},
		"403":                     {at: at{answers: fails(403)}},
		"404":                     {at: at{answers: fails(404)}},
		"400":                     {at: at{answers: fails(400)}},
		"413":                     {at: at{answers: fails(413)}},
		"a refusal":               {at: at{answers: says(400, `{"error":{"code":"content_filter","message":"no"}}`)}},
		"refused":                 {at: at{host: refuses}},
		"no connection":           {at: at{host: silent}},
		"no name":                 {at: at{host: nowhere}},
		"our descriptors":         {at: at{host: starved}},
		"not for us to dial":      {at: at{host: inside}},
		"no dialect":              {at: at{answers: good, edit: func(e *catalog.Endpoint, _ *provider.Live) { e.Dialect = "klingon" }}},
		"no address":              {at: at{answers: good, edit: func(e *catalog.Endpoint, _ *provider.Live) { e.BaseURL = "http://[::1" }}},
		"silence":                 {at: at{answers: streams(time.Hour)}},
		"nothing":                 {at: at{answers: streams()}},
		"a page":                  {at: at{answers: says(200, "<html>", "Content-Type", "text/html")}},
		"an error first":          {at: at{answers: streams(`data: {"error":{"message":"overloaded","code":503}}` + "\n\n")}},
		"broken after content":    {at: at{answers: streams(helloFrame)}},
		"silent after content":    {at: at{answers: streams(helloFrame, time.Hour)}},
		"left before content":     {at: at{answers: streams(time.Hour)}, ctx: leaves(time.Second)},
		"left after content":      {at: at{answers: streams(helloFrame, time.Hour)}, ctx: leaves(time.Second), unread: true},
		"the answer is closed":    {at: at{answers: good}, unread: true},
		"strict":                  {at: at{answers: good}, edit: strict},
		"a staged fault":          {at: at{answers: fails(500), edit: obeys}, edit: stage},
		"staged, and it answers":  {at: at{answers: good, edit: obeys}, edit: stage},
		"staged, and it breaks":   {at: at{answers: streams(helloFrame), edit: obeys}, edit: stage},
		"no token":                {at: at{edit: with(&granted{err: errors.New("no token")})}},
		"a bug before the answer": {at: at{answers: good, edit: func(_ *catalog.Endpoint, l *provider.Live) { l.Speaks[llm.Chat] = panics{l.Speaks[llm.Chat]} }}, panics: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.at)
				id := r.plan.Candidates[0].Endpoint.ID
				for range 5 {
					r.Health.Failed(id, false)
				}
				time.Sleep(5 * time.Second) //nolint:forbidigo // the bubble's clock
				ctx, req := t.Context(), request(t, stream)
				if c.ctx != nil {
					ctx = c.ctx(t)
				}
				if c.edit != nil {
					c.edit(req)
				}
				func() {
					defer func() {
						if got := recover(); (got != nil) != c.panics {
							t.Errorf("panics: %v", got)
						}
					}()
					a, _, err := r.Do(ctx, req, r.plan)
					if err != nil {
						return
					}
					defer a.Stream.Close()
					if c.unread {
						return
					}
					if _, err := read(a.Stream); err != nil {
						failed, _ := errors.AsType[*llm.Error](err)
						r.Broke(a, failed)
						return
					}
					r.Ended(a, health.Sample{Output: 1})
				}()
				if ok, wait := r.Health.Admit(id); !ok && wait == 5*time.Second { // an ejection would be longer by now
					t.Error("the trial has no end")
				}
			})
		})
	}
}
