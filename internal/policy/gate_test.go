package policy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// What a key's own limit comes to, in each window (RL-05).
func TestCheckSpending(t *testing.T) {
	t.Parallel()
	limit := 5 * money.USD
	none := money.Nano(0)
	newYear := time.Date(2027, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)) // in UTC still Thursday, 31 December
	key := func(scope string, most money.Nano, reset identity.Reset) []policy.Spending {
		return []policy.Spending{{Limit: ledger.Limit{Scope: scope, Max: most}, Source: policy.OfKeyLimit, Reset: reset}}
	}
	for name, c := range map[string]struct {
		who  identity.Principal
		want []policy.Spending
	}{
		"none":                        {identity.Principal{KeyHash: "h"}, nil},
		"for ever":                    {identity.Principal{KeyHash: "h", Limit: &limit}, key("key:h", limit, "")},
		"a limit of nothing is a one": {identity.Principal{KeyHash: "h", Limit: &none}, key("key:h", 0, "")},
		"by the day, UTC":             {identity.Principal{KeyHash: "h", Limit: &limit, LimitReset: identity.Daily}, key("key:h@2026-12-31", limit, identity.Daily)},
		"by the week":                 {identity.Principal{KeyHash: "h", Limit: &limit, LimitReset: identity.Weekly}, key("key:h@2026-W53", limit, identity.Weekly)},
		"by the month":                {identity.Principal{KeyHash: "h", Limit: &limit, LimitReset: identity.Monthly}, key("key:h@2026-12", limit, identity.Monthly)},
	} {
		l, err := (*policy.Gate)(nil).Check(t.Context(), c.who, &llm.Request{}, newYear)
		if d := cmp.Diff(policy.Limits{Spend: c.want}, l, cmp.AllowUnexported(policy.Limits{})); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}

// AU-03: also where nobody checked before.
func TestManagementKeysDoNotInfer(t *testing.T) {
	t.Parallel()
	_, err := new(policy.Gate).Check(t.Context(), identity.Principal{Management: true}, &llm.Request{}, noon)
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypePermissionDenied || e.Fault != llm.FaultCaller {
		t.Errorf("%v", err)
	}
}

func house() *policy.House {
	class := func(name string, terms policy.Terms) policy.Class { return policy.Class{Name: name, Terms: terms} }
	return &policy.House{
		Version: "h1", Terms: policy.Terms{NoTraining: policy.Both}, Default: "internal",
		Classes: []policy.Class{class("public", policy.Terms{}), class("internal", policy.Terms{NoPublication: policy.Both}), class("phi", policy.Terms{ZDR: policy.AllGroups})},
	}
}

// The levels of a request, from the broadest to the narrowest, and its data class: the
// highest that anybody names.
func TestCheckLevels(t *testing.T) {
	t.Parallel()
	eu := policy.Level{Kind: policy.Account, Terms: policy.Terms{Regions: []string{"eu"}}}
	for name, c := range map[string]struct {
		rules   policy.Rules
		req     llm.Request
		class   string
		levels  []policy.Kind
		version string
	}{
		"nothing said":         {policy.Rules{}, llm.Request{}, "internal", []policy.Kind{policy.Operator, policy.DataClass}, "h1"},
		"all":                  {policy.Rules{Levels: []policy.Level{eu}, Version: "7"}, llm.Request{Routing: llm.Routing{ZDR: true}}, "internal", []policy.Kind{policy.Operator, policy.Account, policy.DataClass, policy.Request}, "h1+a7"},
		"a floor":              {policy.Rules{Classes: []string{"public", "phi"}}, llm.Request{}, "phi", []policy.Kind{policy.Operator, policy.DataClass, policy.DataClass}, "h1"},
		"the request raises":   {policy.Rules{Classes: []string{"public"}}, llm.Request{DataClass: "phi"}, "phi", []policy.Kind{policy.Operator, policy.DataClass, policy.DataClass}, "h1"},
		"and does not lower":   {policy.Rules{Classes: []string{"phi"}}, llm.Request{DataClass: "public"}, "phi", []policy.Kind{policy.Operator, policy.DataClass, policy.DataClass}, "h1"},
		"nor does the floor":   {policy.Rules{Classes: []string{"public"}}, llm.Request{FoundClass: "phi"}, "phi", []policy.Kind{policy.Operator, policy.DataClass, policy.DataClass}, "h1"},
		"no terms, no level":   {policy.Rules{Classes: []string{"public"}}, llm.Request{}, "public", []policy.Kind{policy.Operator}, "h1"},
		"the request's region": {policy.Rules{}, llm.Request{DataRegions: []string{"eu"}}, "internal", []policy.Kind{policy.Operator, policy.DataClass, policy.Request}, "h1"},
	} {
		g := policy.Gate{
			House: func() (*policy.House, error) { return house(), nil },
			Rules: func(context.Context, identity.Principal, time.Time) (policy.Rules, error) { return c.rules, nil },
		}
		l, err := g.Check(t.Context(), identity.Principal{}, &c.req, noon)
		var levels []policy.Kind
		for _, x := range l.Levels {
			levels = append(levels, x.Kind)
		}
		if d := cmp.Diff(c.levels, levels); err != nil || d != "" || l.Class != c.class || l.Version != c.version {
			t.Errorf("%s: %v, class %q, version %q %s", name, err, l.Class, l.Version, d)
		}
	}
}

// A class that is not there: a caller's is the caller's mistake, a floor's is nobody's
// but the operator's, and in no case is anything sent.
func TestUnknownClasses(t *testing.T) {
	t.Parallel()
	g := policy.Gate{
		House: func() (*policy.House, error) { return house(), nil },
		Rules: func(_ context.Context, who identity.Principal, _ time.Time) (policy.Rules, error) {
			return policy.Rules{Classes: []string{who.KeyName}}, nil
		},
	}
	for _, c := range []struct {
		floor, asked string
		fault        llm.Fault
	}{{"public", "secret", llm.FaultCaller}, {"gone", "", llm.FaultOurs}, {"gone", "phi", llm.FaultOurs}} {
		_, err := g.Check(t.Context(), identity.Principal{KeyName: c.floor}, &llm.Request{DataClass: c.asked}, noon)
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != c.fault {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := new(policy.Gate).Check(t.Context(), identity.Principal{}, &llm.Request{DataClass: "phi"}, noon); err == nil {
		t.Error("without a policy there are no classes")
	}
}

// F98: a store that is away refuses nobody, and lets nobody through.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for name, g := range map[string]*policy.Gate{
		"rules": {Rules: func(context.Context, identity.Principal, time.Time) (policy.Rules, error) {
			return policy.Rules{}, away
		}},
		"house": {House: func() (*policy.House, error) { return nil, away }},
	} {
		_, err := g.Check(t.Context(), identity.Principal{}, &llm.Request{}, noon)
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Type.Status() != 503 || e.Fault != llm.FaultOurs || e.RetryAfter == 0 || !errors.Is(err, away) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RT-26: what the workspace prefers holds where the request says nothing.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ r, want llm.Routing }{
		{llm.Routing{}, llm.Routing{Sort: llm.SortPrice}},
		{llm.Routing{Sort: llm.SortLatency}, llm.Routing{Sort: llm.SortLatency}},
		{llm.Routing{Order: []string{"a"}}, llm.Routing{Order: []string{"a"}}},
	} {
		l := policy.Limits{Sort: llm.SortPrice}
		if l.Default(&c.r); !cmp.Equal(c.r, c.want) {
			t.Errorf("%+v, want %+v", c.r, c.want)
		}
	}
}
