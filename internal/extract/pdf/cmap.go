package pdf

import (
	"cmp"
	"slices"
)

const (
	maxMapped = 300_000 // ranges of codes and of widths, of all fonts
	maxSpaces = 32      // code spaces of a font

	maxMeaning = 512 // bytes that a code may mean
)

// cmap maps the codes of a font: to letters (ToUnicode) or to glyphs (Encoding).
type cmap struct {
	spaces []space
	ranges []codes
}

// space is a range of codes that are n bytes long.
type space struct {
	n      int
	lo, hi uint32
}

// codes are consecutive codes and what the first of them means, counting up
// from there: UTF-16 or a glyph.
type codes struct {
	lo, hi uint32
	utf16  text
	cid    int
}

// parseCMap reads a CMap (Adobe's technical notes 5014 and 5411).
func (f *file) parseCMap(data []byte) (*cmap, error) {
	m := new(cmap)
	l := lexer{data: data}
	list := keyword("") // what we are in a list of
	var args []object
	for n := 1; ; n++ {
		if n%4096 == 0 {
			if err := f.stop(); err != nil {
				return nil, err
			}
		}
		o := l.object()
		k, ok := o.(keyword)
		if ok {
			list, args = k, nil
			if k == "" {
				slices.SortStableFunc(m.ranges, func(a, b codes) int { return cmp.Compare(a.lo, b.lo) })
				return m, nil
			}
			continue
		}
		args = append(args, o)
		switch list {
		case "begincodespacerange", "beginbfchar", "begincidchar":
			if len(args) < 2 {
				continue
			}
		case "beginbfrange", "begincidrange":
			if len(args) < 3 {
				continue
			}
		}
		had := len(m.ranges)
		m.add(list, args)
		args = args[:0]
		if f.mapped += len(m.ranges) - had; f.mapped > maxMapped || len(m.spaces) > maxSpaces {
			return nil, ErrTooLarge
		}
	}
}

// add takes the operands of one entry of a list.
func (m *cmap) add(list keyword, args []object) {
	lo, ok := args[0].(text)
	if !ok {
		return
	}
	first := number(lo)
	last := first
	if list != "beginbfchar" && list != "begincidchar" && len(args) > 1 {
		hi, ok := args[1].(text)
		if !ok || number(hi) < first {
			return
		}
		last = number(hi)
	}
	switch list {
	case "begincodespacerange":
		m.spaces = append(m.spaces, space{len(lo), first, last})
	case "beginbfchar", "beginbfrange":
		switch to := args[len(args)-1].(type) {
		case text:
			m.mean(first, last, to)
		case array: // one for each
			for i, o := range to {
				if s, ok := o.(text); ok && first+uint32(i) <= last {
					m.mean(first+uint32(i), first+uint32(i), s)
				}
			}
		}
	case "begincidchar", "begincidrange":
		if cid, ok := args[len(args)-1].(int); ok {
			m.ranges = append(m.ranges, codes{lo: first, hi: last, cid: cid})
		}
	}
}

// mean says what codes are in Unicode.
func (m *cmap) mean(lo, hi uint32, utf16 text) {
	if len(utf16) <= maxMeaning {
		m.ranges = append(m.ranges, codes{lo: lo, hi: hi, utf16: utf16})
	}
}

// number is a code, of four bytes at most.
func number(s text) uint32 {
	var n uint32
	for _, c := range s[:min(len(s), 4)] {
		n = n<<8 | uint32(c)
	}
	return n
}

// find is the range that a code is in. Of ranges that overlap, which they should
// not, the later ones count.
func (m *cmap) find(code uint32) (codes, bool) {
	i, _ := slices.BinarySearchFunc(m.ranges, code, func(r codes, code uint32) int {
		if r.lo <= code {
			return -1
		}
		return 1
	})
	for back := 1; back <= 4 && back <= i; back++ {
		if r := m.ranges[i-back]; code <= r.hi {
			return r, true
		}
	}
	return codes{}, false
}

// letters are what a code is in Unicode.
func (m *cmap) letters(code uint32) (string, bool) {
	r, ok := m.find(code)
	if !ok || len(r.utf16) == 0 {
		return "", false
	}
	units := slices.Clone(r.utf16)
	if len(units) == 1 { // some writers' <41>
		units = text{0, units[0]}
	}
	for i, carry := len(units)-1, code-r.lo; i >= 0 && carry > 0; i-- {
		carry += uint32(units[i])
		units[i] = byte(carry & 0xff)
		carry >>= 8
	}
	return utf16be(units), true
}

// next is the code that s begins with and its length: two bytes, unless the code
// spaces know better.
func (m *cmap) next(s text) (uint32, int) {
	if m != nil {
		for n := 1; n <= min(4, len(s)); n++ {
			code := number(s[:n])
			for _, sp := range m.spaces {
				if sp.n == n && sp.lo <= code && code <= sp.hi {
					return code, n
				}
			}
		}
	}
	n := min(2, len(s))
	return number(s[:n]), n
}
