package filter

import (
	"math/bits"
	"regexp/syntax"
	"unicode/utf8"
)

// hit is what a rule found: bytes from to to of a text.
type hit struct {
	from, to int
	rule     int
}

// rule is one thing to look for. Its matches are the leftmost, and of these the longest,
// that do not overlap; check says which parts of a match are finds, nil: all of it.
type rule struct {
	entry int    // of the set
	name  string // of a pattern of prompt injection
	check func(text []byte, from, to int, found func(from, to int))
	ahead *machine // goes on from where a match begins
	back  *machine // says from the right where matches begin
}

// scanner looks for several rules at once. A text is gone over once; only what some rule
// may have found is looked at again.
type scanner struct {
	rules []rule
	all   *machine
}

// newScanner is nil where there is nothing to look for.
func newScanner(list []rule, res []*syntax.Regexp) (s *scanner, err error) {
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // nothing to look for is no error
	}
	s = &scanner{rules: list}
	all := make([]expression, len(res))
	for i, re := range res {
		all[i] = expression{re, i}
		if s.rules[i].ahead, err = newMachine(false, expression{re, 0}); err != nil {
			return nil, err
		}
		if s.rules[i].back, err = newMachine(true, expression{reverse(re), 0}); err != nil {
			return nil, err
		}
	}
	s.all, err = newMachine(true, all...)
	return s, err
}

// sweep is a scanner's way over a text that may still grow. Between two points at which
// nothing has begun (clean) no rule can find anything that reaches beyond them, so that
// what lies between is looked at on its own.
type sweep struct {
	s    *scanner
	at   *state
	pos  int    // how far it has come
	from int    // the last clean point
	set  []bool // rules that may have found something since
	any  bool
	hits []hit
	w    *work

	marks []uint64 // for find
}

func (s *scanner) sweep(w *work) sweep {
	return sweep{s: s, at: s.all.begin(kindNone), w: w, set: make([]bool, len(s.rules))}
}

// run goes on to the end of the text, and says whether there was work enough for that.
// Unless the text is ended, a character that is not whole yet waits.
func (p *sweep) run(text []byte, ended bool) bool {
	m, at, i := p.s.all, p.at, p.pos
	for i < len(text) {
		var class int
		size := 1
		if c := text[i]; c < utf8.RuneSelf {
			class = int(m.ascii[c])
		} else {
			if !ended && !utf8.FullRune(text[i:]) {
				break
			}
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			class = m.search(r)
		}
		next := at.next[class].Load()
		if next == nil {
			if next = m.step(at, class, p.w); next == nil {
				return false
			}
		}
		i += size
		at = next
		if !at.tells {
			continue
		}
		if at.seen {
			p.noted(at)
		}
		if at.clean {
			if p.any && !p.settle(text, i) {
				return false
			}
			p.from = i
		}
	}
	p.at, p.pos = at, i
	if !ended {
		return true
	}
	end := m.step(at, len(m.bounds), p.w)
	if end == nil {
		return false
	}
	p.noted(end)
	if p.any && !p.settle(text, i) {
		return false
	}
	p.from = i
	return true
}

func (p *sweep) noted(s *state) {
	for _, list := range [2][]int{s.accept, s.late} {
		for _, r := range list {
			p.set[r], p.any = true, true
		}
	}
}

// settle finds what the rules have found between the last clean point and this one.
func (p *sweep) settle(text []byte, to int) bool {
	for r := range p.set {
		if p.set[r] {
			p.set[r] = false
			if !p.find(text, p.from, to, r) {
				return false
			}
		}
	}
	p.any = false
	return true
}

// find adds what one rule finds between two points of the text. First all places are
// marked at which a match begins, from the right; then each match that begins behind the
// one before it is followed to its end.
func (p *sweep) find(text []byte, from, to, r int) bool {
	rule := &p.s.rules[r]
	n := (to-from)/64 + 1
	marks := append(p.marks[:0], make([]uint64, n)...)
	p.marks = marks
	if !p.mark(text, from, to, rule.back, marks) {
		return false
	}
	steps := 16*(to-from) + 4096
	for at := next(marks, 0); at >= 0 && at < to-from; {
		end, ok := p.follow(text, from+at, to, rule.ahead, &steps)
		switch {
		case !ok:
			return false
		case steps < 0: // matches that reach too far over each other: all of it is one
			end = to
		case end <= from+at:
			at = next(marks, at+1)
			continue
		}
		if rule.check == nil {
			p.hits = append(p.hits, hit{from + at, end, r})
		} else {
			rule.check(text, from+at, end, func(a, b int) { p.hits = append(p.hits, hit{a, b, r}) })
		}
		at = next(marks, end-from)
	}
	return true
}

// next is the first mark at a place or behind it, -1 if there is none.
func next(marks []uint64, at int) int {
	for i := at / 64; i < len(marks); i++ {
		w := marks[i]
		if i == at/64 {
			w &= ^uint64(0) << (at % 64)
		}
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// mark goes over a part of the text backwards and marks where matches begin.
func (p *sweep) mark(text []byte, from, to int, m *machine, marks []uint64) bool {
	right := kindNone
	if to < len(text) {
		r, _ := utf8.DecodeRune(text[to:])
		right = kindOf(r)
	}
	s := m.begin(right)
	set := func(at int) { marks[(at-from)/64] |= 1 << ((at - from) % 64) }
	i := to
	for i > from {
		r, size := utf8.DecodeLastRune(text[from:i])
		if s = m.step(s, m.class(r), p.w); s == nil {
			return false
		}
		if len(s.late) > 0 {
			set(i)
		}
		i -= size
		if len(s.accept) > 0 {
			set(i)
		}
	}
	class := len(m.bounds)
	if from > 0 {
		r, _ := utf8.DecodeLastRune(text[:from])
		class = m.class(r)
	}
	if s = m.step(s, class, p.w); s == nil {
		return false
	}
	if len(s.late) > 0 {
		set(from)
	}
	return true
}

// follow is where the longest match ends that begins at from; from itself if none does.
func (p *sweep) follow(text []byte, from, to int, m *machine, steps *int) (end int, ok bool) {
	left := kindNone
	if from > 0 {
		r, _ := utf8.DecodeLastRune(text[:from])
		left = kindOf(r)
	}
	s, i := m.begin(left), from
	end = from
	for i < to && !s.dead {
		r, size := utf8.DecodeRune(text[i:])
		if s = m.step(s, m.class(r), p.w); s == nil {
			return 0, false
		}
		if len(s.late) > 0 {
			end = i
		}
		i += size
		if len(s.accept) > 0 {
			end = i
		}
		if *steps--; *steps < 0 {
			return end, true
		}
	}
	if s.dead {
		return end, true
	}
	class := len(m.bounds)
	if i < len(text) {
		r, _ := utf8.DecodeRune(text[i:])
		class = m.class(r)
	}
	if s = m.step(s, class, p.w); s == nil {
		return 0, false
	}
	if len(s.late) > 0 {
		end = i
	}
	return end, true
}

// scan is all that the rules find in a text.
func (s *scanner) scan(text []byte, w *work) ([]hit, bool) {
	if s == nil || len(text) == 0 {
		return nil, true
	}
	p := s.sweep(w)
	if !p.run(text, true) {
		return nil, false
	}
	return p.hits, true
}
