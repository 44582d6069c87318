package affinity

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

type watch struct{ t time.Time }

func (w *watch) now() time.Time { return w.t }

func newSessions(shared Shared) (*Sessions, *watch) {
	c := &watch{time.Date(2026, 1, 2, 3, 4, 5, 600_700, time.UTC)}
	return New(10*time.Minute, c.now, shared), c
}

func said(role llm.Role, text string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Text: text}}}
}

func ask(messages ...llm.Message) *llm.Request {
	return &llm.Request{Input: &llm.ChatInput{Messages: messages}}
}

// SK-01, SK-02: what makes two requests turns of one conversation.
func TestSK02_Of(t *testing.T) {
	t.Parallel()
	system, user := said(llm.RoleSystem, "Be brief."), said(llm.RoleUser, "Why?")
	first := Of("a", ask(system, user))
	for name, req := range map[string]*llm.Request{
		"its next turn":          ask(system, user, said(llm.RoleAssistant, "So."), said(llm.RoleUser, "And?")),
		"a second system prompt": ask(system, said(llm.RoleSystem, "At length."), user),
		"with headers":           {Input: ask(system, user).Input, Forward: http.Header{"X": {"1"}}, Stream: true, Models: []string{"m"}},
	} {
		if Of("a", req) != first {
			t.Errorf("%s is not of the conversation", name)
		}
	}
	keyed, named := ask(system, user), ask(system, user)
	keyed.Input.CacheKey = "Why?"
	named.Input.CacheKey, named.SessionID = "Why?", "Why?"
	distinct := map[llm.Conversation]string{first: "the first"}
	for name, c := range map[string]llm.Conversation{
		"another account":          Of("b", ask(system, user)),
		"another system prompt":    Of("a", ask(said(llm.RoleSystem, "Be verbose."), user)),
		"a developer's":            Of("a", ask(said(llm.RoleDeveloper, "Be brief."), user)),
		"none":                     Of("a", ask(user)),
		"another question":         Of("a", ask(system, said(llm.RoleUser, "How?"))),
		"the assistant's":          Of("a", ask(system, said(llm.RoleAssistant, "Why?"))),
		"a prompt_cache_key":       Of("a", keyed),
		"a session":                Of("a", named),
		"another account's":        Of("b", named),
		"two parts":                Of("a", ask(system, llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Text: "Wh"}, {Text: "y?"}}})),
		"a picture":                Of("a", ask(llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "https://x"}}}})),
		"another picture":          Of("a", ask(llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "https://y"}}}})),
		"a long text":              Of("a", ask(said(llm.RoleUser, strings.Repeat("x", 200_000)))),
		"a longer text":            Of("a", ask(said(llm.RoleUser, strings.Repeat("x", 200_001)))),
		"a long text, another end": Of("a", ask(said(llm.RoleUser, strings.Repeat("x", 199_999)+"y"))),
	} {
		if other := distinct[c]; other != "" {
			t.Errorf("%s is the same as %s", name, other)
		}
		distinct[c] = name
		if want := strings.HasSuffix(name, "session") || name == "another account's"; c.Named != want {
			t.Errorf("%s: named %v", name, c.Named)
		}
	}
	if Of("a", &llm.Request{}) != (llm.Conversation{}) {
		t.Error("a request without anything is of a conversation")
	}
}

var (
	named   = llm.Conversation{ID: [32]byte{1}, Named: true}
	unnamed = llm.Conversation{ID: [32]byte{2}}
)

// SK-04: a named session begins with any success, another with a cache hit.
func TestSK04_Begins(t *testing.T) {
	t.Parallel()
	s, c := newSessions(nil)
	ctx, m := t.Context(), []string{"m"}
	stays := func(c llm.Conversation, want map[string]int64) {
		t.Helper()
		if got := s.Warm(ctx, c, m); !maps.Equal(got, want) {
			t.Errorf("stays at %v, want %v", got, want)
		}
	}
	s.Answered(ctx, named, m, "m@x", 0, false)
	stays(named, map[string]int64{"m@x": 0})
	s.Answered(ctx, unnamed, m, "m@x", 2000, false)
	stays(unnamed, nil)
	s.Answered(ctx, unnamed, m, "m@x", 2000, true)
	stays(unnamed, map[string]int64{"m@x": 2000})
	s.Answered(ctx, unnamed, m, "m@x", 3000, false) // it has begun
	stays(unnamed, map[string]int64{"m@x": 3000})
	s.Answered(ctx, unnamed, m, "m@y", 3000, false)
	stays(unnamed, map[string]int64{"m@x": 3000})
	c.t = c.t.Add(time.Second)
	s.Answered(ctx, unnamed, m, "m@y", 2000, true) // it moves, and has left more behind
	stays(unnamed, map[string]int64{"m@x": 3000, "m@y": 2000})
	s.Answered(ctx, unnamed, m, "m@y", 3000, true)
	stays(unnamed, map[string]int64{"m@y": 3000})
	if got := s.Warm(ctx, named, []string{"other"}); got != nil {
		t.Errorf("SK-01: with another model it stays at %v", got)
	}
	s.Answered(ctx, llm.Conversation{}, m, "m@x", 1, true)
	stays(llm.Conversation{}, nil)
}

// SK-06: ten idle minutes end a session, each success begins them anew, a failure does
// not, and lets the next request move.
func TestSK06_Ends(t *testing.T) {
	t.Parallel()
	s, c := newSessions(nil)
	ctx, m := t.Context(), []string{"m", "r"}
	warm := func() string { return fmt.Sprint(s.Warm(ctx, named, m)) }
	s.Answered(ctx, named, m, "m@x", 3, false)
	c.t = c.t.Add(10*time.Minute - time.Millisecond)
	s.Answered(ctx, named, m[:1], "m@y", 2, false)
	if got := warm(); got != "map[m@x:3 m@y:2]" {
		t.Error(got)
	}
	c.t = c.t.Add(time.Millisecond)
	if got := warm(); got != "map[m@y:2]" {
		t.Error("idle for ten minutes: ", got)
	}
	s.Failed(ctx, named, m, "m@z")
	if got := warm(); got != "map[m@y:2]" {
		t.Error("after another endpoint failed: ", got)
	}
	s.Failed(ctx, named, m, "m@y")
	if got := warm(); got != "map[]" {
		t.Error("after it failed: ", got)
	}
	s.Answered(ctx, named, m, "m@y", 3, false)
	if got := warm(); got != "map[m@y:3]" {
		t.Error("after it answered again: ", got)
	}
}

// What is remembered is bounded, whatever comes.
func TestBounds(t *testing.T) {
	t.Parallel()
	s, c := newSessions(nil)
	ctx := t.Context()
	for i := range 20 {
		c.t = c.t.Add(time.Second)
		s.Answered(ctx, named, []string{"m"}, strconv.Itoa(i), 1<<(40-i), false)
	}
	warm := s.Warm(ctx, named, []string{"m"})
	if len(warm) != maxPlaces || warm["19"] != 1<<21 || warm["12"] != 1<<28 {
		t.Errorf("%v: want the newest %d", warm, maxPlaces)
	}
	for i := range maxSessions * 3 / 2 {
		x := llm.Conversation{ID: [32]byte{3, byte(i), byte(i >> 8), byte(i >> 16)}, Named: true}
		s.Answered(ctx, x, []string{"m"}, "e", 1, false)
	}
	s.own.CleanUp()
	if n := s.own.EstimatedSize(); n > maxSessions {
		t.Errorf("%d sessions", n)
	}
}

// exchange is a shared memory that can be cut off.
type exchange struct {
	kept map[string][]Place
	away bool
}

// Places implements Shared.
func (x *exchange) Places(_ context.Context, sessions []string) ([][]Place, bool) {
	all := make([][]Place, len(sessions))
	for i, s := range sessions {
		all[i] = x.kept[s]
	}
	return all, !x.away
}

// Keep implements Shared.
func (x *exchange) Keep(_ context.Context, sessions []string, p Place, _ time.Duration) {
	if x.away {
		return
	}
	for _, s := range sessions {
		x.kept[s] = append([]Place{p}, x.kept[s]...)
	}
}

// Whatever nodes do, as long as they are connected each knows what one alone would, and
// cut off they never know of what has not been.
func TestShared(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		x := &exchange{kept: map[string][]Place{}}
		all := make([]*Sessions, 3)
		one, c := newSessions(nil)
		for i := range all {
			all[i] = New(10*time.Minute, c.now, x)
		}
		ctx, m := t.Context(), []string{"m"}
		for range rapid.IntRange(0, 40).Draw(r, "steps") {
			c.t = c.t.Add(time.Duration(rapid.IntRange(1, 200).Draw(r, "seconds")) * time.Second)
			n := rapid.SampledFrom(all).Draw(r, "node")
			conversation := rapid.SampledFrom([]llm.Conversation{named, unnamed}).Draw(r, "conversation")
			e := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(r, "endpoint")
			n.Warm(ctx, conversation, m) // as planning does before any request is sent
			if rapid.IntRange(0, 3).Draw(r, "fails") == 0 {
				n.Failed(ctx, conversation, m, e)
				one.Failed(ctx, conversation, m, e)
			} else {
				tokens, hit := rapid.Int64Range(0, 1e6).Draw(r, "tokens"), rapid.Bool().Draw(r, "hit")
				n.Answered(ctx, conversation, m, e, tokens, hit)
				one.Answered(ctx, conversation, m, e, tokens, hit)
			}
			for i, n := range all {
				if got, want := n.Warm(ctx, conversation, m), one.Warm(ctx, conversation, m); !maps.Equal(got, want) {
					r.Fatalf("node %d: %v, want %v", i, got, want)
				}
			}
		}
		x.away = true
		for _, n := range all {
			if got, want := n.Warm(ctx, named, m), one.Warm(ctx, named, m); !maps.Equal(got, want) {
				r.Fatalf("cut off: %v, want %v", got, want)
			}
		}
	})
}

// A node whose clock is ahead does not hold a session for longer.
func TestFuture(t *testing.T) {
	t.Parallel()
	x := &exchange{kept: map[string][]Place{}}
	s, c := newSessions(x)
	x.Keep(t.Context(), names(sessionsOf(named, []string{"m"})), Place{Endpoint: "e", At: c.t.Add(time.Hour)}, 0)
	if got := s.Warm(t.Context(), named, []string{"m"}); len(got) != 1 {
		t.Errorf("stays at %v", got)
	}
	x.away = true
	c.t = c.t.Add(10 * time.Minute)
	if got := s.Warm(t.Context(), named, []string{"m"}); got != nil {
		t.Errorf("still stays at %v", got)
	}
}

func BenchmarkOf(b *testing.B) {
	req := ask(said(llm.RoleSystem, strings.Repeat("You are a helpful assistant. ", 100)), said(llm.RoleUser, "Why do toll roads exist?"))
	for b.Loop() {
		Of("account", req)
	}
}

func BenchmarkWarm(b *testing.B) {
	s, _ := newSessions(nil)
	s.Answered(b.Context(), named, []string{"m"}, "e", 1, true)
	for b.Loop() {
		s.Warm(b.Context(), named, []string{"m"})
	}
}
