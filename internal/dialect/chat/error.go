package chat

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// complaint is an error as vendors of this dialect word it: an `error` object
// or string, or its members at top level.
type complaint struct {
	status  int
	message string
	typ     string
	code    string
	inner   string // innererror.code, where a filter says why
}

// Error reads an answer with a status that is no success.
func (u *upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	c := complaint{status: status}
	c.read(body)
	e := c.classify()
	e.RetryAfter = dialect.RetryAfter(h, time.Time{})
	return e
}

// read finds the complaint in a body, which may be anything. It reports whether
// there is one.
func (c *complaint) read(body []byte) bool {
	var r parse.Reader
	r.Reset(body)
	found := false
	member := func(name []byte) {
		switch string(name) {
		case "error":
			switch r.Peek() {
			case '{':
				found = true
				r.Object(func(name []byte) { c.member(&r, name) })
			case '"':
				found = true
				c.message = r.Text()
			case 'n', 'f':
				r.Value()
			default:
				found = r.Value() != nil
			}
		case "detail":
			found = true
			if r.Peek() == '"' {
				c.message = r.Text()
				return
			}
			c.message = string(r.Value())
		default:
			c.member(&r, name)
		}
	}
	if r.Peek() == '[' { // one vendor wraps the object
		r.Array(func() { r.Object(member) })
	} else {
		r.Object(member)
	}
	return found && r.Err == nil
}

func (c *complaint) member(r *parse.Reader, name []byte) {
	scalar := func() string {
		v := r.Value()
		switch {
		case v == nil || v[0] == 'n':
			return ""
		case v[0] == '"':
			s, _ := jsontext.AppendUnquote(nil, v)
			return string(s)
		}
		return string(v)
	}
	switch string(name) {
	case "message":
		if s := scalar(); s != "" {
			c.message = s
		}
	case "type":
		c.typ = scalar()
	case "code":
		c.code = scalar()
	case "status":
		if s := scalar(); c.code == "" {
			c.code = s
		}
	case "innererror":
		if r.Peek() != '{' {
			r.Value()
			return
		}
		r.Object(func(name []byte) {
			if string(name) == "code" {
				c.inner = scalar()
				return
			}
			r.Value()
		})
	default:
		r.Value()
	}
}

// classify says whose fault it is. Codes decide; the words of a 400 are asked
// only where vendors give nothing else.
func (c *complaint) classify() *llm.Error {
	if n, err := strconv.Atoi(c.code); err == nil && n >= 400 && n < 600 && (c.status == 0 || c.status == http.StatusOK) {
		c.status = n
	}
	e := &llm.Error{}
	e.Type, e.Fault = c.kind()
	e.ProviderCode = c.code
	if e.ProviderCode == "" {
		e.ProviderCode = c.typ
	}
	if e.ProviderCode == "" && c.status != 0 {
		e.ProviderCode = strconv.Itoa(c.status)
	}
	e.ProviderCode = parse.Printable(e.ProviderCode)
	quoted := dialect.Quote(c.message)
	switch e.Fault {
	case llm.FaultCaller, llm.FaultRefused, llm.FaultUnsuited:
		e.Message = quoted
	default: // R8
	}
	if e.Message == "" {
		e.Message = dialect.Explain(e.Fault)
	}
	switch {
	case e.Fault == llm.FaultCredential || quoted == "": // it may tell a part of the key
		e.Err = fmt.Errorf("status %d", c.status)
	default:
		e.Err = errors.New(quoted)
	}
	return e
}

func (c *complaint) kind() (llm.Type, llm.Fault) {
	for _, code := range [...]string{c.inner, c.code, c.typ} {
		switch strings.ToLower(code) {
		case "context_length_exceeded", "context_window_exceeded", "prompt_too_long", "max_context_length_exceeded":
			return llm.TypeContextLength, llm.FaultCaller
		case "content_policy_violation", "content_filter", "responsibleaipolicyviolation", "moderation_blocked", "content_filtered":
			return llm.TypeContentPolicy, llm.FaultRefused
		case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance",
			"insufficient_user_quota", "account_deactivated", "invalid_api_key", "authentication_error":
			return llm.TypeUnavailable, llm.FaultCredential
		case "unsupported_parameter", "unsupported_value", "unknown_parameter":
			return llm.TypeInvalidRequest, llm.FaultUnsuited
		case "tool_use_failed": // the model wrote a call that cannot be read: no fault of the request's
			return llm.TypeUnavailable, llm.FaultUpstream
		case "model_not_found", "deploymentnotfound", "model_not_available":
			return llm.TypeNotFound, llm.FaultMissing
		}
	}
	if c.status == 0 || c.status == http.StatusOK {
		return c.kindInBand()
	}
	typ, fault := dialect.Classify(c.status)
	switch {
	case fault == llm.FaultCaller, c.status == http.StatusRequestEntityTooLarge:
		return c.kindByWords(typ, fault)
	case fault == llm.FaultBusy && says(c.message, "exceeded your current quota", "insufficient balance", "out of credits"):
		return llm.TypeUnavailable, llm.FaultCredential
	}
	return typ, fault
}

// kindInBand is for errors inside a 200, which have no status of their own.
func (c *complaint) kindInBand() (llm.Type, llm.Fault) {
	for _, code := range [...]string{c.code, c.typ} {
		switch strings.ToLower(code) {
		case "rate_limit_exceeded", "rate_limit_error", "tokens", "requests", "too_many_requests":
			return llm.TypeRateLimit, llm.FaultBusy
		case "overloaded", "overloaded_error", "engine_overloaded", "engine_overloaded_error", "service_unavailable", "capacity_exceeded":
			return llm.TypeOverloaded, llm.FaultOverloaded
		case "timeout", "timeout_error", "request_timeout":
			return llm.TypeTimeout, llm.FaultTimeout
		case "invalid_request_error", "bad_request", "badrequesterror", "invalid_request":
			return c.kindByWords(llm.TypeInvalidRequest, llm.FaultCaller)
		}
	}
	return llm.TypeUnavailable, llm.FaultUpstream
}

// kindByWords tells apart what vendors send under one status.
func (c *complaint) kindByWords(typ llm.Type, fault llm.Fault) (llm.Type, llm.Fault) {
	switch {
	case says(c.message, "context length", "context window", "maximum context", "maximum prompt length", "too many tokens", "prompt is too long", "input is too long", "reduce the length"):
		return llm.TypeContextLength, llm.FaultCaller
	case says(c.message, "api key"):
		return llm.TypeUnavailable, llm.FaultCredential // one vendor refuses keys with a 400
	case says(c.message, "content management policy", "content policy", "safety system", "flagged by"):
		return llm.TypeContentPolicy, llm.FaultRefused
	case says(c.message, "unsupported parameter", "not supported", "does not support", "unsupported value", "unrecognized request argument", "extra inputs are not permitted", "property unsupported"):
		return llm.TypeInvalidRequest, llm.FaultUnsuited
	}
	return typ, fault
}

func says(message string, phrases ...string) bool {
	message = strings.ToLower(message)
	for _, p := range phrases {
		if strings.Contains(message, p) {
			return true
		}
	}
	return false
}

// nonsense is an answer that is not of this protocol (F35, F52).
func nonsense(cause error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer could not be read", Err: cause}
}
