package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Gate decides what requests may do. Its zero value, and a nil one, know no policy but
// the request's and the key's own. All fields are set before use.
type Gate struct {
	House func() (*House, error)                                                         // the operator's policy, as it is now; nil: there is none
	Rules func(ctx context.Context, who identity.Principal, at time.Time) (Rules, error) // nil: there are none

	// Classify has a classifier say of which class a text is, in words of its own.
	Classify func(ctx context.Context, by *Service, text string) (class string, err error)
	// Skipped is told of a service that is not required and could not be asked; nil: nobody is.
	Skipped func(service string, why error)

	sets filter.Sets
}

// Rules is what the administrators of an account demand of one principal.
type Rules struct {
	Version string // of all that follows; "": nothing was ever set
	Levels  []Level
	Classes []string         // floors of the data class
	Spend   []Spending       // budgets, each checked on its own (GR-04)
	Filters [][]filter.Entry // content filters, of each guardrail
	Allowed []string         // phrases that are no prompt injection (GR-10)
	Sort    llm.Sort         // of requests that say nothing of the order (RT-26)
	Logging *Logging         // of what is said; nil: nobody has opted in
}

// Check refuses what the principal may not do at all, and says what the rest may at
// that time. An error of the store's is no refusal: the caller may do this, but not now
// (F98).
func (g *Gate) Check(ctx context.Context, who identity.Principal, req *llm.Request, at time.Time) (Limits, error) {
	if who.Management {
		return Limits{}, &llm.Error{
			Type: llm.TypePermissionDenied, Fault: llm.FaultCaller,
			Message: "Management keys cannot be used for inference: create a user key with POST /api/v1/keys and use that",
		}
	}
	house, err := g.house()
	if err != nil {
		return Limits{}, err
	}
	rules, err := g.rules(ctx, who, at)
	if err != nil {
		return Limits{}, err
	}
	limits := func() (Limits, error) { return g.limits(house, rules, who, req, at) }
	l, err := limits()
	if err != nil || !house.searches(req, l.Class) {
		if house != nil && req.Searched == house.Version { // by an earlier look at the same request
			l.Skipped = req.Skipped
		}
		return l, err
	}
	return g.search(ctx, house, req, l, at, limits)
}

func (g *Gate) house() (*House, error) {
	if g == nil || g.House == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	house, err := g.House()
	if err != nil {
		return nil, away(err)
	}
	return house, nil
}

func (g *Gate) rules(ctx context.Context, who identity.Principal, at time.Time) (Rules, error) {
	if g == nil || g.Rules == nil {
		return Rules{}, nil
	}
	rules, err := g.Rules(ctx, who, at)
	if err == nil {
		return rules, nil
	}
	if e, ok := errors.AsType[*llm.Error](err); ok {
		return Rules{}, e
	}
	return Rules{}, away(err)
}

// away is a policy that cannot be read: nothing is sent without one (F98).
func away(err error) *llm.Error {
	return &llm.Error{
		Type: llm.TypeOverloaded, Fault: llm.FaultOurs, RetryAfter: time.Second, Err: err,
		Message: "The data policy cannot be read right now, and nothing is sent without it: try again",
	}
}

func (g *Gate) limits(house *House, rules Rules, who identity.Principal, req *llm.Request, at time.Time) (Limits, error) {
	var l Limits
	l.Spend = append(l.Spend, rules.Spend...)
	if scope, most, limited := who.Scope(at); limited {
		l.Spend = append(l.Spend, Spending{Limit: ledger.Limit{Scope: scope, Max: most}, Source: OfKeyLimit, Reset: who.LimitReset})
	}
	l.Sort, l.Logging = rules.Sort, rules.Logging
	if err := g.filters(&l, house, &rules); err != nil {
		return Limits{}, err
	}
	if house != nil {
		l.Version, l.Catalog, l.house = house.Version, house.Catalog, house
		l.add(Level{Kind: Operator, Terms: house.Terms})
	}
	if rules.Version != "" {
		l.Version = strings.TrimPrefix(l.Version+"+a"+rules.Version, "+")
	}
	for _, level := range rules.Levels {
		l.add(level)
	}
	rank, err := rankOf(house, rules.Classes, req)
	if err != nil {
		return Limits{}, err
	}
	if rank >= 0 {
		l.Class = house.Classes[rank].Name
		l.Levels = append(l.Levels, house.levels(rank)...)
	}
	l.add(Level{Kind: Request, Terms: wishes(req)})
	return l, nil
}

// rankOf is the class of a request: the highest of its key's floor, of what it says
// itself and of what its content was found to be; the operator's default where none of
// them says anything.
func rankOf(house *House, floors []string, req *llm.Request) (int, error) {
	if req.DataClass != "" && !house.Has(req.DataClass) {
		return -1, house.unknownClass(req.DataClass)
	}
	names := append([]string{req.DataClass, req.FoundClass}, floors...)
	if house != nil && len(floors) == 0 && req.DataClass == "" {
		names = append(names, house.Default)
	}
	rank, err := house.highest(names...)
	if err != nil { // the floor's: the policy file does not have it any more
		return -1, &llm.Error{
			Type: llm.TypeServer, Fault: llm.FaultOurs, Err: err,
			Message: fmt.Sprintf("The data class of this key is not defined any more, and nothing is sent without it: the operator must define each of %q in the policy file, or give the key another", floors),
		}
	}
	return rank, nil
}

func (l *Limits) add(level Level) {
	if !level.Empty() {
		l.Levels = append(l.Levels, level)
	}
}

// wishes are what the request itself demands.
func wishes(req *llm.Request) Terms {
	t := Asked(req.Routing.ZDR, req.Routing.DenyCollection)
	t.Regions = req.DataRegions
	return t
}

// Asked are the terms of provider.zdr and provider.data_collection: deny. Their
// opposites demand nothing, and loosen nothing.
func Asked(zdr, denyCollection bool) Terms {
	t := Terms{NoCollection: denyCollection}
	if zdr {
		t.ZDR = AllGroups
	}
	return t
}
