// Package audit derives every charge again: from the usage that was recorded and
// the price sheet that was pinned, through the same pricing, against what the
// books say was captured (trust I6, I9, I10, I12, T10).
package audit

import (
	"context"
	"fmt"
	"iter"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// Sources is where charges and their reasons are read.
type Sources struct {
	Books       ledger.Store
	Generations func(context.Context) iter.Seq2[record.Outcome, error]
	Sheet       func(ctx context.Context, hash string) ([]byte, error)
}

// Report counts what was derived again.
type Report struct {
	Charges int        // generations that were charged
	Free    int        // generations that cost nothing
	Waived  int        // generations whose charge was let go, whole or in part, with an expired hold (F67)
	Waiting int        // generations whose hold is still open: their charge is to come (F67)
	Total   money.Nano // of all charges
}

// Charges derives every charge again. The error names the generation whose
// books and reasons differ.
func Charges(ctx context.Context, s Sources) (Report, error) {
	var r Report
	holds, err := holds(ctx, s.Books)
	if err != nil {
		return r, err
	}
	sheets := sheets{read: s.Sheet}
	ended := map[string]money.Nano{} // what generations cost that ended after the books were read
	for o, err := range s.Generations(ctx) {
		if err != nil {
			return r, err
		}
		want, err := sheets.charge(ctx, o)
		if err != nil {
			return r, fmt.Errorf("generation %s: %w", o.ID, err)
		}
		if o.Charged != want {
			return r, fmt.Errorf("I9: generation %s: usage and pinned prices give %s, the record says %s", o.ID, want, o.Charged)
		}
		h, known := holds[o.ID]
		delete(holds, o.ID)
		if o.CacheSource != "" { // RC-04
			if known || want != 0 {
				return r, fmt.Errorf("I12: generation %s gave an answer again, and the books have a hold for it", o.ID)
			}
			r.Free++
			continue
		}
		if !known || h.state == ledger.Open {
			ended[o.ID] = want
			continue
		}
		if err := r.add(o.ID, h, want); err != nil {
			return r, err
		}
	}
	for ref, h := range holds {
		if h.captured != 0 {
			return r, fmt.Errorf("I12: %s was captured for %s, and no generation gives a reason", h.captured, ref)
		}
	}
	return r, r.later(ctx, s.Books, ended)
}

// later looks at the books again for generations that ended meanwhile: a record
// is never there before its hold.
func (r *Report) later(ctx context.Context, books ledger.Store, ended map[string]money.Nano) error {
	if len(ended) == 0 {
		return nil
	}
	holds, err := holds(ctx, books)
	if err != nil {
		return err
	}
	for ref, want := range ended {
		h, known := holds[ref]
		switch {
		case known:
			if err := r.add(ref, h, want); err != nil {
				return err
			}
		case want != 0:
			return fmt.Errorf("I9: generation %s: usage and pinned prices give %s, and the books know no hold", ref, want)
		default:
			r.Free++
		}
	}
	return nil
}

// add compares what the books took with what it should have been.
func (r *Report) add(ref string, h hold, want money.Nano) error {
	late := h.state == ledger.Expired || h.state == ledger.CapturedLate // then at most what was available (I5)
	if h.state != ledger.Open && h.captured != want && (!late || h.captured > want) {
		return fmt.Errorf("I9: generation %s: usage and pinned prices give %s, the books captured %s", ref, want, h.captured)
	}
	r.Total += h.captured
	switch {
	case h.state == ledger.Open:
		r.Waiting++
	case h.captured != want:
		r.Waived++
	case want == 0:
		r.Free++
	default:
		r.Charges++
	}
	return nil
}

type hold struct {
	state    ledger.State
	captured money.Nano
}

// holds are all that the books ever had, by ref.
func holds(ctx context.Context, books ledger.Store) (map[string]hold, error) {
	out := map[string]hold{}
	err := books.Audit(ctx, func(snap ledger.Snapshot) error {
		for h, err := range snap.Holds() {
			if err != nil {
				return err
			}
			out[h.Ref] = hold{h.State, h.Captured}
		}
		return nil
	})
	return out, err
}

type sheets struct {
	read  func(ctx context.Context, hash string) ([]byte, error)
	known map[string][]byte
}

// charge is what the generation should have cost: never above its hold.
func (s *sheets) charge(ctx context.Context, o record.Outcome) (money.Nano, error) {
	if o.Sheet == "" {
		return 0, nil
	}
	parts := make([]pricing.Part, len(o.Parts))
	for i, p := range o.Parts {
		prices, err := s.prices(ctx, p.Sheet)
		if err != nil {
			return 0, err
		}
		parts[i] = pricing.Part{Prices: prices, Usage: p.Usage}
	}
	if len(parts) == 0 {
		prices, err := s.prices(ctx, o.Sheet)
		if err != nil {
			return 0, err
		}
		parts = []pricing.Part{{Prices: prices, Usage: o.Usage}}
	}
	u, err := pricing.ChargeParts(parts, o.Finish, o.Began)
	if err != nil {
		return 0, err
	}
	if u.Prompt() != o.Usage.Prompt() || u.Completion() != o.Usage.Completion() || u.Images != o.Usage.Images {
		return 0, fmt.Errorf("I9: the parts have %d and %d tokens, the whole has %d and %d", u.Prompt(), u.Completion(), o.Usage.Prompt(), o.Usage.Completion())
	}
	return min(u.Cost, o.Held), nil
}

// prices are the sheet of that hash.
func (s *sheets) prices(ctx context.Context, hash string) (catalog.Prices, error) {
	text, ok := s.known[hash]
	if !ok {
		var err error
		if text, err = s.read(ctx, hash); err != nil {
			return catalog.Prices{}, fmt.Errorf("price sheet %s: %w", hash, err)
		}
		if s.known == nil {
			s.known = map[string][]byte{}
		}
		s.known[hash] = text
	}
	p, err := pricing.ReadSheet(text)
	if err != nil {
		return p, fmt.Errorf("price sheet %s: %w", hash, err)
	}
	return p, nil
}
