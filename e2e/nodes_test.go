package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/e2e/valkeytest"
)

// TestNodes has two servers share a Valkey: what one learns of an endpoint keeps the
// other from it, and without the Valkey both go on by themselves.
func TestNodes(t *testing.T) {
	t.Parallel()
	shared, u := valkeytest.Start(t), newUpstream(t)
	join := func(u *upstream, model string) *server {
		return serveWith(t, strings.ReplaceAll(acme(u.URL+"/v1"), "fast-1", model), "ACME_API_KEY="+secret, "TURNPIKE_VALKEY="+shared.URL)
	}
	const body, echo = `{"model":"acme/fast-1","messages":[{"role":"user","content":"a"}]}`, `{"model":"sim/echo","messages":[{"role":"user","content":"a"}]}`
	a, b := join(u, "fast-1"), join(u, "fast-1")
	works := func(what string) {
		t.Helper()
		for _, s := range []*server{a, b} {
			understood(t, s.chat(t, echo))
		}
		if t.Failed() {
			t.Fatal(what)
		}
	}
	works("at first")

	// A rate limit met by one is kept to by the other, which has not met it.
	var once bool
	u.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if !once {
			once = true
			w.Header().Set("Retry-After", "50")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"message":"slow down"}}`)
			return
		}
		_, _ = io.WriteString(w, wholeAnswer)
	})
	if got := a.chat(t, body); got.status != http.StatusTooManyRequests {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if err := wait(func() bool { return b.chat(t, body).status == http.StatusTooManyRequests }); err != nil {
		t.Error("the other does not cool")
	}
	asked := len(u.arrivals())
	if got := b.chat(t, body); got.status != http.StatusTooManyRequests || len(u.arrivals()) != asked {
		t.Errorf("it is asked although it cools: %d %s", got.status, got.body)
	}

	// Lost and found again.
	shared.Kill(t)
	for _, s := range []*server{a, b} {
		s.logs(t, "valkey is out of reach")
	}
	works("alone")
	shared.Run(t)
	for _, s := range []*server{a, b} {
		s.logs(t, "valkey is back")
	}
	works("together again")

	// Who joins hears what holds.
	v := newUpstream(t)
	v.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"message":"The model does not exist","code":"model_not_found"}}`)
	})
	other := strings.ReplaceAll(body, "fast-1", "fast-2")
	c, facts := join(v, "fast-2"), shared.Say(t, "HLEN", "turnpike:health:facts")
	for range 3 {
		c.chat(t, other)
	}
	if got := len(v.arrivals()); got != 3 {
		t.Fatalf("asked %d times", got)
	}
	if err := wait(func() bool { return shared.Say(t, "HLEN", "turnpike:health:facts") != facts }); err != nil {
		t.Fatal("it is not told that the endpoint is out")
	}
	d := join(v, "fast-2")
	if got := d.chat(t, other); got.status == http.StatusOK || len(v.arrivals()) != 3 {
		t.Errorf("it is asked although it is out: %d %s", got.status, got.body)
	}
}
