package dialect

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Complaint is an error in the words of OpenAI's APIs and of those who speak like
// them.
type Complaint struct {
	Status  int // of HTTP; 0 or 200: it came with an answer
	Message string
	Type    string
	Code    string
	Inner   string // innererror.code, where a filter says why
}

// Lexicon is what the vendors of a dialect mean beyond what all of them do. Codes
// are asked for in lower case.
type Lexicon struct {
	Code     func(string) (llm.Type, llm.Fault, bool) // whatever the status is
	InBand   func(string) (llm.Type, llm.Fault, bool) // where there is no status
	Refused  []string                                 // phrases of a policy's refusal
	Unsuited []string                                 // of what another endpoint may take
}

// Judge says whose fault it is. Codes decide; the words of a 400 are asked only where
// vendors give nothing else.
func (c *Complaint) Judge(l Lexicon) *llm.Error {
	if n, err := strconv.Atoi(c.Code); err == nil && n >= 400 && n < 600 && c.inBand() {
		c.Status = n
	}
	e := &llm.Error{}
	e.Type, e.Fault = c.kind(l)
	e.ProviderCode = c.Code
	if e.ProviderCode == "" {
		e.ProviderCode = c.Type
	}
	if e.ProviderCode == "" && c.Status != 0 {
		e.ProviderCode = strconv.Itoa(c.Status)
	}
	quoted := Quote(c.Message)
	switch e.Fault {
	case llm.FaultCaller, llm.FaultRefused, llm.FaultUnsuited:
		e.Message = quoted
	default: // R8
	}
	if e.Message == "" {
		e.Message = Explain(e.Fault)
	}
	e.Err = fmt.Errorf("status %d, code %q", c.Status, e.ProviderCode) // their words may quote a prompt or a key (F22)
	return e
}

func (c *Complaint) inBand() bool { return c.Status == 0 || c.Status == http.StatusOK }

func (c *Complaint) kind(l Lexicon) (llm.Type, llm.Fault) {
	for _, code := range [...]string{c.Inner, c.Code, c.Type} {
		code = strings.ToLower(code)
		if typ, fault, ok := kindOfCode(code); ok {
			return typ, fault
		}
		if typ, fault, ok := l.Code(code); ok {
			return typ, fault
		}
	}
	if c.inBand() {
		return c.kindInBand(l)
	}
	typ, fault := Classify(c.Status)
	switch {
	case fault == llm.FaultCaller, c.Status == http.StatusRequestEntityTooLarge:
		return c.kindByWords(l, typ, fault)
	case fault == llm.FaultBusy && Says(c.Message, "exceeded your current quota", "insufficient balance", "out of credits"):
		return llm.TypeUnavailable, llm.FaultCredential
	}
	return typ, fault
}

// kindOfCode judges by a code that means the same whatever the status is.
func kindOfCode(code string) (llm.Type, llm.Fault, bool) {
	switch code {
	case "context_length_exceeded":
		return llm.TypeContextLength, llm.FaultCaller, true
	case "content_policy_violation", "content_filter", "responsibleaipolicyviolation", "moderation_blocked":
		return llm.TypeContentPolicy, llm.FaultRefused, true
	case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated",
		"invalid_api_key", "authentication_error":
		return llm.TypeUnavailable, llm.FaultCredential, true
	case "unsupported_parameter", "unsupported_value", "unknown_parameter":
		return llm.TypeInvalidRequest, llm.FaultUnsuited, true
	case "model_not_found", "deploymentnotfound", "model_not_available":
		return llm.TypeNotFound, llm.FaultMissing, true
	}
	return "", 0, false
}

// kindInBand is for errors inside a 200, which have no status of their own.
func (c *Complaint) kindInBand(l Lexicon) (llm.Type, llm.Fault) {
	for _, code := range [...]string{c.Code, c.Type} {
		code = strings.ToLower(code)
		switch code {
		case "rate_limit_exceeded", "rate_limit_error", "tokens", "requests", "too_many_requests":
			return llm.TypeRateLimit, llm.FaultBusy
		case "service_unavailable":
			return llm.TypeOverloaded, llm.FaultOverloaded
		case "timeout", "timeout_error", "request_timeout":
			return llm.TypeTimeout, llm.FaultTimeout
		case "invalid_request_error", "bad_request", "invalid_request":
			return c.kindByWords(l, llm.TypeInvalidRequest, llm.FaultCaller)
		}
		switch typ, fault, ok := l.InBand(code); {
		case ok && fault == llm.FaultCaller:
			return c.kindByWords(l, typ, fault)
		case ok:
			return typ, fault
		}
	}
	return llm.TypeUnavailable, llm.FaultUpstream
}

// kindByWords tells apart what vendors send under one status.
func (c *Complaint) kindByWords(l Lexicon, typ llm.Type, fault llm.Fault) (llm.Type, llm.Fault) {
	switch {
	case Says(c.Message, "context length", "context window", "maximum context", "maximum prompt length", "too many tokens", "prompt is too long", "input is too long", "reduce the length"):
		return llm.TypeContextLength, llm.FaultCaller
	case Says(c.Message, "api key"):
		return llm.TypeUnavailable, llm.FaultCredential // one vendor refuses keys with a 400
	case Says(c.Message, "content management policy", "content policy", "safety system") || Says(c.Message, l.Refused...):
		return llm.TypeContentPolicy, llm.FaultRefused
	case Says(c.Message, "unsupported parameter", "not supported", "does not support", "unsupported value") || Says(c.Message, l.Unsuited...):
		return llm.TypeInvalidRequest, llm.FaultUnsuited
	}
	return typ, fault
}

// Says reports whether a message has one of the phrases, which are in lower case.
func Says(message string, phrases ...string) bool {
	message = strings.ToLower(message)
	for _, p := range phrases {
		if strings.Contains(message, p) {
			return true
		}
	}
	return false
}
