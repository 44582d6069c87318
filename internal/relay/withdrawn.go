package relay

import (
	"context"
	"errors"
	"log/slog"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// withdrawn is why a candidate may not be sent the request any more, nil if it may: since
// the plan was made, what is known of it may have been withdrawn, or have expired. It
// must hold of the endpoint that was planned, at whose address the request goes, and of
// what the catalogue has in its place now.
func (r *Relay) withdrawn(plan route.Plan, c route.Candidate) *llm.Error {
	rule, by := r.refuses(plan.Limits, c)
	if rule == "" {
		return nil
	}
	return &llm.Error{
		Type: llm.TypeNotFound, Fault: llm.FaultUnsuited,
		Message: c.Provider.Name + " may not be sent this any more: " + rule + ", required by " + by.String(),
		Err:     &unsaid{route.Exclusion{Endpoint: c.Endpoint, Rule: rule, By: by}},
	}
}

func (r *Relay) refuses(l *policy.Limits, c route.Candidate) (rule string, by *policy.Level) {
	if l == nil || len(l.Levels) == 0 {
		return "", nil
	}
	at := r.Now()
	if rule, by := l.Refuses(c.Model, c.Endpoint, at); rule != "" || r.Catalog == nil {
		return rule, by
	}
	snap := r.Catalog()
	e, ok := snap.Endpoint(c.Endpoint.ID)
	if e == c.Endpoint {
		return "", nil
	}
	m := c.Model
	if !ok { // of what is not there any more, nothing is known
		gone := *c.Endpoint
		gone.Policy, e = catalog.Unknown(), &gone
	} else if found, ok := snap.Model(e.Model); ok {
		m = found
	}
	return l.Refuses(m, e, at)
}

// pass is what the door asks of a candidate: whether it is in the plan and may be sent
// the request as it is now, and where it is.
func (r *Relay) pass(plan route.Plan, c route.Candidate, place string, sent *payload) egress.Pass {
	return egress.Pass{
		Endpoint: c.Endpoint.ID, Authority: place, Sent: sent.went,
		Allowed: func(id string) bool {
			rule, _ := r.refuses(plan.Limits, c)
			return rule == "" && plan.Allows(id)
		},
	}
}

// astray tells the operator of a request that the door did not let out: it is a bug.
func (r *Relay) astray(c route.Candidate, err error) {
	if errors.Is(err, egress.ErrNotAllowed) {
		r.log("a request was about to leave for where it must not, and did not leave", slog.String("endpoint", c.Endpoint.ID), slog.Any("err", err))
	}
}

// fetcher fetches what a request names by URL, if that may be done at all.
func (r *Relay) fetcher(plan route.Plan) media.Door {
	if l := plan.Limits; l != nil {
		if by := l.Unfetched(); by != nil {
			return shut{by}
		}
	}
	return r.Door
}

// shut is a door for what may not be fetched.
type shut struct{ by *policy.Level }

// Get implements media.Door.
func (s shut) Get(context.Context, string, int64) (body []byte, contentType string, err error) {
	return nil, "", &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultUnsuited,
		Message: "messages: nothing is fetched for this request, as demanded by " + s.by.String() +
			", and no endpoint that may serve it follows the URL itself: send the bytes as a data URI. It can be changed by " + s.by.ChangedBy(),
	}
}
