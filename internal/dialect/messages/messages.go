// Package messages speaks Anthropic's Messages API, version 2023-06-01: the
// upstream half. https://platform.claude.com/docs/en/api/messages
//
// The language asks for more than the canon holds and refuses some of what other
// languages allow. What is done about it, each rule at the code that follows it:
//
//   - max_tokens is required: the caller's, else the endpoint's limit from the
//     catalogue, else 4096, which every model that speaks it can produce.
//   - Only user and assistant speak, in turns: neighbours of one role are merged.
//     System messages that lead become `system`; later ones keep their place as
//     text of a user turn, because moving them to the front would change what
//     they follow and break the prompt cache. Results of tools open their turn.
//   - Blank text is refused by the API and left out; what a prefill ends in is
//     trimmed of white space.
//   - There is no JSON mode without a schema: json_object is left out, as every
//     parameter is that an endpoint cannot take (CR-02). A caller's own words
//     that ask for JSON, which that mode demands anyway, do reach the model.
//   - Thinking: see [claude] and thinkingFor.
package messages

import (
	"net/http"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Quirks are behaviours in which a vendor that speaks this language differs from
// its author.
type Quirks struct {
	// ThoughtFormat is what the vendor's thoughts are stamped with, and the only
	// stamp under which thoughts are sent back to it (RE-07). Another maker's
	// signatures must not reach Claude, which refuses them. Empty means
	// [llm.FormatAnthropic].
	ThoughtFormat string
}

// Upstream is the half that speaks to a vendor.
func Upstream(q Quirks) dialect.Upstream {
	if q.ThoughtFormat == "" {
		q.ThoughtFormat = llm.FormatAnthropic
	}
	return upstream{q}
}

type upstream struct{ q Quirks }

func (upstream) Name() llm.Dialect { return llm.Messages }

// NewDecoder reads the answer to req. The vendor's usage object is kept only for
// a caller who speaks this language too.
func (u upstream) NewDecoder(req *llm.Request) dialect.Decoder {
	return &decoder{format: u.q.ThoughtFormat, meter: meter{keep: req.Dialect == llm.Messages}}
}

// Error reads the envelope {"type":"error","error":{"type","message"}}. Bodies
// in other shapes are judged by their status.
func (upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	e := classify(status, readFailure(body))
	e.RetryAfter = retryAfter(h)
	return e
}
