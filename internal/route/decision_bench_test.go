package route

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// What it costs to keep decisions: while the caller waits (decide, beside make), later
// (write), and on the disk.
func BenchmarkDecision(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		var endpoints []*catalog.Endpoint
		for i := range 2 * n { // as many again of providers without a key
			endpoints = append(endpoints, at(b, fmt.Sprintf("provider-%d", i), fmt.Sprintf("0.00000%d", 1+i)))
		}
		w := world(b, map[string][]*catalog.Endpoint{"author/model-1.5": endpoints})
		w.Explain, w.At = false, time.Unix(1_790_000_000, 5e6)
		tracker := health.New(time.Now)
		live := map[string]bool{}
		for i, e := range w.Catalog.Models()[0].Endpoints[:n] {
			live[e.Provider] = true
			tracker.Succeeded(e.ID, health.Sample{Latency: time.Duration(i) * time.Millisecond, Took: time.Second, Output: int64(i)})
		}
		w.Barred = func(e *catalog.Endpoint) string {
			if live[e.Provider] {
				return ""
			}
			return RuleCredential
		}
		req := request("author/model-1.5")
		req.Needs = llm.Needs{PromptTokens: 1000, MaxTokens: 500, Parameters: []string{"max_tokens", "temperature"}}
		b.Run(fmt.Sprintf("%d/make", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.Health = tracker.View()
				if _, err := Make(Ask(req), w, policy.Limits{}, Rand(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
		w.Health = tracker.View()
		_, d, err := Decide(Ask(req), w, policy.Limits{}, 1)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%d/decide", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.Health = tracker.View()
				if _, _, err := Decide(Ask(req), w, policy.Limits{}, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/write", n), func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				text, err := json.Marshal(d)
				if err != nil {
					b.Fatal(err)
				}
				size = len(text)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
