// Package cohere speaks Cohere's chat, version 2: the upstream half.
// https://docs.cohere.com/reference/chat
//
// Where the language differs from the canon:
//
//   - A tool can be forced (REQUIRED) or forbidden (NONE), none singled out: of
//     several, the one that is named is offered alone.
//   - What the model says before its calls, the tool plan, is a thought of its
//     own stamp; it goes back as `tool_plan`, thinking goes back as content.
//   - The bill counts billed_units. `tokens` also holds the vendor's own prompt
//     around the caller's, which nobody pays for.
package cohere

import (
	"net/http"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Upstream is the half that speaks to the vendor.
func Upstream() dialect.Upstream { return upstream{} }

type upstream struct{}

func (upstream) Name() llm.Dialect { return llm.Cohere }

func (upstream) NewDecoder(*llm.Request, dialect.Target) dialect.Decoder {
	return &decoder{text: noBlock, thought: noBlock}
}

// Types implements dialect.Upstream.
func (upstream) Types() dialect.Types { return dialect.Types{Images: dialect.UsualImages()} }

// Coverage implements dialect.Upstream.
func (upstream) Coverage() dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldFrequencyPenalty,
		dialect.FieldPresencePenalty, dialect.FieldSeed, dialect.FieldLogprobs, dialect.FieldStop, dialect.FieldLateSystem,
		dialect.FieldPrefill, dialect.FieldJSON, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict,
		dialect.FieldToolNone, dialect.FieldToolRequired, dialect.FieldReasoning, dialect.FieldThoughts, dialect.FieldImage,
		dialect.FieldImageURL, dialect.FieldImageDetail)
	return c.With(dialect.Mapped, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldToolNamed, dialect.FieldToolAllowed,
		dialect.FieldCustomTools, dialect.FieldNativeTools)
}

// Continues implements dialect.Upstream: nothing is known of it.
func (upstream) Continues(dialect.Target, bool) bool { return false }

// Error reads {"message"} beside a status. https://docs.cohere.com/reference/errors
func (upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	e := classify(status, messageOf(body))
	e.RetryAfter = retryAfter(h)
	return dialect.Regional(e, status, body)
}
