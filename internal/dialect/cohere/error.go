package cohere

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Statuses that are Cohere's alone.
const (
	statusBadToken  = 498
	statusCancelled = 499
)

func messageOf(body []byte) string {
	var e struct {
		Message jsontext.Value `json:"message"`
	}
	var s string
	if json.Unmarshal(body, &e) != nil || json.Unmarshal(e.Message, &s) != nil {
		return ""
	}
	return s
}

// classify judges a failure by its status and, where the vendor gives them away by
// nothing else, its words.
func classify(status int, message string) *llm.Error {
	e := &llm.Error{ProviderCode: strconv.Itoa(status)}
	e.Type, e.Fault = dialect.Classify(status)
	said := strings.ToLower(message)
	switch {
	case status == statusBadToken:
		e.Type, e.Fault = llm.TypeUnavailable, llm.FaultCredential
	case status == statusCancelled:
		e.Type, e.Fault = llm.TypeUnavailable, llm.FaultUpstream
	case e.Fault == llm.FaultBusy && dialect.Says(said, "trial key", "monthly", "billing", "payment method"):
		e.Type, e.Fault = llm.TypeUnavailable, llm.FaultCredential // F13: not a matter of waiting a little
	case e.Fault != llm.FaultCaller:
	case dialect.Says(said, "too many tokens", "context length", "maximum context"):
		e.Type = llm.TypeContextLength
	case dialect.Says(said, "content policy", "blocked by", "toxic"):
		e.Type, e.Fault = llm.TypeContentPolicy, llm.FaultRefused
	case dialect.Says(said, "does not support", "not supported", "is not compatible"):
		e.Fault = llm.FaultUnsuited
	}
	e.Message = dialect.Explain(e.Fault)
	if e.Fault == llm.FaultCaller || e.Fault == llm.FaultUnsuited && status != http.StatusRequestEntityTooLarge {
		if quote := dialect.Quote(message); quote != "" {
			e.Message = quote
		}
	}
	return e
}

// retryAfter has no clock: a date counts from the answer's own.
func retryAfter(h http.Header) time.Duration { return dialect.RetryAfter(h, time.Time{}) }

// malformed is nonsense from upstream (F35).
func malformed(err error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer is malformed", Err: err}
}
