package pricing_test

import (
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
)

// SK-09: positive for reads, negative for writes.
func TestSK09_Saved(t *testing.T) {
	t.Parallel()
	price := func(s string) catalog.Price {
		p, err := catalog.ParsePrice(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	sheet := catalog.Prices{Prompt: price("0.000004"), Completion: price("0.00001"), CacheRead: price("0.0000004"), CacheWrite: price("0.000005"), CacheWrite1h: price("0.000008")}
	half := sheet
	half.Discount = "0.5"
	for name, c := range map[string]struct {
		sheet catalog.Prices
		usage llm.Usage
		want  money.Nano
	}{
		"nothing cached":      {sheet, llm.Usage{Input: 1000, Output: 10}, 0},
		"read":                {sheet, llm.Usage{Input: 100, CacheRead: 1000}, 3_600_000},
		"written":             {sheet, llm.Usage{CacheWrite5m: 1000}, -1_000_000},
		"written for an hour": {sheet, llm.Usage{CacheWrite1h: 1000}, -4_000_000},
		"both":                {sheet, llm.Usage{CacheRead: 1000, CacheWrite5m: 1000}, 2_600_000},
		"with a discount":     {half, llm.Usage{CacheRead: 1000}, 1_800_000},
		"no price for it":     {catalog.Prices{Prompt: price("0.000004")}, llm.Usage{CacheRead: 1000, CacheWrite5m: 10}, 0},
	} {
		got, err := pricing.Saved(c.sheet, c.usage, time.Time{})
		if err != nil || got != c.want {
			t.Errorf("%s: %d, %v; want %d", name, got, err, c.want)
		}
	}
}
