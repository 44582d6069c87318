package relay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/compress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// adapt makes of a request what a candidate's model and limits allow: an effort that it
// knows, and no longer a prompt than it takes.
func adapt(req *llm.Request, c route.Candidate) (*llm.Request, compress.Report, *llm.Error) {
	req, failed := think(req, c)
	if failed != nil {
		return nil, compress.Report{}, failed
	}
	req, cut := squeeze(req, c)
	return req, cut, nil
}

// think asks for an effort that the model knows: the nearest one (SL-10), the least
// where an alias has moved to a model that always thinks (SL-09), and any where the
// name of a variant says that it thinks.
func think(req *llm.Request, c route.Candidate) (*llm.Request, *llm.Error) {
	able := c.Model.Reasoning
	if req.Input == nil || able == nil {
		return req, nil
	}
	asked := req.Input.Reasoning
	if asked == nil {
		if strings.HasSuffix(c.Model.ID, ":thinking") {
			return reasons(req, llm.Reasoning{Enabled: new(true)}), nil
		}
		return req, nil
	}
	r := *asked
	switch {
	case unthinking(asked) && able.Mandatory && c.Strategy == route.Latest:
		r.Effort, r.Enabled, r.MaxTokens = weakest(able), nil, nil
	case unthinking(asked) && able.Mandatory:
		return nil, &llm.Error{
			Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller,
			Message: fmt.Sprintf("reasoning: %s always thinks: ask for an effort, the least is %s", c.Model.ID, weakest(able)),
		}
	case r.Effort == "" || r.Effort == "none":
		return req, nil
	default:
		r.Effort = nearest(r.Effort, able)
	}
	if r.Effort == asked.Effort && r.Enabled == asked.Enabled {
		return req, nil
	}
	return reasons(req, r), nil
}

func reasons(req *llm.Request, r llm.Reasoning) *llm.Request {
	return req.Edit(func(req *llm.Request) {
		in := *req.Input
		in.Reasoning = &r
		req.Input = &in
	})
}

// unthinking reports whether a caller wants no thoughts at all.
func unthinking(r *llm.Reasoning) bool {
	return r.Effort == "none" || r.Enabled != nil && !*r.Enabled || r.MaxTokens != nil && *r.MaxTokens == 0
}

// efforts are all that there are, the weakest first.
func efforts() []string { return []string{"minimal", "low", "medium", "high", "xhigh", "max"} }

// weakest is the least effort of a model.
func weakest(able *catalog.ReasoningAbility) string {
	for _, e := range efforts() {
		if len(able.Efforts) == 0 && e != "minimal" || slices.Contains(able.Efforts, e) {
			return e
		}
	}
	return "low"
}

// nearest is the effort of a model that comes nearest to the one asked for; of two, the
// weaker. A model that lists none takes all.
func nearest(effort string, able *catalog.ReasoningAbility) string {
	if len(able.Efforts) == 0 || slices.Contains(able.Efforts, effort) {
		return effort
	}
	at := slices.Index(efforts(), effort)
	best, least := effort, len(efforts())
	for i, e := range efforts() {
		if away := max(at-i, i-at); away < least && slices.Contains(able.Efforts, e) {
			best, least = e, away
		}
	}
	return best
}

// maxMessages is how many messages a vendor takes at most; 0: any number.
func maxMessages(e *catalog.Endpoint) int {
	if strings.HasPrefix(e.Model, "anthropic/") {
		return 1000
	}
	return 0
}

// answerShare is the part of a context that is left for the answer where the caller did
// not say how long it may be.
const answerShare = 8

// squeeze leaves out of the middle of a prompt what is too much for the endpoint, where
// the caller wants that, or does not mind (PL-03, PL-04). Unasked, only what surely
// does not fit is touched: the estimate is on the high side.
func squeeze(req *llm.Request, c route.Candidate) (*llm.Request, compress.Report) {
	e := c.Endpoint
	if req.Input == nil || !route.Squeezes(&req.Input.Plugins, c.Model, e) {
		return req, compress.Report{}
	}
	room := e.ContextLength - req.Needs.MaxTokens
	if req.Needs.MaxTokens == 0 {
		room -= e.ContextLength / answerShare
	}
	if e.MaxPromptTokens > 0 {
		room = min(room, e.MaxPromptTokens)
	}
	to := compress.Limits{Tokens: max(room, 1), Messages: maxMessages(e)}
	if req.Input.Plugins.Compress != llm.CompressionOn && route.Surely(req.Input.EstimatePrompt()) <= to.Tokens {
		to.Tokens = 0
	}
	in, cut := compress.Middle(req.Input, to)
	if !cut.Changed() {
		return req, cut
	}
	return req.Edit(func(req *llm.Request) {
		req.Input = in
		req.Needs.PromptTokens, req.Needs.Images = in.EstimatePrompt(), in.Images()
	}), cut
}
