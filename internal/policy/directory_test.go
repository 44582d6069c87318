package policy_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger/ledgertest"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// flaky is a store that counts, and can be down.
type flaky struct {
	policy.Store
	looks, reads, begun atomic.Int64
	down                atomic.Bool
	before              func() // a commit
}

var errDown = errors.New("store is down")

func (f *flaky) Revision(ctx context.Context, account string) (int64, error) {
	f.looks.Add(1)
	if f.down.Load() {
		return 0, errDown
	}
	return f.Store.Revision(ctx, account)
}

func (f *flaky) Policy(ctx context.Context, account string) (policy.Stored, error) {
	f.reads.Add(1)
	if f.down.Load() {
		return policy.Stored{}, errDown
	}
	return f.Store.Policy(ctx, account)
}

func (f *flaky) Begin(ctx context.Context, account string, counts []policy.Count, at time.Time) error {
	f.begun.Add(int64(len(counts)))
	if f.down.Load() {
		return errDown
	}
	return f.Store.Begin(ctx, account, counts, at)
}

func (f *flaky) Commit(ctx context.Context, account string, revision int64, changes []policy.Change, at time.Time) error {
	if f.before != nil {
		f.before()
	}
	return f.Store.Commit(ctx, account, revision, changes, at)
}

type fixture struct {
	*policy.Directory
	other *policy.Directory // of another process
	store *flaky
	keys  *identity.Directory
	db    *sqlstore.DB
	clock *ledgertest.Clock
}

func directory(t testing.TB) fixture {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f := fixture{store: &flaky{Store: db.Policies()}, clock: ledgertest.NewClock(), db: db}
	f.Directory = policy.NewDirectory(f.store, f.clock.Now, rand.Reader)
	f.other = policy.NewDirectory(db.Policies(), f.clock.Now, rand.Reader)
	if f.keys, err = identity.New(t.Context(), db.Keys(), f.clock.Now, rand.Reader); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"alice", "bob"} {
		if _, err := f.keys.CreateAccount(t.Context(), id, "Name of "+id); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func who() identity.Principal {
	return identity.Principal{Account: "alice", Workspace: identity.Workspace("alice"), KeyHash: "k1", Creator: "carol"}
}

func (f fixture) rules(t *testing.T, p identity.Principal) policy.Rules {
	t.Helper()
	r, err := f.Rules(t.Context(), p, f.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ignores(provider string) func(*policy.Settings) error {
	return func(s *policy.Settings) error {
		s.IgnoredProviders = []string{provider}
		return nil
	}
}

// In the steady state nothing is read; a change of this process holds at once, that of
// another within five seconds.
func TestFreshness(t *testing.T) {
	t.Parallel()
	f := directory(t)
	has := func(p policy.Rules, provider string) bool {
		return slices.ContainsFunc(p.Levels, func(l policy.Level) bool { return slices.Contains(l.IgnoredProviders, provider) })
	}
	for range 100 {
		if r := f.rules(t, who()); len(r.Levels) != 0 || r.Version != "" {
			t.Fatalf("%+v", r)
		}
	}
	if looks, reads := f.store.looks.Load(), f.store.reads.Load(); looks != 1 || reads != 1 {
		t.Errorf("%d looks and %d reads, want one of each", looks, reads)
	}
	if _, err := f.SetPrivacy(t.Context(), "alice", ignores("a")); err != nil {
		t.Fatal(err)
	}
	if r := f.rules(t, who()); !has(r, "a") || r.Version != "1" {
		t.Errorf("a change made here is not seen at once: %+v", r)
	}
	if _, err := f.other.SetPrivacy(t.Context(), "alice", ignores("b")); err != nil {
		t.Fatal(err)
	}
	f.clock.Advance(4900 * time.Millisecond)
	before := f.store.reads.Load()
	f.rules(t, who())
	f.clock.Advance(200 * time.Millisecond)
	if r := f.rules(t, who()); !has(r, "b") || r.Version != "2" {
		t.Errorf("a change made elsewhere is not seen after five seconds: %+v", r)
	}
	f.clock.Advance(6 * time.Second)
	f.rules(t, who())
	if n := f.store.reads.Load() - before; n != 1 {
		t.Errorf("%d reads, want one for one change", n)
	}
}

// F98: the last known policy is believed for five minutes, and after that none.
func TestF98StoreAway(t *testing.T) {
	t.Parallel()
	f := directory(t)
	if _, err := f.SetPrivacy(t.Context(), "alice", ignores("a")); err != nil {
		t.Fatal(err)
	}
	f.rules(t, who())
	f.store.down.Store(true)
	f.clock.Advance(4*time.Minute + 59*time.Second)
	if r := f.rules(t, who()); len(r.Levels) != 1 {
		t.Errorf("%+v", r)
	}
	f.clock.Advance(2 * time.Second)
	if r, err := f.Rules(t.Context(), who(), f.clock.Now()); err == nil {
		t.Errorf("after five minutes: %+v", r)
	}
	stranger := who()
	stranger.Account, stranger.Workspace = "bob", identity.Workspace("bob")
	if r, err := f.Rules(t.Context(), stranger, f.clock.Now()); err == nil {
		t.Errorf("never known: %+v", r)
	}
	f.store.down.Store(false)
	f.rules(t, who())
	f.store.down.Store(true)
	f.clock.Advance(-time.Hour) // a clock that is set back makes nothing fresh
	if r, err := f.Rules(t.Context(), who(), f.clock.Now()); err == nil {
		t.Errorf("%+v", r)
	}
}

// What was changed here is not believed any more, though the store is away after it.
func TestChangedIsNotBelieved(t *testing.T) {
	t.Parallel()
	f := directory(t)
	f.rules(t, who())
	if _, err := f.SetPrivacy(t.Context(), "alice", ignores("a")); err != nil {
		t.Fatal(err)
	}
	f.store.down.Store(true)
	if r, err := f.Rules(t.Context(), who(), f.clock.Now()); err == nil {
		t.Errorf("%+v", r)
	}
}

// GR-01, GR-02: who is under which guardrail.
func TestWhoIsUnderWhat(t *testing.T) {
	t.Parallel()
	f := directory(t)
	ctx := t.Context()
	guardrail := func(name string) policy.Guardrail {
		g := policy.Guardrail{Name: name}
		g.IgnoredProviders = []string{name}
		g, err := f.CreateGuardrail(ctx, "alice", g)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	levels := func(p identity.Principal) (out []string) {
		for _, l := range f.rules(t, p).Levels {
			out = append(out, string(l.Kind)+" "+l.Name)
		}
		return out
	}
	one, two := guardrail("one"), guardrail("two")
	if got := levels(who()); got != nil {
		t.Errorf("assigned to nobody: %v", got)
	}
	assign := func(g policy.Guardrail, kind string, subjects ...string) {
		t.Helper()
		if n, err := f.Assign(ctx, "alice", g.ID, kind, subjects, "admin"); err != nil || n != len(subjects) {
			t.Fatal(n, err)
		}
	}
	assign(one, policy.KindKey, "k1", "k2")
	assign(one, policy.KindMember, "carol")
	assign(two, policy.KindKey, "k1") // in the other's place
	home := identity.Workspace("alice")
	if _, err := f.UpdateGuardrail(ctx, "alice", policy.DefaultGuardrail(home), func(g *policy.Guardrail) error {
		g.IgnoredProviders = []string{"d"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	defaultName := "Workspace " + home + " Default"
	if d := cmp.Diff([]string{"workspace " + defaultName, "member one", "key two"}, levels(who())); d != "" {
		t.Error(d)
	}
	other := who()
	other.KeyHash, other.Creator = "k2", ""
	if d := cmp.Diff([]string{"workspace " + defaultName, "key one"}, levels(other)); d != "" {
		t.Error(d)
	}
	// Another workspace has another default.
	w, err := f.CreateWorkspace(ctx, "alice", policy.Workspace{Name: "Lab", Slug: "lab", Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	other.Workspace = w.ID
	if d := cmp.Diff([]string{"key one"}, levels(other)); d != "" {
		t.Error(d)
	}
	if n, err := f.Unassign(ctx, "alice", one.ID, policy.KindKey, []string{"k1", "k2", "k9"}); n != 1 || err != nil {
		t.Errorf("%d %v: of these it is k2's alone", n, err)
	}
	if err := f.DeleteGuardrail(ctx, "alice", two.ID); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"workspace " + defaultName, "member one"}, levels(who())); d != "" {
		t.Error(d)
	}
	// S21: nobody else has it.
	if _, err := f.UpdateGuardrail(ctx, "bob", one.ID, func(*policy.Guardrail) error { return nil }); !errors.Is(err, policy.ErrNotFound) {
		t.Error(err)
	}
	if err := f.DeleteGuardrail(ctx, "bob", one.ID); !errors.Is(err, policy.ErrNotFound) {
		t.Error(err)
	}
	if _, err := f.Assign(ctx, "bob", one.ID, policy.KindKey, []string{"k1"}, ""); !errors.Is(err, policy.ErrNotFound) {
		t.Error(err)
	}
}

// All that a guardrail, a workspace and the settings say reaches the rules.
func TestRulesOfAll(t *testing.T) {
	t.Parallel()
	f := directory(t)
	ctx := t.Context()
	if _, err := f.SetPrivacy(ctx, "alice", func(s *policy.Settings) error {
		s.EnforceOpenAI, s.PaidTraining, s.FreePublication = new(true), new(false), new(false)
		s.Class, s.NoLogging, s.Allowed = "pii", true, []string{"ignore the weather"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	g := policy.Guardrail{Name: "g", Class: "phi"}
	g.Limit, g.Reset = new(5*money.USD), identity.Weekly
	g.AllowedModels, g.Regions, g.EnforceZDR = []string{"a/b"}, []string{"eu"}, new(true)
	g.Switches.Copied(func(field string) bool { return field == "enforce_zdr_xai" })
	g.Builtins = []policy.Filter{{Slug: filter.Email, Action: filter.Redact, Reversible: true}}
	g.ContentFilters = []policy.Filter{{Pattern: "x+", Action: filter.Block, Label: "X"}}
	g, err := f.CreateGuardrail(ctx, "alice", g)
	if err != nil {
		t.Fatal(err)
	}
	for kind, subject := range map[string]string{policy.KindKey: "k1", policy.KindMember: "carol"} {
		if _, err := f.Assign(ctx, "alice", g.ID, kind, []string{subject}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.UpdateWorkspace(ctx, "alice", "default", func(w *policy.Workspace, _ time.Time) error {
		w.Sort, w.Logs, w.Rate, w.LogKeys = llm.SortLatency, true, 0.5, []string{strings.Repeat("a", 64)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for reset, limit := range map[identity.Reset]money.Nano{identity.Never: 100, identity.Daily: 10} {
		if _, err := f.SetBudget(ctx, "alice", "default", policy.WorkspaceBudget{Reset: reset, Limit: limit * money.USD}, nil); err != nil {
			t.Fatal(err)
		}
	}
	p := who()
	p.DataClass = "internal"
	terms := policy.Terms{ZDR: policy.AllGroups &^ policy.XAI, AllowedModels: []string{"a/b"}, Regions: []string{"eu"}}
	home := identity.Workspace("alice")
	day := f.clock.Now().Format("2006-01-02")
	year, n := f.clock.Now().ISOWeek()
	week := fmt.Sprintf("%04d-W%02d", year, n)
	spend := func(scope string, most money.Nano, source policy.Source, id, name string, reset identity.Reset) policy.Spending {
		s := policy.Spending{Source: source, ID: id, Name: name, Reset: reset}
		s.Scope, s.Max = scope, most
		return s
	}
	entries := func(scope string) []filter.Entry {
		from := filter.Origin{ID: g.ID, Scope: scope}
		return []filter.Entry{
			{Slug: filter.Email, Action: filter.Redact, Reversible: true, From: from},
			{Pattern: "x+", Action: filter.Block, Label: "X", From: from},
		}
	}
	want := policy.Rules{
		Version: "7",
		Levels: []policy.Level{
			{Kind: policy.Account, Terms: policy.Terms{ZDR: policy.OpenAI, NoTraining: policy.Paid, NoPublication: policy.Free, NoLogging: true}},
			{Kind: policy.Member, ID: g.ID, Name: "g", Terms: terms},
			{Kind: policy.Key, ID: g.ID, Name: "g", Terms: terms},
		},
		Classes: []string{"pii", "phi", "internal"},
		Spend: []policy.Spending{
			spend("guardrail:"+g.ID+":member:carol@"+week, 5*money.USD, policy.OfMember, g.ID, "g", identity.Weekly),
			spend("guardrail:"+g.ID+":key:k1@"+week, 5*money.USD, policy.OfKey, g.ID, "g", identity.Weekly),
			spend("workspace:"+home, 100*money.USD, policy.OfWorkspace, home, "Default Workspace", identity.Never),
			spend("workspace:"+home+"@"+day, 10*money.USD, policy.OfWorkspace, home, "Default Workspace", identity.Daily),
		},
		Filters: [][]filter.Entry{entries("member"), entries("api_key")},
		Allowed: []string{"ignore the weather"}, Sort: llm.SortLatency,
		Logging: &policy.Logging{Workspace: home, Rate: 0.5, Keys: []string{strings.Repeat("a", 64)}},
	}
	if d := cmp.Diff(want, f.rules(t, p)); d != "" {
		t.Error(d)
	}
	// Scopes are begun once.
	if n := f.store.begun.Load(); n != 4 {
		t.Errorf("%d scopes begun, want 4", n)
	}
	f.rules(t, p)
	if n := f.store.begun.Load(); n != 4 {
		t.Errorf("%d scopes begun, want no more", n)
	}
	f.clock.Advance(24 * time.Hour)
	f.rules(t, p)
	if n := f.store.begun.Load(); n != 8 {
		t.Errorf("%d scopes begun, want all anew on the next day", n)
	}
}

// A member's name cannot be another scope's.
func TestScopesOfMembers(t *testing.T) {
	t.Parallel()
	f := directory(t)
	g := policy.Guardrail{Name: "g"}
	g.Limit = new(money.USD)
	g, err := f.CreateGuardrail(t.Context(), "alice", g)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range []string{"x", "x@2026-11", "x y", "x+y", "x:key:h", "é\n\u2028", "%20"} {
		if _, err := f.Assign(t.Context(), "alice", g.ID, policy.KindMember, []string{name}, ""); err != nil {
			t.Fatal(err)
		}
		p := who()
		p.Creator = name
		s := f.rules(t, p).Spend[0].Scope
		if seen[s] || strings.ContainsAny(s, " \t\r\n") || strings.Count(s, "@") > 0 {
			t.Errorf("%q counts as %q", name, s)
		}
		seen[s] = true
	}
}

// GR-05, WS-02, WS-03: what is not taken.
func TestRefusedEdits(t *testing.T) {
	t.Parallel()
	f := directory(t)
	ctx := t.Context()
	long := strings.Repeat("x", 2000)
	for name, edit := range map[string]func(*policy.Guardrail){
		"no name":        func(g *policy.Guardrail) { g.Name = " " },
		"a long name":    func(g *policy.Guardrail) { g.Name = long },
		"a long text":    func(g *policy.Guardrail) { g.Description = long },
		"a negative sum": func(g *policy.Guardrail) { g.Limit = new(money.Nano(-1)) },
		"an empty list":  func(g *policy.Guardrail) { g.AllowedModels = []string{} },
		"an empty name":  func(g *policy.Guardrail) { g.IgnoredProviders = []string{""} },
		"a long list":    func(g *policy.Guardrail) { g.AllowedProviders = slices.Repeat([]string{"a"}, 501) },
		"lookahead": func(g *policy.Guardrail) {
			g.ContentFilters = []policy.Filter{{Pattern: "(?=x)", Action: filter.Block}}
		},
		"no action": func(g *policy.Guardrail) { g.ContentFilters = []policy.Filter{{Pattern: "x"}} },
		"a slug there": func(g *policy.Guardrail) {
			g.ContentFilters = []policy.Filter{{Slug: filter.Email, Action: filter.Block}}
		},
		"a pattern here": func(g *policy.Guardrail) { g.Builtins = []policy.Filter{{Pattern: "x", Action: filter.Block}} },
		"no workspace":   func(g *policy.Guardrail) { g.Workspace = identity.Workspace("bob") },
	} {
		g := policy.Guardrail{Name: "g"}
		edit(&g)
		if _, err := f.CreateGuardrail(ctx, "alice", g); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, w := range map[string]policy.Workspace{
		"no name":       {Slug: "a", Rate: 1},
		"no slug":       {Name: "a", Rate: 1},
		"capitals":      {Name: "a", Slug: "A", Rate: 1},
		"two hyphens":   {Name: "a", Slug: "a--b", Rate: 1},
		"a hyphen last": {Name: "a", Slug: "a-", Rate: 1},
		"a long slug":   {Name: "a", Slug: strings.Repeat("a", 51), Rate: 1},
		"a taken slug":  {Name: "a", Slug: "default", Rate: 1},
		"no rate":       {Name: "a", Slug: "a"},
		"a sort":        {Name: "a", Slug: "a", Rate: 1, Sort: "best"},
	} {
		if _, err := f.CreateWorkspace(ctx, "alice", w); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	set := func(reset identity.Reset, limit money.Nano) error {
		_, err := f.SetBudget(ctx, "alice", "default", policy.WorkspaceBudget{Reset: reset, Limit: limit}, nil)
		return err
	}
	for _, c := range []struct {
		reset identity.Reset
		limit money.Nano
		ok    bool
	}{
		{identity.Monthly, 0, false},
		{identity.Monthly, 100, true},
		{identity.Daily, 100, false},
		{identity.Daily, 50, true},
		{identity.Weekly, 50, false},
		{identity.Weekly, 51, true},
		{identity.Never, 100, false},
		{identity.Never, 101, true},
		{identity.Monthly, 51, false},
	} {
		if err := set(c.reset, c.limit); (err == nil) != c.ok || err != nil && !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Of two who change the same account at once both are heard.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	f := directory(t)
	once := sync.Once{}
	f.store.before = func() {
		once.Do(func() {
			if _, err := f.other.SetPrivacy(context.Background(), "alice", func(s *policy.Settings) error {
				s.NoCache = true
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := f.SetPrivacy(t.Context(), "alice", ignores("a")); err != nil {
		t.Fatal(err)
	}
	b, err := f.Book(t.Context(), "alice")
	if err != nil || !b.Privacy.NoCache || !slices.Equal(b.Privacy.IgnoredProviders, []string{"a"}) || b.Privacy.Version != 2 || b.Revision != 2 {
		t.Errorf("%+v %v", b.Privacy, err)
	}
	f.store.before = func() {
		if _, err := f.other.CreateWorkspace(context.Background(), "alice", policy.Workspace{Name: "x", Slug: "x" + strings.ToLower(rand.Text()), Rate: 1}); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.SetPrivacy(t.Context(), "alice", ignores("b")); !errors.Is(err, policy.ErrBusy) {
		t.Error(err)
	}
}

// WS-06: keys hold their workspace, and a key cannot slip into one that goes.
func TestWorkspaceWithKeysStays(t *testing.T) {
	t.Parallel()
	f := directory(t)
	ctx := t.Context()
	w, err := f.CreateWorkspace(ctx, "alice", policy.Workspace{Name: "Lab", Slug: "lab", Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, k, err := f.keys.CreateKey(ctx, "alice", identity.NewKey{Name: "k", Workspace: w.ID})
	if err != nil || k.Workspace != w.ID {
		t.Fatal(k, err)
	}
	if _, _, err := f.keys.CreateKey(ctx, "bob", identity.NewKey{Name: "k", Workspace: w.ID}); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("another account's workspace: %v", err)
	}
	g, err := f.CreateGuardrail(ctx, "alice", policy.Guardrail{Name: "g", Workspace: w.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Assign(ctx, "alice", g.ID, policy.KindKey, []string{k.Hash}, ""); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteWorkspace(ctx, "alice", "lab"); !errors.Is(err, policy.ErrInUse) {
		t.Errorf("%v", err)
	}
	if err := f.DeleteWorkspace(ctx, "alice", "default"); !errors.Is(err, policy.ErrForbidden) {
		t.Errorf("%v", err)
	}
	if err := f.keys.DeleteKey(ctx, "alice", k.Hash); err != nil {
		t.Fatal(err)
	}
	if b, err := f.Book(ctx, "alice"); err != nil || len(b.Keys) != 0 {
		t.Errorf("%v %v: a key that is gone has no guardrail", b.Keys, err)
	}
	if err := f.DeleteWorkspace(ctx, "alice", "lab"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.keys.CreateKey(ctx, "alice", identity.NewKey{Name: "k", Workspace: w.ID}); !errors.Is(err, identity.ErrInvalid) {
		t.Errorf("a workspace that is gone: %v", err)
	}
	if b, err := f.Book(ctx, "alice"); err != nil || len(b.Workspaces) != 1 || len(b.Guardrails) != 1 {
		t.Errorf("%+v %v: its guardrails go with it", b, err)
	}
}

// Every change is on record: what held at any revision can be looked up, and who changed it.
func TestVersions(t *testing.T) {
	t.Parallel()
	f := directory(t)
	ctx := trail.As(t.Context(), trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: "m1"}})
	g, err := f.CreateGuardrail(ctx, "alice", policy.Guardrail{Name: "g", ContentFilters: []policy.Filter{{Pattern: "secret-name", Action: filter.Block}}})
	if err != nil {
		t.Fatal(err)
	}
	update := func(description string) {
		if g, err = f.UpdateGuardrail(ctx, "alice", g.ID, func(g *policy.Guardrail) error { g.Description = description; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	update("first")
	update("first") // nothing changes
	if g.Version != 2 {
		t.Errorf("version %d", g.Version)
	}
	if _, err := f.Assign(ctx, "alice", g.ID, policy.KindMember, []string{"carol"}, "admin"); err != nil {
		t.Fatal(err)
	}
	if err := f.DeleteGuardrail(ctx, "alice", g.ID); err != nil {
		t.Fatal(err)
	}
	var got []string
	for revision := range int64(6) {
		past, err := f.At(ctx, "alice", revision)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range past {
			got = append(got, fmt.Sprintf("%d: %s %d of %d, by %s", revision, p.Kind, p.Version, p.Since, p.Actor))
		}
	}
	want := []string{
		"1: guardrail 1 of 1, by key:m1", "2: guardrail 2 of 2, by key:m1",
		"3: guardrail 2 of 2, by key:m1", "3: member 1 of 3, by key:m1", // and from 4 on, nothing
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if past, err := f.At(ctx, "bob", 3); err != nil || len(past) > 0 {
		t.Errorf("%v %v: that is another account's", past, err)
	}
	var actions []string
	for r, err := range f.db.Trail().Records(ctx, trail.Query{Account: "alice"}) {
		if err != nil {
			t.Fatal(err)
		}
		actions = append(actions, string(r.Action))
		if strings.Contains(string(r.Text), "secret-name") {
			t.Errorf("the audit log holds what a filter looks for: %s", r.Text)
		}
	}
	if d := cmp.Diff([]string{"audit.begin", "account.create", "guardrail.create", "guardrail.update", "guardrail.assign", "guardrail.unassign", "guardrail.delete"}, actions); d != "" {
		t.Error(d)
	}
	if err := f.db.Trail().Verify(ctx, &trail.Verifier{}); err != nil {
		t.Error(err)
	}
}
