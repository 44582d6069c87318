// Package schema compiles a caller's JSON Schema to what a vendor takes of JSON
// Schema. A vendor's [Subset] is a table; [Compile] keeps what is in it, says
// otherwise what can be said otherwise, and reports the rest, so that a strict
// request can be refused instead of being answered with less than it asked for
// (peers pain 26).
//
// Two laws hold between the schema that went in and the one that came out:
//
//   - where Added is empty, every value that the first accepts the second
//     accepts: nothing is asked of the model that the caller did not ask;
//   - where Lost is empty, every value that the second accepts the first
//     accepts: an answer that obeys the vendor's schema obeys the caller's.
package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The bounds of what is compiled. A schema beyond them is an error, because no
// vendor takes one either.
const (
	maxBytes  = 1 << 20 // of the text that goes in, and of what comes out
	maxDepth  = 100     // of nested JSON values, likewise
	maxWork   = 200_000 // schemas visited and members merged
	maxHops   = 1000    // references merged within one another
	maxLevel  = 5000    // schemas compiled within one another
	maxCross  = 64      // alternatives that two unions may become when both must hold
	maxRounds = 4       // of compiling what came out
	maxNotes  = 16      // entries in Lost and in Added
	maxName   = 64      // bytes of a name in a pointer
)

// Result is a compiled schema. Lost and Added hold entries of the form
// "pointer: keyword", such as "/properties/a: pattern", where the pointer is into
// the schema that went in ("/" for the whole) and the keyword is the caller's.
// They are sorted, and end in "..." where there are more than sixteen.
type Result struct {
	Schema jsontext.Value // compact
	Lost   []string       // what was asked for and cannot be: an answer may break it
	Added  []string       // what the vendor wants on top: an answer obeys more than was asked for
}

// Compile compiles a JSON Schema to a subset. An error says what is wrong with
// the schema in words that continue its name, as in "at /properties/a: type: want
// ..."; it is the caller's.
//
// The schema may be of any draft and may use OpenAPI's nullable. References are
// followed within the schema only. Members keep their order.
func Compile(schema jsontext.Value, s Subset) (Result, error) {
	if len(schema) > maxBytes {
		return Result{}, errTooLarge()
	}
	top, err := parse(schema)
	if err != nil {
		return Result{}, err
	}
	var lost, added notes
	for round := 1; ; round++ {
		c := newCompiler(top, s)
		text, err := c.compileAll()
		if err != nil {
			return Result{}, err
		}
		lost.addAll(c.lost)
		added.addAll(c.added)
		if !c.again || round == maxRounds {
			return Result{Schema: text, Lost: lost.list(), Added: added.list()}, nil
		}
		if top, err = parse(text); err != nil {
			return Result{}, err
		}
	}
}

// compileAll compiles the whole schema to a text.
func (c *compiler) compileAll() (jsontext.Value, error) {
	var out *value
	if c.s.verbatim {
		out = c.verbatim()
	} else {
		out = c.root()
	}
	if c.err != nil {
		return nil, c.err
	}
	text := out.append(nil)
	switch {
	case len(text) > maxBytes:
		return nil, errTooLarge()
	case depth(text) > maxDepth:
		return nil, errTooDeep()
	}
	return text, nil
}

func errTooLarge() error {
	return errors.New("is larger than 1 MiB, by itself or once its references are followed")
}

func errTooDeep() error {
	return fmt.Errorf("is nested deeper than %d levels, by itself or once its references are followed", maxDepth)
}

type compiler struct {
	s        Subset
	top      *value
	keywords map[string]keyword
	err      error // the first
	work     int
	bytes    int
	level    int
	looped   bool // something refers to the whole schema
	quiet    int  // nothing is reported while it is not 0

	lost, added notes

	anchors map[string][]*value

	// Definitions, where the vendor takes references.
	defs     map[string]*value // compiled, by name; nil while in progress
	names    map[*value]string
	targets  map[string]*value // by name
	inlining bool              // within a definition that is written out for the sake of an annotation
	again    bool              // a definition turned out to be but a reference to another
}

func newCompiler(top *value, s Subset) *compiler {
	c := &compiler{
		s: s, top: top,
		keywords: map[string]keyword{},
		defs:     map[string]*value{},
		names:    map[*value]string{},
		targets:  map[string]*value{},
	}
	for _, k := range keywords() {
		c.keywords[k.name] = k
	}
	return c
}

// action is what the subset does with a keyword of the caller's.
func (c *compiler) action(name string) Action {
	return c.s.action(c.keywords[name])
}

func (c *compiler) keeps(name string) bool { return c.action(name) == Keep }

// spend pays for n units of work; false where the schema has become too much.
func (c *compiler) spend(n int) bool {
	if c.work += n; c.work > maxWork && c.err == nil {
		c.err = errTooLarge()
	}
	return c.err == nil
}

// spendBytes pays for n bytes of output, so that a text that is repeated is
// stopped before it is written.
func (c *compiler) spendBytes(n int) {
	if c.bytes += n; c.bytes > maxBytes && c.err == nil {
		c.err = errTooLarge()
	}
}

// fail ends the compilation. The message follows the place and the keyword.
func (c *compiler) fail(at *value, keyword, message string) {
	if c.err != nil {
		return
	}
	if keyword != "" {
		message = keyword + ": " + message
	}
	if p := at.pointer(); p != "" {
		message = "at " + p + ": " + message
	}
	c.err = errors.New(message)
}

// lose reports that a keyword of the schema at will not be enforced.
func (c *compiler) lose(at *value, keyword string) {
	if c.quiet == 0 {
		c.lost.add(place(at) + ": " + keyword)
	}
}

// add reports that the vendor enforces more than the schema at asked for.
func (c *compiler) add(at *value, keyword string) {
	if c.quiet == 0 {
		c.added.add(place(at) + ": " + keyword)
	}
}

func place(at *value) string {
	if p := at.pointer(); p != "" {
		return p
	}
	return "/"
}

// notes is a sorted set of entries, bounded.
type notes struct {
	entries []string
	more    bool
}

func (n *notes) add(entry string) {
	i, found := slices.BinarySearch(n.entries, entry)
	if found {
		return
	}
	if len(n.entries) == maxNotes {
		n.more = true
		if i == maxNotes {
			return
		}
		n.entries = n.entries[:maxNotes-1]
	}
	n.entries = slices.Insert(n.entries, i, entry)
}

func (n *notes) addAll(others notes) {
	for _, entry := range others.entries {
		n.add(entry)
	}
	n.more = n.more || others.more
}

func (n *notes) list() []string {
	if n.more {
		return append(slices.Clip(n.entries), "...")
	}
	return n.entries
}

// depth is how deep the values of a JSON text nest.
func depth(text []byte) int {
	deepest, now := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		}
	}
	return deepest
}

// plainly is an error of the JSON reader's without its package's name.
func plainly(err error) string { return strings.TrimPrefix(err.Error(), "jsontext: ") }
