package filter

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"regexp/syntax"
	"slices"
	"sync"
)

// Set is what entries look for, ready to be used by any number of requests. A nil Set
// looks for nothing.
type Set struct {
	entries []Entry // as Merge makes them
	allow   [][]byte
	digest  [sha256.Size]byte

	in, out *scanner // nil: that way nothing is looked for

	injection int      // the entry, -1: there is none
	inject    *scanner // its patterns alone
	closed    *scanner // the same without spaces
	chars     [256]byte
	words     [128][]string // that are known scrambled, by the first letter
}

// Compile makes a set of what several levels demand together. allow are phrases that are
// no prompt injection (GR-10). Without entries there is no set. Errors are of type *[Error].
func Compile(allow []string, levels ...[]Entry) (*Set, error) {
	entries := Merge(levels...)
	if len(entries) == 0 {
		return nil, nil //nolint:nilnil // a nil Set looks for nothing
	}
	if len(entries) > 2*MaxEntries {
		return nil, bad("filters", "want at most %d", MaxEntries)
	}
	if err := CheckAllowed(allow); err != nil {
		return nil, err
	}
	s := &Set{entries: entries, digest: digest(allow, entries), injection: -1}
	for _, phrase := range allow {
		s.allow = append(s.allow, lowered([]byte(phrase)))
	}
	var in, out, inject builder
	for i := range entries {
		e := &entries[i]
		if err := e.shape(); err != nil {
			return nil, err
		}
		b := &in
		if e.Scope == Output {
			b = &out
		}
		if e.Slug == Injection {
			s.injection = i
			if err := inject.entry(i, e); err != nil {
				return nil, err
			}
		}
		if err := b.entry(i, e); err != nil {
			return nil, err
		}
	}
	if in.size+out.size > maxAll {
		return nil, &Error{Field: "pattern", Code: CodePattern, Message: "the patterns are too large together"}
	}
	var err error
	if s.in, err = in.scanner(); err != nil {
		return nil, err
	}
	if s.out, err = out.scanner(); err != nil {
		return nil, err
	}
	if s.injection >= 0 {
		if err := s.evades(&inject); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// evades prepares for what hides.
func (s *Set) evades(inject *builder) (err error) {
	if s.inject, err = inject.scanner(); err != nil {
		return err
	}
	var b builder
	if err := b.shapes(s.injection, closed()); err != nil {
		return err
	}
	if s.closed, err = b.scanner(); err != nil {
		return err
	}
	s.chars = charset()
	for _, word := range scrambledWords() {
		s.words[word[0]] = append(s.words[word[0]], word)
	}
	return nil
}

// builder gathers the rules of a scanner.
type builder struct {
	rules []rule
	res   []*syntax.Regexp
	size  int
}

func (b *builder) entry(i int, e *Entry) error {
	if e.Slug != "" {
		return b.shapes(i, shapes(e.Slug))
	}
	re, err := parse(e.Pattern)
	if err != nil {
		return err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return err
	}
	b.size += len(prog.Inst)
	b.rules, b.res = append(b.rules, rule{entry: i}), append(b.res, re)
	return nil
}

func (b *builder) shapes(i int, list []shape) error {
	for _, x := range list {
		re, err := syntax.Parse(x.pattern, syntax.Perl)
		if err != nil {
			return err
		}
		b.rules, b.res = append(b.rules, rule{entry: i, name: x.name, check: x.check}), append(b.res, re)
	}
	return nil
}

func (b *builder) scanner() (*scanner, error) { return newScanner(b.rules, b.res) }

// Digest is a hash of all that the set does: what it makes of a request is told by the
// request and by this. That of nil is zero.
func (s *Set) Digest() [sha256.Size]byte {
	if s == nil {
		return [sha256.Size]byte{}
	}
	return s.digest
}

// Answers reports whether the set looks at answers.
func (s *Set) Answers() bool { return s != nil && s.out != nil }

// reverses reports whether anything that the set takes out comes back.
func (s *Set) reverses() bool {
	return slices.ContainsFunc(s.entries, func(e Entry) bool { return e.Reversible })
}

// Entries are what the set is made of, each looking one way.
func (s *Set) Entries() []Entry {
	if s == nil {
		return nil
	}
	return slices.Clone(s.entries)
}

// find is a place in a text and the entry that has found it.
type find struct {
	from, to int
	entry    int
	name     string // of a pattern of prompt injection
}

// finds are all that a request's text has, in order. user says that the text is the
// user's.
func (s *Set) finds(text []byte, user bool, w *work) ([]find, bool) {
	hits, ok := s.in.scan(text, w)
	if !ok {
		return nil, false
	}
	list := s.named(s.in, hits)
	if s.injection < 0 {
		return list, true
	}
	if s.entries[s.injection].Scan == ScanUser && !user {
		return slices.DeleteFunc(list, func(f find) bool { return f.entry == s.injection }), true
	}
	injects := func(f find) bool { return f.entry == s.injection }
	if slices.ContainsFunc(list, injects) {
		if masked := s.masked(text); masked != nil {
			list = slices.DeleteFunc(list, injects)
			again, ok := s.inject.scan(masked, w)
			if !ok {
				return nil, false
			}
			list = append(list, s.named(s.inject, again)...)
		}
	}
	hidden, ok := s.evasions(text, w)
	if !ok {
		return nil, false
	}
	for _, x := range hidden {
		list = append(list, find{x.from, x.to, s.injection, x.name})
	}
	return list, true
}

func (*Set) named(by *scanner, hits []hit) []find {
	list := make([]find, 0, len(hits))
	for _, h := range hits {
		r := &by.rules[h.rule]
		list = append(list, find{h.from, h.to, r.entry, r.name})
	}
	return list
}

// masked is the text with the phrases blanked that are no injection, nil if there are
// none in it.
func (s *Set) masked(text []byte) []byte {
	if len(s.allow) == 0 {
		return nil
	}
	lower, out := lowered(text), []byte(nil)
	for _, phrase := range s.allow {
		for at := index(lower, phrase, 0); at >= 0; at = index(lower, phrase, at+len(phrase)) {
			if out == nil {
				out = slices.Clone(text)
			}
			clear(out[at : at+len(phrase)])
		}
	}
	return out
}

// lowered is the text with the letters of ASCII in lower case: no byte moves.
func lowered(text []byte) []byte {
	out := slices.Clone(text)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c | 0x20
		}
	}
	return out
}

// Sets keeps what was compiled last, so that requests under the same filters share a set.
// The zero value is ready. It is safe for concurrent use.
type Sets struct {
	mu   sync.Mutex
	last []*Set // the one used last is the last
}

// maxSets is how many are kept.
const maxSets = 64

// Of is [Compile], which it spares those that were asked for of late.
func (c *Sets) Of(allow []string, levels ...[]Entry) (*Set, error) {
	entries := Merge(levels...)
	if len(entries) == 0 {
		return nil, nil //nolint:nilnil // a nil Set looks for nothing
	}
	sum := digest(allow, entries)
	if s := c.known(sum); s != nil {
		return s, nil
	}
	s, err := Compile(allow, entries)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.last) == maxSets {
		c.last = slices.Delete(c.last, 0, 1)
	}
	c.last = append(c.last, s)
	return s, nil
}

func (c *Sets) known(sum [sha256.Size]byte) *Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.last, func(s *Set) bool { return s.digest == sum })
	if i < 0 {
		return nil
	}
	s := c.last[i]
	c.last = append(slices.Delete(c.last, i, i+1), s)
	return s
}

// inOrder puts finds in the order of the text, and of those that overlap makes one: that
// of the strongest action, over all that any of them covers.
func (s *Set) inOrder(list []find) []find {
	inText := func(a, b find) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), cmp.Compare(a.entry, b.entry))
	}
	if !slices.IsSortedFunc(list, inText) { // a long text has many
		slices.SortFunc(list, inText)
	}
	out := list[:0]
	for _, f := range list {
		if n := len(out); n > 0 && f.from < out[n-1].to {
			last := &out[n-1]
			if s.entries[f.entry].Action.rank() > s.entries[last.entry].Action.rank() {
				last.entry, last.name = f.entry, f.name
			}
			last.to = max(last.to, f.to)
			continue
		}
		out = append(out, f)
	}
	return out
}

func index(text, phrase []byte, from int) int {
	if i := bytes.Index(text[from:], phrase); i >= 0 {
		return from + i
	}
	return -1
}
