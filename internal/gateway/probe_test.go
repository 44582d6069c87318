package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/health"
)

// An endpoint that was ejected and may be tried again is probed, on nobody's account.
func TestProbe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		model string
		after health.Grade
	}{
		"back":      {"sim/echo", health.Fit},
		"still ill": {"sim/status-500", health.Ejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1e9)
			now := time.Now()
			clock := func() time.Time { return now }
			r.Health = health.New(clock)
			r.Relay.Health = r.Health
			m, ok := r.Catalog().Model(c.model)
			if !ok {
				t.Fatal("there is no", c.model)
			}
			id := m.Endpoints[0].ID
			if n := r.Probe(t.Context()); n != 0 {
				t.Errorf("%d probes of endpoints that are well", n)
			}
			for range 5 {
				r.Health.Failed(id, false)
			}
			if n := r.Probe(t.Context()); n != 0 {
				t.Errorf("%d probes of an endpoint that is to be left alone", n)
			}
			now = now.Add(time.Minute)
			if n := r.Probe(t.Context()); n != 1 {
				t.Errorf("%d probes of the one that may be tried", n)
			}
			if grade := r.Health.Standing(id).Grade; grade != c.after && (c.after == health.Ejected || grade == health.Ejected) {
				t.Errorf("then its grade is %v", grade)
			}
			if n := r.Probe(t.Context()); n != 0 {
				t.Errorf("%d further probes", n)
			}
			if len(r.kept.outcomes) != 0 || r.balance().Available() != 1e9 {
				t.Error("an account has to do with it")
			}
		})
	}
}

// A probe carries no word of any caller's, whatever its endpoint was sent before.
func TestProbeCarriesNothingOfCallers(t *testing.T) {
	t.Parallel()
	const canary = "canary-0d9f"
	r, s := newSpeaker(t, 1e9, turn("stop", `"content":"One."`), turn("stop", `"content":"OK"`))
	now := time.Now()
	r.Health = health.New(func() time.Time { return now })
	r.Relay.Health = r.Health
	a := r.ask(t.Context(), "gen-1", `{"model":"test/m","stream":true,"user":"`+canary+`","session_id":"`+canary+`","messages":[{"role":"user","content":"`+canary+`"}]}`, nil)
	if a.err != nil || len(s.bodies) != 1 || !strings.Contains(s.bodies[0], canary) {
		t.Fatalf("%v, sent %q", a.err, s.bodies)
	}
	for range 5 {
		r.Health.Failed(a.outcome.Endpoint, false)
	}
	now = now.Add(time.Minute)
	if n := r.Probe(t.Context()); n != 1 || len(s.bodies) != 2 {
		t.Fatalf("%d probes, %d requests", n, len(s.bodies))
	}
	if strings.Contains(s.bodies[1], canary) || !strings.Contains(s.bodies[1], "Say OK.") {
		t.Errorf("a probe says %s", s.bodies[1])
	}
}
