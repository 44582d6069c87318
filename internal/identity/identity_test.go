package identity_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger/ledgertest"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

// flaky is a store that counts lookups, and can be down or slow.
type flaky struct {
	identity.Store
	lookups atomic.Int64
	down    atomic.Bool
	entered chan struct{} // if set, told of a lookup that waits at the gate
	gate    chan struct{}
}

var errDown = errors.New("store is down")

func (f *flaky) Lookup(ctx context.Context, hash string) (identity.Stored, error) {
	f.lookups.Add(1)
	s, err := f.Store.Lookup(ctx, hash)
	if f.gate != nil {
		select {
		case f.entered <- struct{}{}:
		default:
		}
		<-f.gate
	}
	if f.down.Load() {
		return identity.Stored{}, errDown
	}
	return s, err
}

type fixture struct {
	*identity.Directory
	store *flaky
	clock *ledgertest.Clock
	path  string
}

func directory(t *testing.T) fixture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := sqlstore.Open(t.Context(), path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f := fixture{store: &flaky{Store: db.Keys()}, clock: ledgertest.NewClock(), path: path}
	f.Directory, err = identity.New(t.Context(), f.store, f.clock.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"alice", "bob"} {
		if _, err := f.CreateAccount(t.Context(), id, "Name of "+id); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f fixture) key(t *testing.T, n identity.NewKey) (string, identity.Key) {
	t.Helper()
	if n.Name == "" {
		n.Name = "test"
	}
	plain, k, err := f.CreateKey(t.Context(), "alice", n)
	if err != nil {
		t.Fatal(err)
	}
	return plain, k
}

func (f fixture) want(t *testing.T, bearer string, want error) identity.Principal {
	t.Helper()
	p, err := f.Authenticate(t.Context(), bearer)
	if !errors.Is(err, want) {
		t.Fatalf("authenticate: %v, want %v", err, want)
	}
	return p
}

func TestKeyIsItsPrincipal(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, k := f.key(t, identity.NewKey{Name: "ci", Creator: "carol", Management: true, IncludeBYOK: true, Limit: new(5 * money.USD), LimitReset: identity.Weekly, Rates: identity.Rates{Requests: 60, Tokens: 1000}})
	if len(plain) != 9+64 || !strings.HasPrefix(plain, "sk-tp-v1-") || strings.ToLower(plain) != plain {
		t.Errorf("key %q has another form", plain)
	}
	if want := plain[:12] + "..." + plain[70:]; k.Label != want {
		t.Errorf("label %q, want %q", k.Label, want)
	}
	want := identity.Principal{
		Account: "alice", Workspace: identity.Workspace("alice"), KeyHash: k.Hash, KeyName: "ci", KeyLabel: k.Label,
		Creator: "carol", Management: true, IncludeBYOK: true, Limit: new(5 * money.USD), LimitReset: identity.Weekly, Rates: identity.Rates{Requests: 60, Tokens: 1000},
	}
	if diff := cmp.Diff(want, f.want(t, plain, nil)); diff != "" {
		t.Error(diff)
	}
}

// Nothing that is stored or shown opens anything (S02), and what cannot be a key
// costs no read.
func TestOnlyTheKeyItselfAuthenticates(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, k := f.key(t, identity.NewKey{})
	stored, err := f.store.Store.Lookup(t.Context(), k.Hash)
	if err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", stored.Digest)
	for _, bad := range []string{
		k.Hash, identity.Prefix + k.Hash, digest, identity.Prefix + digest, k.Label,
		"", "sk-tp-v1-", plain[:len(plain)-1], plain + "0", strings.ToUpper(plain), " " + plain,
		plain[:len(plain)-1] + "g", plain[:len(plain)-1] + "\x00", strings.Repeat("a", len(plain)),
		identity.Prefix + strings.Repeat("0", 64),
	} {
		f.want(t, bad, identity.ErrUnknown)
	}
	if n := f.store.lookups.Load(); n != 3 { // the two made of hashes, and the zeros
		t.Errorf("%d lookups, want 3", n)
	}
	_ = f.want(t, plain, nil)
}

// The file holds neither key nor anything longer of it than its label.
func TestNoKeyInTheFile(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, _ := f.key(t, identity.NewKey{})
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(f.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(plain[len(identity.Prefix)+4:len(plain)-4])) {
			t.Errorf("%s holds the key", f.path+suffix)
		}
	}
}

func TestAnotherPepperKnowsNobody(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, _ := f.key(t, identity.NewKey{})
	again, err := identity.New(t.Context(), f.store, f.clock.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Authenticate(t.Context(), plain); err != nil {
		t.Fatalf("a second start: %v", err)
	}
	other, err := identity.New(t.Context(), peppered{f.store}, f.clock.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Authenticate(t.Context(), plain); !errors.Is(err, identity.ErrUnknown) {
		t.Fatalf("another pepper: %v", err)
	}
}

type peppered struct{ identity.Store }

func (peppered) Pepper(context.Context, []byte) ([]byte, error) { return make([]byte, 32), nil }

func TestDisabledExpiredDeleted(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, k := f.key(t, identity.NewKey{ExpiresAt: f.clock.Now().Add(time.Hour)})
	f.want(t, plain, nil)
	if _, err := f.UpdateKey(t.Context(), "alice", k.Hash, identity.Change{Disabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	f.want(t, plain, identity.ErrDisabled) // at once
	if _, err := f.UpdateKey(t.Context(), "alice", k.Hash, identity.Change{Disabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(time.Hour - time.Microsecond)
	f.want(t, plain, nil)
	f.clock.Advance(time.Microsecond) // while it is cached
	f.want(t, plain, identity.ErrExpired)
	if err := f.DeleteKey(t.Context(), "alice", k.Hash); err != nil {
		t.Fatal(err)
	}
	f.want(t, plain, identity.ErrUnknown)
}

// S04 and F65: no read in the steady state; a change made elsewhere is noticed
// within five seconds; a store that is down is never a 401, and a known key
// lives through sixty seconds of it.
func TestCache(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, k := f.key(t, identity.NewKey{})
	unused, _ := f.key(t, identity.NewKey{})
	for range 100 {
		f.want(t, plain, nil)
	}
	if n := f.store.lookups.Load(); n != 1 {
		t.Fatalf("%d lookups, want 1", n)
	}
	f.clock.Advance(5 * time.Second)
	f.want(t, plain, nil)
	if n := f.store.lookups.Load(); n != 2 {
		t.Fatalf("%d lookups, want 2", n)
	}
	f.store.down.Store(true)
	f.want(t, unused, errDown)
	f.clock.Advance(59 * time.Second)
	f.want(t, plain, nil)
	f.clock.Advance(time.Second)
	f.want(t, plain, errDown)
	f.store.down.Store(false)
	f.want(t, plain, nil)

	outside, err := identity.New(t.Context(), f.store.Store, f.clock.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.DeleteKey(t.Context(), "alice", k.Hash); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(5 * time.Second)
	f.want(t, plain, identity.ErrUnknown)
	f.store.down.Store(true)
	f.want(t, plain, errDown) // forgotten, so nothing is believed
}

// A clock that was set back does not make old knowledge fresh.
func TestCacheDoubtsTheFuture(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, _ := f.key(t, identity.NewKey{})
	f.want(t, plain, nil)
	f.clock.Advance(-time.Hour)
	f.want(t, plain, nil)
	if n := f.store.lookups.Load(); n != 2 {
		t.Fatalf("%d lookups, want 2", n)
	}
}

// Many who ask at once cause one read (F75); one who leaves does not spoil it for
// the others.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, _ := f.key(t, identity.NewKey{})
	f.store.entered, f.store.gate = make(chan struct{}, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := f.Authenticate(ctx, plain)
		first <- err
	}()
	<-f.store.entered
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := f.Authenticate(t.Context(), plain); err != nil {
				t.Error(err)
			}
		})
	}
	close(f.store.gate)
	wg.Wait()
	if n := f.store.lookups.Load(); n > 2 {
		t.Fatalf("%d lookups", n)
	}
}

// A read that began before a revocation is not remembered after it.
func TestRevocationBeatsAReadUnderWay(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, k := f.key(t, identity.NewKey{})
	f.store.entered, f.store.gate = make(chan struct{}, 1), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := f.Authenticate(t.Context(), plain)
		first <- err
	}()
	<-f.store.entered
	if err := f.DeleteKey(t.Context(), "alice", k.Hash); err != nil {
		t.Fatal(err)
	}
	close(f.store.gate)
	<-first //nolint:errcheck // either answer: it was asked before
	f.want(t, plain, identity.ErrUnknown)
}

// S21: what is another account's answers like what is not there.
func TestKeysAreAccountScoped(t *testing.T) {
	t.Parallel()
	f := directory(t)
	_, k := f.key(t, identity.NewKey{})
	for _, hash := range []string{k.Hash, strings.Repeat("0", 64), "nonsense", strings.Repeat("0", 4000), "'; --"} {
		_, err := f.Key(t.Context(), "bob", hash)
		_, err2 := f.UpdateKey(t.Context(), "bob", hash, identity.Change{Disabled: new(true)})
		err3 := f.DeleteKey(t.Context(), "bob", hash)
		for i, err := range []error{err, err2, err3} {
			if !errors.Is(err, identity.ErrNotFound) {
				t.Errorf("%d: %q: %v", i, hash, err)
			}
		}
	}
	if got, err := f.Keys(t.Context(), "bob", identity.Page{IncludeDisabled: true}); err != nil || len(got) != 0 {
		t.Errorf("bob sees %v, %v", got, err)
	}
	if got, err := f.Key(t.Context(), "alice", k.Hash); err != nil || got.Disabled {
		t.Errorf("alice sees %+v, %v", got, err)
	}
	if _, _, err := f.CreateKey(t.Context(), "nobody", identity.NewKey{Name: "x"}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a key of nobody: %v", err)
	}
}

func TestUpdateKey(t *testing.T) {
	t.Parallel()
	f := directory(t)
	plain, k := f.key(t, identity.NewKey{Name: "old"})
	f.clock.Advance(time.Minute)
	none := (*money.Nano)(nil)
	for _, c := range []struct {
		name   string
		change identity.Change
		want   func(*identity.Key)
	}{
		{"nothing", identity.Change{}, func(*identity.Key) {}},
		{"name", identity.Change{Name: new("new")}, func(k *identity.Key) { k.Name = "new" }},
		{"limit", identity.Change{Limit: new(new(money.USD)), LimitReset: new(identity.Daily)}, func(k *identity.Key) { k.Limit, k.LimitReset = new(money.USD), identity.Daily }},
		{"limit zero", identity.Change{Limit: new(new(money.Nano(0)))}, func(k *identity.Key) { k.Limit = new(money.Nano(0)) }},
		{"rates", identity.Change{Requests: new(int64(7)), Tokens: new(int64(identity.MaxRate))}, func(k *identity.Key) { k.Rates = identity.Rates{Requests: 7, Tokens: identity.MaxRate} }},
		{"no rate", identity.Change{Requests: new(int64(0))}, func(k *identity.Key) { k.Rates.Requests = 0 }},
		{"no limit", identity.Change{Limit: &none, LimitReset: new(identity.Never)}, func(k *identity.Key) { k.Limit, k.LimitReset = nil, identity.Never }},
		{"byok", identity.Change{IncludeBYOK: new(true)}, func(k *identity.Key) { k.IncludeBYOK = true }},
	} {
		c.want(&k)
		k.UpdatedAt = f.clock.Now()
		got, err := f.UpdateKey(t.Context(), "alice", k.Hash, c.change)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(k, got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
		read, err := f.Key(t.Context(), "alice", k.Hash)
		if diff := cmp.Diff(k, read); diff != "" || err != nil {
			t.Errorf("%s: read %v\n%s", c.name, err, diff)
		}
		if p := f.want(t, plain, nil); p.KeyName != k.Name || (p.Limit == nil) != (k.Limit == nil) {
			t.Errorf("%s: principal %+v", c.name, p)
		}
	}
	for _, bad := range []identity.Change{
		{Name: new("")},
		{Name: new(strings.Repeat("x", 201))},
		{Limit: new(new(money.Nano(-1)))},
		{LimitReset: new(identity.Reset("yearly"))},
		{Requests: new(int64(-1))},
		{Tokens: new(int64(identity.MaxRate + 1))},
	} {
		if _, err := f.UpdateKey(t.Context(), "alice", k.Hash, bad); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	f := directory(t)
	for _, bad := range []identity.NewKey{
		{},
		{Name: "x", Limit: new(money.Nano(-1))},
		{Name: "x", LimitReset: "hourly"},
		{Name: "x", Rates: identity.Rates{Requests: identity.MaxRate + 1}},
		{Name: "x", Rates: identity.Rates{Tokens: -1}},
		{Name: "x", ExpiresAt: f.clock.Now()},
	} {
		if _, _, err := f.CreateKey(t.Context(), "alice", bad); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for _, id := range []string{"", "a b", "a/b", strings.Repeat("x", 65)} {
		if _, err := f.CreateAccount(t.Context(), id, ""); !errors.Is(err, identity.ErrInvalid) {
			t.Errorf("account %q: %v", id, err)
		}
	}
	if _, err := f.CreateAccount(t.Context(), "alice", ""); !errors.Is(err, identity.ErrExists) {
		t.Errorf("alice again: %v", err)
	}
	if _, err := identity.New(t.Context(), f.store, f.clock.Now, io.LimitReader(rand.Reader, 8)); err == nil {
		t.Error("a pepper was made of too little randomness")
	}
}

// KY-02: newest first, a hundred a page, disabled ones on request.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	f := directory(t)
	var want []string
	for i := range 205 {
		f.clock.Advance(time.Second)
		_, k := f.key(t, identity.NewKey{Name: fmt.Sprint("key ", i)})
		if i%5 == 0 {
			if _, err := f.UpdateKey(t.Context(), "alice", k.Hash, identity.Change{Disabled: new(true)}); err != nil {
				t.Fatal(err)
			}
		}
		want = append([]string{k.Name}, want...)
	}
	var all []string
	var enabled int
	for offset := 0; ; offset += identity.PageSize {
		page, err := f.Keys(t.Context(), "alice", identity.Page{Offset: offset, IncludeDisabled: true})
		if err != nil {
			t.Fatal(err)
		}
		some, err := f.Keys(t.Context(), "alice", identity.Page{Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		enabled += len(some)
		for _, k := range page {
			all = append(all, k.Name)
		}
		if len(page) < identity.PageSize {
			break
		}
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if enabled != 164 {
		t.Errorf("%d enabled, want 164", enabled)
	}
	if _, err := f.Keys(t.Context(), "alice", identity.Page{Offset: -1}); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("offset -1: %v", err)
	}
}

// RL-05.
func TestScope(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reset identity.Reset
		at    string
		want  string
		from  string
	}{
		{identity.Never, "2026-11-24T23:59:59Z", "key:h", ""},
		{identity.Daily, "2026-11-24T23:59:59Z", "key:h@2026-11-24", "2026-11-24T00:00:00Z"},
		{identity.Daily, "2026-11-24T23:30:00-01:00", "key:h@2026-11-25", "2026-11-25T00:00:00Z"},
		{identity.Weekly, "2026-11-24T12:00:00Z", "key:h@2026-W48", "2026-11-23T00:00:00Z"},
		{identity.Weekly, "2026-11-29T23:59:59Z", "key:h@2026-W48", "2026-11-23T00:00:00Z"},
		{identity.Weekly, "2027-01-01T00:00:00Z", "key:h@2026-W53", "2026-12-28T00:00:00Z"},
		{identity.Monthly, "2028-02-29T12:00:00Z", "key:h@2028-02", "2028-02-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		scope, from := identity.Key{Hash: "h", LimitReset: c.reset}.Scope(at)
		var want time.Time
		if c.from != "" {
			if want, err = time.Parse(time.RFC3339, c.from); err != nil {
				t.Fatal(err)
			}
		}
		if scope != c.want || !from.Equal(want) {
			t.Errorf("%s at %s: %s from %s", c.reset, c.at, scope, from)
		}
		p := identity.Principal{KeyHash: "h", LimitReset: c.reset}
		if s, _, limited := p.Scope(at); limited {
			t.Errorf("a key without limit is limited by %s", s)
		}
		p.Limit = new(money.USD)
		if s, n, limited := p.Scope(at); !limited || s != c.want || n != money.USD {
			t.Errorf("%s: %s %s %v", c.want, s, n, limited)
		}
	}
}

// A scope changes exactly where its window does.
func TestScopeFollowsItsWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := identity.Key{Hash: "h", LimitReset: rapid.SampledFrom([]identity.Reset{identity.Daily, identity.Weekly, identity.Monthly}).Draw(t, "reset")}
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		scope, from := k.Scope(at)
		if from.After(at) {
			t.Fatalf("window of %s begins at %s", at, from)
		}
		if s, f := k.Scope(from); s != scope || !f.Equal(from) {
			t.Fatalf("at its beginning %s is %s", scope, s)
		}
		if s, _ := k.Scope(from.Add(-time.Second)); s == scope {
			t.Fatalf("%s began before %s", scope, from)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	db, err := sqlstore.Open(b.Context(), ":memory:", sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	d, err := identity.New(b.Context(), db.Keys(), time.Now, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.CreateAccount(b.Context(), "a", ""); err != nil {
		b.Fatal(err)
	}
	plain, _, err := d.CreateKey(b.Context(), "a", identity.NewKey{Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Authenticate(b.Context(), plain); err != nil {
			b.Fatal(err)
		}
	}
}
