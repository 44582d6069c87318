package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// AccountRow is a customer's stored balance. Every figure can be derived from
// entries and holds; [Ledger.Verify] does.
type AccountRow struct {
	Account string
	Posted  money.Nano
	Held    money.Nano
	Credits money.Nano // sum of postings outside of settlements
	Debt    money.Nano // sum of negative adjustments, <= 0: how far below zero it may be (I4)
}

// Balance of the row.
func (a AccountRow) Balance() Balance {
	return Balance{Posted: a.Posted, Held: a.Held, Credits: a.Credits, Used: a.Credits - a.Posted}
}

// Plus is the row after a posting, or an error if a sum does not fit.
func (a AccountRow) Plus(p Posting) (AccountRow, error) {
	posted, err := a.Posted.Add(p.Amount)
	credits, err2 := a.Credits.Add(p.Amount)
	debt, err3 := a.Debt.Add(min(p.Amount, 0))
	if err := errors.Join(err, err2, err3); err != nil {
		return a, fmt.Errorf("%s %s: %w", p.Kind, p.Ref, err)
	}
	a.Posted, a.Credits, a.Debt = posted, credits, debt
	return a, nil
}

// ScopeRow is what counts against a limit. Max is the bound of the last hold
// admitted; Base is what was spent before the scope was kept.
type ScopeRow struct {
	Scope string
	Max   money.Nano
	Spent money.Nano
	Held  money.Nano
	Base  money.Nano
}

// HoldRow is a hold with its fate.
type HoldRow struct {
	Hold
	State    State
	Beat     time.Time  // last heartbeat
	Cost     money.Nano // what was asked for
	Captured money.Nano // what the customer paid
	Closed   time.Time  // zero while open
}

// Snapshot is all rows at one commit point: accounts and scopes by name, holds
// by ref, entries by kind, ref, account. An error ends a sequence.
type Snapshot interface {
	Accounts() iter.Seq2[AccountRow, error]
	Scopes() iter.Seq2[ScopeRow, error]
	Holds() iter.Seq2[HoldRow, error]
	Entries() iter.Seq2[Entry, error]
}

// Report of a verification.
type Report struct {
	Accounts, Holds, Open, Entries, Scopes int

	Credits  money.Nano // posted outside of settlements, all customers
	Captured money.Nano // paid by all customers
	Posted   money.Nano // Credits - Captured, if the books are right
	Loss     money.Nano // cost beyond holds, borne by the operator
}

// Violation is a row that breaks an invariant.
type Violation struct {
	Invariant string // "I3"
	Row       string // "hold gen-1"
	Detail    string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("ledger: %s broken by %s: %s", v.Invariant, v.Row, v.Detail)
}

// maxViolations bounds the error of one verification.
const maxViolations = 100

// Verify derives every balance, hold and limit from the rows and compares: I2,
// I3, I4, I5, I6, I8 and I19. The error joins [*Violation] values, each naming
// its row; or it says that the rows could not be read.
func (l *Ledger) Verify(ctx context.Context) (Report, error) {
	var v *verifier
	err := l.store.Audit(ctx, func(s Snapshot) error {
		v = &verifier{accounts: map[string]*tally{}, scopes: map[string]*tally{}}
		return v.run(ctx, s)
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return v.report, errors.Join(v.broken...)
}

// tally is what rows add up to for one account or scope.
type tally struct{ posted, credits, debt, held money.Nano }

type verifier struct {
	report   Report
	broken   []error
	accounts map[string]*tally
	scopes   map[string]*tally
}

func (v *verifier) fail(invariant, row, format string, args ...any) {
	if len(v.broken) < maxViolations {
		v.broken = append(v.broken, &Violation{Invariant: invariant, Row: row, Detail: fmt.Sprintf(format, args...)})
	}
}

func of(m map[string]*tally, name string) *tally {
	t := m[name]
	if t == nil {
		t = &tally{}
		m[name] = t
	}
	return t
}

func (v *verifier) run(ctx context.Context, s Snapshot) error {
	if err := v.moves(ctx, s); err != nil {
		return err
	}
	for a, err := range s.Accounts() {
		if err != nil {
			return err
		}
		v.account(a)
	}
	for name := range v.accounts {
		v.fail("I3", "account "+name, "has entries or holds but no row")
	}
	for sc, err := range s.Scopes() {
		if err != nil {
			return err
		}
		v.scope(sc)
	}
	for name := range v.scopes {
		v.fail("I19", "scope "+name, "has holds but no row")
	}
	return nil
}

// moves reads holds and settlements side by side, both in the order of refs, so
// that the memory needed does not grow with history.
func (v *verifier) moves(ctx context.Context, s Snapshot) error {
	next, stop := iter.Pull2(s.Holds())
	defer stop()
	h, err, more := next()
	advance := func() error {
		v.hold(h)
		h, err, more = next()
		return err
	}
	if err != nil {
		return err
	}
	var txn []Entry
	finish := func() error {
		if len(txn) == 0 {
			return nil
		}
		v.transaction(txn)
		if txn[0].Kind != KindSettle {
			return nil
		}
		for more && h.Ref < txn[0].Ref {
			v.unpaid(h)
			if err := advance(); err != nil {
				return err
			}
		}
		if !more || h.Ref != txn[0].Ref {
			v.fail("I6", "settlement "+txn[0].Ref, "has no hold")
			return nil
		}
		v.settlement(h, txn)
		return advance()
	}
	for e, err := range s.Entries() {
		if err != nil {
			return err
		}
		if len(txn) > 0 && (txn[0].Kind != e.Kind || txn[0].Ref != e.Ref) {
			if err := finish(); err != nil {
				return err
			}
			txn = txn[:0]
		}
		v.report.Entries++
		if v.report.Entries%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		txn = append(txn, e)
	}
	if err := finish(); err != nil {
		return err
	}
	for more {
		v.unpaid(h)
		if err := advance(); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) transaction(txn []Entry) {
	row := "transaction " + string(txn[0].Kind) + " " + txn[0].Ref
	var sum money.Nano
	for _, e := range txn {
		if e.Amount == 0 {
			v.fail("I2", row, "entry of zero on %s", e.Account)
		}
		sum += e.Amount
		switch e.Account {
		case Revenue, Funding, Adjustments:
		case OverageLoss:
			v.report.Loss -= e.Amount
		default:
			t := of(v.accounts, e.Account)
			t.posted += e.Amount
			if e.Kind != KindSettle {
				t.credits += e.Amount
				t.debt += min(e.Amount, 0)
			}
		}
	}
	if sum != 0 {
		v.fail("I2", row, "sums to %s", sum)
	}
}

// settlement compares the entries with the hold they close.
func (v *verifier) settlement(h HoldRow, txn []Entry) {
	row := "hold " + h.Ref
	var paid, earned money.Nano
	for _, e := range txn {
		switch e.Account {
		case h.Account:
			paid -= e.Amount
		case Revenue:
			earned += e.Amount
		case OverageLoss:
		default:
			v.fail("I6", row, "charges %s, the hold is of %s", e.Account, h.Account)
		}
	}
	if h.State != Captured && h.State != CapturedLate {
		v.fail("I5", row, "is %s but was charged", h.State)
	}
	if paid != h.Captured || earned != h.Cost {
		v.fail("I6", row, "captured %s at cost %s, entries say %s and %s", h.Captured, h.Cost, paid, earned)
	}
	v.report.Captured += paid
}

func (v *verifier) unpaid(h HoldRow) {
	if h.Cost != 0 {
		v.fail("I6", "hold "+h.Ref, "cost %s without entries", h.Cost)
	}
}

func (v *verifier) hold(h HoldRow) {
	row := "hold " + h.Ref
	v.report.Holds++
	if h.Captured < 0 || h.Captured > h.Amount {
		v.fail("I8", row, "captured %s of %s", h.Captured, h.Amount)
	}
	ok := false
	switch h.State {
	case Open:
		v.report.Open++
		of(v.accounts, h.Account).held += h.Amount
		ok = h.Cost == 0 && h.Captured == 0 && h.Closed.IsZero()
	case Voided, Expired:
		ok = h.Cost == 0 && h.Captured == 0 && !h.Closed.IsZero()
	case Captured:
		ok = h.Cost > 0 && h.Captured == min(h.Cost, h.Amount) && !h.Closed.IsZero()
	case CapturedLate:
		ok = h.Cost > 0 && h.Captured <= h.Cost && !h.Closed.IsZero()
	}
	if !ok {
		v.fail("I5", row, "state %q with cost %s, captured %s of %s, closed %v", h.State, h.Cost, h.Captured, h.Amount, !h.Closed.IsZero())
	}
	for _, name := range h.Scopes {
		t := of(v.scopes, name)
		t.posted += h.Captured
		if h.State == Open {
			t.held += h.Amount
		}
	}
}

func (v *verifier) account(a AccountRow) {
	row := "account " + a.Account
	v.report.Accounts++
	v.report.Credits += a.Credits
	v.report.Posted += a.Posted
	t := of(v.accounts, a.Account)
	if *t != (tally{posted: a.Posted, credits: a.Credits, debt: a.Debt, held: a.Held}) {
		v.fail("I3", row, "posted %s held %s credits %s debt %s, rows say %s %s %s %s",
			a.Posted, a.Held, a.Credits, a.Debt, t.posted, t.held, t.credits, t.debt)
	}
	if a.Held < 0 || a.Posted-a.Held < a.Debt {
		v.fail("I4", row, "posted %s, held %s", a.Posted, a.Held)
	}
	delete(v.accounts, a.Account)
}

func (v *verifier) scope(s ScopeRow) {
	row := "scope " + s.Scope
	v.report.Scopes++
	t := of(v.scopes, s.Scope)
	if s.Spent != s.Base+t.posted || s.Held != t.held {
		v.fail("I19", row, "spent %s held %s, rows say %s and %s", s.Spent, s.Held, s.Base+t.posted, t.held)
	}
	if s.Spent < 0 || s.Held < 0 || s.Spent+s.Held > s.Max {
		v.fail("I19", row, "spent %s, held %s, limit %s", s.Spent, s.Held, s.Max)
	}
	delete(v.scopes, s.Scope)
}
