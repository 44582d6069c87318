package cache_test

import (
	"bytes"
	"context"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a store that a test looks into.
type shelf struct {
	mu   sync.Mutex
	all  map[string][]byte
	ttls map[string]time.Duration
}

func newShelf() *shelf { return &shelf{all: map[string][]byte{}, ttls: map[string]time.Duration{}} }

func (s *shelf) Get(_ context.Context, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.all[key]
	return v, ok
}

func (s *shelf) Put(_ context.Context, key string, value []byte, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[key], s.ttls[key] = value, ttl
}

func (s *shelf) Delete(_ context.Context, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
}

// clock is set by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Unix(1_764_000_000, 0)} }

func alice() identity.Principal { return identity.Principal{Account: "alice", KeyHash: "k1"} }

func ask(body string) *llm.Request {
	return &llm.Request{
		Dialect: llm.Chat, Models: []string{"a/b"}, Stream: true,
		Cache: llm.Caching{On: true, TTL: 5 * time.Minute, Body: cache.Digest([]byte(body))},
	}
}

// filled sets every member of a value, so that one which an entry does not carry shows.
func filled(v reflect.Value, seed *int) {
	*seed++
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + strconv.Itoa(*seed))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*seed))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(strconv.Itoa(*seed)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			filled(v.Index(i), seed)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), seed)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				filled(v.Field(i), seed)
			}
		}
	default:
		panic(v.Kind())
	}
}

func of[T any](edit func(*T)) *T {
	v, seed := new(T), 0
	filled(reflect.ValueOf(v).Elem(), &seed)
	if edit != nil {
		edit(v)
	}
	return v
}

// everything is an answer in which every member of every event is used.
func everything() []llm.Chunk {
	return []llm.Chunk{
		{From: llm.Chat, Raw: []byte(`{"id":"c1","other":{"n":1}}`), Events: []llm.Event{{Kind: llm.Start, Text: "c1", Model: "m"}}},
		{Events: []llm.Event{
			{Kind: llm.BlockOpen, Block: 0, Open: llm.BlockReasoning, Thought: of[llm.Thought](nil)},
			{Kind: llm.ReasoningDelta, Block: 0, Thought: of[llm.Thought](nil)},
			{Kind: llm.BlockClose, Block: 0},
			{Kind: llm.BlockOpen, Block: 1, Open: llm.BlockText},
			{Kind: llm.TextDelta, Block: 1, Text: "say \xff \u2028", Logprobs: []byte(`{"content":[]}`)},
			{Kind: llm.Cite, Block: 1, Citation: of[llm.Citation](nil)},
		}},
		{Events: []llm.Event{{Kind: llm.Continue, Seam: of[llm.Seam](nil)}}},
		{Events: []llm.Event{
			{Kind: llm.BlockClose, Block: 1},
			{Kind: llm.BlockOpen, Block: 7, Open: llm.BlockCall, Call: of[llm.ToolCall](nil)},
			{Kind: llm.ArgsDelta, Block: 7, Text: `{"a":`},
			{Kind: llm.BlockOpen, Block: 8, Open: llm.BlockAudio},
			{Kind: llm.MediaDelta, Block: 8, Media: of[llm.Media](nil)},
			{Kind: llm.BlockClose, Block: 8},
			{Kind: llm.BlockClose, Block: 7},
			{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishToolCalls, Native: "tool_use"}},
		}},
		{Events: []llm.Event{{Kind: llm.UsageReport, Usage: of[llm.Usage](nil)}}},
	}
}

// A member that an event gets must be in everything, and so in an entry.
func TestEverythingIsUsed(t *testing.T) {
	t.Parallel()
	typ := reflect.TypeFor[llm.Event]()
	for i := range typ.NumField() {
		used := false
		for _, c := range everything() {
			for _, e := range c.Events {
				used = used || !reflect.ValueOf(e).Field(i).IsZero()
			}
		}
		if !used {
			t.Errorf("%s is not used", typ.Field(i).Name)
		}
	}
}

func record(chunks ...llm.Chunk) *cache.Recording {
	r := cache.NewRecording(llm.Chat)
	for _, c := range chunks {
		r.Add(c)
	}
	return r
}

func read(e *cache.Entry) (chunks []llm.Chunk) {
	for c := range e.Chunks() {
		c.Events = append([]llm.Event(nil), c.Events...)
		c.Raw = bytes.Clone(c.Raw)
		chunks = append(chunks, c)
	}
	return chunks
}

// What is kept comes back as it was, but for the counts.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	at := newClock()
	c := cache.New(newShelf(), at.now)
	key := cache.KeyOf(alice(), ask(`{}`))
	want := *of(func(e *cache.Entry) {
		e.TTL, e.Finish = time.Minute, llm.FinishReason{Unified: llm.FinishStop, Native: "end"}
		e.Native = cache.Uncounted([]byte(`{"n":-1.5e+3,"s":"12","l":[1,true,null]}`))
	})
	c.Put(t.Context(), key, want, record(everything()...))
	at.at = at.at.Add(12 * time.Second)
	got, ok := c.Get(t.Context(), key)
	if !ok {
		t.Fatal("it is not there")
	}
	if diff := cmp.Diff(&want, got, cmpopts.IgnoreUnexported(cache.Entry{})); diff != "" {
		t.Error(diff)
	}
	if string(got.Native) != `{"n":0,"s":"12","l":[0,true,null]}` {
		t.Errorf("counts: %s", got.Native)
	}
	if age := got.Age(at.now()); age != 12*time.Second {
		t.Errorf("age %s", age)
	}
	chunks := everything()
	chunks[len(chunks)-1].Events[0].Usage = &llm.Usage{}
	for i := range chunks {
		chunks[i].More = i < len(chunks)-1
	}
	if diff := cmp.Diff(chunks, read(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(chunks, read(got)); diff != "" {
		t.Errorf("the second time:\n%s", diff)
	}
}

// RC-01: any part of what makes a request makes another key.
func TestRC01_Key(t *testing.T) {
	t.Parallel()
	const body = `{"model": "x", "messages": ["a \" b"]}`
	base := cache.KeyOf(alice(), ask(body))
	if same := cache.KeyOf(alice(), ask("\t{\"model\" :\r\n\"x\",\"messages\":[ \"a \\\" b\" ] } ")); same != base {
		t.Error("white space between tokens makes another key")
	}
	who := func(f func(*identity.Principal)) identity.Principal {
		p := alice()
		f(&p)
		return p
	}
	req := func(f func(*llm.Request)) *llm.Request {
		r := ask(body)
		f(r)
		return r
	}
	seen := map[cache.Key]string{base: "the first", {}: "nobody's"}
	for name, k := range map[string]cache.Key{
		"account":            cache.KeyOf(who(func(p *identity.Principal) { p.Account = "bob" }), ask(body)),
		"key":                cache.KeyOf(who(func(p *identity.Principal) { p.KeyHash = "k2" }), ask(body)),
		"account and key":    cache.KeyOf(who(func(p *identity.Principal) { p.Account, p.KeyHash = "alic", "ek1" }), ask(body)),
		"model":              cache.KeyOf(alice(), req(func(r *llm.Request) { r.Models = []string{"a/c"} })),
		"models":             cache.KeyOf(alice(), req(func(r *llm.Request) { r.Models = []string{"a/b", "a/c"} })),
		"order of models":    cache.KeyOf(alice(), req(func(r *llm.Request) { r.Models = []string{"a/c", "a/b"} })),
		"no model":           cache.KeyOf(alice(), req(func(r *llm.Request) { r.Models = nil })),
		"dialect":            cache.KeyOf(alice(), req(func(r *llm.Request) { r.Dialect = llm.Messages })),
		"whole":              cache.KeyOf(alice(), req(func(r *llm.Request) { r.Stream = false })),
		"order of members":   cache.KeyOf(alice(), ask(`{"messages": ["a \" b"], "model": "x"}`)),
		"a member more":      cache.KeyOf(alice(), ask(`{"model": "x", "messages": ["a \" b"], "temperature": 1}`)),
		"white space inside": cache.KeyOf(alice(), ask(`{"model": "x", "messages": ["a \"  b"]}`)),
	} {
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
}

// No two requests that differ in anything share a key, and none is known by a name
// from which its tenant could be told.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	text := rapid.StringMatching(`[ab"\\ ]{0,3}`)
	type parts struct {
		Account, Hash, Dialect, Body string
		Models                       []string
		Stream                       bool
	}
	draw := rapid.Custom(func(t *rapid.T) parts {
		return parts{
			text.Draw(t, "account"), text.Draw(t, "key"), text.Draw(t, "dialect"), text.Draw(t, "body"),
			rapid.SliceOfN(text, 0, 3).Draw(t, "models"), rapid.Bool().Draw(t, "stream"),
		}
	})
	key := func(p parts) cache.Key {
		return cache.KeyOf(identity.Principal{Account: p.Account, KeyHash: p.Hash}, &llm.Request{
			Dialect: llm.Dialect(p.Dialect), Models: p.Models, Stream: p.Stream, Cache: llm.Caching{Body: cache.Digest([]byte(strconv.Quote(p.Body)))},
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		if same := cmp.Equal(a, b, cmpopts.EquateEmpty()); same != (key(a) == key(b)) {
			t.Fatalf("same %v: %+v and %+v", same, a, b)
		}
	})
}

// An entry under another key's name, of another form, cut short or changed, is none;
// and none costs more than its bytes.
func TestStoreIsNotTrusted(t *testing.T) {
	t.Parallel()
	at, s := newClock(), newShelf()
	c := cache.New(s, at.now)
	mine, other := cache.KeyOf(alice(), ask(`1`)), cache.KeyOf(alice(), ask(`2`))
	c.Put(t.Context(), mine, cache.Entry{Source: "gen-1", TTL: time.Minute, Lost: []string{"seed"}}, record(everything()...))
	c.Put(t.Context(), other, cache.Entry{Source: "gen-2", TTL: time.Minute}, record(everything()...))
	var names []string
	for name := range s.all {
		names = append(names, name)
		if strings.Contains(name, "alice") || strings.Contains(name, "k1") {
			t.Errorf("the name tells whose it is: %s", name)
		}
		if s.ttls[name] != time.Minute {
			t.Errorf("kept for %s", s.ttls[name])
		}
	}
	s.all[names[0]], s.all[names[1]] = s.all[names[1]], s.all[names[0]]
	for _, k := range []cache.Key{mine, other} {
		if e, ok := c.Get(t.Context(), k); ok {
			t.Errorf("another request's answer: %+v", e)
		}
	}
	s.all[names[0]], s.all[names[1]] = s.all[names[1]], s.all[names[0]]
	if _, ok := c.Get(t.Context(), mine); !ok {
		t.Fatal("it was there")
	}
	good := map[string][]byte{names[0]: s.all[names[0]], names[1]: s.all[names[1]]}
	found := func() bool {
		_, a := c.Get(t.Context(), mine)
		_, b := c.Get(t.Context(), other)
		return a || b
	}
	for n := range len(good[names[0]]) {
		for name, text := range good {
			s.all[name] = text[:min(n, len(text)-1)]
		}
		if found() && n < len(good[names[0]])-40 { // the usage report at the end may be gone
			t.Fatalf("cut at %d of %d it is still an answer", n, len(good[names[0]]))
		}
	}
	for name, text := range good {
		text = bytes.Clone(text)
		text[0]++ // another version
		s.all[name] = text
	}
	if found() {
		t.Error("an entry of another version is read")
	}
}

// RC-03: an entry ends with its time by our clock, whatever the store thinks.
func TestRC03_Expiry(t *testing.T) {
	t.Parallel()
	at := newClock()
	c := cache.New(newShelf(), at.now)
	key := cache.KeyOf(alice(), ask(`{}`))
	put := func(ttl time.Duration) {
		c.Delete(t.Context(), key)
		c.Put(t.Context(), key, cache.Entry{TTL: ttl}, record(everything()...))
	}
	there := func() bool {
		_, ok := c.Get(t.Context(), key)
		return ok
	}
	put(10 * time.Second)
	for _, step := range []struct {
		by   time.Duration
		want bool
	}{{0, true}, {10*time.Second - 1, true}, {1, false}, {-time.Hour, true}} {
		at.at = at.at.Add(step.by)
		if there() != step.want {
			t.Errorf("after %s: %v", step.by, !step.want)
		}
	}
	for _, ttl := range []time.Duration{0, -time.Second, time.Millisecond, 24*time.Hour + 1} {
		if put(ttl); there() {
			t.Errorf("kept for %s", ttl)
		}
	}
}

// What is too large is not kept, and takes no memory while it passes.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	c := cache.New(newShelf(), newClock().now)
	key := cache.KeyOf(alice(), ask(`{}`))
	for name, piece := range map[string]llm.Chunk{
		"frames": {From: llm.Chat, Raw: make([]byte, 1<<20)},
		"text":   {Events: []llm.Event{{Kind: llm.TextDelta, Block: 3, Text: strings.Repeat("a", 1<<20)}}},
		"media":  {Events: []llm.Event{{Kind: llm.MediaDelta, Block: 4, Media: &llm.Media{Data: strings.Repeat("a", 1<<20)}}}},
	} {
		for _, n := range []int{7, 9} {
			r := cache.NewRecording(llm.Chat)
			r.Add(llm.Chunk{Events: []llm.Event{
				{Kind: llm.Start}, {Kind: llm.BlockOpen, Block: 3}, {Kind: llm.BlockOpen, Block: 4, Open: llm.BlockImage},
			}})
			for range n {
				r.Add(piece)
			}
			r.Add(llm.Chunk{Events: []llm.Event{
				{Kind: llm.BlockClose, Block: 3}, {Kind: llm.BlockClose, Block: 4}, {Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}},
			}})
			c.Delete(t.Context(), key)
			c.Put(t.Context(), key, cache.Entry{TTL: time.Minute}, r)
			e, ok := c.Get(t.Context(), key)
			if ok != (n == 7) {
				t.Fatalf("%d MiB of %s: kept is %v", n, name, ok)
			}
			if !ok {
				continue
			}
			flushes := 0
			for c := range e.Chunks() {
				if !c.More {
					flushes++
				}
			}
			if flushes < n {
				t.Errorf("%d MiB of %s are flushed %d times", n, name, flushes)
			}
		}
	}
}

// RC-04: of a vendor's frames nothing counts, and all else stays.
func TestRC04_Uncounted(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`{"usage":{"input_tokens":1,"d":{"n":22}}, "x" : 3}`, `{"usage":{"input_tokens":0,"d":{"n":0}},"x" : 3}`},
		{`{"type":"message_start","message":{"id":"m","usage":{"a":10,"tier":"v1"}}}`, `{"type":"message_start","message":{"id":"m","usage":{"a":0,"tier":"v1"}}}`},
		{`{"choices":[{"index":3,"usage":{"n":1},"delta":{"content":"1"}}],"x_groq":{"id":7,"usage":{"t":0.5}}}`, `{"choices":[{"index":3,"usage":{"n":0},"delta":{"content":"1"}}],"x_groq":{"id":7,"usage":{"t":0}}}`},
		{`{"a":1, "usage":null, "b":{"usage":null}}`, `{"a":1, "usage":null, "b":{"usage":null}}`},
		// What the model said is the model's.
		{`{"content":[{"input":{"usage":{"n":1}}}],"usage":null}`, `{"content":[{"input":{"usage":{"n":1}}}],"usage":null}`},
		{`{"choices":[{"message":{"usage":{"n":1}}}]}`, `{"choices":[{"message":{"usage":{"n":1}}}]}`},
		{`{"item":{"arguments":{"usage":1}}}`, `{"item":{"arguments":{"usage":1}}}`},
		{`{"delta":"\"usage\":5"}`, `{"delta":"\"usage\":5"}`},
	} {
		at := newClock()
		store := cache.New(newShelf(), at.now)
		key := cache.KeyOf(alice(), ask(`{}`))
		store.Put(t.Context(), key, cache.Entry{TTL: time.Minute}, record(
			llm.Chunk{From: llm.Chat, Raw: []byte(c[0]), Events: []llm.Event{{Kind: llm.Start}}},
			llm.Chunk{From: llm.Messages, Raw: []byte(`{}`), Events: []llm.Event{{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}}}},
			llm.Chunk{From: llm.Chat, Raw: []byte(`{"usage":nonsense`)}))
		e, ok := store.Get(t.Context(), key)
		if !ok {
			t.Fatal(c[0])
		}
		chunks := read(e)
		if got := string(chunks[0].Raw); got != c[1] {
			t.Errorf("%s\nis %s\nnot %s", c[0], got, c[1])
		}
		for _, c := range chunks[1:] {
			if c.From != "" || c.Raw != nil {
				t.Errorf("kept: %+v", c)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	const most, value = 1 << 20, 10 << 10
	m, err := cache.NewMemory(most)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := t.Context()
	m.Put(ctx, "a", []byte("1"), time.Minute)
	m.Put(ctx, "b", []byte("2"), time.Minute)
	m.Put(ctx, "a", []byte("3"), time.Minute)
	m.Delete(ctx, "b")
	if v, ok := m.Get(ctx, "a"); !ok || string(v) != "3" {
		t.Errorf("%q %v", v, ok)
	}
	if v, ok := m.Get(ctx, "b"); ok {
		t.Errorf("%q is there", v)
	}
	for i := range 1000 {
		m.Put(ctx, strconv.Itoa(i), make([]byte, value), time.Minute)
	}
	m.Settle()
	held := 0
	for i := range 1000 {
		v, _ := m.Get(ctx, strconv.Itoa(i))
		held += len(v)
	}
	if held > most || held < most/2 {
		t.Errorf("%d bytes are held, of %d at most", held, most)
	}
}
