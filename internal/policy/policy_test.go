package policy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	limit := 5 * money.USD
	none := money.Nano(0)
	newYear := time.Date(2027, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)) // in UTC still Thursday, 31 December
	for _, c := range []struct {
		name string
		who  identity.Principal
		req  llm.Routing
		want policy.Limits
	}{
		{"nothing asked, nothing demanded", identity.Principal{}, llm.Routing{}, policy.Limits{}},
		{"what the request asks for holds", identity.Principal{}, llm.Routing{DenyCollection: true, ZDR: true}, policy.Limits{NoTraining: true, ZDR: true}},
		{"a limit for ever", identity.Principal{KeyHash: "h", Limit: &limit}, llm.Routing{}, policy.Limits{Spend: []ledger.Limit{{Scope: "key:h", Max: limit}}}},
		{"a limit of nothing is a limit", identity.Principal{KeyHash: "h", Limit: &none}, llm.Routing{}, policy.Limits{Spend: []ledger.Limit{{Scope: "key:h"}}}},
		{"by the day, UTC (RL-05)", identity.Principal{KeyHash: "h", Limit: &limit, LimitReset: identity.Daily}, llm.Routing{}, policy.Limits{Spend: []ledger.Limit{{Scope: "key:h@2026-12-31", Max: limit}}}},
		{"by the week", identity.Principal{KeyHash: "h", Limit: &limit, LimitReset: identity.Weekly}, llm.Routing{}, policy.Limits{Spend: []ledger.Limit{{Scope: "key:h@2026-W53", Max: limit}}}},
		{"by the month", identity.Principal{KeyHash: "h", Limit: &limit, LimitReset: identity.Monthly}, llm.Routing{}, policy.Limits{Spend: []ledger.Limit{{Scope: "key:h@2026-12", Max: limit}}}},
	} {
		got, err := policy.Check(c.who, &llm.Request{Routing: c.req}, newYear)
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", c.name, err, d)
		}
	}
}

// AU-03: also where nobody checked before.
func TestManagementKeysDoNotInfer(t *testing.T) {
	t.Parallel()
	_, err := policy.Check(identity.Principal{Management: true}, &llm.Request{}, time.Time{})
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypePermissionDenied || e.Fault != llm.FaultCaller {
		t.Errorf("%v", err)
	}
}

// DP-02, DP-04: every demand against every policy; what is unknown is the worst.
func TestRefuses(t *testing.T) {
	t.Parallel()
	policies := map[string]catalog.DataPolicy{
		"keeps nothing": {ZDR: true, Known: true}, "keeps": {Retains: true, RetentionDays: 30, Known: true},
		"trains": {Training: true, Known: true}, "neither, without a promise": {Known: true}, "unknown": catalog.Unknown(),
	}
	for _, c := range []struct {
		limits policy.Limits
		want   map[string]string
	}{
		{policy.Limits{}, map[string]string{}},
		{policy.Limits{NoTraining: true}, map[string]string{"keeps": policy.RuleTraining, "trains": policy.RuleTraining, "unknown": policy.RuleTraining}},
		{policy.Limits{ZDR: true}, map[string]string{
			"keeps": policy.RuleZDR, "trains": policy.RuleZDR, "neither, without a promise": policy.RuleZDR, "unknown": policy.RuleZDR,
		}},
		{policy.Limits{ZDR: true, NoTraining: true}, map[string]string{
			"keeps": policy.RuleZDR, "trains": policy.RuleZDR, "neither, without a promise": policy.RuleZDR, "unknown": policy.RuleZDR,
		}},
	} {
		for name, p := range policies {
			if got := c.limits.Refuses(&p); got != c.want[name] {
				t.Errorf("%+v against %s: %q, want %q", c.limits, name, got, c.want[name])
			}
		}
	}
	trainsButZDR := catalog.DataPolicy{ZDR: true, Training: true, Known: true}
	both := policy.Limits{ZDR: true, NoTraining: true}
	if got := both.Refuses(&trainsButZDR); got != policy.RuleTraining {
		t.Errorf("each demand is checked for itself: %q", got)
	}
}
