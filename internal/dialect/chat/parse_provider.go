package chat

import (
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// provider reads a member of the `provider` object (area 6). Members that this
// build does not act on are preferences only, and are let through.
func (p *parser) provider(name []byte) {
	r := &p.req.Routing
	switch string(name) {
	case "order":
		r.Order = p.texts()
	case "only":
		r.Only = p.texts()
	case "ignore":
		r.Ignore = p.texts()
	case "allow_fallbacks":
		b := p.boolean()
		r.NoFallbacks = b != nil && !*b
	case "require_parameters":
		r.RequireParameters = p.flag()
	case "data_collection":
		s := p.optional()
		p.oneOf(s, "allow", "deny")
		r.DenyCollection = s == "deny"
	case "zdr":
		r.ZDR = p.flag()
	case "quantizations":
		r.Quantizations = p.texts()
	case "sort":
		p.sort()
	case "max_price":
		if !p.null() {
			p.object(p.maxPrice)
		}
	default:
		p.value()
	}
}

func (p *parser) sort() {
	r := &p.req.Routing
	by := func() {
		s := p.optional()
		p.oneOf(s, "price", "throughput", "latency", "exacto")
		if s != "exacto" { // an order by tool-call quality, which is the default's business
			r.Sort = llm.Sort(s)
		}
	}
	if p.peek() != '{' {
		by()
		return
	}
	p.object(func(name []byte) {
		switch string(name) {
		case "by":
			by()
		case "partition":
			s := p.optional()
			p.oneOf(s, "model", "none")
			if s == "none" {
				r.Partition = llm.PartitionNone
			}
		default:
			p.value()
		}
	})
}

// maxPrice reads a ceiling: dollars per million tokens, or per request or image.
func (p *parser) maxPrice(name []byte) {
	m := &p.req.Routing.MaxPrice
	switch string(name) {
	case "prompt":
		m.Prompt = p.price(6)
	case "completion":
		m.Completion = p.price(6)
	case "request":
		m.Request = p.price(0)
	case "image":
		m.Image = p.price(0)
	default:
		p.value()
	}
}

// price reads dollars, a number or a string, per 10^digits units.
func (p *parser) price(digits int) *money.Pico {
	var s string
	switch p.peek() {
	case 'n':
		p.value()
		return nil
	case '"':
		s = p.text()
	case '0':
		s = string(p.value())
	default:
		if p.value() != nil {
			p.fail("want a price in dollars")
		}
		return nil
	}
	if p.err != nil {
		return nil
	}
	plain, ok := shift(s, -digits)
	if !ok {
		p.fail("want a price in dollars")
		return nil
	}
	price, err := money.ParsePico(plain)
	if err != nil {
		p.fail("want a price in dollars")
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
