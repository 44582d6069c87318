//go:build unix

package sqlstore

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// BenchmarkCycle is a request's share of the store: reserve, settle, and on some
// runs a limit and a record. cpu-µs/op is the CPU time of the whole process.
func BenchmarkCycle(b *testing.B) {
	for _, goroutines := range []int{1, 64, 200} {
		for _, kind := range []string{"plain", "limit", "limit+record"} {
			b.Run(fmt.Sprintf("%s/%d", kind, goroutines), func(b *testing.B) { benchCycle(b, goroutines, kind) })
		}
	}
}

func benchCycle(b *testing.B, goroutines int, kind string) {
	d := open(b, Options{})
	l := ledger.New(d.Books(), time.Now, "bench")
	ctx := b.Context()
	account := ledger.Customer("bench")
	if err := l.Open(ctx, account); err != nil {
		b.Fatal(err)
	}
	if err := l.TopUp(ctx, account, "start", 1_000_000*money.USD); err != nil {
		b.Fatal(err)
	}
	var limits []ledger.Limit
	if kind != "plain" {
		limits = []ledger.Limit{{Scope: "key:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef@2026-11", Max: 1_000_000 * money.USD}}
	}
	o := sample()
	o.Account, o.KeyHash = "bench", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	var next atomic.Int64
	b.ReportAllocs()
	before := cpu(b)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					return
				}
				ref := "gen-" + strconv.FormatInt(1_790_000_000_000_000+n, 10) + "-abcdefghijklmnop"
				h, err := l.Reserve(ctx, account, ref, 5_000_000, limits...)
				if err != nil {
					b.Error(err)
					return
				}
				if kind == "limit+record" {
					o := o
					o.ID = ref
					d.Record(o)
				}
				if err := l.Settle(ctx, h, 3_000_000); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
	if n := d.Dropped(); n > 0 {
		b.Logf("%d records dropped", n)
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
