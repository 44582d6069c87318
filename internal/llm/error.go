package llm

import (
	"net/http"
	"strconv"
	"time"
)

// Type is the contract's `error_type` (area 5): what an error says to a program.
type Type string

// The types that this build gives out.
const (
	TypeInvalidRequest   Type = "invalid_request"
	TypeContextLength    Type = "context_length_exceeded"
	TypeContentPolicy    Type = "content_policy_violation"
	TypeAuthentication   Type = "authentication"
	TypePaymentRequired  Type = "payment_required"
	TypePermissionDenied Type = "permission_denied"
	TypeNotFound         Type = "not_found"
	TypePayloadTooLarge  Type = "payload_too_large"
	TypeUnprocessable    Type = "unprocessable"
	TypeImageDownload    Type = "image_download_failed"
	TypeImageFormat      Type = "unsupported_image_format"
	TypeRateLimit        Type = "rate_limit_exceeded"
	TypeUnavailable      Type = "provider_unavailable"
	TypeOverloaded       Type = "provider_overloaded"
	TypeTimeout          Type = "timeout"
	TypeServer           Type = "server"
)

// Status is the HTTP status that a type answers with on chat; a permanent fault
// is never a 5xx, because official SDKs retry those for an hour (ER-09).
func (t Type) Status() int {
	switch t {
	case TypeInvalidRequest, TypeContextLength, TypeContentPolicy, TypeImageDownload, TypeImageFormat:
		return http.StatusBadRequest
	case TypeAuthentication:
		return http.StatusUnauthorized
	case TypePaymentRequired:
		return http.StatusPaymentRequired
	case TypePermissionDenied:
		return http.StatusForbidden
	case TypeNotFound:
		return http.StatusNotFound
	case TypePayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case TypeUnprocessable:
		return http.StatusUnprocessableEntity
	case TypeRateLimit:
		return http.StatusTooManyRequests
	case TypeUnavailable:
		return http.StatusBadGateway
	case TypeOverloaded:
		return http.StatusServiceUnavailable
	case TypeTimeout:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// Fault is whose fault an error is. It decides what is tried next and whose
// health suffers; the Type decides what the caller is told.
type Fault uint8

// The faults.
const (
	FaultOurs       Fault = iota // our own: stop, blame no provider
	FaultCaller                  // the request itself is wrong: stop, unless another model is listed (F16)
	FaultRefused                 // content policy: stop, unless another model is listed (F21)
	FaultGone                    // the caller left: stop
	FaultUnsuited                // this endpoint cannot take a request that another may (F17)
	FaultCredential              // our key was refused or is out of quota there (F18, F19)
	FaultMissing                 // the model is not there any more (F20)
	FaultBusy                    // 429: cools one key (F12, F13)
	FaultOverloaded              // 503, 529 (F15)
	FaultUpstream                // 5xx, connection, or nonsense (F01-F11, F14, F32-F45)
	FaultTimeout                 // too slow (F02, F09, F25-F29)
	FaultBarred                  // a content filter of ours: stop, whoever else is listed (ER-05)
)

// Next reports whether another endpoint of the same model may be tried.
func (f Fault) Next() bool {
	switch f {
	case FaultUnsuited, FaultCredential, FaultMissing, FaultBusy, FaultOverloaded, FaultUpstream, FaultTimeout:
		return true
	default:
		return false
	}
}

// NextModel reports whether another model that the caller listed may be tried
// (FB-02: any error but one of ours, of a filter's or the caller's leaving).
func (f Fault) NextModel() bool { return f != FaultOurs && f != FaultGone && f != FaultBarred }

// Error is a failure in words fit for the caller. Err is the operator's cause:
// it may name hosts, never a secret, and is not sent.
type Error struct {
	Type         Type
	Fault        Fault
	Message      string
	ProviderName string        // display name of the provider that said it, where one did
	ProviderCode string        // the upstream's status or code, where it said one
	RetryAfter   time.Duration // the upstream's hint, 0: none
	Availability *Availability
	Patterns     []string   // of prompt injection that a filter of ours has found (GR-09)
	Reasons      []string   // of a moderation that has blocked it
	Limit        *Limit     // of ours, that there is no room under; nil: it is not about one
	LimitSource  string     // whose limit on spending it is, in the contract's words; "": it is not about one
	Previous     []Attempt  // failed attempts before this one (ER-08)
	Files        []FileText // documents that were read before all failed (FL-05)
	Echoes       []Echo     // what upstreams were sent before, for a caller who asked
	Err          error
}

// Error is the message and its cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap is the operator's cause.
func (e *Error) Unwrap() error { return e.Err }

// OrphanError is the cause of an error: a tool's result answers no call of the
// conversation, and a vendor who wants to know which cannot be told.
type OrphanError struct{ CallID string }

// Error implements error.
func (o OrphanError) Error() string { return "no call has the id " + strconv.Quote(o.CallID) }

// Limit is a limit of ours on how often something may be asked (RL-03).
type Limit struct {
	Most  int64     // that it admits
	Left  int64     // of that
	Reset time.Time // from when on it admits what was asked
}

// Attempt is a failed try, as `previous_errors` tells it.
type Attempt struct {
	Provider string // display name
	Code     Type
	Status   int // the upstream's HTTP status, 0: it never answered
}

// Availability is `error.availability`: why no endpoint answered (area 5).
type Availability struct {
	Code       string // model_not_found, no_endpoints, privacy_restricted, constraint_filtered, capacity_exhausted, ...
	Retryable  bool
	Models     []string // requested_models
	Providers  []string // affected_providers
	ExcludedBy []string
	Fallbacks  []string // fallback_models
	Constraint Constraint
	LeftOut    []LeftOut // each endpoint of the models, as far as they are not too many to list
	Omitted    int       // how many more there are
}

// LeftOut is an endpoint that a rule left out, and what its caller can do about that.
type LeftOut struct {
	Endpoint  string // its id
	Rule      string // `excluded_by`
	By        string // whose rule it is, for people; "" where it is nobody's choice
	Admits    string // what would admit it
	ChangedBy string // who can change that
}

// Constraint is what of a request stands in the way of every endpoint.
type Constraint struct {
	Field  string // max_price, output_modalities, ...; "": none
	Detail string // for people
}

// Bad is a request that its caller must change.
func Bad(message string) *Error {
	return &Error{Type: TypeInvalidRequest, Fault: FaultCaller, Message: message}
}
