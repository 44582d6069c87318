package main

import (
	"fmt"
	"strconv"
	"strings"
)

// significant is how many digits of a source's figure are believed. Some were
// computed in binary floating point there (0.049999999999999996 for 0.05).
const significant = 12

// perToken turns dollars per million, a JSON number, into decimal dollars per
// unit, exactly: "0.15" is "0.00000015".
func perToken(number string) (string, error) { return shift(number, -6) }

// shift multiplies a JSON number by ten to the power of n and writes it as a
// plain decimal without zeros that say nothing.
func shift(number string, n int) (string, error) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(number), "e")
	if scientific {
		e, err := strconv.Atoi(exponent)
		if err != nil {
			return "", fmt.Errorf("%q is not a number", number)
		}
		n += e
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+frac, "0")
	if strings.Trim(whole+frac, "0123456789") != "" || whole == "" {
		return "", fmt.Errorf("%q is not a decimal from 0 up", number)
	}
	n -= len(frac)
	if len(digits) > significant {
		n += len(digits) - significant
		digits = round(digits)
	}
	if len(digits) > significant { // 99...9 became 100...0
		n++
		digits = digits[:significant]
	}
	trimmed := strings.TrimRight(digits, "0")
	n += len(digits) - len(trimmed)
	switch {
	case trimmed == "":
		return "0", nil
	case n >= 0:
		return trimmed + strings.Repeat("0", n), nil
	case -n < len(trimmed):
		return trimmed[:len(trimmed)+n] + "." + trimmed[len(trimmed)+n:], nil
	}
	return "0." + strings.Repeat("0", -n-len(trimmed)) + trimmed, nil
}

func round(digits string) string {
	kept := []byte(digits[:significant])
	if digits[significant] < '5' {
		return string(kept)
	}
	for i := len(kept) - 1; i >= 0; i-- {
		if kept[i] != '9' {
			kept[i]++
			return string(kept)
		}
		kept[i] = '0'
	}
	return "1" + string(kept)
}
