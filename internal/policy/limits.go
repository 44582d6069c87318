package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Kind is who speaks at a level, from the broadest to the narrowest.
type Kind string

// The levels.
const (
	Operator    Kind = "operator"  // whoever runs the gateway: the policy file
	Account     Kind = "account"   // its privacy settings
	AtWorkspace Kind = "workspace" // its default guardrail
	Member      Kind = "member"    // the guardrail of the key's owner
	Key         Kind = "key"       // the guardrail of the key itself
	DataClass   Kind = "class"     // what the request's data class demands
	Request     Kind = "request"   // its own wishes
)

// Level is what one of those who have a say demands.
type Level struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id,omitzero"`   // of the guardrail
	Name string `json:"name,omitzero"` // of the guardrail or the class
	Terms
}

// String names the level for people: "guardrail Production of the key".
func (l *Level) String() string {
	switch l.Kind {
	case Operator:
		return "the operator's policy"
	case Account:
		return "the account's privacy settings"
	case AtWorkspace:
		return "the workspace's default guardrail"
	case Member:
		return "guardrail " + l.Name + " of the key's owner"
	case Key:
		return "guardrail " + l.Name + " of the key"
	case DataClass:
		return "data class " + l.Name
	default:
		return "the request"
	}
}

// ChangedBy says who can change what the level demands.
func (l *Level) ChangedBy() string {
	switch l.Kind {
	case Operator, DataClass:
		return "the operator, in the policy file"
	case Account:
		return "an administrator of the account, with PATCH /api/v1/turnpike/privacy"
	case AtWorkspace, Member, Key:
		return "an administrator of the account, with PATCH /api/v1/guardrails/" + l.ID
	default:
		return "the caller"
	}
}

// Limits is what the Gate allows a request. An endpoint is admitted if every level
// admits it: this is the whole of the algebra. Allow lists intersect, ignore lists unite,
// demands add up, and a further level can only leave out more.
type Limits struct {
	Levels  []Level    `json:"levels,omitempty"` // those that demand something, the broadest first
	Class   string     `json:"data_class,omitzero"`
	Version string     `json:"policy_version,omitzero"` // of the operator's policy, and of the account's
	Spend   []Spending `json:"-"`                       // all must admit the hold, together or not at all (I19)
	Sort    llm.Sort   `json:"-"`                       // of a request that says nothing of the order (RT-26)
	Logging *Logging   `json:"-"`                       // of what is said; nil: nobody has opted in

	Filters    *filter.Set `json:"-"` // what must not be said; nil: nothing is looked for
	Moderation *Service    `json:"-"` // that is asked whether the request may be sent; nil: none

	Skipped []string          `json:"skipped,omitempty"` // detectors that are not required and could not be asked
	Catalog *catalog.Snapshot `json:"-"`                 // that the operator's policy goes with; nil: the current one

	house *House // the operator's policy, for what is read later; nil: there is none
}

// Refuses names the rule by which an endpoint of a model is not admitted at a time, and
// whose it is; rule is "" for one that is.
func (l *Limits) Refuses(m *catalog.Model, e *catalog.Endpoint, at time.Time) (rule string, by *Level) {
	for i := range l.Levels {
		if rule := l.Levels[i].Refuses(m, e, at); rule != "" {
			return rule, &l.Levels[i]
		}
	}
	return "", nil
}

// Also says what further levels demand that an endpoint of a model does not have, which the
// level of by leaves out: once by is content, they are the next to leave it out. It is ""
// where there are none.
func (l *Limits) Also(m *catalog.Model, e *catalog.Endpoint, at time.Time, by *Level) string {
	var text strings.Builder
	for i := range l.Levels {
		x := &l.Levels[i]
		if x == by {
			continue
		}
		if rule := x.Refuses(m, e, at); rule != "" {
			text.WriteString("; and for " + x.String() + " " + x.Remedy(rule))
		}
	}
	return text.String()
}

// any reports whether one of the levels demands something.
func (l *Limits) any(demands func(*Level) bool) bool {
	for i := range l.Levels {
		if demands(&l.Levels[i]) {
			return true
		}
	}
	return false
}

// Keeps reports whether an answer may be kept for a while, to be given again to the
// same key. A request's own wish for an endpoint that retains nothing is no wish that
// nothing be kept here (RC-08).
func (l *Limits) Keeps() bool {
	return !l.any(func(x *Level) bool { return x.NoCache || x.Kind != Request && x.ZDR != NoGroup })
}

// Logs reports whether what is said may be logged or told to anybody, for those who
// opted in (S33). Whoever asks for zero retention does not want it logged here either.
func (l *Limits) Logs() bool {
	return !l.any(func(x *Level) bool { return x.NoLogging || x.ZDR != NoGroup })
}

// Fetches reports whether what a request names by URL may be fetched for it, and tools
// of ours be run.
func (l *Limits) Fetches() bool { return l.Unfetched() == nil }

// Unfetched is the level that demands that nothing is fetched and no tool of ours run,
// nil if none does.
func (l *Limits) Unfetched() *Level {
	for i := range l.Levels {
		if l.Levels[i].NoFetch {
			return &l.Levels[i]
		}
	}
	return nil
}

// ZDR reports whether all models need zero retention.
func (l *Limits) ZDR() bool { return l.any(func(x *Level) bool { return x.ZDR == AllGroups }) }

// NoCollection reports whether no endpoint may keep prompts or train on them.
func (l *Limits) NoCollection() bool { return l.any(func(x *Level) bool { return x.NoCollection }) }

// Default sets what a request does not say, as its workspace would have it.
func (l *Limits) Default(r *llm.Routing) {
	if r.Sort == llm.SortDefault && len(r.Order) == 0 {
		r.Sort = l.Sort
	}
}

// With is the limits with a level more.
func (l Limits) With(level Level) Limits {
	l.Levels = slices.Clip(l.Levels)
	l.add(level)
	return l
}

// Remedy says what would admit an endpoint that a rule of the level left out.
func (l *Level) Remedy(rule string) string {
	fact := func(what string) string {
		if l.Verified {
			return what + ", checked by the operator and not expired"
		}
		return what + ", stated in its data_policy with evidence that has not expired"
	}
	switch rule {
	case RuleZDR:
		return l.or(fact("zero retention"), "a request without zdr")
	case RuleTraining:
		if l.NoCollection {
			return l.or(fact("neither retention nor training"), "data_collection: allow")
		}
		return fact("no training on prompts")
	case RulePublication:
		return fact("no publication of prompts")
	case RuleRetention:
		return fact(fmt.Sprintf("retention of %d days at most", *l.MaxRetention))
	case RuleRegion:
		return l.or(fact("a region within "+strings.Join(l.Regions, ", ")), "a request without X-Turnpike-Data-Region")
	case RuleSubprocessors:
		if slices.Equal(l.Subprocessors, []string{Nobody}) {
			return fact("no subprocessors")
		}
		return fact("no subprocessors but " + strings.Join(l.Subprocessors, ", "))
	case RuleUnverified:
		return "the operator's own check of the facts in its data_policy"
	case RuleModels:
		return "its model in allowed_models"
	case RuleIgnoredModel:
		return "ignored_models without its model"
	case RuleProviders:
		return "its provider in allowed_providers"
	case RuleIgnored:
		return "ignored_providers without its provider"
	default:
		return ""
	}
}

// or adds what a caller could do, where it is the request that demands.
func (l *Level) or(remedy, without string) string {
	if l.Kind == Request {
		return remedy + ", or " + without
	}
	return remedy
}
