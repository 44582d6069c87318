package messages

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// readFailure reads what it can of an error body; all of it may be missing. Google
// puts the envelope into a list, AWS has none.
func readFailure(body []byte) failure {
	if body = bytes.TrimSpace(body); jsontext.Value(body).Kind() == '[' {
		var list []jsontext.Value
		if json.Unmarshal(body, &list) != nil || len(list) == 0 {
			return failure{}
		}
		body = list[0]
	}
	var envelope struct {
		Error   jsontext.Value `json:"error"`
		Message string         `json:"message"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return failure{}
	}
	if absent(envelope.Error) {
		return failure{Message: envelope.Message}
	}
	return failureOf(envelope.Error)
}

func failureOf(raw jsontext.Value) (f failure) {
	if json.Unmarshal(raw, &f) != nil {
		f = failure{}
		_ = json.Unmarshal(raw, &f.Message) // some vendors say it in a string
	}
	if f.Type == "" {
		f.Type = f.Status
	}
	return f
}

// excepted is a failure that AWS's framing tells of, within a stream.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html
func excepted(frame wire.Frame) *llm.Error {
	f := failure{Type: frame.Event}
	var v struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(frame.Data, &v) == nil {
		f.Message = v.Message
	}
	status := http.StatusInternalServerError
	switch frame.Event {
	case "validationException":
		status = http.StatusBadRequest
	case "throttlingException":
		status = http.StatusTooManyRequests
	case "modelTimeoutException":
		status = http.StatusGatewayTimeout
	case "serviceUnavailableException":
		status = http.StatusServiceUnavailable
	}
	return classify(status, f)
}

// statusOf is the HTTP status that an error type stands for where none was sent:
// in a stream and in a 200. https://platform.claude.com/docs/en/api/errors
func statusOf(typ string) int {
	switch typ {
	case "invalid_request_error":
		return http.StatusBadRequest
	case "authentication_error":
		return http.StatusUnauthorized
	case "billing_error":
		return http.StatusPaymentRequired
	case "permission_error":
		return http.StatusForbidden
	case "not_found_error":
		return http.StatusNotFound
	case "request_too_large":
		return http.StatusRequestEntityTooLarge
	case "rate_limit_error":
		return http.StatusTooManyRequests
	case "timeout_error":
		return http.StatusGatewayTimeout
	case "overloaded_error":
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// classify judges a failure by its status, its type and, where the API gives
// them away by nothing else, its words.
func classify(status int, f failure) *llm.Error {
	e := &llm.Error{ProviderCode: f.Type}
	if e.ProviderCode == "" {
		e.ProviderCode = strconv.Itoa(status)
	}
	e.Type, e.Fault = dialect.Classify(status)
	if e.Fault == llm.FaultUpstream && f.Type != "" {
		// A proxy in between may change the status, not the body.
		if t, fault := dialect.Classify(statusOf(f.Type)); fault == llm.FaultBusy || fault == llm.FaultOverloaded {
			e.Type, e.Fault = t, fault
		}
	}
	said := strings.ToLower(f.Message)
	switch {
	case f.Type == "billing_error",
		e.Fault == llm.FaultBusy && spent(said),
		e.Fault == llm.FaultCaller && strings.HasPrefix(said, "you") && spent(said):
		e.Type, e.Fault = llm.TypeUnavailable, llm.FaultCredential
	case filtered(said):
		e.Type, e.Fault = llm.TypeContentPolicy, llm.FaultRefused
	case e.Fault == llm.FaultCaller && tooLong(said):
		e.Type = llm.TypeContextLength
	case e.Fault == llm.FaultCaller && unsuited(said):
		e.Fault = llm.FaultUnsuited
	}
	e.Message = dialect.Explain(e.Fault)
	if e.Fault == llm.FaultCaller || (e.Fault == llm.FaultUnsuited && status != http.StatusRequestEntityTooLarge) {
		if quote := dialect.Quote(f.Message); quote != "" {
			e.Message = quote
		}
	}
	return e
}

// spent recognises exhausted credit and spend caps: the API dresses them as 400
// invalid_request_error or 429 rate_limit_error (F13, F19). A 400 that finds
// fault with the request begins with the place of it and may repeat the caller's
// words, which must not park our credential: those of an account begin with
// "You" or "Your".
func spent(said string) bool {
	return dialect.Says(said, "credit balance", "usage limits", "spend limit", "spending limit", "spend cap", "out of extra usage", "exceeded your current quota")
}

func filtered(said string) bool {
	return dialect.Says(said, "content filtering policy", "violate our usage policy", "violates our usage policy")
}

func tooLong(said string) bool {
	return dialect.Says(said, "prompt is too long", "exceed context limit", "exceeds the context", "context window", "input is too long")
}

// unsuited recognises what this model or endpoint refuses and another may take
// (F17).
func unsuited(said string) bool {
	return dialect.Says(said, "extra inputs are not permitted", "not supported", "does not support", "is deprecated for this model", "maximum allowed number of output tokens")
}

// retryAfter has no clock: a date counts from the answer's own.
func retryAfter(h http.Header) time.Duration { return dialect.RetryAfter(h, time.Time{}) }

// malformed is nonsense from upstream (F35).
func malformed(err error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer is malformed", Err: err}
}
