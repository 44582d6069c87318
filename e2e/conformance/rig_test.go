// Package conformance holds the product to the rules of the public contract, one
// subtest for each: the whole of it in one process, over real HTTP on loopback,
// with a provider whose every answer a test scripts. testdata/rules.txt says
// which rule is held here and which is held elsewhere.
package conformance

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/audit"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/moderate"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/preset"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

const account = "acme"

// setup is what a test wants otherwise than usual.
type setup struct {
	providers, models string              // YAML, beside the usual ones; %s is the fake's origin, *all its parameters
	env               map[string]string   // TURNPIKE_ variables
	credit            money.Nano          // 0: $10
	edit              func(*catalog.Data) // a last change to the catalogue
	house             *policy.House       // the operator's policy
	policies          func(policy.Store) policy.Store
	builtin           bool           // with the models that the binary carries
	egress            egress.Options // the way to the rest of the world
}

// rig is the product: what `turnpike serve` puts together, on a port of its own.
type rig struct {
	*client
	up               *upstream
	sim              *tap
	db               *sqlstore.DB
	ledger           *ledger.Ledger
	directory        *identity.Directory
	policies         *policy.Directory
	health           *health.Tracker
	demand           *gateway.Demand
	snapshot         *catalog.Snapshot
	user, management string // keys
	ahead            *atomic.Int64
	kept             *keeper
	closed           bool // the test has closed the database itself
}

// usual are the providers and models that most tests do with: one provider for
// each dialect of an upstream and a second one that speaks chat.
const usual = `
sim: true
discover: false
catalog: {builtin: *builtin}
providers:
  alpha: {name: Alpha Labs, dialect: chat, base_url: "%s/alpha"}
  beta: {name: Beta Works, dialect: chat, base_url: "%s/beta"}
  claude: {name: Claude House, dialect: messages, base_url: "%s/claude"}
  gem: {name: Gem Mine, dialect: gemini, base_url: "%s/gem"}
*providers
models:
  test/alpha: {endpoints: [{provider: alpha, native: alpha-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  test/beta: {endpoints: [{provider: beta, native: beta-1, pricing: {prompt: "0.000003", completion: "0.000004"}}]}
  test/claude:
    endpoints: [{provider: claude, native: claude-1, supported_parameters: *all, pricing: {prompt: "0.000001", completion: "0.000002"}}]
  test/gem:
    endpoints: [{provider: gem, native: gemini-2.0-test, supported_parameters: *all, pricing: {prompt: "0.000001", completion: "0.000002"}}]
  test/pair:
    endpoints:
      - {provider: alpha, native: pair-a, pricing: {prompt: "0.000001", completion: "0.000002"}}
      - {provider: beta, native: pair-b, pricing: {prompt: "0.000001", completion: "0.000002"}}
  test/free: {endpoints: [{provider: alpha, native: free-1, pricing: {prompt: "0", completion: "0"}}]}
*models
`

// allParameters are what the endpoints of other dialects say they take.
const allParameters = "[frequency_penalty, include_reasoning, logit_bias, logprobs, max_completion_tokens, max_tokens, min_p, " +
	"parallel_tool_calls, presence_penalty, reasoning, reasoning_effort, repetition_penalty, response_format, seed, stop, " +
	"structured_outputs, temperature, tool_choice, tools, top_k, top_logprobs, top_p, verbosity]"

// noRows is a database without rows. To make its tables takes longer than most
// tests, so that each begins with a copy.
var noRows = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "turnpike-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "turnpike.db")
	db, err := sqlstore.Open(context.Background(), path, sqlstore.Options{})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func start(t *testing.T, s setup) *rig {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // what closes after the test still writes
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	up := newUpstream(t)
	text := strings.NewReplacer("*builtin", strconv.FormatBool(s.builtin), "*providers", s.providers, "*models", s.models).Replace(usual)
	text = strings.NewReplacer("*all", allParameters, "%s", up.URL).Replace(text)
	c, err := config.Parse("conformance.yaml", []byte(text), func(name string) string { return s.env[name] })
	must(err)

	file := filepath.Join(t.TempDir(), "turnpike.db")
	empty, err := noRows()
	must(err)
	must(os.WriteFile(file, empty, 0o600))
	db, err := sqlstore.Open(ctx, "sqlite://"+file, sqlstore.Options{})
	must(err)
	must(db.Serve())
	r := &rig{up: up, db: db, ahead: &atomic.Int64{}, kept: &keeper{to: db, news: make(chan record.Outcome, 64)}}
	now := func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }
	r.directory, err = identity.New(ctx, db.Keys(), now, rand.Reader)
	must(err)
	r.ledger = ledger.New(db.Books(), now, "node-"+rand.Text())
	kept := policy.Store(db.Policies())
	if s.policies != nil {
		kept = s.policies(kept)
	}
	r.policies = policy.NewDirectory(kept, now, rand.Reader)
	house := func() (*policy.House, error) { return s.house, nil }

	s.egress.ConnectTimeout, s.egress.TLSTimeout = c.Timeouts.Connect, c.Timeouts.Connect
	door := egress.New(s.egress)
	r.sim = &tap{Handler: sim.New(sim.Options{DripInterval: time.Millisecond})}
	simulated := httptest.NewServer(r.sim)
	live := r.supply(t, c, s, door, simulated.URL)
	h := health.New(now)
	r.health = h
	answers, err := cache.NewMemory(16 << 20)
	must(err)
	t.Cleanup(answers.Close)
	services := &moderate.Client{Door: door}
	g := &gateway.Gateway{
		Catalog:  func() *catalog.Snapshot { return r.snapshot },
		Barred:   func(e *catalog.Endpoint) string { return barred(live, e) },
		Gate:     &policy.Gate{House: house, Rules: r.policies.Rules, Classify: services.Classify},
		Moderate: services,
		Health:   h,
		Cache:    cache.New(answers, now),
		Sessions: affinity.New(c.Timeouts.Session, now, nil),
		Ledger:   r.ledger,
		Relay: &relay.Relay{
			Door: door, Health: h, Attempts: c.Limits.Attempts, Now: now,
			Providers: func(slug string) (provider.Live, bool) { l, ok := live[slug]; return l, ok },
			Timeouts:  relay.Timeouts{FirstByte: c.Timeouts.FirstByte, Idle: c.Timeouts.Idle, Attempt: c.Timeouts.Attempt, Total: c.Timeouts.Total},
		},
		Sink:    r.kept,
		Now:     now,
		Seed:    func() uint64 { return 7 },
		EndUser: r.directory.EndUser,
		Total:   c.Timeouts.Total,
		Drains:  make(chan struct{}, 8),
	}
	g.Limits = limit.New(limit.Options{
		Now: now, Free: limit.Free(c.Limits.Free), Counted: db.FreeRequests,
		Bought: func(ctx context.Context, account string) (money.Nano, error) {
			b, err := r.ledger.Balance(ctx, ledger.Customer(account))
			return b.Credits, err
		},
	})
	r.demand = &g.Demand
	log := slog.New(slog.DiscardHandler)
	presets := preset.New(db.Presets(), now, rand.Reader)
	catalogue := api.NewCatalogue(func() *catalog.Snapshot { return r.snapshot }, h, now)
	catalogue.Admits = g.Admits
	handler := api.New(api.Routes{
		Presets: api.Presets{Presets: presets, BodyLimit: c.Limits.Body},
		Inference: api.Inference{
			Gateway: g, Presets: presets, BodyLimit: c.Limits.Body, KeepAlive: c.Timeouts.KeepAlive,
			NewID: func() string { return "gen-1764000000-" + rand.Text()[:20] }, Log: log, DefaultModel: r.policies.TextModel,
		},
		Catalogue: catalogue,
		Policies:  api.Policies{Directory: r.policies, Keys: r.directory, Catalog: func() *catalog.Snapshot { return r.snapshot }, House: house},
		Keys: api.Keys{
			Directory: r.directory, Policies: r.policies, House: house, Ledger: r.ledger, Limits: g.Limits, Now: now,
			Usage: func(ctx context.Context, account, hash string, at time.Time) (api.Spent, error) {
				u, err := db.KeyUsage(ctx, account, hash, at)
				return api.Spent(u), err
			},
			Usages: func(ctx context.Context, account string, at time.Time) (map[string]api.Spent, error) {
				all, err := db.KeyUsages(ctx, account, at)
				out := make(map[string]api.Spent, len(all))
				for hash, u := range all {
					out[hash] = api.Spent(u)
				}
				return out, err
			},
		},
		Credits: api.Credits{Ledger: r.ledger},
		Generation: api.Lookup{Find: func(ctx context.Context, account, id string) (record.Outcome, bool, error) {
			o, err := db.Generation(ctx, account, id)
			return o, err == nil, err
		}, Sheet: db.Sheet},
	}, r.directory, log)
	srv := httptest.NewServer(handler)
	own, err := netip.ParseAddrPort(strings.TrimPrefix(srv.URL, "http://"))
	must(err)
	must(door.Own(own))
	r.client = &client{t: t, origin: srv.URL, http: srv.Client()}
	t.Cleanup(func() {
		up.release()
		srv.Close() // waits for every answer, and so for every settlement
		door.CloseIdle()
		simulated.Close()
		up.Close()
		if !r.closed {
			r.books(t)
			must(db.Close())
		}
	})

	_, err = r.directory.CreateAccount(ctx, account, "Acme")
	must(err)
	must(r.ledger.Open(ctx, ledger.Customer(account)))
	if s.credit == 0 {
		s.credit = 10 * money.USD
	}
	must(r.ledger.TopUp(ctx, ledger.Customer(account), "opening", s.credit))
	r.user = r.newKey(identity.NewKey{Name: "user"})
	r.management = r.newKey(identity.NewKey{Name: "management", Management: true})
	r.key = r.user
	return r
}

// supply makes the snapshot and the providers that can be asked.
func (r *rig) supply(t *testing.T, c *config.Config, s setup, door *egress.Door, simOrigin string) map[string]provider.Live {
	t.Helper()
	live, named, err := c.Providers(provider.All(), provider.Means{})
	if err != nil {
		t.Fatal(err)
	}
	models := sim.Models()
	for i := range models {
		for _, e := range models[i].Endpoints {
			e.BaseURL = sim.BaseURL(e.Dialect, simOrigin)
		}
	}
	live[sim.ProviderSlug] = provider.Live{Spec: provider.Sim(), BaseURL: sim.BaseURL(string(llm.Chat), simOrigin)}
	for _, hostport := range append(named, strings.TrimPrefix(simOrigin, "http://")) {
		door.Name(hostport)
	}
	builtin := catalog.Data{Version: "none"}
	if s.builtin {
		if builtin, err = catalog.Builtin(); err != nil {
			t.Fatal(err)
		}
	}
	data, err := c.Catalogue(builtin, catalog.Data{Providers: []catalog.Provider{sim.Provider()}, Models: models})
	if err != nil {
		t.Fatal(err)
	}
	if s.edit != nil {
		s.edit(&data)
	}
	if r.snapshot, err = catalog.New(data); err != nil {
		t.Fatal(err)
	}
	return live
}

func barred(live map[string]provider.Live, e *catalog.Endpoint) string {
	l, ok := live[e.Provider]
	if !ok {
		return route.RuleCredential
	}
	spoken := l.Default
	if e.Dialect != "" {
		spoken = llm.Dialect(e.Dialect)
	}
	if l.Speaks[spoken] == nil {
		return route.RuleDialect
	}
	return ""
}

// keeper is the store's sink, and tells the test what it kept.
type keeper struct {
	to   record.Sink
	news chan record.Outcome
	mu   sync.Mutex
	all  []record.Outcome
}

// Record implements record.Sink.
func (k *keeper) Record(o record.Outcome) {
	k.to.Record(o)
	k.mu.Lock()
	k.all = append(k.all, o)
	k.mu.Unlock()
	select {
	case k.news <- o:
	default: // nobody waits for so many
	}
}

// next is the outcome of the next request that ends.
func (r *rig) next() record.Outcome {
	r.t.Helper()
	return await(r.t, r.kept.news)
}

// last is the outcome of the request that ended last.
func (r *rig) last() record.Outcome {
	r.t.Helper()
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	if len(r.kept.all) == 0 {
		r.t.Fatal("nothing is recorded")
	}
	return r.kept.all[len(r.kept.all)-1]
}

func (r *rig) newKey(n identity.NewKey) string {
	r.t.Helper()
	plain, _, err := r.directory.CreateKey(r.t.Context(), account, n)
	if err != nil {
		r.t.Fatal(err)
	}
	return plain
}

func (r *rig) balance() ledger.Balance {
	r.t.Helper()
	b, err := r.ledger.Balance(context.WithoutCancel(r.t.Context()), ledger.Customer(account))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// pass moves the clock of the product on.
func (r *rig) pass(d time.Duration) { r.ahead.Add(int64(d)) }

// books holds what was charged to the laws of the ledger, whatever the test was
// about, and derives it again.
func (r *rig) books(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	report, err := r.ledger.Verify(ctx)
	if err != nil {
		t.Error(err)
	}
	if report.Open != 0 {
		t.Errorf("%d holds are open at the end", report.Open)
	}
	if _, err := audit.Charges(ctx, audit.Sources{Books: r.db.Books(), Generations: r.db.Generations, Sheet: r.db.Sheet}); err != nil {
		t.Error(err)
	}
}

// cooling is for longer than a provider that limited us is left alone.
const cooling = 2 * time.Hour
