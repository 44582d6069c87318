package dialect

import (
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
	Error  errorBody      `json:"error"`
	Router jsontext.Value `json:"openrouter_metadata,omitzero"` // MD-02
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
	Files        []Annotation    `json:"file_annotations,omitempty"`
	Patterns     []string        `json:"patterns,omitempty"` // GR-09
	Reasons      []string        `json:"reasons,omitempty"`
	Headers      *rateHeaders    `json:"headers,omitempty"`
	LimitSource  string          `json:"limit_source,omitempty"` // F94
}

// rateHeaders are the headers of a limit of ours, which clients also read in the body.
type rateHeaders struct {
	Limit     string `json:"X-RateLimit-Limit"`
	Remaining string `json:"X-RateLimit-Remaining"`
	Reset     string `json:"X-RateLimit-Reset"`
}

type previousError struct {
	Provider string   `json:"provider"`
	Code     llm.Type `json:"code"`
	Status   int      `json:"status"`
}

type availability struct {
	Code       string      `json:"code"`
	Retryable  bool        `json:"retryable"`
	Models     []string    `json:"requested_models"`
	DocsURL    string      `json:"docs_url"`
	RetryAfter int         `json:"retry_after,omitzero"`
	Providers  []string    `json:"affected_providers,omitempty"`
	ExcludedBy []string    `json:"excluded_by,omitempty"`
	Fallbacks  []string    `json:"fallback_models,omitempty"`
	Constraint *constraint `json:"constraint,omitempty"`
	LeftOut    []leftOut   `json:"left_out,omitempty"` // ours
	Omitted    int         `json:"left_out_omitted,omitzero"`
}

type leftOut struct {
	Endpoint  string `json:"endpoint"`
	Rule      string `json:"excluded_by"`
	By        string `json:"required_by,omitzero"`
	Admits    string `json:"admitted_by,omitzero"`
	ChangedBy string `json:"changed_by,omitzero"`
}

type constraint struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Annotation is a document that was read, as the contract shows it and takes it
// back (FL-04).
type Annotation struct {
	Type string         `json:"type"`
	File annotationFile `json:"file"`
}

type annotationFile struct {
	Hash    string           `json:"hash"`
	Name    string           `json:"name"`
	Content []annotationPage `json:"content"`
}

type annotationPage struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Annotate is a document as an annotation.
func Annotate(f llm.FileText) Annotation {
	a := Annotation{Type: "file", File: annotationFile{Hash: f.Hash, Name: f.Name, Content: make([]annotationPage, len(f.Text))}}
	for i, text := range f.Text {
		a.File.Content[i] = annotationPage{"text", text}
	}
	return a
}

// docsURL is where each availability code has a heading of its name.
const docsURL = "https://github.com/turnpike-gateway/turnpike/blob/main/docs/errors.md#"

// Envelope is the contract's error body: what every route answers with but those of
// dialects that have an envelope of their own.
func Envelope(r Refusal) (status int, body []byte) {
	status = r.Error.Type.Status()
	body, err := json.Marshal(envelopeOf(r), jsontext.AllowInvalidUTF8(true)) // of a path or a header
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"error":{"code":500,"message":"Internal Server Error"}}`)
	}
	return status, body
}

// Plain is the envelope with a status that no error type stands for (405, 408, 410).
func Plain(status int, message string) []byte {
	body, err := json.Marshal(envelope{Error: errorBody{Code: status, Message: message}}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil
	}
	return body
}

func envelopeOf(r Refusal) envelope {
	e := r.Error
	status := e.Type.Status()
	b := errorBody{Code: status, Message: e.Message, Metadata: &metadata{ErrorType: e.Type, Patterns: e.Patterns, Reasons: e.Reasons}}
	if status == http.StatusInternalServerError { // ER-02: masked
		b.Message = "Internal Server Error"
		return envelope{Error: b}
	}
	if len(e.Previous) > 0 || e.ProviderCode != "" {
		b.Metadata.ProviderName, b.Metadata.ProviderCode = e.ProviderName, e.ProviderCode
	}
	for _, f := range e.Files { // FL-05
		b.Metadata.Files = append(b.Metadata.Files, Annotate(f))
	}
	for _, p := range e.Previous {
		b.Metadata.Previous = append(b.Metadata.Previous, previousError(p))
	}
	b.Metadata.LimitSource = e.LimitSource
	if e.Limit != nil {
		b.Metadata.Headers = new(rateHeadersOf(e.Limit))
	}
	if e.Availability != nil {
		b.ErrorType, b.HTTPStatus, b.Availability = e.Type, status, availabilityOf(e, r.Models)
	}
	return envelope{b, Router(r.Router)}
}

// availabilityOf is an error's availability for a request for the models.
func availabilityOf(e *llm.Error, models []string) *availability {
	a := e.Availability
	if a.Models != nil {
		models = a.Models
	}
	if models == nil {
		models = []string{}
	}
	out := &availability{
		Code: a.Code, Retryable: a.Retryable, Models: models, DocsURL: docsURL + a.Code, RetryAfter: Seconds(e.RetryAfter),
		Providers: a.Providers, ExcludedBy: a.ExcludedBy, Fallbacks: a.Fallbacks,
	}
	if c := constraint(a.Constraint); c.Field != "" {
		out.Constraint = &c
	}
	for _, l := range a.LeftOut {
		out.LeftOut = append(out.LeftOut, leftOut(l))
	}
	out.Omitted = a.Omitted
	return out
}

// Availability is the object that tells why no endpoint answered, for a request for the
// models; nil where an error is of another kind.
func Availability(e *llm.Error, models []string) jsontext.Value {
	if e.Availability == nil {
		return nil
	}
	b, err := json.Marshal(availabilityOf(e, models), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil
	}
	return b
}

func rateHeadersOf(l *llm.Limit) rateHeaders {
	return rateHeaders{strconv.FormatInt(l.Most, 10), strconv.FormatInt(l.Left, 10), strconv.FormatInt(l.Reset.UnixMilli(), 10)}
}

// RateHeaders are the headers of an error that is about a limit of ours (RL-03), when it
// admits what was asked in milliseconds since 1970; of any other there are none. The
// wait may be that of a day, which no hint of an upstream's is.
func RateHeaders(e *llm.Error) map[string]string {
	if e.Limit == nil {
		return nil
	}
	h := rateHeadersOf(e.Limit)
	seconds := max(1, (e.RetryAfter+time.Second-1)/time.Second)
	return map[string]string{
		"X-RateLimit-Limit": h.Limit, "X-RateLimit-Remaining": h.Remaining, "X-RateLimit-Reset": h.Reset,
		"Retry-After": strconv.FormatInt(int64(seconds), 10),
	}
}

// Seconds rounds a hint up to whole seconds within 1..3600; 0 is no hint.
func Seconds(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return int((min(d, time.Hour) + time.Second - 1) / time.Second)
}
