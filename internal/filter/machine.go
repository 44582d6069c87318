package filter

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// machine runs regular expressions over a text in one pass: an automaton whose states are
// made when a text first needs them, so that each character costs one look into a table
// whatever the expressions are. It is safe for concurrent use.
//
// A state is the instructions that wait for the next character, and of which kind the
// last one was. What stands at a border (\b, ^, $) is decided by the character after it:
// such matches are seen one character late.
type machine struct {
	insts   []syntax.Inst
	rules   []int // by instruction: which rule a match is of
	starts  []uint32
	always  bool // a match may begin anywhere, not only where the machine is started
	borders bool // some instruction asks for what stands beside it

	ascii  [utf8.RuneSelf]uint16 // classes of characters that no instruction tells apart
	bounds []rune                // the first character of each class
	kinds  []kind                // of its characters

	mu    sync.Mutex
	known map[string]*state
	bytes int // about what known holds
	first [4]atomic.Pointer[state]
	empty []uint32 // what waits where nothing has begun
}

// kind is what \b, ^ and $ ask of a character.
type kind uint8

const (
	kindNone kind = iota // there is none: the text's end
	kindOther
	kindWord
	kindLine
)

// state is a point of the machine. next is filled in as needed.
type state struct {
	set    []uint32
	last   kind
	accept []int // rules of which a match ends here
	late   []int // rules of which a match ended before the last character
	seen   bool  // either is not empty
	tells  bool  // seen, or clean
	clean  bool  // nothing has begun and not ended
	dead   bool  // nothing will come of it
	next   []atomic.Pointer[state]
}

// maxKnown bounds what the states of a machine hold, in bytes: beyond it they are
// forgotten and made again.
const maxKnown = 4 << 20

// work bounds how much may be spent on states while one request is looked at (S62): a
// pattern that needs a new one for nearly every character would be slow.
type work struct{ left int }

// maxWork is in instructions visited: about half a second.
const maxWork = 30_000_000

func newWork() *work { return &work{left: maxWork} }

// expression is a regular expression and the rule it is of.
type expression struct {
	re   *syntax.Regexp
	rule int
}

// newMachine makes a machine of expressions, all at once.
func newMachine(always bool, list ...expression) (*machine, error) {
	m := &machine{always: always, known: map[string]*state{}}
	for _, x := range list {
		prog, err := syntax.Compile(x.re.Simplify())
		if err != nil {
			return nil, err
		}
		base := uint32(len(m.insts)) //nolint:gosec // programs are bounded by maxAll
		for _, in := range prog.Inst {
			switch in.Op {
			case syntax.InstAlt, syntax.InstAltMatch:
				in.Out, in.Arg = in.Out+base, in.Arg+base
			case syntax.InstMatch, syntax.InstFail:
			default:
				in.Out += base
			}
			m.insts = append(m.insts, in)
			m.rules = append(m.rules, x.rule)
			m.borders = m.borders || in.Op == syntax.InstEmptyWidth
		}
		m.starts = append(m.starts, base+uint32(prog.Start)) //nolint:gosec // as above
	}
	m.classify()
	c := closure{m: m, flags: 0}
	for _, pc := range m.starts {
		c.add(pc)
	}
	m.empty = c.sorted()
	return m, nil
}

// classify finds out which characters no instruction tells apart.
func (m *machine) classify() {
	at := map[rune]bool{0: true, '\n': true, '\n' + 1: true}
	cut := func(lo, hi rune) { at[lo], at[hi+1] = true, true }
	if m.borders {
		cut('0', '9')
		cut('A', 'Z')
		cut('_', '_')
		cut('a', 'z')
	}
	known := map[*rune]bool{} // a repetition has the same ones each time
	for i := range m.insts {
		in := &m.insts[i]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1:
			if len(in.Rune) == 0 || known[&in.Rune[0]] {
				continue
			}
			known[&in.Rune[0]] = true
			if len(in.Rune) == 1 {
				r := in.Rune[0]
				cut(r, r)
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					cut(f, f)
				}
				continue
			}
			for j := 0; j+1 < len(in.Rune); j += 2 {
				cut(in.Rune[j], in.Rune[j+1])
			}
		default:
		}
	}
	for r := range at {
		if r <= unicode.MaxRune {
			m.bounds = append(m.bounds, r)
		}
	}
	slices.Sort(m.bounds)
	for _, r := range m.bounds {
		m.kinds = append(m.kinds, kindOf(r))
	}
	for r := range m.ascii {
		m.ascii[r] = uint16(m.search(rune(r))) //nolint:gosec // there are at most 2 * maxAll classes
	}
}

// class is the class of a character.
func (m *machine) class(r rune) int {
	if r >= 0 && r < utf8.RuneSelf {
		return int(m.ascii[r])
	}
	return m.search(r)
}

func (m *machine) search(r rune) int {
	i, found := slices.BinarySearch(m.bounds, r)
	if found {
		return i
	}
	return i - 1
}

func kindOf(r rune) kind {
	switch {
	case r == '\n':
		return kindLine
	case r == '_', '0' <= r && r <= '9', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
		return kindWord
	default:
		return kindOther
	}
}

// begin is the state before a text, behind a character of that kind.
func (m *machine) begin(last kind) *state {
	if !m.borders {
		last = kindOther
	}
	if s := m.first[last].Load(); s != nil {
		return s
	}
	s := m.make(slices.Clone(m.empty), last, true, nil, nil)
	m.first[last].Store(s)
	return s
}

// step is the state after a character of that class; the class after the last one is that
// of the end of the text. It is nil where the work is too much.
func (m *machine) step(s *state, class int, w *work) *state {
	if n := s.next[class].Load(); n != nil {
		return n
	}
	if w.left -= 8 + 2*len(s.set); w.left < 0 {
		return nil
	}
	var r rune
	k := kindNone
	if class < len(m.bounds) {
		r, k = m.bounds[class], m.kinds[class]
	}
	decided := closure{m: m, flags: between(s.last, k)}
	for _, pc := range s.set {
		decided.add(pc)
	}
	after, clean := closure{m: m}, false
	if class < len(m.bounds) {
		for _, pc := range decided.waits {
			if in := &m.insts[pc]; in.Op != syntax.InstEmptyWidth && in.MatchRune(r) {
				after.add(in.Out)
			}
		}
		accepted := after.matches
		clean = len(after.waits) == 0
		if m.always {
			for _, pc := range m.starts {
				after.add(pc)
			}
		}
		after.matches = accepted // what begins here has not matched anything
	}
	w.left -= decided.visits + after.visits + len(m.insts)/32
	if !m.borders || k == kindNone {
		k = kindOther
	}
	n := m.make(after.sorted(), k, clean, after.rules(), decided.rules())
	s.next[class].Store(n)
	return n
}

// make is the one state like that.
func (m *machine) make(set []uint32, last kind, clean bool, accept, late []int) *state {
	key := make([]byte, 0, 16+4*len(set))
	key = append(key, byte(last))
	if clean {
		key[0] |= 0x80
	}
	for _, list := range [2][]int{accept, late} {
		key = binary.AppendUvarint(key, uint64(len(list)))
		for _, r := range list {
			key = binary.AppendUvarint(key, uint64(r)) //nolint:gosec // an index
		}
	}
	for _, pc := range set {
		key = binary.AppendUvarint(key, uint64(pc))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.known[string(key)]; s != nil {
		return s
	}
	s := &state{
		set: set, last: last, accept: accept, late: late, seen: len(accept)+len(late) > 0,
		clean: clean, dead: len(set) == 0 && !m.always,
		next: make([]atomic.Pointer[state], len(m.bounds)+1),
	}
	size := 8*len(s.next) + 4*len(set) + len(key) + 200
	if m.bytes += size; m.bytes > maxKnown {
		clear(m.known)
		m.bytes = size
		for i := range m.first {
			m.first[i].Store(nil)
		}
	}
	s.tells = s.seen || s.clean
	m.known[string(key)] = s
	return s
}

// between is what holds at the border of two characters.
func between(a, b kind) (f syntax.EmptyOp) {
	if a == kindNone {
		f |= syntax.EmptyBeginText
	}
	if a == kindNone || a == kindLine {
		f |= syntax.EmptyBeginLine
	}
	if b == kindNone {
		f |= syntax.EmptyEndText
	}
	if b == kindNone || b == kindLine {
		f |= syntax.EmptyEndLine
	}
	if (a == kindWord) != (b == kindWord) {
		return f | syntax.EmptyWordBoundary
	}
	return f | syntax.EmptyNoWordBoundary
}

// closure follows instructions that take no character. Those that ask for what stands
// beside them wait, unless the flags say that it does.
type closure struct {
	m       *machine
	flags   syntax.EmptyOp
	visited []uint64 // a bit for each instruction
	visits  int
	waits   []uint32
	matches []int
}

func (c *closure) add(pc uint32) {
	for {
		if c.visited == nil {
			c.visited = make([]uint64, (len(c.m.insts)+63)/64)
		}
		if c.visited[pc/64]&(1<<(pc%64)) != 0 {
			return
		}
		c.visited[pc/64] |= 1 << (pc % 64)
		c.visits++
		switch in := &c.m.insts[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			c.add(in.Out)
			pc = in.Arg
		case syntax.InstCapture, syntax.InstNop:
			pc = in.Out
		case syntax.InstEmptyWidth:
			if c.flags == 0 {
				c.waits = append(c.waits, pc)
				return
			}
			if need := syntax.EmptyOp(in.Arg); need&^c.flags != 0 { //nolint:gosec // an EmptyOp is kept there
				return
			}
			pc = in.Out
		case syntax.InstMatch:
			c.matches = append(c.matches, c.m.rules[pc])
			return
		case syntax.InstFail:
			return
		default:
			c.waits = append(c.waits, pc)
			return
		}
	}
}

func (c *closure) sorted() []uint32 {
	slices.Sort(c.waits)
	return c.waits
}

func (c *closure) rules() []int {
	slices.Sort(c.matches)
	return slices.Compact(c.matches)
}
