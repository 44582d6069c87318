package limit

import (
	"fmt"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// exceeded is a limit that there is no room under until a time. Clients tell the limits
// apart by their names.
func exceeded(name, message string, c Claim, v Verdict, now, until time.Time) error {
	return &llm.Error{
		Type: llm.TypeRateLimit, Fault: llm.FaultCaller, RetryAfter: until.Sub(now),
		Message: "Rate limit exceeded: " + name + ". " + message,
		Limit:   &llm.Limit{Most: c.Most, Left: max(0, c.Most-v.Taken), Reset: until},
	}
}

// soon is a time of which a minute is made, rounded up.
func soon(d time.Duration) string {
	switch s := (d + time.Second - 1) / time.Second; s {
	case 1:
		return "in a second"
	default:
		return fmt.Sprintf("in %d seconds", s)
	}
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func keyRequests(hash string, c Claim, v Verdict, now time.Time) error {
	return exceeded("requests-per-minute", fmt.Sprintf(
		"This key may make %s a minute, and the next one is admitted %s. A management key raises that: PATCH /api/v1/keys/%s with requests_per_minute.",
		count(c.Most, "request"), soon(v.Wait), hash), c, v, now, now.Add(v.Wait))
}

func keyTokens(hash string, c Claim, v Verdict, now time.Time) error {
	return exceeded("tokens-per-minute", fmt.Sprintf(
		"This key may use %s a minute, of which %d are left, and this request may take up to %d: it is admitted %s, or at once with a shorter prompt or max_tokens that fit. "+
			"A management key raises that: PATCH /api/v1/keys/%s with tokens_per_minute.",
		count(c.Most, "token"), max(0, c.Most-v.Taken), c.Take, soon(v.Wait), hash), c, v, now, now.Add(v.Wait))
}

func freeMinute(c Claim, v Verdict, now time.Time) error {
	return exceeded("free-models-per-min", fmt.Sprintf(
		"An account may make %s a minute to models of a :free variant, whatever its keys, and the next one is admitted %s. The paid variant has no such limit.",
		count(c.Most, "request"), soon(v.Wait)), c, v, now, now.Add(v.Wait))
}

func freeDay(c Claim, f Free, funded bool, v Verdict, now time.Time) error {
	until := midnightAfter(now)
	var b strings.Builder
	fmt.Fprintf(&b, "An account may make %s a day to models of a :free variant, whatever its keys, and the next one is admitted at %s. ",
		count(c.Most, "request"), until.Format(time.RFC3339))
	name := "free-models-per-day"
	switch more := orUnlimited(f.PerDayFunded); {
	case funded:
		name += "-high-balance"
	case more == unlimited:
		fmt.Fprintf(&b, "Accounts that have bought %d credits have no such limit. ", Funded/money.USD)
	case more > c.Most:
		fmt.Fprintf(&b, "Accounts that have bought %d credits may make %d. ", Funded/money.USD, more)
	}
	b.WriteString("The paid variant has none.")
	return exceeded(name, b.String(), c, v, now, until)
}

// TooMany is the error of a request of more tokens than a key may ever have, with its
// prompt alone or with what it asks for; nil of any other.
func TooMany(r identity.Rates, prompt, output int64) error {
	switch {
	case r.Tokens == 0 || prompt <= r.Tokens && output <= r.Tokens-prompt: // a sum may be too large to be one
		return nil
	case prompt >= r.Tokens:
		return llm.Bad(fmt.Sprintf("The prompt has about %d tokens, and this key may use %d a minute (tokens_per_minute): shorten it", prompt, r.Tokens))
	default:
		return llm.Bad(fmt.Sprintf("max_tokens: this key may use %d tokens a minute (tokens_per_minute), and the prompt has about %d: ask for %d at most", r.Tokens, prompt, r.Tokens-prompt))
	}
}
