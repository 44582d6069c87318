package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/health"
)

// Area 10: health and performance. The order that comes of it is in testdata/plan.
func TestHM(t *testing.T) {
	t.Parallel()
	const alpha = "test/alpha@alpha"
	published := func(t *testing.T, r *rig) any {
		t.Helper()
		return at(r.as(r.user).get("/models/test/alpha/endpoints").json(200), "data.endpoints.0")
	}
	// ask asks n times and lets what cools or was ejected come back each time.
	ask := func(r *rig, n int, members ...string) {
		for range n {
			r.chat("test/alpha", members...)
			r.pass(time.Second)
		}
	}

	rule(t, "HM-01", func(t *testing.T) {
		for _, c := range []struct {
			what   string
			fails  script
			counts bool
		}{
			{"401", fails(401, `{}`), true},
			{"402", fails(402, `{}`), true},
			{"404", fails(404, `{}`), true},
			{"500", fails(500, `{}`), true},
			{"503", fails(503, `{}`), true},
			{"an error in the stream", data(chunk(`"content":"a"`, "null"), `{"error":{"code":500,"message":"x"}}`), true},
			{"an end in error", data(chunk(`"content":"a"`, `"error"`), "[DONE]"), true},
			{"400", fails(400, `{}`), false},
			{"413", fails(413, `{}`), false},
			{"429", fails(429, `{}`), false},
			{"403", fails(403, `{}`), false},
		} {
			t.Run(c.what, func(t *testing.T) {
				t.Parallel()
				r := start(t, setup{})
				ask(r, 100)
				want(t, published(t, r), "uptime_last_30m", 100.0)
				r.up.on("alpha-1", c.fails)
				r.pass(10 * time.Minute) // every credential is tried again
				ask(r, 1, `"stream":true`)
				share := at(published(t, r), "uptime_last_30m").(float64) //nolint:forcetypeassert // it was a number before
				if counts := share < 100; counts != c.counts {
					t.Errorf("the uptime is %v", share)
				}
			})
		}
	})

	rule(t, "HM-02", func(t *testing.T) {
		for good, status := range map[int]float64{95: 0, 94: -1, 80: -1, 79: -1} {
			clock := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
			tracker := health.New(func() time.Time { return clock })
			for i := range 100 {
				if i < 99 && tracker.Published(alpha).Uptime30m != -1 {
					t.Fatalf("an uptime is told after %d requests", i)
				}
				clock = clock.Add(10 * time.Second) // no outage, and no row of failures
				if i%5 == 4 && i/5 < 100-good || i == 98 && good < 80 {
					tracker.Failed(alpha, false)
				} else {
					tracker.Succeeded(alpha, health.Sample{Latency: time.Second, Took: time.Second, Output: 10})
				}
			}
			clock = clock.Add(30 * time.Second)
			grade := tracker.Standing(alpha).Grade
			wanted := health.Fit
			switch {
			case good < 80:
				wanted = health.Ailing
			case status < 0:
				wanted = health.Degraded
			}
			if got := tracker.Published(alpha).Uptime30m; got != float64(good)/100 || grade != wanted {
				t.Errorf("%d of 100: the uptime is %v and the grade %v", good, got, grade)
			}
		}
	})

	rule(t, "HM-03", func(t *testing.T) {
		tracker := health.New(time.Now)
		tracker.Succeeded(alpha, health.Sample{Latency: 2 * time.Second, Took: 10 * time.Second, Output: 500})
		s := tracker.Standing(alpha)
		if !near(s.Latency.P50, 2) || !near(s.Throughput.P50, 50) {
			t.Errorf("latency %v, throughput %v", s.Latency.P50, s.Throughput.P50)
		}
	})

	rule(t, "HM-04", func(t *testing.T) {
		clock := time.Now()
		tracker := health.New(func() time.Time { return clock })
		tracker.Succeeded(alpha, health.Sample{Latency: time.Second, Took: time.Second, Output: 10})
		for minutes, known := range map[int][2]bool{4: {true, true}, 6: {false, true}, 24: {false, true}, 31: {false, false}} {
			later := health.New(func() time.Time { return clock })
			later.Succeeded(alpha, health.Sample{Latency: time.Second, Took: time.Second, Output: 10})
			began := clock
			clock = clock.Add(time.Duration(minutes) * time.Minute)
			if routing, public := later.Standing(alpha).Latency.Known(), later.Published(alpha).Latency.Known(); routing != known[0] || public != known[1] {
				t.Errorf("after %d minutes routing knows it: %v, the public: %v", minutes, routing, public)
			}
			clock = began
		}
	})

	rule(t, "HM-05", func(t *testing.T) {
		tracker := health.New(time.Now)
		for i := 1; i <= 100; i++ {
			tracker.Succeeded(alpha, health.Sample{Latency: time.Duration(i) * 100 * time.Millisecond, Took: time.Second, Output: int64(i)})
		}
		s := tracker.Standing(alpha)
		for _, c := range []struct {
			name      string
			got, want float64
		}{
			{"latency p50", s.Latency.P50, 5},
			{"latency p90", s.Latency.P90, 9},
			{"latency p99", s.Latency.P99, 9.9},
			{"throughput p50", s.Throughput.P50, 51},
			{"throughput p90", s.Throughput.P90, 11},
			{"throughput p99", s.Throughput.P99, 2},
		} {
			if !near(c.got, c.want) {
				t.Errorf("%s is %v, want about %v", c.name, c.got, c.want)
			}
		}
	})

	rule(t, "HM-06", func(t *testing.T) {
		const tools = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}}]`
		calling := func(name, arguments string) script {
			return data(chunk(fmt.Sprintf(`"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":%q,"arguments":%q}}]`, name, arguments), `"tool_calls"`), "[DONE]")
		}
		for _, c := range []struct {
			what          string
			says          script
			calls, errors int64
		}{
			{"good", calling("f", `{"n":1}`), 1, 0},
			{"no JSON", calling("f", `{"n":`), 1, 1},
			{"an unknown tool", calling("g", `{"n":1}`), 1, 1},
			{"not what the schema wants", calling("f", `{"n":"one"}`), 1, 1},
			{"no call", says("no"), 0, 0},
		} {
			r := start(t, setup{})
			r.up.on("alpha-1", c.says)
			r.chat("test/alpha", tools, `"stream":true`)
			if s := r.health.Standing(alpha); s.ToolCalls != c.calls || s.ToolErrors != c.errors {
				t.Errorf("%s: %d calls, %d in error", c.what, s.ToolCalls, s.ToolErrors)
			}
		}
	})

	rule(t, "HM-10", func(t *testing.T) {
		r := start(t, setup{})
		want(t, published(t, r), "status", 0.0)
		r.up.on("alpha-1", fails(500, `{}`))
		ask(r, 3)
		want(t, published(t, r), "status", -1.0)
		ask(r, 2)
		want(t, published(t, r), "status", -2.0)
		r.up.on("alpha-1", nil)
		r.pass(10 * time.Second)
		ask(r, 4)
		r.pass(time.Minute)
		want(t, published(t, r), "status", 0.0)
	})
}

// near allows for the width of a histogram's bin.
func near(got, want float64) bool { return got > want/1.1 && got < want*1.1 }
