package audit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/audit"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

const customer = "customer:acme"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// archive is books with the reasons beside them.
type archive struct {
	t       *testing.T
	store   ledger.Store
	books   *ledger.Ledger
	records []record.Outcome
	sheets  map[string][]byte
	reads   int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	store := ledger.NewMemory()
	a := &archive{t: t, store: store, sheets: map[string][]byte{}, books: ledger.New(store, func() time.Time { return noon }, "test")}
	a.ok(a.books.Open(t.Context(), customer))
	a.ok(a.books.TopUp(t.Context(), customer, "opening", money.USD))
	return a
}

func (a *archive) ok(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func price(t *testing.T, text string) catalog.Price {
	t.Helper()
	p, err := money.ParsePico(text)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Price{Text: text, Unit: p}
}

// answer is a generation that held 1,000,000 and used 100 tokens in and 50 out at
// $1 and $2 per million: 200,000.
func (a *archive) answer(id string) (ledger.Hold, record.Outcome) {
	a.t.Helper()
	h, err := a.books.Reserve(a.t.Context(), customer, id, 1_000_000)
	a.ok(err)
	p := catalog.Prices{Prompt: price(a.t, "0.000001"), Completion: price(a.t, "0.000002"), Version: "v1"}
	hash, text := pricing.Sheet(p)
	a.sheets[hash] = text
	o := record.Outcome{
		ID: id, Sheet: hash, Held: h.Amount, Began: noon, Charged: 200_000,
		Finish: llm.FinishReason{Unified: llm.FinishStop}, Usage: llm.Usage{Input: 100, Output: 50},
	}
	return h, o
}

func (a *archive) settle(h ledger.Hold, cost money.Nano, o ...record.Outcome) {
	a.t.Helper()
	a.records = append(a.records, o...)
	a.ok(a.books.Settle(a.t.Context(), h, cost))
}

func (a *archive) sources() audit.Sources {
	return audit.Sources{
		Books: a.store,
		Generations: func(context.Context) iter.Seq2[record.Outcome, error] {
			return func(yield func(record.Outcome, error) bool) {
				for _, o := range a.records {
					if !yield(o, nil) {
						return
					}
				}
			}
		},
		Sheet: func(_ context.Context, hash string) ([]byte, error) {
			a.reads++
			text, ok := a.sheets[hash]
			if !ok {
				return nil, errors.New("not found")
			}
			return text, nil
		},
	}
}

func TestTrueBooks(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	h, o := a.answer("gen-charged")
	a.settle(h, 200_000, o)

	h, o = a.answer("gen-capped") // used more than it held (I8)
	o.Usage.Output, o.Charged = 5_000_000, 1_000_000
	a.settle(h, 1_000_000, o)

	h, o = a.answer("gen-insured") // ended in error (I10)
	o.Finish, o.Charged = llm.FinishReason{Unified: llm.FinishError}, 0
	a.settle(h, 0, o)

	h, o = a.answer("gen-failed") // nobody answered
	o.Sheet, o.Usage, o.Charged = "", llm.Usage{}, 0
	a.settle(h, 0, o)

	h, o = a.answer("gen-free")
	hash, text := pricing.Sheet(catalog.Prices{Prompt: price(t, "0")})
	a.sheets[hash], o.Sheet, o.Charged = text, hash, 0
	a.settle(h, 0, o)

	_, o = a.answer("gen-waiting") // the store failed at settlement (F67)
	a.records = append(a.records, o)

	h, o = a.answer("gen-late") // settled after its hold had expired
	expire(a)
	a.settle(h, 200_000, o)

	_, o = a.answer("gen-lost") // its process died
	a.records = append(a.records, o)
	expire(a)

	a.records = append(a.records, record.Outcome{ID: "gen-again", CacheSource: "gen-charged", Began: noon}) // RC-04

	_, o = a.answer("gen-still") // and one that still waits
	a.records = append(a.records, o)

	got, err := audit.Charges(t.Context(), a.sources())
	// gen-waiting expired with the rest.
	want := audit.Report{Charges: 3, Free: 4, Waived: 2, Waiting: 1, Total: 200_000 + 1_000_000 + 200_000}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if a.reads != 2 {
		t.Errorf("%d sheets read, there are 2", a.reads)
	}
}

// expire lets every open hold go, as a start after a crash does.
func expire(a *archive) {
	a.t.Helper()
	if n, err := ledger.New(a.store, func() time.Time { return noon }, "next").SweepDead(a.t.Context()); err != nil || n == 0 {
		a.t.Fatalf("%d expired, %v", n, err)
	}
}

// A late capture takes at most what is available, and that is right.
func TestLateCaptureOfAnEmptyAccount(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	h, o := a.answer("gen-late")
	expire(a)
	a.ok(a.books.Adjust(t.Context(), customer, "chargeback", -money.USD+50_000))
	a.settle(h, 200_000, o)
	got, err := audit.Charges(t.Context(), a.sources())
	if want := (audit.Report{Waived: 1, Total: 50_000}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// continued is a generation of two parts at two sheets: 100 in and 50 out at $1 and $2,
// 10 in and 5 out at ten times that, per million: 400,000.
func (a *archive) continued(id string) (ledger.Hold, record.Outcome) {
	a.t.Helper()
	h, o := a.answer(id)
	hash, text := pricing.Sheet(catalog.Prices{Prompt: price(a.t, "0.00001"), Completion: price(a.t, "0.00002"), Version: "v1"})
	a.sheets[hash] = text
	first, second := llm.Usage{Input: 100, Output: 50, Estimated: true}, llm.Usage{Input: 10, Output: 5}
	o.Parts = []record.Part{{Sheet: o.Sheet, Usage: first}, {Sheet: hash, Usage: second}}
	o.Sheet, o.Usage, o.Charged = hash, first.Plus(second), 400_000
	return h, o
}

// An answer that several endpoints wrote is the sum of its parts, each at its own sheet;
// one that broke off for good is free.
func TestParts(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	h, o := a.continued("gen-1")
	a.settle(h, 400_000, o)
	h, o = a.continued("gen-2")
	o.Finish, o.Charged = llm.FinishReason{Unified: llm.FinishError}, 0
	a.settle(h, 0, o)
	got, err := audit.Charges(t.Context(), a.sources())
	if want := (audit.Report{Charges: 1, Free: 1, Total: 400_000}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for name, lie := range map[string]func(*record.Outcome){
		"a part left out":        func(o *record.Outcome) { o.Parts = o.Parts[1:] },
		"a part's count":         func(o *record.Outcome) { o.Parts[0].Usage.Output++ },
		"a part's sheet":         func(o *record.Outcome) { o.Parts[0].Sheet = o.Sheet },
		"a sheet that is gone":   func(o *record.Outcome) { o.Parts[0].Sheet = "gone" },
		"counts that do not add": func(o *record.Outcome) { o.Usage.Input++ },
	} {
		a := newArchive(t)
		h, o := a.continued("gen-1")
		lie(&o)
		a.settle(h, 400_000, o)
		if _, err := audit.Charges(t.Context(), a.sources()); err == nil || !strings.Contains(err.Error(), "gen-1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every planted lie is found and named.
func TestPlantedLies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		plant func(a *archive)
		says  string
	}{
		{"captured too much", func(a *archive) { h, o := a.answer("gen-1"); a.settle(h, 200_001, o) }, "I9: generation gen-1"},
		{"captured too little", func(a *archive) { h, o := a.answer("gen-1"); a.settle(h, 199_999, o) }, "I9: generation gen-1"},
		{"not captured", func(a *archive) { h, o := a.answer("gen-1"); a.settle(h, 0, o) }, "I9: generation gen-1"},
		{"captured although insured (I10)", func(a *archive) {
			h, o := a.answer("gen-1")
			o.Finish = llm.FinishReason{Unified: llm.FinishError}
			a.settle(h, 200_000, o)
		}, "I9: generation gen-1"},
		{"recorded wrongly", func(a *archive) {
			h, o := a.answer("gen-1")
			o.Charged++
			a.settle(h, 200_000, o)
		}, "I9: generation gen-1"},
		{"recorded a charge for nothing", func(a *archive) { a.records = append(a.records, record.Outcome{ID: "gen-1", Charged: 5}) }, "I9: generation gen-1"},
		{"held for an answer that was given again", func(a *archive) {
			h, o := a.answer("gen-1")
			a.settle(h, 0, record.Outcome{ID: o.ID, CacheSource: "gen-0"})
		}, "generation gen-1 gave an answer again"},
		{"charged for an answer that was given again", func(a *archive) {
			_, o := a.answer("gen-0")
			o.ID, o.CacheSource = "gen-1", "gen-2"
			a.records = append(a.records, o)
		}, "generation gen-1 gave an answer again"},
		{"recorded a charge without a hold", func(a *archive) {
			_, o := a.answer("gen-0")
			o.ID = "gen-1"
			a.records = append(a.records, o)
		}, "I9: generation gen-1"},
		{"the usage was changed", func(a *archive) {
			h, o := a.answer("gen-1")
			o.Usage.Output++
			a.settle(h, 200_000, o)
		}, "I9: generation gen-1"},
		{"the usage is negative", func(a *archive) {
			h, o := a.answer("gen-1")
			o.Usage.Output = -1
			a.settle(h, 200_000, o)
		}, "generation gen-1: money: negative"},
		{"the sheet was changed", func(a *archive) {
			h, o := a.answer("gen-1")
			a.sheets[o.Sheet] = []byte(strings.Replace(string(a.sheets[o.Sheet]), "0.000002", "0.000003", 1))
			a.sheets[o.Sheet] = []byte(strings.Replace(string(a.sheets[o.Sheet]), "2000000", "3000000", 1))
			a.settle(h, 200_000, o)
		}, "usage and pinned prices give 0.00025"},
		{"the sheet is gone", func(a *archive) {
			h, o := a.answer("gen-1")
			delete(a.sheets, o.Sheet)
			a.settle(h, 200_000, o)
		}, ": price sheet "},
		{"the sheet is no sheet", func(a *archive) {
			h, o := a.answer("gen-1")
			a.sheets[o.Sheet] = []byte(`{"Prompt":`)
			a.settle(h, 200_000, o)
		}, ": price sheet "},
		{"no reason (I12)", func(a *archive) { h, _ := a.answer("gen-1"); a.settle(h, 200_000) }, "I12: 0.0002 was captured for gen-1"},
		{"late, and too much", func(a *archive) {
			h, o := a.answer("gen-1")
			expire(a)
			a.settle(h, 200_001, o)
		}, "I9: generation gen-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			h, o := a.answer("gen-good")
			a.settle(h, 200_000, o)
			c.plant(a)
			if r, err := audit.Charges(t.Context(), a.sources()); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v; want %q", r, err, c.says)
			}
		})
	}
}

// An audit beside a running server: what ends after the books were read is looked
// up again.
func TestAnswersThatEndMeanwhile(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	open, during := a.answer("gen-open")
	s := a.sources()
	s.Generations = func(context.Context) iter.Seq2[record.Outcome, error] {
		a.settle(open, 200_000, during)
		h, o := a.answer("gen-new")
		a.settle(h, 200_000, o)
		return func(yield func(record.Outcome, error) bool) {
			for _, o := range slices.Clone(a.records) {
				if !yield(o, nil) {
					return
				}
			}
		}
	}
	got, err := audit.Charges(t.Context(), s)
	if want := (audit.Report{Charges: 2, Total: 400_000}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestUnreadableSources(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk")
	a := newArchive(t)
	s := a.sources()
	s.Generations = func(context.Context) iter.Seq2[record.Outcome, error] {
		return func(yield func(record.Outcome, error) bool) { yield(record.Outcome{}, broken) }
	}
	if _, err := audit.Charges(t.Context(), s); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	s = a.sources()
	s.Books = unreadable{a.store, fmt.Errorf("audit: %w", broken)}
	if _, err := audit.Charges(t.Context(), s); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type unreadable struct {
	ledger.Store
	err error
}

func (u unreadable) Audit(context.Context, func(ledger.Snapshot) error) error { return u.err }
