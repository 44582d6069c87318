package pricing

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Saved is by how much prompt caching made an answer cheaper on the sheet: negative
// where more was written to a cache than was read from it (SK-09).
func Saved(p catalog.Prices, u llm.Usage, at time.Time) (money.Nano, error) {
	e := Effective(p, u.Prompt(), at)
	plain := u
	plain.Input += u.CacheRead + u.CacheWrite5m + u.CacheWrite1h
	plain.CacheRead, plain.CacheWrite5m, plain.CacheWrite1h = 0, 0, 0
	without, err := promptCost(e, plain, p.Discount)
	if err != nil {
		return 0, err
	}
	with, err := promptCost(e, u, p.Discount)
	return without - with, err
}

func promptCost(p catalog.Prices, u llm.Usage, discount string) (money.Nano, error) {
	s, err := promptSum(p, u)
	if err != nil {
		return 0, err
	}
	if s, err = discounted(s, discount); err != nil {
		return 0, err
	}
	return s.Nano()
}
