package gateway

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// meter counts an answer as it passes: for the hold while it streams, and for
// the bill where the upstream's own count is missing or not credible.
type meter struct {
	req      *llm.Request
	hold     ledger.Hold
	endpoint *catalog.Endpoint
	settled  bool
	keep     *keeping     // nil: the answer is not kept
	pass     *pass        // what of limits it has taken
	screened *filter.Pass // the request's through content filters; nil: there are none
	logged   *logged      // what is said, while it may be logged; nil: it is not
	tool     *Tool        // that the model may call; nil: none

	heldTokens int64 // output tokens that the hold covers
	bytes      int64 // delivered, of text, reasoning and arguments
	images     int64 // delivered
	audio      int64 // delivered, bytes of base64
	open       []int // blocks
	calls      calls
	finish     llm.FinishReason
	usage      *llm.Usage
	parts      []part // of endpoints that broke off: all of the above but open is of the one after them
}

// serves names the endpoint whose output is delivered, and so whose price holds.
func (m *meter) serves(e *catalog.Endpoint, o *record.Outcome) {
	m.endpoint = e
	o.Model, o.Endpoint, o.ProviderSlug = e.Model, e.ID, e.Provider
	o.ProviderName = o.Tried[len(o.Tried)-1].ProviderName
}

// see takes a chunk in. What comes when nobody reads any more is not delivered: of it
// the end and the upstream's own count matter alone (F55, F56).
func (m *meter) see(c llm.Chunk, delivered bool) {
	if delivered {
		m.keep.add(c)
		m.logged.see(c)
	} else {
		m.keep = nil
	}
	for i := range c.Events {
		e := &c.Events[i]
		if !delivered && e.Kind != llm.Finish && e.Kind != llm.UsageReport {
			continue
		}
		m.calls.see(e)
		switch e.Kind {
		case llm.BlockOpen:
			m.open = append(m.open, e.Block)
			if e.Call != nil {
				m.bytes += int64(len(e.Call.Name))
			}
		case llm.BlockClose:
			m.open = slices.DeleteFunc(m.open, func(b int) bool { return b == e.Block })
		case llm.TextDelta, llm.ArgsDelta:
			m.bytes += int64(len(e.Text))
		case llm.MediaDelta:
			m.media(e.Media)
		case llm.ReasoningDelta:
			m.bytes += int64(len(e.Thought.Text))
		case llm.Finish:
			m.finish = e.Finish
		case llm.UsageReport:
			m.usage = e.Usage
		default:
		}
	}
}

func (m *meter) media(x *llm.Media) {
	if strings.HasPrefix(x.MIME, "image/") || x.URL != "" {
		m.images++
		return
	}
	m.audio += int64(len(x.Data))
}

// finished reports that the answer has come to a good end.
func (m *meter) finished() bool {
	return m.finish.Unified != "" && m.finish.Unified != llm.FinishError
}

// said is what health is told of a good answer.
func (m *meter) said(u llm.Usage) health.Sample {
	called := m.finish.Unified == llm.FinishToolCalls
	return health.Sample{Output: u.Completion(), Calls: called, BadCalls: called && m.calls.bad}
}

// delivered estimates the output tokens so far, four bytes each: near the
// average of prose, so that neither side is favoured.
func (m *meter) delivered() int64 { return (m.bytes+3)/4 + m.imageTokens() + m.audioTokens() }

// imageTokens and audioTokens are about what vendors count: some 1,300 tokens for
// an image of a megapixel, 20 a second of speech, which is 64 kB of base64.
func (m *meter) imageTokens() int64 { return m.images * 1300 }

func (m *meter) audioTokens() int64 { return m.audio / 3200 }

// overlong reports that an upstream runs far beyond the output limit it was
// given (F31). A token is seldom over 64 bytes long.
func (m *meter) overlong() bool {
	if asked := m.req.Needs.MaxTokens; asked > 0 {
		return m.bytes/64-(1<<10) > asked
	}
	most := m.most()
	return most > 0 && m.bytes/16-(1<<10) > most
}

// most is how many tokens the endpoint can say: 0 where nobody knows.
func (m *meter) most() int64 {
	if m.endpoint.MaxCompletionTokens > 0 {
		return m.endpoint.MaxCompletionTokens
	}
	return m.endpoint.ContextLength
}

// cut ends an answer that its upstream would go on with.
func (m *meter) cut(native string) llm.Chunk {
	m.finish = llm.FinishReason{Unified: llm.FinishLength, Native: native}
	m.keep = nil
	var events []llm.Event
	for _, b := range m.open {
		events = append(events, llm.Event{Kind: llm.BlockClose, Block: b})
	}
	return llm.Chunk{Events: append(events, llm.Event{Kind: llm.Finish, Finish: m.finish}), More: true}
}

// final is the usage to bill by: the upstream's if it is credible, else ours
// (F46, F47).
func (m *meter) final() llm.Usage {
	if m.usage != nil && m.credible(*m.usage) {
		u := *m.usage
		u.Images = m.req.Needs.Images // upstreams count tokens alone (CB-02)
		return u
	}
	u := llm.Usage{
		Estimated: true, Input: m.req.Needs.PromptTokens * 3 / 4, Output: (m.bytes + 3) / 4,
		ImageOut: m.imageTokens(), AudioOut: m.audioTokens(), Images: m.req.Needs.Images,
	}
	for _, limit := range [...]int64{m.req.Needs.MaxTokens, m.most()} {
		if limit > 0 {
			u.Output = min(u.Output, limit)
		}
	}
	return u
}

// incredible is more tokens than any model takes or makes.
const incredible = 100_000_000

// credible reports whether a usage can be billed by: no count that is negative or
// beyond what the endpoint can take and make, and not many more tokens than were
// asked for, which nobody agreed to pay (F31, F47).
func (m *meter) credible(u llm.Usage) bool {
	limit := int64(incredible)
	if m.endpoint.ContextLength > 0 {
		limit = m.endpoint.ContextLength + m.endpoint.MaxCompletionTokens
	}
	for _, n := range [...]int64{u.Input, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h, u.AudioIn, u.Output, u.Reasoning, u.AudioOut, u.ImageOut, u.Images} {
		if n < 0 || n > limit { // so that the sums below cannot overflow
			return false
		}
	}
	if asked := m.req.Needs.MaxTokens; asked > 0 && u.Completion()-asked > asked/8+countSlack {
		return false
	}
	return u.Prompt() <= limit && u.Completion() <= limit
}

// countSlack is by how many tokens upstreams may differ from us in where an
// answer ends, beside an eighth of it.
const countSlack = 64
