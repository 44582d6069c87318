package gateway

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// What of an error goes to the audit log: whose rules, and which endpoints, but nothing
// that the error says of the request.
func TestWhatTheAuditLogIsTold(t *testing.T) {
	t.Parallel()
	barred := func(err error) *llm.Error {
		return &llm.Error{Type: llm.TypePermissionDenied, Fault: llm.FaultBarred, Message: "canary", Err: err}
	}
	for name, c := range map[string]struct {
		err  error
		want []trail.Exclusion // nil: it is not told
		code string
	}{
		"a filter": {barred(&filter.BlockedError{By: []filter.Found{
			{Entry: filter.Entry{Slug: filter.Email, From: filter.Origin{ID: "g1", Scope: "workspace"}}, Count: 3},
			{Entry: filter.Entry{Pattern: "canary", Label: "canary"}},
		}}), []trail.Exclusion{{Rule: "content_filter:email", Level: "guardrail g1 (workspace)"}, {Rule: "content_filter:custom", Level: "the operator's policy"}}, ""},
		"a document":            {barred(&policy.FoundError{Class: "secret"}), []trail.Exclusion{{Rule: "data_class:secret", Level: "the operator's policy"}}, ""},
		"too much for a filter": {barred(errors.New("x")), []trail.Exclusion{}, ""},
		"privacy": {&llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Availability: &llm.Availability{
			Code: "privacy_restricted", LeftOut: []llm.LeftOut{{Endpoint: "a@b", Rule: "data_policy:zdr", By: "the request", Admits: "x", ChangedBy: "y"}},
		}}, []trail.Exclusion{{Endpoint: "a@b", Rule: "data_policy:zdr", Level: "the request"}}, "privacy_restricted"},
		"a rule among others": {&llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Availability: &llm.Availability{
			Code: "no_endpoints", LeftOut: []llm.LeftOut{{Endpoint: "a@b", Rule: "credential"}, {Endpoint: "a@c", Rule: "guardrail", By: "guardrail X of the key"}},
		}}, []trail.Exclusion{{Endpoint: "a@b", Rule: "credential"}, {Endpoint: "a@c", Rule: "guardrail", Level: "guardrail X of the key"}}, "no_endpoints"},
		"nobody's rule": {&llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Availability: &llm.Availability{
			Code: "no_endpoints", LeftOut: []llm.LeftOut{{Endpoint: "a@b", Rule: "credential"}},
		}}, nil, ""},
		"a limit":             {&llm.Error{Type: llm.TypePaymentRequired, Fault: llm.FaultCaller, Err: &ledger.Insufficient{Scope: "key:x"}}, []trail.Exclusion{}, ""},
		"no money":            {&llm.Error{Type: llm.TypePaymentRequired, Fault: llm.FaultCaller, Err: &ledger.Insufficient{}}, nil, ""},
		"a vendor's no":       {&llm.Error{Type: llm.TypeContentPolicy, Fault: llm.FaultRefused, ProviderName: "OpenAI"}, nil, ""},
		"the store is away":   {&llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOurs}, nil, ""},
		"not even an error":   {nil, nil, ""},
		"nothing to be told":  {errors.New("canary"), nil, ""},
		"a mistake of theirs": {llm.Bad("canary"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []trail.Event
			g := &Gateway{Now: func() time.Time { return time.Unix(7, 0) }, Refused: func(e trail.Event) { got = append(got, e) }}
			g.refused(identity.Principal{Account: "acme", KeyHash: "h", KeyLabel: "l"}, &policy.Limits{Class: "phi", Version: "v1"}, &record.Outcome{ID: "gen-1", Requested: "a/b"}, &c.err)
			if c.want == nil {
				if len(got) != 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			e, _ := errors.AsType[*llm.Error](c.err)
			want := trail.Event{
				At: time.Unix(7, 0), Account: "acme", By: trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: "h", Label: "l"}},
				RequestID: "gen-1", Object: "a/b", Class: "phi", Policy: "v1", Error: string(e.Type), Code: c.code, Endpoints: c.want,
			}
			if diff := cmp.Diff([]trail.Event{want}, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(trail.Event{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
