package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Several keys of one provider, as the operator configures them (trust F12, F18): a
// failure of one is another's to make good, callers learn nothing of it, and the record
// tells the keys by their labels.
func TestProviderKeys(t *testing.T) {
	t.Parallel()
	const secretA, secretB = "sk-live-key-of-team-a-1", "sk-live-key-of-team-b-2"
	both := setup{
		providers: `  keyed:
    name: Keyed
    base_url: "%s/keyed"
    api_keys:
      - {key: ` + secretA + `, label: team-a, weight: 1000}
      - {key: ` + secretB + `, label: team-b}
  limited: {name: Limited, base_url: "%s/limited", api_keys: [{key: ` + secretA + `, label: small, rpm: 2, concurrency: 1}]}`,
		models: `  test/keyed: {endpoints: [{provider: keyed, native: keyed-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  test/limited: {endpoints: [{provider: limited, native: limited-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}`,
	}
	const session = `"session_id":"s-1"` // which stays with the first key
	// byKey answers the first key in one way and the other well.
	byKey := func(first script) script {
		return func(w http.ResponseWriter, r *http.Request, c call) {
			if c.header.Get("Authorization") == "Bearer "+secretA {
				first(w, r, c)
				return
			}
			says("Hello there")(w, r, c)
		}
	}
	tried := func(r *rig) string {
		var list []string
		for _, x := range r.last().Tried {
			list = append(list, fmt.Sprintf("%s %d", x.KeyLabel, x.Status))
		}
		return strings.Join(list, ", ")
	}

	for _, refusal := range []struct {
		status int
		body   string
		later  time.Duration // until the key is asked again
	}{
		{429, `{"error":{"message":"slow down"}}`, 2 * time.Minute},
		{401, `{"error":{"message":"Incorrect API key provided: ` + secretA + `"}}`, 6 * time.Minute},
		{402, `{"error":{"message":"no credit"}}`, 6 * time.Minute},
		{429, `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`, 6 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%d %.20s", refusal.status, refusal.body), func(t *testing.T) {
			t.Parallel()
			r := start(t, both)
			r.up.on("keyed-1", byKey(fails(refusal.status, refusal.body, "Retry-After: 60")))
			for i, want := range []string{fmt.Sprintf("team-a %d, team-b 200", refusal.status), "team-b 200", "team-b 200"} {
				a := r.chat("test/keyed", session)
				a.json(200)
				if got := tried(r); got != want {
					t.Errorf("request %d tried %s, want %s", i, got, want)
				}
				told := a.text + fmt.Sprint(a.header) + r.get("/generation?id="+a.header.Get("X-Generation-Id")).text
				for _, secret := range []string{secretA, secretB, "team-a", "team-b"} {
					if strings.Contains(told, secret) {
						t.Errorf("%s is told: %s", secret, told)
					}
				}
			}
			r.pass(refusal.later)
			r.up.on("keyed-1", says("Hello there"))
			r.chat("test/keyed", session).json(200)
			if got := tried(r); got != "team-a 200" {
				t.Errorf("later, tried %s", got)
			}
		})
	}

	t.Run("own limits", func(t *testing.T) {
		t.Parallel()
		r := start(t, both)
		r.chat("test/limited").json(200)
		r.chat("test/limited").json(200)
		a := r.chat("test/limited")
		want(t, a.fails(429, "rate_limit_exceeded"), "availability.code", "capacity_exhausted")
		if len(r.up.calls()) != 2 || a.header.Get("Retry-After") == "" {
			t.Errorf("asked %d times; %v", len(r.up.calls()), a.header)
		}
		// Another provider of the caller's is asked in its place.
		want(t, r.chat("test/limited", `"models":["test/beta"]`).json(200), "model", "test/beta")
		r.pass(time.Minute + time.Second)
		r.chat("test/limited").json(200)
	})
}
