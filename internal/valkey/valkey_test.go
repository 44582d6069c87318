package valkey_test

import (
	"bytes"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/turnpike-gateway/turnpike/e2e/valkeytest"
	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/valkey"
)

// The client looks for the topology once more, a second after a connection was lost, also
// where it was closed meanwhile: that goroutine ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// node is one of several gateways on a server.
type node struct {
	*valkey.Client
	health   *health.Tracker
	sessions *affinity.Sessions
	log      *lines
}

// lines are what a node logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), what)
}

func join(t *testing.T, url, name string) *node {
	t.Helper()
	n := &node{health: health.New(time.Now), log: &lines{}}
	var err error
	n.Client, err = valkey.Open(t.Context(), valkey.Options{
		URL: url, Node: name, Log: slog.New(slog.NewTextHandler(n.log, nil)), Now: time.Now,
		Health: n.health, Known: func(string) bool { return true }, Every: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	n.sessions = affinity.New(10*time.Minute, time.Now, n.Client)
	return n
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	if !valkeytest.Wait(done) {
		t.Errorf("it never happens: %s", what)
	}
}

const (
	outOfReach = "valkey is out of reach"
	back       = "valkey is back"
)

func TestKeptValues(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	a, b, ctx := join(t, s.URL, "a"), join(t, s.URL, "b"), t.Context()
	if _, ok := a.Get(ctx, "k"); ok {
		t.Error("there is a value before any was put")
	}
	value := append([]byte("\x00\xff\r\n"), bytes.Repeat([]byte("v"), 1<<19)...)
	a.Put(ctx, "k", value, time.Hour)
	if got, ok := b.Get(ctx, "k"); !ok || !bytes.Equal(got, value) {
		t.Errorf("another node reads %d bytes, %v", len(got), ok)
	}
	b.Delete(ctx, "k")
	if _, ok := a.Get(ctx, "k"); ok {
		t.Error("there is a value that was deleted")
	}
	a.Put(ctx, "none", value, 0)
	if _, ok := a.Get(ctx, "none"); ok {
		t.Error("a value that was over at once is there")
	}
	a.Put(ctx, "large", make([]byte, 2<<20), time.Hour)
	if _, ok := a.Get(ctx, "large"); ok {
		t.Error("a value that is too large was kept")
	}
	a.Put(ctx, "short", value, 20*time.Millisecond)
	eventually(t, "a value expires", func() bool { _, ok := a.Get(ctx, "short"); return !ok })
	a.Put(ctx, "empty", nil, time.Hour)
	if got, ok := a.Get(ctx, "empty"); !ok || len(got) != 0 {
		t.Errorf("an empty value is %q, %v", got, ok)
	}
}

// Two nodes are sticky together, and a failure at one lets the session leave at both.
func TestSessionsAreShared(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	a, b, ctx := join(t, s.URL, "a"), join(t, s.URL, "b"), t.Context()
	c, models := llm.Conversation{ID: [32]byte{1}, Named: true}, []string{"m", "router"}
	a.sessions.Answered(ctx, c, models, "m@x", 2000, false)
	if got := b.sessions.Warm(ctx, c, models); !maps.Equal(got, map[string]int64{"m@x": 2000}) {
		t.Errorf("the other node stays at %v", got)
	}
	if got := b.sessions.Warm(ctx, llm.Conversation{ID: [32]byte{2}, Named: true}, models); got != nil {
		t.Errorf("another session stays at %v", got)
	}
	b.sessions.Answered(ctx, c, models, "m@y", 3000, false)
	b.sessions.Failed(ctx, c, models, "m@x")
	if got := a.sessions.Warm(ctx, c, models); !maps.Equal(got, map[string]int64{"m@y": 3000}) {
		t.Errorf("after a failure at the other node it stays at %v", got)
	}

	s.Kill(t) // what was heard is still known
	if got := a.sessions.Warm(ctx, c, models); !maps.Equal(got, map[string]int64{"m@y": 3000}) {
		t.Errorf("alone, it stays at %v", got)
	}
	s.Run(t) // with nothing in it
	eventually(t, "it is back", func() bool { return a.log.count(back) > 0 && b.log.count(back) > 0 })
	if got := a.sessions.Warm(ctx, c, models); !maps.Equal(got, map[string]int64{"m@y": 3000}) {
		t.Errorf("beside an empty server it stays at %v", got)
	}
	a.sessions.Answered(ctx, c, models, "m@y", 4000, false)
	if got := b.sessions.Warm(ctx, c, models); got["m@y"] != 4000 {
		t.Errorf("once it is back the other node stays at %v", got)
	}
}

// What somebody else wrote is not believed blindly.
func TestSessionsOfOthers(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	n, ctx := join(t, s.URL, "n"), t.Context()
	now := strconv.FormatInt(time.Now().UnixMicro(), 10)
	for field, text := range map[string]string{
		"fine": "7 " + now, "ahead": "1 9999999999999999", "old": "1 1000", "negative": "-2 " + now,
		"much": "99999999999 " + now, "words": "many " + now, "none": "", "half": "5", strings.Repeat("x", 600): "5 " + now,
	} {
		s.Say(t, "HSET", "turnpike:session:k", field, text)
	}
	s.Say(t, "SET", "turnpike:session:text", "no hash")
	places, ok := n.Places(ctx, []string{"k", "absent"})
	if !ok || len(places) != 2 || len(places[0]) != 3 || len(places[1]) != 0 {
		t.Errorf("%v, %v", places, ok)
	}
	if _, ok := n.Places(ctx, []string{"text"}); ok {
		t.Error("what is no hash is read")
	}
	if n.log.count("valkey refuses a command") != 1 || n.log.count(outOfReach) != 0 {
		t.Error("a refusal is not told as what it is")
	}
}

// Two nodes learn from each other: ejection, cooling, counts and percentiles.
func TestHealthIsShared(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	a, b := join(t, s.URL, "a"), join(t, s.URL, "b")
	k := health.Key{Provider: "p", Label: "1", Endpoint: "x"}
	a.health.Cool(k, time.Minute)
	eventually(t, "the other cools", func() bool { return b.health.Cooling(k) > 50*time.Second })
	for range 5 {
		b.health.Failed("y", false)
	}
	eventually(t, "the other ejects", func() bool { return a.health.Standing("y").Grade == health.Ejected })
	for i := range 200 {
		n := a
		if i%2 > 0 {
			n = b
		}
		n.health.Succeeded("z", health.Sample{Latency: time.Duration(i+1) * 10 * time.Millisecond, Took: time.Second, Output: 100})
	}
	eventually(t, "both have counted all", func() bool {
		return a.health.Standing("z").Requests == 200 && b.health.Standing("z").Requests == 200
	})
	for _, n := range []*node{a, b} {
		if p := n.health.Standing("z").Latency; p.P50 < 0.9 || p.P50 > 1.1 || p.P99 < 1.8 || p.P99 > 2.2 {
			t.Errorf("%+v", p)
		}
	}
	c := join(t, s.URL, "c")
	if c.health.Cooling(k) == 0 || c.health.Standing("y").Grade != health.Ejected {
		t.Error("who joins has not heard what holds")
	}
	for _, n := range []*node{a, b, c} {
		if n.log.count("\n") != 0 {
			t.Error("there is nothing to log")
		}
	}
}

// A node does without the server, from the start and in the middle, and the server is
// used again once it is back.
func TestServerIsLost(t *testing.T) {
	t.Parallel()
	s := valkeytest.Start(t)
	s.Kill(t)
	a, b, ctx := join(t, s.URL, "a"), join(t, s.URL, "b"), t.Context()
	works := func() bool {
		a.Put(ctx, "k", []byte("v"), time.Hour)
		got, ok := b.Get(ctx, "k")
		return ok && string(got) == "v"
	}
	if works() {
		t.Error("it works without a server")
	}
	k := health.Key{Provider: "p", Label: "1", Endpoint: "x"}
	a.health.Cool(k, time.Minute)
	s.Run(t)
	eventually(t, "both use it", works)
	eventually(t, "what was learnt before is told", func() bool { return b.health.Cooling(k) > 0 })

	s.Kill(t)
	eventually(t, "the loss is seen", func() bool { return a.log.count(outOfReach) == 2 && b.log.count(outOfReach) == 2 })
	if works() {
		t.Error("it works without a server")
	}
	for range 1000 { // costs nothing
		works()
	}
	s.Run(t)
	eventually(t, "both use it again", works)
	for range 5 {
		b.health.Failed("y", false)
	}
	eventually(t, "the other hears again", func() bool { return a.health.Standing("y").Grade == health.Ejected })

	s.Hold(t, true) // it is there, and does not answer
	eventually(t, "nobody waits any longer", func() bool { works(); return a.log.count(outOfReach) == 3 && b.log.count(outOfReach) == 3 })
	s.Hold(t, false)
	eventually(t, "both use it once more", works)
	for _, n := range []*node{a, b} {
		eventually(t, "its return is told", func() bool { return n.log.count(back) == 3 })
		if got := n.log.count("\n"); got != 6 {
			t.Errorf("each change is told once, not in %d lines", got)
		}
	}
}

// Only the form of the URL is an error, which does not repeat it: it may hold a password.
func TestURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://u:hunter2@h", "redis://", "hunter2", "redis://:hunter2 x@h", "redis://h/hunter2", ""} {
		_, err := valkey.Open(t.Context(), valkey.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
	n := join(t, "rediss://u:hunter2@127.0.0.1:1/2", "n")
	eventually(t, "it tells that nobody is there", func() bool { return n.log.count(outOfReach) == 1 })
	if n.log.count("hunter2") != 0 {
		t.Error("a password is logged")
	}
}
