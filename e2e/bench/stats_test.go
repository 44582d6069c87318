package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpreadOf(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := 100; i > 0; i-- {
		hundred = append(hundred, time.Duration(i))
	}
	for _, c := range []struct {
		name    string
		samples []time.Duration
		want    spread
	}{
		{"none", nil, spread{}},
		{"one", []time.Duration{7}, spread{7, 7, 7}},
		{"two", []time.Duration{9, 3}, spread{3, 9, 9}},
		{"1 to 100", hundred, spread{50, 99, 100}},
	} {
		if d := cmp.Diff(c.want, spreadOf(c.samples)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestSpell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{2.345}, "2.3"},
		{[]float64{3, 1, 2}, "2.0 (1.0…3.0)"},
		{[]float64{4, 1, 2, 3}, "2.5 (1.0…4.0)"},
	} {
		if got := spell(c.values, 1); got != c.want {
			t.Errorf("%v: %s, want %s", c.values, got, c.want)
		}
	}
}

// TestExchange has the load generator ask the fake provider, streamed and not,
// over one connection after the other's hand-written HTTP.
func TestExchange(t *testing.T) {
	t.Parallel()
	says, out := io.Pipe()
	go func() {
		_ = serveUpstream(t.Context(), map[string]shape{
			whole: {Body: 1024, Events: 2, EventBytes: 8},
			paced: {Body: 1024, Events: 3, EventBytes: 8, Pace: time.Millisecond},
		}, out) // listens until the test program ends
	}()
	address, err := bufio.NewReader(says).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		load load
		want result
	}{
		{"whole", load{Model: whole}, result{Answered: 5, Measured: 5}},
		{"stream", load{Model: paced, Stream: true}, result{Answered: 5, Measured: 5, Events: 5 * (3 + 3)}},
		{"fixed rate", load{Model: paced, Stream: true, Rate: 1000}, result{Answered: 5, Measured: 5, Events: 5 * (3 + 3)}},
		{"no such model", load{Model: "other"}, result{Failed: 5}},
	} {
		c.load.Address, c.load.Path, c.load.RequestBytes = strings.TrimSpace(address), "/v1/chat/completions", 512
		c.load.Conns, c.load.Count, c.load.Time = 2, 5, time.Minute
		r := newRunner(c.load)
		if c.load.Rate > 0 {
			r.fixed(t.Context())
		} else {
			r.closed(t.Context())
		}
		got := r.result()
		if got.Measured > 0 && (got.Latency.P50 <= 0 || got.Latency.P99 < got.Latency.P50 || (c.load.Stream && got.First.P50 <= 0)) {
			t.Errorf("%s: latency %+v, first %+v", c.name, got.Latency, got.First)
		}
		why := got.Why
		got.Seconds, got.Latency, got.First, got.Why = 0, spread{}, spread{}, nil
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s\n%v", c.name, d, why)
		}
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	if got := fill(`{"x":"%s"}`, 64); len(got) != 64 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
