package messages

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

const (
	version        = "2023-06-01"
	betaStructured = "structured-outputs-2025-11-13"
	maxMarks       = 4 // prompt-cache breakpoints of a request
)

// Encode builds the request. Its errors are *llm.Error: content that this
// language cannot express is FaultUnsuited, never dropped in silence.
func (u upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	in := req.Input
	t := turns{format: u.q.ThoughtFormat}
	if err := t.converse(in.Messages); err != nil {
		return dialect.Call{}, err
	}
	r := &request{Model: to.Model, Stream: to.Stream, System: t.system, Messages: t.messages()}
	betas := allowedBetas(req.Forward)
	if f := in.Format; f != nil && f.Type == llm.FormatJSONSchema && f.Schema != nil && to.Takes("structured_outputs") {
		r.output().Format = &outputFormat{Type: string(llm.FormatJSONSchema), Schema: f.Schema}
		if !slices.Contains(betas, betaStructured) {
			betas = append(betas, betaStructured)
		}
	}
	r.offer(in, to, slices.Contains(betas, betaStructured))
	r.think(in, to)
	if to.Takes("stop") {
		r.Stop = slices.DeleteFunc(slices.Clone(in.Stop), blank) // the API refuses white space alone
	}
	if to.User != "" {
		r.Metadata = &metadata{to.User} // CR-09
	}
	r.mark(in.Cache)

	body, err := json.Marshal(r)
	if err == nil {
		body, err = addExtra(body, in.Extra, to)
	}
	if err != nil {
		return dialect.Call{}, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request holds invalid JSON or UTF-8", Err: err}
	}
	h := http.Header{"Content-Type": {"application/json"}, "Anthropic-Version": {version}}
	if len(betas) > 0 {
		h.Set("Anthropic-Beta", strings.Join(betas, ","))
	}
	return dialect.Call{Path: "/v1/messages", Header: h, Body: body}, nil
}

// allowedBetas are the beta features the caller asked for that change no more
// than the request itself: none that runs tools, stores files or costs extra
// outside the catalogue's prices.
func allowedBetas(h http.Header) (betas []string) {
	for _, line := range h.Values("X-Anthropic-Beta") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if allowedBeta(name) && !slices.Contains(betas, name) {
				betas = append(betas, name)
			}
		}
	}
	return betas
}

func allowedBeta(name string) bool {
	switch name {
	case betaStructured,
		"interleaved-thinking-2025-05-14",
		"fine-grained-tool-streaming-2025-05-14",
		"token-efficient-tools-2025-02-19",
		"context-1m-2025-08-07",
		"output-128k-2025-02-19",
		"prompt-caching-2024-07-31",
		"extended-cache-ttl-2025-04-11",
		"effort-2025-11-24":
		return true
	default:
		return false
	}
}

// offer sets the tools and the choice among them. `strict` is known only with
// the structured outputs beta (contract, area 6); arguments stream as they are
// made only where each tool asks for it (ST-13).
func (r *request) offer(in *llm.ChatInput, to dialect.Target, structured bool) {
	if len(in.Tools) == 0 || !to.Takes("tools") {
		return
	}
	r.Tools = make([]tool, len(in.Tools))
	for i, t := range in.Tools {
		w := tool{Name: t.Name, Description: t.Description, InputSchema: t.Parameters, Eager: r.Stream}
		if absent(w.InputSchema) {
			w.InputSchema = jsontext.Value(`{"type":"object"}`) // the API requires a schema
		}
		if structured {
			w.Strict = t.Strict
		}
		if t.Cache != nil {
			w.Cache = mark(t.Cache)
		}
		r.Tools[i] = w
	}
	if !to.Takes("tool_choice") {
		return
	}
	choice := toolChoice{Type: "auto", DisableParallel: in.Parallel != nil && !*in.Parallel}
	switch {
	case in.Choice == nil && !choice.DisableParallel:
		return
	case in.Choice == nil:
	case in.Choice.Mode == llm.ToolNone:
		choice = toolChoice{Type: "none"}
	case in.Choice.Mode == llm.ToolRequired:
		choice.Type = "any"
	case in.Choice.Mode == llm.ToolNamed:
		choice.Type, choice.Name = "tool", in.Choice.Name
	}
	r.ToolChoice = &choice
}

// mark turns the caller's top-level mark into a breakpoint after the last block
// that can carry one, and keeps the last four of all breakpoints in the order in
// which the API reads a prompt: tools, system, messages.
func (r *request) mark(top *llm.CacheMark) {
	var places []**cacheControl
	for i := range r.Tools {
		places = append(places, &r.Tools[i].Cache)
	}
	for _, b := range r.System {
		places = append(places, &b.Cache)
	}
	for _, m := range r.Messages {
		for _, b := range m.Content {
			if b.Type != blockThinking && b.Type != blockRedacted {
				places = append(places, &b.Cache)
			}
		}
	}
	if n := len(places); top != nil && n > 0 && *places[n-1] == nil {
		*places[n-1] = mark(top)
	}
	kept := 0
	for _, p := range slices.Backward(places) {
		if *p == nil {
			continue
		}
		if kept++; kept > maxMarks {
			*p = nil
		}
	}
}

// addExtra adds the members that nobody here knows and that the endpoint is
// known to take (CR-03): the API refuses others.
func addExtra(body []byte, extra []llm.Extra, to dialect.Target) ([]byte, error) {
	if to.Accepts == nil || len(extra) == 0 {
		return body, nil
	}
	members, err := splice.Members(body)
	if err != nil {
		return nil, err
	}
	var edits []splice.Edit
	for _, e := range extra {
		known := slices.ContainsFunc(members, func(m splice.Member) bool { return m.Name == e.Name })
		if to.Accepts[e.Name] && !known {
			edits = append(edits, splice.Set(e.Name, e.Value))
		}
	}
	if len(edits) == 0 {
		return body, nil
	}
	return splice.ApplyTo(nil, body, members, edits...), nil
}
