package preset

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func clock() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

var errDown = errors.New("the store is down")

// shelf is a store of single versions that counts reads and can be away.
type shelf struct {
	Store
	mu    sync.Mutex
	kept  map[address]one
	reads atomic.Int64
	down  atomic.Bool
	gate  chan struct{} // nil: reads do not wait
}

func (s *shelf) Preset(_ context.Context, at Place, slug string) (Preset, Version, error) {
	s.reads.Add(1)
	if s.gate != nil {
		<-s.gate
	}
	if s.down.Load() {
		return Preset{}, Version{}, errDown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.kept[address{at, slug}]
	if !ok {
		return Preset{}, Version{}, ErrNotFound
	}
	return o.preset, o.version, nil
}

func (s *shelf) Save(_ context.Context, at Place, p Preset, v Version) (Preset, Version, error) {
	if s.down.Load() {
		return p, v, errDown
	}
	s.put(at, p, v)
	return p, v, nil
}

func (s *shelf) put(at Place, p Preset, v Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[address{at, p.Slug}] = one{preset: p, version: v}
}

func (s *shelf) Delete(_ context.Context, at Place, slug string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, address{at, slug})
	return nil
}

func alice() identity.Principal { return identity.Principal{Account: "alice", Workspace: "w"} }

type desk struct {
	*Presets
	shelf *shelf
	ahead atomic.Int64
}

func newDesk() *desk {
	d := &desk{shelf: &shelf{kept: map[address]one{}}}
	d.Presets = New(d.shelf, func() time.Time { return clock().Add(time.Duration(d.ahead.Load())) }, rand.Reader)
	return d
}

func (d *desk) pass(by time.Duration) { d.ahead.Add(int64(by)) }

// model is what a request that names the preset s asks for, or the type of its error.
func (d *desk) model(t *testing.T, who identity.Principal) string {
	t.Helper()
	a, err := d.Apply(t.Context(), who, llm.Chat, []byte(`{"model":"@preset/s"}`))
	if err == nil {
		return strings.TrimSuffix(strings.TrimPrefix(string(a.Body), `{"model":"`), `"}`)
	}
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	return string(e.Type)
}

func (d *desk) save(t *testing.T, model string) {
	t.Helper()
	c, err := Capture(llm.Chat, []byte(`{"model":"`+model+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Save(t.Context(), alice(), "s", c); err != nil {
		t.Fatal(err)
	}
}

// No read in the steady state; a change made here holds at once and one made elsewhere
// within five seconds; a store that is down is never a preset that is not there, and a
// known one lives through sixty seconds of it.
func TestFreshness(t *testing.T) {
	t.Parallel()
	d := newDesk()
	want := func(model string, reads int64) {
		t.Helper()
		if got := d.model(t, alice()); got != model {
			t.Errorf("%s, want %s", got, model)
		}
		if n := d.shelf.reads.Load(); n != reads {
			t.Errorf("%d reads, want %d", n, reads)
		}
	}
	want("not_found", 1)
	d.save(t, "a/1")
	for range 100 {
		want("a/1", 2)
	}
	d.save(t, "a/2")
	want("a/2", 3)
	elsewhere := New(d.shelf, clock, rand.Reader)
	c, err := Capture(llm.Chat, []byte(`{"model":"a/3"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := elsewhere.Save(t.Context(), alice(), "s", c); err != nil {
		t.Fatal(err)
	}
	d.pass(5*time.Second - 1)
	want("a/2", 3)
	d.pass(1)
	want("a/3", 4)
	d.shelf.down.Store(true)
	d.pass(60*time.Second - 1)
	want("a/3", 5)
	d.pass(1)
	want("provider_overloaded", 6)
	d.shelf.down.Store(false)
	want("a/3", 7)
	d.pass(-time.Hour) // a clock that was set back does not make old knowledge fresh
	want("a/3", 8)
	if err := d.Delete(t.Context(), Place{"alice", "w"}, "s"); err != nil {
		t.Fatal(err)
	}
	want("not_found", 9)
	d.shelf.down.Store(true)
	want("provider_overloaded", 10) // forgotten, so nothing is believed
}

// S21: presets are those of an account and a workspace.
func TestPlaces(t *testing.T) {
	t.Parallel()
	d := newDesk()
	d.save(t, "a/1")
	d.model(t, alice()) // is known from here on
	for _, who := range []identity.Principal{{Account: "bob", Workspace: "w"}, {Account: "alice", Workspace: "x"}, {Account: "alice"}} {
		if got := d.model(t, who); got != "not_found" {
			t.Errorf("%+v: %s", who, got)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[Status]string{Active: "a/1", Disabled: "invalid_request", Archived: "invalid_request"} {
		d := newDesk()
		d.shelf.put(Place{"alice", "w"}, Preset{Slug: "s", Status: status}, Version{Dialect: llm.Chat, Config: []byte(`{"model":"a/1"}`)})
		if got := d.model(t, alice()); got != want {
			t.Errorf("%s: %s", status, got)
		}
	}
}

// Many who ask at once cause one read, and one who leaves does not spoil it.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	d := newDesk()
	d.save(t, "a/1")
	d.shelf.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := d.Apply(ctx, alice(), llm.Chat, []byte(`{"preset":"s"}`))
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultGone {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got := d.model(t, alice()); got != "a/1" {
				t.Error(got)
			}
		})
	}
	close(d.shelf.gate)
	wg.Wait()
	if n := d.shelf.reads.Load(); n > 3 {
		t.Errorf("%d reads", n)
	}
}

// What is remembered is bounded, whatever there is.
func TestRoom(t *testing.T) {
	t.Parallel()
	d := newDesk()
	big := `{"model":"a/1","stop":"` + strings.Repeat("x", maxVersion/2) + `"}`
	for i := range 3 * room / (4 * len(big)) {
		at := Place{"alice", strings.Repeat("w", i)}
		d.shelf.put(at, Preset{Slug: "s", Status: Active}, Version{Dialect: llm.Chat, Config: []byte(big)})
		if _, err := d.Apply(t.Context(), identity.Principal{Account: at.Account, Workspace: at.Workspace}, llm.Chat, []byte(`{"preset":"s"}`)); err != nil {
			t.Fatal(err)
		}
	}
	total := 0
	for _, b := range d.known {
		total += b.size
	}
	if total != d.size || total > room || total == 0 {
		t.Errorf("%d bytes are remembered, %d are counted", total, d.size)
	}
}

func TestSlugs(t *testing.T) {
	t.Parallel()
	d := newDesk()
	for slug, good := range map[string]bool{
		"s": true, "email-copywriter": true, "A.b_c-9": true, strings.Repeat("s", 64): true,
		"": false, ".": false, "..": false, "-s": false, "a/b": false, "a b": false, "ä": false, "a:b": false, "a@b": false, "a\x00": false, strings.Repeat("s", 65): false,
	} {
		_, _, err := d.Save(t.Context(), alice(), slug, Captured{Config: []byte("{}")})
		if e, ok := errors.AsType[*llm.Error](err); good != (err == nil) || !good && (!ok || e.Type != llm.TypeInvalidRequest) {
			t.Errorf("%q: %v", slug, err)
		}
	}
	p, v, err := d.Save(t.Context(), alice(), "made", Captured{Config: []byte("{}")})
	if err != nil || len(p.ID) != 36 || len(v.ID) != 36 || p.ID == v.ID || p.ID[14] != '4' || p.Creator != "alice" || p.Name != "made" || p.Status != Active {
		t.Errorf("%+v %+v %v", p, v, err)
	}
	d.shelf.down.Store(true)
	if _, _, err := d.Save(t.Context(), alice(), "s", Captured{}); !errors.Is(err, errDown) {
		t.Error(err)
	}
}
