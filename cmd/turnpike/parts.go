package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/discover"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// store is the open database with what is kept in it.
type store struct {
	db        *sqlstore.DB
	ledger    *ledger.Ledger
	directory *identity.Directory
	trail     *trail.Log
	policies  *policy.Directory
}

func (a app) load() (*config.Config, error) { return config.Load(a.config, a.getenv) }

func openStore(ctx context.Context, c *config.Config) (*store, error) {
	db, err := sqlstore.Open(ctx, c.Database, sqlstore.Options{Full: c.Ledger.Sync == config.SyncFull})
	if err != nil {
		return nil, err
	}
	directory, err := identity.New(ctx, db.Keys(), time.Now, rand.Reader)
	if err != nil {
		_ = db.Close() // the first error is the one to tell
		return nil, err
	}
	return &store{db: db, directory: directory, ledger: ledger.New(db.Books(), time.Now, "node-"+rand.Text()), trail: trail.New(db.Trail(), time.Now), policies: policy.NewDirectory(db.Policies(), time.Now, rand.Reader)}, nil
}

// withStore runs f on the configured database, which must be there, and closes it.
func (a app) withStore(ctx context.Context, f func(*store) error) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	if _, err := os.Stat(strings.TrimPrefix(c.Database, "sqlite://")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s: turnpike serve or turnpike accounts create makes one", c.Database)
	}
	return a.withNewStore(ctx, c, f)
}

// withNewStore is withStore for a database that need not be there yet.
func (a app) withNewStore(ctx context.Context, c *config.Config, f func(*store) error) error {
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	if err := f(s); err != nil {
		_ = s.db.Close() // the first error is the one to tell
		return err
	}
	return s.db.Close()
}

// supply is what can be sold: the catalogue, and the providers that can be asked.
type supply struct {
	snapshot *catalog.Snapshot
	house    *policy.House // the operator's policy, with the facts of the snapshot; nil: there is none
	live     map[string]provider.Live
	known    map[string]provider.Spec // the providers this build can speak to, with a key or without
}

// market makes the supply, and makes it anew when other servers run on this
// machine than before.
type market struct {
	config  *config.Config
	door    *egress.Door
	builtin catalog.Data
	sim     []catalog.Data // sim's models, if it is offered
	live    map[string]provider.Live
	local   []discover.Server

	mu      sync.Mutex     // held while a supply is made
	found   []string       // models of local servers, in the current supply
	offer   catalog.Data   // of local servers
	ruling  *config.Policy // the operator's; nil: there is none
	current atomic.Pointer[supply]
}

// newMarket merges the built-in catalogue, the configuration's, sim's, what runs on this
// machine, and the facts of the operator's policy. simOrigin is "" where sim is only to be listed.
func newMarket(ctx context.Context, c *config.Config, door *egress.Door, simOrigin string) (*market, error) {
	live, named, err := c.Providers(provider.All(), provider.Means{Now: time.Now, Door: throughDoor{door, "tokens"}})
	if err != nil {
		return nil, err
	}
	builtin, err := catalog.Builtin()
	if err != nil {
		return nil, err
	}
	ruling, err := c.LoadPolicy()
	if err != nil {
		return nil, err
	}
	m := &market{config: c, door: door, builtin: builtin, live: live, local: c.LocalServers(live), ruling: ruling}
	if c.Sim {
		m.sim = []catalog.Data{{Providers: []catalog.Provider{sim.Provider()}, Models: simModels(simOrigin)}}
		live[simSlug] = simLive(simOrigin)
		named = append(named, strings.TrimPrefix(simOrigin, "http://"))
	}
	for _, hostport := range named {
		door.Name(hostport)
	}
	return m, m.refresh(ctx)
}

// refresh looks for local servers and, if they offer other models than before,
// swaps the supply.
func (m *market) refresh(ctx context.Context) error {
	local := discover.Find(ctx, throughDoor{m.door, "discovery"}, m.local)
	var found []string
	for _, x := range local.Models {
		found = append(found, x.ID)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current.Load() != nil && slices.Equal(found, m.found) {
		return nil
	}
	made, err := m.stock(local, m.ruling)
	if err != nil {
		return err
	}
	m.found, m.offer = found, local
	m.current.Store(made)
	return nil
}

// adopt swaps the supply for one under another policy of the operator's: its rules and
// its facts at once. first is done before, if nothing is wrong with it, and can prevent it.
func (m *market) adopt(ruling *config.Policy, first func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	made, err := m.stock(m.offer, ruling)
	if err != nil {
		return err
	}
	if err := first(); err != nil {
		return err
	}
	m.ruling = ruling
	m.current.Store(made)
	return nil
}

func (m *market) stock(local catalog.Data, ruling *config.Policy) (*supply, error) {
	data, err := m.config.Catalogue(m.builtin, append(slices.Clone(m.sim), local)...)
	if err != nil {
		return nil, err
	}
	snapshot, err := catalog.New(ruling.Facts(data))
	if err != nil {
		return nil, err
	}
	known := map[string]provider.Spec{}
	for _, s := range provider.All() {
		known[s.Slug] = s
	}
	made := &supply{snapshot: snapshot, live: m.live, known: known}
	if ruling != nil {
		house := *ruling.House
		house.Catalog = snapshot
		made.house = &house
		for _, hostport := range ruling.Hosts() {
			m.door.Name(hostport)
		}
	}
	return made, nil
}

func (m *market) supply() *supply { return m.current.Load() }

func (m *market) catalog() *catalog.Snapshot { return m.supply().snapshot }

func (m *market) barred(e *catalog.Endpoint) string { return m.supply().barred(e) }

func (m *market) provider(slug string) (provider.Live, bool) {
	l, ok := m.live[slug]
	return l, ok
}

// throughDoor lets what is no endpoint ask the addresses that it knows: discovery,
// and credentials that need a token.
type throughDoor struct {
	door *egress.Door
	what string
}

// RoundTrip implements http.RoundTripper.
func (t throughDoor) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.door.Do(r, egress.Pass{Endpoint: t.what, Authority: r.URL.Host, Allowed: func(e string) bool { return e == t.what }})
}

// barred says why the set-up cannot ask an endpoint: "" if it can.
func (s *supply) barred(e *catalog.Endpoint) string {
	spec := s.known[e.Provider]
	l, live := s.live[e.Provider]
	if live {
		spec = l.Spec
	}
	dialect := spec.Default
	if e.Dialect != "" {
		dialect = llm.Dialect(e.Dialect)
	}
	switch {
	case spec.Speaks[dialect] == nil: // no key can help
		return route.RuleDialect
	case !live, strings.Contains(e.BaseURL, "${"), !l.CanAsk(e.Native, e.BaseURL):
		return route.RuleCredential
	default:
		return ""
	}
}

const simSlug = "sim"

// simModels are sim's models with the address at which sim listens.
func simModels(origin string) []catalog.Model {
	models := sim.Models()
	for i := range models {
		for _, e := range models[i].Endpoints {
			e.BaseURL = sim.BaseURL(e.Dialect, origin)
		}
	}
	return models
}

func simLive(origin string) provider.Live {
	return provider.Live{Spec: provider.Sim(), BaseURL: sim.BaseURL(string(llm.Chat), origin)}
}

// usd is dollars for people: at least two digits after the point.
func usd(text string) string {
	whole, frac, _ := strings.Cut(text, ".")
	for len(frac) < 2 {
		frac += "0"
	}
	return fmt.Sprintf("$%s.%s", whole, frac)
}
