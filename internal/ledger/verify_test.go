package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Each planted fault is found under the invariant it breaks, by its row.
func TestVerifyFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		plant     func(*Memory)
		invariant string
		row       string
	}{
		{"clean", func(*Memory) {}, "", ""},
		{"entry changed", func(m *Memory) { m.entries[len(m.entries)-1].Amount++ }, "I2", "transaction settle paid"},
		{"entry of zero", func(m *Memory) {
			m.entries = append(m.entries, Entry{Kind: KindTopUp, Ref: "start", Account: OverageLoss})
		}, "I2", "transaction topup start"},
		{"posted raised", func(m *Memory) { m.accounts["customer:a"].Posted++ }, "I3", "account customer:a"},
		{"held lowered", func(m *Memory) { m.accounts["customer:a"].Held-- }, "I3", "account customer:a"},
		{"credits raised", func(m *Memory) { m.accounts["customer:a"].Credits++ }, "I3", "account customer:a"},
		{"account lost", func(m *Memory) { delete(m.accounts, "customer:a") }, "I3", "account customer:a"},
		{"overdraft", func(m *Memory) {
			m.accounts["customer:a"].Held += 1000
			m.holds["open"].Amount += 1000
			m.scopes["key:a"].Held += 1000
			m.scopes["key:a"].Max += 1000
		}, "I4", "account customer:a"},
		{"voided but charged", func(m *Memory) { m.holds["paid"].State = Voided }, "I5", "hold paid"},
		{"unknown state", func(m *Memory) { m.holds["open"].State = "lost" }, "I5", "hold open"},
		{"closed without a time", func(m *Memory) { m.holds["paid"].Closed = time.Time{} }, "I5", "hold paid"},
		{"hold lost", func(m *Memory) { delete(m.holds, "paid") }, "I6", "settlement paid"},
		{"wrong payer", func(m *Memory) {
			for i := range m.entries {
				if e := &m.entries[i]; e.Ref == "paid" && e.Account == "customer:a" {
					e.Account = "customer:b"
				}
			}
		}, "I6", "hold paid"},
		{"settlement lost", func(m *Memory) {
			m.entries = slices.DeleteFunc(m.entries, func(e Entry) bool { return e.Ref == "paid" })
		}, "I6", "hold paid"},
		{"captured too much", func(m *Memory) { m.holds["over"].Captured = 99 }, "I8", "hold over"},
		{"scope undercounted", func(m *Memory) { m.scopes["key:a"].Spent-- }, "I19", "scope key:a"},
		{"scope over its limit", func(m *Memory) { m.scopes["key:a"].Max = 1 }, "I19", "scope key:a"},
		{"scope lost", func(m *Memory) { delete(m.scopes, "key:a") }, "I19", "scope key:a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := NewMemory()
			l := New(m, func() time.Time { return time.Unix(1_800_000_000, 0) }, "one")
			fill(t, l)
			c.plant(m)
			_, err := l.Verify(t.Context())
			if c.invariant == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !violates(err, c.invariant, c.row) {
				t.Fatalf("want %s at %s, got %v", c.invariant, c.row, err)
			}
		})
	}
}

func fill(t *testing.T, l *Ledger) {
	t.Helper()
	err := errors.Join(
		l.Open(t.Context(), "customer:a"),
		l.Open(t.Context(), "customer:b"),
		l.TopUp(t.Context(), "customer:a", "start", 100),
	)
	for _, h := range []struct {
		ref  string
		cost money.Nano
	}{{"open", -1}, {"over", 12}, {"paid", 8}, {"void", 0}} {
		hold, e := l.Reserve(t.Context(), "customer:a", h.ref, 10, Limit{Scope: "key:a", Max: 60})
		err = errors.Join(err, e)
		if h.cost >= 0 {
			err = errors.Join(err, l.Settle(t.Context(), hold, h.cost))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func violates(err error, invariant, row string) bool {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	return slices.ContainsFunc(joined.Unwrap(), func(e error) bool {
		v, ok := errors.AsType[*Violation](e)
		return ok && v.Invariant == invariant && v.Row == row
	})
}
