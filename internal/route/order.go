package route

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	whyOrder = "order"
	whyDraw  = "draw"
)

// arrange orders candidates: provider.order first (RT-04), then the sort, then
// the draw. An endpoint with an outage goes behind stable ones (RT-01) unless
// the caller's order names it.
func arrange(req *llm.Request, w World, g []Candidate, sort llm.Sort, rng *rand.Rand) []Candidate {
	out := make([]Candidate, 0, len(g))
	rest := slices.Clone(g)
	for _, name := range req.Routing.Order {
		rest = slices.DeleteFunc(rest, func(c Candidate) bool {
			if !matches(w, c.Endpoint)(name) {
				return false
			}
			c.Why = whyOrder
			out = append(out, c)
			return true
		})
	}
	if len(req.Routing.Order) > 0 {
		sort = llm.SortPrice // RT-04, RT-05: what `order` does not name follows without a draw, the cheapest first
	}
	if sort == llm.SortDefault && req.Routing.NoFallbacks {
		sort = llm.SortPrice // contract part 6, row 26: the cheapest stable one, no draw
	}
	stable, ailing := split(rest)
	for _, part := range [][]Candidate{stable, ailing} {
		if sort == llm.SortDefault {
			draw(req, part, rng)
		} else {
			order(req, w, part, sort)
		}
		out = append(out, part...)
	}
	return out
}

func split(g []Candidate) (stable, ailing []Candidate) {
	for _, c := range g {
		if c.Stable {
			stable = append(stable, c)
		} else {
			ailing = append(ailing, c)
		}
	}
	return stable, ailing
}

// order sorts by price, or by what health knows; rows without data go last, ties
// go to the cheaper.
func order(req *llm.Request, w World, g []Candidate, by llm.Sort) {
	for i := range g {
		g[i].Why = "sort:" + string(by)
	}
	slices.SortStableFunc(g, func(a, b Candidate) int {
		var c int
		switch by {
		case llm.SortThroughput:
			x, y := w.Health(a.Endpoint.ID).Throughput, w.Health(b.Endpoint.ID).Throughput
			c = cmp.Or(missingLast(x == 0, y == 0), cmp.Compare(y, x))
		case llm.SortLatency:
			x, y := w.Health(a.Endpoint.ID).Latency, w.Health(b.Endpoint.ID).Latency
			c = cmp.Or(missingLast(x == 0, y == 0), cmp.Compare(x, y))
		default:
		}
		return cmp.Or(c, cmp.Compare(Blend(req, a.Endpoint.Prices), Blend(req, b.Endpoint.Prices)), cmp.Compare(a.Endpoint.ID, b.Endpoint.ID))
	})
}

func missingLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// expectedOutput is how long an answer is taken to be where nothing says so.
const expectedOutput = 512

// Blend collapses a two-part price into one number, in pico-dollars for the
// whole expected request (RT-03, U1): the estimated prompt and the asked-for
// output, or 512 tokens. It only orders endpoints; nobody is billed by it.
func Blend(req *llm.Request, p catalog.Prices) float64 {
	out := req.Needs.MaxTokens
	if out == 0 || out > expectedOutput {
		out = expectedOutput
	}
	return float64(p.Request.Unit) + float64(p.Prompt.Unit)*float64(max(req.Needs.PromptTokens, 1)) + float64(p.Completion.Unit)*float64(out)
}

// draw puts a random one first, with weight 1/price squared, and draws on among
// the rest (RT-02). Free endpoints tie and come before paid ones (U2).
func draw(req *llm.Request, g []Candidate, rng *rand.Rand) {
	weights := make([]float64, len(g))
	for i := range g {
		g[i].Why = whyDraw
		b := Blend(req, g[i].Endpoint.Prices)
		if b > 0 {
			weights[i] = 1 / (b * b)
		}
	}
	for i := range g {
		j := i + pick(weights[i:], rng)
		g[i], g[j] = g[j], g[i]
		weights[i], weights[j] = weights[j], weights[i]
	}
}

// pick draws an index by weight; a weight of 0 marks a free endpoint, and those
// go first, all alike.
func pick(weights []float64, rng *rand.Rand) int {
	free, total := 0, 0.0
	for _, w := range weights {
		total += w
		if w == 0 {
			free++
		}
	}
	if free > 0 {
		n := rng.IntN(free)
		for i, w := range weights {
			if w != 0 {
				continue
			}
			if n == 0 {
				return i
			}
			n--
		}
	}
	at := rng.Float64() * total
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}
