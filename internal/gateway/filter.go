package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/moderate"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// screen makes of a request what its content filters let be sent, and has the operator's
// moderation asked about that (contract area 26). What must not be sent is an error: nobody
// has been asked then, and nothing held. It comes before all that reads the request.
func (g *Gateway) screen(ctx context.Context, req *llm.Request, limits *policy.Limits, o *record.Outcome) (*filter.Pass, error) {
	pass := limits.Filters.Begin()
	if pass != nil || limits.Detects() {
		req.Screen = func(text string) (string, error) {
			if err := limits.Text(text); err != nil { // before anything is taken out
				return "", err
			}
			return pass.Text(text)
		}
	}
	if pass != nil && req.Cache.On { // another answer, where the filters have changed since
		sum := limits.Filters.Digest()
		req.Cache.Body = sha256.Sum256(append(sum[:], req.Cache.Body[:]...))
	}
	err := pass.Request(req)
	tell(o, pass.Found())
	if err != nil {
		return nil, err
	}
	return pass, g.moderate(ctx, req, limits, o)
}

// moderate asks the operator's moderation whether the request may be sent (F99).
func (g *Gateway) moderate(ctx context.Context, req *llm.Request, limits *policy.Limits, o *record.Outcome) error {
	by := limits.Moderation
	if by == nil || req.Input == nil {
		return nil
	}
	var v moderate.Verdict
	err := limits.AdmitsService(by, o.Began)
	switch {
	case err != nil:
	case g.Moderate == nil:
		err = errors.New("nobody can ask it here")
	default:
		v, err = g.Moderate.Moderate(ctx, by, policy.Said(req))
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errGone()
	case err != nil && by.Required:
		return &llm.Error{
			Type: llm.TypeOverloaded, Fault: llm.FaultOurs, RetryAfter: time.Second, Err: err,
			Message: "The moderation of requests cannot be asked right now, and nothing is sent without it: try again",
		}
	case err != nil:
		if g.Gate != nil && g.Gate.Skipped != nil {
			g.Gate.Skipped(by.Name, err)
		}
		o.Told.Did(skipped("moderation"))
	case v.Flagged:
		message := "Request blocked by moderation"
		if len(v.Categories) > 0 {
			message += ": " + strings.Join(v.Categories, ", ")
		}
		return &llm.Error{Type: llm.TypePermissionDenied, Fault: llm.FaultBarred, Message: message, Reasons: v.Categories, Err: errModerated}
	}
	return nil
}

// errModerated is the cause of a refusal by a moderation.
var errModerated = errors.New("blocked by the operator's moderation")

// screens has the answer looked at on its way, if there is anything to look for or to put
// back. It must come before the request is let go of, and around all that goes on with the
// answer: what has been taken out goes back to no model.
func (g *Gateway) screens(who identity.Principal, req *llm.Request, limits *policy.Limits, a *relay.Answer, m *meter, o *record.Outcome) {
	if m.screened == nil {
		return
	}
	f := req.Input.Format
	json := f != nil && (f.Type == llm.FormatJSON || f.Type == llm.FormatJSONSchema)
	stopped := sync.OnceFunc(func() { g.stopped(who, limits, o, m.screened) })
	a.Stream = &screened{Stream: m.screened.Answer(a.Stream, json, m.tool != nil), m: m, o: o, told: m.screened.Found(), stopped: stopped}
}

// screened is the stream of an answer that is looked at.
type screened struct {
	llm.Stream
	m    *meter
	o    *record.Outcome
	told []filter.Found

	stopped func() // tells the audit log, once
}

// Next is the next chunk as its caller may have it. An answer is not kept if it was ended
// for what it says, or has again what must not be sent.
func (s *screened) Next() (llm.Chunk, error) {
	c, err := s.Stream.Next()
	pass := s.m.screened
	if pass.Restores() || pass.Stopped() {
		s.m.keep = nil
	}
	if pass.Stopped() {
		s.stopped()
	}
	if s.o.Told != nil && slices.ContainsFunc(c.Events, func(e llm.Event) bool { return e.Kind == llm.Finish }) {
		tell(s.o, slices.DeleteFunc(pass.Found(), func(f filter.Found) bool {
			return slices.ContainsFunc(s.told, func(t filter.Found) bool { return t.Entry == f.Entry })
		}))
		s.told = pass.Found()
	}
	return c, err
}

// tell notes for a caller who asked what the filters have found, a stage for each guardrail
// and kind of filter. It says nothing of what that was.
func tell(o *record.Outcome, found []filter.Found) {
	if o.Told == nil {
		return
	}
	type key struct {
		from   filter.Origin
		name   string
		action filter.Action
		way    filter.Scope
	}
	var order []key
	kinds := map[key][]string{}
	for _, f := range found {
		k := key{f.Entry.From, "content-filter", f.Entry.Action, f.Entry.Scope}
		names := []string{f.Entry.Kind()}
		if f.Entry.Slug == filter.Injection {
			k.name, names = "prompt-injection", f.Patterns
		}
		if kinds[k] == nil {
			order = append(order, k)
		}
		kinds[k] = append(kinds[k], names...)
	}
	for _, k := range order {
		done := map[filter.Action]string{filter.Flag: "flagged", filter.Redact: "redacted", filter.Block: "blocked"}[k.action]
		list := "matched_entity_types"
		if k.name == "prompt-injection" {
			list = "patterns"
		}
		o.Told.Did(llm.PipelineStage{
			Type: llm.StageGuardrail, Name: k.name, Guardrail: k.from.ID, Scope: k.from.Scope,
			Summary: done + " in the " + string(cmp.Or(k.way, filter.Input)) + ": " + strings.Join(kinds[k], ", "),
			Data:    map[string]any{"action": done, "flagged": true, "engines": []string{"regex"}, "direction": string(cmp.Or(k.way, filter.Input)), list: kinds[k]},
		})
	}
}
