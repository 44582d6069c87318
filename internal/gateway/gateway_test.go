package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/turnpike-gateway/turnpike/internal/audit"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const account = "acme"

// rig is the spine with everything real but the store, which is in memory, and
// the provider, which is sim over loopback.
type rig struct {
	*gateway.Gateway
	t     testing.TB
	kept  *keeper
	store ledger.Store
}

type keeper struct {
	mu       sync.Mutex
	outcomes []record.Outcome
}

func (k *keeper) Record(o record.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outcomes = append(k.outcomes, o)
}

func newRig(t testing.TB, credit money.Nano) *rig {
	t.Helper()
	srv := httptest.NewServer(sim.New(sim.Options{DripInterval: time.Millisecond, PingInterval: 20 * time.Millisecond, HeaderDelay: 2 * time.Second}))
	t.Cleanup(srv.Close)
	door := egress.New(egress.Options{})
	t.Cleanup(door.CloseIdle)
	door.Name(strings.TrimPrefix(srv.URL, "http://"))
	data := catalog.Data{Version: "test", Providers: []catalog.Provider{sim.Provider()}, Models: sim.Models()}
	for i := range data.Models {
		for _, e := range data.Models[i].Endpoints {
			e.BaseURL = sim.BaseURL(e.Dialect, srv.URL)
		}
	}
	snap, err := catalog.New(data)
	if err != nil {
		t.Fatal(err)
	}
	live := provider.Live{Spec: provider.Spec{
		Slug: "sim", Speaks: provider.Plain(), Default: llm.Chat, Keyless: true, CancelStops: true, Forward: []string{"X-Turnpike-Sim"},
	}}
	store := ledger.NewMemory()
	books := ledger.New(store, time.Now, "test")
	ctx := context.Background()
	if err := books.Open(ctx, ledger.Customer(account)); err != nil {
		t.Fatal(err)
	}
	if credit > 0 {
		if err := books.TopUp(ctx, ledger.Customer(account), "opening", credit); err != nil {
			t.Fatal(err)
		}
	}
	h := health.New(time.Now)
	kept := &keeper{}
	r := &rig{t: t, kept: kept, store: store, Gateway: &gateway.Gateway{
		Catalog: func() *catalog.Snapshot { return snap },
		Barred:  func(*catalog.Endpoint) string { return "" },
		Health:  h, Ledger: books, Sink: kept, Now: time.Now, Seed: func() uint64 { return 7 }, EndUser: func(_, user string) string { return "u-" + user },
		Total: 20 * time.Second, Drains: make(chan struct{}, 4),
		Relay: &relay.Relay{
			Door: door, Catalog: func() *catalog.Snapshot { return snap }, Providers: func(string) (provider.Live, bool) { return live, true }, Health: h, Attempts: 8, Now: time.Now,
			Timeouts: relay.Timeouts{FirstByte: 10 * time.Second, Idle: 10 * time.Second}, // a slow machine is no fault
		},
	}}
	t.Cleanup(func() { // law 5, after every test
		report, err := books.Verify(context.Background())
		if err != nil {
			t.Error(err)
		}
		if report.Open != 0 {
			t.Errorf("%d holds are open after the end (I7)", report.Open)
		}
		if _, err := audit.Charges(context.Background(), r.reasons()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// reasons are the records and sheets of what was charged.
func (r *rig) reasons() audit.Sources {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	outcomes := slices.Clone(r.kept.outcomes)
	return audit.Sources{
		Books: r.store,
		Generations: func(context.Context) iter.Seq2[record.Outcome, error] {
			return func(yield func(record.Outcome, error) bool) {
				for _, o := range outcomes {
					if !yield(o, nil) {
						return
					}
				}
			}
		},
		Sheet: func(_ context.Context, hash string) ([]byte, error) {
			for _, o := range outcomes {
				if o.Sheet == hash {
					return o.SheetBytes, nil
				}
				for _, p := range o.Parts {
					if p.Sheet == hash {
						return p.SheetBytes, nil
					}
				}
			}
			return nil, errors.New("no such sheet")
		},
	}
}

// answer is what one request came to.
type answer struct {
	err     *llm.Error
	body    string
	outcome record.Outcome
}

func (r *rig) ask(ctx context.Context, id, body string, h http.Header) answer {
	r.t.Helper()
	return r.into(ctx, id, body, h, &buffer{})
}

type sinkBuffer interface {
	dialect.Sink
	String() string
}

type buffer struct{ bytes.Buffer }

func (*buffer) Flush() error { return nil }

func (r *rig) into(ctx context.Context, id, body string, h http.Header, out sinkBuffer) answer {
	r.t.Helper()
	if h == nil {
		h = http.Header{}
	}
	req, err := chat.Client().Parse([]byte(body), h)
	if err != nil {
		r.t.Fatal(err)
	}
	req.ID = id
	var a answer
	err = r.Run(ctx, identity.Principal{Account: account, KeyHash: "k"}, req, chat.Client().NewEmitter(out, req), &a.outcome)
	if err != nil {
		a.err, _ = errors.AsType[*llm.Error](err)
		if a.err == nil {
			r.t.Fatalf("not an *llm.Error: %v", err)
		}
	}
	a.body = out.String()
	return a
}

func (r *rig) balance() ledger.Balance {
	r.t.Helper()
	b, err := r.Ledger.Balance(context.Background(), ledger.Customer(account))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

const prompt = "one two three four five"

func request(model string, more ...string) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]%s}`, model, prompt, strings.Join(append([]string{""}, more...), ","))
}

// Exact bills, streamed and not, over every upstream dialect: $1 and $2 per
// million tokens of sim's own counting.
func TestExactBill(t *testing.T) {
	t.Parallel()
	n := int64(sim.Tokens(prompt))
	want := money.Nano(n*1000 + n*2000)
	for _, model := range append(echoes(), "sim/echo:free") {
		for _, mode := range []string{`"stream":true`, `"stream":false`, `"max_tokens":100`, `"stream":true,"max_tokens":100`} {
			t.Run(model+" "+mode, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, money.USD)
				a := r.ask(t.Context(), "gen-1", request(model, mode, `"reasoning":{"effort":"none"}`), nil)
				if a.err != nil {
					t.Fatal(a.err)
				}
				o, cost := a.outcome, want
				if model == "sim/echo:free" {
					cost = 0
				}
				if o.Usage.Input != n || o.Usage.Output != n || o.Usage.Estimated {
					t.Errorf("usage %+v, want %d in and out", o.Usage, n)
				}
				cost += money.Nano(2000 * o.Usage.Reasoning) // a new Gemini cannot be told not to think
				if o.Charged != cost || r.balance().Posted != money.USD-cost || r.balance().Held != 0 {
					t.Errorf("charged %s, balance %+v; want %s", o.Charged, r.balance(), cost)
				}
				if cost > 0 && !strings.Contains(a.body, `"cost":`+cost.String()) {
					t.Errorf("the caller is not told %s: %s", cost, a.body)
				}
				if o.Finish.Unified != llm.FinishStop || len(o.Tried) != 1 || o.Tried[0].Status != 200 {
					t.Errorf("outcome %+v", o)
				}
				if len(r.kept.outcomes) != 1 {
					t.Errorf("recorded %d times", len(r.kept.outcomes))
				}
			})
		}
	}
}

// The answer of another endpoint, and nothing of the failed one.
func TestFailoverIsInvisible(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	a := r.ask(t.Context(), "gen-1", request("sim/failover", `"stream":true`, `"provider":{"order":["sim/broken"]}`), nil)
	if a.err != nil {
		t.Fatal(a.err)
	}
	o := a.outcome
	if len(o.Tried) != 2 || o.Tried[0].Status != 500 || o.Tried[1].Type != "" || !strings.HasSuffix(o.Endpoint, "@sim/steady") {
		t.Errorf("tried %+v, answered by %s", o.Tried, o.Endpoint)
	}
	if strings.Contains(a.body, "error") || !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
		t.Errorf("the failure shows: %s", a.body)
	}
}

// FB-02, FB-04: the next model answers and sets name and price.
func TestModelFallback(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"sim/status-500", "sim/context-length", "sim/content-policy", "sim/status-429", "sim/empty-stream", "sim/error-in-200", "sim/stall-before-first", "sim/malformed-json"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, money.USD)
			if first == "sim/stall-before-first" {
				r.Relay.Timeouts.FirstByte = 2 * time.Second // the second model, too, must answer within it
			}
			a := r.ask(t.Context(), "gen-1", request(first, `"models":["sim/echo"]`, `"stream":true`), nil)
			if a.err != nil || a.outcome.Model != "sim/echo" || a.outcome.Charged == 0 {
				t.Errorf("%v: %+v", a.err, a.outcome)
			}
		})
	}
}

func TestInsufficientCredits(t *testing.T) {
	t.Parallel()
	r := newRig(t, 100_000) // a tenth of a cent: 50 output tokens at most
	a := r.ask(t.Context(), "gen-1", request("sim/echo", `"max_tokens":32000`), nil)
	if a.err == nil || a.err.Type != llm.TypePaymentRequired || !strings.Contains(a.err.Message, "output tokens could be afforded") {
		t.Fatalf("%v", a.err)
	}
	var tokens int64
	if _, err := fmt.Sscanf(a.err.Message[strings.Index(a.err.Message, "Up to "):], "Up to %d", &tokens); err != nil || tokens < 1 {
		t.Fatal(a.err.Message)
	}
	// What the message advises works.
	a = r.ask(t.Context(), "gen-2", request("sim/echo", fmt.Sprintf(`"max_tokens":%d`, tokens)), nil)
	if a.err != nil {
		t.Errorf("max_tokens %d was advised: %v", tokens, a.err)
	}
}

// Without an output limit the hold grows with the answer, and where it cannot,
// the answer ends as "length" and what was delivered is charged.
func TestHoldGrows(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("four ", 12_000) // about 15,000 tokens by our count
	body := fmt.Sprintf(`{"model":"sim/echo","stream":true,"messages":[{"role":"user","content":%q}]}`, long)
	t.Run("with credit", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, money.USD)
		a := r.ask(t.Context(), "gen-1", body, nil)
		if a.err != nil || a.outcome.Finish.Unified != llm.FinishStop {
			t.Fatalf("%v %+v", a.err, a.outcome.Finish)
		}
		if first := money.Nano(8192 * 2000); a.outcome.Held <= first {
			t.Errorf("held %s: it never grew", a.outcome.Held)
		}
	})
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		need := money.Nano(25_005_001 + 8192*2000 + 2_000_000) // the prompt at the price of a cache write, the first step, and too little for a second
		r := newRig(t, need)
		a := r.ask(t.Context(), "gen-1", body, nil)
		if a.err != nil || a.outcome.Finish != (llm.FinishReason{Unified: llm.FinishLength, Native: "insufficient_credits"}) {
			t.Fatalf("%v %+v", a.err, a.outcome.Finish)
		}
		if a.outcome.Charged == 0 || a.outcome.Charged > a.outcome.Held {
			t.Errorf("charged %s of %s", a.outcome.Charged, a.outcome.Held)
		}
		if !strings.Contains(a.body, `"finish_reason":"length"`) || !strings.HasSuffix(a.body, "data: [DONE]\n\n") {
			t.Error("the end does not show")
		}
	})
}

// The last cent: of 200 requests at once against money for exactly 50 holds, the
// balance never goes below zero, and nothing is charged twice.
func TestLastCent(t *testing.T) {
	t.Parallel()
	probe := newRig(t, money.USD)
	hold := probe.ask(t.Context(), "gen-probe", request("sim/slow-drip", `"max_tokens":50`, `"stream":true`), nil).outcome.Held
	r := newRig(t, 50*hold)
	var all sync.WaitGroup
	var mu sync.Mutex
	var charged money.Nano
	good := 0
	for i := range 200 {
		all.Go(func() {
			a := r.ask(t.Context(), fmt.Sprintf("gen-%d", i), request("sim/slow-drip", `"max_tokens":50`, `"stream":true`), nil)
			mu.Lock()
			defer mu.Unlock()
			if a.err == nil {
				good++
				charged += a.outcome.Charged
			} else if a.err.Type != llm.TypePaymentRequired {
				t.Errorf("%v", a.err)
			}
		})
	}
	all.Wait()
	if good < 50 {
		t.Errorf("%d of 200 were answered, money was there for 50 at once", good)
	}
	if got := r.balance(); got.Posted != 50*hold-charged || got.Posted < 0 || got.Held != 0 {
		t.Errorf("balance %+v after %s", got, charged)
	}
}

// leaver is a caller who leaves after so many bytes.
type leaver struct {
	buffer
	after int
	leave context.CancelFunc
}

func (l *leaver) Write(p []byte) (int, error) {
	n, err := l.buffer.Write(p)
	if l.Len() >= l.after {
		l.leave()
	}
	return n, err
}

// F54, F55, F56: who leaves before content pays nothing; who leaves after it
// pays what was delivered, or all where the provider bills to the end.
func TestHangUp(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 400)
	body := fmt.Sprintf(`{"model":"sim/slow-drip","stream":true,"max_tokens":500,"messages":[{"role":"user","content":%q}]}`, long)
	for _, stops := range []bool{true, false} {
		t.Run(fmt.Sprintf("provider stops is %v", stops), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, money.USD)
			live, _ := r.Relay.Providers("sim")
			live.CancelStops = stops
			r.Relay.Providers = func(string) (provider.Live, bool) { return live, true }
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a := r.into(ctx, "gen-1", body, nil, &leaver{after: 2000, leave: cancel})
			o := a.outcome
			if a.err != nil || !o.Cancelled {
				t.Fatalf("%v %+v", a.err, o)
			}
			all := int64(sim.Tokens(long))
			if stops && (o.Charged == 0 || !o.Usage.Estimated || o.Usage.Output >= all) {
				t.Errorf("usage %+v, charged %s: want an estimate of what was delivered", o.Usage, o.Charged)
			}
			if !stops && (o.Usage.Estimated || o.Usage.Output != all) {
				t.Errorf("usage %+v: want what the provider says, %d", o.Usage, all)
			}
		})
	}
	t.Run("before content", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, money.USD)
		ctx, cancel := context.WithCancel(t.Context())
		context.AfterFunc(ctx, func() {})
		time.AfterFunc(50*time.Millisecond, cancel)
		a := r.ask(ctx, "gen-1", request("sim/stall-headers", `"stream":true`), nil)
		if a.err == nil || a.err.Fault != llm.FaultGone || !a.outcome.Cancelled || a.outcome.Charged != 0 {
			t.Errorf("%v %+v", a.err, a.outcome)
		}
	})
}

// panicker is an emitter that breaks on its first chunk.
type panicker struct{ dialect.Emitter }

func (panicker) Emit(llm.Chunk) error { panic("emitter") }

// F91: a panic costs nothing and leaves no hold.
func TestPanicSettles(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	req, err := chat.Client().Parse([]byte(request("sim/echo")), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	req.ID = "gen-1"
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		var o record.Outcome
		_ = r.Run(t.Context(), identity.Principal{Account: account}, req, panicker{chat.Client().NewEmitter(&buffer{}, req)}, &o) // it panics
	}()
	if got := r.balance(); got.Posted != money.USD || got.Held != 0 {
		t.Errorf("balance %+v", got)
	}
}

// F83: when the drain time is over, an answer under way ends with an error in
// band.
func TestShutdownEndsInBand(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	ctx, cancel := context.WithCancelCause(t.Context())
	out := &leaver{after: 500, leave: func() { cancel(gateway.ErrShutdown) }}
	body := fmt.Sprintf(`{"model":"sim/slow-drip","stream":true,"max_tokens":500,"messages":[{"role":"user","content":%q}]}`, strings.Repeat("word ", 400))
	a := r.into(ctx, "gen-1", body, nil, out)
	if a.err != nil || !strings.Contains(a.body, `"finish_reason":"error"`) || a.outcome.Charged != 0 {
		t.Errorf("%v %+v: %s", a.err, a.outcome, a.body)
	}
}

// F67: a store that fails at settlement fails nobody's answer; the settlement is
// made later, once.
func TestSettlementIsRetried(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	broken := &failing{Store: ledger.NewMemory()}
	books := ledger.New(broken, time.Now, "test")
	ctx := t.Context()
	if err := errors.Join(books.Open(ctx, ledger.Customer(account)), books.TopUp(ctx, ledger.Customer(account), "opening", money.USD)); err != nil {
		t.Fatal(err)
	}
	r.Ledger, r.store = books, broken
	broken.fails = true
	a := r.ask(ctx, "gen-1", request("sim/echo", `"stream":true`), nil)
	if a.err != nil || !strings.HasSuffix(a.body, "data: [DONE]\n\n") || !a.outcome.Unsettled {
		t.Fatalf("%v %s", a.err, a.body)
	}
	if left := r.Retry(ctx); left != 1 {
		t.Errorf("%d left while the store still fails", left)
	}
	broken.fails = false
	if left := r.Retry(ctx); left != 0 {
		t.Errorf("%d left", left)
	}
	if b := r.balance(); b.Posted != money.USD-a.outcome.Charged || b.Held != 0 || a.outcome.Charged == 0 {
		t.Errorf("balance %+v after %s", b, a.outcome.Charged)
	}
}

type failing struct {
	ledger.Store
	fails bool
	never string // a ref that does not settle
}

func (f *failing) Settle(ctx context.Context, s ledger.Settlement) error {
	if f.fails || f.never == s.Hold.Ref {
		return errors.New("disk full")
	}
	return f.Store.Settle(ctx, s)
}

func TestManagementKeysDoNotInfer(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	req, err := chat.Client().Parse([]byte(request("sim/echo")), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	var o record.Outcome
	err = r.Run(t.Context(), identity.Principal{Account: account, Management: true}, req, chat.Client().NewEmitter(&buffer{}, req), &o)
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypePermissionDenied {
		t.Errorf("%v", err)
	}
	if len(r.kept.outcomes) != 0 || r.balance().Held != 0 {
		t.Error("something was recorded")
	}
}

// A fault that one caller has performed says nothing of the endpoint to others.
func TestStagedFaultsHurtNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	for _, fault := range []string{"status-429", "status-500", "status-500", "status-500", "status-500", "error-mid-stream"} {
		r.ask(t.Context(), "gen-"+rand.Text(), request("sim/echo", `"stream":true`), http.Header{"X-Turnpike-Sim": {fault}})
	}
	if got := r.Health.Standing("sim/echo@sim"); got.Grade != health.Fit {
		t.Errorf("standing %+v after faults that were asked for", got)
	}
	for range 4 {
		r.ask(t.Context(), "gen-"+rand.Text(), request("sim/status-500"), nil)
	}
	if got := r.Health.Standing("sim/status-500@sim"); got.Grade == health.Fit {
		t.Errorf("standing %+v after faults of its own", got)
	}
}
