// Package dialect is the seam between languages and everything else. A dialect
// has a client half (parse a caller's request, emit an answer) and an upstream
// half (encode a request, decode an answer); no dialect knows another, so N + M
// halves serve N x M pairs. The fixture runner is in dialecttest.
package dialect

import (
	"io"
	"net/http"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// Client is the half that callers speak to.
type Client interface {
	Name() llm.Dialect
	// Parse reads a request body. Its errors are *llm.Error with FaultCaller.
	Parse(body []byte, h http.Header) (*llm.Request, error)
	// NewEmitter writes the answer to req into w. It keeps what it needs of the
	// request, whose input is let go of while the answer flows.
	NewEmitter(w Sink, req *llm.Request) Emitter
	// Refuse is the body that says an error which came before any answer, and its
	// HTTP status. Status 0: such an error is an answer to callers of this dialect,
	// which the emitter's Fail writes (ER-12).
	Refuse(Refusal) (status int, body []byte)
}

// Refusal is an error that comes instead of an answer.
type Refusal struct {
	Error  *llm.Error
	ID     string              // gen-..., "" before there was one
	Models []string            // that were asked for
	Router *llm.RouterMetadata // of a request that was routed, for a caller who asked; nil: none
}

// Sink is where an emitter writes: an HTTP response, or a buffer in tests.
type Sink interface {
	io.Writer
	Flush() error
}

// Head is what is known of an answer once an endpoint has been committed to.
type Head struct {
	ID       string              // gen-...
	Model    string              // the concrete model that answers (US-10)
	Provider string              // display name
	Created  int64               // Unix seconds
	Now      func() time.Time    // the clock, for answers that tell when they were complete; nil: none does
	Lost     []string            // fields that could not be said to the endpoint: X-Turnpike-Lossy
	Files    []llm.FileText      // documents whose text was read for the model (FL-04)
	Router   *llm.RouterMetadata // complete when the answer ends, for a caller who asked; nil: none
	Echoes   []llm.Echo          // what upstreams were sent, for a caller who asked (ST-09)
	Cached   *Cached             // nil: a fresh answer
}

// Cached is what is told of an answer that was given before (RC-04).
type Cached struct {
	Source string        // gen-... of the request that it was made for
	Age    time.Duration // since then
	Left   time.Duration // until it is forgotten
}

// Emitter writes one answer: Begin, then Emit for every chunk, then Finish or
// Fail. Emit flushes unless the chunk says that more is already here.
type Emitter interface {
	Begin(Head)
	Emit(llm.Chunk) error
	// Finish ends a good answer with its final usage, cost included.
	Finish(llm.Usage) error
	// Fail ends an answer whose first content is already out (ST-05, ER-10).
	Fail(*llm.Error, llm.Usage) error
}

// Target is the endpoint a request is encoded for.
type Target struct {
	Model     string          // native name
	Author    string          // of the model, as the catalogue names it: "openai"; "" if unknown
	Stream    bool            // ask for a stream
	Accepts   map[string]bool // supported parameters; what is not there is left out (CR-02); nil: all
	MaxOutput int64           // the endpoint's output limit in tokens, 0: unknown
	User      string          // the end user's hash, "" if none was named (CR-09)
	Prefill   Prefill         // how the beginning of an answer is marked; "": as the dialect has it
}

// Prefill is how an endpoint is told that a last message of the assistant's is the
// beginning of its answer, which goes on exactly behind it. "" is not known: such a
// message is sent as it is, and what comes may be an answer of its own.
type Prefill string

// The ways.
const (
	PrefillNone    Prefill = "none"                   // it cannot be told
	PrefillPlain   Prefill = "plain"                  // nothing marks it
	PrefillPrefix  Prefill = "prefix"                 // by a member of the message
	PrefillPartial Prefill = "partial"                // the same
	PrefillFinal   Prefill = "continue_final_message" // by a member of the body
)

// Takes reports whether the endpoint takes the parameter.
func (t Target) Takes(parameter string) bool { return t.Accepts == nil || t.Accepts[parameter] }

// Call is an HTTP request to be made, short of its base URL and credentials.
type Call struct {
	Path   string      // begins with a slash; may carry a query
	Header http.Header // an Accept here goes before the usual one
	Body   []byte
	Lost   []string // what of the request's values could not be said, beyond the fields that Coverage drops
}

// Upstream is the half that speaks to a vendor.
type Upstream interface {
	Name() llm.Dialect
	Encode(req *llm.Request, to Target) (Call, error)
	// NewDecoder reads the answer to req from the endpoint that it was encoded for.
	NewDecoder(req *llm.Request, from Target) Decoder
	// Coverage is what of a request it can say, apart from what an endpoint takes.
	Coverage() Coverage
	// Types are the media that it takes as they come.
	Types() Types
	// Continues reports whether the endpoint is known to go on exactly behind a last
	// message of the assistant's, without a thought before. thinks says that the model
	// thinks unless it is told not to.
	Continues(to Target, thinks bool) bool
	// Error reads an answer with a status that is not 2xx; body is capped.
	Error(status int, h http.Header, body []byte) *llm.Error
}

// Decoder turns frames into events: a state machine without I/O, goroutine or
// context. Its errors are *llm.Error. It appends to dst and returns it. Text in
// events is copied out of the frame.
type Decoder interface {
	// Frame decodes one frame of a stream.
	Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error)
	// Whole decodes the body of an answer that was not streamed.
	Whole(dst []llm.Event, body []byte) ([]llm.Event, error)
	// End is called once after the last frame. Where the answer has no terminal
	// signal of its protocol, it is an error (F33, F45).
	End(dst []llm.Event) ([]llm.Event, error)
	// Done reports that the protocol's terminal signal has been seen: nothing
	// that follows matters (F30).
	Done() bool
	// Verbatim reports whether the frame just decoded may be forwarded as it is
	// to a caller of the same dialect.
	Verbatim() bool
}
