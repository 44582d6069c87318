package relay_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/health"
)

// mood is what an endpoint does, which may change, and when it was asked.
type mood struct {
	does atomic.Pointer[http.HandlerFunc]

	mu    sync.Mutex
	asked []time.Time
}

func (m *mood) set(h http.HandlerFunc) { m.does.Store(&h) }

func (m *mood) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	m.mu.Lock()
	m.asked = append(m.asked, time.Now())
	m.mu.Unlock()
	(*m.does.Load())(w, q)
}

func moods(n int, h http.HandlerFunc) (list []*mood, plan []at) {
	for range n {
		m := &mood{}
		m.set(h)
		list, plan = append(list, m), append(plan, at{answers: m.ServeHTTP})
	}
	return list, plan
}

// load sends a request every so often, and gathers what became of them.
type load struct {
	rig  *rig
	wait sync.WaitGroup

	mu   sync.Mutex
	ends []end
}

type end struct {
	asked time.Time
	took  time.Duration
	ok    bool
}

func (l *load) send(t *testing.T, every, length time.Duration) {
	t.Helper()
	for range length / every {
		l.one(t)
		time.Sleep(every) //nolint:forbidigo // the bubble's clock
	}
}

func (l *load) one(t *testing.T) {
	t.Helper()
	req := request(t, stream)
	l.wait.Go(func() {
		began := time.Now()
		a, _, err := l.rig.Do(t.Context(), req, l.rig.plan)
		if err == nil {
			if _, err = read(a.Stream); err == nil {
				l.rig.Ended(a, health.Sample{Output: 1})
			}
			a.Stream.Close()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ends = append(l.ends, end{began, time.Since(began), err == nil})
	})
}

// share is the attempts for each request within a minute.
func (l *load) share(from time.Time, moods []*mood) float64 {
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(from.Add(time.Minute)) }
	asked, tried := 0., 0.
	for _, e := range l.ends {
		if within(e.asked) {
			asked++
		}
	}
	for _, m := range moods {
		for _, at := range m.asked {
			if within(at) {
				tried++
			}
		}
	}
	return tried / asked
}

// R11, F24: all three endpoints of a model die. Whatever the rate and however they die,
// in every minute there are at most 1.1 attempts for each request, mostly far fewer; the
// answer comes at once once they are known to be dead, and when they live again, they
// are asked again as soon as their ejection is over.
func TestR11_Hammering(t *testing.T) {
	t.Parallel()
	for name, dies := range map[string]http.HandlerFunc{
		"500": fails(500), "429": fails(429, "Retry-After", "5"), "silence": streams(time.Hour), "half a minute of silence": late(30*time.Second, fails(503)),
		"cut": streams(roleFrame),
	} {
		for _, perMinute := range []int{600, 1800} {
			if perMinute > 600 && name != "500" { // how an endpoint dies and how often it is asked are apart
				continue
			}
			t.Run(fmt.Sprintf("%s, %d a minute", name, perMinute), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					ends, plan := moods(3, good)
					l := load{rig: newRig(t, plan...)}
					every := time.Minute / time.Duration(perMinute)
					l.send(t, every, 5*time.Second)
					dead := time.Now()
					for _, m := range ends {
						m.set(dies)
					}
					l.send(t, every, 150*time.Second)
					living := time.Now()
					for _, m := range ends {
						m.set(good)
					}
					l.send(t, time.Second, 5*time.Minute+time.Minute)
					l.wait.Wait()
					for from := dead; from.Add(time.Minute).Before(living); from = from.Add(5 * time.Second) {
						if got := l.share(from, ends); got > 1.1 {
							t.Errorf("%.3f attempts for each request from %v on", got, from.Sub(dead))
						}
					}
					for _, e := range l.ends {
						switch {
						case e.asked.Before(dead) && !e.ok:
							t.Error("failed before the outage")
						case e.asked.After(living.Add(5*time.Minute)) && !e.ok:
							t.Errorf("still failing %v after the outage", e.asked.Sub(living))
						}
					}
				})
			})
		}
	}
}

// Where one of three endpoints lives, everybody is answered, also those who were under
// way when the others died, and the living one was idle.
func TestPartialOutage(t *testing.T) {
	t.Parallel()
	slow := late(500*time.Millisecond, good)
	for name, c := range map[string]struct {
		first, second, third http.HandlerFunc
	}{
		"one dies at once":            {fails(500), slow, slow},
		"two die at once":             {fails(500), fails(503), slow},
		"two die, one slowly":         {fails(500), streams(4 * time.Second), slow},
		"the middle one":              {slow, fails(500), slow},
		"all but the last, by limits": {fails(429), fails(429), slow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ends, plan := moods(3, late(time.Second, good))
				l := load{rig: newRig(t, plan...)}
				l.send(t, 50*time.Millisecond, 5*time.Second)
				ends[0].set(c.first)
				ends[1].set(c.second)
				ends[2].set(c.third)
				for range 200 { // a crowd
					l.one(t)
				}
				l.send(t, 50*time.Millisecond, 10*time.Second)
				l.wait.Wait()
				lost, longest := 0, time.Duration(0)
				for _, e := range l.ends {
					if !e.ok {
						lost++
					}
					longest = max(longest, e.took)
				}
				if lost > 0 || longest > 15*time.Second {
					t.Errorf("%d of %d were not answered; the longest took %v", lost, len(l.ends), longest)
				}
			})
		})
	}
}

// A request that waits for others to find out who answers ends with its caller, and
// does not wait for ever.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// All are under way before the first fails, and nobody passes it over as ejected.
		r := newRig(t, at{answers: late(time.Second, fails(500))}, at{answers: streams(time.Hour)})
		l := load{rig: r}
		for range 40 {
			l.one(t)
		}
		l.wait.Wait()
		asked, took := 0, map[time.Duration]int{}
		for _, e := range l.ends {
			took[e.took]++
		}
		for _, name := range r.asked {
			if name == "1" {
				asked++
			}
		}
		if asked < 8 || asked > 10 || took[11*time.Second] < 20 || took[time.Second+r.Timeouts.FirstByte] != asked {
			t.Errorf("%d asked the silent one; they took %v", asked, took)
		}
	})
}
