package pdf

import (
	"slices"
	"strings"
	"unicode"
)

// rtl reports whether a rune is written from right to left: Hebrew, Arabic and
// their neighbours, and the forms of their letters.
func rtl(r rune) bool {
	return 0x590 <= r && r <= 0x8ff || 0xfb1d <= r && r <= 0xfdff || 0xfe70 <= r && r <= 0xfefc
}

func rightToLeft(s string) bool { return strings.ContainsFunc(s, rtl) }

// logical brings a line from the order in which it is seen, as painted from the
// left, into that in which it is read. It is the Unicode Bidirectional Algorithm
// backwards, at its plainest: one level, and numbers stay as they are.
func logical(line string) string {
	if !rightToLeft(line) {
		return line
	}
	runes := []rune(line)
	left, right := 0, 0
	for _, r := range runes {
		switch {
		case rtl(r) && !unicode.IsDigit(r):
			right++
		case unicode.IsLetter(r):
			left++
		}
	}
	if right >= left {
		// The line is: turn it round, and what is not back again.
		turn(runes)
		for i := 0; i < len(runes); {
			n := run(runes[i:], func(r rune) bool { return unicode.IsLetter(r) && !rtl(r) }, unicode.IsDigit)
			turn(runes[i : i+n])
			i += max(n, 1)
		}
		return string(runes)
	}
	for i := 0; i < len(runes); {
		n := run(runes[i:], func(r rune) bool { return rtl(r) && !unicode.IsDigit(r) }, nil)
		turn(runes[i : i+n])
		for j := i; j < i+n; { // the numbers in it back again
			k := run(runes[j:i+n], func(rune) bool { return false }, unicode.IsDigit)
			turn(runes[j : j+k])
			j += max(k, 1)
		}
		i += max(n, 1)
	}
	return string(runes)
}

// run is the length of what begins and ends with runes of a kind, words or
// numbers: between words there may be anything without direction, between digits
// a single sign.
func run(runes []rune, word, digit func(rune) bool) int {
	isDigit := func(r rune) bool { return digit != nil && digit(r) }
	n, gap := 0, 0
	words := false
	for i, r := range runes {
		switch {
		case word(r):
			words, gap, n = true, 0, i+1
		case isDigit(r):
			if gap > 1 && !words {
				return n
			}
			gap, n = 0, i+1
		case n == 0 || unicode.IsLetter(r) || rtl(r):
			return n
		default:
			if gap++; unicode.IsSpace(r) {
				gap = 2 // parts numbers
			}
		}
	}
	return n
}

// turn reverses runes, and brackets with them.
func turn(runes []rune) {
	const brackets = "()[]{}<>«»‹›"
	slices.Reverse(runes)
	for i, r := range runes {
		at := 0
		for _, b := range brackets {
			if b == r {
				runes[i] = []rune(brackets)[at^1]
				break
			}
			at++
		}
	}
}
