// Package gemini speaks Google's generateContent: the upstream half only. AI
// Studio and Vertex publish the same bodies under different bases
// (".../v1beta" and ".../publishers/google"), so a path here is what both have
// in common: "/models/{model}:{method}".
//
// What has no counterpart there is left out: prompt-cache marks (caching is
// implicit), parallel_tool_calls, a tool's `strict`, `user`, verbosity, image
// detail, members nobody knows. Safety settings are the project's own and are
// not touched. On answers, generated images (inlineData) and the traces of
// Google's own tools (executableCode, codeExecutionResult, grounding) have no
// block in the canon and are passed over.
package gemini

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Upstream is the half that speaks to Google.
func Upstream() dialect.Upstream { return upstream{} }

type upstream struct{}

// Name is the dialect's name.
func (upstream) Name() llm.Dialect { return llm.Gemini }

// Encode writes req as a generateContent call for the endpoint. Its errors are
// *llm.Error: a tool result that answers no call, a file only another vendor
// holds.
func (upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	family := familyOf(to.Model)
	body, err := encodeContents(req.Input, family)
	if err != nil {
		return dialect.Call{}, err
	}
	if to.Takes("tools") {
		body.Tools = encodeTools(req.Input.Tools)
	}
	if len(body.Tools) > 0 && to.Takes("tool_choice") {
		body.ToolConfig = encodeChoice(req.Input.Choice)
	}
	if body.GenerationConfig, err = encodeConfig(req.Input, to, family); err != nil {
		return dialect.Call{}, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return dialect.Call{}, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request cannot be written as JSON", Err: err}
	}
	return dialect.Call{Path: pathOf(to), Header: http.Header{"Content-Type": {"application/json"}}, Body: text}, nil
}

// NewDecoder decodes the answer to req.
func (upstream) NewDecoder(req *llm.Request) dialect.Decoder {
	return &decoder{id: strings.TrimPrefix(req.ID, "gen-"), open: none}
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

// family is what a model's native name says about the requests it takes. Google
// has no other way to tell, so names that are not known to be older get what the
// newest models take.
type family struct {
	gemini3 bool // wants a thought signature on the first call of every turn; thinks by level
	budget  bool // thinks by token budget
	least   int64
	most    int64
	always  bool // thinking cannot be turned off
	unasked bool // thinks without being asked
	minimal bool // takes the level "minimal"
	system  bool // takes systemInstruction
}

func familyOf(model string) family {
	name := strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
	has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("gemma-"):
		return family{}
	case has("gemini-1", "gemini-2.0", "gemini-pro-vision"):
		return family{system: true}
	case has("gemini-2.5-pro"):
		return family{budget: true, least: 128, most: 32768, always: true, unasked: true, system: true}
	case has("gemini-2.5-flash-lite"):
		return family{budget: true, least: 512, most: 24576, system: true}
	case has("gemini-2.5", "gemini-robotics-er-1.5"):
		return family{budget: true, least: 1, most: 24576, unasked: true, system: true}
	default:
		minimal := strings.Contains(name, "flash-lite") || has("gemini-3-flash", "gemini-3.1-flash", "gemini-3.5-flash", "gemini-3.6-flash")
		return family{gemini3: true, always: true, unasked: true, minimal: minimal, system: true}
	}
}
