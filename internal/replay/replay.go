// Package replay makes recorded decisions again: exactly as they were, to prove that
// they follow from what was recorded, or under changed prices, providers and policies,
// to see what would have come of them.
package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Decided is a recorded decision and what came of it. The outcome of a request that was
// refused has no ID.
type Decided struct {
	ID       string // of the generation
	Began    time.Time
	Snapshot string // the version of the catalogue
	Text     []byte // a route.Decision as JSON
	Outcome  record.Outcome
}

// ErrGone says that the catalogue of a decision is not kept any more.
var ErrGone = errors.New("replay: the catalogue of this decision is not kept")

// Catalogues are the catalogues that decisions name. It is not safe for concurrent use.
type Catalogues struct {
	// Read is the packed catalogue of a version, or an error that wraps ErrGone.
	Read func(ctx context.Context, version string) (packed []byte, err error)
	// Change makes another one of each; nil: it stays as it is.
	Change func(catalog.Data) (catalog.Data, error)

	recent []named
}

// named is a catalogue by the version that a decision names.
type named struct {
	version  string
	snapshot *catalog.Snapshot
}

// memory is how many catalogues are kept at hand: decisions that follow one another
// mostly name the same.
const memory = 4

// At is the catalogue of a version.
func (c *Catalogues) At(ctx context.Context, version string) (*catalog.Snapshot, error) {
	if i := slices.IndexFunc(c.recent, func(n named) bool { return n.version == version }); i >= 0 {
		return c.recent[i].snapshot, nil
	}
	packed, err := c.Read(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", version, err)
	}
	data, err := catalog.Unpack(packed)
	if err != nil {
		return nil, err
	}
	if c.Change != nil {
		if data, err = c.Change(data); err != nil {
			return nil, err
		}
	} else if data.Version != version {
		return nil, fmt.Errorf("replay: catalogue %s is kept as %s", data.Version, version)
	}
	snap, err := catalog.New(data)
	if err != nil {
		return nil, err
	}
	if len(c.recent) == memory {
		c.recent = c.recent[1:]
	}
	c.recent = append(slices.Clip(c.recent), named{version, snap})
	return snap, nil
}

// Read is the decision in words.
func Read(x *Decided) (*route.Decision, error) {
	var d route.Decision
	if err := json.Unmarshal(x.Text, &d); err != nil {
		return nil, fmt.Errorf("replay: decision of %s: %w", x.ID, err)
	}
	return &d, nil
}

// Again makes a decision again and compares. It returns "" for the same plan, in each
// place and for the same reasons, or what is different.
func Again(d *route.Decision, snap *catalog.Snapshot) (difference string) {
	got := route.Came(d.Again(snap))
	if d.Made.Same(got) {
		return ""
	}
	return differs(&d.Made, &got)
}

// differs says in what two plans differ.
func differs(was, is *route.Made) string {
	if was.Refusal != nil || is.Refusal != nil {
		return fmt.Sprintf("it was %s and is now %s", outcome(was), outcome(is))
	}
	for i := range max(len(was.Steps), len(is.Steps)) {
		if a, b := step(was.Steps, i), step(is.Steps, i); a != b {
			return fmt.Sprintf("place %d was %s and is now %s", i+1, a, b)
		}
	}
	return fmt.Sprintf("it was %s over %d endpoints and is now %s over %d", was.Strategy, was.Considered, is.Strategy, is.Considered)
}

func step(steps route.Steps, i int) string {
	if i >= len(steps) {
		return "empty"
	}
	return steps[i].Endpoint + " (" + steps[i].Why + ")"
}

func outcome(m *route.Made) string {
	if m.Refusal == nil {
		return fmt.Sprintf("a plan of %d", len(m.Steps))
	}
	return strings.TrimSpace(fmt.Sprintf("refused: %s %s %s", m.Refusal.Type, m.Refusal.Code, strings.Join(m.Refusal.ExcludedBy, ", ")))
}
