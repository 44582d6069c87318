package trail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// memory is a store that can be away.
type memory struct {
	mu     sync.Mutex
	events []trail.Event
	away   error
}

func (m *memory) Append(_ context.Context, events ...trail.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away == nil {
		m.events = append(m.events, events...)
	}
	return m.away
}

func (m *memory) set(away error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// took is what was written of refusals, in a word each.
func (m *memory) took() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, e := range m.events {
		out = append(out, fmt.Sprintf("%s %s %s x%d", e.Account, e.Action, e.RequestID, max(e.Count, 1)))
	}
	return out
}

func running(t *testing.T) (l *trail.Log, m *memory, stop func()) {
	t.Helper()
	m = &memory{}
	l = trail.New(m, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx, slog.New(slog.DiscardHandler))
	}()
	return l, m, func() { cancel(); <-done }
}

func refusal(account, model, request string) trail.Event {
	return trail.Event{
		Account: account, Object: model, RequestID: request, By: trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: "k"}},
		Endpoints: []trail.Exclusion{{"a/b@c", "data_policy:zdr", "the operator's policy"}},
	}
}

func TestRefusalsAlikeShareARecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m, stop := running(t)
		for i := range 5 {
			l.Refused(refusal("acme", "a/b", fmt.Sprintf("gen-%d", i)))
		}
		l.Refused(refusal("acme", "other/model", "gen-9"))
		synctest.Wait()
		if diff := cmp.Diff([]string{"acme refusal gen-0 x1", "acme refusal gen-9 x1"}, m.took()); diff != "" {
			t.Error(diff)
		}
		<-time.After(70 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"acme refusal gen-0 x1", "acme refusal gen-9 x1", "acme refusal gen-4 x4"}, m.took()); diff != "" {
			t.Error(diff)
		}
		l.Refused(refusal("acme", "a/b", "gen-10")) // the first of another window
		l.Refused(refusal("acme", "a/b", "gen-11"))
		stop()
		if got := m.took(); len(got) != 5 || got[3] != "acme refusal gen-10 x1" || got[4] != "acme refusal gen-11 x1" {
			t.Errorf("%q", got)
		}
	})
}

// A storm costs a bounded number of records, and none of the other accounts'.
func TestStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m, stop := running(t)
		const n, workers = 20_000, 8
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for i := range n {
					l.Refused(refusal("loud", fmt.Sprintf("m/%d-%d", w, i%1000), "gen"))
				}
			})
		}
		all.Wait()
		l.Refused(refusal("quiet", "a/b", "gen-1"))
		stop()
		var count int64
		for _, e := range m.events {
			if e.Account == "loud" {
				count += max(e.Count, 1)
			}
		}
		if count != n*workers {
			t.Errorf("%d refusals are told of, want %d", count, n*workers)
		}
		if len(m.events) > 200 {
			t.Errorf("%d records", len(m.events))
		}
		if got := m.took(); !slices.Contains(got, "quiet refusal gen-1 x1") {
			t.Errorf("%q", got)
		}
	})
}

// While nothing can be written requests are not held up, memory is bounded, and what is
// not told apart is counted.
func TestStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m, stop := running(t)
		m.set(errors.New("the disk is full"))
		const accounts, kinds = 3000, 2
		for a := range accounts {
			for k := range kinds {
				l.Refused(refusal(fmt.Sprintf("account-%04d", a), fmt.Sprintf("m/%d", k), "gen"))
			}
		}
		<-time.After(3 * time.Minute)
		if got := m.took(); len(got) != 0 {
			t.Errorf("%d records", len(got))
		}
		m.set(nil)
		<-time.After(10 * time.Second)
		stop()
		counts := map[trail.Action]int64{}
		operators := int64(0)
		for _, e := range m.events {
			counts[e.Action] += max(e.Count, 1)
			if e.Account == "" {
				operators += e.Count
			}
		}
		if got := counts[trail.Refusal] + counts[trail.RefusalMore]; got != accounts*kinds || counts[trail.Refusal] != 2048 || operators == 0 {
			t.Errorf("%v, of which %d of nobody's", counts, operators)
		}
	})
}

func TestShutdownWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, m, stop := running(t)
		m.set(errors.New("gone"))
		l.Refused(refusal("acme", "a/b", "gen-1"))
		stop()
		if len(m.events) != 0 {
			t.Errorf("%v", m.events)
		}
	})
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	m := &memory{}
	l := trail.New(m, func() time.Time { return start })
	by := trail.By{Actor: trail.Actor{Kind: trail.ByCLI, Label: "root"}}
	if err := l.Admin(trail.As(t.Context(), by), trail.Event{Action: trail.PolicyLoad, Policy: "v1"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Admin(t.Context(), trail.Event{Action: trail.PolicyLoad, Policy: "v2"}); err != nil {
		t.Fatal(err)
	}
	want := []trail.Event{
		{At: start, Action: trail.PolicyLoad, Policy: "v1", By: by},
		{At: start, Action: trail.PolicyLoad, Policy: "v2", By: trail.By{Actor: trail.Actor{Kind: trail.BySystem}}},
	}
	if diff := cmp.Diff(want, m.events, cmpopts.IgnoreUnexported(trail.Event{})); diff != "" {
		t.Error(diff)
	}
	m.set(errors.New("the disk is full"))
	if err := l.Admin(t.Context(), trail.Event{Action: trail.PolicyLoad}); err == nil {
		t.Error("it was kept nowhere")
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 5000)
	e := trail.Event{
		At: start, Action: trail.Action(long), Account: "acme", Object: long, RequestID: long, Class: long, Policy: long, Error: long, Code: long,
		By: trail.By{Actor: trail.Actor{Kind: long, Key: long, Label: long + "\xff"}, Remote: long}, Detail: map[string]trail.Change{}, Omitted: 7,
	}
	for i := range 500 {
		e.Endpoints = append(e.Endpoints, trail.Exclusion{Endpoint: fmt.Sprintf("%d%s", i, long), Rule: long, Level: strconv.Itoa(i % 100)})
		e.Detail[fmt.Sprintf("%d%s", i, long)] = trail.Change{Before: long, After: long + "x"}
	}
	r, err := trail.Next(e, trail.Head{}, trail.Head{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Text); n > 300_000 {
		t.Errorf("a record of %d bytes", n)
	}
	if text := string(r.Text); !strings.Contains(text, "436 fields more") || !strings.Contains(text, `{"more":187}`) || strings.Contains(text, "\\ufffd") {
		t.Error("what is not listed is not counted")
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	type thing struct {
		Name   string   `json:"name"`
		Limit  *int     `json:"limit"`
		Models []string `json:"models,omitempty"`
		Prompt string   `json:"prompt,omitzero"`
		On     bool     `json:"on"`
	}
	one := 1
	a := thing{Name: "a", Models: []string{"x", "y"}, Prompt: "secret"}
	b := thing{Name: "b", Limit: &one, Models: []string{"x"}, Prompt: "other", On: true}
	for name, c := range map[string]struct {
		before, after any
		want          map[string]trail.Change
	}{
		"same":    {a, a, map[string]trail.Change{}},
		"changed": {a, b, map[string]trail.Change{"name": {"a", "b"}, "limit": {"", "1"}, "models": {`["x","y"]`, `["x"]`}, "prompt": {trail.NotKept, trail.NotKept}, "on": {"false", "true"}}},
		"made":    {nil, a, map[string]trail.Change{"name": {"", "a"}, "models": {"", `["x","y"]`}, "prompt": {"", trail.NotKept}, "on": {"", "false"}}},
		"gone":    {thing{}, nil, map[string]trail.Change{"on": {"false", ""}}},
		"odd":     {nil, 7, map[string]trail.Change{"...": {"", "not an object"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, trail.Diff(c.before, c.after, "prompt")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
