package route

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func BenchmarkMake(b *testing.B) {
	for _, n := range []int{10, 1000} {
		var endpoints []*catalog.Endpoint
		for i := range n {
			endpoints = append(endpoints, at(b, fmt.Sprintf("provider-%d", i), fmt.Sprintf("0.00000%d", 1+i*7919%997)))
		}
		w := world(b, map[string][]*catalog.Endpoint{"x/y": endpoints})
		w.Explain = false
		tracker := health.New(time.Now)
		for i, e := range endpoints {
			tracker.Succeeded(e.ID, health.Sample{Latency: time.Duration(i) * time.Millisecond, Took: time.Second, Output: int64(i)})
		}
		for _, sort := range []llm.Sort{llm.SortDefault, llm.SortPrice, llm.SortThroughput} {
			req := request("x/y")
			req.Needs.PromptTokens, req.Needs.MaxTokens, req.Routing.Sort = 1000, 500, sort
			b.Run(fmt.Sprintf("%d/sort=%s", n, sort), func(b *testing.B) {
				b.ReportAllocs()
				rng := rand.New(rand.NewPCG(1, 2))
				for b.Loop() {
					w.Health = tracker.View()
					if _, err := Make(Ask(req), w, policy.Limits{}, rng); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
