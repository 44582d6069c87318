package faults

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	frame "github.com/turnpike-gateway/turnpike/internal/wire"
)

// inside are the rows of what breaks, is taken away or changes within the product while
// requests are under way (F91 to F100).
func inside() []row {
	return []row{
		{id: "F91", also: panics},
		{id: "F93", also: revoked},
		{id: "F95", also: rotated},
		{id: "F96", also: repriced},
		{id: "F97", also: forbidden},
	}
}

// gate is a vendor's pause: its request has come, and it goes on when it is told to.
type gate struct {
	come chan struct{}
	goOn chan struct{}
	once sync.Once
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{come: make(chan struct{}, 16), goOn: make(chan struct{})}
	t.Cleanup(g.open)
	return g
}

func (g *gate) open() { g.once.Do(func() { close(g.goOn) }) }

func (g *gate) wait(t *testing.T) {
	t.Helper()
	select {
	case <-g.come:
	case <-time.After(patience):
		t.Fatal("nobody comes")
	}
}

// keeps is a vendor that stops after the first words of an answer.
func (g *gate) keeps(w *wire) {
	w.begin()
	w.data(role, delta("Hel"))
	g.come <- struct{}{}
	select {
	case <-g.goOn:
		w.data(delta("lo"), finish, usage, done)
		w.say(endOfSSE)
	case <-w.done:
	}
}

// holds is a vendor that stops before it answers, as another one then.
func (g *gate) holds(then script) script {
	return func(w *wire) {
		g.come <- struct{}{}
		select {
		case <-g.goOn:
			then(w)
		case <-w.done:
		}
	}
}

const streamOfM = `{"model":"test/m","stream":true,"messages":[{"role":"user","content":"Hi"}]%s}`

// later asks in another goroutine.
func (s *stack) later(t *testing.T, body string) <-chan answer {
	t.Helper()
	got := make(chan answer, 1)
	ctx := t.Context()
	go func() {
		a, err := s.try(ctx, body)
		if err != nil {
			a.body = "error: " + err.Error()
		}
		got <- a
	}()
	return got
}

// follows is later for a stream, and returns when the caller has read a word of it.
func (s *stack) follows(t *testing.T, body, word string) <-chan answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.origin+"/api/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	a, buf := answer{status: resp.StatusCode, header: resp.Header}, make([]byte, 4<<10)
	for !strings.Contains(a.body, word) {
		n, err := resp.Body.Read(buf)
		a.body += string(buf[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, a.body)
		}
	}
	got := make(chan answer, 1)
	go func() {
		defer resp.Body.Close()
		rest, _ := io.ReadAll(resp.Body) // what is missing will be missed
		a.body += string(rest)
		got <- a
	}()
	return got
}

// provided is YAML of providers a, b, ... at these vendors.
func provided(vendors ...*vendor) string {
	var b strings.Builder
	b.WriteString("providers:\n")
	for i, v := range vendors {
		fmt.Fprintf(&b, "  %c: {name: %c, dialect: chat, base_url: \"http://%s\", api_key: %s}\n", 'a'+i, 'A'+i, v.base(), secret)
	}
	return b.String()
}

// served is YAML of test/m at providers, each with what else is to be said of it.
func served(more ...string) string {
	var b strings.Builder
	b.WriteString("models:\n  test/m:\n    endpoints:\n")
	for i, m := range more {
		fmt.Fprintf(&b, "      - {provider: %c, native: n, pricing: {prompt: \"0.000001\", completion: \"0.000002\"}%s}\n", 'a'+i, m)
	}
	return b.String()
}

// panicky is a dialect that panics at a place.
type panicky struct {
	dialect.Upstream
	at string
}

func (p panicky) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	if p.at == "encode" {
		panic(canary)
	}
	return p.Upstream.Encode(req, to)
}

func (p panicky) NewDecoder(req *llm.Request, to dialect.Target) dialect.Decoder {
	return &panickyDecoder{p.Upstream.NewDecoder(req, to), p.at}
}

type panickyDecoder struct {
	dialect.Decoder
	at string
}

func (d *panickyDecoder) Frame(dst []llm.Event, f frame.Frame) ([]llm.Event, error) {
	if d.at == "first" && strings.Contains(string(f.Data), "Hel") || d.at == "later" && strings.Contains(string(f.Data), "lo") {
		panic(canary)
	}
	return d.Decoder.Frame(dst, f)
}

// panics is F91: a panic in a handler, or in any goroutine, costs its request alone, and
// its caller nothing.
func panics(t *testing.T) {
	for at, want := range map[string]struct {
		status int
		text   string // before it ends in band
	}{"encode": {500, ""}, "first": {500, ""}, "later": {200, "Hel"}} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			v := newVendor(t, plain, streams(role, delta("Hel"), delta("lo"), finish, usage, done))
			s := start(t, provided(v)+served(""), nil, nil)
			s.panics = true
			well := (*s.live.Load())["a"]
			s.changes(func(live map[string]provider.Live) {
				l := well
				l.Speaks = map[llm.Dialect]dialect.Upstream{llm.Chat: panicky{well.Speaks[llm.Chat], at}}
				live["a"] = l
			})
			a := s.ask(t, fmt.Sprintf(streamOfM, ""))
			d := understand(t, a)
			if a.status != want.status || d.err == nil || d.err.Code != 500 || d.text != want.text || strings.Contains(a.body, canary) || strings.Contains(a.body, "panic") {
				t.Errorf("%d %s", a.status, a.body)
			}
			if all := s.recorded("test/m"); len(all) != 1 || all[0].Charged != 0 {
				t.Errorf("%+v", all)
			}
			if strings.Contains(s.log.String(), canary) {
				t.Error("the log tells what was in it")
			}
			s.changes(func(live map[string]provider.Live) { live["a"] = well })
			if d := understand(t, s.ask(t, fmt.Sprintf(streamOfM, ""))); d.text != "Hello" {
				t.Errorf("then %+v", d)
			}
		})
	}
	t.Run("in a goroutine", func(t *testing.T) {
		t.Parallel()
		v := newVendor(t, plain, says("Hello"))
		s := start(t, strings.Replace(provided(v, v), "http://"+v.base(), "http://x"+panicking, 1)+served(", timeouts: {first_byte: 60s}", ""), nil, nil)
		s.panics = true
		a := s.ask(t, fmt.Sprintf(streamOfM, `,"provider":{"order":["a"],"allow_fallbacks":false}`))
		if d := understand(t, a); a.status != http.StatusServiceUnavailable || d.err == nil || strings.Contains(a.body, canary) {
			t.Errorf("%d %s", a.status, a.body)
		}
		if d := understand(t, s.ask(t, fmt.Sprintf(streamOfM, `,"provider":{"order":["b"]}`))); d.text != "Hello" {
			t.Errorf("then %+v", d)
		}
	})
}

// revoked is F93: what a key began finishes, or, where the operator wants it so, ends in
// an error in band; new requests are refused either way.
func revoked(t *testing.T) {
	kill := map[string]func(t *testing.T, s *stack, k identity.Key){
		"deleted": func(t *testing.T, s *stack, k identity.Key) {
			t.Helper()
			if err := s.directory.DeleteKey(t.Context(), account, k.Hash); err != nil {
				t.Fatal(err)
			}
		},
		"disabled": func(t *testing.T, s *stack, k identity.Key) {
			t.Helper()
			if _, err := s.directory.UpdateKey(t.Context(), account, k.Hash, identity.Change{Disabled: new(true)}); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(_ *testing.T, s *stack, _ identity.Key) { s.pass(2 * time.Minute) },
	}
	for how, take := range kill {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/strict=%t", how, strict), func(t *testing.T) {
				t.Parallel()
				g := newGate(t)
				s := start(t, provided(newVendor(t, plain, g.keeps))+served(""), nil, nil)
				s.freeze()
				if strict {
					s.gateway.Stands = s.directory.Stands
				}
				plain, k, err := s.directory.CreateKey(t.Context(), account, identity.NewKey{Name: "short", ExpiresAt: s.gateway.Now().Add(time.Minute)})
				if err != nil {
					t.Fatal(err)
				}
				s.key = plain
				got := s.follows(t, fmt.Sprintf(streamOfM, ""), "Hel")
				if n := s.gateway.Revoke(t.Context()); n != 0 {
					t.Errorf("%d requests end while their key stands", n)
				}
				take(t, s, k)
				if n := s.gateway.Revoke(t.Context()); n != map[bool]int{true: 1}[strict] {
					t.Errorf("%d requests end", n)
				}
				if !strict {
					g.open()
				}
				a := <-got
				d, o := understand(t, a), s.recorded("test/m")
				if len(o) != 1 {
					t.Fatalf("%d outcomes", len(o))
				}
				switch {
				case !strict && (d.err != nil || d.text != "Hello" || o[0].Charged != costA):
					t.Errorf("%d %s, charged %s", a.status, a.body, o[0].Charged)
				case strict && (d.err == nil || d.err.Code != http.StatusUnauthorized || d.err.Metadata.ErrorType != string(llm.TypeAuthentication) || d.text != "Hel"):
					t.Errorf("%d %s", a.status, a.body)
				case strict && (!o[0].Usage.Estimated || o[0].Charged == 0 || o[0].Charged >= costA || o[0].ErrorType != llm.TypeAuthentication):
					t.Errorf("%+v", o[0])
				}
				if s.health.Standing("test/m@a").Grade != 0 {
					t.Error("the endpoint is blamed")
				}
				if a := s.ask(t, fmt.Sprintf(streamOfM, "")); a.status != http.StatusUnauthorized {
					t.Errorf("a new request: %d %s", a.status, a.body)
				}
			})
		}
	}
	t.Run("in one piece", func(t *testing.T) { // of which nothing has been delivered
		t.Parallel()
		g := newGate(t)
		s := start(t, provided(newVendor(t, plain, g.keeps))+served(""), nil, nil)
		s.gateway.Stands = s.directory.Stands
		plain, k, err := s.directory.CreateKey(t.Context(), account, identity.NewKey{Name: "short"})
		if err != nil {
			t.Fatal(err)
		}
		s.key = plain
		got := s.later(t, `{"model":"test/m","messages":[{"role":"user","content":"Hi"}]}`)
		g.wait(t)
		kill["deleted"](t, s, k)
		if n := s.gateway.Revoke(t.Context()); n != 1 {
			t.Errorf("%d requests end", n)
		}
		if a := <-got; understand(t, a).err == nil || s.recorded("test/m")[0].Charged != 0 {
			t.Errorf("%d %s: %+v", a.status, a.body, s.recorded("test/m")[0])
		}
	})
}

// keysSeen are those that a vendor was sent, in order.
type keysSeen struct {
	mu   sync.Mutex
	list []string
}

func (k *keysSeen) before(then script) script {
	return func(w *wire) {
		k.mu.Lock()
		k.list = append(k.list, strings.TrimPrefix(w.header.Get("Authorization"), "Bearer "))
		k.mu.Unlock()
		then(w)
	}
}

func (k *keysSeen) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.list)
}

// rotated is F95: an old key is for those attempts alone that had begun.
func rotated(t *testing.T) {
	replaced := func(live map[string]provider.Live, slug string, keys ...provider.Key) {
		l := live[slug]
		l.Keys = keys
		live[slug] = l
	}
	t.Run("mid-flight", func(t *testing.T) {
		t.Parallel()
		g, seen := newGate(t), &keysSeen{}
		s := start(t, provided(newVendor(t, plain, seen.before(g.keeps)))+served(""), nil, nil)
		first := s.later(t, fmt.Sprintf(streamOfM, ""))
		g.wait(t)
		s.changes(func(live map[string]provider.Live) { replaced(live, "a", provider.Key{Secret: "new"}) })
		second := s.later(t, fmt.Sprintf(streamOfM, ""))
		g.wait(t)
		g.open()
		for _, got := range []<-chan answer{first, second} {
			if a := <-got; understand(t, a).text != "Hello" {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if got := seen.all(); !slices.Equal(got, []string{secret, "new"}) {
			t.Errorf("it was asked with %d keys, the last %q", len(got), got[len(got)-1])
		}
	})
	t.Run("before a fallback", func(t *testing.T) {
		t.Parallel()
		g, seen := newGate(t), &keysSeen{}
		a, b := newVendor(t, plain, g.holds(refuses(500, complaint("server_error", canary)))), newVendor(t, plain, seen.before(says("Hello")))
		s := start(t, provided(a, b)+served("", ""), nil, nil)
		got := s.later(t, fmt.Sprintf(streamOfM, `,"provider":{"order":["a","b"]}`))
		g.wait(t)
		s.changes(func(live map[string]provider.Live) { replaced(live, "b", provider.Key{Secret: "new"}) })
		g.open()
		if a := <-got; understand(t, a).text != "Hello" || !slices.Equal(seen.all(), []string{"new"}) {
			t.Errorf("%d %s, with %d keys", a.status, a.body, len(seen.all()))
		}
	})
	t.Run("a key that is gone", func(t *testing.T) {
		t.Parallel()
		g, seen := newGate(t), &keysSeen{}
		s := start(t, provided(newVendor(t, plain, seen.before(g.holds(refuses(401, complaint("invalid_api_key", canary))))))+served(""), nil, nil)
		s.changes(func(live map[string]provider.Live) {
			replaced(live, "a", provider.Key{Label: "one", Secret: "one"}, provider.Key{Label: "two", Secret: "two"})
		})
		got := s.later(t, fmt.Sprintf(streamOfM, ""))
		g.wait(t)
		begun := seen.all()[0]
		s.changes(func(live map[string]provider.Live) { replaced(live, "a", provider.Key{Label: begun, Secret: begun}) })
		g.open()
		if a := <-got; understand(t, a).err == nil || len(seen.all()) != 1 {
			t.Errorf("%d %s, with %d keys", a.status, a.body, len(seen.all()))
		}
	})
}

// repriced is F96, I9: a request pays what was the price when it was let in.
func repriced(t *testing.T) {
	for _, mode := range []string{`,"stream":true`, `,"stream":false`, `,"stream":false,"max_tokens":5`} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			body := `{"model":"test/m","messages":[{"role":"user","content":"Hi"}]` + mode + `}`
			g := newGate(t)
			then := says("Hello")
			s := start(t, provided(newVendor(t, plain, g.holds(then)))+served(""), nil, nil)
			got := s.later(t, body)
			g.wait(t)
			dearer, err := config.Parse("faults.yaml", []byte("sim: false\ndiscover: false\ncatalog: {builtin: false}\nproviders:\n  a: {name: A, dialect: chat, base_url: \"http://127.0.0.1:1\", api_key: x}\n"+
				strings.ReplaceAll(served(""), `"0.00000`, `"0.0000`)), func(string) string { return "" })
			if err != nil {
				t.Fatal(err)
			}
			s.sells(t, dearer)
			g.open()
			if a := <-got; understand(t, a).text != "Hello" {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if o := s.recorded("test/m")[0]; o.Charged != costA {
				t.Errorf("charged %s, want %s", o.Charged, money.Nano(costA))
			}
		})
	}
}

// forbidden is F97, R5: better no answer than a forbidden one.
func forbidden(t *testing.T) {
	const keepsNothing, trains = `, data_policy: {training: false, retention_days: 0, zdr: true, source: "https://example.com/terms"}`, `, data_policy: {training: true, retention_days: 30}`
	down := refuses(500, complaint("server_error", canary))
	for _, wish := range []string{`,"provider":{"zdr":true}`, `,"provider":{"data_collection":"deny"}`} {
		rule := map[bool]string{true: "data_policy:zdr", false: "data_policy:training"}[strings.Contains(wish, "zdr")]
		for name, c := range map[string]struct {
			first   string // of a, which is down
			status  int
			typ     llm.Type
			already bool // what is down is known to be
		}{
			"an allowed one is down":              {keepsNothing, 502, llm.TypeUnavailable, false},
			"an allowed one is known to be down":  {keepsNothing, 503, llm.TypeOverloaded, true},
			"there is no allowed one":             {trains, 404, llm.TypeNotFound, false},
			"of the allowed one nothing is known": {"", 404, llm.TypeNotFound, false},
		} {
			t.Run(rule+"/"+name, func(t *testing.T) {
				t.Parallel()
				a, b := newVendor(t, plain, down), newVendor(t, plain, says("forbidden"))
				s := start(t, provided(a, b)+served(c.first, trains), nil, nil)
				if c.already {
					for range 5 {
						s.health.Failed("test/m@a", false)
					}
				}
				got := s.ask(t, fmt.Sprintf(streamOfM, wish))
				d := understand(t, got)
				if got.status != c.status || d.err == nil || d.err.Metadata.ErrorType != string(c.typ) || strings.Contains(got.body, "forbidden") {
					t.Errorf("%d %s", got.status, got.body)
				}
				if c.status == 404 && (!strings.Contains(got.body, `"privacy_restricted"`) || !strings.Contains(got.body, `"excluded_by":["`+rule+`"]`) || !strings.Contains(got.body, `"test/m@b"`)) {
					t.Errorf("it does not say why: %s", got.body)
				}
				if len(b.asked()) != 0 {
					t.Error("the forbidden one was asked")
				}
			})
		}
	}
}

// panicking is the ending of names at which the resolver panics.
const panicking = ".panics.test"
