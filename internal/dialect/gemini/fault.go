package gemini

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// status is google.rpc.Status, the `error` of an error body.
type status struct {
	Code    jsontext.Value   `json:"code"`
	Message string           `json:"message"`
	Status  string           `json:"status"`
	Details []jsontext.Value `json:"details"`
}

// detail is the members we read of ErrorInfo, RetryInfo and QuotaFailure.
type detail struct {
	Reason     string `json:"reason"`
	RetryDelay string `json:"retryDelay"` // "34.4s"
	Violations []struct {
		QuotaID string `json:"quotaId"`
	} `json:"violations"`
}

// Error reads an answer whose status is not 2xx. A body that is no error of
// Google's is judged by the status alone (F22).
func (upstream) Error(code int, h http.Header, body []byte) *llm.Error {
	if jsontext.Value(body).Kind() == '[' {
		body = first(body) // a streaming call answers with a list of one
	}
	var envelope struct {
		Error jsontext.Value `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		envelope.Error = nil
	}
	return dialect.Regional(faultOf(code, h, envelope.Error), code, body)
}

// first is the first element of a list, or the text itself.
func first(list jsontext.Value) jsontext.Value {
	var elements []jsontext.Value
	if json.Unmarshal(list, &elements) != nil || len(elements) == 0 {
		return list
	}
	return elements[0]
}

func nonsense(err error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer was not readable", Err: err}
}

func refused(reason string) *llm.Error {
	return &llm.Error{
		Type: llm.TypeContentPolicy, Fault: llm.FaultRefused, ProviderCode: reason,
		Message: dialect.Explain(llm.FaultRefused),
	}
}

// faultOf classifies an error. Its own status says more than that of the HTTP
// answer, which is 0 where the error came inside a 200 (F41, F42).
func faultOf(code int, h http.Header, raw jsontext.Value) *llm.Error {
	var s status
	if len(raw) > 0 && json.Unmarshal(raw, &s) != nil {
		s = status{}
	}
	if n, err := strconv.Atoi(string(s.Code)); err == nil && code == 0 {
		code = n
	}
	code = cmp.Or(httpStatus(s.Status), code)

	e := &llm.Error{ProviderCode: s.Status}
	e.Type, e.Fault = dialect.Classify(code)
	details := readDetails(s.Details)
	switch code {
	case http.StatusBadRequest:
		e.Type, e.Fault = badRequest(&s, details)
	case http.StatusTooManyRequests:
		if exhausted(&s, details) {
			e.Type, e.Fault = llm.TypeUnavailable, llm.FaultCredential
		}
	}
	for _, d := range details {
		if e.RetryAfter == 0 && d.RetryDelay != "" {
			seconds := strings.TrimSuffix(d.RetryDelay, "s")
			e.RetryAfter = dialect.RetryAfter(http.Header{"Retry-After": {seconds}}, time.Time{})
		}
	}
	if e.RetryAfter == 0 {
		e.RetryAfter = dialect.RetryAfter(h, time.Time{})
	}

	e.Message = dialect.Explain(e.Fault)
	e.Err = fmt.Errorf("status %d, code %q", code, e.ProviderCode) // their words may quote a prompt or a key (F22)
	said := dialect.Quote(s.Message)
	caused := code == http.StatusBadRequest && (e.Fault == llm.FaultCaller || e.Fault == llm.FaultUnsuited)
	if caused && said != "" && !strings.Contains(said, "api_key") { // Google names the key it refuses
		e.Message = said
	}
	return e
}

func readDetails(raw []jsontext.Value) []detail {
	var details []detail
	for _, v := range raw {
		var d detail
		if json.Unmarshal(v, &d) == nil {
			details = append(details, d)
		}
	}
	return details
}

// badRequest tells apart what all comes as a 400: a key that is refused, a place
// that is not served, a prompt too long, and what only this endpoint cannot do.
func badRequest(s *status, details []detail) (llm.Type, llm.Fault) {
	says := phrases(s.Message)
	for _, d := range details {
		if strings.HasPrefix(d.Reason, "API_KEY_") {
			return llm.TypeUnavailable, llm.FaultCredential
		}
	}
	switch {
	case says("api key not valid", "api key expired", "api key not found",
		"location is not supported", "not available in your country", "enable billing"):
		return llm.TypeUnavailable, llm.FaultCredential
	case says("maximum number of tokens", "maximum number of input tokens", "input is too long", "maximum context length"):
		return llm.TypeContextLength, llm.FaultCaller
	case says("payload size exceeds"):
		return llm.TypePayloadTooLarge, llm.FaultUnsuited
	case says("safety settings", "content policy", "prohibited use policy"):
		return llm.TypeContentPolicy, llm.FaultRefused
	case s.Status == "FAILED_PRECONDITION",
		says("not supported", "unsupported", "is not enabled", "only enabled when", "does not support", "unknown name",
			"missing a thought_signature", "cannot fetch content"):
		return llm.TypeInvalidRequest, llm.FaultUnsuited
	default:
		return llm.TypeInvalidRequest, llm.FaultCaller
	}
}

// exhausted reports whether a 429 is about a quota that waiting a minute does not
// refill: the day's, or the money's.
func exhausted(s *status, details []detail) bool {
	for _, d := range details {
		for _, v := range d.Violations {
			if strings.Contains(v.QuotaID, "PerDay") {
				return true
			}
		}
	}
	return phrases(s.Message)("spending cap", "credits are depleted")
}

func phrases(message string) func(fragments ...string) bool {
	message = strings.ToLower(message)
	return func(fragments ...string) bool {
		for _, p := range fragments {
			if strings.Contains(message, p) {
				return true
			}
		}
		return false
	}
}

// httpStatus is the HTTP status of a google.rpc.Code, 0 for a name it has not.
func httpStatus(code string) int {
	switch code {
	case "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE":
		return http.StatusBadRequest
	case "UNAUTHENTICATED":
		return http.StatusUnauthorized
	case "PERMISSION_DENIED":
		return http.StatusForbidden
	case "NOT_FOUND":
		return http.StatusNotFound
	case "RESOURCE_EXHAUSTED":
		return http.StatusTooManyRequests
	case "CANCELLED", "UNKNOWN", "INTERNAL", "DATA_LOSS", "ABORTED", "ALREADY_EXISTS":
		return http.StatusInternalServerError
	case "UNIMPLEMENTED":
		return http.StatusNotImplemented
	case "UNAVAILABLE":
		return http.StatusServiceUnavailable
	case "DEADLINE_EXCEEDED":
		return http.StatusGatewayTimeout
	default:
		return 0
	}
}
