// Package record is what Turnpike remembers of a call: the [Outcome], made by
// the gateway once the answer has ended and kept by a [Sink]. It carries no
// prompt and no completion (trust P10).
package record

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Outcome is all that is remembered of one generation.
type Outcome struct {
	ID      string // gen-...
	Account string
	KeyHash string

	Requested    string // the model as the caller named it
	Model        string // the one that answered, or that was tried last
	Endpoint     string // catalogue id of the endpoint that answered
	ProviderSlug string
	ProviderName string
	UpstreamID   string // the upstream's own id of the answer
	Dialect      llm.Dialect

	Streamed  bool
	Cancelled bool // the caller left before the end
	Finish    llm.FinishReason
	Usage     llm.Usage
	Tried     []Try // every attempt in order, the one that answered last

	Held       money.Nano // the hold's final amount
	Charged    money.Nano // captured: min(Held, Usage.Cost)
	Sheet      string     // hash of the price sheet that was pinned (I9)
	SheetBytes []byte     // the sheet itself, kept once per hash
	Insured    bool       // free by zero-completion insurance (CB-07)
	Unsettled  bool       // the capture is still to come (F67)

	Began        time.Time
	FirstContent time.Time // zero: none came
	Ended        time.Time

	User, SessionID, Referer, Title, UserAgent string

	ErrorType    llm.Type // "": the answer was good
	ErrorMessage string
}

// Try is one attempt at one endpoint.
type Try struct {
	Endpoint     string
	ProviderSlug string
	ProviderName string
	Model        string
	Status       int      // the upstream's HTTP status; 0: it never answered
	Type         llm.Type // "": this one answered
	Latency      time.Duration
}

// Sink keeps outcomes. Record must not block the caller for long and must not
// fail it: what cannot be kept is counted and dropped (F92).
type Sink interface {
	Record(o Outcome)
}
