package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// freshFor is how long a key is believed without looking again, and so how
	// late a change made by another process is noticed at most (S04).
	freshFor = 5 * time.Second
	// staleFor is how long a known key is still believed while the store cannot
	// be read (F65).
	staleFor = 60 * time.Second
	// readTimeout bounds one look into the store (F69).
	readTimeout = 2 * time.Second
)

// Directory authenticates and manages keys. It is safe for concurrent use.
type Directory struct {
	store  Store
	now    func() time.Time
	random io.Reader
	pepper []byte

	reads singleflight.Group
	mu    sync.RWMutex
	known map[[sha256.Size]byte]believed // only keys that exist, so it is bounded by them
	epoch uint64                         // changes made here; a read that began before one is not kept
}

type believed struct {
	who      Principal
	disabled bool
	read     time.Time
}

// New opens the directory kept in s. Random makes keys, and the pepper at the
// first start.
func New(ctx context.Context, s Store, now func() time.Time, random io.Reader) (*Directory, error) {
	fresh := make([]byte, sha256.Size)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, fmt.Errorf("identity: random bits: %w", err)
	}
	pepper, err := s.Pepper(ctx, fresh)
	if err != nil {
		return nil, fmt.Errorf("identity: pepper: %w", err)
	}
	if len(pepper) != sha256.Size {
		return nil, fmt.Errorf("identity: pepper has %d bytes, want %d", len(pepper), sha256.Size)
	}
	return &Directory{store: s, now: now, random: random, pepper: pepper, known: map[[sha256.Size]byte]believed{}}, nil
}

// Authenticate says whose key bearer is. [ErrUnknown], [ErrDisabled] and
// [ErrExpired] are proof about the key; any other error is the store's. In the
// steady state it reads nothing: a key is looked up again after five seconds.
func (d *Directory) Authenticate(ctx context.Context, bearer string) (Principal, error) {
	if !wellFormed(bearer) {
		return Principal{}, ErrUnknown
	}
	var buf [keyLen]byte
	copy(buf[:], bearer)
	id := sha256.Sum256(buf[:])
	now := d.now()

	d.mu.RLock()
	b, ok := d.known[id]
	d.mu.RUnlock()
	if ok && fresh(b.read, now, freshFor) {
		return b.at(now)
	}
	return d.look(ctx, id, bearer, now)
}

// look reads a key that is not known well enough.
func (d *Directory) look(ctx context.Context, id [sha256.Size]byte, bearer string, now time.Time) (Principal, error) {
	hash := hex.EncodeToString(id[:])
	read := d.reads.DoChan(hash, func() (any, error) {
		// The answer serves everybody who waits, so no single caller may cut it
		// short.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return d.read(ctx, id, hash, bearer)
	})
	var err error
	select {
	case r := <-read:
		if r.Err == nil {
			return r.Val.(believed).at(now)
		}
		err = r.Err
	case <-ctx.Done():
		return Principal{}, ctx.Err()
	}
	if errors.Is(err, ErrUnknown) {
		return Principal{}, err
	}
	d.mu.RLock()
	b, ok := d.known[id]
	d.mu.RUnlock()
	if ok && fresh(b.read, now, staleFor) {
		return b.at(now)
	}
	return Principal{}, err
}

// fresh also doubts what was read in the future: the clock was set back.
func fresh(read, now time.Time, d time.Duration) bool {
	age := now.Sub(read)
	return age >= 0 && age < d
}

// wellFormed tells apart what can be a key, so that nothing else costs a read.
func wellFormed(s string) bool {
	if len(s) != keyLen || s[:len(Prefix)] != Prefix {
		return false
	}
	for i := len(Prefix); i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (d *Directory) read(ctx context.Context, id [sha256.Size]byte, hash, bearer string) (believed, error) {
	d.mu.RLock()
	epoch := d.epoch
	d.mu.RUnlock()
	at := d.now()
	k, err := d.store.Lookup(ctx, hash)
	if errors.Is(err, ErrNotFound) {
		d.forget(hash)
		return believed{}, ErrUnknown
	}
	if err != nil {
		return believed{}, fmt.Errorf("identity: read key: %w", err)
	}
	if digest := d.digest(bearer); !hmac.Equal(digest[:], k.Digest[:]) {
		return believed{}, ErrUnknown
	}
	b := believed{
		who: Principal{
			Account: k.Account, Workspace: k.Workspace,
			KeyHash: k.Hash, KeyName: k.Name, KeyLabel: k.Label, Creator: k.Creator,
			Management: k.Management, IncludeBYOK: k.IncludeBYOK,
			Limit: k.Limit, LimitReset: k.LimitReset, Rates: k.Rates, DataClass: k.DataClass, ExpiresAt: k.ExpiresAt,
		},
		disabled: k.Disabled,
		read:     at,
	}
	d.mu.Lock()
	if d.epoch == epoch {
		d.known[id] = b
	}
	d.mu.Unlock()
	return b, nil
}

// at is what is believed of the key, judged at a time.
func (b believed) at(now time.Time) (Principal, error) {
	switch {
	case b.disabled:
		return Principal{}, ErrDisabled
	case !b.who.ExpiresAt.IsZero() && !now.Before(b.who.ExpiresAt):
		return Principal{}, ErrExpired
	}
	return b.who, nil
}

// forget makes the next use of a key read it anew.
func (d *Directory) forget(hash string) {
	id, err := hex.DecodeString(hash)
	if err != nil || len(id) != sha256.Size {
		return
	}
	d.reads.Forget(hash)
	d.mu.Lock()
	delete(d.known, [sha256.Size]byte(id))
	d.epoch++
	d.mu.Unlock()
}
