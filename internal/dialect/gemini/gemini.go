// Package gemini speaks Google's generateContent: the upstream half only. AI
// Studio and Vertex publish nearly the same bodies under different bases
// (".../v1beta" and ".../publishers/google"), so a path here is what both have
// in common: "/models/{model}:{method}". [Quirks] are the rest.
//
// What has no counterpart there is left out: prompt-cache marks (caching is
// implicit), parallel_tool_calls, `user`, verbosity, image detail, members nobody
// knows. Safety settings are the project's own and are not touched. On answers, the
// traces of Google's own tools (executableCode, codeExecutionResult) have no block
// in the canon and are passed over, as are the images of thoughts.
// https://ai.google.dev/api/generate-content
// https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
package gemini

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Quirks are the ways in which an endpoint differs from AI Studio, which is the
// zero value.
type Quirks struct {
	// NoCallIDs: calls and results are matched by their order, never by an id.
	NoCallIDs bool
	// NoValidated: the mode VALIDATED of function calling is not known.
	NoValidated bool
	// Buckets: files are kept in Cloud Storage (gs://...), not in the Files API
	// (files/...).
	Buckets bool
}

// Vertex are the quirks of Vertex AI's v1.
func Vertex() Quirks { return Quirks{NoCallIDs: true, NoValidated: true, Buckets: true} }

// Upstream is the half that speaks to Google.
func Upstream(q Quirks) dialect.Upstream { return upstream{q} }

type upstream struct{ q Quirks }

// Name is the dialect's name.
func (upstream) Name() llm.Dialect { return llm.Gemini }

// Encode writes req as a generateContent call for the endpoint. Its errors are
// *llm.Error: a tool result that answers no call, a file only another vendor
// holds, a schema that is none.
func (u upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	in, family := req.Input, familyOf(to.Model)
	body, err := encodeContents(in, &u.q, family)
	if err != nil {
		return dialect.Call{}, err
	}
	s := settings{q: &u.q, in: in, to: to, family: family, lost: dialect.Foreign(in, func(f string) bool { return f == llm.FormatGemini })}
	if err := s.offer(body); err != nil {
		return dialect.Call{}, err
	}
	if body.GenerationConfig, err = s.config(); err != nil {
		return dialect.Call{}, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return dialect.Call{}, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request cannot be written as JSON", Err: err}
	}
	return dialect.Call{Path: pathOf(to), Header: http.Header{"Content-Type": {"application/json"}}, Body: text, Lost: s.lost}, nil
}

// NewDecoder decodes the answer to req.
func (upstream) NewDecoder(req *llm.Request, _ dialect.Target) dialect.Decoder {
	return &decoder{id: strings.TrimPrefix(req.ID, "gen-"), open: none}
}

// Continues implements dialect.Upstream: Gemini 2 whose thinking can be switched off.
// Later models refuse contents that end with a turn of the model's, from 3.6 on, and
// think always before.
func (upstream) Continues(to dialect.Target, _ bool) bool { return familyOf(to.Model).continues() }

// Types implements dialect.Upstream. A GIF is refused.
// https://ai.google.dev/gemini-api/docs/image-understanding#supported-formats
func (upstream) Types() dialect.Types {
	return dialect.Types{
		Images: []string{dialect.JPEG, dialect.PNG, dialect.WebP, "image/heic", "image/heif"},
		Files:  []string{dialect.PDF, dialect.Text},
	}
}

// pathOf keeps a native name within its one segment: it can neither change the
// method, nor add a query, nor climb (S14). PathEscape leaves colons alone.
func pathOf(to dialect.Target) string {
	name := strings.ReplaceAll(url.PathEscape(to.Model), ":", "%3A")
	if to.Stream {
		return "/models/" + name + ":streamGenerateContent?alt=sse"
	}
	return "/models/" + name + ":generateContent"
}
