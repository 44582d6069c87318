// Package compress makes a conversation fit an endpoint by leaving out its middle,
// where models pay the least attention (contract area 16, PL-03). It is a pure
// function: what it returns fits by the same estimate that the limits are held to, is
// in the order in which it was said, and compressing it again changes nothing.
//
// What the system says, the first turn and the last stay. A call and its results stay
// or go together. Only where these alone are too long are texts shortened, again in
// their middle and never within a character.
package compress

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits are what an endpoint takes. 0 is no limit.
type Limits struct {
	Tokens   int64 // of the prompt, as estimated
	Messages int   // but for the system's
}

// Report is what was done.
type Report struct {
	Before, After int // messages
	Shortened     int // texts
}

// Changed reports whether anything was left out.
func (r Report) Changed() bool { return r.Before != r.After || r.Shortened > 0 }

// Middle is the conversation without so much of its middle that it fits. Where it fits
// already, or where nothing could make it fit, in itself comes back.
func Middle(in *llm.ChatInput, to Limits) (*llm.ChatInput, Report) {
	none := Report{Before: len(in.Messages), After: len(in.Messages)}
	if fits(in, to) {
		return in, none
	}
	p := plan(in, to)
	p.thin()
	out := *in
	out.Messages = p.kept()
	r := Report{Before: len(in.Messages), After: len(out.Messages)}
	if to.Tokens > 0 {
		r.Shortened = shorten(&out, to.Tokens)
	}
	if !fits(&out, to) {
		return in, none
	}
	return &out, r
}

// fits reports whether a conversation is within the limits.
func fits(in *llm.ChatInput, to Limits) bool {
	spoken := 0
	for i := range in.Messages {
		if !system(&in.Messages[i]) {
			spoken++
		}
	}
	return (to.Tokens == 0 || in.EstimatePrompt() <= to.Tokens) && (to.Messages == 0 || spoken <= to.Messages)
}

func system(m *llm.Message) bool { return m.Role == llm.RoleSystem || m.Role == llm.RoleDeveloper }

// unit is messages that stay or go together.
type unit struct {
	from, to int // messages
	size     size
	keep     bool
}

// size is what limits are held to.
type size struct {
	bytes    int
	tokens   int64 // beside those of the bytes
	messages int
}

func (s size) plus(o size) size {
	return size{s.bytes + o.bytes, s.tokens + o.tokens, s.messages + o.messages}
}

// thinning is a conversation while its middle is left out.
type thinning struct {
	in    *llm.ChatInput
	to    Limits
	all   []unit // but for the system's messages
	fixed size   // what cannot be left out
}

func plan(in *llm.ChatInput, to Limits) *thinning {
	p := &thinning{in: in, to: to}
	bare := *in
	bare.Messages = nil
	p.fixed.tokens = bare.EstimatePrompt()
	open := false // the last unit is right before
	for i := range in.Messages {
		m := &in.Messages[i]
		n, tokens := m.Size()
		s := size{n, tokens, 1}
		switch {
		case system(m):
			s.messages = 0
			p.fixed = p.fixed.plus(s)
		case open && answers(m):
			u := &p.all[len(p.all)-1]
			u.to, u.size = i+1, u.size.plus(s)
		default:
			p.all = append(p.all, unit{from: i, to: i + 1, size: s})
			open = true
		}
	}
	return p
}

// answers reports whether a message has the result of a call, which is of no use
// without it.
func answers(m *llm.Message) bool {
	return slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.PartResult })
}

func (p *thinning) allows(s size) bool {
	return (p.to.Tokens == 0 || llm.EstimateTokens(s.bytes)+s.tokens <= p.to.Tokens) && (p.to.Messages == 0 || s.messages <= p.to.Messages)
}

// thin keeps the first and the last unit, and then as many as fit from both ends, the
// last first. Before the beginning of an answer, the question is last, too.
func (p *thinning) thin() {
	if len(p.all) == 0 {
		return
	}
	first, last := 0, len(p.all)-1
	if end := p.all[last]; last > 1 && end.to-end.from == 1 && p.speaker(end.from) == llm.RoleAssistant {
		last--
	}
	have := p.fixed
	for i := range p.all {
		if i == first || i >= last {
			p.all[i].keep = true
			have = have.plus(p.all[i].size)
		}
	}
	head, tail := true, true // more may be kept there
	for first+1 < last && (head || tail) {
		if tail {
			if tail = p.take(last-1, &have); tail {
				last--
			}
		}
		if head && first+1 < last {
			if head = p.take(first+1, &have); head {
				first++
			}
		}
	}
	if first+1 < last {
		p.join(first, last)
	}
}

func (p *thinning) take(i int, have *size) bool {
	if s := have.plus(p.all[i].size); p.allows(s) {
		*have, p.all[i].keep = s, true
		return true
	}
	return false
}

// join lets go of one more unit where the two sides of the gap would be said by the
// same one: some vendors want turns to alternate.
func (p *thinning) join(first, last int) {
	if p.speaker(p.all[first].to-1) != p.speaker(p.all[last].from) {
		return
	}
	switch {
	case last < len(p.all)-1:
		p.all[last].keep = false
	case first > 0:
		p.all[first].keep = false
	}
}

// speaker is the assistant, or else the user, who says the results of calls, too.
func (p *thinning) speaker(i int) llm.Role {
	if p.in.Messages[i].Role == llm.RoleAssistant {
		return llm.RoleAssistant
	}
	return llm.RoleUser
}

func (p *thinning) kept() []llm.Message {
	gone := map[int]bool{}
	for _, u := range p.all {
		for i := u.from; i < u.to && !u.keep; i++ {
			gone[i] = true
		}
	}
	var out []llm.Message
	for i := range p.in.Messages {
		if !gone[i] {
			out = append(out, p.in.Messages[i])
		}
	}
	return out
}
