package gemini

import (
	"math"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const defaultLimit = 65536 // tokens a current model writes at most

// think is thinking, and names what was asked for in vain.
func (s *settings) think() *thinkingConfig {
	c := thinking(s.in, s.to, s.family)
	r := s.in.Reasoning
	if r == nil || !(s.to.Takes("reasoning") || s.to.Takes("include_reasoning")) {
		return c
	}
	thinks := s.family.gemini3 || s.family.budget
	switch {
	case off(r) && s.family.always:
		s.lose("reasoning: cannot be turned off")
	case !thinks && !off(r) && (r.Effort != "" || r.MaxTokens != nil):
		s.lose("reasoning: how much")
	}
	return c
}

// thinking asks for as much thought as the caller did, and for the thoughts
// themselves unless they are excluded (RE-01). Where nothing was said about
// reasoning, they are asked for only if the endpoint is known to think. Gemini 3
// counts in levels, Gemini 2.5 in tokens; Gemini 3 and 2.5 Pro cannot be stopped
// from thinking and get the least there is.
func thinking(in *llm.ChatInput, to dialect.Target, f family) *thinkingConfig {
	if f.mute || (!to.Takes("reasoning") && !to.Takes("include_reasoning")) {
		return nil
	}
	r := in.Reasoning
	if r == nil {
		if to.Accepts == nil || !f.unasked {
			return nil
		}
		return &thinkingConfig{IncludeThoughts: true}
	}
	c := &thinkingConfig{IncludeThoughts: !r.Exclude}
	effort := r.Effort
	if effort == "" && r.MaxTokens == nil && r.Enabled != nil && *r.Enabled {
		effort = "medium" // RE-05
	}
	off := off(r)
	switch {
	case off && f.gemini3:
		c = &thinkingConfig{ThinkingLevel: f.level("minimal")}
	case off && f.budget && f.always:
		c = &thinkingConfig{ThinkingBudget: &f.least}
	case off && f.budget:
		c = &thinkingConfig{ThinkingBudget: new(int64)}
	case off:
		return nil
	case f.gemini3 && effort != "":
		c.ThinkingLevel = f.level(effort)
	case f.gemini3 && r.MaxTokens != nil:
		c.ThinkingLevel = f.level(effortOf(*r.MaxTokens, limit(in, to)))
	case f.budget && effort != "":
		c.ThinkingBudget = new(f.clamp(share(effort, f.base(in))))
	case f.budget && r.MaxTokens != nil:
		c.ThinkingBudget = new(f.clamp(*r.MaxTokens))
	case f.budget && !f.unasked && c.IncludeThoughts:
		c.ThinkingBudget = new(int64(-1)) // as much as the model sees fit
	}
	if *c == (thinkingConfig{}) {
		return nil
	}
	return c
}

// off reports whether no thought is wanted.
func off(r *llm.Reasoning) bool {
	return r.Effort == "none" || (r.Enabled != nil && !*r.Enabled) || (r.MaxTokens != nil && *r.MaxTokens <= 0)
}

func (f family) clamp(n int64) int64 { return min(max(n, f.least), f.most) }

// base is what the ratios of RE-02 are taken of: the asked-for output, which
// includes the thoughts, else all that the model may think.
func (f family) base(in *llm.ChatInput) int64 {
	if in.MaxTokens != nil {
		return *in.MaxTokens
	}
	return f.most
}

// level is the thinkingLevel of an effort (RE-08).
func (f family) level(effort string) string {
	if f.image {
		return f.imageLevel(effort)
	}
	switch effort {
	case "max", "xhigh", "high":
		return "high"
	case "medium":
		return "medium"
	case "minimal":
		if f.minimal {
			return "minimal"
		}
	}
	return "low"
}

// imageLevel is the same for models that make images, of which the smaller ones
// know two levels and the others none.
func (f family) imageLevel(effort string) string {
	switch {
	case !f.minimal:
		return ""
	case effort == "minimal" || effort == "low":
		return "minimal"
	default:
		return "high"
	}
}

// share is RE-02's part of n in percent, so that no rounding depends on floats.
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
	if n > math.MaxInt64/100 {
		return n / 100 * percent
	}
	return n * percent / 100
}

// effortOf is the effort whose share of n is nearest to tokens (RE-04).
func effortOf(tokens, n int64) string {
	switch {
	case tokens >= share("high", n)/2+share("medium", n)/2:
		return "high"
	case tokens >= share("medium", n)/2+share("low", n)/2:
		return "medium"
	default:
		return "low"
	}
}

func limit(in *llm.ChatInput, to dialect.Target) int64 {
	switch {
	case in.MaxTokens != nil:
		return *in.MaxTokens
	case to.MaxOutput > 0:
		return to.MaxOutput
	default:
		return defaultLimit
	}
}
