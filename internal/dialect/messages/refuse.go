package messages

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// statusOverloaded is Anthropic's own: its clients wait and try again.
const statusOverloaded = 529

// refusal is Anthropic's error body, with what the contract adds.
type refusal struct {
	Type      string           `json:"type"` // error
	Error     refusalError     `json:"error"`
	RequestID *string          `json:"request_id"`
	Metadata  *refusalMetadata `json:"metadata,omitzero"`
	Router    jsontext.Value   `json:"openrouter_metadata,omitzero"` // MD-02
}

type refusalError struct {
	Type         string          `json:"type"`
	Message      string          `json:"message"`
	ErrorType    llm.Type        `json:"error_type,omitempty"`
	Details      *refusalDetails `json:"details,omitzero"`
	Availability jsontext.Value  `json:"availability,omitzero"`
}

// refusalDetails tell a client what to leave out and try again.
type refusalDetails struct {
	ErrorCode   string   `json:"error_code"`
	Unsupported []string `json:"unsupported"`
}

// errNoThreads marks the refusal of a conversation that the server would have to
// keep. Anthropic's tool runners ask for one, and send all of it again when they are
// told; whoever passed over `thread` would lose the history with the second turn.
var errNoThreads = errors.New("messages: threads are not kept here")

func errThread() *llm.Error {
	e := llm.Bad("thread: conversations are not kept here: send all of the messages")
	e.Err = errNoThreads
	return e
}

type refusalMetadata struct {
	ProviderName string               `json:"provider_name,omitempty"`
	ProviderCode string               `json:"provider_code,omitempty"`
	Previous     []refusalAttempt     `json:"previous_errors,omitempty"`
	Files        []dialect.Annotation `json:"file_annotations,omitempty"`
	Patterns     []string             `json:"patterns,omitempty"` // GR-09
	Reasons      []string             `json:"reasons,omitempty"`
}

type refusalAttempt struct {
	Provider string   `json:"provider"`
	Code     llm.Type `json:"code"`
	Status   int      `json:"status"`
}

// Refuse answers in Anthropic's envelope (AM-02, ER-13).
func (*client) Refuse(r dialect.Refusal) (status int, body []byte) {
	e := r.Error
	if status = e.Type.Status(); e.Type == llm.TypeOverloaded {
		status = statusOverloaded
	}
	out := refusal{Type: "error", Error: errorOf(e, r.Models)}
	if r.ID != "" {
		out.RequestID = &r.ID
	}
	if status != http.StatusInternalServerError { // ER-02
		out.Metadata, out.Router = metadataOf(e), dialect.Router(r.Router)
	}
	body, err := json.Marshal(&out, jsontext.AllowInvalidUTF8(true)) // of a path or a header
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"type":"error","error":{"type":"api_error","message":"Internal server error"},"request_id":null}`)
	}
	return status, body
}

func metadataOf(e *llm.Error) *refusalMetadata {
	m := &refusalMetadata{Patterns: e.Patterns, Reasons: e.Reasons}
	if len(e.Previous) > 0 || e.ProviderCode != "" {
		m.ProviderName, m.ProviderCode = e.ProviderName, e.ProviderCode
	}
	for _, a := range e.Previous {
		m.Previous = append(m.Previous, refusalAttempt(a))
	}
	for _, f := range e.Files {
		m.Files = append(m.Files, dialect.Annotate(f))
	}
	if m.ProviderName == "" && m.ProviderCode == "" && m.Previous == nil && m.Files == nil && m.Patterns == nil && m.Reasons == nil {
		return nil
	}
	return m
}

// errorOf is what a caller who asked for the models is told of an error. What is behind
// a 500 stays inside.
func errorOf(e *llm.Error, models []string) refusalError {
	out := refusalError{Type: nativeType(e.Type), Message: e.Message, ErrorType: e.Type}
	if errors.Is(e, errNoThreads) {
		out.Details = &refusalDetails{ErrorCode: "thread_unsupported_request", Unsupported: []string{}}
	}
	if e.Type.Status() == http.StatusInternalServerError {
		out.Message = "Internal server error"
		return out
	}
	out.Availability = dialect.Availability(e, models)
	return out
}

// nativeType is Anthropic's word for an error type (ER-13).
func nativeType(t llm.Type) string {
	switch t {
	case llm.TypeAuthentication:
		return "authentication_error"
	case llm.TypePermissionDenied:
		return "permission_error"
	case llm.TypePaymentRequired:
		return "billing_error"
	case llm.TypeNotFound:
		return "not_found_error"
	case llm.TypeRateLimit:
		return "rate_limit_error"
	case llm.TypeOverloaded:
		return "overloaded_error"
	case llm.TypeTimeout:
		return "timeout_error"
	default:
		if t.Status() < http.StatusInternalServerError { // the caller's own
			return "invalid_request_error"
		}
		return "api_error"
	}
}
