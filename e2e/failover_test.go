package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// generated is a record as far as failover shows in it.
type generated struct {
	Data struct {
		Model    string `json:"model"`
		Provider string `json:"provider_name"`
		Tried    []struct {
			Endpoint string `json:"endpoint_id"`
			Status   int    `json:"status"`
		} `json:"provider_responses"`
	} `json:"data"`
}

func (s *server) record(t *testing.T, id string) (g generated) {
	t.Helper()
	a := s.ask(t, http.MethodGet, "/api/v1/generation?id="+id, "")
	if err := json.Unmarshal([]byte(a.body), &g); err != nil || a.status != http.StatusOK {
		t.Fatalf("generation %s: %d %s (%v)", id, a.status, a.body, err)
	}
	return g
}

// TestFailover asks sim/failover again and again: the caller never sees that one
// of its two endpoints always fails, and pays for the other only.
func TestFailover(t *testing.T) {
	t.Parallel()
	s := serve(t)
	failed := 0
	for i := range 20 {
		a := s.chat(t, fmt.Sprintf(`{"model":"sim/failover","stream":%t,"messages":[{"role":"user","content":"over the bridge"}]}`, i%2 == 0))
		d := understood(t, a)
		if d.text != "over the bridge" || d.finish != "stop" || d.Error != nil || d.Model != "sim/failover" {
			t.Errorf("%s", a.body)
		}
		tried := s.record(t, d.ID).Data.Tried
		if len(tried) == 0 || tried[len(tried)-1].Status != http.StatusOK || tried[len(tried)-1].Endpoint != "sim/failover@sim/steady" {
			t.Errorf("tried %+v", tried)
		}
		if len(tried) == 2 {
			failed++
			if tried[0].Endpoint != "sim/failover@sim/broken" || tried[0].Status != http.StatusInternalServerError {
				t.Errorf("tried %+v", tried)
			}
		}
		if cost := dollars(3*1000 + 3*2000); d.Usage.Cost != cost {
			t.Errorf("it cost %s, want %s", d.Usage.Cost, cost)
		}
	}
	if failed == 0 {
		t.Error("the broken endpoint was never tried")
	}

	// With fallbacks off the failure is the caller's to see.
	s.refused(t, s.chat(t, `{"model":"sim/failover","provider":{"only":["sim/broken"]},"messages":[{"role":"user","content":"a"}]}`), http.StatusBadGateway, "")
}

// TestEveryFault lists sim/echo behind every fault there is. What fails before
// content is answered by sim/echo, whole and once; what fails later is said in
// band, with nothing spliced to it; and the bill is what the answer says.
func TestEveryFault(t *testing.T) {
	t.Parallel()
	s := serve(t, "TURNPIKE_TIMEOUTS_FIRST_BYTE=4s", "TURNPIKE_TIMEOUTS_IDLE=2s")
	var models []struct {
		ID        string `json:"id"`
		Endpoints int    `json:"endpoints"`
	}
	s.run(t, &models, "models", "--provider", "sim")
	// What is over before content, in a stream and not. Where the first of two
	// events breaks, nothing has been delivered either.
	before := []string{
		"status-400", "status-401", "status-402", "status-403", "status-404", "status-408", "status-413", "status-422",
		"status-429", "status-429-nohint", "hostile-retry-after", "spend-cap", "status-500", "status-502", "status-503",
		"status-504", "status-529", "huge-error", "context-length", "content-policy", "redirect", "stall-headers",
		"slow-headers", "stall-before-first", "pings-only", "empty-200", "empty-stream", "cut-before-first",
		"malformed-json", "html-200", "error-in-200", "error-first-event",
	}
	const text = "one two three four five six seven"
	type ask struct {
		model  string
		stream bool
		answer answer
		err    error
	}
	var asks []*ask
	for _, m := range models {
		asks = append(asks, &ask{model: m.ID, stream: true}, &ask{model: m.ID})
	}
	var all sync.WaitGroup
	for _, q := range asks { // at once: many of them wait for a limit
		all.Go(func() {
			q.answer, q.err = s.try(t.Context(), http.MethodPost, chatPath, fmt.Sprintf(`{"models":["%s","sim/echo"],"stream":%t,"messages":[{"role":"user","content":"%s"}]}`, q.model, q.stream, text))
		})
	}
	all.Wait()
	known := map[string]bool{}
	for _, q := range asks {
		fault := strings.TrimPrefix(q.model, "sim/")
		known[fault] = true
		t.Run(fmt.Sprintf("%s/stream=%t", fault, q.stream), func(t *testing.T) {
			a := q.answer
			if q.err != nil {
				t.Fatal(q.err)
			}
			if a.status != http.StatusOK {
				// Not streamed: an answer that breaks off late may still be an error of
				// its own.
				if q.stream || a.status < 500 || slices.Contains(before, fault) {
					t.Fatalf("status %d: %s", a.status, tail(a.body))
				}
				if _, err := envelope(a.status, a.header, a.body); err != nil {
					t.Fatal(err)
				}
				return
			}
			d := understood(t, a)
			if slices.Contains(before, fault) && d.Model != "sim/echo" {
				t.Errorf("answered by %q: %s", d.Model, tail(a.body))
			}
			switch {
			case d.Model == "sim/echo":
				if d.text != text || d.finish != "stop" || d.Error != nil || (q.stream && !d.done) {
					t.Errorf("sim/echo's answer is %s", tail(a.body))
				}
			case d.Model != q.model:
				t.Errorf("model %q", d.Model)
			case d.Error != nil:
				if d.finish != "error" || d.done || !strings.HasPrefix(text, d.text) {
					t.Errorf("it broke as %s", tail(a.body))
				}
			case d.finish == "":
				t.Errorf("no finish in %s", tail(a.body))
			}
			switch cost := s.generation(t, d.ID); {
			case d.Error != nil:
				if cost != 0 {
					t.Errorf("an answer that broke cost %s", cost)
				}
			case d.Usage == nil:
				t.Errorf("no usage in %s", tail(a.body))
			case cost != d.Usage.Cost:
				t.Errorf("the answer says %s, the record %s", d.Usage.Cost, cost)
			}
		})
	}
	for _, fault := range before {
		if !known[fault] {
			t.Errorf("sim has no %s", fault)
		}
	}
}

// TestRateLimited checks that a rate limit of every provider is the caller's 429
// with the upstream's hint, and that the header that makes faults reaches sim.
func TestRateLimited(t *testing.T) {
	t.Parallel()
	const body = `{"model":"%s","messages":[{"role":"user","content":"a"}]}`
	tests := []struct {
		name, model, header string
		low, high           int // seconds of Retry-After
		says                string
	}{
		{"a model's", "sim/status-429", "", 2, 2, ""},
		{"the header's", "sim/echo", "status-429@7", 7, 7, ""},
		{"every endpoint's", "sim/failover", "status-429@9", 9, 9, "Every provider"},
		{"absurd", "sim/hostile-retry-after", "", 1, 3600, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			var headers []string
			if tt.header != "" {
				headers = []string{"X-Turnpike-Sim", tt.header}
			}
			for _, again := range []bool{false, true} { // at once again: it is still cooling down
				a := s.chat(t, fmt.Sprintf(body, tt.model), headers...)
				s.refused(t, a, http.StatusTooManyRequests, tt.says)
				low := tt.low
				if again {
					low = 1
				}
				hint := a.header.Get("Retry-After")
				if n, err := strconv.Atoi(hint); err != nil || n < low || n > tt.high {
					t.Errorf("Retry-After %q, want %d to %d", hint, low, tt.high)
				}
				f, _ := envelope(a.status, a.header, a.body) // refused has looked at it
				if f.Error.Metadata.ErrorType != "rate_limit_exceeded" {
					t.Errorf("%+v", f.Error)
				}
			}
			s.unharmedBut(t, tt.model)
		})
	}
	t.Run("another model takes over", func(t *testing.T) {
		t.Parallel()
		s := serve(t)
		d := understood(t, s.chat(t, `{"models":["sim/status-429","sim/status-429-nohint","sim/echo"],"messages":[{"role":"user","content":"a"}]}`))
		if d.Model != "sim/echo" {
			t.Errorf("answered by %q", d.Model)
		}
	})
}

// unharmedBut is unharmed where a model must not be asked now.
func (s *server) unharmedBut(t *testing.T, model string) {
	t.Helper()
	if v := s.verify(t); v.Charged != 0 || v.Open != 0 {
		t.Errorf("%s: verify: %+v", model, v)
	}
}

// TestKeepAlive has an upstream be silent for longer than the keep-alive: the
// caller's stream gets comments, and from then on an error comes in band (F25).
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	s := serve(t, "TURNPIKE_TIMEOUTS_KEEPALIVE=50ms", "TURNPIKE_TIMEOUTS_FIRST_BYTE=2s", "TURNPIKE_TIMEOUTS_IDLE=2s")
	const body = `{"model":"%s","stream":%t,"messages":[{"role":"user","content":"at last"}]}`

	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		a := s.chat(t, fmt.Sprintf(body, "sim/echo", true), "X-Turnpike-Sim", "slow-headers@600")
		d := understood(t, a)
		if d.comments == 0 || d.text != "at last" || !d.done || d.Error != nil {
			t.Errorf("%s", a.body)
		}
		if !strings.HasPrefix(a.body, ":") {
			t.Errorf("the comment is not first: %s", a.body)
		}
	})
	t.Run("slow, whole", func(t *testing.T) {
		t.Parallel()
		a := s.chat(t, fmt.Sprintf(body, "sim/echo", false), "X-Turnpike-Sim", "slow-headers@600")
		if d := understood(t, a); d.text != "at last" || strings.Contains(a.body, "PROCESSING") {
			t.Errorf("%s", a.body)
		}
	})
	for _, fault := range []string{"stall-headers", "stall-before-first"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			a := s.chat(t, fmt.Sprintf(body, "sim/echo-messages", true), "X-Turnpike-Sim", fault)
			d := understood(t, a) // 200 it is, and stays
			if d.comments == 0 || d.Error == nil || d.Error.Code != http.StatusGatewayTimeout || d.finish != "error" || d.done || d.text != "" {
				t.Errorf("%s", a.body)
			}
		})
		t.Run(fault+", whole", func(t *testing.T) {
			t.Parallel()
			s.refused(t, s.chat(t, fmt.Sprintf(strings.Replace(body, `"stream"`, `"max_tokens":1,"stream"`, 1), "sim/echo-gemini", false), "X-Turnpike-Sim", fault), http.StatusGatewayTimeout, "")
		})
	}
	t.Run("at once", func(t *testing.T) { // comments all the time harm nothing
		t.Parallel()
		s := serve(t, "TURNPIKE_TIMEOUTS_KEEPALIVE=1us")
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				a, err := s.try(t.Context(), http.MethodPost, chatPath, fmt.Sprintf(body, "sim/echo", true))
				if err != nil {
					t.Error(err)
					return
				}
				if d, err := understand(a); err != nil || d.text != "at last" || !d.done {
					t.Errorf("%v: %s", err, tail(a.body))
				}
			})
		}
		all.Wait()
	})
	t.Run("fails over unseen", func(t *testing.T) {
		t.Parallel()
		a := s.chat(t, `{"models":["sim/stall-headers","sim/echo"],"stream":true,"messages":[{"role":"user","content":"at last"}]}`)
		if d := understood(t, a); d.comments == 0 || d.text != "at last" || d.Model != "sim/echo" || d.Error != nil || !d.done {
			t.Errorf("%s", a.body)
		}
	})
}
