package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// How the policy file is watched.
const (
	lookEvery = 2 * time.Second
	blindFor  = 5 * time.Minute // for which a policy holds whose file cannot be read (F98)
)

// ruledBy is the name under which the database knows which policy a server holds.
const ruledBy = "policy"

// ruling is the operator's policy while it holds, and what has become of its file since.
type ruling struct {
	goods *market
	s     *store
	log   *slog.Logger
	now   func() time.Time

	mu   sync.Mutex // held while the file is looked at
	seen string     // the file's version at the last look
	said atomic.Pointer[rulingSaid]

	skip sync.Map // service -> when it was last told of that it could not be asked, a time.Time
}

// rulingSaid is what turnpike policy status and /healthz tell.
type rulingSaid struct {
	File     string    `json:"file,omitzero"`
	Version  string    `json:"version,omitzero"` // that holds
	Since    time.Time `json:"since,omitzero"`
	Refused  *refusal  `json:"refused,omitzero"`            // the file as it is now, if it is no policy
	Unread   time.Time `json:"unreadable_since,omitzero"`   // zero: it can be read
	Unstored time.Time `json:"not_recorded_since,omitzero"` // a policy that waits for the database to know of it
}

// refusal is a text that is no policy.
type refusal struct {
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Error   string    `json:"error"`
}

// rule begins to watch the policy file; the policy that the market was made with is the
// first to hold. That one is in the audit log before it does.
func rule(ctx context.Context, s *store, goods *market, log *slog.Logger) (*ruling, func(), error) {
	r := &ruling{goods: goods, s: s, log: log, now: time.Now}
	version, text := "", ""
	if goods.ruling != nil {
		version, text = goods.ruling.House.Version, goods.ruling.Text
	}
	if err := s.db.LoadHouse(ctx, version, text, r.now()); err != nil {
		return nil, nil, fmt.Errorf("policy: %w", err)
	}
	file := goods.config.Policy.File
	r.tell(ctx, rulingSaid{File: file, Version: version, Since: r.now().UTC()})
	if file == "" {
		return r, func() {}, nil
	}
	r.holds(ctx, goods.ruling)
	return r, r.watch(ctx), nil
}

// watch looks at the file again and again, and when a hangup says so.
func (r *ruling) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go safe.Func("policy file", func() {
		defer close(done)
		safe.Steady(ctx, "policy file", func() {
			tick := time.NewTicker(lookEvery)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					r.look(ctx, false)
				case <-hangup:
					r.look(ctx, true)
				}
			}
		})()
	})()
	return func() {
		signal.Stop(hangup)
		cancel()
		<-done
	}
}

// look reads the file, and lets what it says hold if it is another policy than before. What
// is new is looked at twice, since whoever writes a file may be half through; now takes it
// at once, and says once more what is wrong with it.
func (r *ruling) look(ctx context.Context, now bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.status()
	c := r.goods.config
	text, err := c.ReadPolicy()
	if err != nil {
		if said.Unread.IsZero() {
			said.Unread = r.now().UTC()
			r.log.LogAttrs(ctx, slog.LevelError, "the policy file cannot be read: what held before holds, for a while",
				slog.Any("err", err), slog.Duration("within", blindFor))
			r.tell(ctx, said)
		}
		return
	}
	if !said.Unread.IsZero() {
		said.Unread = time.Time{}
		r.log.LogAttrs(ctx, slog.LevelInfo, "the policy file can be read again", slog.String("file", said.File))
	}
	sum := sha256.Sum256(text)
	version := hex.EncodeToString(sum[:])[:12]
	whole := now || version == r.seen
	r.seen = version
	switch {
	case version == said.Version:
		said.Refused, said.Unstored = nil, time.Time{}
	case said.Refused != nil && said.Refused.Version == version && !now:
	case whole:
		r.read(ctx, version, text, &said)
	}
	if said != r.status() {
		r.tell(ctx, said)
	}
}

// read makes a policy of the text, and lets it hold.
func (r *ruling) read(ctx context.Context, version string, text []byte, said *rulingSaid) {
	next, err := r.goods.config.ParsePolicy(text)
	if err == nil {
		var stored error
		err = r.goods.adopt(next, func() error {
			stored = r.s.db.LoadHouse(ctx, version, next.Text, r.now())
			return stored
		})
		if stored != nil {
			if said.Unstored.IsZero() {
				said.Unstored = r.now().UTC()
				r.log.LogAttrs(ctx, slog.LevelError, "a policy waits: that it is to hold cannot be recorded", slog.Any("err", stored))
			}
			return
		}
	}
	said.Unstored = time.Time{}
	if err != nil {
		if said.Refused == nil || said.Refused.Version != version {
			r.refuses(ctx, version)
		}
		said.Refused = &refusal{Version: version, At: r.now().UTC(), Error: err.Error()}
		r.log.LogAttrs(ctx, slog.LevelError, "the policy file is refused: what held before holds", slog.String("file", said.File),
			slog.String("holds", said.Version), slog.String("refused", version), slog.Any("err", err))
		return
	}
	said.Version, said.Since, said.Refused = version, r.now().UTC(), nil
	r.holds(ctx, next)
	if err := remember(ctx, r.goods.config, r.s.db, r.goods.catalog()); err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "decisions", slog.Any("err", err))
	}
}

// refuses tells the audit log of a file that was refused.
func (r *ruling) refuses(ctx context.Context, version string) {
	if err := r.s.trail.Admin(ctx, trail.Event{Action: trail.PolicyRefused, Policy: version, Object: r.status().File}); err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "audit log", slog.Any("err", err))
	}
}

// holds tells the operator which policy holds from now on, and what is strange about it.
func (r *ruling) holds(ctx context.Context, p *config.Policy) {
	r.log.LogAttrs(ctx, slog.LevelInfo, "policy", slog.String("file", r.goods.config.Policy.File), slog.String("version", p.House.Version))
	if err := p.Unknown(r.goods.catalog()); err != nil {
		r.log.LogAttrs(ctx, slog.LevelWarn, "the policy names what is not there", slog.Any("err", err))
	}
}

// tell publishes what there is to know, also to the commands that open the database.
func (r *ruling) tell(ctx context.Context, said rulingSaid) {
	r.said.Store(&said)
	text, err := json.Marshal(said)
	if err == nil {
		err = r.s.db.Tell(ctx, ruledBy, string(text))
	}
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "policy", slog.Any("err", err))
	}
}

func (r *ruling) status() rulingSaid { return *r.said.Load() }

// errBlind is that nobody knows any more what the operator wants.
var errBlind = errors.New("the policy file could not be read for too long")

// house is the operator's policy for the gate.
func (r *ruling) house() (*policy.House, error) {
	if said := r.status(); !said.Unread.IsZero() && r.now().Sub(said.Unread) > blindFor {
		return nil, errBlind
	}
	return r.goods.supply().house, nil
}

// health is what /healthz tells; nil where there is no policy file.
func (r *ruling) health() func() (version, file string) {
	if r.status().File == "" {
		return nil
	}
	return func() (version, file string) {
		switch said := r.status(); {
		case !said.Unread.IsZero():
			return said.Version, "unreadable"
		case said.Refused != nil:
			return said.Version, "refused"
		default:
			return said.Version, "current"
		}
	}
}

// tellEvery is how often the same is told of a service that cannot be asked.
const tellEvery = time.Minute

// skipped tells the operator of a service that is not required and could not be asked.
func (r *ruling) skipped(service string, why error) {
	now := r.now()
	if last, ok := r.skip.Load(service); ok && now.Sub(last.(time.Time)) < tellEvery { //nolint:forcetypeassert // nothing else is stored
		return
	}
	r.skip.Store(service, now)
	r.log.LogAttrs(context.Background(), slog.LevelWarn, "requests go on without a service of the policy", slog.String("service", service), slog.Any("err", why))
}
