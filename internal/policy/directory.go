package policy

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/turnpike-gateway/turnpike/internal/identity"
)

const (
	// freshFor is how long an account's policy is believed without looking whether it
	// was changed, and so how late a change made by another process is noticed at most.
	freshFor = 5 * time.Second
	// staleFor is how long the last known policy is still believed while the store
	// cannot be read; after that nothing is sent (F98).
	staleFor = 5 * time.Minute
	// readTimeout bounds one look into the store.
	readTimeout = 2 * time.Second
)

// Directory knows and changes what the administrators of accounts have set. It is safe for
// concurrent use.
type Directory struct {
	store  Store
	now    func() time.Time
	random io.Reader

	reads singleflight.Group
	mu    sync.RWMutex
	known map[string]*believed // by account; only accounts that exist, so it is bounded by them
	epoch uint64               // changes made here; a read that began before one is not kept
}

// believed is an account's policy as it was read.
type believed struct {
	rules    *rules
	revision int64
	read     time.Time // when it was last known to be the current one
	begun    *begun
}

// begun are the scopes that are known to count what was spent before them.
type begun struct {
	mu     sync.Mutex
	day    time.Time // the map is emptied every day, so that it holds no windows that are over
	scopes map[string]bool
}

// NewDirectory opens the directory kept in s. Random makes ids.
func NewDirectory(s Store, now func() time.Time, random io.Reader) *Directory {
	return &Directory{store: s, now: now, random: random, known: map[string]*believed{}}
}

// Rules are what the administrators of a principal's account demand of it, for [Gate].
// In the steady state nothing is read: every five seconds it is asked whether anything
// was changed.
func (d *Directory) Rules(ctx context.Context, who identity.Principal, at time.Time) (Rules, error) {
	b, err := d.of(ctx, &who)
	if err != nil {
		return Rules{}, err
	}
	out, counts := b.rules.demands(&who, at)
	if err := d.begin(ctx, who.Account, b.begun, counts, at); err != nil {
		return Rules{}, err
	}
	return out, nil
}

// TextModel is the model of requests that name none; "" if the workspace has none either.
func (d *Directory) TextModel(ctx context.Context, who identity.Principal) (string, error) {
	b, err := d.of(ctx, &who)
	if err != nil {
		return "", err
	}
	return b.rules.workspaces[who.Workspace].TextModel, nil
}

// of is what is known of a principal's account, its workspace at least.
func (d *Directory) of(ctx context.Context, who *identity.Principal) (*believed, error) {
	now := d.now()
	b := d.believe(who.Account, now, freshFor)
	if b == nil || b.rules.workspaces[who.Workspace] == nil { // a workspace may have been made elsewhere
		var err error
		if b, err = d.look(ctx, who.Account, now); err != nil {
			return nil, err
		}
	}
	if b.rules.workspaces[who.Workspace] == nil { // what it demands is not known
		return nil, fmt.Errorf("policy: account %s has no workspace %s", who.Account, who.Workspace)
	}
	return b, nil
}

func (d *Directory) believe(account string, now time.Time, within time.Duration) *believed {
	d.mu.RLock()
	defer d.mu.RUnlock()
	b := d.known[account]
	if b == nil {
		return nil
	}
	if age := now.Sub(b.read); age < 0 || age >= within { // the clock may have been set back
		return nil
	}
	return b
}

// look reads what is not known well enough.
func (d *Directory) look(ctx context.Context, account string, now time.Time) (*believed, error) {
	read := d.reads.DoChan(account, func() (any, error) {
		// The answer serves everybody who waits, so no single caller may cut it short.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return d.read(ctx, account)
	})
	var err error
	select {
	case r := <-read:
		if r.Err == nil {
			return r.Val.(*believed), nil
		}
		err = r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b := d.believe(account, now, staleFor); b != nil {
		return b, nil
	}
	return nil, err
}

func (d *Directory) read(ctx context.Context, account string) (*believed, error) {
	d.mu.RLock()
	epoch, old := d.epoch, d.known[account]
	d.mu.RUnlock()
	at := d.now()
	revision, err := d.store.Revision(ctx, account)
	if err != nil {
		return nil, err
	}
	var b *believed
	if old != nil && old.revision == revision {
		again := *old
		b = &again
	} else {
		book, err := d.Book(ctx, account)
		if err != nil {
			return nil, err
		}
		b = &believed{rules: rulesOf(book), revision: book.Revision, begun: &begun{}}
	}
	b.read = at
	d.mu.Lock()
	if d.epoch == epoch {
		d.known[account] = b
	}
	d.mu.Unlock()
	return b, nil
}

// forget makes the next use of an account's policy read it anew. What was known is not
// believed any more, store or no store: it has been changed.
func (d *Directory) forget(account string) {
	d.reads.Forget(account)
	d.mu.Lock()
	delete(d.known, account)
	d.epoch++
	d.mu.Unlock()
}

// Book is all of an account as it is now.
func (d *Directory) Book(ctx context.Context, account string) (*Book, error) {
	s, err := d.store.Policy(ctx, account)
	if err != nil {
		return nil, err
	}
	return read(account, &s)
}

// At is an account's policy as it was at a revision.
func (d *Directory) At(ctx context.Context, account string, revision int64) ([]Past, error) {
	return d.store.At(ctx, account, revision)
}

// begin has the store count what was spent before in the windows that hold, once for each
// scope and revision: a limit that is set in the middle of a window counts all of it.
func (d *Directory) begin(ctx context.Context, account string, b *begun, counts []Count, at time.Time) error {
	if len(counts) == 0 {
		return nil
	}
	day := identity.DayStart(at)
	b.mu.Lock()
	if !b.day.Equal(day) {
		b.day, b.scopes = day, map[string]bool{}
	}
	counts = slices.DeleteFunc(slices.Clone(counts), func(c Count) bool { return b.scopes[c.Scope] })
	b.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	if err := d.store.Begin(ctx, account, counts, at); err != nil {
		return fmt.Errorf("policy: what was spent by %s: %w", account, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range counts {
		if b.day.Equal(day) {
			b.scopes[c.Scope] = true
		}
	}
	return nil
}
