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
	For     string // the generation that a tool of ours had this one made for (GN-07); "": none
	Account string
	KeyHash string

	Requested    string // the model as the caller named it
	Strategy     string // how it was understood: direct, auto, ..., or fallback: a later model answered
	Router       string // the name of the router whose choice answered; "": none
	Task         string // what kind of task it was, where a router asked
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
	Parts     []Part // of an answer that others have gone on with, in order; nil: it is of one piece
	Tried     []Try  // every attempt in order, the one that answered last

	Held       money.Nano // the hold's final amount
	Charged    money.Nano // captured: min(Held, Usage.Cost)
	Sheet      string     // hash of the price sheet that was pinned (I9)
	SheetBytes []byte     // the sheet itself, kept once per hash
	Insured    bool       // free by zero-completion insurance (CB-07)
	Unsettled  bool       // the capture is still to come (F67)

	Began        time.Time
	FirstContent time.Time // zero: none came
	Ended        time.Time

	DataClass string // in force for the request; "": none
	Policy    string // version of the operator's policy that held; "": there was none

	User, SessionID, Referer, Title, UserAgent string // Referer is an origin, without path and query

	App   *App  // that asked; nil: none that is known as one (AP-01)
	AppID int64 // of it, once it is kept; 0: none

	Free bool // a free variant was asked, which counts among those of its account on the day (RL-01)

	Preset      string // id of the preset that the request named (PS-07); "": none
	CacheSource string // the generation whose answer was given again, free of charge; "": a fresh one

	ErrorType    llm.Type // "": the answer was good
	ErrorMessage string

	// For the caller, and not kept.
	Told  *llm.RouterMetadata // of the routing; nil: nobody asked
	Spent Spent
}

// App is who asked, as it names itself.
type App struct {
	Key        string   // what makes it this one of its account's
	URL        string   // an origin
	Title      string   // ""; none was said
	Categories []string // at most two of those that are known (AP-02)
}

// Spent is where the time before an answer went, as far as it is ours.
type Spent struct{ Plan, Hold time.Duration }

// Part is what one endpoint had of an answer. Outcome.Endpoint and its kin are the
// last one's. The costs of parts are rounded each, that of the whole is rounded once.
type Part struct {
	Endpoint     string
	ProviderSlug string
	ProviderName string
	Usage        llm.Usage
	Sheet        string // as Outcome.Sheet
	SheetBytes   []byte
}

// Try is one attempt at one endpoint.
type Try struct {
	Endpoint     string
	ProviderSlug string
	ProviderName string
	KeyLabel     string // the operator's name of the key it was asked with; "": its only one
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
