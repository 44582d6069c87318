package converse

import (
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	minBudget   = 1024   // RE-03: the floor of a thinking budget
	maxBudget   = 128000 // RE-03
	floorTokens = 4096   // beside a budget, where neither the caller nor the catalogue names a limit
	minTopP     = 0.95   // of Claude when it thinks
)

// level is an effort in three words, for models that know no more.
func level(ask *llm.Reasoning, maxTokens int64) string {
	effort := ask.Effort
	if effort == "" && ask.MaxTokens != nil {
		effort = dialect.EffortOf(*ask.MaxTokens, maxTokens)
	}
	switch effort {
	case "max", "xhigh", "high":
		return "high"
	case "low", "minimal":
		return "low"
	default:
		return "medium"
	}
}

// reason sets maxTokens, and how much the model is to think in the words that its
// maker has for it. A limit beyond the endpoint's is an error there.
func (e *encoder) reason() {
	in, to := e.in, e.to
	limit := to.MaxOutput
	if in.MaxTokens != nil && (to.Takes("max_tokens") || to.Takes("max_completion_tokens")) {
		limit = *in.MaxTokens
		if to.MaxOutput > 0 {
			limit = min(limit, to.MaxOutput)
		}
		e.inference().MaxTokens = &limit
	}
	verbosity := ""
	if in.Verbosity != "" && to.Takes("verbosity") {
		if verbosity = e.model.effort(in.Verbosity); verbosity == "" { // RE-10
			e.lose(dialect.FieldVerbosity)
		}
	}
	ask := in.Reasoning
	if ask == nil || !to.Takes("reasoning") || ask.Effort == "" && ask.MaxTokens == nil && ask.Enabled == nil {
		if verbosity != "" {
			e.output().Effort = verbosity
		}
		return
	}
	off := ask.Effort == "none" || ask.Enabled != nil && !*ask.Enabled
	switch {
	case e.model.since(3, 7):
		e.thinkClaude(ask, off, limit, verbosity)
	case e.model.nova() && e.model.major >= 2:
		e.thinkNova(ask, off, limit)
	case e.model.vendor == vendorOpenAI && off:
		e.additional().Effort = "low" // it cannot be switched off
	case e.model.vendor == vendorOpenAI:
		e.additional().Effort = level(ask, limit)
	case e.model.vendor == vendorDeepSeek && strings.HasPrefix(e.model.name, "v3"):
		if !off { // it does not think unasked, and knows one effort
			e.additional().Effort = "high"
		}
	default:
		e.lose(dialect.FieldReasoning)
	}
}

// thinkClaude. A Claude since 4.6 thinks adaptively and effort guides it; one that
// still takes a budget is given one where the caller named it in tokens; older ones
// get a budget. Thinking gives way where the API refuses it: to a forced tool call,
// to a prefill, to a limit that leaves no room beside the smallest budget, and to a
// history whose running tool call came without thoughts.
func (e *encoder) thinkClaude(ask *llm.Reasoning, off bool, limit int64, effort string) {
	m := &e.model
	switch {
	case off && m.tireless():
		if effort == "" {
			effort = "low"
		}
	case off && m.unasked():
		e.additional().Thinking = &thinking{Type: "disabled"}
		if effort == "xhigh" || effort == "max" {
			effort = "high" // the most that goes without thinking
		}
	case off:
	case e.forced() || e.prefilled():
		e.lose(dialect.FieldReasoning)
	case !m.adaptive() || m.budgets() && ask.MaxTokens != nil:
		if !e.budget(ask, limit) {
			e.lose(dialect.FieldReasoning)
		}
	default:
		t := &thinking{Type: "adaptive"}
		switch {
		case ask.Exclude:
			t.Display = "omitted"
		case !m.budgets():
			t.Display = "summarized" // RE-09: without it these models send empty thoughts
		}
		e.additional().Thinking = t
		if effort == "" {
			effort = m.effort(ask.Effort)
		}
		if effort == "" && ask.MaxTokens != nil && limit > 0 {
			effort = m.effort(dialect.EffortOf(*ask.MaxTokens, limit))
		}
	}
	if effort != "" {
		e.output().Effort = effort
	}
}

// budget lets Claude think on a budget, if there is room for one.
func (e *encoder) budget(ask *llm.Reasoning, limit int64) bool {
	if e.thoughtless() {
		return false
	}
	said := e.Inference != nil && e.Inference.MaxTokens != nil
	if limit == 0 {
		limit = 2 * floorTokens
		if ask.MaxTokens != nil {
			limit = min(max(*ask.MaxTokens, minBudget), maxBudget) + floorTokens
		}
	}
	n := int64(float64(limit) * dialect.ShareOf(ask.Effort))
	if ask.MaxTokens != nil {
		n = *ask.MaxTokens
	}
	n = min(max(min(n, maxBudget), minBudget), limit-1)
	if n < minBudget {
		return false
	}
	if !said {
		e.inference().MaxTokens = &limit // the model's own default may be below the budget
	}
	t := &thinking{Type: "enabled", Budget: n}
	if ask.Exclude && e.model.since(4, 5) {
		t.Display = "omitted"
	}
	e.additional().Thinking = t
	return true
}

// thinkNova. Its high effort goes without a limit, and without temperature and
// top_p, only; a caller's limit is kept before an effort.
// https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
func (e *encoder) thinkNova(ask *llm.Reasoning, off bool, limit int64) {
	if off {
		return // it does not think unasked
	}
	effort := level(ask, limit)
	bound := e.in.Temperature != nil && e.to.Takes("temperature") || e.in.TopP != nil && e.to.Takes("top_p")
	if effort == "high" && (bound || e.Inference != nil && e.Inference.MaxTokens != nil) {
		effort = "medium"
		e.lost = append(e.lost, dialect.FieldReasoning.String()+": effort")
	}
	e.additional().Nova = &novaReasoning{Type: "enabled", Effort: effort}
}

// thinks reports whether Claude was asked to think.
func (e *encoder) thinks() bool {
	return e.Additional != nil && e.Additional.Thinking != nil && e.Additional.Thinking.Type != "disabled"
}

// forced reports whether a tool must be called.
func (e *encoder) forced() bool {
	if e.Additional != nil && e.Additional.ToolChoice != nil {
		t := e.Additional.ToolChoice.Type
		return t == "any" || t == "tool"
	}
	return e.Tools != nil && e.Tools.Choice != nil && e.Tools.Choice.Auto == nil
}

func (e *encoder) prefilled() bool {
	return len(e.Messages) > 0 && e.Messages[len(e.Messages)-1].Role == roleAssistant
}

// thoughtless reports that the last turn answers a tool call which was made
// without a thought: Claude then refuses a budget.
func (e *encoder) thoughtless() bool {
	n := len(e.Messages)
	return n > 1 && e.Messages[n-1].Content[0].ToolResult != nil && e.Messages[n-2].Content[0].Reasoning == nil
}
