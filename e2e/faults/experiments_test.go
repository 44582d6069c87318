package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/record"
)

// trio is a model with three endpoints of one price, asked at ten requests a second of
// a clock that the test moves, one after the other: what happens is the same each time.
type trio struct {
	*stack
	vendors [3]*vendor
	tick    func(at time.Duration) // before each request; nil: nothing
}

const (
	trioEvery = 100 * time.Millisecond
	trioTime  = 60 * time.Second
)

// newTrio starts it with the limits of its first endpoint; one without a script refuses
// connections.
func newTrio(t *testing.T, limits string, scripts ...script) *trio {
	t.Helper()
	x := &trio{}
	p, e := "providers:\n", ""
	for i, does := range scripts {
		base := "127.0.0.1:1"
		if does != nil {
			x.vendors[i] = newVendor(t, plain, does)
			base = x.vendors[i].base()
		}
		p += fmt.Sprintf("  p%d: {name: P%d, dialect: chat, base_url: \"http://%s\", api_key: %s}\n", i, i, base, secret)
		e += fmt.Sprintf("      - {provider: p%d, native: n, timeouts: {%s}, pricing: {prompt: \"0.000001\", completion: \"0.000002\"}}\n", i, limits)
		limits = ""
	}
	x.stack = start(t, p+"models:\n  test/trio:\n    endpoints:\n"+e, nil, nil)
	x.freeze()
	return x
}

// seen is what came of requests at a pace.
type seen struct {
	good, attempts int
	asked          int           // requests
	first          map[int]int   // by second: requests whose first attempt was at p0
	byEndpoint     [3]int        // attempts
	slowest        time.Duration // of good ones, in real time
	outcomes       []record.Outcome
}

// pace sends requests for a time.
func (x *trio) pace(t *testing.T, length time.Duration) (s seen) {
	t.Helper()
	s.first = map[int]int{}
	before := len(x.recorded("test/trio"))
	for i := range int(length / trioEvery) {
		if x.tick != nil {
			x.tick(time.Duration(i) * trioEvery)
		}
		a := x.ask(t, `{"model":"test/trio","stream":true,"messages":[{"role":"user","content":"Hi"}]}`)
		if d := understand(t, a); a.status == http.StatusOK && d.err == nil && d.finish == "stop" {
			s.good++
			s.slowest = max(s.slowest, a.took)
		} else if a.status != http.StatusServiceUnavailable && a.status != http.StatusBadGateway {
			t.Errorf("%d %s", a.status, a.body)
		}
		all := x.recorded("test/trio")
		if len(all) != before+i+1 {
			t.Fatalf("%d outcomes", len(all))
		}
		o := all[len(all)-1]
		s.outcomes = append(s.outcomes, o)
		s.attempts += len(o.Tried)
		for n, try := range o.Tried {
			s.byEndpoint[try.ProviderSlug[1]-'0']++
			if n == 0 && try.ProviderSlug == "p0" {
				s.first[int(time.Duration(i)*trioEvery/time.Second)]++
			}
		}
		s.asked++
		x.pass(trioEvery)
	}
	return s
}

// TestOneOfThree: one endpoint of three is dead. Every request is answered, and after
// five seconds next to none asks the dead one first.
func TestOneOfThree(t *testing.T) {
	t.Parallel()
	for name, dead := range map[string]script{
		"500": refuses(500, complaint("server_error", canary)), "cut": breaks(role),
	} { // TestScenarios has others
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newTrio(t, "", dead, says(fine), says(fine)).pace(t, trioTime).leaves(t)
		})
	}
}

// leaves holds a minute with p0 dead to what it should be.
func (s seen) leaves(t *testing.T) {
	t.Helper()
	if s.good != s.asked {
		t.Errorf("%d of %d requests are answered", s.good, s.asked)
	}
	late := 0
	for second, n := range s.first {
		if second >= 5 {
			late += n
		}
	}
	if share := float64(late) / float64(s.asked-50); share >= 0.05 {
		t.Errorf("%.1f %% of first choices are the dead endpoint", share*100)
	}
	if s.byEndpoint[0] == 0 || s.byEndpoint[1] == 0 || s.byEndpoint[2] == 0 {
		t.Errorf("attempts %v: an endpoint is never asked", s.byEndpoint)
	}
}

// TestHammering: all three are dead. In a minute of 600 requests there are at most 1.1
// attempts for each (R11), and they are found when they are back.
func TestHammering(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]script{
		"reset": (*wire).reset, "503": refuses(503, complaint("overloaded", canary)),
	} { // TestScenarios has another
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hammer(t, how)
		})
	}
}

// hammer is a minute of outage, and what comes after the longest ejection.
func hammer(t *testing.T, how script) (outage, back seen) {
	t.Helper()
	var well atomic.Bool
	does := func(w *wire) {
		if well.Load() {
			says(fine)(w)
			return
		}
		how(w)
	}
	x := newTrio(t, "", does, does, does)
	outage = x.pace(t, trioTime)
	reached := 0
	for _, v := range x.vendors {
		reached += len(v.asked())
	}
	if reached != outage.attempts {
		t.Errorf("%d requests arrived, the records know %d", reached, outage.attempts)
	}
	well.Store(true)
	x.pass(time.Minute)
	back = x.pace(t, 10*time.Second)
	if share := float64(outage.attempts) / float64(outage.asked); share > 1.1 || outage.good > 0 {
		t.Errorf("%d attempts for %d requests, %d good", outage.attempts, outage.asked, outage.good)
	}
	if back.good < back.asked/2 {
		t.Errorf("of %d requests after the outage %d are answered", back.asked, back.good)
	}
	return outage, back
}

// flap has one of three be well for two seconds and broken for two, again and again.
// Nobody notices, and the bill is that of the answers.
func flap(t *testing.T) seen {
	t.Helper()
	var ill atomic.Bool
	flapping := func(w *wire) {
		if ill.Load() {
			w.whole(500, "application/json", complaint("server_error", strings.Repeat("flap ", 3)))
			return
		}
		says(fine)(w)
	}
	x := newTrio(t, "", flapping, says(fine), says(fine))
	x.tick = func(at time.Duration) { ill.Store(at/(2*time.Second)%2 == 1) }
	s := x.pace(t, trioTime)
	if s.good != s.asked {
		t.Errorf("%d of %d requests are answered", s.good, s.asked)
	}
	if extra := s.attempts - s.asked; float64(extra)/float64(s.asked) > 0.1 {
		t.Errorf("%d attempts for %d requests", s.attempts, s.asked)
	}
	for _, o := range s.outcomes {
		if o.Charged != costA {
			t.Errorf("an answer cost %s", o.Charged)
		}
	}
	return s
}
