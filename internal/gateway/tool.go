package gateway

import (
	"context"
	"errors"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Tool is a tool of ours that the model may call while it answers (contract area 15): the
// request offers it among its tools. The caller sees nothing of the calls. What the tool
// says goes to the model, which then goes on, in the same answer.
type Tool struct {
	Name  string
	Run   func(ctx context.Context, arguments string) (said string)
	Spent func() money.Nano // what the account was charged for what Run had done, beside the answer; nil: for nothing
	From  func() []string   // the endpoints whose answers Run has told; nil: none
}

func (t *Tool) spent() money.Nano {
	if t == nil || t.Spent == nil {
		return 0
	}
	return t.Spent()
}

func (t *Tool) from() []string {
	if t == nil || t.From == nil {
		return nil
	}
	return t.From()
}

// allowed refuses a tool where somebody demands that none of ours runs.
func (t *Tool) allowed(l *policy.Limits) error {
	by := l.Unfetched()
	if t == nil || by == nil {
		return nil
	}
	return &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultCaller,
		Message: t.Name + ": no tool of the gateway's runs for this request, as demanded by " + by.String() + ": ask without it. It can be changed by " + by.ChangedBy(),
	}
}

const (
	// maxTurns is how often a model is asked for one answer. The last time it may not
	// call any tool.
	maxTurns = 4
	// maxArguments is how much of a call's arguments is kept, in bytes.
	maxArguments = 64 << 10
)

// extends prepares for the answer to go on after its first part: behind a call of the
// tool, or where it breaks off. It must come before the request is let go of.
func (g *Gateway) extends(l *life, req *llm.Request, plan route.Plan, a *relay.Answer, tool *Tool, m *meter, o *record.Outcome) {
	if tool == nil {
		g.continues(l, req, plan, a, m, o)
		return
	}
	m.tool = tool
	asked, in := *req, *req.Input
	asked.Input, asked.Source, asked.Echo = &in, nil, false
	a.Stream = &served{Stream: a.Stream, g: g, life: l, answer: a, m: m, o: o, tool: tool, req: &asked, plan: plan}
}

// served is the stream of an answer in which our tool may be called: one stream after
// the other, each but the last ending in such a call, told as one.
type served struct {
	llm.Stream // of the turn that is at it

	g      *Gateway
	life   *life
	answer *relay.Answer
	m      *meter
	o      *record.Outcome
	tool   *Tool
	req    *llm.Request // of the turn
	plan   route.Plan

	turn   int
	base   int // what the numbers of the turn's blocks are moved by
	next   int // the next number
	said   said
	calls  []toolCall
	theirs bool // a tool of the caller's was called, who answers that first
	ended  bool // the turn is over, and our tool's word is awaited
	events []llm.Event
}

type toolCall struct {
	block     int
	id        string
	arguments []byte
}

// Next is the next chunk of one turn after the other.
func (s *served) Next() (llm.Chunk, error) {
	for {
		c, err := s.Stream.Next()
		if err == nil {
			return s.take(c), nil
		}
		if !s.ended {
			return c, err
		}
		if err := s.goOn(); err != nil {
			return llm.Chunk{}, err
		}
	}
}

// take is what the caller is told of a chunk. The vendor's own bytes tell more.
func (s *served) take(c llm.Chunk) llm.Chunk {
	s.events = s.events[:0]
	for i := range c.Events {
		if e := c.Events[i]; s.hides(&e) {
			s.m.hidden(&e)
		} else {
			s.said.see(&e)
			switch e.Kind {
			case llm.BlockOpen, llm.TextDelta, llm.ReasoningDelta, llm.ArgsDelta, llm.MediaDelta, llm.Cite, llm.BlockClose:
				e.Block += s.base
			default: // are of no block
			}
			s.events = append(s.events, e)
		}
	}
	return llm.Chunk{Events: s.events, More: c.More && !s.ended} // what follows takes a while
}

// hides reports whether an event is between the model and us.
func (s *served) hides(e *llm.Event) bool {
	switch e.Kind {
	case llm.Start:
		return s.turn > 0
	case llm.BlockOpen:
		s.next = max(s.next, s.base+e.Block+1)
		if e.Open != llm.BlockCall || e.Call == nil {
			return false
		}
		if e.Call.Name != s.tool.Name {
			s.theirs = true
			return false
		}
		s.calls = append(s.calls, toolCall{block: e.Block, id: e.Call.ID, arguments: []byte(e.Call.Arguments)})
		return true
	case llm.ArgsDelta:
		i := s.callAt(e.Block)
		if i >= 0 && len(s.calls[i].arguments) < maxArguments {
			s.calls[i].arguments = append(s.calls[i].arguments, e.Text...)
		}
		return i >= 0
	case llm.BlockClose:
		return s.callAt(e.Block) >= 0
	case llm.Finish:
		if len(s.calls) == 0 || s.theirs {
			return false
		}
		good := e.Finish.Unified == llm.FinishToolCalls || e.Finish.Unified == llm.FinishStop
		if s.turn+1 == maxTurns { // it called although it may not
			if good {
				e.Finish.Unified = llm.FinishStop
			}
			return false
		}
		s.ended = good
		return good
	case llm.UsageReport:
		return s.ended
	default:
		return false
	}
}

func (s *served) callAt(block int) int {
	return slices.IndexFunc(s.calls, func(c toolCall) bool { return c.block == block })
}

// hidden counts what the caller does not see of an answer, and pays for.
func (m *meter) hidden(e *llm.Event) {
	m.calls.see(e)
	switch e.Kind {
	case llm.BlockOpen:
		m.bytes += int64(len(e.Call.Name))
	case llm.ArgsDelta:
		m.bytes += int64(len(e.Text))
	case llm.Finish:
		m.finish = e.Finish
	case llm.UsageReport:
		m.usage = e.Usage
	default:
	}
}

// goOn runs what the model called, and asks it to go on.
func (s *served) goOn() error {
	if s.life.callerGone() {
		return errGone()
	}
	s.life.committed(true) // whoever leaves now waits for nothing that must be read to its end
	s.g.Relay.Ended(s.answer, s.m.said(s.m.final()))
	s.Stream.Close()
	s.m.finish = llm.FinishReason{} // the turn's, not the answer's
	results := make([]llm.Part, len(s.calls))
	for i, c := range s.calls {
		text, err := s.m.screened.Text(s.tool.Run(s.life.ctx, string(c.arguments)))
		if err != nil {
			return err
		}
		results[i] = llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: c.id, Parts: []llm.Part{{Text: text}}}}
	}
	if err := context.Cause(s.life.ctx); err != nil {
		return err
	}
	req, plan := s.nextRequest(results), s.nextPlan()
	if err := s.g.holdNext(s.life, s.m, relay.Rest{Request: req, Plan: plan}, s.o); err != nil {
		return err
	}
	next, tried, err := s.g.Relay.Do(s.life.ctx, req, plan)
	s.o.Tried = append(s.o.Tried, tried...)
	attempted(s.o)
	if err != nil {
		return err
	}
	s.m.turn(req, next.From.Endpoint, s.o)
	s.Stream = next.Stream
	s.answer.Becomes(next)
	selected(s.o, next.From.Endpoint.ID)
	s.life.committed(next.Live.CancelStops)
	s.req, s.turn, s.base = req, s.turn+1, s.next
	s.said, s.calls, s.theirs, s.ended = said{}, nil, false, false
	return nil
}

// nextRequest is the conversation with the turn and the tool's word. Whether to call a
// tool is the model's to say from here on.
func (s *served) nextRequest(results []llm.Part) *llm.Request {
	turn := llm.Message{Role: llm.RoleAssistant, Parts: s.said.parts()}
	for _, c := range s.calls {
		turn.Parts = append(turn.Parts, llm.Part{
			Kind: llm.PartCall, Call: &llm.ToolCall{ID: c.id, Name: s.tool.Name, Arguments: string(c.arguments)},
		})
	}
	return s.req.Edit(func(r *llm.Request) {
		in := *r.Input
		in.Messages = append(slices.Clone(in.Messages), turn, llm.Message{Role: llm.RoleTool, Parts: results})
		if in.Choice != nil {
			choice := llm.ToolChoice{Mode: llm.ToolAuto, Allowed: in.Choice.Allowed}
			in.Choice = &choice
		}
		if s.turn+2 == maxTurns {
			in.Choice = &llm.ToolChoice{Mode: llm.ToolNone}
		}
		r.Input, r.Needs.PromptTokens = &in, in.EstimatePrompt()
	})
}

// nextPlan asks the endpoint first that has seen the conversation, and no other model:
// the answer has told whose it is.
func (s *served) nextPlan() route.Plan {
	plan := s.plan
	from := s.answer.From
	plan.Candidates = slices.DeleteFunc(slices.Clone(plan.Candidates), func(c route.Candidate) bool {
		return c.Model != from.Model || c.Endpoint == from.Endpoint
	})
	plan.Candidates = slices.Insert(plan.Candidates, 0, from)
	return plan
}

// holdNext has the hold cover what the next turn may cost, beside what the answer has.
func (g *Gateway) holdNext(l *life, m *meter, rest relay.Rest, o *record.Outcome) error {
	err := g.holdFor(l, m, rest, o.Began)
	switch _, short := errors.AsType[*ledger.Insufficient](err); {
	case err == nil:
		return nil
	case short:
		return &llm.Error{
			Type: llm.TypePaymentRequired, Fault: llm.FaultCaller, Err: err,
			Message: "Insufficient credits to go on with the answer after a tool was called: add credits, or raise the key's limit",
		}
	default: // R4: that is no fact about the caller's money
		return &llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOurs, Message: "The ledger cannot be reached: try again later", Err: err}
	}
}
