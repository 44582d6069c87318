package chat

import (
	"net/http"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// complaint is an error as vendors of this dialect word it: an `error` object
// or string, or its members at top level.
type complaint struct{ dialect.Complaint }

// Error reads an answer with a status that is no success.
func (u *upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	var c complaint
	c.Status = status
	c.read(body)
	e := c.classify()
	e.RetryAfter = dialect.RetryAfter(h, time.Time{})
	return dialect.Regional(e, status, body)
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
				c.Message = r.Text()
			case 'n', 'f':
				r.Value()
			default:
				found = r.Value() != nil
			}
		case "detail":
			found = true
			if r.Peek() == '"' {
				c.Message = r.Text()
				return
			}
			c.Message = string(r.Value())
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
	scalar := func() string { return walk.Scalar(r.Value()) }
	switch string(name) {
	case "message":
		if s := scalar(); s != "" {
			c.Message = s
		}
	case "type":
		c.Type = scalar()
	case "code":
		c.Code = scalar()
	case "status":
		if s := scalar(); c.Code == "" {
			c.Code = s
		}
	case "innererror":
		if r.Peek() != '{' {
			r.Value()
			return
		}
		r.Pick("code", func() { c.Inner = scalar() })
	default:
		r.Value()
	}
}

// classify says whose fault it is.
func (c *complaint) classify() *llm.Error {
	e := c.Judge(dialect.Lexicon{
		Code: kindOfCode, InBand: kindInBand,
		Refused:  []string{"flagged by"},
		Unsuited: []string{"unrecognized request argument", "extra inputs are not permitted", "property unsupported"},
	})
	e.ProviderCode = parse.Printable(e.ProviderCode)
	return e
}

// kindOfCode judges by a code that means the same whatever the status is.
func kindOfCode(code string) (llm.Type, llm.Fault, bool) {
	switch code {
	case "context_window_exceeded", "prompt_too_long", "max_context_length_exceeded":
		return llm.TypeContextLength, llm.FaultCaller, true
	case "content_filtered":
		return llm.TypeContentPolicy, llm.FaultRefused, true
	case "insufficient_balance", "insufficient_user_quota":
		return llm.TypeUnavailable, llm.FaultCredential, true
	case "tool_use_failed": // the model wrote a call that cannot be read: no fault of the request's
		return llm.TypeUnavailable, llm.FaultUpstream, true
	}
	return "", 0, false
}

func kindInBand(code string) (llm.Type, llm.Fault, bool) {
	switch code {
	case "overloaded", "overloaded_error", "engine_overloaded", "engine_overloaded_error", "capacity_exceeded":
		return llm.TypeOverloaded, llm.FaultOverloaded, true
	case "badrequesterror":
		return llm.TypeInvalidRequest, llm.FaultCaller, true
	}
	return "", 0, false
}

// nonsense is an answer that is not of this protocol (F35, F52).
func nonsense(cause error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer could not be read", Err: cause}
}
