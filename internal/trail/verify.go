package trail

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// BrokenError is a record that is not what was written, or not where it was.
type BrokenError struct {
	Account string
	Seq     int64 // of the record, or of the first that is missing
	What    string
}

// Error implements error.
func (b *BrokenError) Error() string {
	chain := "account " + b.Account
	if b.Account == "" {
		chain = "the operator"
	}
	return fmt.Sprintf("record %d of %s: %s", b.Seq, chain, b.What)
}

// Verifier takes the records of an export, or of a database, in order. The zero Verifier
// wants every chain from its beginning.
type Verifier struct {
	// Part: some records were left out on purpose. None may be changed, none may stand
	// before one that it came after.
	Part bool
	// Kept is a head of earlier, if it is not zero: a hash or a link that must occur.
	Kept Hash

	chains map[string]*Chain
	all    Head
	linked bool // records have numbers and links
	count  int64
	found  bool
}

// Chain is what was verified of one.
type Chain struct {
	Account string
	From    int64 // number of the first record seen
	Count   int64
	Head    Head
}

// Add verifies one record.
func (v *Verifier) Add(r Record) error {
	broken := func(format string, args ...any) error {
		return &BrokenError{Account: r.Account, Seq: r.Seq, What: fmt.Sprintf(format, args...)}
	}
	if sha256.Sum256(r.Text) != [sha256.Size]byte(r.Hash) {
		return broken("its bytes were changed, or its hash")
	}
	b, err := r.body()
	if err != nil {
		return broken("%v", err)
	}
	if b.Seq != r.Seq || b.Account != r.Account || b.Action != r.Action || b.At != stamp(r.At) {
		return broken("it is filed as something else")
	}
	if v.chains == nil {
		v.chains = map[string]*Chain{}
	}
	c := v.chains[r.Account]
	if c == nil {
		c = &Chain{Account: r.Account, From: r.Seq}
		if v.Part && r.Seq > 1 {
			c.Head.Number = r.Seq - 1 // what was before is not known: it is taken from here
			if h, rest, ok := cutHash([]byte(b.Prev)); ok && len(rest) == 0 {
				c.Head.Hash = h
			}
		}
		v.chains[r.Account] = c
	}
	switch next := c.Head.Number + 1; {
	case r.Seq < next:
		return broken("it stands after record %d", c.Head.Number)
	case r.Seq > next && !v.Part:
		return &BrokenError{Account: r.Account, Seq: next, What: fmt.Sprintf("it is missing, and what is before record %d", r.Seq)}
	case r.Seq == next && b.Prev != c.Head.Hash.String():
		return broken("it does not follow the record before it")
	}
	if err := v.link(r, broken); err != nil {
		return err
	}
	c.Head = Head{r.Seq, r.Hash}
	c.Count++
	v.count++
	v.found = v.found || r.Hash == v.Kept || r.Number > 0 && r.Link == v.Kept
	return nil
}

// link verifies the place in the chain over all.
func (v *Verifier) link(r Record, broken func(string, ...any) error) error {
	if v.count == 0 {
		v.linked = r.Number > 0
		if v.linked && v.Part && r.Number > 1 {
			v.all.Number = r.Number - 2 // a gap, behind which the link is taken as it is
		}
	}
	if v.linked != (r.Number > 0) {
		return broken("it has a number and a link where others have none, or the other way round")
	}
	if !v.linked {
		return nil
	}
	switch next := v.all.Number + 1; {
	case r.Number < next:
		return broken("its number %d is after number %d", r.Number, v.all.Number)
	case r.Number > next && !v.Part:
		return broken("number %d is missing before its number %d", next, r.Number)
	case r.Number == next && r.Link != link(v.all.Hash, r.Hash):
		return broken("its link does not follow the one before it")
	}
	v.all = Head{r.Number, r.Link}
	return nil
}

// End says whether all is there, once there are no more records.
func (v *Verifier) End() error {
	if v.Kept != (Hash{}) && !v.found {
		return errors.New("the head that was kept is not among the records: the end was cut off, or all was written anew")
	}
	return nil
}

// Count is how many records were verified.
func (v *Verifier) Count() int64 { return v.count }

// All is the head of the chain over all, zero if there was none to see.
func (v *Verifier) All() Head { return v.all }

// Chains are the accounts' chains, in the order of the accounts' names.
func (v *Verifier) Chains() []Chain {
	var out []Chain
	for _, account := range slices.Sorted(maps.Keys(v.chains)) {
		out = append(out, *v.chains[account])
	}
	return out
}

// maxLine is longer than any record, in bytes.
const maxLine = 4 << 20

var errCut = errors.New("it is cut off")

// whole splits lines, and wants an end of the last.
func whole(data []byte, end bool) (n int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if end && len(data) > 0 {
		return 0, nil, errCut
	}
	return 0, nil, nil
}

// Read verifies an export. An error names the line.
func (v *Verifier) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	lines.Split(whole)
	n := 1
	for ; lines.Scan(); n++ {
		rec, err := ParseLine(lines.Bytes())
		if err == nil {
			err = v.Add(rec)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n, err)
	}
	return v.End()
}

// Query picks records of an export.
type Query struct {
	Account string
	All     bool      // of every account; Account is not looked at
	After   int64     // the number before the first, by sequence or, of all, by number
	Since   time.Time // zero: from the beginning
	Until   time.Time // zero: to the end; itself not
	Action  Action    // "": all; ending in ".": all that begin so
	Limit   int64     // 0: none
}
