package e2e

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/e2e/valkeytest"
)

// gratis is a configuration with a free variant, of which an account may ask 5 a minute and
// 8 a day.
func gratis(base string) string {
	return acme(base) + `
  acme/fast-1:free: {endpoints: [{provider: acme, native: fast-1, pricing: {prompt: "0", completion: "0"}}]}
limits: {free: {requests_per_minute: 5, requests_per_day: 8, requests_per_day_funded: 8}}
`
}

const gratisBody = `{"model":"acme/fast-1:free","messages":[{"role":"user","content":"a"}]}`

// atOnce asks n times, and returns how many were admitted and one answer that was not.
func (s *server) atOnce(t *testing.T, n int, key, body string) (admitted int, refusal answer) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			a, err := s.try(t.Context(), http.MethodPost, "/api/v1/chat/completions", body, "Authorization", "Bearer "+key)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusOK:
				admitted++
				for h := range a.header {
					if strings.HasPrefix(h, "X-Ratelimit-") || h == "Retry-After" {
						t.Errorf("an answer has %s", h)
					}
				}
			default:
				refusal = a
			}
		})
	}
	all.Wait()
	return admitted, refusal
}

func speaks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, wholeAnswer)
}

// TestLimits asks the binary more than may be asked, at once, and goes on after it was
// killed.
func TestLimits(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	u.answers(speaks)
	s := serveWith(t, gratis(u.URL+"/v1"), "ACME_API_KEY="+secret)
	began := time.Now()

	// What an account may ask of free variants.
	admitted, a := s.atOnce(t, 40, s.user, gratisBody)
	if admitted != 5 || len(u.arrivals()) != 5 {
		t.Errorf("%d admitted, %d sent", admitted, len(u.arrivals()))
	}
	reset, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
	wait, errWait := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || errWait != nil || wait < 1 || wait > 61 || time.UnixMilli(reset).Before(began) || time.UnixMilli(reset).After(time.Now().Add(61*time.Second)) ||
		a.status != http.StatusTooManyRequests || a.header.Get("X-RateLimit-Limit") != "5" || a.header.Get("X-RateLimit-Remaining") != "0" ||
		!strings.Contains(a.body, `"X-RateLimit-Limit":"5"`) || !strings.Contains(a.body, "Rate limit exceeded: free-models-per-min. ") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if v := s.verify(t); v.Open != 0 {
		t.Errorf("%+v", v)
	}

	// What a key may ask, of whatever model.
	var made struct {
		Key string `json:"key"`
	}
	s.run(t, &made, "--json", "keys", "create", "CI", "--rpm", "3", "--tpm", "100000")
	const paid = `{"model":"acme/fast-1","messages":[{"role":"user","content":"a"}]}`
	admitted, a = s.atOnce(t, 20, made.Key, paid)
	if admitted != 3 || a.header.Get("X-RateLimit-Limit") != "3" || !strings.Contains(a.body, "requests-per-minute") {
		t.Errorf("%d admitted, %d %v %s", admitted, a.status, a.header, a.body)
	}

	// The day's count is still there after a kill.
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	admitted, a = s.atOnce(t, 20, s.user, gratisBody)
	if time.Now().UTC().Day() != began.UTC().Day() {
		return // it was midnight: there are more
	}
	if admitted != 3 || !strings.Contains(a.body, "Rate limit exceeded: free-models-per-day") {
		t.Errorf("%d admitted, %d %v %s", admitted, a.status, a.header, a.body)
	}
	if a := s.ask(t, http.MethodGet, "/api/v1/key", ""); !strings.Contains(a.body, `"free_model_daily_requests":{"limit":8,"remaining":0,"used":8}`) {
		t.Errorf("%s", a.body)
	}
}

// TestLimitsOfNodes has one node know what another has admitted.
func TestLimitsOfNodes(t *testing.T) {
	t.Parallel()
	shared, u := valkeytest.Start(t), newUpstream(t)
	u.answers(speaks)
	join := func() *server {
		return serveWith(t, gratis(u.URL+"/v1"), "ACME_API_KEY="+secret, "TURNPIKE_VALKEY="+shared.URL)
	}
	a, b := join(), join()
	ask := func(s *server) (admitted int) {
		for range 5 {
			if s.chat(t, gratisBody).status == http.StatusOK {
				admitted++
			}
		}
		return admitted
	}
	if n := ask(a); n != 5 {
		t.Errorf("%d admitted", n)
	}
	if n := ask(b); n > 1 { // on a machine so busy that the server kept one waiting, one may be admitted
		t.Errorf("the other admits %d more", n)
	}
	shared.Kill(t)
	b.logs(t, "valkey is out of reach")
	if n := ask(b); n == 0 {
		t.Error("nobody is admitted without it")
	}
}
