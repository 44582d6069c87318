// Package faults holds the product to the fault matrix (F01 to F50, F91 to F100): the whole of it
// in one process, over real sockets, with providers that misbehave to the byte.
// testdata/rows.txt says which row is held here and which is held elsewhere.
package faults

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/audit"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

const (
	account = "acme"
	credit  = 1000 * money.USD

	// secret is every provider's key: it must come back in no answer and no log.
	secret = "sk-canary-5f1c9e2b7a64"
)

// patience bounds every wait for something that must happen; a machine that is
// busy makes tests slow, not red.
const patience = 60 * time.Second

// stack is the product: what `turnpike serve` puts together, on a port of its own.
type stack struct {
	t        *testing.T
	origin   string
	key      string
	client   *http.Client
	ledger   *ledger.Ledger
	health   *health.Tracker
	log      *said
	ahead    atomic.Int64
	frozen   atomic.Pointer[time.Time] // the clock stands still but for pass; nil: it runs
	seeds    atomic.Uint64
	network  network
	mu       sync.Mutex
	outcomes map[string][]record.Outcome // by the model that was asked for

	gateway   *gateway.Gateway
	directory *identity.Directory
	config    *config.Config
	snapshot  atomic.Pointer[catalog.Snapshot]
	live      atomic.Pointer[map[string]provider.Live]
	panics    bool // is meant to: the log may say so
}

// noRows is a database without rows: to make its tables takes longer than a test.
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

// start runs the product with providers and models in YAML, and TURNPIKE_ variables.
func start(t *testing.T, entries string, env map[string]string, roots *x509.CertPool) *stack {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // what closes after the test still writes
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Parse("faults.yaml", []byte("sim: false\ndiscover: false\ncatalog: {builtin: false}\n"+entries), func(name string) string { return env[name] })
	must(err)
	file := filepath.Join(t.TempDir(), "turnpike.db")
	empty, err := noRows()
	must(err)
	must(os.WriteFile(file, empty, 0o600))
	db, err := sqlstore.Open(ctx, "sqlite://"+file, sqlstore.Options{})
	must(err)
	must(db.Serve())

	s := &stack{t: t, log: &said{}, outcomes: map[string][]record.Outcome{}}
	now := func() time.Time {
		at := time.Now()
		if stands := s.frozen.Load(); stands != nil {
			at = *stands
		}
		return at.Add(time.Duration(s.ahead.Load()))
	}
	directory, err := identity.New(ctx, db.Keys(), now, rand.Reader)
	must(err)
	s.ledger = ledger.New(db.Books(), now, "node-"+rand.Text())
	door := egress.New(egress.Options{
		Resolver: &s.network, Dial: s.network.dial, RootCAs: roots,
		ConnectTimeout: c.Timeouts.Connect, TLSTimeout: c.Timeouts.Connect,
	})
	live, named, err := c.Providers(nil, provider.Means{})
	must(err)
	for _, hostport := range named {
		if !strings.Contains(hostport, rebinds) {
			door.Name(hostport)
		}
	}
	s.config, s.directory = c, directory
	s.live.Store(&live)
	s.sells(t, c)
	s.health = health.New(now)
	log := slog.New(slog.NewTextHandler(s.log, nil))
	g := &gateway.Gateway{
		Catalog: s.snapshot.Load,
		Barred: func(e *catalog.Endpoint) string {
			if _, ok := (*s.live.Load())[e.Provider]; !ok {
				return route.RuleCredential
			}
			return ""
		},
		Health: s.health,
		Ledger: s.ledger,
		Relay: &relay.Relay{
			Door: door, Catalog: s.snapshot.Load, Health: s.health, Attempts: c.Limits.Attempts, Now: now, Log: log,
			Providers: func(slug string) (provider.Live, bool) { l, ok := (*s.live.Load())[slug]; return l, ok },
			Timeouts:  relay.Timeouts{FirstByte: c.Timeouts.FirstByte, Idle: c.Timeouts.Idle, Attempt: c.Timeouts.Attempt, Total: c.Timeouts.Total},
		},
		Sink:    keeper{s, db},
		Now:     now,
		Seed:    func() uint64 { return s.seeds.Add(1) },
		EndUser: directory.EndUser,
		Total:   c.Timeouts.Total,
		Drains:  make(chan struct{}, 8),
	}
	s.gateway = g
	srv := httptest.NewServer(api.New(api.Routes{Inference: api.Inference{
		Gateway: g, BodyLimit: c.Limits.Body, KeepAlive: c.Timeouts.KeepAlive, NewID: func() string { return "gen-1764000000-" + rand.Text()[:20] }, Log: log,
	}}, directory, log))
	s.origin, s.client = srv.URL, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: patience}
	_, err = directory.CreateAccount(ctx, account, "Acme")
	must(err)
	must(s.ledger.Open(ctx, ledger.Customer(account)))
	must(s.ledger.TopUp(ctx, ledger.Customer(account), "opening", credit))
	s.key, _, err = directory.CreateKey(ctx, account, identity.NewKey{Name: "user"})
	must(err)
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		srv.Close() // waits for every answer, and so for every settlement
		door.CloseIdle()
		s.books(t, db)
		must(db.Close())
		for _, word := range []string{secret, page, "panic", "goroutine "} {
			if strings.Contains(s.log.String(), word) && !(s.panics && (word == "panic" || word == "goroutine ")) {
				t.Errorf("the log has %q", word)
			}
		}
	})
	return s
}

// sells has the product offer what a configuration lists.
func (s *stack) sells(t *testing.T, c *config.Config) {
	t.Helper()
	data, err := c.Catalogue(catalog.Data{Version: "none"}, catalog.Data{})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := catalog.New(data)
	if err != nil {
		t.Fatal(err)
	}
	s.snapshot.Store(snapshot)
}

// changes has the product know other providers from now on.
func (s *stack) changes(change func(map[string]provider.Live)) {
	live := maps.Clone(*s.live.Load())
	change(live)
	s.live.Store(&live)
}

// books holds what was charged to the laws of the ledger, and derives it again: what
// the outcomes say is what the account has paid, and nothing is held any more.
func (s *stack) books(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	ctx := context.Background()
	report, err := s.ledger.Verify(ctx)
	if err != nil {
		t.Error(err)
	}
	if report.Open != 0 {
		t.Errorf("%d holds are open at the end", report.Open)
	}
	if _, err := audit.Charges(ctx, audit.Sources{Books: db.Books(), Generations: db.Generations, Sheet: db.Sheet}); err != nil {
		t.Error(err)
	}
	balance, err := s.ledger.Balance(ctx, ledger.Customer(account))
	if err != nil {
		t.Fatal(err)
	}
	var charged money.Nano
	for _, list := range s.outcomes {
		for _, o := range list {
			charged += o.Charged
		}
	}
	if paid := credit - balance.Available(); paid != charged {
		t.Errorf("the account has paid %s, its records say %s", paid, charged)
	}
}

// pass moves the clock of the product on.
func (s *stack) pass(d time.Duration) { s.ahead.Add(int64(d)) }

// freeze stops the clock of the product, so that how often something happens does not
// depend on how fast the machine is.
func (s *stack) freeze() {
	now := time.Now()
	s.frozen.Store(&now)
}

// recorded are the outcomes of the requests for a model, in order.
func (s *stack) recorded(model string) []record.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.outcomes[model]) // it is only added to
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// ask sends a chat completion.
func (s *stack) ask(t *testing.T, body string) answer {
	t.Helper()
	a, err := s.try(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *stack) try(ctx context.Context, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.origin+"/api/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text), time.Since(began)}, err
}

// keeper is the store's sink, and remembers what it kept.
type keeper struct {
	stack *stack
	to    record.Sink
}

// Record implements record.Sink.
func (k keeper) Record(o record.Outcome) {
	k.to.Record(o)
	k.stack.mu.Lock()
	defer k.stack.mu.Unlock()
	k.stack.outcomes[o.Requested] = append(k.stack.outcomes[o.Requested], o)
}

// said takes what is logged while a test reads it.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *said) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *said) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The parts of the network that are made up: an address whose packets are dropped, and
// endings of names that are not found in one way or another.
const (
	dropped  = "10.66.0.1"
	nxdomain = ".nx.test"
	servfail = ".servfail.test"
	noreply  = ".noreply.test"
	nothing  = ".empty.test"
	rebinds  = ".rebinds.test" // public when it is looked up first, then private
)

// network is loopback, with names.
type network struct {
	dials   atomic.Int64 // to dropped
	looked  atomic.Int64 // for rebinds
	private atomic.Int64 // dials to where rebinds points
}

// LookupNetIP implements egress.Resolver.
func (n *network) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	switch {
	case strings.HasSuffix(host, nxdomain):
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case strings.HasSuffix(host, servfail):
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	case strings.HasSuffix(host, noreply):
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true, IsTemporary: true}
	case strings.HasSuffix(host, panicking):
		panic(canary)
	case strings.HasSuffix(host, nothing):
		return nil, nil
	case strings.HasSuffix(host, rebinds):
		if n.looked.Add(1) == 1 {
			return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
	default:
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
}

func (n *network) dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	switch {
	case a.Addr().String() == dropped:
		n.dials.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	case a.Addr().String() == "127.0.0.2":
		n.private.Add(1)
		return nil, syscall.ECONNREFUSED
	case !a.Addr().IsLoopback():
		return nil, syscall.ECONNREFUSED // the world is not asked
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", a.String())
}
