// Package pricing is the one place where tokens become money: usage times a
// price sheet is a charge, rounded once and down; a request times the dearest
// sheet of its plan is the ceiling that a hold must cover; an answer without
// output is free.
package pricing

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Effective is the sheet under the conditions of one request: each override
// whose conditions all hold replaces prices member by member, later ones win
// (CB-03).
func Effective(p catalog.Prices, promptTokens int64, at time.Time) catalog.Prices {
	if len(p.Overrides) == 0 {
		return p
	}
	out := p
	out.Overrides = nil
	for _, o := range p.Overrides {
		if o.MinPromptTokens > 0 && promptTokens <= o.MinPromptTokens {
			continue
		}
		if o.From != "" && !within(o.From, o.To, at) {
			continue
		}
		replace(&out, o.Prices)
	}
	return out
}

// within reports whether at lies in the half-open UTC window from..to, "HHMM",
// which may wrap midnight.
func within(from, to string, at time.Time) bool {
	now := at.UTC().Format("1504")
	if from <= to {
		return from <= now && now < to
	}
	return now >= from || now < to
}

func replace(dst *catalog.Prices, src catalog.Prices) {
	to, from := members(dst), members(&src)
	for i := range to {
		if from[i].Listed() {
			*to[i] = *from[i]
		}
	}
}

func members(p *catalog.Prices) [14]*catalog.Price {
	return [14]*catalog.Price{
		&p.Prompt, &p.Completion, &p.Request, &p.Image, &p.ImageToken, &p.ImageOutput, &p.Audio, &p.AudioOutput, &p.InputAudioCache,
		&p.WebSearch, &p.InternalReasoning, &p.CacheRead, &p.CacheWrite, &p.CacheWrite1h,
	}
}

// or is the first of the prices that is listed: a missing cache price falls back
// to the prompt's, and so on (contract part 5).
func or(prices ...catalog.Price) money.Pico {
	for _, p := range prices {
		if p.Listed() {
			return p.Unit
		}
	}
	return 0
}

// Insured reports whether zero-completion insurance makes an answer free: no
// output and no finish reason, or a finish in error, whatever the provider
// charges us (CB-07, I10).
func Insured(u llm.Usage, f llm.FinishReason) bool {
	return f.Unified == llm.FinishError || (f.Unified == "" && u.Completion() == 0)
}

// Charge fills in what the usage costs on the sheet: Cost, PromptCost and
// Upstream. at decides time windows of the sheet. An insured answer has a list
// price and costs nothing.
func Charge(p catalog.Prices, u llm.Usage, f llm.FinishReason, at time.Time) (llm.Usage, error) {
	prompt, all, err := sums(p, u, at)
	if err != nil {
		return u, err
	}
	return charged(u, f, prompt, all)
}

// Part is what one endpoint had of an answer, and its sheet.
type Part struct {
	Prices catalog.Prices
	Usage  llm.Usage
}

// ChargeParts is [Charge] of an answer that several endpoints have written, each at its
// own prices. What they come to is put together before it is rounded, once and down.
func ChargeParts(parts []Part, f llm.FinishReason, at time.Time) (u llm.Usage, err error) {
	var prompt, all money.Sum
	for _, p := range parts {
		u = u.Plus(p.Usage)
		itsPrompt, itsAll, err := sums(p.Prices, p.Usage, at)
		if err != nil {
			return u, err
		}
		if prompt, err = prompt.Plus(itsPrompt); err != nil {
			return u, err
		}
		if all, err = all.Plus(itsAll); err != nil {
			return u, err
		}
	}
	return charged(u, f, prompt, all)
}

// sums are what the prompt, and all of a usage, come to before any rounding.
func sums(p catalog.Prices, u llm.Usage, at time.Time) (prompt, all money.Sum, err error) {
	e := Effective(p, u.Prompt(), at)
	if prompt, err = promptSum(e, u); err != nil {
		return prompt, all, err
	}
	rest, err := completionSum(e, u)
	if err != nil {
		return prompt, all, err
	}
	if prompt, err = discounted(prompt, p.Discount); err != nil {
		return prompt, all, err
	}
	if rest, err = discounted(rest, p.Discount); err != nil {
		return prompt, all, err
	}
	all, err = prompt.Plus(rest)
	return prompt, all, err
}

func charged(u llm.Usage, f llm.FinishReason, prompt, all money.Sum) (_ llm.Usage, err error) {
	if u.Upstream, err = all.Nano(); err != nil {
		return u, err
	}
	if u.PromptCost, err = prompt.Nano(); err != nil {
		return u, err
	}
	u.Cost = u.Upstream
	if Insured(u, f) {
		u.Cost = 0
	}
	return u, nil
}

type term struct {
	price money.Pico
	n     int64
}

func sum(terms ...term) (money.Sum, error) {
	var s money.Sum
	for _, t := range terms {
		if err := s.Add(t.price, t.n); err != nil {
			return money.Sum{}, err
		}
	}
	return s, nil
}

func promptSum(p catalog.Prices, u llm.Usage) (money.Sum, error) {
	return sum(
		term{p.Request.Unit, 1},
		term{p.Prompt.Unit, u.Input},
		term{or(p.CacheRead, p.Prompt), u.CacheRead},
		term{or(p.CacheWrite, p.Prompt), u.CacheWrite5m},
		term{or(p.CacheWrite1h, p.CacheWrite, p.Prompt), u.CacheWrite1h},
		term{or(p.Audio, p.Prompt), u.AudioIn},
		term{p.Image.Unit, u.Images},
	)
}

func completionSum(p catalog.Prices, u llm.Usage) (money.Sum, error) {
	return sum(
		term{p.Completion.Unit, u.Output},
		term{or(p.InternalReasoning, p.Completion), u.Reasoning},
		term{or(p.AudioOutput, p.Completion), u.AudioOut},
		term{or(p.ImageOutput, p.Completion), u.ImageOut},
	)
}

// discounted takes a fraction off, 0 <= d < 1 as a decimal; the rounding of the
// pico sum is below a nano-dollar and goes in the customer's favour.
func discounted(s money.Sum, d string) (money.Sum, error) {
	if d == "" {
		return s, nil
	}
	const one = uint64(money.USD)
	off, err := money.ParseNano(d)
	if err != nil {
		return s, err
	}
	return s.Scale(one-uint64(off), one) //nolint:gosec // the catalogue holds discounts from 0 to 1
}

// Ask is the size of a request for its ceiling.
type Ask struct {
	PromptTokens int64 // estimated
	OutputTokens int64 // held
	Images       int64
	CacheWrites  bool // the prompt may be written to a cache, at that price
	Audio        bool // some of the prompt is audio
	Media        bool // images or audio may be made
}

// Ceiling is the most that the ask can cost on the dearest of the sheets, in
// nano-dollars rounded up: what a hold must cover.
func Ceiling(sheets []catalog.Prices, ask Ask) (money.Nano, error) {
	var dearest money.Nano
	for _, p := range sheets {
		n, err := ceiling(p, ask)
		if err != nil {
			return 0, err
		}
		dearest = max(dearest, n)
	}
	return dearest, nil
}

func ceiling(p catalog.Prices, ask Ask) (money.Nano, error) {
	highest := p
	highest.Overrides = nil
	for _, o := range p.Overrides {
		to, from := members(&highest), members(&o.Prices)
		for i := range to {
			if from[i].Unit > to[i].Unit {
				*to[i] = *from[i]
			}
		}
	}
	prompt := highest.Prompt.Unit
	if ask.CacheWrites {
		prompt = max(prompt, highest.CacheWrite.Unit, highest.CacheWrite1h.Unit)
	}
	if ask.Audio {
		prompt = max(prompt, highest.Audio.Unit)
	}
	output := max(highest.Completion.Unit, highest.InternalReasoning.Unit)
	if ask.Media {
		output = max(output, highest.AudioOutput.Unit, highest.ImageOutput.Unit)
	}
	s, err := sum(
		term{highest.Request.Unit, 1},
		term{prompt, ask.PromptTokens},
		term{output, ask.OutputTokens},
		term{highest.Image.Unit, ask.Images},
	)
	if err != nil {
		return 0, err
	}
	if s.IsZero() {
		return 0, nil
	}
	n, err := s.Nano()
	if err != nil {
		return 0, err
	}
	return n + 1, nil
}

// Affordable is how many output tokens at the dearest of the sheets fit into
// what remains of available after the prompt; 0 if not even the prompt fits.
func Affordable(sheets []catalog.Prices, ask Ask, available money.Nano) int64 {
	low, high := int64(0), ask.OutputTokens
	for low < high {
		mid := low + (high-low+1)/2
		a := ask
		a.OutputTokens = mid
		if n, err := Ceiling(sheets, a); err == nil && n <= available {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}
