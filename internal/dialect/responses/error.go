package responses

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

// complaint is an error as vendors of this dialect word it: an `error` object or
// string, or its members at top level.
type complaint struct {
	status  int
	message string
	typ     string
	code    string
	param   string
	inner   string // innererror.code, where a filter says why
}

// Error reads an answer with a status that is no success.
func (u *upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	c := complaint{status: status}
	if jsontext.Value(body).IsValid() {
		c.read(body)
	}
	e := c.classify()
	e.RetryAfter = dialect.RetryAfter(h, time.Time{})
	if e.RetryAfter == 0 && e.Fault == llm.FaultBusy {
		e.RetryAfter = resetOf(h)
	}
	return e
}

// resetOf is how long the limit that was hit stays used up, by the headers of those
// who send no Retry-After.
func resetOf(h http.Header) (longest time.Duration) {
	for _, what := range [...]string{"Requests", "Tokens"} {
		if h.Get("X-Ratelimit-Remaining-"+what) != "0" {
			continue
		}
		d, err := time.ParseDuration(h.Get("X-Ratelimit-Reset-" + what)) // 6m0s, 120ms
		if err == nil && d > longest {
			longest = d
		}
	}
	if longest == 0 {
		return 0
	}
	return min(max(longest, time.Second), time.Hour) // F23
}

// read finds the complaint in a valid JSON text, which may be anything.
func (c *complaint) read(body []byte) {
	switch jsontext.Value(body).Kind() {
	case '[': // one vendor wraps the object
		elements(body, func(element []byte) { c.read(element) })
		return
	case '"':
		c.message = text(body)
		return
	}
	var room [16]field
	list, _ := fields(room[:0], body)
	for i := range list {
		value := list[i].of(body)
		switch name := string(list[i].name); {
		case name == "error" && value[0] == '{':
			c.read(value)
		case name == "error" && value[0] == '"', name == "message", name == "detail":
			if s := scalar(value); s != "" {
				c.message = s
			}
		case name == "type":
			if s := scalar(value); s != "error" { // an event's
				c.typ = s
			}
		case name == "code":
			c.code = scalar(value)
		case name == "param":
			c.param = scalar(value)
		case name == "status", name == "statusCode":
			if s := scalar(value); c.code == "" {
				c.code = s
			}
		case name == "innererror":
			c.inner = scalar(find(value, "code"))
		}
	}
}

// scalar is a string's meaning, a number's text, and "" for null or nothing.
func scalar(v []byte) string {
	switch {
	case len(v) == 0, v[0] == 'n':
		return ""
	case v[0] == '"':
		return text(v)
	}
	return string(v)
}

// classify says whose fault it is. Codes decide; the words of a 400 are asked only
// where vendors give nothing else.
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
	switch {
	case strings.EqualFold(c.code, "invalid_encrypted_content"):
		e.Message = "The provider cannot read the encrypted reasoning of an earlier turn: it was made by another account or model"
	case e.Message == "":
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
	if c.code == "string_above_max_length" && c.isText() {
		return llm.TypeContextLength, llm.FaultCaller
	}
	for _, code := range [...]string{c.inner, c.code, c.typ} {
		if typ, fault, ok := kindOfCode(strings.ToLower(code)); ok {
			return typ, fault
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

// isText reports whether the member that is at fault is what the model reads.
func (c *complaint) isText() bool {
	for _, end := range [...]string{"input", "instructions", ".text", ".content", ".output"} {
		if strings.HasSuffix(c.param, end) {
			return true
		}
	}
	return false
}

// kindOfCode judges by a code, where there is one that means the same whatever the
// status is. https://developers.openai.com/api/reference/resources/responses
func kindOfCode(code string) (llm.Type, llm.Fault, bool) {
	switch code {
	case "context_length_exceeded":
		return llm.TypeContextLength, llm.FaultCaller, true
	case "content_policy_violation", "content_filter", "responsibleaipolicyviolation", "image_content_policy_violation", "moderation_blocked",
		"bio_policy", "cyber_policy":
		return llm.TypeContentPolicy, llm.FaultRefused, true
	case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "usage_not_included", "account_deactivated",
		"invalid_api_key", "authentication_error", "data_residency_mismatch":
		return llm.TypeUnavailable, llm.FaultCredential, true
	case "unsupported_parameter", "unsupported_value", "unknown_parameter", "unsupported_model", "invalid_encrypted_content", "unsupported_file":
		return llm.TypeInvalidRequest, llm.FaultUnsuited, true
	case "model_not_found", "deploymentnotfound", "model_not_available":
		return llm.TypeNotFound, llm.FaultMissing, true
	case "failed_to_download_image", "image_file_not_found":
		return llm.TypeImageDownload, llm.FaultCaller, true
	case "invalid_image_format", "unsupported_image_media_type", "image_parse_error":
		return llm.TypeImageFormat, llm.FaultCaller, true
	case "invalid_image", "invalid_base64_image", "invalid_image_url", "image_too_large", "image_too_small", "invalid_image_mode",
		"image_file_too_large", "empty_image_file":
		return llm.TypeInvalidRequest, llm.FaultCaller, true
	case "server_is_overloaded", "slow_down", "overloaded_error", "engine_overloaded":
		return llm.TypeOverloaded, llm.FaultOverloaded, true
	case "vector_store_timeout":
		return llm.TypeTimeout, llm.FaultTimeout, true
	}
	return "", 0, false
}

// kindInBand is for errors inside a 200, which have no status of their own.
func (c *complaint) kindInBand() (llm.Type, llm.Fault) {
	for _, code := range [...]string{c.code, c.typ} {
		switch strings.ToLower(code) {
		case "rate_limit_exceeded", "rate_limit_error", "tokens", "requests", "too_many_requests":
			return llm.TypeRateLimit, llm.FaultBusy
		case "service_unavailable", "service_unavailable_error":
			return llm.TypeOverloaded, llm.FaultOverloaded
		case "timeout", "timeout_error", "request_timeout":
			return llm.TypeTimeout, llm.FaultTimeout
		case "invalid_request_error", "invalid_prompt", "bad_request", "invalid_request", "invalid_value":
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
	case says(c.message, "content management policy", "content policy", "usage policy", "safety system", "flagged"):
		return llm.TypeContentPolicy, llm.FaultRefused
	case says(c.message, "unsupported parameter", "unknown parameter", "not supported", "does not support", "unsupported value", "must be verified", "encrypted content"):
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

// brokenOff is an answer without its terminal event (F33, F45).
func brokenOff(cause string) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer broke off", Err: errors.New(cause)}
}
