package policy

import (
	"fmt"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// filters sets what must not be said: all that the operator and the guardrails look for,
// each with the strongest action that one of them takes (GR-03).
func (g *Gate) filters(l *Limits, house *House, rules *Rules) (err error) {
	levels := rules.Filters
	if house != nil {
		l.Moderation = house.Moderation
		if len(house.Filters) > 0 {
			levels = append([][]filter.Entry{house.Filters}, levels...)
		}
	}
	if len(levels) == 0 || g == nil {
		return nil
	}
	if l.Filters, err = g.sets.Of(rules.Allowed, levels...); err != nil {
		return &llm.Error{
			Type: llm.TypeServer, Fault: llm.FaultOurs, Err: fmt.Errorf("content filters: %w", err),
			Message: "The content filters of this key cannot be used, and nothing is sent without them",
		}
	}
	return nil
}
