package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
)

// shelf is a store of answers that a test looks into.
type shelf struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.all[key]
	return v, ok
}

func (s *shelf) Put(_ context.Context, key string, value []byte, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[key] = value
}

func (s *shelf) Delete(_ context.Context, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
}

// caching gives a rig a response cache.
func caching(t *testing.T, credit money.Nano) *rig {
	t.Helper()
	r := newRig(t, credit)
	r.Cache = cache.New(&shelf{all: map[string][]byte{}}, time.Now)
	return r
}

func alice() identity.Principal { return identity.Principal{Account: account, KeyHash: "k"} }

// again asks with the response cache on.
func (r *rig) again(ctx context.Context, t *testing.T, who identity.Principal, c caller, id, body string, out sinkBuffer, header ...string) answer {
	t.Helper()
	h := http.Header{}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
	req, err := c.client.Parse([]byte(body), h)
	if err != nil {
		t.Fatal(err)
	}
	req.ID = id
	req.Strict = h.Get("X-Turnpike-Strict") != ""
	req.Cache = llm.Caching{On: true, TTL: time.Minute, Body: cache.Digest([]byte(body))}
	var a answer
	if err := r.Run(ctx, who, req, c.client.NewEmitter(out, req), &a.outcome); err != nil {
		a.err, _ = errors.AsType[*llm.Error](err)
	}
	a.body = out.String()
	return a
}

var (
	moments = regexp.MustCompile(`"(created|created_at|completed_at)":\d+`)
	counts  = regexp.MustCompile(`: *-?(0\.0*)?[1-9]`)
)

// lasting is an answer without what is made anew each time: its id, its time, its usage.
func lasting(a answer) string {
	text, _ := counted(moments.ReplaceAllString(strings.ReplaceAll(a.body, strings.TrimPrefix(a.outcome.ID, "gen-"), "ID"), `"$1":0`))
	return text
}

// counted takes the usage objects out of an answer.
func counted(text string) (rest string, usages []string) {
	const member = `"usage":{`
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, member)
		out.WriteString(before)
		if !found {
			return out.String(), usages
		}
		depth, i := 1, 0
		for ; depth > 0; i++ {
			switch after[i] {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		usages, text = append(usages, after[:i]), after[i:]
	}
}

// An answer that is given again is what it was, byte for byte, in every language of
// caller and upstream, streamed and whole; and costs nothing (RC-04, RC-09).
func TestRC04_GivenAgain(t *testing.T) {
	t.Parallel()
	r := caching(t, 1000*money.USD)
	for _, c := range callers() {
		for _, model := range echoes() {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/%v", c.client.Name(), model, stream), func(t *testing.T) {
					t.Parallel()
					body := c.ask(model, stream, 64)
					first := r.again(t.Context(), t, alice(), c, "gen-first-"+t.Name(), body, &buffer{})
					if first.err != nil || first.outcome.CacheSource != "" {
						t.Fatalf("%v %+v", first.err, first.outcome)
					}
					if first.outcome.Charged == 0 {
						t.Errorf("the first was free")
					}
					for range 2 {
						hit := r.again(t.Context(), t, alice(), c, "gen-other-"+t.Name(), body, &buffer{})
						o := hit.outcome
						if hit.err != nil || o.CacheSource != first.outcome.ID {
							t.Fatalf("not given again: %v %+v", hit.err, o)
						}
						if diff := cmp.Diff(lasting(first), lasting(hit)); diff != "" {
							t.Error(diff)
						}
						if strings.Contains(hit.body, first.outcome.ID) {
							t.Errorf("it has the id of the first: %s", hit.body)
						}
						_, usages := counted(hit.body)
						if u := strings.Join(usages, " "); u == "" || counts.MatchString(u) {
							t.Errorf("it counts: %s", u)
						}
						want := record.Outcome{
							ID: o.ID, Account: account, KeyHash: "k", CacheSource: first.outcome.ID,
							Requested: first.outcome.Requested, Model: first.outcome.Model, ProviderSlug: "sim", ProviderName: first.outcome.ProviderName,
							Dialect: c.client.Name(), Streamed: stream, Finish: first.outcome.Finish,
							Began: o.Began, FirstContent: o.FirstContent, Ended: o.Ended,
						}
						if diff := cmp.Diff(want, o); diff != "" {
							t.Error(diff)
						}
					}
				})
			}
		}
	}
}

// RC-02: after whatever goes wrong there is nothing to give again, and a good answer is
// given again as it was.
func TestRC02_Faults(t *testing.T) {
	t.Parallel()
	r := caching(t, 1000*money.USD)
	r.Relay.Timeouts = relay.Timeouts{FirstByte: 300 * time.Millisecond, Idle: 300 * time.Millisecond}
	for _, f := range sim.Faults() {
		if f.Name == "gzip-bomb" || f.Name == "endless-line" || f.Name == "runaway" { // seconds, and 64 MiB
			continue
		}
		for _, c := range callers() {
			for _, model := range []string{strings.TrimSuffix("sim/echo-"+string(c.client.Name()), "-chat")} { // so that frames are forwarded
				for _, stream := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s/%s/%s/%v", f.Name, c.client.Name(), model, stream), func(t *testing.T) {
						t.Parallel()
						body := strings.Replace(c.ask(model, stream, 1), prompt, prompt+" "+f.Name, 1)
						first := r.again(t.Context(), t, alice(), c, "gen-first-"+t.Name(), body, &buffer{}, "X-Turnpike-Sim: "+f.Name)
						second := r.again(t.Context(), t, alice(), c, "gen-other-"+t.Name(), body, &buffer{})
						good := first.err == nil && first.outcome.ErrorType == "" && first.outcome.Finish.Unified != llm.FinishError &&
							first.outcome.Usage.Completion() > 0
						again := second.outcome.CacheSource != ""
						if again && !good {
							t.Errorf("given again: %+v %.600s", first.outcome, first.body)
						}
						if again && lasting(first) != lasting(second) {
							t.Errorf("another answer: %s", cmp.Diff(lasting(first), lasting(second)))
						}
						barren := f.Name == "empty-answer" || f.Name == "refusal" || f.Name == "huge-chunk" // which we cut
						if good && !again && !barren {
							t.Errorf("a good answer was not kept: %+v %.600s", first.outcome, first.body)
						}
					})
				}
			}
		}
	}
}

// RC-02: what its caller did not read to the end, or we cut short, is not kept.
func TestRC02_Partial(t *testing.T) {
	t.Parallel()
	c := callers()[0]
	long := strings.Repeat("four ", 12_000)
	body := fmt.Sprintf(`{"model":"sim/echo","stream":true,"messages":[{"role":"user","content":%q}]}`, long)
	t.Run("left", func(t *testing.T) {
		t.Parallel()
		r := caching(t, money.USD)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		gone := r.again(ctx, t, alice(), c, "gen-1", body, &quitter{cancel: cancel, after: 3})
		if !gone.outcome.Cancelled {
			t.Fatalf("%+v", gone.outcome)
		}
		if a := r.again(t.Context(), t, alice(), c, "gen-2", body, &buffer{}); a.outcome.CacheSource != "" {
			t.Errorf("given again: %s", a.body)
		}
	})
	t.Run("cut by us", func(t *testing.T) {
		t.Parallel()
		r := caching(t, money.Nano(25_005_001+8192*2000+2_000_000)) // as in TestHoldGrows
		cut := r.again(t.Context(), t, alice(), c, "gen-1", body, &buffer{})
		if cut.outcome.Finish.Native != "insufficient_credits" {
			t.Fatalf("%v %+v", cut.err, cut.outcome)
		}
		if a := r.again(t.Context(), t, alice(), c, "gen-2", body, &buffer{}); a.err == nil || a.outcome.CacheSource != "" {
			t.Errorf("given again: %s", a.body)
		}
	})
	t.Run("who leaves while it is given again", func(t *testing.T) {
		t.Parallel()
		r := caching(t, money.USD)
		if a := r.again(t.Context(), t, alice(), c, "gen-1", body, &buffer{}); a.err != nil {
			t.Fatal(a.err)
		}
		a := r.again(t.Context(), t, alice(), c, "gen-2", body, &quitter{cancel: func() {}, after: 1})
		if a.err != nil || !a.outcome.Cancelled || a.outcome.CacheSource != "gen-1" || r.kept.times("gen-2") != 1 {
			t.Errorf("%v %+v", a.err, a.outcome)
		}
		if a := r.again(t.Context(), t, alice(), c, "gen-3", body, &buffer{}); a.outcome.CacheSource != "gen-1" || a.outcome.Cancelled {
			t.Errorf("%v %+v", a.err, a.outcome)
		}
	})
}

// quitter is a caller who goes away after so many writes.
type quitter struct {
	buffer
	cancel func()
	after  int
}

func (l *quitter) Write(p []byte) (int, error) {
	if l.after--; l.after < 0 {
		l.cancel()
		return 0, errors.New("broken pipe")
	}
	return l.buffer.Write(p)
}

// RC-01, RC-08: only the same key is given it again, and nobody of an account that
// keeps nothing; nor may a strict caller be given what lost something.
func TestRC08_WhoIsGivenIt(t *testing.T) {
	t.Parallel()
	c := callers()[0]
	r := caching(t, money.USD)
	ask := func(who identity.Principal, id, body string, header ...string) answer {
		return r.again(t.Context(), t, who, c, id, body, &buffer{}, header...)
	}
	body := request("sim/echo-converse", `"max_tokens":64`, `"seed":7`, `"provider":{"zdr":true}`)
	zdr := alice()
	zdr.Account = "secretive"
	r.Gate = &policy.Gate{Rules: func(_ context.Context, who identity.Principal, _ time.Time) (policy.Rules, error) {
		if who.Account != zdr.Account {
			return policy.Rules{}, nil
		}
		return policy.Rules{Levels: []policy.Level{{Kind: policy.Account, Terms: policy.Asked(true, false)}}}, nil
	}}
	other, stranger := alice(), identity.Principal{Account: "bob", KeyHash: "k"}
	other.KeyHash = "k2"
	for _, step := range []struct {
		name   string
		who    identity.Principal
		header []string
		hit    bool
	}{
		{"an account that keeps nothing", zdr, nil, false},
		{"the first", alice(), nil, false},
		{"again", alice(), nil, true}, // provider.zdr is no reason against it
		{"who keeps nothing, again", zdr, nil, false},
		{"another key", other, nil, false},
		{"the other key again", other, nil, true},
		{"another account", stranger, nil, false},
		{"who wants nothing lost", alice(), []string{"X-Turnpike-Strict: true"}, false},
		{"and who does not mind", alice(), nil, true},
	} {
		a := ask(step.who, "gen-"+step.name, body, step.header...)
		if hit := a.outcome.CacheSource != ""; hit != step.hit {
			t.Errorf("%s: given again: %v, %v", step.name, hit, a.err)
		}
	}
	management := alice()
	management.Management = true
	if a := ask(management, "gen-management", body); a.err == nil || a.err.Type != llm.TypePermissionDenied {
		t.Errorf("a management key: %v", a.err)
	}
	legacy := caller{client: completions.Client()}
	for _, id := range []string{"gen-c1", "gen-c2"} {
		if a := r.again(t.Context(), t, alice(), legacy, id, `{"model":"sim/echo","prompt":"one two","max_tokens":9}`, &buffer{}); a.err != nil || a.outcome.CacheSource != "" {
			t.Errorf("legacy completions: %v %+v", a.err, a.outcome)
		}
	}
}

// RC-07: two who ask at once are both answered afresh, and both pay.
func TestRC07_NoCoalescing(t *testing.T) {
	t.Parallel()
	c := callers()[0]
	r := caching(t, money.USD)
	const n = 8
	body := request("sim/slow-drip", `"stream":true`)
	var wg sync.WaitGroup
	answers := make([]answer, n)
	for i := range answers {
		wg.Go(func() {
			answers[i] = r.again(t.Context(), t, alice(), c, fmt.Sprint("gen-", i), body, &buffer{})
		})
	}
	wg.Wait()
	var paid money.Nano
	for _, a := range answers {
		if a.err != nil || a.outcome.CacheSource != "" || a.outcome.Charged == 0 {
			t.Errorf("%v %+v", a.err, a.outcome)
		}
		paid += a.outcome.Charged
	}
	if b := r.balance(); b.Posted != money.USD-paid || b.Held != 0 {
		t.Errorf("%+v, paid %s", b, paid)
	}
	before := r.balance()
	if a := r.again(t.Context(), t, alice(), c, "gen-again", body, &buffer{}); a.outcome.CacheSource == "" {
		t.Errorf("%v %+v", a.err, a.outcome)
	}
	if r.balance() != before {
		t.Errorf("the books have changed: %+v", r.balance())
	}
}

// A store that does not answer costs a caller little time, and no answer.
func TestCacheStoreIsSlow(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	r.Cache = cache.New(stuck{}, time.Now)
	for _, id := range []string{"gen-1", "gen-2"} {
		a := r.again(t.Context(), t, alice(), callers()[0], id, request("sim/echo"), &buffer{})
		if a.err != nil || a.outcome.CacheSource != "" {
			t.Errorf("%v %+v", a.err, a.outcome)
		}
	}
}

// stuck is a store that answers when it is too late.
type stuck struct{}

func (stuck) Get(ctx context.Context, _ string) ([]byte, bool) {
	<-ctx.Done()
	return nil, false
}

func (stuck) Put(ctx context.Context, _ string, _ []byte, _ time.Duration) { <-ctx.Done() }

func (stuck) Delete(ctx context.Context, _ string) { <-ctx.Done() }
