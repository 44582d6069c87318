package limit

import (
	"context"
	"math"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Free is what an account may ask of models that cost nothing, whatever keys it has
// (RL-01); 0: as much as it likes.
type Free struct {
	PerMinute    int64
	PerDay       int64 // UTC
	PerDayFunded int64 // of an account that has bought [Funded] of credits
}

// Funded is how much an account has bought that may ask more on a day.
const Funded = 10 * money.USD

// unlimited is more than anybody asks, and is counted exactly by those who count in
// floating point.
const unlimited = 1 << 50

const (
	// keepDay is for how long it is remembered what an account that asks nothing has
	// asked today, before it is looked up again.
	keepDay = 10 * time.Minute
	// keepBought is for how long it is believed what an account has bought.
	keepBought = 5 * time.Second
)

// today is what an account has asked on a day.
type today struct {
	day    int64 // since 1970
	taken  int64
	used   time.Time // last
	bought money.Nano
	asked  time.Time // when it had bought that much; zero: nobody asked
}

const daySeconds = 24 * 60 * 60

func dayOf(t time.Time) int64 { return t.Unix() / daySeconds }

func midnightAfter(t time.Time) time.Time { return time.Unix((dayOf(t)+1)*daySeconds, 0).UTC() }

// daily is the limit of a day; 0: there is none.
func (f Free) daily(bought money.Nano) int64 {
	if bought >= Funded {
		return f.PerDayFunded
	}
	return f.PerDay
}

func orUnlimited(n int64) int64 {
	if n == 0 {
		return unlimited
	}
	return n
}

// FreeRequest takes a request to a model that costs nothing of what its account may ask,
// or says why it may not.
func (l *Limiter) FreeRequest(ctx context.Context, account string) (*Ticket, error) {
	f := l.Free
	days := f.PerDay > 0 || f.PerDayFunded > 0
	var claims []Claim
	if f.PerMinute > 0 {
		claims = append(claims, Claim{Of: "free:{" + account + "}", Take: 1, Most: f.PerMinute})
	}
	now := l.Now()
	if days {
		if err := l.learn(ctx, account, now); err != nil {
			return nil, err
		}
		// Below the lower limit nobody asks what the account has bought.
		least := min(orUnlimited(f.PerDay), orUnlimited(f.PerDayFunded))
		claims = append(claims, Claim{Of: dayName(account, now), Take: 1, Most: least, Daily: true})
	}
	t := &Ticket{limiter: l, name: "free:" + account, claims: claims, tokens: -1, ended: len(claims) == 0}
	if t.ended {
		return t, nil
	}
	refused, v := l.take(ctx, t)
	var bought money.Nano
	if refused >= 0 && claims[refused].Daily {
		var err error
		if bought, err = l.bought(ctx, account, now); err != nil {
			return nil, err
		}
		if most := orUnlimited(f.daily(bought)); most > claims[refused].Most {
			claims[refused].Most = most
			t = &Ticket{limiter: l, name: t.name, claims: claims, tokens: -1}
			refused, v = l.take(ctx, t)
		}
	}
	switch {
	case refused < 0:
		return t, nil
	case claims[refused].Daily:
		return nil, freeDay(claims[refused], f, bought >= Funded, v, now)
	default:
		return nil, freeMinute(claims[refused], v, now)
	}
}

// dayName is a day's name on every node.
func dayName(account string, at time.Time) string {
	return "free:{" + account + "}:" + at.UTC().Format(time.DateOnly)
}

// learn has what an account asked today be known: what was asked before this process
// began, or long ago, is on record.
func (l *Limiter) learn(ctx context.Context, account string, now time.Time) error {
	day, known := dayOf(now), false
	l.with("free:"+account, now, func(e *entry) {
		e.today.used = now
		known = e.today.day >= day // a clock that goes back does not give a day again
	})
	if known {
		return nil
	}
	n, err := l.Counted(ctx, account, now)
	if err != nil {
		return away(err)
	}
	l.with("free:"+account, now, func(e *entry) {
		if e.today.day < day {
			e.today.day, e.today.taken = day, max(0, n)
		}
	})
	return nil
}

func (l *Limiter) bought(ctx context.Context, account string, now time.Time) (bought money.Nano, err error) {
	known := false
	l.with("free:"+account, now, func(e *entry) {
		age := now.Sub(e.today.asked)
		bought, known = e.today.bought, age >= 0 && age < keepBought
	})
	if known {
		return bought, nil
	}
	if bought, err = l.Bought(ctx, account); err != nil {
		return 0, away(err)
	}
	l.with("free:"+account, now, func(e *entry) { e.today.bought, e.today.asked = bought, now })
	return bought, nil
}

// away is what cannot be known right now: that is no fact about the caller (R4).
func away(err error) error {
	return &llm.Error{
		Type: llm.TypeOverloaded, Fault: llm.FaultOurs, RetryAfter: time.Second, Err: err,
		Message: "What this account has asked of free models today cannot be read right now: try again",
	}
}

// Allowance is what an account may ask of free models on a day; Limit and Remaining are
// -1 where there is no limit.
type Allowance struct{ Limit, Remaining, Used int64 }

// Today is what an account may and did ask of free models today.
func (l *Limiter) Today(ctx context.Context, account string) (Allowance, error) {
	if l.Free.PerDay == 0 && l.Free.PerDayFunded == 0 {
		return Allowance{Limit: -1, Remaining: -1}, nil
	}
	now := l.Now()
	if err := l.learn(ctx, account, now); err != nil {
		return Allowance{}, err
	}
	bought, err := l.Bought(ctx, account)
	if err != nil {
		return Allowance{}, away(err)
	}
	var a Allowance
	l.with("free:"+account, now, func(e *entry) { a.Used = e.today.taken })
	if l.Shared != nil {
		if n, ok := l.Shared.Today(ctx, dayName(account, now)); ok {
			a.Used = max(a.Used, min(n, math.MaxInt32))
		}
	}
	if a.Limit = l.Free.daily(bought); a.Limit == 0 {
		a.Limit, a.Remaining = -1, -1
		return a, nil
	}
	a.Remaining = max(0, a.Limit-a.Used)
	return a, nil
}
