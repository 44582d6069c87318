package gateway_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// auditor takes what is refused.
type auditor struct {
	mu     sync.Mutex
	events []trail.Event
}

func (a *auditor) take(e trail.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// What somebody's rule refused is told to the audit log once, with each endpoint and
// whose rule left it out; what failed otherwise is not.
func TestRefusalsAreAudited(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a"
	limit := money.Nano(1)
	bounded, management := alice(), alice()
	bounded.Limit = &limit
	management.Management = true
	zdr := policy.Level{Kind: policy.Account, Terms: policy.Asked(true, false)}
	for name, c := range map[string]struct {
		who    identity.Principal
		body   string
		rules  policy.Rules
		refuse error
		want   *trail.Event
	}{
		"answered": {alice(), request("sim/echo"), policy.Rules{}, nil, nil},
		"of the account": {alice(), request("sim/status-429"), policy.Rules{Levels: []policy.Level{{Kind: policy.Account, Terms: policy.Terms{IgnoredModels: []string{"sim/status-429"}}}}}, nil, &trail.Event{
			Object: "sim/status-429", Error: "not_found", Endpoints: []trail.Exclusion{{Level: "the account's privacy settings"}},
		}},
		"no such model":    {alice(), request("no/such"), policy.Rules{Levels: []policy.Level{zdr}}, nil, nil},
		"a vendor refuses": {alice(), request("sim/status-400"), policy.Rules{}, nil, nil},
		"a management key": {management, request("sim/echo"), policy.Rules{}, nil, &trail.Event{Object: "sim/echo", Error: "permission_denied"}},
		"what a filter found": {alice(), request("sim/echo"), policy.Rules{Filters: [][]filter.Entry{{{Pattern: canary, Action: filter.Block, Label: canary, From: filter.Origin{ID: "g1", Scope: "api_key"}}}}}, nil, &trail.Event{
			Object: "sim/echo", Error: "permission_denied", Endpoints: []trail.Exclusion{{Level: "guardrail g1 (api_key)"}},
		}},
		"what a filter found in the answer": {alice(), request("sim/echo"), policy.Rules{Filters: [][]filter.Entry{{{Pattern: "three four", Action: filter.Block, Scope: filter.Output, From: filter.Origin{ID: "g1", Scope: "api_key"}}}}}, nil, &trail.Event{
			Object: "sim/echo", Endpoints: []trail.Exclusion{{Level: "guardrail g1 (api_key)"}},
		}},
		"a spent limit": {bounded, request("sim/echo"), policy.Rules{}, nil, &trail.Event{
			Object: "sim/echo", Error: "payment_required", Endpoints: []trail.Exclusion{{Level: "the key's own limit"}},
		}},
		"a budget that is spent": {alice(), request("sim/echo"), policy.Rules{Spend: []policy.Spending{{Limit: ledger.Limit{Scope: "g1", Max: 1}, Source: policy.OfKey, ID: "g1"}}}, nil, &trail.Event{
			Object: "sim/echo", Error: "permission_denied", Endpoints: []trail.Exclusion{{Level: "guardrail g1"}},
		}},
		"the store is away": {alice(), request("sim/echo"), policy.Rules{}, errors.New("away"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, money.USD)
			a := &auditor{}
			r.Refused = a.take
			r.Gate = &policy.Gate{Rules: func(context.Context, identity.Principal, time.Time) (policy.Rules, error) { return c.rules, c.refuse }}
			body := strings.Replace(c.body, `"messages":[`, `"messages":[{"role":"user","content":"`+canary+`"},`, 1)
			got := r.runAs(t, c.who, body)
			a.mu.Lock()
			defer a.mu.Unlock()
			if c.want == nil {
				if len(a.events) != 0 {
					t.Errorf("%+v", a.events)
				}
				return
			}
			if len(a.events) != 1 || (got == nil) != (c.want.Error == "") {
				t.Fatalf("%d events for %v", len(a.events), got)
			}
			e := a.events[0]
			if e.At.IsZero() || e.RequestID == "" || e.Account != c.who.Account || e.By.Actor.Kind != trail.ByKey || e.By.Actor.Key != c.who.KeyHash {
				t.Errorf("%+v", e)
			}
			for i := range e.Endpoints {
				kind, _, _ := strings.Cut(e.Endpoints[i].Rule, ":")
				if (e.Endpoints[i].Endpoint == "") != (kind == "content_filter" || kind == "budget") || kind == "" {
					t.Errorf("%+v", e.Endpoints[i])
				}
			}
			ignore := cmpopts.IgnoreFields(trail.Event{}, "At", "By", "Account", "RequestID", "Code")
			if diff := cmp.Diff(*c.want, e, ignore, cmpopts.IgnoreUnexported(trail.Event{}), cmpopts.IgnoreFields(trail.Exclusion{}, "Endpoint", "Rule")); diff != "" {
				t.Error(diff)
			}
			rec, err := trail.Next(e, trail.Head{}, trail.Head{})
			if err != nil || strings.Contains(string(rec.Text), canary) {
				t.Errorf("%s, %v", rec.Text, err)
			}
		})
	}
}

// runAs is the error in which a request of somebody's ends.
func (r *rig) runAs(t *testing.T, who identity.Principal, body string) error {
	t.Helper()
	c := callers()[0]
	req, err := c.client.Parse([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.ID = "gen-" + t.Name()
	return r.Run(t.Context(), who, req, c.client.NewEmitter(&buffer{}, req), &record.Outcome{})
}
