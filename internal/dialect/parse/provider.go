package parse

import (
	"math"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// provider reads a member of the `provider` object (area 6). Members that this
// build does not act on are preferences only, and are let through.
func (b *Body) provider(name []byte) {
	r := &b.Req.Routing
	switch string(name) {
	case "order":
		r.Order = b.names()
	case "only":
		r.Only = b.names()
	case "ignore":
		r.Ignore = b.names()
	case "allow_fallbacks":
		b := b.Boolean()
		r.NoFallbacks = b != nil && !*b
	case "require_parameters":
		r.RequireParameters = b.Flag()
	case "data_collection":
		s := b.Optional()
		b.OneOf(s, "allow", "deny")
		r.DenyCollection = s == "deny"
	case "zdr":
		r.ZDR = b.Flag()
	case "quantizations":
		r.Quantizations = b.names()
	case "sort":
		b.sort()
	case "max_price":
		if !b.Null() {
			b.Object(b.maxPrice)
		}
	case "preferred_min_throughput":
		r.MinThroughput = b.cutoffs()
	case "preferred_max_latency":
		r.MaxLatency = b.cutoffs()
	case "enforce_distillable_text":
		r.Distillable = b.Flag()
	case "continue":
		r.Continue = b.Flag()
	default:
		b.Value()
	}
}

// maxNames is how many providers a list may name: each is held against every endpoint.
const maxNames = 512

func (b *Body) names() []string {
	list := b.Texts()
	if len(list) > maxNames {
		b.Fail("want at most %d names", maxNames)
	}
	return list
}

func (b *Body) sort() {
	r := &b.Req.Routing
	by := func() {
		s := b.Optional()
		b.OneOf(s, "price", "throughput", "latency", "exacto")
		r.Sort = llm.Sort(s)
	}
	if b.Peek() != '{' {
		by()
		return
	}
	b.Object(func(name []byte) {
		switch string(name) {
		case "by":
			by()
		case "partition":
			s := b.Optional()
			b.OneOf(s, "model", "none")
			if s == "none" {
				r.Partition = llm.PartitionNone
			}
		default:
			b.Value()
		}
	})
}

// cutoffs reads a threshold: a number, which is about the median, or one for each
// percentile (RT-16).
func (b *Body) cutoffs() (c llm.Cutoffs) {
	read := func(into *float64) {
		if n := b.Number(0, math.MaxFloat64); n != nil {
			*into = *n
		}
	}
	if b.Peek() != '{' {
		read(&c.P50)
		return c
	}
	b.Object(func(name []byte) {
		switch string(name) {
		case "p50":
			read(&c.P50)
		case "p75":
			read(&c.P75)
		case "p90":
			read(&c.P90)
		case "p99":
			read(&c.P99)
		default:
			b.Value()
		}
	})
	return c
}

// tier reads `service_tier` (contract area 18).
func (b *Body) tier() {
	s := b.Optional()
	b.OneOf(s, "auto", "default", "fast", "flex", "priority", "scale", "standard", "standard_only")
	r := &b.Req.Routing
	switch s {
	case "flex":
		r.Tier = llm.TierFlex
	case "priority", "fast": // TR-01
		r.Tier = llm.TierPriority
	case "default", "standard", "standard_only":
		r.Tier = llm.TierDefault
	}
}

// maxPrice reads a ceiling: dollars per million tokens, or per request or image.
func (b *Body) maxPrice(name []byte) {
	m := &b.Req.Routing.MaxPrice
	switch string(name) {
	case "prompt":
		m.Prompt = b.price(6)
	case "completion":
		m.Completion = b.price(6)
	case "request":
		m.Request = b.price(0)
	case "image":
		m.Image = b.price(0)
	case "audio":
		m.Audio = b.price(0)
	default:
		b.Value()
	}
}

// price reads dollars, a number or a string, per 10^digits units.
func (b *Body) price(digits int) *money.Pico {
	var s string
	switch b.Peek() {
	case 'n':
		b.Value()
		return nil
	case '"':
		s = b.Text()
	case '0':
		s = string(b.Value())
	default:
		if b.Value() != nil {
			b.Fail("want a price in dollars")
		}
		return nil
	}
	if b.Err != nil {
		return nil
	}
	plain, ok := shift(s, -digits)
	if !ok {
		b.Fail("want a price in dollars")
		return nil
	}
	price, err := money.ParsePico(plain)
	if err != nil {
		b.Fail("want a price in dollars")
		return nil
	}
	return &price
}

// shift is the decimal number s times 10^by as a plain decimal, exactly.
func shift(s string, by int) (string, bool) {
	const most = 40 // digits either side: more than any price has
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		e, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil || e < -1000 || e > 1000 {
			return "", false
		}
		s, by = s[:i], by+e
	}
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "" || len(whole)+len(frac) > 10*most {
		return "", false
	}
	digits := strings.TrimLeft(whole+frac, "0")
	point := len(digits) - len(frac) + by
	switch {
	case strings.Trim(digits, "0") == "":
		return "0", strings.Trim(whole+frac, "0") == ""
	case point > most:
		return "", false
	case point < -most:
		return "0", strings.Trim(digits, "0123456789") == ""
	case point <= 0:
		return "0." + strings.Repeat("0", -point) + digits, true
	case point >= len(digits):
		return digits + strings.Repeat("0", point-len(digits)), true
	}
	return digits[:point] + "." + digits[point:], true
}
