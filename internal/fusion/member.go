package fusion

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// usualTokens is how much each of those who take part may say, where nothing else was
// asked for.
const usualTokens = 16000

// member is one who takes part, and what came of asking it.
type member struct {
	asked string // the model, as it was named
	id    string // of the generation
	model string // that answered
	said  string
	cost  money.Nano
	from  []string // the endpoints that answered
	err   error

	analysis *analysis // of who compares
}

func (m *member) told() map[string]any {
	t := map[string]any{"model": m.asked, "generation_id": m.id, "cost_usd": m.cost}
	if m.model != "" {
		t["model"] = m.model
	}
	if m.err != nil {
		t["error"] = message(m.err)
	}
	return t
}

// conversation is what the panel is asked: what the caller said, without tools, and with
// what to pay attention to. How the caller wants the answer written is for who writes it.
func (d *deliberation) conversation(focus string) (in llm.ChatInput, parameters []string) {
	from := d.req.Input
	in = llm.ChatInput{
		Messages: from.Messages, Read: from.Read, Temperature: d.set.Temperature, Reasoning: d.set.Reasoning,
		Plugins: llm.Plugins{PDF: from.Plugins.PDF, Compress: from.Plugins.Compress},
	}
	if focus != "" {
		in.Messages = append(slices.Clone(in.Messages), words(llm.RoleUser, "Pay attention to this: "+focus))
	}
	parameters = []string{"max_tokens"}
	if in.Temperature != nil {
		parameters = append(parameters, "temperature")
	}
	if in.Reasoning != nil {
		parameters = append(parameters, "reasoning")
	}
	if slices.ContainsFunc(in.Messages, calls) { // of which vendors want to know the tools
		in.Tools = slices.DeleteFunc(slices.Clone(from.Tools), func(t llm.Tool) bool { return t.Name == ToolName })
		in.Choice = &llm.ToolChoice{Mode: llm.ToolNone}
		parameters = append(parameters, "tools", "tool_choice")
	}
	return in, parameters
}

func words(role llm.Role, text string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Text: text}}}
}

func calls(m llm.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.PartCall || p.Kind == llm.PartResult })
}

// request asks for an answer of at most so many tokens, of whoever the caller's routing
// lets have the conversation.
func (d *deliberation) request(in llm.ChatInput, parameters []string, tokens int64) *llm.Request {
	in.MaxTokens = &tokens
	req := &llm.Request{
		ID: d.NewID(), Op: llm.Generate, Dialect: d.req.Dialect, Routing: d.req.Routing, Input: &in,
		User: d.req.User, SessionID: d.req.SessionID, Forward: d.req.Forward.Clone(),
		DataClass: d.req.DataClass, FoundClass: d.req.FoundClass, DataRegions: d.req.DataRegions,
		Needs: llm.Needs{
			Parameters: slices.Sorted(slices.Values(parameters)), Modalities: d.req.Needs.Modalities,
			PromptTokens: in.EstimatePrompt(), MaxTokens: tokens, Images: in.Images(),
		},
	}
	req.Routing.RequireParameters, req.Routing.Continue = false, false // are about the caller's own
	if req.Forward == nil {
		req.Forward = http.Header{}
	}
	req.Forward.Set(DepthHeader, "1") // RO-08
	return req
}

// tokens is how much a model may say: what was asked for, or all that it can say where
// that is less.
func (d *deliberation) tokens(model string) int64 {
	limit := int64(usualTokens)
	if d.set.MaxTokens > 0 {
		limit = d.set.MaxTokens
	}
	if most := d.Gateway.MostTokens(model); most > 0 {
		limit = min(limit, most)
	}
	return limit
}

// askAll asks all models at once, and waits for the last of them.
func (d *deliberation) askAll(ctx context.Context, models []string, in llm.ChatInput, parameters []string) []*member {
	members := make([]*member, len(models))
	var all sync.WaitGroup
	for i, model := range models {
		members[i] = &member{asked: model}
		req := d.request(in, parameters, d.tokens(model))
		all.Go(safe.Func("a deliberation", func() { d.ask(ctx, members[i], req) }))
	}
	all.Wait()
	return members
}

// ask asks one model. What it has to say is an answer of its own, on the same books.
func (d *deliberation) ask(ctx context.Context, m *member, req *llm.Request) {
	defer func() {
		if cause := recover(); cause != nil { // the spine has settled what there was
			d.Log.LogAttrs(ctx, slog.LevelError, "panic in a deliberation", slog.String("id", m.id), slog.String("cause", safe.Cause(cause)), slog.String("stack", string(debug.Stack())))
			m.err = &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "Internal error", Err: &safe.PanicError{What: "a deliberation", Cause: cause}}
		}
	}()
	m.id, req.Models = req.ID, []string{m.asked}
	o := record.Outcome{For: d.o.ID, Referer: d.o.Referer, Title: d.o.Title, UserAgent: d.o.UserAgent}
	heard := &listener{}
	err := d.Gateway.Run(ctx, d.who, req, heard, &o)
	m.cost, m.model, m.said = o.Charged, heard.model, heard.text.String()
	if o.Endpoint != "" {
		m.from = append(m.from, o.Endpoint)
	}
	for i := range o.Parts {
		m.from = append(m.from, o.Parts[i].Endpoint)
	}
	switch {
	case err != nil:
		m.err = err
	case heard.failed != nil:
		m.err = heard.failed
	case o.Cancelled:
		m.err = &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultGone, Message: "The request ended before the model had answered"}
	case strings.TrimSpace(m.said) == "":
		m.err = &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The model said nothing (" + string(o.Finish.Unified) + ")"}
	}
}

// message is what may be told of an error.
func message(err error) string {
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Type != llm.TypeServer {
		return e.Message
	}
	return "Internal error"
}

// status is the HTTP status of an error.
func status(err error) int {
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return e.Type.Status()
	}
	return http.StatusInternalServerError
}

// listener hears an answer out: a dialect.Emitter for ourselves.
type listener struct {
	model  string
	blocks map[int]bool // of text
	text   strings.Builder
	failed *llm.Error
}

// Begin implements dialect.Emitter.
func (l *listener) Begin(h dialect.Head) { l.model = h.Model }

// Emit implements dialect.Emitter.
func (l *listener) Emit(c llm.Chunk) error {
	for i := range c.Events {
		switch e := &c.Events[i]; {
		case e.Kind == llm.BlockOpen && e.Open == llm.BlockText:
			if l.blocks == nil {
				l.blocks = map[int]bool{}
			}
			l.blocks[e.Block] = true
		case e.Kind == llm.TextDelta && l.blocks[e.Block]:
			l.text.WriteString(e.Text)
		}
	}
	return nil
}

// Finish implements dialect.Emitter.
func (l *listener) Finish(llm.Usage) error { return nil }

// Fail implements dialect.Emitter.
func (l *listener) Fail(e *llm.Error, _ llm.Usage) error {
	l.failed = e
	return nil
}
