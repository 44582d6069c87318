package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// outcome counts what became of many requests.
type outcome struct {
	answered, refused int
	charged           dollars
	ids               []string
	wrong             []string
}

// together sends n requests at once and sorts out what became of them: an answer
// with its cost, or a 402.
func (s *server) together(ctx context.Context, n int, key, body string) (o outcome) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			a, err := s.try(ctx, http.MethodPost, chatPath, body, "Authorization", "Bearer "+key)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				o.wrong = append(o.wrong, err.Error())
			case a.status == http.StatusPaymentRequired:
				if _, err := envelope(a.status, a.header, a.body); err != nil {
					o.wrong = append(o.wrong, err.Error())
				}
				o.refused++
			case a.status != http.StatusOK:
				o.wrong = append(o.wrong, fmt.Sprintf("%d %s", a.status, a.body))
			default:
				d, err := understand(a)
				if err != nil || d.Usage == nil {
					o.wrong = append(o.wrong, fmt.Sprintf("%v in %s", err, a.body))
					return
				}
				o.answered++
				o.charged += d.Usage.Cost
				o.ids = append(o.ids, d.ID)
			}
		})
	}
	all.Wait()
	return o
}

// TestLastCent has 200 requests race for a balance, and for a key's limit, that
// covers exactly 50 of their holds: none is oversold, none is charged twice (F86).
func TestLastCent(t *testing.T) {
	t.Parallel()
	const (
		holds = 50
		// Each is to say 64 tokens in about as many events, so that they overlap.
		max  = 64
		body = `{"model":"sim/echo","stream":%t,"max_tokens":64,"messages":[{"role":"user","content":"%s"}]}`
	)
	text := strings.TrimSpace(strings.Repeat("toll ", 2*max))

	// What one hold takes is said by the refusal of an account that has nothing.
	hold := func(t *testing.T, s *server, key, body string) money.Nano {
		a := s.chat(t, body, "Authorization", "Bearer "+key)
		s.refused(t, a, http.StatusPaymentRequired, "this request needs up to $")
		n, err := money.ParseNano(find(a.body, `needs up to \$([0-9.]*[0-9])`))
		if err != nil || n <= 0 {
			t.Fatalf("%v: %s", err, a.body)
		}
		return n
	}
	type made struct {
		Key string `json:"key"`
	}
	key := func(t *testing.T, s *server, args ...string) (k made) {
		s.run(t, &k, append([]string{"keys", "create"}, args...)...)
		return k
	}
	for _, stream := range []bool{true, false} {
		body := fmt.Sprintf(body, stream, text)
		t.Run(fmt.Sprintf("balance, stream=%t", stream), func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.run(t, new(struct{}), "accounts", "create", "poor")
			k := key(t, s, "--account", "poor", "racer")
			one := hold(t, s, k.Key, body)
			var c credits
			s.run(t, &c, "credits", "add", (holds * one).String(), "--account", "poor")
			if c.Available != dollars(holds*one) {
				t.Fatalf("%+v", c)
			}
			raced := make(chan outcome)
			go func() { raced <- s.together(t.Context(), 200, k.Key, body) }()
			var o outcome
			for racing := true; racing; {
				s.verify(t) // right at every moment, not only in the end
				select {
				case o = <-raced:
					racing = false
				default:
				}
			}
			c = credits{}
			s.run(t, &c, "credits", "show", "--account", "poor")
			o.check(t, holds)
			if c.Held != 0 || c.Used != o.charged || c.Balance != c.Credits-c.Used || c.Balance < 0 {
				t.Errorf("%+v after charges of %s", c, o.charged)
			}
			if v := s.verify(t); v.Charges != o.answered || v.Charged != o.charged {
				t.Errorf("verify: %+v after %d charges of %s", v, o.answered, o.charged)
			}
		})
		t.Run(fmt.Sprintf("key limit, stream=%t", stream), func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			one := hold(t, s, key(t, s, "--limit", "0", "nothing").Key, body)
			k := key(t, s, "--limit", (holds * one).String(), "racer")
			o := s.together(t.Context(), 200, k.Key, body)
			o.check(t, holds)
			var view struct {
				Data struct {
					Limit     dollars `json:"limit"`
					Remaining dollars `json:"limit_remaining"`
					Usage     dollars `json:"usage"`
				} `json:"data"`
			}
			a := s.ask(t, http.MethodGet, "/api/v1/key", "", "Authorization", "Bearer "+k.Key)
			if err := json.Unmarshal([]byte(a.body), &view); err != nil {
				t.Fatal(err)
			}
			if d := view.Data; d.Usage != o.charged || d.Remaining != d.Limit-d.Usage || d.Remaining < 0 {
				t.Errorf("%+v after charges of %s", d, o.charged)
			}
			if c := s.account(t); c.Used != o.charged || c.Held != 0 {
				t.Errorf("%+v after charges of %s", c, o.charged)
			}
			// The account has plenty, so that another key goes on.
			if d := understood(t, s.chat(t, body)); d.finish != "length" {
				t.Errorf("another key's answer ends with %q", d.finish)
			}
		})
	}
}

func (o outcome) check(t *testing.T, holds int) {
	t.Helper()
	if len(o.wrong) > 0 {
		t.Errorf("%d went wrong, such as %s", len(o.wrong), o.wrong[0])
	}
	// A request that has ended leaves room for another: 50 is the least.
	if o.answered < holds || o.answered+o.refused != 200 {
		t.Errorf("%d were answered and %d refused", o.answered, o.refused)
	}
	slices.Sort(o.ids)
	if n := len(slices.Compact(o.ids)); n != o.answered {
		t.Errorf("%d ids for %d answers", n, o.answered)
	}
}

// TestKilled kills the server with 100 streams under way, three times over: the
// next start resolves every hold, and the books say what was charged and nothing
// else (F80).
func TestKilled(t *testing.T) {
	t.Parallel()
	const streams = 100
	s := serve(t)
	for round := range 3 {
		var started, all sync.WaitGroup
		started.Add(streams)
		for range streams {
			all.Go(func() {
				began := sync.OnceFunc(started.Done)
				defer began()
				resp, err := s.open(t.Context(), http.MethodPost, chatPath, `{"model":"sim/slow-drip","stream":true,"messages":[{"role":"user","content":"`+strings.Repeat("on and ", 400)+`"}]}`)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				defer resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("round %d: status %d", round, resp.StatusCode)
					return
				}
				for in := bufio.NewReader(resp.Body); ; {
					line, err := in.ReadString('\n')
					if err != nil { // the server is gone: the cut shows
						return
					}
					switch {
					case strings.Contains(line, "[DONE]"):
						t.Errorf("round %d: a stream ended well", round)
					case strings.HasPrefix(line, "data: "):
						began()
					}
				}
			})
		}
		// One answer of each round is charged before the kill.
		paid := understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"pay for this"}]}`))
		started.Wait()
		before := s.account(t)
		if before.Held == 0 {
			t.Fatalf("round %d: nothing is held: %+v", round, before)
		}
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		all.Wait()

		s.start(t)
		after := s.account(t)
		if after.Held != 0 {
			t.Errorf("round %d: %s is held after the restart", round, after.Held)
		}
		if after.Used < before.Used || after.Balance != after.Credits-after.Used {
			t.Errorf("round %d: %+v became %+v", round, before, after)
		}
		v := s.verify(t)
		if v.Open != 0 || v.Charged != after.Used || v.Charges != round+1 {
			t.Errorf("round %d: verify: %+v, and %+v", round, v, after)
		}
		if c := s.generation(t, paid.ID); c != paid.Usage.Cost {
			t.Errorf("round %d: what cost %s is on record with %s", round, paid.Usage.Cost, c)
		}
	}
}

// generation is the total_cost on record.
func (s *server) generation(t *testing.T, id string) dollars {
	t.Helper()
	a := s.ask(t, http.MethodGet, "/api/v1/generation?id="+id, "")
	var g struct {
		Data struct {
			ID    string  `json:"id"`
			Cost  dollars `json:"total_cost"`
			Usage dollars `json:"usage"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &g); err != nil || a.status != http.StatusOK || g.Data.ID != id {
		t.Fatalf("generation %s: %d %s (%v)", id, a.status, a.body, err)
	}
	if g.Data.Cost != g.Data.Usage {
		t.Errorf("generation %s cost %s and was charged %s", id, g.Data.Cost, g.Data.Usage)
	}
	return g.Data.Cost
}

// TestHangUps has callers leave at every stage. Nothing stays held, and what was
// delivered is charged at most (F54-F56).
func TestHangUps(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const body = `{"model":"%s","stream":%t,"messages":[{"role":"user","content":"one two three four five six"}]}`
	tests := []struct {
		name, model string
		stream      bool
		leave       string // once this has been read; "": once the request is out
		free        bool
	}{
		{"before headers", "sim/stall-headers", true, "", true},
		{"before headers, whole", "sim/stall-headers", false, "", true},
		{"before content", "sim/stall-before-first", true, "", true},
		{"in the middle", "sim/slow-drip", true, "two", false},
		{"in a silence", "sim/stall-mid-stream", true, "two", false},
		{"before usage", "sim/echo", true, `"finish_reason":"stop"`, false},
		{"at the end", "sim/echo", true, "[DONE]", false},
		{"after failing over", "sim/failover", true, "two", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := s.account(t)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					ctx, leave := context.WithCancel(t.Context())
					defer leave()
					if tt.leave == "" {
						sent := s.seen(t)
						go func() { sent(); leave() }()
						if a, err := s.try(ctx, http.MethodPost, chatPath, fmt.Sprintf(body, tt.model, tt.stream)); err == nil {
							t.Errorf("it was answered: %d %s", a.status, a.body)
						}
						return
					}
					resp, err := s.open(ctx, http.MethodPost, chatPath, fmt.Sprintf(body, tt.model, tt.stream))
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					in := bufio.NewReader(resp.Body)
					for {
						line, err := in.ReadString('\n')
						if err != nil {
							t.Errorf("%v before %q", err, tt.leave)
							return
						}
						if strings.Contains(line, tt.leave) {
							return
						}
					}
				})
			}
			all.Wait()
			after := s.settled(t)
			if spent := after.Used - before.Used; (spent == 0) != tt.free {
				t.Errorf("leaving cost %s", spent)
			}
			if v := s.verify(t); v.Charged != after.Used || v.Open != 0 {
				t.Errorf("verify: %+v, and %+v", v, after)
			}
		})
	}
	if d := understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"still here"}]}`)); d.text != "still here" {
		t.Errorf("afterwards it says %q", d.text)
	}
}

// seen returns what waits until something is held: then a request is under way.
func (s *server) seen(t *testing.T) func() {
	return func() {
		if err := wait(func() bool { return s.account(t).Held > 0 }); err != nil {
			t.Error(err)
		}
	}
}

// TestCostIsExact compares, for every kind of answer in every dialect, what the
// answer says it cost, what is on record, and by how much the balance fell.
func TestCostIsExact(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const tools = `,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`
	long := strings.Repeat("A long preface, which is the same in every request. ", 60)
	tests := []struct {
		name, rest string
		look       func(d told) string // what is missing, ""
	}{
		{"text", `"messages":[{"role":"user","content":"Every road has its toll."}]`, func(d told) string {
			return unless(d.text == "Every road has its toll." && d.finish == "stop", "text")
		}},
		{"limit", `"max_tokens":2,"messages":[{"role":"user","content":"one two three four"}]`, func(d told) string {
			return unless(d.finish == "length" && d.Usage.Completion == 2, "length")
		}},
		{"reasoning", `"reasoning":{"effort":"high"},"messages":[{"role":"user","content":"think"}]`, func(d told) string {
			return unless(d.reasoning != "", "reasoning")
		}},
		{"tools", `"messages":[{"role":"user","content":"call weather {\"city\":\"Riga\"}\ncall weather {\"city\":\"Oslo\"}"}]` + tools, func(d told) string {
			return unless(d.calls == 2 && d.finish == "tool_calls", "calls")
		}},
		{"reasoning and tools", `"reasoning":{"enabled":true},"messages":[{"role":"user","content":"call weather {\"city\":\"Riga\"}"}]` + tools, func(d told) string {
			return unless(d.calls == 1 && d.reasoning != "", "calls and reasoning")
		}},
		{"cache mark", `"messages":[{"role":"system","content":[{"type":"text","text":"` + long + `","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"cached?"}]`, nil},
		{"cache mark again", `"messages":[{"role":"system","content":[{"type":"text","text":"` + long + `","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"cached?"}]`, nil},
		{"image", `"messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]`, nil},
		{"JSON", `"response_format":{"type":"json_object"},"messages":[{"role":"user","content":"as JSON"}]`, nil},
		{"stop", `"stop":["three"],"messages":[{"role":"user","content":"one two three four"}]`, func(d told) string {
			return unless(strings.TrimSpace(d.text) == "one two", "a stop")
		}},
	}
	for _, model := range []string{"sim/echo", "sim/echo-messages", "sim/echo-gemini", "sim/failover", "sim/usage-every-chunk", "sim/missing-usage", "sim/huge-usage", "sim/echo:free"} {
		for _, stream := range []bool{true, false} {
			for _, tt := range tests {
				t.Run(fmt.Sprintf("%s/stream=%t/%s", model, stream, tt.name), func(t *testing.T) {
					before := s.spent(t)
					a := s.chat(t, fmt.Sprintf(`{"model":"%s","stream":%t,%s}`, model, stream, tt.rest))
					d := understood(t, a)
					switch {
					case d.Error != nil || d.Usage == nil:
						t.Fatalf("no usage: %s", a.body)
					case stream && !d.done:
						t.Error("the stream has no end")
					}
					fell := s.spent(t) - before
					if record := s.generation(t, d.ID); d.Usage.Cost != record || record != fell {
						t.Errorf("the answer says %s, the record %s, the balance %s", d.Usage.Cost, record, fell)
					}
					if free := model == "sim/echo:free"; free != (fell == 0) {
						t.Errorf("it cost %s", fell)
					}
					if strings.HasPrefix(model, "sim/echo") && tt.look != nil {
						if missing := tt.look(d); missing != "" {
							t.Errorf("no %s in %s", missing, a.body)
						}
					}
					if !strings.Contains(a.body, `"cost":`+d.Usage.Cost.String()) {
						t.Errorf("cost is no plain number in %s", a.body)
					}
				})
			}
		}
	}
	v := s.verify(t)
	if c := s.account(t); v.Charged != c.Used {
		t.Errorf("verify: %+v, and %+v", v, c)
	}

	t.Run("cached prompts cost less", func(t *testing.T) {
		ask := func() told {
			return understood(t, s.chat(t, `{"model":"sim/echo-messages","messages":[{"role":"system","content":[{"type":"text","text":"`+"Another. "+long+long+long+long+`","cache_control":{"type":"ephemeral"}}]},{"role":"user","content":"cached?"}]}`))
		}
		first, second := ask(), ask()
		if first.Usage.Details.Written == 0 || second.Usage.Details.Cached == 0 || second.Usage.Cost >= first.Usage.Cost {
			t.Errorf("%+v, then %+v", first.Usage, second.Usage)
		}
	})
}

func unless(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}

// spent is what the API says was used.
func (s *server) spent(t *testing.T) dollars {
	t.Helper()
	a := s.ask(t, http.MethodGet, "/api/v1/credits", "")
	var c struct {
		Data struct {
			Credits dollars `json:"total_credits"`
			Usage   dollars `json:"total_usage"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &c); err != nil || a.status != http.StatusOK {
		t.Fatalf("credits: %d %s", a.status, a.body)
	}
	return c.Data.Usage
}

// TestDrain stops the server with answers under way: they finish, nothing new is
// taken, and it exits with 0 and nothing held (F83).
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  []string
		say  string
		well bool
	}{
		{"they finish", nil, "one two three four five six", true},
		{"they are cut in band", []string{"TURNPIKE_TIMEOUTS_DRAIN=1ms"}, strings.Repeat("on and ", 200), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.env...)
			streams := make([]*http.Response, 8)
			var begun sync.WaitGroup
			for i := range streams {
				begun.Go(func() {
					resp, err := s.open(t.Context(), http.MethodPost, chatPath, `{"model":"sim/slow-drip","stream":true,"messages":[{"role":"user","content":"`+tt.say+`"}]}`)
					if err != nil {
						t.Error(err)
						return
					}
					streams[i] = resp // its headers come with the first content
				})
			}
			begun.Wait()
			if t.Failed() {
				return
			}
			if err := s.stop(); err != nil {
				t.Errorf("the server stopped with %v", err)
			}
			for _, resp := range streams {
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Errorf("%v after %s", err, tail(string(text)))
					continue
				}
				d, err := understand(answer{resp.StatusCode, resp.Header, string(text)})
				if err != nil {
					t.Error(err)
				}
				switch {
				case tt.well && (!d.done || d.finish != "stop" || d.text != tt.say):
					t.Errorf("an answer under way became %s", tail(string(text)))
				case !tt.well && (d.Error == nil || d.finish != "error" || d.done):
					t.Errorf("an answer under way became %s", tail(string(text)))
				}
			}
			if _, err := s.try(t.Context(), http.MethodGet, "/healthz", ""); err == nil {
				t.Error("it still answers")
			}
			v := s.verify(t)
			if v.Open != 0 || (v.Charges != 0) != tt.well {
				t.Errorf("verify: %+v", v)
			}
		})
	}
}

// TestBalancesArePlain checks that no amount on the wire is in exponents or a
// binary fraction.
func TestBalancesArePlain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for range 3 {
		understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"a"}]}`))
	}
	for _, path := range []string{"/api/v1/credits", "/api/v1/key"} {
		a := s.ask(t, http.MethodGet, path, "")
		dec := jsontext.NewDecoder(strings.NewReader(a.body))
		for {
			tok, err := dec.ReadToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if tok.Kind() != '0' {
				continue
			}
			text := tok.String()
			if _, err := money.ParseNano(text); err != nil || strings.ContainsAny(text, "eE") {
				t.Errorf("%s in %s", text, a.body)
			}
		}
	}
}
