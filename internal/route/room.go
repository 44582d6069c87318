package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// smallContext is up to which context an endpoint compresses unasked, in tokens (PL-04).
const smallContext = 8192

// Squeezes reports whether a prompt that is too long for an endpoint of the model loses
// its middle rather than being refused: where the caller asked for that, or where the
// context is small and the caller did not forbid it (PL-04). A model that makes nothing
// but images is given what it was sent (PL-07).
func Squeezes(p *llm.Plugins, m *catalog.Model, e *catalog.Endpoint) bool {
	switch {
	case !m.Writes() || e.ContextLength == 0:
		return false
	case p.Compress == llm.CompressionDefault:
		return e.ContextLength <= smallContext
	default:
		return p.Compress == llm.CompressionOn
	}
}

// Surely is the least that a prompt has, given an estimate, which is on the high side.
// What is thrown away for being too long should be it even so; the upstream's own
// refusal decides the rest.
func Surely(estimate int64) int64 { return estimate * 2 / 3 }

// tooLong reports that a request which does not fit as it is cannot be made to. With
// compression, half of it must fit (PL-05).
func (p *planner) tooLong(m *catalog.Model, e *catalog.Endpoint) bool {
	n := &p.query.Needs
	if !Squeezes(&p.query.Plugins, m, e) {
		return true
	}
	surely := Surely(n.PromptTokens)
	if n.MaxTokens >= e.ContextLength {
		return true
	}
	return e.ContextLength*2 < surely+n.MaxTokens && e.ContextLength != p.squeezed && p.squeezed != anyContext
}

// exceeds reports that a request surely does not fit as it is.
func exceeds(n *llm.Needs, e *catalog.Endpoint) bool {
	surely := Surely(n.PromptTokens)
	return e.ContextLength > 0 && n.MaxTokens > e.ContextLength-surely || e.MaxPromptTokens > 0 && surely > e.MaxPromptTokens
}

// anyContext lets endpoints of any context take a prompt that compression can make fit.
const anyContext = -1

// squeeze finds the largest context of the endpoints that nothing but its size leaves
// out: where half of the request fits nowhere, it goes there (PL-05). It reports whether
// there is one.
func (p *planner) squeeze() bool {
	p.squeezed = anyContext
	largest := int64(0)
	for i := range p.targets {
		t := &p.targets[i]
		for _, e := range t.model.Endpoints {
			if !Squeezes(&p.query.Plugins, t.model, e) {
				continue
			}
			if _, out := p.excludes(t, e); !out {
				largest = max(largest, e.ContextLength)
			}
		}
	}
	p.squeezed = largest
	return largest > 0
}

// tooLongAlone reports that nothing of the caller's but the size of the request stands
// between it and an endpoint.
func tooLongAlone(rules []string) bool {
	return slices.Contains(rules, RuleContext) && !slices.ContainsFunc(rules, func(rule string) bool {
		switch rule {
		case RuleContext, RuleTier, RuleCredential, RuleDialect, RuleDeprecated, RuleUnpriced:
			return false
		}
		return true
	})
}

// overlong is PL-06.
func overlong(q *Query, a *llm.Availability, removed []string) *llm.Error {
	message := fmt.Sprintf("No endpoint of %s takes so long a request: it has about %d tokens", strings.Join(q.Models, ", "), q.Needs.PromptTokens)
	if q.Needs.MaxTokens > 0 {
		message += fmt.Sprintf(" and asks for up to %d", q.Needs.MaxTokens)
	}
	message += ". Shorten it"
	if q.Plugins.Compress != llm.CompressionOn {
		message += `, or let its middle be left out: plugins: [{"id": "context-compression"}]`
	}
	return &llm.Error{
		Type: llm.TypeContextLength, Fault: llm.FaultCaller, Availability: a,
		Message: message + ". " + advice(q, a.ExcludedBy, removed),
	}
}
