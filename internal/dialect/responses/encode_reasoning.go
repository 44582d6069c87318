package responses

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// wish is how much thinking the caller wants.
type wish struct {
	on, off bool
	effort  string
}

// wishOf says a wish in efforts, which is how this dialect measures thinking (RE-04,
// RE-05).
func wishOf(in *llm.ChatInput) wish {
	r := in.Reasoning
	switch {
	case r == nil:
		return wish{}
	case r.Effort == "none", r.Effort == "" && r.MaxTokens == nil && r.Enabled != nil && !*r.Enabled,
		r.MaxTokens != nil && *r.MaxTokens == 0:
		return wish{off: true, effort: "none"}
	case r.Effort != "":
		return wish{on: true, effort: r.Effort}
	case r.MaxTokens != nil:
		return wish{on: true, effort: effortOf(*r.MaxTokens, in.MaxTokens)}
	case r.Enabled != nil:
		return wish{on: true, effort: "medium"}
	}
	return wish{}
}

// effortOf is RE-04: the effort whose share of the output a budget is (RE-02), else
// by its size.
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
	switch tenth := *limit / 10; {
	case budget <= tenth:
		return "minimal"
	case budget <= 2*tenth:
		return "low"
	case budget <= 5*tenth:
		return "medium"
	}
	return "high"
}

// reasons reports whether the endpoint can be told how to think.
func (e *encoder) reasons() bool {
	return !e.q.drops("reasoning") && (e.to.Takes("reasoning") || e.to.Takes("reasoning_effort") || e.to.Takes("include_reasoning"))
}

// thinks reports whether the answer may hold thoughts. Of an endpoint that nothing
// is known of it is believed only if thinking is the matter: models that do not
// think refuse to be asked for it.
func (e *encoder) thinks() bool {
	if e.to.Accepts != nil {
		return e.reasons()
	}
	if r := e.in.Reasoning; e.asked || r != nil && *r != (llm.Reasoning{}) {
		return e.reasons()
	}
	for i := range e.in.Messages {
		for j := range e.in.Messages[i].Parts {
			if t := e.in.Messages[i].Parts[j].Thought; t != nil && e.q.returns(t.Format) {
				return true
			}
		}
	}
	return false
}

// summary is which summary of the reasoning to ask for. Callers of this dialect get
// the one they name; what the others are shown of thoughts is nothing else, so it
// is asked for wherever they ask for thinking (RE-01).
func (e *encoder) summary(w wish) string {
	r := e.in.Reasoning
	switch {
	case r == nil || w.off || e.q.drops("reasoning.summary"):
		return ""
	case r.Summary != "" || e.req.Dialect == llm.Responses || r.Exclude:
		return r.Summary
	}
	return "auto"
}

// reasoning asks for thinking. What the caller left open stays open (CR-01); what said,
// its own words in this dialect, has beside that goes along: `context`, and what else
// may come.
func (e *encoder) reasoning(said []byte) {
	if !e.reasons() {
		return
	}
	before := len(e.out)
	e.key("reasoning")
	e.out = append(e.out, '{')
	empty := len(e.out)
	if e.in.Reasoning != nil {
		e.effort()
	}
	var room [12]field
	list, _ := fields(room[:0], said)
	for i := range list {
		name, v := string(list[i].name), list[i].of(said)
		if v[0] != 'n' && !slices.Contains([]string{"effort", "summary", "max_tokens", "enabled", "exclude", "generate_summary", "mode"}, name) {
			e.raw(name, v)
		}
	}
	if len(e.out) == empty {
		e.out = e.out[:before]
		return
	}
	e.out = append(e.out, '}')
}

// effort writes the members of `reasoning` that the canon knows.
func (e *encoder) effort() {
	w, r := wishOf(e.in), e.in.Reasoning
	if e.q.Budget {
		e.str("effort", r.Effort)
		e.int("max_tokens", r.MaxTokens)
		e.flag("enabled", r.Enabled)
	} else {
		e.str("effort", e.q.nearest(w.effort))
	}
	e.str("summary", e.summary(w))
	switch {
	case e.q.marks(e.to.Model):
		e.str("mode", r.Mode)
	case len(e.q.Breakpoints) > 0 && r.Mode == "pro": // where none has one, the table says so
		e.loses("reasoning.mode")
	}
}
