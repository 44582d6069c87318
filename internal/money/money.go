// Package money holds the two integer units in which Turnpike counts, and the
// one place where an amount is rounded.
//
// Amounts (balances, holds, charges) are nano-dollars, 1e-9 USD: [Nano]. Unit
// prices are pico-dollars per unit, 1e-12 USD: [Pico]. A charge is the exact
// 128-bit sum of count x price over all units ([Sum]), rounded down once, in the
// customer's favour ([Sum.Nano]). No floating point occurs here (trust I1).
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Nano is an amount in nano-dollars: 1 USD is 1e9 Nano. The range is about
// +/- 9.2e9 USD.
type Nano int64

// Pico is a price per unit (token, image, request, ...) in pico-dollars: 1 USD
// is 1e12 Pico.
type Pico int64

// USD is one dollar as an amount.
const USD Nano = 1e9

// ErrOverflow says that an amount does not fit; nothing wraps silently.
var ErrOverflow = errors.New("money: amount out of range")

// Sum adds count x price products exactly. The zero value is an empty sum.
type Sum struct{ hi, lo uint64 }

// Add adds n units at price p. Negative counts and prices are refused: a usage
// report from outside may never credit an account (trust F47).
func (s *Sum) Add(p Pico, n int64) error {
	if p < 0 || n < 0 {
		return fmt.Errorf("money: negative product %d x %d", n, p)
	}
	hi, lo := bits.Mul64(uint64(p), uint64(n))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, carry = bits.Add64(s.hi, hi, carry)
	if carry != 0 {
		return ErrOverflow
	}
	return nil
}

// Plus returns s + t.
func (s Sum) Plus(t Sum) (Sum, error) {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	hi, carry := bits.Add64(s.hi, t.hi, carry)
	if carry != 0 {
		return Sum{}, ErrOverflow
	}
	return Sum{hi: hi, lo: lo}, nil
}

// Scale returns s x num / den, rounded down; den must exceed zero. It serves
// discounts (CB-02), where num <= den.
func (s Sum) Scale(num, den uint64) (Sum, error) {
	h1, l1 := bits.Mul64(s.lo, num)
	h2, l2 := bits.Mul64(s.hi, num)
	mid, carry := bits.Add64(h1, l2, 0)
	if h2+carry >= den || den == 0 {
		return Sum{}, ErrOverflow
	}
	hi, rem := bits.Div64(h2+carry, mid, den)
	lo, _ := bits.Div64(rem, l1, den)
	return Sum{hi: hi, lo: lo}, nil
}

// Nano is the one rounding: down to whole nano-dollars.
func (s Sum) Nano() (Nano, error) {
	const picoPerNano = 1000
	if s.hi >= picoPerNano {
		return 0, ErrOverflow
	}
	q, _ := bits.Div64(s.hi, s.lo, picoPerNano)
	if q > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return Nano(q), nil
}

// IsZero reports whether the sum is nothing.
func (s Sum) IsZero() bool { return s.hi == 0 && s.lo == 0 }

// Add returns a + b, or [ErrOverflow].
func (a Nano) Add(b Nano) (Nano, error) {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return c, nil
}

// String is the amount in dollars as a plain decimal without trailing zeros:
// "0.00000251", "-3.5", "10".
func (a Nano) String() string { return string(a.AppendUSD(nil)) }

// AppendUSD appends the amount in dollars as a JSON number.
func (a Nano) AppendUSD(dst []byte) []byte { return appendDecimal(dst, int64(a), 9) }

// MarshalJSON writes dollars as a JSON number, exactly.
func (a Nano) MarshalJSON() ([]byte, error) { return a.AppendUSD(nil), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Nano) UnmarshalJSON(text []byte) (err error) {
	*a, err = ParseNano(string(text))
	return err
}

// ParseNano reads dollars from a plain decimal ("10", "0.000000001"). More than
// nine fractional digits that matter are an error: an amount is never rounded
// on the way in.
func ParseNano(s string) (Nano, error) {
	n, exact, err := parseDecimal(s, 9)
	if err == nil && !exact {
		err = fmt.Errorf("money: %q has more than nine fractional digits", s)
	}
	return Nano(n), err
}

// ParsePico reads a unit price in dollars from a plain decimal string as the
// catalogue writes it ("0.000005", "0"). What lies below a pico-dollar is cut
// off: the string is kept for display, billing uses its floor.
func ParsePico(s string) (Pico, error) {
	n, _, err := parseDecimal(s, 12)
	if err == nil && n < 0 {
		err = fmt.Errorf("money: negative price %q", s)
	}
	return Pico(n), err
}

// String is the price in dollars per unit.
func (p Pico) String() string { return string(appendDecimal(nil, int64(p), 12)) }

func appendDecimal(dst []byte, n int64, digits int) []byte {
	u := uint64(n) //nolint:gosec // -u is the magnitude, also of the least number
	if n < 0 {
		dst = append(dst, '-')
		u = -u
	}
	text := strconv.FormatUint(u, 10)
	if len(text) <= digits {
		text = strings.Repeat("0", digits+1-len(text)) + text
	}
	cut := len(text) - digits
	dst = append(dst, text[:cut]...)
	if frac := strings.TrimRight(text[cut:], "0"); frac != "" {
		dst = append(dst, '.')
		dst = append(dst, frac...)
	}
	return dst
}

// parseDecimal reads s as a count of 10^-digits. exact is false if digits that
// are not zero were cut off.
func parseDecimal(s string, digits int) (n int64, exact bool, err error) {
	bad := fmt.Errorf("money: %q is not a plain decimal number", s)
	text := strings.TrimPrefix(s, "-")
	whole, frac, dotted := strings.Cut(text, ".")
	if whole == "" || (dotted && frac == "") || !allDigits(whole) || !allDigits(frac) {
		return 0, false, bad
	}
	exact = true
	if len(frac) > digits {
		exact = strings.Trim(frac[digits:], "0") == ""
		frac = frac[:digits]
	}
	all := strings.TrimLeft(whole+frac+strings.Repeat("0", digits-len(frac)), "0")
	if all == "" {
		return 0, exact, nil
	}
	if len(s) != len(text) {
		all = "-" + all
	}
	n, err = strconv.ParseInt(all, 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %q", ErrOverflow, s)
	}
	return n, exact, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
