package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// envelope is the contract's error body (area 5). Every body carries an integer
// code and a message (ER-01).
type envelope struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code         int           `json:"code"`
	Message      string        `json:"message"`
	ErrorType    llm.Type      `json:"error_type,omitempty"`
	HTTPStatus   int           `json:"http_status,omitzero"`
	Metadata     *metadata     `json:"metadata,omitempty"`
	Availability *availability `json:"availability,omitempty"`
}

type metadata struct {
	ErrorType    llm.Type        `json:"error_type,omitempty"`
	ProviderName string          `json:"provider_name,omitempty"`
	ProviderCode string          `json:"provider_code,omitempty"`
	Previous     []previousError `json:"previous_errors,omitempty"`
}

type previousError struct {
	Provider string   `json:"provider"`
	Code     llm.Type `json:"code"`
	Status   int      `json:"status"`
}

type availability struct {
	Code       string   `json:"code"`
	Retryable  bool     `json:"retryable"`
	Models     []string `json:"requested_models"`
	DocsURL    string   `json:"docs_url"`
	RetryAfter int      `json:"retry_after,omitzero"`
	Providers  []string `json:"affected_providers,omitempty"`
	ExcludedBy []string `json:"excluded_by,omitempty"`
	Fallbacks  []string `json:"fallback_models,omitempty"`
}

const docsURL = "https://github.com/turnpike-gateway/turnpike/blob/main/docs/errors.md"

// asError is err in words fit for a caller; what is no *llm.Error is a bug of
// ours, masked (ER-02).
func asError(err error) *llm.Error {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return e
	}
	return &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error", Err: err}
}

func body(e *llm.Error, models []string) envelope {
	status := e.Type.Status()
	b := errorBody{Code: status, Message: e.Message, Metadata: &metadata{ErrorType: e.Type}}
	if status == http.StatusInternalServerError { // ER-02: masked
		b.Message = "Internal Server Error"
		return envelope{b}
	}
	if len(e.Previous) > 0 || e.ProviderCode != "" {
		b.Metadata.ProviderName, b.Metadata.ProviderCode = e.ProviderName, e.ProviderCode
	}
	for _, p := range e.Previous {
		b.Metadata.Previous = append(b.Metadata.Previous, previousError(p))
	}
	if a := e.Availability; a != nil {
		b.ErrorType, b.HTTPStatus = e.Type, status
		if a.Models != nil {
			models = a.Models
		}
		b.Availability = &availability{
			Code: a.Code, Retryable: a.Retryable, Models: models, DocsURL: docsURL, RetryAfter: seconds(e.RetryAfter),
			Providers: a.Providers, ExcludedBy: a.ExcludedBy, Fallbacks: a.Fallbacks,
		}
	}
	return envelope{b}
}

// seconds rounds a hint up to whole seconds within 1..3600; 0 is no hint.
func seconds(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return int((min(d, time.Hour) + time.Second - 1) / time.Second)
}

// writeError answers with e as plain JSON (AU-09).
func writeError(w http.ResponseWriter, e *llm.Error, models ...string) {
	if errors.Is(e, errSlow) {
		refuse(w, http.StatusRequestTimeout, e.Message)
		return
	}
	status := e.Type.Status()
	if s := seconds(e.RetryAfter); s > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		w.Header().Set("Retry-After", strconv.Itoa(s)) // ER-07
	}
	writeJSON(w, status, body(e, models))
}

// refuse answers with a status that no error type stands for (405, 408, 410).
func refuse(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, envelope{errorBody{Code: status, Message: message}})
}

// writeJSON answers with v. Bytes that are no UTF-8, of a path or a header, become
// U+FFFD.
func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":{"code":500,"message":"Internal Server Error"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that cannot be written to has left
}
