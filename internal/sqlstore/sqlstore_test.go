package sqlstore

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/ledger/ledgertest"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

func open(t testing.TB, o Options) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "turnpike.db"), o)
}

func openAt(t testing.TB, path string, o Options) *DB {
	t.Helper()
	d, err := Open(t.Context(), "sqlite://"+path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

const alice = "customer:alice"

// books with n dollars for alice, proven at the end (law 5).
func books(t testing.TB, d *DB, owner string, n money.Nano) *ledger.Ledger {
	t.Helper()
	ledgertest.Guard(t, d.Books())
	l := ledger.New(d.Books(), time.Now, owner)
	if err := l.Open(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if err := l.TopUp(t.Context(), alice, "start", n*money.USD); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestBooks(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t testing.TB) ledger.Store { return open(t, Options{}).Books() })
}

func TestBooksFull(t *testing.T) {
	t.Parallel()
	d := open(t, Options{Full: true})
	var mode int64
	err := d.writer.do(t.Context(), func(w *writer) error {
		_, err := w.row("PRAGMA synchronous", nil, []any{&mode})
		return err
	})
	if err != nil || mode != 2 {
		t.Fatalf("synchronous %d, %v", mode, err)
	}
	l := books(t, d, "one", 1)
	h, err := l.Reserve(t.Context(), alice, "g", 5)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context(), h, 5); err != nil {
		t.Fatal(err)
	}
}

func TestOpenNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"plain.db", "with space.db", "per%cent?and#hash.db"} {
		for _, dsn := range []string{filepath.Join(dir, name), "sqlite://" + filepath.Join(dir, name)} {
			d, err := Open(t.Context(), dsn, Options{})
			if err != nil {
				t.Errorf("%s: %v", dsn, err)
				continue
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	for _, bad := range []string{"", "sqlite://", "postgres://localhost/x", filepath.Join(dir, "missing", "x.db"), dir} {
		if d, err := Open(t.Context(), bad, Options{}); err == nil {
			t.Errorf("%q was opened", bad)
			_ = d.Close()
		}
	}
	d, err := Open(t.Context(), ":memory:", Options{})
	if err != nil {
		t.Fatal(err)
	}
	temp := d.temp
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", temp, err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]bool{"3.51.3": true, "3.54.1": true, "4.0": true, "3.51.2": false, "3.50.7": false, "3.51": false, "x": false} {
		if atLeast(v, 3, 51, 3) != want {
			t.Errorf("%s: %v", v, !want)
		}
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	d := openAt(t, path, Options{})
	err := d.writer.do(t.Context(), func(w *writer) error {
		_, err := w.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{}); !errors.Is(err, ErrNewer) {
		t.Fatalf("%v", err)
	}
}

// Many processes start on one new file at once.
func TestConcurrentFirstOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// One serves; others may look and manage; the right ends with Close.
func TestServe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	server, tool := openAt(t, path, Options{}), openAt(t, path, Options{})
	for range 2 {
		if err := server.Serve(); err != nil {
			t.Fatal(err)
		}
	}
	if err := tool.Serve(); !errors.Is(err, ErrServed) {
		t.Fatalf("a second server: %v", err)
	}
	l := books(t, tool, "tool", 1)
	b, err := ledger.New(server.Books(), time.Now, "server").Balance(t.Context(), alice)
	if err != nil || b.Posted != money.USD {
		t.Fatalf("%+v, %v", b, err)
	}
	third := openAt(t, path, Options{})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := third.Serve(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reserve(t.Context(), alice, "g", 0); err != nil {
		t.Fatal(err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := ledger.New(d.Books(), time.Now, "one")
	if err := l.Open(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d.Record(sample())
	if d.Dropped() != 1 {
		t.Errorf("%d dropped, want 1", d.Dropped())
	}
	_, reserve := l.Reserve(t.Context(), alice, "g", 0)
	_, balance := l.Balance(t.Context(), alice)
	_, verify := l.Verify(t.Context())
	_, sweep := l.Sweep(t.Context())
	_, lookup := d.Keys().Lookup(t.Context(), "x")
	_, keys := d.Keys().Keys(t.Context(), "x", identity.Page{})
	_, generation := d.Generation(t.Context(), "x", "y")
	_, sheet := d.Sheet(t.Context(), "x")
	_, usage := d.KeyUsage(t.Context(), "x", "y", time.Now())
	var all error
	for _, err := range d.Generations(t.Context()) {
		all = err
	}
	for i, err := range []error{reserve, balance, verify, sweep, lookup, keys, generation, sheet, usage, all} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// F70: a full disk is an error to all it hits, changes nothing, and is over when
// there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := books(t, d, "one", 1)
	pages := func(n string) {
		t.Helper()
		if err := d.writer.do(t.Context(), func(w *writer) error { _, err := w.exec("PRAGMA max_page_count = " + n); return err }); err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // no less than there are
	var failed int
	for i := range 2000 {
		h, err := l.Reserve(t.Context(), alice, "g"+strconv.Itoa(i), 10)
		if err == nil {
			err = l.Settle(t.Context(), h, 10)
		}
		if err != nil {
			failed++
			if _, ok := errors.AsType[*ledger.Insufficient](err); ok || !strings.Contains(err.Error(), "full") {
				t.Fatal(err)
			}
		}
	}
	if failed == 0 {
		t.Fatal("the disk never filled")
	}
	d.Record(sample())
	if _, err := l.Balance(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	pages("1000000")
	if _, err := l.SweepDead(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := l.Reserve(t.Context(), alice, "after", 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context(), h, 10); err != nil {
		t.Fatal(err)
	}
}

// What one operation breaks is its own; those who share its commit are done.
func TestNeighboursInABatch(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := books(t, d, "one", 1)
	broken := errors.New("broken")
	release := occupy(t, d)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, err := l.Reserve(context.Background(), alice, "g"+strconv.Itoa(i), 1); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			err := d.writer.do(context.Background(), func(w *writer) error {
				if _, err := w.exec("UPDATE balances SET held = held + 1"); err != nil {
					return err
				}
				return broken
			})
			if !errors.Is(err, broken) {
				t.Error(err)
			}
		})
	}
	waitQueued(t, d, 100)
	release()
	wg.Wait()
	b, err := l.Balance(t.Context(), alice)
	if err != nil || b.Held != 50 {
		t.Fatalf("%+v, %v", b, err)
	}
}

// occupy keeps the writer in the middle of a transaction until release.
func occupy(t *testing.T, d *DB) (release func()) {
	t.Helper()
	entered, begin, done := make(chan struct{}, 2), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- d.writer.do(context.Background(), func(*writer) error {
			entered <- struct{}{} // twice if the batch is repeated
			<-begin
			return nil
		})
	}()
	<-entered
	return func() {
		t.Helper()
		close(begin)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// waitQueued waits until n operations are queued.
func waitQueued(t *testing.T, d *DB, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		d.writer.mu.Lock()
		have := len(d.writer.queue)
		d.writer.mu.Unlock()
		if have >= n {
			return
		}
	}
}

// Who gives up before the writer begins has changed nothing.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := books(t, d, "one", 1)
	release := occupy(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := l.Reserve(ctx, alice, "g", 5)
		given <- err
	}()
	waitQueued(t, d, 1)
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	release()
	b, err := l.Balance(t.Context(), alice)
	if err != nil || b.Held != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, err := l.Reserve(ctx, alice, "h", 5); !errors.Is(err, context.Canceled) {
		t.Fatalf("a reserve that was over before it began: %v", err)
	}
}

// I5, I18 and the CHECKs: the tables themselves refuse what must not be.
func TestTablesRefuse(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := books(t, d, "one", 1)
	h, err := l.Reserve(t.Context(), alice, "g", 5, ledger.Limit{Scope: "key:a", Max: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context(), h, 3); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"UPDATE entries SET amount = amount + 1",
		"DELETE FROM entries",
		"INSERT INTO entries (kind, ref, account, amount, at) VALUES ('settle', 'g', 'customer:alice', -1, 0)",
		"INSERT INTO entries (kind, ref, account, amount, at) VALUES ('settle', 'h', 'customer:alice', 0, 0)",
		"UPDATE balances SET held = -1",
		"UPDATE balances SET posted = -1",
		"UPDATE spending SET spent = 6",
		"UPDATE holds SET captured = 6, cost = 6",
		"UPDATE holds SET state = 'lost'",
	} {
		if err := d.writer.do(t.Context(), func(w *writer) error { _, err := w.exec(text); return err }); err == nil {
			t.Errorf("%s was done", text)
		}
	}
	if _, err := d.pool.ExecContext(t.Context(), "UPDATE balances SET held = 0"); err == nil {
		t.Error("the read pool wrote")
	}
}

// Verify names the row of each fault planted in the file.
func TestVerifyOverTheFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"UPDATE balances SET posted = posted + 1":                   "I3 broken by account customer:alice",
		"UPDATE spending SET spent = spent - 1":                     "I19 broken by scope key:a",
		"UPDATE holds SET captured = 2 WHERE ref = 'g'":             "I5 broken by hold g",
		"DELETE FROM holds WHERE ref = 'g'":                         "I6 broken by settlement g",
		"INSERT INTO entries VALUES ('topup', 'x', 'funding', 1,0)": "I2 broken by transaction topup x",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			d := open(t, Options{})
			l := ledger.New(d.Books(), time.Now, "one")
			err := errors.Join(l.Open(t.Context(), alice), l.TopUp(t.Context(), alice, "start", 100))
			h, err2 := l.Reserve(t.Context(), alice, "g", 5, ledger.Limit{Scope: "key:a", Max: 5})
			err = errors.Join(err, err2, l.Settle(t.Context(), h, 3))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.writer.do(t.Context(), func(w *writer) error { _, err := w.exec(text); return err }); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v", err)
			}
		})
	}
}

// A limit set on a key in use counts what the key spent in its window before.
func TestLimitCountsWhatWasSpentBefore(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := books(t, d, "one", 10)
	clock := ledgertest.NewClock()
	dir, err := identity.New(t.Context(), d.Keys(), clock.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.CreateAccount(t.Context(), "alice", ""); err != nil {
		t.Fatal(err)
	}
	plain, k, err := dir.CreateKey(t.Context(), "alice", identity.NewKey{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	spend := func(ref string, at time.Time, n money.Nano) error {
		t.Helper()
		p, err := dir.Authenticate(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		var limits []ledger.Limit
		if scope, most, ok := p.Scope(clock.Now()); ok {
			limits = append(limits, ledger.Limit{Scope: scope, Max: most})
		}
		h, err := l.Reserve(t.Context(), alice, ref, n, limits...)
		if err != nil {
			return err
		}
		d.Record(record.Outcome{ID: ref, Account: "alice", KeyHash: k.Hash, Charged: n, Began: at})
		return l.Settle(t.Context(), h, n)
	}
	if err := errors.Join(spend("g1", clock.Now().AddDate(0, -1, 0), 70), spend("g2", clock.Now(), 30)); err != nil {
		t.Fatal(err)
	}
	set := func(n money.Nano, r identity.Reset) {
		t.Helper()
		limit := &n
		if _, err := dir.UpdateKey(t.Context(), "alice", k.Hash, identity.Change{Limit: &limit, LimitReset: &r}); err != nil {
			t.Fatal(err)
		}
	}
	short := func(ref string, n, available money.Nano) {
		t.Helper()
		e, ok := errors.AsType[*ledger.Insufficient](spend(ref, clock.Now(), n))
		if !ok || e.Available != available {
			t.Fatalf("%s: %v, want %d available", ref, e, available)
		}
	}
	set(50, identity.Monthly)
	short("g3", 21, 20)
	set(120, identity.Never)
	short("g4", 21, 20)
	if err := spend("g5", clock.Now(), 20); err != nil {
		t.Fatal(err)
	}
	set(60, identity.Monthly) // 50 spent this month, 20 of it under another limit
	short("g6", 11, 10)
	u, err := d.KeyUsage(t.Context(), "alice", k.Hash, clock.Now())
	if diff := cmp.Diff(Usage{Daily: 50, Weekly: 50, Monthly: 50, Total: 120}, u); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
}

// An outcome comes back as it went in, whatever it has; a field added to it and
// not stored fails here.
func TestOutcomeRoundTrip(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	var full record.Outcome
	fill(t, reflect.ValueOf(&full).Elem(), 1)
	full.Usage.Native = jsontext.Value(`{"a":[1,2.50]}`)
	for i := range full.Parts {
		full.Parts[i].Usage.Native, full.Parts[i].Usage.Tools = full.Usage.Native, 0 // tools are charged with the whole
	}
	empty := record.Outcome{ID: "gen-empty", Account: "a"}
	for _, o := range []record.Outcome{full, empty} {
		d.Record(o)
	}
	flush(t, d)
	for _, want := range []record.Outcome{full, empty} {
		got, err := d.Generation(t.Context(), want.Account, want.ID)
		if err != nil {
			t.Fatal(err)
		}
		want.SheetBytes = nil // kept apart
		want.Parts = slices.Clone(want.Parts)
		for i := range want.Parts {
			want.Parts[i].SheetBytes = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if _, err := d.Generation(t.Context(), "other", want.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("GN-01: %v", err)
		}
	}
	sheet, err := d.Sheet(t.Context(), full.Sheet)
	if err != nil || string(sheet) != string(full.SheetBytes) {
		t.Errorf("sheet %q, %v", sheet, err)
	}
	for _, p := range full.Parts {
		if sheet, err := d.Sheet(t.Context(), p.Sheet); err != nil || string(sheet) != string(p.SheetBytes) {
			t.Errorf("sheet of a part: %q, %v", sheet, err)
		}
	}
	if _, err := d.Sheet(t.Context(), "other"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	n := 0
	for o, err := range d.Generations(t.Context()) {
		if err != nil || o.ID == "" {
			t.Error(o, err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d generations", n)
	}
}

// fill gives every field of v another value than its zero.
func fill(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMicro(1_790_000_000_000_000 + int64(n)).UTC()))
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.SetInt(int64(n) * int64(time.Microsecond))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Told" && name != "Spent" && name != "App" { // which are not kept
				fill(t, v.Field(i), n*7+i)
			}
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(t, v.Index(i), n*7+i)
		}
	case v.Kind() == reflect.String:
		v.SetString("s" + strconv.Itoa(n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(n))
	case v.CanUint():
		v.SetUint(uint64(n%250 + 1))
	default:
		t.Fatalf("a %s in an outcome", v.Type())
	}
}

// flush waits until what was recorded before is committed.
func flush(t *testing.T, d *DB) {
	t.Helper()
	if err := d.writer.do(t.Context(), func(*writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// A record and the settlement that follows are one commit: whoever hears of the
// settlement finds the record.
func TestRecordIsThereAfterSettle(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	l := books(t, d, "one", 1)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 25 {
				ref := fmt.Sprintf("g%d-%d", g, i)
				h, err := l.Reserve(context.Background(), alice, ref, 10)
				if err != nil {
					t.Error(err)
					return
				}
				d.Record(record.Outcome{ID: ref, Account: "alice", KeyHash: "k", Charged: 4})
				if err := l.Settle(context.Background(), h, 4); err != nil {
					t.Error(err)
				}
				if _, err := d.read.ReadGeneration(context.Background(), db.ReadGenerationParams{Account: "alice", ID: ref}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	u, err := d.KeyUsages(t.Context(), "alice", time.Now())
	if err != nil || u["k"].Total != 8*25*4 {
		t.Fatalf("%+v, %v", u, err)
	}
	d.Record(record.Outcome{ID: "g0-0", Account: "alice", KeyHash: "k", Charged: 4}) // known
	flush(t, d)
	if u, err := d.KeyUsages(t.Context(), "alice", time.Now()); err != nil || u["k"].Total != 8*25*4 {
		t.Fatalf("a repeated record was counted: %+v, %v", u, err)
	}
}

// Who asks for a record finds it, though nobody has waited for its commit.
func TestRecordIsThereWhenAskedFor(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	for i := range 100 {
		d.Record(record.Outcome{ID: strconv.Itoa(i), Account: "a", CacheSource: "gen-1"})
		if o, err := d.Generation(t.Context(), "a", strconv.Itoa(i)); err != nil || o.CacheSource != "gen-1" {
			t.Fatalf("%d: %+v, %v", i, o, err)
		}
	}
}

// F92: a full queue drops and counts, and never blocks.
func TestRecordNeverBlocks(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	release := occupy(t, d)
	for i := range maxLoose + 10 {
		d.Record(record.Outcome{ID: strconv.Itoa(i), Account: "a"})
	}
	if d.Dropped() != 10 {
		t.Errorf("%d dropped, want 10", d.Dropped())
	}
	release()
	flush(t, d)
	if _, err := d.Generation(t.Context(), "a", strconv.Itoa(maxLoose-1)); err != nil {
		t.Error(err)
	}
}

// The crash test: a child reserves and settles until it is killed in the middle.
// Whatever it was told is in the books, and the books are sound (I16, F79-F81).
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.db")
	told := map[string]bool{} // refs that some child was told to be settled
	for round := range 6 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "SQLSTORE_KILL="+path, "SQLSTORE_ROUND="+strconv.Itoa(round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			ref, ok := strings.CutPrefix(lines.Text(), "settled ")
			if !ok {
				continue
			}
			told[ref] = true
			if n++; n == 40+round*97 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		d, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Serve(); err != nil {
			t.Fatalf("the lock of a killed server: %v", err)
		}
		l := ledger.New(d.Books(), time.Now, "parent"+strconv.Itoa(round))
		swept, err := l.SweepDead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: %d told, %d holds, %d swept", round, len(told), r.Holds, swept)
		if r.Open != 0 || r.Credits != r.Posted+r.Captured {
			t.Fatalf("report %+v", r)
		}
		captured := map[string]bool{}
		err = d.Books().Audit(t.Context(), func(s ledger.Snapshot) error {
			for h, err := range s.Holds() {
				if err != nil {
					return err
				}
				captured[h.Ref] = h.State == ledger.Captured
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for ref := range told {
			if !captured[ref] {
				t.Fatalf("%s was told to be settled and is not", ref)
			}
			if _, err := d.Generation(t.Context(), "alice", ref); err != nil {
				t.Fatalf("record of %s: %v", ref, err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMain is also the child of TestKill.
func TestMain(m *testing.M) {
	path := os.Getenv("SQLSTORE_KILL")
	if path == "" {
		os.Exit(m.Run())
	}
	if err := untilKilled(path, os.Getenv("SQLSTORE_ROUND")); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// untilKilled reserves and settles, and tells what it settled. It has no good end.
func untilKilled(path, round string) error {
	ctx := context.Background()
	d, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	if err := d.Serve(); err != nil {
		return err
	}
	l := ledger.New(d.Books(), time.Now, "child"+round)
	if err := errors.Join(l.Open(ctx, alice), l.TopUp(ctx, alice, "round"+round, 1000*money.USD)); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				ref := fmt.Sprintf("r%s-%d-%d", round, g, i)
				h, err := l.Reserve(ctx, alice, ref, 100, ledger.Limit{Scope: "key:" + round, Max: money.USD})
				if err == nil {
					h, err = l.Grow(ctx, h, 50)
				}
				d.Record(record.Outcome{ID: ref, Account: "alice", KeyHash: "k", Charged: 120})
				if err == nil {
					err = l.Settle(ctx, h, 120)
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				if _, err := fmt.Printf("settled %s\n", ref); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// A record that no settlement follows is kept soon all the same.
func TestLooseRecordIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, err := Open(context.Background(), ":memory:", Options{})
		if err != nil {
			t.Fatal(err)
		}
		d.Record(record.Outcome{ID: "g", Account: "a"})
		time.Sleep(2 * looseDelay) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		var n int
		if err := d.pool.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM generations").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d generations, %v", n, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// sample is a usual outcome.
func sample() record.Outcome {
	began := time.Date(2026, time.November, 24, 9, 30, 0, 0, time.UTC)
	return record.Outcome{
		ID: "gen-1", Requested: "openai/gpt-4o-mini", Model: "openai/gpt-4o-mini", Endpoint: "openai/gpt-4o-mini@openai",
		ProviderSlug: "openai", ProviderName: "OpenAI", UpstreamID: "chatcmpl-123", Dialect: "chat", Streamed: true,
		Finish:  llm.FinishReason{Unified: "stop", Native: "stop"},
		Usage:   llm.Usage{Input: 1200, Output: 300, Cost: 3_000_000, PromptCost: 1_000_000, Upstream: 3_000_000},
		Tried:   []record.Try{{Endpoint: "openai/gpt-4o-mini@openai", ProviderSlug: "openai", ProviderName: "OpenAI", KeyLabel: "team-a", Model: "openai/gpt-4o-mini", Status: 200, Latency: 350 * time.Millisecond}},
		Held:    5_000_000,
		Charged: 3_000_000, Sheet: "0123456789abcdef", SheetBytes: []byte(`{"prompt":"0.00000015"}`),
		Began: began, FirstContent: began.Add(400 * time.Millisecond), Ended: began.Add(2 * time.Second),
		UserAgent: "openai-python/2.9.0",
	}
}
