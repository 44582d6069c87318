// Package messages speaks Anthropic's Messages API, version 2023-06-01, both halves:
// what callers send and get ([Client], in the wider form that the public contract
// gives it) and what vendors are sent and answer ([Upstream], bent by [Quirks] to
// the ways in which they deviate). https://platform.claude.com/docs/en/api/messages
//
// Between a caller and a vendor of this language bytes pass through: only members
// that belong to the gateway are edited. A thought of another vendor reaches the
// caller as a thinking block whose signature is a seal (llm.Seal), and goes back to
// whoever had it.
//
// Upstream, the language asks for more than the canon holds and refuses some of
// what other languages allow. What is done about it, each rule at the code that
// follows it:
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
//   - Thinking: see [claude] and think.
package messages

import (
	"net/http"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Quirks are behaviours in which a vendor that speaks this language differs from
// its author. The zero value is the author.
type Quirks struct {
	// ThoughtFormat is what the vendor's thoughts are stamped with, and the only
	// stamp under which thoughts are sent back to it (RE-07). Another maker's
	// signatures must not reach Claude, which refuses them. Empty means
	// [llm.FormatAnthropic].
	ThoughtFormat string

	// Path and StreamPath are where requests go, those for a stream to the second.
	// {model} stands for the model's name, which the body then does not tell. Empty
	// means /v1/messages for both.
	Path, StreamPath string
	// StreamByPath: the path alone says that a stream is wanted, the body may not.
	StreamByPath bool
	// Version is what the body tells as anthropic_version, in place of a header.
	Version string
	// BetasInBody: beta features are named in the body, not in a header.
	BetasInBody bool
	// Betas are the beta features that the vendor knows, of those that are allowed
	// at all; nil: all of them. A name that it does not know is an error there.
	Betas []string
	// Wrapped: a stream is one of AWS's, and each frame holds an event in base64.
	Wrapped bool

	// NoURLs: images and documents are taken as bytes only.
	NoURLs bool
	// NoFiles: there are no files that the vendor keeps.
	NoFiles bool
	// NoSystemTurns: instructions stand before the conversation, never within it.
	NoSystemTurns bool
	// NoDeferredTools: all tools are offered from the beginning.
	NoDeferredTools bool
}

const (
	defaultPath = "/v1/messages"
	modelInPath = "{model}"
)

// Upstream is the half that speaks to a vendor.
func Upstream(q Quirks) dialect.Upstream {
	if q.ThoughtFormat == "" {
		q.ThoughtFormat = llm.FormatAnthropic
	}
	if q.Path == "" {
		q.Path = defaultPath
	}
	if q.StreamPath == "" {
		q.StreamPath = q.Path
	}
	return upstream{q}
}

type upstream struct{ q Quirks }

func (upstream) Name() llm.Dialect { return llm.Messages }

// NewDecoder reads the answer to req. The vendor's usage object is kept only for
// a caller who speaks this language too.
func (u upstream) NewDecoder(req *llm.Request, _ dialect.Target) dialect.Decoder {
	return &decoder{format: u.q.ThoughtFormat, wrapped: u.q.Wrapped, meter: meter{keep: req.Dialect == llm.Messages}}
}

// Continues implements dialect.Upstream: a Claude up to 4.5, none of which thinks unasked.
// https://platform.claude.com/docs/en/about-claude/models/migration-guide
func (upstream) Continues(to dialect.Target, _ bool) bool { return parseClaude(to.Model).continues() }

// Types implements dialect.Upstream.
func (upstream) Types() dialect.Types {
	return dialect.Types{Images: dialect.UsualImages(), Files: []string{dialect.PDF, dialect.Text}}
}

// Error reads the envelope {"type":"error","error":{"type","message"}}, and those
// of the clouds. Bodies in other shapes are judged by their status.
func (upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	f := readFailure(body)
	if f.Type == "" { // AWS names it in a header: ThrottlingException:http://...
		f.Type, _, _ = strings.Cut(h.Get("X-Amzn-Errortype"), ":")
	}
	e := classify(status, f)
	e.RetryAfter = retryAfter(h)
	return dialect.Regional(e, status, body)
}
