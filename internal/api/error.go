package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// asError is err in words fit for a caller; what is no *llm.Error is a bug of
// ours, masked (ER-02).
func asError(err error) *llm.Error {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return e
	}
	return &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error", Err: err}
}

// writeError answers with e in the contract's envelope (AU-09).
func writeError(w http.ResponseWriter, e *llm.Error) {
	writeRefusal(w, dialect.Envelope, dialect.Refusal{Error: e})
}

// refuser says an error in a dialect's own envelope.
type refuser func(dialect.Refusal) (status int, body []byte)

func writeRefusal(w http.ResponseWriter, say refuser, r dialect.Refusal) {
	if errors.Is(r.Error, errSlow) {
		write(w, http.StatusRequestTimeout, dialect.Plain(http.StatusRequestTimeout, r.Error.Message))
		return
	}
	status, body := say(r)
	if s := dialect.Seconds(r.Error.RetryAfter); s > 0 && (status == http.StatusTooManyRequests || status >= http.StatusServiceUnavailable) {
		w.Header().Set("Retry-After", strconv.Itoa(s)) // ER-07
	}
	for name, value := range dialect.RateHeaders(r.Error) {
		w.Header().Set(name, value)
	}
	write(w, status, body)
}

// writeJSON answers with v. Bytes that are no UTF-8, of a path or a header, become
// U+FFFD.
func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":{"code":500,"message":"Internal Server Error"}}`)
	}
	write(w, status, text)
}

func write(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that cannot be written to has left
}
