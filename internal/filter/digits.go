package filter

import "bytes"

// group is a run of digits within a match, bytes from to to of the text.
type group struct{ from, to int }

func (g group) len() int { return g.to - g.from }

// groups are the runs of digits between two places.
func groups(text []byte, from, to int) []group {
	var list []group
	for i := from; i < to; i++ {
		if !digit(text[i]) {
			continue
		}
		at := i
		for i < to && digit(text[i]) {
			i++
		}
		list = append(list, group{at, i})
	}
	if len(list) > 0 && wordBefore(text, list[0].from) { // the end of a word is no number
		list = list[1:]
	}
	if n := len(list); n > 0 && wordAfter(text, list[n-1].to) {
		list = list[:n-1]
	}
	return list
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// lengths reports whether groups begin with runs of these lengths.
func lengths(list []group, want ...int) bool {
	if len(list) < len(want) {
		return false
	}
	for i, n := range want {
		if list[i].len() != n {
			return false
		}
	}
	return true
}

// phone finds numbers of the North American plan, international ones that begin with +
// or 00, and national ones that begin with 0 and are written in groups.
func phone(text []byte, from, to int, found func(from, to int)) {
	list := groups(text, from, to)
	for len(list) > 0 {
		n := phoneAt(text, list)
		if n == 0 {
			list = list[1:]
			continue
		}
		start := list[0].from
		for start > from && (text[start-1] == '+' || text[start-1] == '(') {
			start--
		}
		found(start, list[n-1].to)
		list = list[n:]
	}
}

// phoneAt is how many groups a phone number has that begins with the first of them.
func phoneAt(text []byte, list []group) int {
	if plus(text, list[0].from) || bytes.HasPrefix(text[list[0].from:list[0].to], []byte("00")) && list[0].len() < 18 && len(list) > 1 {
		return upTo(list, 8, 17)
	}
	switch {
	case lengths(list, 3, 3, 4) && american(text, list[:3]):
		return 3
	case lengths(list, 1, 3, 3, 4) && text[list[0].from] == '1' && american(text, list[1:4]):
		return 4
	case lengths(list, 3, 7) && american(text, list[:2]):
		return 2
	case lengths(list, 10) && american(text, list[:1]):
		return 1
	case lengths(list, 11) && text[list[0].from] == '1' && american(text, []group{{list[0].from + 1, list[0].to}}):
		return 1
	case text[list[0].from] == '0' && list[0].len() >= 2 && list[0].len() <= 6 && text[list[0].from+1] != '0' && len(list) > 1 && !lengths(list, 2, 2, 4):
		return upTo(list, 9, 12)
	}
	return 0
}

// plus reports whether a number is written with a + before it.
func plus(text []byte, at int) bool {
	return at > 0 && text[at-1] == '+' || at > 1 && text[at-1] == '(' && text[at-2] == '+'
}

// upTo is how many groups have from least to most digits together, as many as can be.
func upTo(list []group, least, most int) (n int) {
	sum := 0
	for i, g := range list {
		if sum += g.len(); sum > most {
			break
		}
		if sum >= least {
			n = i + 1
		}
	}
	return n
}

// american reports whether ten digits are a number of the North American plan: neither
// area nor exchange begins with 0 or 1.
func american(text []byte, list []group) bool {
	var d [10]byte
	n := 0
	for _, g := range list {
		n += copy(d[n:], text[g.from:g.to])
	}
	return n == 10 && d[0] >= '2' && d[3] >= '2'
}

// ssn finds three, two and four digits with the same dash or space between them, but for
// numbers that were never given out.
func ssn(text []byte, from, to int, found func(from, to int)) {
	list := groups(text, from, to)
	for i := 0; i+2 < len(list); i++ {
		if !lengths(list[i:], 3, 2, 4) {
			continue
		}
		a, b, c := list[i], list[i+1], list[i+2]
		between := text[a.to]
		if text[b.to] != between || touches(text, a.from-1, between) || touches(text, c.to, between) {
			continue
		}
		area, middle, last := string(text[a.from:a.to]), string(text[b.from:b.to]), string(text[c.from:c.to])
		if area == "000" || area == "666" || area[0] == '9' || middle == "00" || last == "0000" {
			continue
		}
		found(a.from, c.to)
	}
}

// touches reports whether the dash goes on: then the digits are of a longer number.
func touches(text []byte, at int, between byte) bool {
	return between == '-' && at >= 0 && at < len(text) && text[at] == '-'
}

// card finds numbers of cards as they are printed: in one, in fours, or as American
// Express and Diners group them, of a known network and with the right check digit.
func card(text []byte, from, to int, found func(from, to int)) {
	list := groups(text, from, to)
	for i := 0; i < len(list); i++ {
		n := cardAt(list[i:])
		if n == 0 || !network(text, list[i:i+n]) {
			continue
		}
		found(list[i].from, list[i+n-1].to)
		i += n - 1
	}
}

// cardAt is how many groups may be a card's number.
func cardAt(list []group) int {
	switch {
	case list[0].len() >= 13 && list[0].len() <= 19:
		return 1
	case lengths(list, 4, 4, 4, 4, 3):
		return 5
	case lengths(list, 4, 4, 4, 4):
		return 4
	case lengths(list, 4, 6, 5), lengths(list, 4, 6, 4):
		return 3
	default:
		return 0
	}
}

// network reports whether the digits begin as some network's do and have the right check
// digit (ISO/IEC 7812).
func network(text []byte, list []group) bool {
	var d [19]byte
	n := 0
	for _, g := range list {
		n += copy(d[n:], text[g.from:g.to])
	}
	head := 0
	for _, c := range d[:4] {
		head = head*10 + int(c-'0')
	}
	known := head/1000 == 4 && (n == 13 || n == 16 || n == 19) ||
		(head/100 >= 51 && head/100 <= 55 || head >= 2221 && head <= 2720) && n == 16 ||
		(head/100 == 34 || head/100 == 37) && n == 15 ||
		(head == 6011 || head/100 == 65 || head/10 >= 644 && head/10 <= 649 || head/100 == 62) && n >= 16 ||
		head >= 3528 && head <= 3589 && n >= 16 ||
		(head/10 >= 300 && head/10 <= 305 || head/100 == 36 || head/100 == 38 || head/100 == 39) && n >= 14 ||
		(head/100 == 50 || head/100 >= 56 && head/100 <= 58 || head/100 == 67 || head/100 == 63) && n >= 13 // Maestro
	return known && luhn(d[:n])
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
