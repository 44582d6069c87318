package cohere

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

const (
	maxStops    = 5
	leastBudget = 1
)

// Encode builds the request. Its errors are *llm.Error: content that this language
// cannot express is FaultUnsuited.
func (upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	in := req.Input
	e := &encoder{in: in, to: &to, lost: dialect.Foreign(in, func(f string) bool { return f == llm.FormatCohere || f == llm.FormatPlan })}
	r := &request{Model: to.Model, Stream: to.Stream}
	for i := range in.Messages {
		messages, err := e.message(&in.Messages[i])
		if err != nil {
			return dialect.Call{}, err
		}
		r.Messages = append(r.Messages, messages...)
	}
	e.parameters(r)
	e.offer(r)
	if err := e.format(r); err != nil {
		return dialect.Call{}, err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return dialect.Call{}, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request holds invalid JSON or UTF-8", Err: err}
	}
	return dialect.Call{Path: "/v2/chat", Body: body, Lost: e.lost}, nil
}

type encoder struct {
	in   *llm.ChatInput
	to   *dialect.Target
	lost []string
}

// parameters writes what the caller sent and the endpoint takes (CR-01, CR-02).
func (e *encoder) parameters(r *request) {
	in, to := e.in, e.to
	if to.Takes("max_tokens") || to.Takes("max_completion_tokens") {
		r.MaxTokens = in.MaxTokens
	}
	if to.Takes("temperature") {
		r.Temperature = in.Temperature
	}
	if to.Takes("top_p") {
		r.P = in.TopP
	}
	if to.Takes("top_k") {
		r.K = in.TopK
	}
	if to.Takes("frequency_penalty") {
		r.FrequencyPenalty = e.penalty("frequency_penalty", in.FrequencyPenalty)
	}
	if to.Takes("presence_penalty") {
		r.PresencePenalty = e.penalty("presence_penalty", in.PresencePenalty)
	}
	if to.Takes("seed") && in.Seed != nil {
		if *in.Seed >= 0 {
			r.Seed = in.Seed
		} else {
			e.lost = append(e.lost, "seed: below zero")
		}
	}
	if to.Takes("stop") {
		r.StopSequences = in.Stop
		if len(in.Stop) > maxStops {
			r.StopSequences = in.Stop[:maxStops]
			e.lost = append(e.lost, "stop: more than 5")
		}
	}
	r.Logprobs = to.Takes("logprobs") && in.Logprobs != nil && *in.Logprobs
	if to.Takes("reasoning") || to.Takes("reasoning_effort") || to.Takes("include_reasoning") {
		r.Thinking = think(in)
	}
}

// penalty lies within 0 and 1 here.
func (e *encoder) penalty(name string, p *float64) *float64 {
	switch {
	case p == nil:
		return nil
	case *p < 0:
		e.lost = append(e.lost, name+": below 0")
		return nil
	case *p > 1:
		e.lost = append(e.lost, name+": above 1")
		return new(1.0)
	}
	return p
}

// think is RE-02 to RE-05. A budget is told where one can be: without a limit on the
// output there is nothing to take a share of.
func think(in *llm.ChatInput) *thinking {
	r := in.Reasoning
	if r == nil || (r.Effort == "" && r.MaxTokens == nil && r.Enabled == nil) {
		return nil
	}
	off := r.Effort == "none" || (r.Effort == "" && r.MaxTokens == nil && !*r.Enabled) || (r.MaxTokens != nil && *r.MaxTokens == 0)
	if off {
		return &thinking{Type: "disabled"}
	}
	t := &thinking{Type: "enabled"}
	switch {
	case r.MaxTokens != nil:
		t.Budget = *r.MaxTokens
	case in.MaxTokens != nil:
		t.Budget = max(share(r.Effort, *in.MaxTokens), leastBudget)
	}
	return t
}

func share(effort string, n int64) int64 {
	percent := int64(50)
	switch effort {
	case "max", "xhigh":
		percent = 95
	case "high":
		percent = 80
	case "low":
		percent = 20
	case "minimal":
		percent = 10
	}
	return n/100*percent + n%100*percent/100
}

func (e *encoder) offer(r *request) {
	if len(e.in.Tools) == 0 || !e.to.Takes("tools") {
		return
	}
	only := e.only()
	for i := range e.in.Tools {
		t := &e.in.Tools[i]
		if only != nil && !slices.Contains(only, t.Name) {
			continue
		}
		f := function{Name: t.Name, Description: t.Description, Parameters: t.Parameters}
		switch {
		case t.Kind == llm.ToolCustom:
			f.Parameters = jsontext.Value(llm.CustomParameters)
		case len(f.Parameters) == 0 || f.Parameters.Kind() == 'n':
			f.Parameters = jsontext.Value(`{"type":"object"}`)
		}
		r.StrictTools = r.StrictTools || t.Strict != nil && *t.Strict
		r.Tools = append(r.Tools, tool{"function", f})
	}
	if e.in.Choice == nil || !e.to.Takes("tool_choice") {
		return
	}
	switch e.in.Choice.Mode {
	case llm.ToolNone:
		r.ToolChoice = "NONE"
	case llm.ToolRequired, llm.ToolNamed:
		r.ToolChoice = "REQUIRED"
	case llm.ToolAuto: // the vendor's own
	}
}

// only are the tools that may be called, where the caller said so: the others are
// not offered. nil: all.
func (e *encoder) only() []string {
	c := e.in.Choice
	switch {
	case c == nil || !e.to.Takes("tool_choice"):
		return nil
	case c.Mode == llm.ToolNamed:
		return []string{c.Name}
	default:
		return c.Allowed
	}
}

func (e *encoder) format(r *request) error {
	f := e.in.Format
	if f == nil {
		return nil
	}
	structured := e.to.Takes("structured_outputs")
	switch {
	case f.Type == llm.FormatJSON && (structured || e.to.Takes("response_format")):
		r.ResponseFormat = &responseFormat{Type: "json_object"}
	case f.Type == llm.FormatJSONSchema && structured:
		r.ResponseFormat = &responseFormat{Type: "json_object"}
		if f.Schema == nil {
			return nil
		}
		made, err := schema.Compile(f.Schema, schema.Cohere())
		if err != nil {
			return &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "response_format.json_schema.schema " + err.Error(), Err: err}
		}
		r.ResponseFormat.Schema = made.Schema
		for _, l := range made.Lost {
			e.lost = append(e.lost, "response_format.json_schema: "+l)
		}
	}
	return nil
}

// message is one turn; each of its tool results is a message here, too.
func (e *encoder) message(m *llm.Message) (out []message, err error) {
	turn := message{Role: role(m.Role)}
	name := m.Name
	if m.Role == llm.RoleTool {
		name = ""
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		switch p.Kind {
		case llm.PartText, llm.PartRefusal:
			text := p.Text
			if name != "" {
				text, name = name+": "+text, "" // CR-04
			}
			if text != "" {
				turn.Content = append(turn.Content, content{Type: "text", Text: &text})
			}
		case llm.PartReasoning:
			e.thought(&turn, p.Thought)
		case llm.PartCall:
			arguments := p.Call.Arguments
			if p.Call.Custom {
				arguments = llm.WrapInput(arguments)
			}
			turn.ToolCalls = append(turn.ToolCalls, toolCall{p.Call.ID, "function", calledByName{p.Call.Name, arguments}})
		case llm.PartResult:
			result, err := e.result(p.Result)
			if err != nil {
				return nil, err
			}
			out = append(out, result)
		default:
			c, err := media(p)
			if err != nil {
				return nil, err
			}
			turn.Content = append(turn.Content, c)
		}
	}
	if name != "" {
		turn.Content = append([]content{{Type: "text", Text: new(name + ":")}}, turn.Content...)
	}
	if len(turn.Content) > 0 || len(turn.ToolCalls) > 0 {
		out = append(out, turn)
	}
	return out, nil
}

func role(r llm.Role) string {
	switch r {
	case llm.RoleSystem, llm.RoleDeveloper:
		return "system"
	case llm.RoleAssistant:
		return "assistant"
	default:
		return "user"
	}
}

// thought is a thought of this vendor's own making (RE-07).
func (e *encoder) thought(turn *message, t *llm.Thought) {
	switch t.Format {
	case llm.FormatCohere:
		turn.Content = append(turn.Content, content{Type: "thinking", Thinking: t.Text})
	case llm.FormatPlan:
		turn.ToolPlan += t.Text
	}
}

// result is text alone. That it is an error its words must say.
func (e *encoder) result(r *llm.ToolResult) (message, error) {
	var text []string
	for i := range r.Parts {
		if r.Parts[i].Kind != llm.PartText {
			return message{}, unfit("A tool's result holds media, which this provider takes from users only")
		}
		text = append(text, r.Parts[i].Text)
	}
	return message{Role: "tool", ToolCallID: r.CallID, Content: []content{{Type: "text", Text: new(strings.Join(text, "\n"))}}}, nil
}

func media(p *llm.Part) (content, error) {
	m := p.Media
	switch {
	case p.Kind != llm.PartImage:
		return content{}, unfit("This provider takes text and images only")
	case m.FileID != "":
		return content{}, unfit("This provider keeps no files: send the image itself")
	case m.URL != "":
		return content{Type: "image_url", ImageURL: &imageURL{m.URL, detail(m.Detail)}}, nil
	}
	return content{Type: "image_url", ImageURL: &imageURL{"data:" + m.MIME + ";base64," + m.Data, detail(m.Detail)}}, nil
}

// detail is a level that the vendor has.
func detail(d string) string {
	if d == "original" {
		return "high"
	}
	return d
}

func unfit(message string) *llm.Error {
	return &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: message}
}
