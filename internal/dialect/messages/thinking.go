package messages

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	minBudget   = 1024   // RE-03: the API's floor of a thinking budget
	maxBudget   = 128000 // RE-03
	floorTokens = 4096   // max_tokens where neither the caller nor the catalogue names a limit
	minTopP     = 0.95   // of a model that thinks on a budget
)

// think sets max_tokens, thinking and the effort, and drops the sampling
// parameters that do not go with them. Turns must be set.
//
// A model since 4.6 thinks adaptively and effort guides it; one that still takes
// a budget is given one where the caller named it in tokens. Older models and
// other makers' get a budget (RE-02, RE-03, RE-04). Thinking gives way where the
// API refuses it: to a forced tool call, to a prefill, to a max_tokens that
// leaves no room beside the smallest budget, and to a history whose running tool
// call came without thoughts; the caller's limit is never raised for it.
// Thinking that was asked not to be (effort none, enabled false) is switched off
// only where the model would think by itself; where it cannot be switched off,
// effort is low.
func (e *encoder) think() {
	r, in, to, model := &e.request, e.in, e.to, e.model
	r.limit(in, to)
	effort := ""
	if to.Takes("verbosity") {
		effort = model.effort(in.Verbosity) // RE-10; it wins over reasoning.effort
	}
	if ask := in.Reasoning; ask != nil && to.Takes("reasoning") {
		off := ask.Effort == "none" || ask.Enabled != nil && !*ask.Enabled
		on := !off && (ask.Effort != "" || ask.MaxTokens != nil || ask.Enabled != nil)
		byBudget := on && (!model.adaptive() || model.budgets() && ask.MaxTokens != nil)
		switch {
		case off && model.tireless():
			if effort == "" {
				effort = "low"
			}
		case off && model.unasked():
			r.Thinking = &thinking{Type: "disabled"}
			if effort == "xhigh" || effort == "max" {
				effort = "high" // the most that goes without thinking
			}
		case byBudget:
			r.budget(in, to, model)
		case on:
			r.adapt(model, ask)
			if effort == "" {
				effort = model.effort(ask.Effort)
			}
			if effort == "" && ask.MaxTokens != nil && in.MaxTokens != nil {
				effort = model.effort(dialect.EffortOf(*ask.MaxTokens, r.MaxTokens))
			}
		}
	}
	if effort != "" {
		r.output().Effort = effort
	}
	r.sample(in, to, model)
	e.unsaid(effort)
}

// unsaid names what gave way: thinking to what the API refuses it beside, sampling
// parameters to thinking.
func (e *encoder) unsaid(effort string) {
	r, in, to := &e.request, e.in, e.to
	lose := func(parameter string, lost bool) {
		if lost && to.Takes(parameter) {
			e.lost = append(e.lost, parameter)
		}
	}
	ask := in.Reasoning
	on := ask != nil && ask.Effort != "none" && (ask.Enabled == nil || *ask.Enabled) && (ask.Effort != "" || ask.MaxTokens != nil || ask.Enabled != nil)
	lose("reasoning", on && r.Thinking == nil && effort == "")
	lose("temperature", in.Temperature != nil && (r.Temperature == nil || *r.Temperature != *in.Temperature))
	lose("top_p", in.TopP != nil && r.TopP == nil)
	lose("top_k", in.TopK != nil && r.TopK == nil)
}

// limit sets max_tokens. More than the endpoint can produce is an error there,
// so its limit caps what the caller allows.
func (r *request) limit(in *llm.ChatInput, to dialect.Target) {
	said := in.MaxTokens != nil && (to.Takes("max_tokens") || to.Takes("max_completion_tokens"))
	switch {
	case said && to.MaxOutput > 0:
		r.MaxTokens = min(*in.MaxTokens, to.MaxOutput)
	case said:
		r.MaxTokens = *in.MaxTokens
	case to.MaxOutput > 0:
		r.MaxTokens = to.MaxOutput
	default:
		r.MaxTokens = floorTokens
	}
}

func (r *request) budget(in *llm.ChatInput, to dialect.Target, model claude) {
	if r.forced() || r.prefilled() || r.thoughtless() {
		return
	}
	n := int64(float64(r.MaxTokens) * dialect.ShareOf(in.Reasoning.Effort))
	if in.Reasoning.MaxTokens != nil {
		n = *in.Reasoning.MaxTokens
		if in.MaxTokens == nil && to.MaxOutput == 0 {
			r.MaxTokens = max(r.MaxTokens, min(n, maxBudget)+floorTokens)
		}
	}
	n = min(max(min(n, maxBudget), minBudget), r.MaxTokens-1)
	if n >= minBudget {
		r.Thinking = &thinking{Type: "enabled", Budget: n}
		if in.Reasoning.Exclude && model.hides() {
			r.Thinking.Display = "omitted"
		}
	}
}

func (r *request) adapt(model claude, ask *llm.Reasoning) {
	if r.forced() || r.prefilled() {
		return
	}
	r.Thinking = &thinking{Type: "adaptive"}
	switch {
	case ask.Exclude:
		r.Thinking.Display = "omitted"
	case !model.budgets():
		r.Thinking.Display = "summarized" // RE-09: without it these models send empty thoughts
	}
}

func (r *request) sample(in *llm.ChatInput, to dialect.Target, model claude) {
	if !model.samples() {
		return
	}
	thinks := r.Thinking != nil && r.Thinking.Type != "disabled"
	if in.Temperature != nil && to.Takes("temperature") && !thinks {
		r.Temperature = new(min(*in.Temperature, 1)) // the scale ends at 1, OpenAI's at 2
	}
	if in.TopK != nil && to.Takes("top_k") && !thinks {
		r.TopK = in.TopK
	}
	switch {
	case in.TopP == nil || !to.Takes("top_p"):
	case thinks && *in.TopP < minTopP:
	case r.Temperature != nil && model.samplesOnce():
	default:
		r.TopP = in.TopP
	}
}

func (r *request) output() *outputConfig {
	if r.OutputConfig == nil {
		r.OutputConfig = &outputConfig{}
	}
	return r.OutputConfig
}

func (r *request) forced() bool {
	return r.ToolChoice != nil && (r.ToolChoice.Type == "any" || r.ToolChoice.Type == "tool")
}

func (r *request) prefilled() bool {
	return len(r.Messages) > 0 && r.Messages[len(r.Messages)-1].Role == roleAssistant
}

// thoughtless reports that the last turn answers a tool call which was made
// without a thought: the API then refuses a thinking budget.
func (r *request) thoughtless() bool {
	n := len(r.Messages)
	if n < 2 || r.Messages[n-1].Content[0].Type != blockToolResult {
		return false
	}
	first := r.Messages[n-2].Content[0].Type
	return first != blockThinking && first != blockRedacted
}
