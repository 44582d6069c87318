package limit_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/limit"
)

// What a request pays for its key's limits, from admission to its end.
func BenchmarkKey(b *testing.B) {
	o := new(world).options(newClock(), limit.Free{})
	o.Now = time.Now
	rates := identity.Rates{Requests: identity.MaxRate, Tokens: identity.MaxRate}
	run := func(name string, keys int, r identity.Rates) {
		b.Run(name, func(b *testing.B) {
			l := limit.New(o)
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprintf("%064d", i)
			}
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				key := names[int(next.Add(1))%keys]
				for pb.Next() {
					if t, err := l.Key(b.Context(), key, r, 1, 100); err == nil {
						t.End(b.Context(), 50)
					}
				}
			})
		})
	}
	run("one key", 1, rates)
	run("keys", 64, rates)
	run("refused", 1, identity.Rates{Requests: 1})
	run("unlimited", 1, identity.Rates{})
}
