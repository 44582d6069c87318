package dialect_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestComplaint(t *testing.T) {
	t.Parallel()
	lexicon := dialect.Lexicon{
		Code: func(code string) (llm.Type, llm.Fault, bool) {
			return llm.TypeContentPolicy, llm.FaultRefused, code == "odd_policy"
		},
		InBand: func(code string) (llm.Type, llm.Fault, bool) {
			if code == "odd_request" {
				return llm.TypeInvalidRequest, llm.FaultCaller, true
			}
			return llm.TypeOverloaded, llm.FaultOverloaded, code == "odd_load"
		},
		Refused:  []string{"odd words"},
		Unsuited: []string{"odd member"},
	}
	type c = dialect.Complaint
	for _, x := range []struct {
		name    string
		in      c
		typ     llm.Type
		fault   llm.Fault
		message string
		code    string
	}{
		{"a status alone", c{Status: 503}, llm.TypeOverloaded, llm.FaultOverloaded, "The provider is overloaded", "503"},
		{"nothing", c{}, llm.TypeUnavailable, llm.FaultUpstream, "The provider failed", ""},
		{"a code that is a status", c{Code: "429", Message: "slow"}, llm.TypeRateLimit, llm.FaultBusy, "The provider is limiting the rate of requests", "429"},
		{"a code is no status where there is one", c{Status: 400, Code: "429", Message: "no"}, llm.TypeInvalidRequest, llm.FaultCaller, "no", "429"},
		{"codes have any case", c{Status: 404, Code: "DeploymentNotFound"}, llm.TypeNotFound, llm.FaultMissing, "The provider does not have this model", "DeploymentNotFound"},
		{"the inner code says why", c{Status: 400, Inner: "ResponsibleAIPolicyViolation", Code: "unsupported_value", Message: "no"}, llm.TypeContentPolicy, llm.FaultRefused, "no", "unsupported_value"},
		{"a dialect's own code", c{Status: 500, Type: "odd_policy", Message: "no"}, llm.TypeContentPolicy, llm.FaultRefused, "no", "odd_policy"},
		{"in band", c{Type: "rate_limit_error"}, llm.TypeRateLimit, llm.FaultBusy, "The provider is limiting the rate of requests", "rate_limit_error"},
		{"a dialect's own, in band", c{Status: 200, Code: "odd_load"}, llm.TypeOverloaded, llm.FaultOverloaded, "The provider is overloaded", "odd_load"},
		{"in band is not where there is a status", c{Status: 500, Code: "odd_load"}, llm.TypeUnavailable, llm.FaultUpstream, "The provider failed", "odd_load"},
		{"words, in band", c{Type: "odd_request", Message: "Maximum context is 5"}, llm.TypeContextLength, llm.FaultCaller, "Maximum context is 5", "odd_request"},
		{"words of a 400", c{Status: 400, Message: "ODD words"}, llm.TypeContentPolicy, llm.FaultRefused, "ODD words", "400"},
		{"words of a 413", c{Status: 413, Message: "an odd member"}, llm.TypeInvalidRequest, llm.FaultUnsuited, "an odd member", "413"},
		{"words of a 500 are not asked", c{Status: 500, Message: "odd words"}, llm.TypeUnavailable, llm.FaultUpstream, "The provider failed", "500"},
		{"a quota that waiting does not refill", c{Status: 429, Message: "You exceeded your current quota"}, llm.TypeUnavailable, llm.FaultCredential, "The provider refused our access", "429"},
		{"a refused key", c{Status: 400, Message: "Incorrect API key sk-1"}, llm.TypeUnavailable, llm.FaultCredential, "The provider refused our access", "400"},
	} {
		e := x.in.Judge(lexicon)
		if e.Type != x.typ || e.Fault != x.fault || e.Message != x.message || e.ProviderCode != x.code {
			t.Errorf("%s: got %s, fault %d, %q, code %q", x.name, e.Type, e.Fault, e.Message, e.ProviderCode)
		}
		if x.fault == llm.FaultCredential && x.in.Message != "" && e.Err.Error() == x.in.Message { // it may tell a part of the key
			t.Errorf("%s: the cause is %v", x.name, e.Err)
		}
	}
}
