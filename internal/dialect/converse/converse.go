// Package converse speaks Amazon Bedrock's Converse and ConverseStream, the half
// that asks. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
//
// The language is one, the models behind it are many, and it refuses what a model
// does not know. What a model's name tells of it is in [model]; what a model cannot
// be told is left out and named in Call.Lost. Beyond that:
//
//   - Only user and assistant speak, in turns: neighbours of one role are merged,
//     results of tools open their turn. System messages that lead become `system`,
//     later ones keep their place as text of the user. A conversation that begins
//     with the assistant is given a first turn, as the API wants one.
//   - Blank text is refused and left out; what a prefill ends in is trimmed of white
//     space.
//   - There is no tool_choice of none. Without tool calls in the history the tools
//     are not offered. With them they must be: Claude is then told in its own words,
//     other models may still call. Where the caller offers no tools any more, those
//     of the history are declared without their parameters.
//   - A few models do not stream where there are tools: they are asked for a whole
//     answer, which the relay reads as such.
//   - There is no JSON mode without a schema, no seed, no penalty.
package converse

import (
	"net/http"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Upstream is the half that speaks to Bedrock.
func Upstream() dialect.Upstream { return upstream{} }

type upstream struct{}

func (upstream) Name() llm.Dialect { return llm.Converse }

// NewDecoder reads the answer to req. Nothing in an answer says which model it is of.
func (upstream) NewDecoder(req *llm.Request, from dialect.Target) dialect.Decoder {
	m := modelOf(from)
	d := &decoder{format: m.stamp()}
	if req != nil && req.Input != nil {
		for i := range req.Input.Tools {
			if name := req.Input.Tools[i].Name; toolName(name) != name {
				d.rename(toolName(name), name)
			}
		}
	}
	return d
}

// Coverage implements dialect.Upstream: what Claude can be told. What other models
// cannot is in Call.Lost.
func (upstream) Coverage() dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldStop, dialect.FieldVerbosity,
		dialect.FieldPrefill, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict, dialect.FieldToolRequired,
		dialect.FieldToolNamed, dialect.FieldParallel, dialect.FieldToolError, dialect.FieldToolMedia, dialect.FieldReasoning,
		dialect.FieldThoughts, dialect.FieldCacheControl, dialect.FieldCacheTTL, dialect.FieldImage, dialect.FieldAudio,
		dialect.FieldVideo, dialect.FieldFile, dialect.FieldCitations)
	c = c.With(dialect.Mapped,
		dialect.FieldUser, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldCustomTools,
		dialect.FieldNativeTools, dialect.FieldToolNone, dialect.FieldToolAllowed)
	return c.With(dialect.Fetched, dialect.FieldImageURL, dialect.FieldAudioURL, dialect.FieldVideoURL, dialect.FieldFileURL)
}

// Continues implements dialect.Upstream: a Claude up to 4.5, and Amazon's first Nova; none
// of them thinks unasked.
// https://docs.aws.amazon.com/nova/latest/userguide/prompting-structured-output.html
func (upstream) Continues(to dialect.Target, _ bool) bool {
	m := modelOf(to)
	return m.continues()
}

// Types implements dialect.Upstream.
func (upstream) Types() dialect.Types {
	return dialect.Types{Images: dialect.UsualImages(), Files: []string{dialect.PDF, dialect.Text}}
}

// Error reads an answer with a status that is not 2xx. The failure's name is in a
// header, or in the body on the way through a proxy.
func (upstream) Error(status int, h http.Header, body []byte) *llm.Error {
	f := readFailure(body)
	if name, _, _ := strings.Cut(h.Get("X-Amzn-Errortype"), ":"); name != "" {
		f.name = name
	}
	e := classify(status, f)
	e.RetryAfter = dialect.RetryAfter(h, time.Time{}) // a date counts from the answer's own
	return dialect.Regional(e, status, body)
}
