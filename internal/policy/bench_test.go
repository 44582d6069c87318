package policy_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// What a request pays for an account with a guardrail at each level and budgets.
func BenchmarkRules(b *testing.B) {
	f := directory(b)
	g := policy.Guardrail{Name: "g"}
	g.Limit = new(money.USD)
	g.IgnoredProviders = []string{"a", "b"}
	g, err := f.CreateGuardrail(b.Context(), "alice", g)
	if err != nil {
		b.Fatal(err)
	}
	for kind, subject := range map[string]string{policy.KindKey: "k1", policy.KindMember: "carol"} {
		if _, err := f.Assign(b.Context(), "alice", g.ID, kind, []string{subject}, ""); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := f.SetBudget(b.Context(), "alice", "default", policy.WorkspaceBudget{Reset: identity.Monthly, Limit: money.USD}, nil); err != nil {
		b.Fatal(err)
	}
	at := f.clock.Now()
	for b.Loop() {
		if _, err := f.Rules(b.Context(), who(), at); err != nil {
			b.Fatal(err)
		}
	}
}
