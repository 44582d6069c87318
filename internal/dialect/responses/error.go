package responses

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// complaint is an error as vendors of this dialect word it: an `error` object or
// string, or its members at top level.
type complaint struct {
	dialect.Complaint
	param string // the member that is at fault
}

// Error reads an answer with a status that is no success.
func (u *upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	var c complaint
	c.Status = status
	if jsontext.Value(body).IsValid() {
		c.read(body)
	}
	e := c.classify()
	e.RetryAfter = dialect.RetryAfter(h, time.Time{})
	if e.RetryAfter == 0 && e.Fault == llm.FaultBusy {
		e.RetryAfter = resetOf(h)
	}
	return dialect.Regional(e, status, body)
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
		c.Message = text(body)
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
			if s := walk.Scalar(value); s != "" {
				c.Message = s
			}
		case name == "type":
			if s := walk.Scalar(value); s != "error" { // an event's
				c.Type = s
			}
		case name == "code":
			c.Code = walk.Scalar(value)
		case name == "param":
			c.param = walk.Scalar(value)
		case name == "status", name == "statusCode":
			if s := walk.Scalar(value); c.Code == "" {
				c.Code = s
			}
		case name == "innererror":
			c.Inner = walk.Scalar(find(value, "code"))
		}
	}
}

// classify says whose fault it is.
func (c *complaint) classify() *llm.Error {
	if c.Code == "string_above_max_length" && c.isText() {
		c.Inner = "context_length_exceeded"
	}
	e := c.Judge(dialect.Lexicon{
		Code: kindOfCode, InBand: kindInBand,
		Refused:  []string{"usage policy", "flagged"},
		Unsuited: []string{"unknown parameter", "must be verified", "encrypted content"},
	})
	e.ProviderCode = parse.Printable(e.ProviderCode)
	if strings.EqualFold(c.Code, "invalid_encrypted_content") {
		e.Message = "The provider cannot read the encrypted reasoning of an earlier turn: it was made by another account or model"
	}
	return e
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

// kindOfCode judges by a code that means the same whatever the status is.
// https://developers.openai.com/api/reference/resources/responses
func kindOfCode(code string) (llm.Type, llm.Fault, bool) {
	switch code {
	case "image_content_policy_violation", "bio_policy", "cyber_policy":
		return llm.TypeContentPolicy, llm.FaultRefused, true
	case "usage_not_included", "data_residency_mismatch":
		return llm.TypeUnavailable, llm.FaultCredential, true
	case "unsupported_model", "invalid_encrypted_content", "unsupported_file":
		return llm.TypeInvalidRequest, llm.FaultUnsuited, true
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

func kindInBand(code string) (llm.Type, llm.Fault, bool) {
	switch code {
	case "service_unavailable_error":
		return llm.TypeOverloaded, llm.FaultOverloaded, true
	case "invalid_prompt", "invalid_value":
		return llm.TypeInvalidRequest, llm.FaultCaller, true
	}
	return "", 0, false
}

// nonsense is an answer that is not of this protocol (F35, F52).
func nonsense(cause error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer could not be read", Err: cause}
}

// brokenOff is an answer without its terminal event (F33, F45).
func brokenOff(cause string) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer broke off", Err: errors.New(cause)}
}
