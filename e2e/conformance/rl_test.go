package conformance

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// gratis are models of which one has a free variant.
const gratis = `  test/alpha:free: {endpoints: [{provider: alpha, native: alpha-free, pricing: {prompt: "0", completion: "0"}}]}
  test/beta:free: {endpoints: [{provider: beta, native: beta-free, pricing: {prompt: "0", completion: "0"}}]}`

const freeModel = "test/alpha:free"

// limited is the answer to a request that a limit of ours refuses: each header of the
// limit is there, and in the body, and says the same.
func limited(t *testing.T, r *rig, a answer, most int, name string) (reset time.Time) {
	t.Helper()
	e := a.fails(429, "rate_limit_exceeded")
	if m, _ := e["message"].(string); !strings.HasPrefix(m, "Rate limit exceeded: "+name+". ") {
		t.Errorf("%q", m)
	}
	for _, h := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
		if a.header.Get(h) == "" {
			t.Errorf("%s is missing: %v", h, a.header)
		}
		want(t, e, "metadata.headers."+h, a.header.Get(h))
	}
	if got := a.header.Get("X-RateLimit-Limit"); got != strconv.Itoa(most) {
		t.Errorf("limit %s, want %d", got, most)
	}
	ms, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	reset = time.UnixMilli(ms)
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	now := time.Now().Add(time.Duration(r.ahead.Load()))
	if err != nil || wait < 1 || now.Add(time.Duration(wait)*time.Second).Before(reset.Add(-2*time.Second)) {
		t.Errorf("Retry-After is %q, %s before %s", a.header.Get("Retry-After"), reset.Sub(now), reset)
	}
	return reset
}

// unlimited fails where an answer speaks of a limit.
func unlimited(t *testing.T, a answer) {
	t.Helper()
	for h := range a.header {
		if strings.HasPrefix(strings.ToLower(h), "x-ratelimit-") || h == "Retry-After" {
			t.Errorf("%d with %s", a.status, h)
		}
	}
}

// noon makes it noon, UTC: no day ends during a test.
func (r *rig) noon() {
	now := time.Now().UTC()
	r.pass(time.Date(now.Year(), now.Month(), now.Day()+1, 12, 0, 0, 0, time.UTC).Sub(now))
}

// Area 22: limits on how often something may be asked.
func TestRL(t *testing.T) {
	t.Parallel()

	rule(t, "RL-01", func(t *testing.T) {
		r := start(t, setup{models: gratis, credit: 9 * money.USD})
		r.noon()
		asked := 0
		ask := func(c *client, model string, more ...string) answer {
			a := c.chat(model, more...)
			if a.status == http.StatusOK {
				asked++
				unlimited(t, a)
			}
			return a
		}
		other := r.as(r.newKey(identity.NewKey{Name: "other"}))
		for i := range 20 { // whatever keys and models there are, and however they are named
			ask([]*client{r.client, other}[i%2], []string{freeModel, "test/beta:free", "test/beta:free:nitro"}[i%3]).json(200)
		}
		sent := len(r.up.calls())
		limited(t, r, r.chat(freeModel), 20, "free-models-per-min")
		limited(t, r, other.stream("test/beta:free"), 20, "free-models-per-min")
		limited(t, r, other.chat("test/beta:free", `"models":["test/alpha:free"]`), 20, "free-models-per-min")
		if len(r.up.calls()) != sent || r.balance().Held != 0 {
			t.Error("a request that was refused was sent, or something is held for it")
		}
		// What is not a free variant goes on, also where one is named beside it.
		unlimited(t, r.chat("test/free"))
		want(t, ask(r.client, freeModel, `"models":["test/beta"]`).json(200), "model", "test/beta")
		asked--
		unlimited(t, r.chat("sim/echo:free"))
		// Another minute.
		r.pass(61 * time.Second)
		r.up.on("alpha-free", fails(500, "{}")) // also counts, as it was sent
		ask(r.client, freeModel).fails(502, "provider_unavailable")
		asked++
		r.up.on("alpha-free", says("Hello there"))
		key := sub(t, r.get("/key").json(200), "data.free_model_daily_requests")
		want(t, key, "limit", 50)
		want(t, key, "used", asked)
		want(t, key, "remaining", 50-asked)
		// A free one that nobody needed to ask is not counted, one that could not be is neither.
		want(t, ask(r.client, "test/alpha", `"models":["test/alpha:free"]`).json(200), "model", "test/alpha")
		asked--
		ask(r.client, freeModel, `"provider":{"only":["nobody"]}`).fails(404, "not_found")
		want(t, r.get("/key").json(200), "data.free_model_daily_requests.used", asked)
		// 50 a day.
		for asked < 50 {
			if asked%15 == 0 {
				r.pass(61 * time.Second)
			}
			ask(r.client, freeModel).json(200)
		}
		r.pass(61 * time.Second)
		reset := limited(t, r, r.chat(freeModel), 50, "free-models-per-day")
		if reset.UTC() != identity.DayStart(reset).UTC() {
			t.Errorf("the day ends at %s", reset)
		}
		// 1000 with $10 of lifetime purchases.
		if err := r.ledger.TopUp(context.WithoutCancel(t.Context()), ledger.Customer(account), "more", money.USD); err != nil {
			t.Fatal(err)
		}
		r.pass(6 * time.Second)
		ask(r.client, freeModel).json(200)
		key = sub(t, r.get("/key").json(200), "data.free_model_daily_requests")
		want(t, key, "limit", 1000)
		want(t, key, "remaining", 1000-asked)
		// Another day.
		r.pass(12*time.Hour + time.Minute)
		ask(r.client, freeModel).json(200)
		want(t, r.get("/key").json(200), "data.free_model_daily_requests.used", 1)
	})

	rule(t, "RL-02", func(t *testing.T) {
		r := start(t, setup{})
		for range 60 {
			unlimited(t, r.chat("test/alpha"))
		}
		if got := len(r.up.calls()); got != 60 {
			t.Errorf("%d of 60 were sent", got)
		}
		// One that its administrator limits has no more than that, whatever is asked at once.
		made := r.as(r.management).do(http.MethodPost, "/keys", `{"name":"limited","requests_per_minute":7}`).json(201)
		want(t, made, "data.requests_per_minute", 7)
		want(t, made, "data.tokens_per_minute", nil)
		key, _ := made["key"].(string)
		c := r.as(key)
		var mu sync.Mutex
		admitted := 0
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				a := c.chat("test/alpha")
				mu.Lock()
				defer mu.Unlock()
				if a.status == http.StatusOK {
					admitted++
					unlimited(t, a)
				} else {
					limited(t, r, a, 7, "requests-per-minute")
				}
			})
		}
		all.Wait()
		if admitted != 7 {
			t.Errorf("%d were admitted", admitted)
		}
		want(t, c.get("/key").json(200), "data.requests_per_minute", 7)
		path := fmt.Sprintf("/keys/%v", at(made, "data.hash"))
		changed := r.as(r.management).do(http.MethodPatch, path, `{"requests_per_minute":8,"tokens_per_minute":1000000}`).json(200)
		want(t, changed, "data.requests_per_minute", 8)
		want(t, changed, "data.tokens_per_minute", 1000000)
		unlimited(t, c.chat("test/alpha"))
		limited(t, r, c.chat("test/alpha"), 8, "requests-per-minute")
		r.pass(61 * time.Second)
		unlimited(t, c.chat("test/alpha"))
		for _, body := range []string{`{"requests_per_minute":0}`, `{"requests_per_minute":-1}`, `{"tokens_per_minute":1.5}`, `{"tokens_per_minute":"7"}`, `{"tokens_per_minute":1e99}`} {
			r.as(r.management).do(http.MethodPatch, path, body).fails(400, "invalid_request")
		}
		want(t, r.as(r.management).do(http.MethodPatch, path, `{"requests_per_minute":null,"tokens_per_minute":null}`).json(200), "data.requests_per_minute", nil)
		for range 20 {
			unlimited(t, c.chat("test/alpha"))
		}
		// Tokens: what a request may come to is taken, and what it did not come to is given back.
		t.Run("tokens", func(t *testing.T) {
			made := r.as(r.management).do(http.MethodPost, "/keys", `{"name":"tokens","tokens_per_minute":1000}`).json(201)
			key, _ := made["key"].(string)
			c := r.as(key)
			if m, _ := c.chat("test/alpha", `"max_tokens":1000`).fails(400, "invalid_request")["message"].(string); !strings.HasPrefix(m, "max_tokens: this key may use 1000 tokens a minute") {
				t.Errorf("%q", m)
			}
			for range 5 {
				unlimited(t, c.chat("test/alpha", `"max_tokens":700`))
				unlimited(t, c.chat("test/alpha"))
			}
			r.up.on("alpha-1", whole(completion(`"content":"long"`, "stop", 700, 300)))
			c.chat("test/alpha").json(200)
			limited(t, r, c.chat("test/alpha", `"max_tokens":1`), 1000, "tokens-per-minute")
		})
	})

	rule(t, "RL-03", func(t *testing.T) {
		r := start(t, setup{models: gratis})
		key := r.as(r.newKey(identity.NewKey{Name: "one", Rates: identity.Rates{Requests: 1}}))
		unlimited(t, key.stream("test/alpha"))
		for path, body := range map[string]string{
			"/chat/completions": request("test/alpha"),
			"/responses":        `{"model":"test/alpha","input":"Hi"}`,
			"/messages":         `{"model":"test/alpha","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`,
			"/completions":      `{"model":"test/alpha","prompt":"Hi"}`,
		} {
			for _, stream := range []bool{false, true} {
				a := key.do(http.MethodPost, path, strings.TrimSuffix(body, "}")+`,"stream":`+strconv.FormatBool(stream)+"}")
				if a.status != http.StatusTooManyRequests || a.header.Get("X-RateLimit-Limit") != "1" || a.header.Get("X-RateLimit-Remaining") != "0" ||
					a.header.Get("X-RateLimit-Reset") == "" || a.header.Get("Retry-After") == "" || a.header.Get("X-Generation-Id") == "" {
					t.Errorf("%s: %d %v %s", path, a.status, a.header, a.text)
				}
			}
		}
		// Nothing else about a key is limited, and other errors name no limit.
		unlimited(t, key.get("/key"))
		unlimited(t, key.get("/models"))
		r.up.on("alpha-1", fails(429, "{}", "Retry-After: 7"))
		a := r.chat("test/alpha")
		if a.header.Get("X-RateLimit-Limit") != "" || a.header.Get("Retry-After") != "7" || has(a.fails(429, "rate_limit_exceeded"), "metadata.headers") {
			t.Errorf("%v %s", a.header, a.text)
		}
	})

	rule(t, "RL-04", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("pair-a", fails(429, `{"error":{"message":"slow down"}}`))
		want(t, r.chat("test/pair", inOrder).json(200), "provider", "Beta Works")
		r.up.on("pair-b", fails(429, `{"error":{"message":"slow down"}}`))
		r.pass(cooling)
		e := r.chat("test/pair", inOrder).fails(429, "rate_limit_exceeded")
		want(t, e, "metadata.provider_code", "429")
		want(t, e, "availability.code", "capacity_exhausted")
	})

	rule(t, "RL-05", func(t *testing.T) {
		for _, x := range []struct {
			reset identity.Reset
			next  func(time.Time) time.Time // when the window after the one of a time begins
		}{
			{identity.Daily, func(t time.Time) time.Time { return identity.DayStart(t).AddDate(0, 0, 1) }},
			{identity.Weekly, func(t time.Time) time.Time { return identity.WeekStart(t).AddDate(0, 0, 7) }},
			{identity.Monthly, func(t time.Time) time.Time { return identity.MonthStart(t).AddDate(0, 1, 0) }},
			{identity.Never, func(t time.Time) time.Time { return t.AddDate(2, 0, 0) }},
		} {
			t.Run(string(x.reset)+" limit", func(t *testing.T) {
				t.Parallel()
				r := start(t, setup{})
				r.noon()
				r.up.on("alpha-1", whole(completion(`"content":"Hi"`, "stop", 100, 100))) // $0.0003
				most := money.Nano(400_000)
				c := r.as(r.newKey(identity.NewKey{Name: "k", Limit: &most, LimitReset: x.reset}))
				c.chat("test/alpha", `"max_tokens":100`).json(200)
				want(t, c.get("/key").json(200), "data.limit_remaining", 0.0001)
				c.chat("test/alpha", `"max_tokens":100`).fails(402, "payment_required")
				now := time.Now().Add(time.Duration(r.ahead.Load()))
				r.pass(x.next(now).Sub(now) - 30*time.Second)
				c.chat("test/alpha", `"max_tokens":100`).fails(402, "payment_required")
				r.pass(time.Minute)
				if x.reset == identity.Never {
					c.chat("test/alpha", `"max_tokens":100`).fails(402, "payment_required")
				} else {
					c.chat("test/alpha", `"max_tokens":100`).json(200)
				}
			})
		}
	})

	rule(t, "RL-07", func(t *testing.T) {
		r := start(t, setup{})
		k := sub(t, r.get("/key").json(200), "data.rate_limit")
		want(t, k, "requests", -1)
		for _, name := range []string{"interval", "note"} {
			if s, _ := k[name].(string); s == "" {
				t.Errorf("%s is %v", name, k[name])
			}
		}
	})
}

// Callers who ask the cache ask nobody, and members of a panel are no requests of their
// own: their tokens count.
func TestLimitsOfParts(t *testing.T) {
	t.Parallel()
	t.Run("cached", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{models: gratis})
		c := r.as(r.newKey(identity.NewKey{Name: "one", Rates: identity.Rates{Requests: 1}}))
		for range 5 {
			a := c.do(http.MethodPost, chatPath, request(freeModel), "X-OpenRouter-Cache: true")
			a.json(200)
			unlimited(t, a)
		}
		limited(t, r, c.chat(freeModel), 1, "requests-per-minute")
		want(t, r.get("/key").json(200), "data.free_model_daily_requests.used", 1)
	})
	t.Run("panel", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{models: gratis})
		r.up.on("alpha-1", outer("All say it."))
		plugin := panelOf("test/beta", freeModel)
		c := r.as(r.newKey(identity.NewKey{Name: "one", Rates: identity.Rates{Requests: 1, Tokens: 10_000_000}}))
		c.chat("test/alpha", plugin).json(200)
		if n := len(r.up.calls()); n < 4 {
			t.Errorf("%d were asked", n)
		}
		limited(t, r, c.chat("test/alpha"), 1, "requests-per-minute")
		want(t, r.get("/key").json(200), "data.free_model_daily_requests.used", 1)
	})
}
