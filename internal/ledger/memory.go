package ledger

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Memory is a [Store] without durability: the model other stores are compared
// with (law 7), and the books of tests.
type Memory struct {
	mu       sync.Mutex
	accounts map[string]*AccountRow
	scopes   map[string]*ScopeRow
	holds    map[string]*HoldRow
	entries  []Entry
	posted   map[string]Entry // customer's entry by kind and ref
}

var _ Store = (*Memory)(nil)

// NewMemory returns empty books.
func NewMemory() *Memory {
	return &Memory{
		accounts: map[string]*AccountRow{},
		scopes:   map[string]*ScopeRow{},
		holds:    map[string]*HoldRow{},
		posted:   map[string]Entry{},
	}
}

// OpenAccount implements [Store].
func (m *Memory) OpenAccount(_ context.Context, account string, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.accounts[account] == nil {
		m.accounts[account] = &AccountRow{Account: account}
	}
	return nil
}

// Reserve implements [Store].
func (m *Memory) Reserve(_ context.Context, h Hold, limits []Limit) (Hold, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.holds[h.Ref]; old != nil {
		if old.State != Open || old.Account != h.Account || old.Owner != h.Owner {
			return Hold{}, fmt.Errorf("reserve %s: %w", h.Ref, ErrRefUsed)
		}
		return old.Hold, nil
	}
	a := m.accounts[h.Account]
	if a == nil {
		return Hold{}, fmt.Errorf("reserve %s: %w: %s", h.Ref, ErrNoAccount, h.Account)
	}
	if a.Posted-a.Held < h.Amount {
		return Hold{}, &Insufficient{Account: h.Account, Available: a.Posted - a.Held, Wanted: h.Amount}
	}
	for _, l := range limits {
		var s ScopeRow
		if p := m.scopes[l.Scope]; p != nil {
			s = *p
		}
		if l.Max-s.Spent-s.Held < h.Amount {
			return Hold{}, &Insufficient{Account: h.Account, Scope: l.Scope, Available: l.Max - s.Spent - s.Held, Wanted: h.Amount}
		}
	}
	for _, l := range limits {
		s := m.scopes[l.Scope]
		if s == nil {
			s = &ScopeRow{Scope: l.Scope}
			m.scopes[l.Scope] = s
		}
		s.Held += h.Amount
		s.Max = l.Max
	}
	a.Held += h.Amount
	m.holds[h.Ref] = &HoldRow{Hold: h, State: Open, Beat: h.Opened}
	return h, nil
}

// Grow implements [Store].
func (m *Memory) Grow(_ context.Context, h Hold, by money.Nano, at time.Time) (Hold, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.holds[h.Ref]
	if r == nil {
		return h, fmt.Errorf("grow %s: %w", h.Ref, ErrNoHold)
	}
	if r.State != Open {
		return h, fmt.Errorf("grow %s: %w: %s", h.Ref, ErrClosed, r.State)
	}
	a := m.accounts[r.Account]
	if by > 0 && a.Posted-a.Held < by {
		return h, &Insufficient{Account: r.Account, Available: a.Posted - a.Held, Wanted: by}
	}
	for _, name := range r.Scopes {
		if s := m.scopes[name]; s.Max-s.Spent-s.Held < by {
			return h, &Insufficient{Account: r.Account, Scope: name, Available: s.Max - s.Spent - s.Held, Wanted: by}
		}
	}
	for _, name := range r.Scopes {
		m.scopes[name].Held += by
	}
	a.Held += by
	r.Amount += by
	r.Beat = at
	return r.Hold, nil
}

// Settle implements [Store].
func (m *Memory) Settle(_ context.Context, s Settlement) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.holds[s.Hold.Ref]
	if r == nil {
		return fmt.Errorf("settle %s: %w", s.Hold.Ref, ErrNoHold)
	}
	s.Hold = r.Hold
	a := m.accounts[r.Account]
	room, release := r.Amount, r.Amount
	state := Captured
	switch {
	case r.State == Open && s.Cost == 0:
		state = Voided
	case r.State == Open:
	case r.State == Expired && s.Cost == 0:
		return nil
	case r.State == Expired:
		state, release = CapturedLate, 0
		room = a.Posted - a.Held
		for _, name := range r.Scopes {
			sc := m.scopes[name]
			room = min(room, sc.Max-sc.Spent-sc.Held)
		}
	case r.Cost == s.Cost:
		return nil
	default:
		return fmt.Errorf("settle %s: %w: %s at %s", r.Ref, ErrClosed, r.State, r.Cost)
	}
	captured := Capture(r.Amount, s.Cost, room)
	entries, n := Entries(s, captured)
	if err := Balanced(entries[:n], captured, r.Amount); err != nil {
		return err
	}
	m.entries = append(m.entries, entries[:n]...)
	a.Posted -= captured
	a.Held -= release
	for _, name := range r.Scopes {
		m.scopes[name].Held -= release
		m.scopes[name].Spent += captured
	}
	r.State, r.Cost, r.Captured, r.Closed = state, s.Cost, captured, s.At
	return nil
}

// Post implements [Store].
func (m *Memory) Post(_ context.Context, p Posting) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := string(p.Kind) + " " + p.Ref
	if old, ok := m.posted[id]; ok {
		if old.Account != p.Account || old.Amount != p.Amount {
			return fmt.Errorf("%s %s: %w", p.Kind, p.Ref, ErrRefUsed)
		}
		return nil
	}
	a := m.accounts[p.Account]
	if a == nil {
		return fmt.Errorf("%s %s: %w: %s", p.Kind, p.Ref, ErrNoAccount, p.Account)
	}
	next, err := a.Plus(p)
	if err != nil {
		return err
	}
	e := Entry{Kind: p.Kind, Ref: p.Ref, Account: p.Account, Amount: p.Amount, At: p.At}
	contra := e
	contra.Account, contra.Amount = p.Contra, -p.Amount
	m.entries = append(m.entries, e, contra)
	m.posted[id] = e
	*a = next
	return nil
}

// Balance implements [Store].
func (m *Memory) Balance(_ context.Context, account string) (Balance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[account]
	if a == nil {
		return Balance{}, fmt.Errorf("balance: %w: %s", ErrNoAccount, account)
	}
	return a.Balance(), nil
}

// Beat implements [Store].
func (m *Memory) Beat(_ context.Context, owner string, at, since time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.holds {
		if r.State == Open && r.Owner == owner && r.Opened.After(since) {
			r.Beat = at
		}
	}
	return nil
}

// Expire implements [Store].
func (m *Memory) Expire(_ context.Context, e Expiry) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, r := range m.holds {
		if r.State != Open || !e.covers(r) {
			continue
		}
		m.accounts[r.Account].Held -= r.Amount
		for _, name := range r.Scopes {
			m.scopes[name].Held -= r.Amount
		}
		r.State, r.Closed = Expired, e.At
		n++
	}
	return n, nil
}

func (e Expiry) covers(r *HoldRow) bool {
	if e.NotOwner != "" {
		return r.Owner != e.NotOwner
	}
	return r.Beat.Before(e.BeatBefore)
}

// Audit implements [Store].
func (m *Memory) Audit(_ context.Context, look func(Snapshot) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return look((*memorySnapshot)(m))
}

type memorySnapshot Memory

func (m *memorySnapshot) Accounts() iter.Seq2[AccountRow, error] { return byKey(m.accounts) }
func (m *memorySnapshot) Scopes() iter.Seq2[ScopeRow, error]     { return byKey(m.scopes) }
func (m *memorySnapshot) Holds() iter.Seq2[HoldRow, error]       { return byKey(m.holds) }

func (m *memorySnapshot) Entries() iter.Seq2[Entry, error] {
	sorted := slices.Clone(m.entries)
	slices.SortFunc(sorted, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Account, b.Account))
	})
	return func(yield func(Entry, error) bool) {
		for _, e := range sorted {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func byKey[T any](rows map[string]*T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, k := range slices.Sorted(maps.Keys(rows)) {
			if !yield(*rows[k], nil) {
				return
			}
		}
	}
}
