package gateway_test

import (
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
