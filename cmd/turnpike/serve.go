package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/moderate"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/preset"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

type serveCmd struct{}

// Help is shown by turnpike serve --help.
func (serveCmd) Help() string {
	return `Example:
  OPENAI_API_KEY=... turnpike serve
  TURNPIKE_LISTEN=127.0.0.1:9000 TURNPIKE_DATABASE=sqlite:///var/lib/turnpike.db turnpike serve`
}

// Bounds of connections that no configuration changes (trust 2.1).
const (
	headerLimit  = 32 << 10
	headerTime   = 10 * time.Second
	idleTime     = 2 * time.Minute
	janitorEvery = 5 * time.Second
	beatEvery    = time.Minute
	drainSlots   = 64
)

// gcPercent trades memory for CPU: a gateway's heap is small, and what a request
// leaves behind is what the collector works for. GOGC overrides it.
const gcPercent = 400

// Run serves until the context ends, then drains.
func (serveCmd) Run(ctx context.Context, a app) error {
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	err = a.serve(trail.As(ctx, trail.By{Actor: trail.Actor{Kind: trail.BySystem}}), c, s)
	return errors.Join(err, s.db.Close())
}

func (a app) serve(ctx context.Context, c *config.Config, s *store) error {
	log, flush := a.log()
	defer flush()
	adopt(log)
	if err := s.db.Serve(); err != nil {
		if errors.Is(err, sqlstore.ErrServed) {
			return fmt.Errorf("another turnpike serves from %s already: stop it, or set TURNPIKE_DATABASE", c.Database)
		}
		return err
	}
	swept, err := s.ledger.SweepDead(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if swept > 0 {
		log.LogAttrs(ctx, slog.LevelWarn, "holds of a process that died were released", slog.Int("holds", swept))
	}
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	door := egress.New(egress.Options{ConnectTimeout: c.Timeouts.Connect, TLSTimeout: c.Timeouts.Connect})
	defer door.CloseIdle()
	if own, err := netip.ParseAddrPort(listener.Addr().String()); err == nil {
		if err := door.Own(own); err != nil {
			return err
		}
	}
	simulated, err := startSim(ctx, c)
	if err != nil {
		return err
	}
	defer simulated.stop()
	goods, err := newMarket(ctx, c, door, simulated.origin)
	if err != nil {
		return err
	}
	if err := remember(ctx, c, s.db, goods.catalog()); err != nil {
		return err
	}
	if err := s.db.Tell(ctx, servedAt, reachable(listener.Addr().String())); err != nil {
		return err
	}
	rules, stopRules, err := rule(ctx, s, goods, log)
	if err != nil {
		return err
	}
	defer stopRules()
	if err := tellFacts(ctx, s, goods); err != nil {
		return err
	}
	g := newGateway(c, s, goods, door, log)
	g.Moderate = &moderate.Client{Door: door}
	g.Gate = &policy.Gate{House: rules.house, Rules: s.policies.Rules, Classify: g.Moderate.Classify, Skipped: rules.skipped}
	stopTrail, err := keepTrail(ctx, s, log)
	if err != nil {
		return err
	}
	defer stopTrail()
	defer keepTranscripts(ctx, c, s, g, rules, log)()
	if err := learn(ctx, s, g); err != nil {
		return err
	}
	shared, leave, err := join(ctx, c, g, log)
	if err != nil {
		return err
	}
	defer leave()
	kept, forgetAnswers, err := keepAnswers(c, shared)
	if err != nil {
		return err
	}
	defer forgetAnswers()
	g.Cache, g.Limits = kept, limits(c, s, shared)
	parts := routes(c, s, goods, g, log)
	parts.Keys.House, parts.Policies.House = rules.house, rules.house
	parts.Alive.Policy = rules.health()
	handler := api.New(parts, s.directory, log)
	if err := a.greet(ctx, c, s, goods.supply(), listener.Addr().String()); err != nil {
		return err
	}
	stopJanitor := janitor(ctx, s, g, goods, log)
	defer stopJanitor()
	stopProber := prober(ctx, g, c.Probes.Every)
	defer stopProber()
	defer revoker(ctx, g)()
	return drainOnEnd(ctx, listener, handler, c.Timeouts.Drain, log)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w (set TURNPIKE_LISTEN to another address)", address, err)
	}
	return l, nil
}

func newGateway(c *config.Config, s *store, goods *market, door *egress.Door, log *slog.Logger) *gateway.Gateway {
	h := health.New(time.Now)
	h.Ejected = func(endpoint string, until time.Time) {
		if until.IsZero() {
			log.LogAttrs(context.Background(), slog.LevelInfo, "an endpoint is back", slog.String("endpoint", endpoint))
			return
		}
		log.LogAttrs(context.Background(), slog.LevelWarn, "an endpoint failed again and again and is left alone", slog.String("endpoint", endpoint), slog.Time("until", until))
	}
	return &gateway.Gateway{
		Catalog: goods.catalog,
		Barred:  goods.barred,
		Health:  h,
		Ledger:  s.ledger,
		Relay: &relay.Relay{
			Door: door, Catalog: goods.catalog, Providers: goods.provider, Health: h, Attempts: c.Limits.Attempts, Reads: make(chan struct{}, runtime.GOMAXPROCS(0)), Room: relay.NewRoom(), Log: log, Now: time.Now,
			Timeouts: relay.Timeouts{FirstByte: c.Timeouts.FirstByte, Idle: c.Timeouts.Idle, Attempt: c.Timeouts.Attempt, Total: c.Timeouts.Total},
		},
		Sink:    s.db,
		Decided: decided(c, s.db),
		Refused: s.trail.Refused,
		Now:     time.Now,
		Seed:    seed,
		EndUser: s.directory.EndUser,
		Total:   c.Timeouts.Total,
		Drains:  make(chan struct{}, drainSlots),
		Stands:  standing(c, s),
	}
}

// standing says whether a key may still be used, where requests under way are to end with
// it.
func standing(c *config.Config, s *store) func(ctx context.Context, account, hash string) (bool, error) {
	if c.Keys.Revoked != config.RevokedStop {
		return nil
	}
	return s.directory.Stands
}

func seed() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

func routes(c *config.Config, s *store, goods *market, g *gateway.Gateway, log *slog.Logger) api.Routes {
	catalogue := api.NewCatalogue(goods.catalog, g.Health, time.Now)
	catalogue.Barred, catalogue.Admits = goods.barred, g.Admits
	presets := preset.New(s.db.Presets(), time.Now, crand.Reader)
	return api.Routes{
		Inference: api.Inference{
			Gateway: g, Presets: presets, BodyLimit: c.Limits.Body, KeepAlive: c.Timeouts.KeepAlive, NewID: newID, Log: log, DefaultModel: s.policies.TextModel,
		},
		Catalogue:  catalogue,
		Keys:       api.Keys{Directory: s.directory, Policies: s.policies, Ledger: s.ledger, Limits: g.Limits, Now: time.Now, Usage: s.keyUsage, Usages: s.keyUsages},
		Credits:    api.Credits{Ledger: s.ledger},
		Presets:    api.Presets{Presets: presets, BodyLimit: c.Limits.Body},
		Generation: api.Lookup{Find: s.generation, Sheet: s.db.Sheet, Content: s.said, Apps: s.apps},
		Past:       api.Past{Explain: newPasts(s).explain},
		Policies:   api.Policies{Directory: s.policies, Keys: s.directory, Catalog: goods.catalog},
		Audit:      api.Audit{Head: s.db.Trail().Head, Records: s.db.Trail().Records},
	}
}

func (s *store) keyUsage(ctx context.Context, account, hash string, at time.Time) (api.Spent, error) {
	u, err := s.db.KeyUsage(ctx, account, hash, at)
	return api.Spent(u), err
}

func (s *store) keyUsages(ctx context.Context, account string, at time.Time) (map[string]api.Spent, error) {
	all, err := s.db.KeyUsages(ctx, account, at)
	out := make(map[string]api.Spent, len(all))
	for hash, u := range all {
		out[hash] = api.Spent(u)
	}
	return out, err
}

func (s *store) generation(ctx context.Context, account, id string) (o record.Outcome, found bool, err error) {
	o, err = s.db.Generation(ctx, account, id)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return o, false, nil
	}
	return o, err == nil, err
}

// newID names a generation: time first, so that ids sort, then 100 random bits.
func newID() string {
	return "gen-" + strconv.FormatInt(time.Now().Unix(), 10) + "-" + crand.Text()[:20]
}

// simulation is the provider in the box, listening on a port of its own.
type simulation struct {
	origin string
	stop   func()
}

func startSim(ctx context.Context, c *config.Config) (simulation, error) {
	if !c.Sim {
		return simulation{stop: func() {}}, nil
	}
	l, err := listen(ctx, "127.0.0.1:0")
	if err != nil {
		return simulation{}, err
	}
	srv := &http.Server{Handler: sim.New(sim.Options{}), ReadHeaderTimeout: headerTime}
	go safe.Func("serving sim", func() { _ = srv.Serve(l) })() // ends with Close
	return simulation{origin: "http://" + l.Addr().String(), stop: func() { _ = srv.Close() }}, nil
}

// janitor keeps holds alive, releases those whose process died, settles what
// could not be settled before, and looks for local servers.
func janitor(ctx context.Context, s *store, g *gateway.Gateway, goods *market, log *slog.Logger) (stop func()) {
	return beside(ctx, "looking after holds", func(ctx context.Context) {
		tick, last, dropped := time.NewTicker(janitorEvery), time.Now(), int64(0)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				lastSettlements(ctx, g, log)
				return
			case <-tick.C:
			}
			if n := s.db.Dropped(); n > dropped {
				log.LogAttrs(ctx, slog.LevelError, "records of generations were lost", slog.Int64("lost", n-dropped))
				dropped = n
			}
			if left := g.Retry(ctx); left > 0 {
				log.LogAttrs(ctx, slog.LevelError, "settlements are waiting for the database", slog.Int("left", left))
			}
			if time.Since(last) < beatEvery {
				continue
			}
			last = time.Now()
			if err := goods.refresh(ctx); err != nil {
				log.LogAttrs(ctx, slog.LevelError, "local servers", slog.Any("err", err))
			}
			if err := remember(ctx, goods.config, s.db, goods.catalog()); err != nil {
				log.LogAttrs(ctx, slog.LevelError, "decisions", slog.Any("err", err))
			}
			if err := learn(ctx, s, g); err != nil {
				log.LogAttrs(ctx, slog.LevelError, "what is spent on models", slog.Any("err", err))
			}
			if err := s.ledger.Heartbeat(ctx); err != nil {
				log.LogAttrs(ctx, slog.LevelError, "heartbeat", slog.Any("err", err))
				continue // without it a sweep would release living holds
			}
			if _, err := s.ledger.Sweep(ctx); err != nil {
				log.LogAttrs(ctx, slog.LevelError, "sweep", slog.Any("err", err))
			}
		}
	})
}

// prober asks endpoints that were ejected whether they are back; every is 0 where
// callers' requests find out.
func prober(ctx context.Context, g *gateway.Gateway, every time.Duration) (stop func()) {
	if every == 0 {
		return func() {}
	}
	return each(ctx, "probing", every, func(ctx context.Context) { g.Probe(ctx) })
}

// revokedEvery is how often the keys of requests under way are looked at, where those of
// keys that were revoked are to end: within five seconds (F93).
const revokedEvery = time.Second

func revoker(ctx context.Context, g *gateway.Gateway) (stop func()) {
	if g.Stands == nil {
		return func() {}
	}
	return each(ctx, "ending what revoked keys began", revokedEvery, func(ctx context.Context) { g.Revoke(ctx) })
}

// lastSettlements is the last try before the process ends; what it leaves is let
// go in the customers' favour by the next start.
func lastSettlements(ctx context.Context, g *gateway.Gateway, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), janitorEvery)
	defer cancel()
	if left := g.Retry(ctx); left > 0 {
		log.LogAttrs(ctx, slog.LevelError, "settlements are lost with this process", slog.Int("left", left))
	}
}

// drainOnEnd serves until ctx ends; then no new request is taken, and answers
// under way have the drain time to finish before they end in band (F83).
func drainOnEnd(ctx context.Context, l net.Listener, h http.Handler, drain time.Duration, log *slog.Logger) error {
	base, shutdown := context.WithCancelCause(context.Background())
	defer shutdown(nil)
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerLimit,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go safe.Func("serving", func() { failed <- srv.Serve(l) })()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.LogAttrs(ctx, slog.LevelInfo, "stopping: answers under way may finish; interrupt again to stop at once", slog.Duration("within", drain))
	patient, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := srv.Shutdown(patient); err == nil {
		return nil
	}
	shutdown(gateway.ErrShutdown)
	last, cancelLast := context.WithTimeout(context.Background(), headerTime)
	defer cancelLast()
	if err := srv.Shutdown(last); err != nil {
		return errors.Join(err, srv.Close())
	}
	return nil
}

// origin is how this server is reached, for what is printed.
func origin(c *config.Config, address string) string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	return reachable(address)
}

// servedAt is the name under which the database knows where it was last served.
const servedAt = "served_at"

// reachable is how this machine reaches a server that listens on an address.
func reachable(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().IsUnspecified() {
		address = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port()).String()
	}
	return "http://" + address
}
