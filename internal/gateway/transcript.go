package gateway

import (
	"context"
	"errors"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/transcript"
)

// logged is what is said in a generation while it is under way, for those who opted in
// (OB-08). Nil is nothing, at no cost.
type logged struct {
	*transcript.Draft
	who identity.Principal
	req llm.Request // without what was said
}

// logs begins a transcript of a request, as its content filters let it be sent. It must
// come before the request is changed or let go of.
func (g *Gateway) logs(who identity.Principal, req *llm.Request, limits *policy.Limits) *logged {
	if g.Transcripts == nil || req.Input == nil || !limits.Logged(&who, req) {
		return nil
	}
	bare := llm.Request{
		ID: req.ID, SessionID: req.SessionID, Routing: req.Routing,
		DataClass: req.DataClass, FoundClass: req.FoundClass, Searched: req.Searched, DataRegions: req.DataRegions,
	}
	return &logged{g.Transcripts.Begin(req.Input), who, bare}
}

func (l *logged) see(c llm.Chunk) {
	if l != nil {
		l.See(c)
	}
}

func (l *logged) failed(err error) {
	if e, ok := errors.AsType[*llm.Error](err); ok && l != nil {
		l.Failed(e)
	}
}

// logged hands a transcript on to be kept, if that is still wanted by then (S33).
func (g *Gateway) logged(l *logged, hide func(text string, cut bool) string, o *record.Outcome) {
	if l == nil {
		return
	}
	text, err := l.Text(hide)
	if err != nil {
		return // nothing that was said makes it: there are no numbers in it
	}
	e := transcript.Entry{ID: o.ID, Account: o.Account, Workspace: l.who.Workspace, At: o.Ended, Text: text}
	g.Transcripts.Add(e, func(ctx context.Context) bool { return g.Gate.Logged(ctx, &l.who, &l.req, g.Now()) })
}
