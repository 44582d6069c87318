package sqlstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// told are the records of a query as lines.
func told(t *testing.T, d *DB, q trail.Query) (out []string) {
	t.Helper()
	for r, err := range d.Trail().Records(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(r.Text))
	}
	return out
}

func verified(t *testing.T, d *DB) *trail.Verifier {
	t.Helper()
	var v trail.Verifier
	if err := d.Trail().Verify(t.Context(), &v); err != nil {
		t.Fatal(err)
	}
	return &v
}

// raw changes the database behind the store's back, the triggers out of the way.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	pool, err := sql.Open("sqlite", uri(path))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, s := range statements {
		if _, err := pool.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func disarm() []string {
	return []string{
		"DROP TRIGGER IF EXISTS audit_log_is_not_changed", "DROP TRIGGER IF EXISTS audit_log_is_not_deleted",
		"DROP TRIGGER IF EXISTS audit_heads_only_grow", "DROP TRIGGER IF EXISTS audit_heads_are_not_deleted",
	}
}

// Every change of an account is on record with who made it, and only those that were made.
func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 2, 3, 4, 5, 6000, time.UTC)
	now := func() time.Time { return at }
	d := open(t, Options{Now: now})
	by := trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: "hash", Label: "sk-tp-v1-abc...123"}, Remote: "192.0.2.1"}
	ctx := trail.As(t.Context(), by)
	keys, err := identity.New(ctx, d.Keys(), now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	books := ledger.New(d.Books(), now, "test")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = keys.CreateAccount(ctx, "acme", "Acme")
	must(err)
	must(books.Open(ctx, ledger.Customer("acme")))
	must(books.TopUp(ctx, ledger.Customer("acme"), "invoice-1", 5*money.USD))
	must(books.TopUp(ctx, ledger.Customer("acme"), "invoice-1", 5*money.USD)) // once only
	must(books.Adjust(ctx, ledger.Customer("acme"), "chargeback-1", -money.USD))
	plain, key, err := keys.CreateKey(t.Context(), "acme", identity.NewKey{Name: "first"})
	must(err)
	limit, off := 2*money.USD, true
	bound := &limit
	_, err = keys.UpdateKey(ctx, "acme", key.Hash, identity.Change{Limit: &bound, Disabled: &off})
	must(err)
	must(keys.DeleteKey(ctx, "acme", key.Hash))

	// What was not done is not on record.
	if _, err := keys.CreateAccount(ctx, "acme", "Again"); !errors.Is(err, identity.ErrExists) {
		t.Error(err)
	}
	if _, _, err := keys.CreateKey(ctx, "nobody", identity.NewKey{Name: "x"}); !errors.Is(err, identity.ErrNotFound) {
		t.Error(err)
	}
	if _, err := keys.UpdateKey(ctx, "acme", key.Hash, identity.Change{Disabled: &off}); !errors.Is(err, identity.ErrNotFound) {
		t.Error(err)
	}
	if err := keys.DeleteKey(ctx, "acme", key.Hash); !errors.Is(err, identity.ErrNotFound) {
		t.Error(err)
	}

	var got []string
	for _, line := range told(t, d, trail.Query{Account: "acme"}) {
		if strings.Contains(line, plain) {
			t.Errorf("a key in plain: %s", line)
		}
		line, _, _ = strings.Cut(line, `,"prev":`)
		line = strings.NewReplacer(key.Hash, "HASH", key.Label, "LABEL", identity.Workspace("acme"), "WORKSPACE").Replace(line)
		got = append(got, line)
	}
	const head = `"at":"2027-01-02T03:04:05.000006Z","account":"acme",`
	const who = `"actor":{"kind":"key","key":"hash","label":"sk-tp-v1-abc...123"},"remote":"192.0.2.1",`
	want := []string{
		`{"seq":2,` + head + `"action":"account.create",` + who + `"object":"acme","detail":{"name":{"after":"Acme"},"workspace_id":{"after":"WORKSPACE"}}`,
		`{"seq":3,` + head + `"action":"credits.add",` + who + `"object":"invoice-1","detail":{"amount":{"after":"5"}}`,
		`{"seq":4,` + head + `"action":"credits.adjust",` + who + `"object":"chargeback-1","detail":{"amount":{"after":"-1"}}`,
		`{"seq":5,` + head + `"action":"key.create","actor":{"kind":"system"},"object":"HASH","detail":{"disabled":{"after":"false"},"include_byok_in_limit":{"after":"false"},"label":{"after":"LABEL"},"management":{"after":"false"},"name":{"after":"first"},"workspace_id":{"after":"WORKSPACE"}}`,
		`{"seq":6,` + head + `"action":"key.update",` + who + `"object":"HASH","detail":{"disabled":{"before":"false","after":"true"},"limit":{"after":"2"}}`,
		`{"seq":7,` + head + `"action":"key.delete",` + who + `"object":"HASH","detail":{"disabled":{"before":"true"},"include_byok_in_limit":{"before":"false"},"label":{"before":"LABEL"},"limit":{"before":"2"},"management":{"before":"false"},"name":{"before":"first"},"workspace_id":{"before":"WORKSPACE"}}`,
	}
	if !strings.HasPrefix(got[0], `{"seq":1,`+head+`"action":"audit.begin","actor":{"kind":"system"},"object":"`) {
		t.Error(got[0])
	}
	if diff := cmp.Diff(want, got[1:]); diff != "" {
		t.Error(diff)
	}
	if v := verified(t, d); v.Count() != 7 {
		t.Errorf("%d", v.Count())
	}
}

// A change that cannot be audited is not made (F92).
func TestNoChangeWithoutARecord(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	keys, err := identity.New(t.Context(), d.Keys(), time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.CreateAccount(t.Context(), "acme", "Acme"); err != nil {
		t.Fatal(err)
	}
	books := ledger.New(d.Books(), time.Now, "test")
	if err := books.Open(t.Context(), ledger.Customer("acme")); err != nil {
		t.Fatal(err)
	}
	_, key, err := keys.CreateKey(t.Context(), "acme", identity.NewKey{Name: "there"})
	if err != nil {
		t.Fatal(err)
	}
	raw(t, path, "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no room'); END")
	on := true
	for what, change := range map[string]func() error{
		"account": func() error { _, err := keys.CreateAccount(t.Context(), "blue", "Blue"); return err },
		"create": func() error {
			_, _, err := keys.CreateKey(t.Context(), "acme", identity.NewKey{Name: "new"})
			return err
		},
		"update": func() error {
			_, err := keys.UpdateKey(t.Context(), "acme", key.Hash, identity.Change{Disabled: &on})
			return err
		},
		"delete":  func() error { return keys.DeleteKey(t.Context(), "acme", key.Hash) },
		"credits": func() error { return books.TopUp(t.Context(), ledger.Customer("acme"), "ref", money.USD) },
	} {
		if err := change(); err == nil {
			t.Errorf("%s: it was done", what)
		}
	}
	accounts, err := keys.Accounts(t.Context())
	if err != nil || len(accounts) != 1 {
		t.Errorf("%v, %v", accounts, err)
	}
	all, err := keys.Keys(t.Context(), "acme", identity.Page{IncludeDisabled: true})
	if err != nil || len(all) != 1 || all[0].Disabled {
		t.Errorf("%v, %v", all, err)
	}
	if b, err := books.Balance(t.Context(), ledger.Customer("acme")); err != nil || b.Posted != 0 {
		t.Errorf("%v, %v", b, err)
	}
	raw(t, path, "DROP TRIGGER full")
	if err := keys.DeleteKey(t.Context(), "acme", key.Hash); err != nil {
		t.Error(err)
	}
	verified(t, d)
}

// The chain stays one when several processes write to it at once.
func TestSeveralWriteToTheTrail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	const processes, workers, each = 2, 4, 25
	var all sync.WaitGroup
	var one *DB
	for p := range processes {
		d, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		one = d
		for w := range workers {
			all.Go(func() {
				for i := range each {
					e := trail.Event{Action: trail.Refusal, Account: []string{"", "acme"}[i%2], Object: fmt.Sprintf("%d/%d/%d", p, w, i)}
					if err := d.Trail().Append(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	v := verified(t, one)
	if want := int64(processes*workers*each + 2); v.Count() != want {
		t.Errorf("%d records, want %d", v.Count(), want)
	}
}

func TestQueriesOfTheTrail(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	at := func(n int) time.Time { return time.Unix(1_800_000_000+int64(n), 0).UTC() }
	for i := range 600 { // more than a page
		e := trail.Event{At: at(i), Account: []string{"acme", "blue"}[i%2], Action: []trail.Action{trail.KeyCreate, trail.Refusal}[i/2%2], Object: strconv.Itoa(i)}
		if err := d.Trail().Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	late := trail.Event{At: at(10), Account: "acme", Action: trail.Refusal, Object: "late"} // written after what came later
	if err := d.Trail().Append(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		q trail.Query
		n int
	}{
		"all":      {trail.Query{All: true}, 603},
		"one":      {trail.Query{Account: "acme"}, 302},
		"none":     {trail.Query{Account: "nobody"}, 0},
		"operator": {trail.Query{}, 0},
		"limit":    {trail.Query{Account: "acme", Limit: 7}, 7},
		"after":    {trail.Query{Account: "acme", After: 300}, 2},
		"since":    {trail.Query{Account: "acme", Since: at(590)}, 6}, // and the late one: a stretch has no gaps
		"until":    {trail.Query{Account: "blue", Until: at(11)}, 6},
		"between":  {trail.Query{Account: "blue", Since: at(3), Until: at(8)}, 3},
		"never":    {trail.Query{Account: "blue", Since: at(5000)}, 0},
		"action":   {trail.Query{Account: "blue", Action: trail.KeyCreate}, 150},
		"actions":  {trail.Query{Account: "blue", Action: "audit."}, 1},
		"all late": {trail.Query{All: true, Since: at(598)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := told(t, d, c.q); len(got) != c.n {
				t.Errorf("%d records, want %d", len(got), c.n)
			}
		})
	}
}

// S35 in the database itself: what is there is refused any change, and if somebody gets
// around that, it is found.
func TestS35TamperingWithTheDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	d, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	const n = 12
	for i := range n {
		e := trail.Event{Account: []string{"acme", "blue"}[i%2], Action: trail.Refusal, Object: strconv.Itoa(i)}
		if err := d.Trail().Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	total := verified(t, d).Count()
	for _, s := range []string{"UPDATE audit_log SET at = 1", "DELETE FROM audit_log WHERE number = 3", "DELETE FROM audit_heads", "UPDATE audit_heads SET number = 1"} {
		if err := d.writer.do(t.Context(), func(w *writer) error { _, err := w.exec(s); return err }); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", s, err)
		}
	}
	raw(t, path, disarm()...)
	pool, err := sql.Open("sqlite", uri(path))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	random := mrand.New(mrand.NewPCG(35, 2))
	for trial := range 1000 {
		row, other := 1+random.Int64N(total), 1+random.Int64N(total-1)
		if other >= row {
			other++
		}
		column := []string{"account", "seq", "at", "action", "text", "hash", "link"}[random.IntN(7)]
		how := []string{
			fmt.Sprintf("UPDATE audit_log SET %s = 0 WHERE number = %d", column, row),
			fmt.Sprintf("UPDATE audit_log SET text = CAST(REPLACE(CAST(text AS TEXT), '%c', '#') AS BLOB) WHERE number = %d", `2e"a:`[random.IntN(5)], row),
			fmt.Sprintf("DELETE FROM audit_log WHERE number = %d", row),
			fmt.Sprintf("DELETE FROM audit_log WHERE number >= %d", row),
			"DELETE FROM audit_log WHERE account = 'blue'",
			fmt.Sprintf("UPDATE audit_log SET number = %d WHERE number = %d", total+1+random.Int64N(9), row),
			fmt.Sprintf("UPDATE audit_log SET (text, hash) = (SELECT text, hash FROM audit_log WHERE number = %d) WHERE number = %d", other, row),
			fmt.Sprintf("INSERT INTO audit_log SELECT %d, 'eve', seq, at, action, text, hash, link FROM audit_log WHERE number = %d", total+1, row),
			"DELETE FROM audit_heads WHERE account = 'acme'",
			fmt.Sprintf("UPDATE audit_heads SET hash = x'00' WHERE account = '%s'", []string{"acme", "blue", "*"}[random.IntN(3)]),
		}[random.IntN(10)]
		tampered(t, pool, d, trial, how)
	}
	verified(t, d)
}

// tampered does a statement, wants the log to be found broken, and undoes it.
func tampered(t *testing.T, pool *sql.DB, d *DB, trial int, how string) {
	t.Helper()
	run := func(s string) {
		if _, err := pool.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if trial == 0 {
		run("CREATE TABLE kept_log AS SELECT * FROM audit_log")
		run("CREATE TABLE kept_heads AS SELECT * FROM audit_heads")
	}
	run(how)
	var v trail.Verifier
	if err := d.Trail().Verify(t.Context(), &v); err == nil {
		t.Fatalf("trial %d: %s was not found", trial, how)
	}
	run("DELETE FROM audit_log")
	run("DELETE FROM audit_heads")
	run("INSERT INTO audit_log SELECT * FROM kept_log")
	run("INSERT INTO audit_heads SELECT * FROM kept_heads")
}

// A log that was written anew from the first record to the last is in order in itself:
// a head that was kept elsewhere tells.
func TestKeptHead(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	for i := range 3 {
		if err := d.Trail().Append(t.Context(), trail.Event{Action: trail.PolicyLoad, Policy: strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := d.Trail().Whole(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := d.Trail().Head(t.Context(), "")
	if err != nil || own.Number != 4 {
		t.Fatal(own, err)
	}
	for _, c := range []struct {
		kept  trail.Hash
		there bool
	}{{whole.Hash, true}, {own.Hash, true}, {sha256.Sum256(nil), false}} {
		v := trail.Verifier{Kept: c.kept}
		if err := d.Trail().Verify(t.Context(), &v); (err == nil) != c.there {
			t.Errorf("%s: %v", c.kept, err)
		}
	}
	// What is exported verifies elsewhere.
	var lines [][]byte
	for r, err := range d.Trail().Records(t.Context(), trail.Query{All: true}) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, r.Line(true))
	}
	v := trail.Verifier{Kept: whole.Hash}
	if err := v.Read(bytes.NewReader(slices.Concat(lines...))); err != nil || v.Count() != 4 {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Trail().Append(ctx, trail.Event{Action: trail.PolicyLoad}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
