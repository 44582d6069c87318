// Package ledger keeps the books: double entry, append-only, with two-phase
// holds. It knows money and nothing else: no token, no model, no request.
//
// A customer account has a posted balance and a held part; what is left over,
// posted - held, is available. A hold takes a part of what is available before
// work begins ([Ledger.Reserve]), may grow while it lasts ([Ledger.Grow]), and
// ends exactly once: captured or voided ([Ledger.Settle]), or expired when its
// owner died ([Ledger.Sweep], [Ledger.SweepDead]). Every move is one transaction
// of the [Store] and may be repeated safely, because it carries a ref.
//
//	open ──► captured     expired ──► captured_late (at most what is available)
//	  ├────► voided
//	  └────► expired
//
// Amounts are nano-dollars. The invariants I2 to I8, I15, I19 and I22 of the
// trust document are what [Ledger.Verify] proves of every row, and what the
// stores refuse to break.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

const (
	// HoldLife is how long a hold stays open past its last heartbeat (I7).
	HoldLife = 15 * time.Minute
	// MaxLife is how long heartbeats keep a hold alive at all. It exceeds the
	// longest stream (60 min), so that only a hold whose settlement was lost is
	// let go.
	MaxLife = 75 * time.Minute
)

// System accounts. They carry entries but no stored balance, so that no two
// customers contend for a row.
const (
	Revenue     = "revenue"      // what was earned
	Funding     = "funding"      // contra of top-ups
	Adjustments = "adjustment"   // contra of operator adjustments
	OverageLoss = "overage_loss" // cost beyond a hold: the operator's loss (I8)
)

const customerPrefix = "customer:"

// Customer is the account of the customer with the given id.
func Customer(id string) string { return customerPrefix + id }

// Errors that tell why a move had no effect.
var (
	ErrNoAccount = errors.New("ledger: no such account")
	ErrNoHold    = errors.New("ledger: no such hold")
	// ErrRefUsed: the ref already names another move.
	ErrRefUsed = errors.New("ledger: ref is already used")
	// ErrClosed: the hold has ended in another way than the move asks for.
	ErrClosed = errors.New("ledger: hold is closed")
)

// Insufficient says which money did not suffice: the balance of Account, or,
// if Scope is set, what is left under that limit.
type Insufficient struct {
	Account   string
	Scope     string
	Available money.Nano
	Wanted    money.Nano
}

func (e *Insufficient) Error() string {
	what := e.Account
	if e.Scope != "" {
		what = "limit of " + e.Scope
	}
	return fmt.Sprintf("ledger: %s: %s available, %s wanted", what, e.Available, e.Wanted)
}

// Limit bounds a scope: spent + held of Scope never exceeds Max (I19). A scope
// is a word without spaces and names its window, for example
// "key:<hash>@2026-11".
type Limit struct {
	Scope string
	Max   money.Nano
}

// Hold is money set aside under a ref. Ref is its identity: one hold per ref.
type Hold struct {
	Ref     string
	Account string
	Amount  money.Nano
	Scopes  []string // limits it counts against
	Owner   string   // process that serves it
	Opened  time.Time
}

// State of a hold.
type State string

// States; all but Open and Expired are final (I5).
const (
	Open         State = "open"
	Captured     State = "captured"
	Voided       State = "voided"
	Expired      State = "expired"
	CapturedLate State = "captured_late"
)

// Balance of a customer at one commit point (I22). Credits - Used = Posted.
type Balance struct {
	Posted  money.Nano
	Held    money.Nano
	Credits money.Nano // all top-ups and adjustments
	Used    money.Nano // all captures
}

// Available is what a new hold could take.
func (b Balance) Available() money.Nano { return b.Posted - b.Held }

// Kind of a transaction. (Kind, ref) is a transaction's identity.
type Kind string

// Kinds of transactions.
const (
	KindSettle Kind = "settle"
	KindTopUp  Kind = "topup"
	KindAdjust Kind = "adjustment"
)

// Entry is one line of a transaction; the amounts of one (Kind, Ref) sum to
// zero (I2). Positive is in the account's favour.
type Entry struct {
	Kind    Kind
	Ref     string
	Account string
	Amount  money.Nano
	At      time.Time
}

// Posting is money that enters or leaves a customer account outside of holds.
type Posting struct {
	Kind    Kind
	Ref     string
	Account string
	Contra  string
	Amount  money.Nano
	At      time.Time
}

// Settlement closes a hold at Cost.
type Settlement struct {
	Hold Hold
	Cost money.Nano
	At   time.Time
}

// Expiry selects open holds to expire: beaten last before BeatBefore, or, if
// NotOwner is set, of any other owner.
type Expiry struct {
	BeatBefore time.Time
	NotOwner   string
	At         time.Time
}

// Store keeps the books. Each method is one transaction, durable when it
// returns. Implementations refuse what would break I2, I4, I5 or I8.
type Store interface {
	OpenAccount(ctx context.Context, account string, at time.Time) error
	// Reserve opens h and counts it against limits, all or none. If an open
	// hold of the same ref, account and owner exists it is returned instead.
	Reserve(ctx context.Context, h Hold, limits []Limit) (Hold, error)
	// Grow adds by to an open hold under the limits it was admitted with, and
	// marks it alive at at.
	Grow(ctx context.Context, h Hold, by money.Nano, at time.Time) (Hold, error)
	Settle(ctx context.Context, s Settlement) error
	Post(ctx context.Context, p Posting) error
	Balance(ctx context.Context, account string) (Balance, error)
	// Beat marks the owner's open holds alive that were opened after since.
	Beat(ctx context.Context, owner string, at, since time.Time) error
	Expire(ctx context.Context, e Expiry) (int, error)
	// Audit shows all rows as of one commit point.
	Audit(ctx context.Context, look func(Snapshot) error) error
}

// Ledger is the books of one process.
type Ledger struct {
	store Store
	now   func() time.Time
	owner string
}

// New keeps books in s. Owner names this process among all that ever wrote to
// s; it must be new at each start, or SweepDead cannot tell the dead from the
// living.
func New(s Store, now func() time.Time, owner string) *Ledger {
	return &Ledger{store: s, now: now, owner: owner}
}

// clock has the resolution in which stores keep time.
func (l *Ledger) clock() time.Time { return l.now().UTC().Truncate(time.Microsecond) }

// Open creates a customer account; it may exist already.
func (l *Ledger) Open(ctx context.Context, account string) error {
	if !strings.HasPrefix(account, customerPrefix) || strings.ContainsAny(account, " \t\r\n") {
		return fmt.Errorf("ledger: %q is not a customer account", account)
	}
	return l.store.OpenAccount(ctx, account, l.clock())
}

// Reserve sets max aside from account, under every limit, or changes nothing
// and returns an [*Insufficient]. A hold of zero is granted unless the balance
// is below zero (CB-04). Repeated with the same ref it returns the hold that is
// open, or [ErrRefUsed] when that is another's or closed.
func (l *Ledger) Reserve(ctx context.Context, account, ref string, max money.Nano, limits ...Limit) (Hold, error) {
	if ref == "" || max < 0 {
		return Hold{}, fmt.Errorf("ledger: reserve %q: bad ref or amount %d", ref, max)
	}
	h := Hold{Ref: ref, Account: account, Amount: max, Owner: l.owner, Opened: l.clock()}
	for i, lim := range limits {
		if lim.Scope == "" || strings.ContainsAny(lim.Scope, " \t\r\n") || slices.Contains(h.Scopes, lim.Scope) {
			return Hold{}, fmt.Errorf("ledger: reserve %s: bad scope %q", ref, lim.Scope)
		}
		if i == 0 {
			h.Scopes = make([]string, 0, len(limits))
		}
		h.Scopes = append(h.Scopes, lim.Scope)
	}
	return l.store.Reserve(ctx, h, limits)
}

// Grow adds by to the hold and to every scope it counts against, or changes
// nothing and returns an [*Insufficient]. It also counts as a heartbeat, and
// with by = 0 it is nothing else. The caller keeps the returned hold.
func (l *Ledger) Grow(ctx context.Context, h Hold, by money.Nano) (Hold, error) {
	if by < 0 {
		return h, fmt.Errorf("ledger: grow %s by %d", h.Ref, by)
	}
	return l.store.Grow(ctx, h, by, l.clock())
}

// Settle closes the hold: it captures cost, at most the held amount, books what
// exceeds it as the operator's loss (I8) and releases the rest. Cost 0 is
// release. Repeated with the same cost it does nothing; with another cost it is
// [ErrClosed]. A hold that expired before is captured late and once, at most up
// to what is available then.
func (l *Ledger) Settle(ctx context.Context, h Hold, cost money.Nano) error {
	if cost < 0 {
		return fmt.Errorf("ledger: settle %s at %d", h.Ref, cost)
	}
	return l.store.Settle(ctx, Settlement{Hold: h, Cost: cost, At: l.clock()})
}

// TopUp credits n > 0 to account. A ref posts once (I15): repeated with the same
// account and amount it does nothing, else it is [ErrRefUsed].
func (l *Ledger) TopUp(ctx context.Context, account, ref string, n money.Nano) error {
	if ref == "" || n <= 0 {
		return fmt.Errorf("ledger: top up %q with %d", ref, n)
	}
	return l.store.Post(ctx, Posting{Kind: KindTopUp, Ref: ref, Account: account, Contra: Funding, Amount: n, At: l.clock()})
}

// Adjust posts an operator's correction or a chargeback, of either sign: the
// only move that may take a balance below zero (I4). Idempotent like TopUp.
func (l *Ledger) Adjust(ctx context.Context, account, ref string, n money.Nano) error {
	if ref == "" || n == 0 {
		return fmt.Errorf("ledger: adjust %q by %d", ref, n)
	}
	return l.store.Post(ctx, Posting{Kind: KindAdjust, Ref: ref, Account: account, Contra: Adjustments, Amount: n, At: l.clock()})
}

// Balance of a customer account.
func (l *Ledger) Balance(ctx context.Context, account string) (Balance, error) {
	return l.store.Balance(ctx, account)
}

// Heartbeat keeps this owner's open holds alive, up to [MaxLife].
func (l *Ledger) Heartbeat(ctx context.Context) error {
	at := l.clock()
	return l.store.Beat(ctx, l.owner, at, at.Add(-MaxLife))
}

// Sweep expires the holds, of any owner, that had no heartbeat for [HoldLife].
func (l *Ledger) Sweep(ctx context.Context) (closed int, err error) {
	at := l.clock()
	return l.store.Expire(ctx, Expiry{BeatBefore: at.Add(-HoldLife), At: at})
}

// SweepDead expires the open holds of every other owner. It is for boot, when
// the caller holds the exclusive right to serve and so no other owner can live.
func (l *Ledger) SweepDead(ctx context.Context) (closed int, err error) {
	return l.store.Expire(ctx, Expiry{NotOwner: l.owner, At: l.clock()})
}

// Capture is what a settlement takes from the customer: the cost, bounded by the
// hold and, for a late capture, by room, what is available now (I8).
func Capture(amount, cost, room money.Nano) money.Nano { return max(0, min(cost, amount, room)) }

// Entries of a settlement, n of them; none if nothing was due. They sum to zero
// by construction, and [Balanced] says so again before they are written.
func Entries(s Settlement, captured money.Nano) (e [3]Entry, n int) {
	add := func(account string, amount money.Nano) {
		if amount != 0 {
			e[n] = Entry{Kind: KindSettle, Ref: s.Hold.Ref, Account: account, Amount: amount, At: s.At}
			n++
		}
	}
	add(s.Hold.Account, -captured)
	add(OverageLoss, captured-s.Cost)
	add(Revenue, s.Cost)
	return e, n
}

// Balanced asserts I2 and I8 on a settlement about to be written. It stays on in
// production: what breaks it is refused.
func Balanced(entries []Entry, captured, amount money.Nano) error {
	var sum money.Nano
	for _, e := range entries {
		sum += e.Amount
	}
	if sum != 0 || captured < 0 || captured > amount {
		return fmt.Errorf("ledger: assertion I2/I8 failed: entries sum to %d, %d captured of %d", sum, captured, amount)
	}
	return nil
}
