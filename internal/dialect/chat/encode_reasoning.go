package chat

import (
	"slices"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// wish is how much thinking the caller wants, in every form a vendor may ask.
type wish struct {
	on, off bool
	effort  string
	budget  int64 // tokens, 0: none can be told
}

func wishOf(in *llm.ChatInput) (w wish) {
	r := in.Reasoning
	switch {
	case r == nil:
	case r.Effort == "none", r.Effort == "" && r.MaxTokens == nil && r.Enabled != nil && !*r.Enabled,
		r.MaxTokens != nil && *r.MaxTokens == 0:
		w = wish{off: true, effort: "none"}
	case r.Effort != "":
		w = wish{on: true, effort: r.Effort}
	case r.MaxTokens != nil:
		w = wish{on: true, budget: *r.MaxTokens, effort: effortOf(*r.MaxTokens, in.MaxTokens)}
	case r.Enabled != nil:
		w = wish{on: true, effort: "medium"} // RE-05
	}
	if w.on && w.budget == 0 && in.MaxTokens != nil {
		w.budget = share(*in.MaxTokens, w.effort)
	}
	return w
}

// share is RE-02: the part of the output that an effort may think for.
func share(limit int64, effort string) int64 {
	var percent int64
	switch effort {
	case "max", "xhigh":
		percent = 95
	case "high":
		percent = 80
	case "medium":
		percent = 50
	case "low":
		percent = 20
	case "minimal":
		percent = 10
	}
	return limit/100*percent + limit%100*percent/100
}

// effortOf is RE-04: the effort whose share a budget is, else by its size.
func effortOf(budget int64, limit *int64) string {
	const small, large = 2048, 12288 // tokens: a paragraph, some pages
	if limit == nil || *limit <= 0 {
		switch {
		case budget <= small:
			return "low"
		case budget <= large:
			return "medium"
		}
		return "high"
	}
	for _, effort := range [...]string{"minimal", "low", "medium"} {
		if budget <= share(*limit, effort) {
			return effort
		}
	}
	return "high"
}

func levels() []string {
	return []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}
}

// nearest is the level that the vendor knows: the nearest below, else above.
// Thinking that was asked for is not switched off, nor the other way round.
func (q *Quirks) nearest(effort string) string {
	if len(q.Efforts) == 0 || slices.Contains(q.Efforts, effort) {
		return effort
	}
	if effort == "none" {
		return "" // cannot be switched off
	}
	all := levels()
	at := slices.Index(all, effort)
	for i := at; i > 0; i-- {
		if slices.Contains(q.Efforts, all[i]) {
			return all[i]
		}
	}
	for i := at; i >= 0 && i < len(all); i++ {
		if slices.Contains(q.Efforts, all[i]) {
			return all[i]
		}
	}
	return ""
}

// form is how the model is told to think.
func (e *encoder) form() ReasoningForm {
	if slices.ContainsFunc(e.q.Prompted, func(p string) bool { return strings.HasPrefix(e.to.Model, p) }) {
		return ReasoningPrompt
	}
	return e.q.ReasoningAs
}

// asksIn reports whether thinking is asked for in the member: what the contract's
// `reasoning` says goes before what a caller has said in the vendor's own form.
func (e *encoder) asksIn(name string) bool {
	said := wishOf(e.in) != (wish{}) || e.form() == ReasoningObject && e.in.Reasoning != nil && e.in.Reasoning.Mode != ""
	return said && name == string(e.form()) && name != "" && !e.drops(e.to, "reasoning")
}

// reasoning asks for thinking in the vendor's form. What the caller left open
// stays open (CR-01).
func (e *encoder) reasoning() {
	w := wishOf(e.in)
	if !e.asksIn(string(e.form())) {
		return
	}
	form := string(e.form())
	switch e.form() {
	case ReasoningNone:
	case ReasoningPrompt:
		mode := []byte("null")
		if w.on {
			mode = []byte(`"reasoning"`)
		}
		e.raw(form, mode)
		return
	case ReasoningObject:
		e.key(form)
		e.reasoningObject()
		return
	case ReasoningEffort:
		e.str(form, e.q.nearest(w.effort))
		return
	case ReasoningThinking:
		e.key(form)
		if w.off {
			e.out = append(e.out, `{"type":"disabled"}`...)
			return
		}
		e.out = append(e.out, `{"type":"enabled"`...)
		e.budget(w)
		e.out = append(e.out, '}')
		return
	case ReasoningEnable:
		e.flag(form, &w.on)
	case ReasoningTemplate:
		on := strconv.FormatBool(w.on)
		e.raw(form, []byte(`{"enable_thinking":`+on+`,"thinking":`+on+`}`))
	}
	e.budget(w)
}

func (e *encoder) budget(w wish) {
	if w.on && w.budget > 0 && e.q.BudgetName != "" {
		e.int(e.q.BudgetName, &w.budget)
	}
}

// reasoningObject is the contract's own form. exclude is not sent on: what is
// shown is this gateway's to decide, and signatures are wanted either way.
func (e *encoder) reasoningObject() {
	r := e.in.Reasoning
	e.out = append(e.out, '{')
	e.str("effort", r.Effort)
	e.int("max_tokens", r.MaxTokens)
	e.flag("enabled", r.Enabled)
	e.str("summary", r.Summary)
	e.str("mode", r.Mode)
	e.out = append(e.out, '}')
}

// inContent is the KeepsReasoning of a vendor that takes thinking as a part of the
// content.
const inContent = "content"

// keepsContent reports whether the endpoint takes thinking as a part of the content:
// models that do not think may refuse it.
func (e *encoder) keepsContent() bool {
	return e.q.KeepsReasoning == inContent && !e.drops(e.to, "reasoning")
}

// returns reports whether thoughts of a stamp go back as plain text: those that no
// other dialect has signed.
func (e *encoder) returns(format string) bool {
	return (format == "" || format == llm.FormatUnknown) && (e.q.KeepsReasoning != inContent || e.keepsContent())
}

// thoughts sends an earlier turn's reasoning back, where the vendor wants it.
// As plain text only what no other dialect has put its stamp on goes.
func (e *encoder) thoughts(parts []llm.Part) {
	switch e.q.KeepsReasoning {
	case "", inContent:
	case "reasoning_details":
		var b blocks
		comma := `[`
		for i := range parts {
			t := parts[i].Thought
			if parts[i].Kind != llm.PartReasoning {
				continue
			}
			if comma == `[` {
				e.key("reasoning_details")
			}
			e.out = append(e.out, comma...)
			comma = ","
			block := b.open(&llm.Event{Kind: llm.BlockOpen, Open: llm.BlockReasoning, Thought: t})
			e.out = appendDetail(e.out, block, t.Text, t.Signature, t.Data)
		}
		if comma == "," {
			e.out = append(e.out, ']')
		}
	default:
		e.str(e.q.KeepsReasoning, plainThought(parts))
	}
}

func plainThought(parts []llm.Part) string {
	var s strings.Builder
	for i := range parts {
		t := parts[i].Thought
		if parts[i].Kind == llm.PartReasoning && t.Signature == "" && (t.Format == "" || t.Format == llm.FormatUnknown) {
			s.WriteString(t.Text)
		}
	}
	return s.String()
}
