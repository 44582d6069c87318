package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// watched is a policy file that is looked at when the test says so.
type watched struct {
	*ruling
	t    *testing.T
	file string
	log  *bytes.Buffer
	at   time.Time
}

func watch(t *testing.T) *watched {
	t.Helper()
	dir := t.TempDir()
	w := &watched{t: t, file: filepath.Join(dir, "policy.yaml"), log: &bytes.Buffer{}, at: time.Now()}
	w.write(one)
	c, err := config.Parse("", nil, func(name string) string {
		return map[string]string{
			"TURNPIKE_POLICY_FILE": w.file, "TURNPIKE_DATABASE": "sqlite://" + filepath.Join(dir, "t.db"),
			"TURNPIKE_DISCOVER": "false", "TURNPIKE_CATALOG_BUILTIN": "false",
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	door := egress.New(egress.Options{})
	t.Cleanup(door.CloseIdle)
	goods, err := newMarket(t.Context(), c, door, "")
	if err != nil {
		t.Fatal(err)
	}
	r, stop, err := rule(t.Context(), s, goods, slog.New(slog.NewTextHandler(w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop() // the test looks itself
	w.ruling = r
	r.now = func() time.Time { return w.at }
	return w
}

func (w *watched) write(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// class is the highest class of the policy that holds.
func (w *watched) class() string {
	w.t.Helper()
	h, err := w.house()
	if err != nil {
		return err.Error()
	}
	if h.Catalog != w.goods.catalog() {
		w.t.Error("the rules do not go with the facts")
	}
	return h.Classes[len(h.Classes)-1].Name
}

// actions are what the audit log has of the policy.
func (w *watched) actions() (out []string) {
	w.t.Helper()
	for r, err := range w.s.db.Trail().Records(w.t.Context(), trail.Query{All: true, Action: "policy."}) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, string(r.Action))
	}
	return out
}

const (
	one = "classes: [{name: one}]\n"
	two = "classes: [{name: two}]\nfacts: {providers: {sim: {region: eu}}}\n"
	bad = "classes: [{nam: two}]\n"
)

func TestRuling_Reload(t *testing.T) {
	t.Parallel()
	w := watch(t)
	first := w.status()
	step := func(name, class, health string, want ...string) {
		t.Helper()
		_, file := w.health()()
		if got := w.class(); got != class || file != health {
			t.Errorf("%s: %s holds, the file is %s", name, got, file)
		}
		if got := strings.Join(w.actions(), " "); got != strings.Join(want, " ") {
			t.Errorf("%s: the audit log has %s", name, got)
		}
	}
	step("at the start", "one", "current", "policy.load")
	w.look(t.Context(), false)
	if w.status() != first {
		t.Error("a look changes what was not changed")
	}
	before := w.goods.catalog()
	w.write("classes: [{name: half}]\n") // as much as an editor has written so far
	w.look(t.Context(), false)
	step("half a file", "one", "current", "policy.load")
	w.write(bad)
	w.look(t.Context(), false)
	step("at first sight", "one", "current", "policy.load")
	w.look(t.Context(), false)
	w.look(t.Context(), false)
	step("a bad file", "one", "refused", "policy.load", "policy.refused")
	if said := w.status(); said.Refused == nil || !strings.Contains(said.Refused.Error, "policy.yaml:1:12: classes[0].nam: unknown key") {
		t.Errorf("%+v", said.Refused)
	}
	if n := strings.Count(w.log.String(), "is refused"); n != 1 || !strings.Contains(w.log.String(), "classes[0].nam") {
		t.Errorf("told %d times:\n%s", n, w.log)
	}
	w.look(t.Context(), true)
	if n := strings.Count(w.log.String(), "is refused"); n != 2 {
		t.Errorf("a hangup says it again, and it was told %d times", n)
	}
	if w.goods.catalog() != before {
		t.Error("a bad file changes the catalogue")
	}
	w.write(two)
	w.look(t.Context(), true)
	step("a better one", "two", "current", "policy.load", "policy.refused", "policy.load")
	if p, _ := w.goods.catalog().Provider("sim"); p.Policy.Region != "eu" {
		t.Errorf("%+v", p.Policy)
	}
	w.write(bad)
	w.look(t.Context(), true)
	w.write(two)
	w.look(t.Context(), false)
	step("and back", "two", "current", "policy.load", "policy.refused", "policy.load", "policy.refused")
	w.write("")
	w.look(t.Context(), true)
	if h, err := w.house(); err != nil || len(h.Classes) != 0 {
		t.Errorf("an empty file demands nothing: %+v, %v", h, err)
	}
	text, err := w.s.db.House(t.Context(), first.Version)
	if err != nil || text != one {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := w.s.db.House(t.Context(), "none"); !errors.Is(err, sqlstore.ErrNotFound) {
		t.Error(err)
	}
}

// F98: a policy whose file cannot be read holds for five minutes, and then nobody knows
// what the operator wants.
func TestRuling_Unreadable(t *testing.T) {
	t.Parallel()
	w := watch(t)
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	w.look(t.Context(), false)
	if _, file := w.health()(); w.class() != "one" || file != "unreadable" {
		t.Errorf("%s, %s", w.class(), file)
	}
	w.at = w.at.Add(blindFor)
	w.look(t.Context(), false)
	if w.class() != "one" {
		t.Error(w.class())
	}
	w.at = w.at.Add(time.Second)
	if _, err := w.house(); !errors.Is(err, errBlind) {
		t.Error(err)
	}
	w.write(one)
	w.look(t.Context(), false)
	if _, file := w.health()(); w.class() != "one" || file != "current" {
		t.Errorf("%s, %s", w.class(), file)
	}
	if got := w.actions(); len(got) != 1 {
		t.Errorf("the same policy is no other: %q", got)
	}
}

// A policy that cannot be recorded does not hold.
func TestRuling_Unstored(t *testing.T) {
	t.Parallel()
	w := watch(t)
	if err := w.s.db.Close(); err != nil {
		t.Fatal(err)
	}
	w.write(two)
	w.look(t.Context(), true)
	w.look(t.Context(), false)
	if said := w.status(); w.class() != "one" || said.Unstored.IsZero() || said.Refused != nil {
		t.Errorf("%s, %+v", w.class(), said)
	}
	if n := strings.Count(w.log.String(), "a policy waits"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Whoever starts without a policy that held before has that in the audit log.
func TestRuling_Dropped(t *testing.T) {
	t.Parallel()
	w := watch(t)
	if err := w.s.db.LoadHouse(t.Context(), "", "", w.at.Add(-time.Hour)); err != nil { // the clock was set back
		t.Fatal(err)
	}
	if err := w.s.db.LoadHouse(t.Context(), "", "", w.at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := w.actions(); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if last, err := w.s.db.LastHouse(t.Context()); err != nil || last != "" {
		t.Errorf("%q, %v", last, err)
	}
}
