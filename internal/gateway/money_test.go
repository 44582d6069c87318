package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// scripted replaces the catalogue by lab/one, whose endpoints answer so, at $1
// and $2 per million tokens, the first one first.
func (r *rig) scripted(edit func(*catalog.Endpoint), answers ...http.HandlerFunc) {
	r.t.Helper()
	m := catalog.Model{ID: "lab/one", CanonicalSlug: "lab/one", Name: "One", InputModalities: []string{"text"}, OutputModalities: []string{"text"}}
	for i, answer := range answers {
		srv := httptest.NewServer(answer)
		r.t.Cleanup(srv.Close)
		r.Relay.Door.Name(strings.TrimPrefix(srv.URL, "http://"))
		tag := fmt.Sprintf("sim/%d", i)
		e := &catalog.Endpoint{
			ID: "lab/one@" + tag, Model: "lab/one", Provider: "sim", Tag: tag, Native: "one", BaseURL: srv.URL, InputModalities: []string{"text"},
			Prices: catalog.Prices{Prompt: catalog.Price{Text: "0.000001", Unit: 1e6}, Completion: catalog.Price{Text: "0.000002", Unit: 2e6}},
		}
		if edit != nil {
			edit(e)
		}
		m.Endpoints = append(m.Endpoints, e)
	}
	snap, err := catalog.New(catalog.Data{Version: "test", Providers: []catalog.Provider{{Slug: "sim", Name: "Sim"}}, Models: []catalog.Model{m}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Catalog = func() *catalog.Snapshot { return snap }
	r.t.Cleanup(r.Relay.Door.CloseIdle)
}

const inTurn = `"provider":{"order":["sim/0","sim/1"]}`

func frames(texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, text := range texts {
			_, _ = io.WriteString(w, "data: "+text+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
	}
}

const (
	role  = `{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`
	hello = `{"id":"c","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}`
	stop  = `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	usage = `{"id":"c","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}}`
	done  = "[DONE]"
)

// F33: after a good finish it does not matter how the connection ends.
func TestFinishIsEnough(t *testing.T) {
	t.Parallel()
	garbled := func(texts ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			for _, text := range texts {
				_, _ = fmt.Fprintf(buf, "%x\r\ndata: %s\n\n\r\n", len(text)+8, text)
			}
			_, _ = buf.WriteString("no chunk\r\n")
			_ = buf.Flush()
		}
	}
	for _, c := range []struct {
		name    string
		answers http.HandlerFunc
		good    bool
		charged money.Nano
	}{
		{"after finish and usage", garbled(role, hello, stop, usage), true, 10_000 + 40_000},
		{"after finish", garbled(role, hello, stop), true, -1}, // by our own count
		{"before finish", garbled(role, hello), false, 0},
		{"nonsense after finish (F44)", frames(role, hello, stop, usage, `{"choices":[{`, done), true, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, money.USD)
			r.scripted(nil, c.answers)
			a := r.ask(t.Context(), "gen-1", request("lab/one", `"stream":true`), nil)
			if a.err != nil {
				t.Fatal(a.err)
			}
			o := a.outcome
			if good := strings.HasSuffix(a.body, "data: [DONE]\n\n") && !strings.Contains(a.body, `"error"`); good != c.good {
				t.Errorf("good is %v: %s", good, a.body)
			}
			if c.charged >= 0 && o.Charged != c.charged || c.charged < 0 && (o.Charged == 0 || !o.Usage.Estimated) {
				t.Errorf("charged %s for %+v", o.Charged, o.Usage)
			}
		})
	}
}

// Nothing of a failed attempt is seen or paid, however far it came (F26, I13).
func TestFailedAttemptLeavesNoTrace(t *testing.T) {
	t.Parallel()
	const dead = `{"id":"dead","model":"dead","system_fingerprint":"dead","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`
	for name, first := range map[string]http.HandlerFunc{
		"start frames, then nothing": frames(dead, dead),
		"usage, then nothing":        frames(dead, `{"id":"dead","choices":[],"usage":{"prompt_tokens":9999,"completion_tokens":9999}}`),
		"a finish in error":          frames(dead, `{"id":"dead","choices":[{"index":0,"delta":{},"finish_reason":"error"}]}`, done),
		"an error event":             frames(dead, `{"error":{"message":"dead at dead.internal","code":500}}`),
		"no JSON":                    frames(dead, `{"id":"dead`),
	} {
		for _, more := range []string{`"stream":true`, `"stream":false`, `"max_tokens":50`} {
			t.Run(name+" "+more, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, money.USD)
				r.scripted(nil, first, frames(role, hello, stop, usage, done))
				a := r.ask(t.Context(), "gen-1", request("lab/one", more, inTurn), nil)
				if a.err != nil || strings.Contains(a.body, "dead") || !strings.Contains(a.body, "hello") {
					t.Fatalf("%v %s", a.err, a.body)
				}
				if a.outcome.Charged != 50_000 || len(a.outcome.Tried) != 2 || a.outcome.Endpoint != "lab/one@sim/1" {
					t.Errorf("%+v", a.outcome)
				}
			})
		}
	}
}

// F31, F47: an upstream that counts far more than was asked for is not believed,
// and the hold does not grow for it.
func TestOutputBeyondTheAskedForIsNotPaid(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	r.scripted(nil, frames(role, hello, stop, `{"id":"c","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":90000}}`, done))
	a := r.ask(t.Context(), "gen-1", request("lab/one", `"stream":true`, `"max_tokens":64`), nil)
	if a.err != nil || !a.outcome.Usage.Estimated || a.outcome.Usage.Output != 2 {
		t.Errorf("%v %+v", a.err, a.outcome.Usage)
	}
}

// growless is a store that fails to grow holds.
type growless struct{ ledger.Store }

func (growless) Grow(_ context.Context, h ledger.Hold, _ money.Nano, _ time.Time) (ledger.Hold, error) {
	return h, errors.New("disk full")
}

// R4: a store that fails is no fact about the caller's money.
func TestStoreThatFailsIsNotPoverty(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	r.Ledger = ledger.New(growless{r.store}, time.Now, "test")
	body := fmt.Sprintf(`{"model":"sim/echo","stream":true,"messages":[{"role":"user","content":%q}]}`, strings.Repeat("four ", 12_000))
	a := r.ask(t.Context(), "gen-1", body, nil)
	if a.err != nil || a.outcome.Finish != (llm.FinishReason{Unified: llm.FinishLength, Native: "ledger_unavailable"}) {
		t.Errorf("%v %+v", a.err, a.outcome.Finish)
	}
}

// One settlement that never works does not keep the others waiting.
func TestRetryGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	broken := &failing{Store: ledger.NewMemory(), fails: true}
	books := ledger.New(broken, time.Now, "test")
	ctx := t.Context()
	if err := errors.Join(books.Open(ctx, ledger.Customer(account)), books.TopUp(ctx, ledger.Customer(account), "opening", money.USD)); err != nil {
		t.Fatal(err)
	}
	r.Ledger, r.store = books, broken
	for i := range 4 {
		if a := r.ask(ctx, fmt.Sprintf("gen-%d", i), request("sim/echo"), nil); a.err != nil || !a.outcome.Unsettled {
			t.Fatalf("%v %+v", a.err, a.outcome)
		}
	}
	broken.fails, broken.never = false, "gen-0"
	left := 4
	for range 4 {
		left = r.Retry(ctx)
	}
	if left != 1 {
		t.Errorf("%d are left", left)
	}
	broken.never = ""
	if left = r.Retry(ctx); left != 0 {
		t.Errorf("%d are left", left)
	}
}

// A caller who is gone before anything began is no failure of the books.
func TestGoneBeforeTheHold(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	a := r.ask(ctx, "gen-1", request("sim/stall-headers", `"stream":true`), nil)
	if a.err == nil || a.err.Fault != llm.FaultGone || !a.outcome.Cancelled {
		t.Errorf("%v %+v", a.err, a.outcome)
	}
}

// U10, CB-04: nothing left buys what is free, less than nothing buys nothing.
func TestEmptyAccounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		posted  money.Nano
		model   string
		refused bool
	}{
		{"zero, free", 0, "sim/echo:free", false},
		{"zero, paid", 0, "sim/echo", true},
		{"below zero, free", -1, "sim/echo:free", true},
		{"below zero, paid", -1, "sim/echo", true},
		{"a nano-dollar, free", 1, "sim/echo:free", false},
		{"a nano-dollar, paid", 1, "sim/echo", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 0)
			if c.posted != 0 {
				if err := r.Ledger.Adjust(t.Context(), ledger.Customer(account), "correction", c.posted); err != nil {
					t.Fatal(err)
				}
			}
			a := r.ask(t.Context(), "gen-1", request(c.model), nil)
			if refused := a.err != nil && a.err.Type == llm.TypePaymentRequired; refused != c.refused || (a.err != nil) != c.refused {
				t.Errorf("%v", a.err)
			}
			if a.err != nil && !strings.Contains(a.err.Message, "Insufficient credits") {
				t.Errorf("ER-14: %s", a.err.Message)
			}
			if len(r.kept.outcomes) > 0 && c.refused {
				t.Error("a refusal was recorded as a generation")
			}
		})
	}
}

// ER-15, I19, RL-05: a key's limit is its own, and holds in its window.
func TestKeyLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	limit := money.Nano(40_000)
	now := time.Date(2026, 11, 30, 23, 59, 0, 0, time.UTC)
	r.Now = func() time.Time { return now }
	ask := func(id, key string, reset identity.Reset) error {
		req, err := chat.Client().Parse([]byte(request("sim/echo", `"max_tokens":10`)), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		req.ID = id
		who := identity.Principal{Account: account, KeyHash: key, Limit: &limit, LimitReset: reset}
		var o record.Outcome
		return r.Run(t.Context(), who, req, chat.Client().NewEmitter(&buffer{}, req), &o)
	}
	spend := func(key string, reset identity.Reset, month string) {
		t.Helper()
		for i := range 100 {
			err := ask(fmt.Sprintf("gen-%s-%s-%d", key, month, i), key, reset)
			if err == nil {
				continue
			}
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypePaymentRequired || !strings.Contains(e.Message, "spending limit") {
				t.Fatal(err)
			}
			if i == 0 {
				t.Errorf("key %s cannot spend anything in %s", key, month)
			}
			return
		}
		t.Errorf("key %s has no limit", key)
	}
	spend("monthly", identity.Monthly, "november")
	spend("ever", identity.Never, "november")
	now = now.Add(2 * time.Minute)
	spend("monthly", identity.Monthly, "december")
	if err := ask("gen-ever-december", "ever", identity.Never); err == nil {
		t.Error("a limit that never resets was reset")
	}
	if used := r.balance().Used; used > 3*limit {
		t.Errorf("%s was used under limits of %s", used, 3*limit)
	}
}
