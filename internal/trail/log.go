package trail

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is remembered of refusals, so that a storm of them fills neither the
// memory nor the disk.
const (
	window        = time.Minute // refusals alike within it share a record
	flushEvery    = 5 * time.Second
	flushLimit    = 5 * time.Second // that one write may take
	batch         = 256             // records of one commit
	maxReady      = 2048            // records that wait to be written
	maxKinds      = 2048            // kinds of refusals that are told apart within a window,
	maxKindsEach  = 64              // and of one account
	maxUntoldFrom = 1024            // accounts whose other refusals are counted each
)

// Store keeps records.
type Store interface {
	// Append adds a record for each event, all or none, and returns after the commit.
	Append(ctx context.Context, events ...Event) error
}

// Log takes events. It is safe for concurrent use.
type Log struct {
	store Store
	now   func() time.Time
	wake  chan struct{}

	mu     sync.Mutex
	ready  []Event
	kinds  map[kind]*repeated
	each   map[string]int      // kinds by account
	untold map[string]*counted // refusals that are counted only, by account
}

// kind is what refusals are alike in that share a record.
type kind struct {
	account, key, object, class, policy, error, code string
	rules                                            string
}

// repeated is what came after the first of a kind.
type repeated struct {
	began time.Time // of the window
	last  Event     // its Count is how many came
}

type counted struct {
	began, last time.Time
	n           int64
}

// New is a log that is kept in s.
func New(s Store, now func() time.Time) *Log {
	return &Log{
		store: s, now: now, wake: make(chan struct{}, 1),
		kinds: map[kind]*repeated{}, each: map[string]int{}, untold: map[string]*counted{},
	}
}

// Admin keeps that something is changed, and returns after the commit. It is for
// changes that are not made in the database: call it before the change, and do not make
// the change if it fails. Changes in the database are kept by the database in the
// commit that makes them.
func (l *Log) Admin(ctx context.Context, e Event) error {
	if e.At.IsZero() {
		e.At = l.now()
	}
	if e.By == (By{}) {
		e.By = Of(ctx)
	}
	return l.store.Append(ctx, e)
}

// Refused keeps that a request was refused, soon: it does not block. The first of a
// kind has a record of its own, those like it within a minute share a second one. What
// is of too many kinds, or cannot be written for too long, is counted.
func (l *Log) Refused(e Event) {
	if e.At.IsZero() {
		e.At = l.now()
	}
	e = e.bounded()
	e.Action, e.Count, e.Until = Refusal, 0, time.Time{}
	k := kindOf(e)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r := l.kinds[k]; {
	case r != nil:
		first, n := r.last.At, r.last.Count+1
		if n == 1 {
			first = e.At
		}
		r.last = e
		r.last.At, r.last.Until, r.last.Count = first, e.At, n
	case len(l.ready) >= maxReady, len(l.kinds) >= maxKinds, l.each[e.Account] >= maxKindsEach:
		l.count(e.Account, 1, e.At)
	default:
		l.kinds[k] = &repeated{began: e.At}
		l.each[e.Account]++
		l.ready = append(l.ready, e)
		l.nudge()
	}
}

func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func kindOf(e Event) kind {
	var rules []string
	for _, x := range e.excluded {
		rules = append(rules, x.Rule+"\x00"+x.Level)
	}
	slices.Sort(rules)
	return kind{e.Account, e.By.Actor.Key, e.Object, e.Class, e.Policy, e.Error, e.Code, strings.Join(rules, "\x00\x00")}
}

// count counts refusals without telling them apart; beyond a number of accounts, for
// the operator. It is called with the lock.
func (l *Log) count(account string, n int64, at time.Time) {
	c := l.untold[account]
	if c == nil && len(l.untold) >= maxUntoldFrom {
		account = ""
		c = l.untold[account]
	}
	if c == nil {
		c = &counted{began: at}
		l.untold[account] = c
	}
	c.n += n
	c.last = at
}

// Run writes refusals until the context ends, and then what is left. It tells out of
// what it cannot write.
func (l *Log) Run(ctx context.Context, out *slog.Logger) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	wake := l.wake
	for {
		select {
		case <-ctx.Done():
			l.end(context.WithoutCancel(ctx), out)
			return
		case <-wake:
		case <-tick.C:
			l.close(l.now().Add(-window))
		}
		wake = l.wake
		if err := l.flush(context.WithoutCancel(ctx)); err != nil {
			out.LogAttrs(ctx, slog.LevelError, "refusals wait to be written to the audit log", slog.Any("err", err))
			wake = nil // no sooner than the next tick
		}
	}
}

// end writes everything, whatever window it is in.
func (l *Log) end(ctx context.Context, out *slog.Logger) {
	l.close(l.now().Add(window))
	if err := l.flush(ctx); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		out.LogAttrs(ctx, slog.LevelError, "records of refusals are lost with this process", slog.Int("records", len(l.ready)), slog.Any("err", err))
	}
}

// close makes records of what was counted in windows that began before a time.
func (l *Log) close(before time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, r := range l.kinds {
		if r.began.After(before) {
			continue
		}
		delete(l.kinds, k)
		if l.each[k.account]--; l.each[k.account] == 0 {
			delete(l.each, k.account)
		}
		switch {
		case r.last.Count == 0:
		case len(l.ready) < maxReady:
			l.ready = append(l.ready, r.last)
		default:
			l.count(k.account, r.last.Count, r.last.Until)
		}
	}
	for account, c := range l.untold {
		if c.began.After(before) || len(l.ready) >= maxReady {
			continue
		}
		delete(l.untold, account)
		l.ready = append(l.ready, Event{At: c.began, Until: c.last, Action: RefusalMore, Account: account, By: By{Actor: Actor{Kind: BySystem}}, Count: c.n})
	}
	slices.SortStableFunc(l.ready, func(a, b Event) int { return a.At.Compare(b.At) })
}

// flush writes what is ready; what cannot be written stays so.
func (l *Log) flush(ctx context.Context) error {
	for {
		l.mu.Lock()
		events := slices.Clone(l.ready[:min(len(l.ready), batch)])
		l.mu.Unlock()
		if len(events) == 0 {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, flushLimit)
		err := l.store.Append(limited, events...)
		cancel()
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.ready = slices.Delete(l.ready, 0, len(events)) // only this goroutine takes away, or sorts
		l.mu.Unlock()
	}
}
