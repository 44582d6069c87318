package relay

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// tour is the way of one request through the candidates of its plan.
type tour struct {
	relay    *Relay
	req      *llm.Request
	plan     route.Plan
	attached *media.Attached
	began    time.Time

	models   []*asked
	attempts int
	out      outcomes
	tried    []record.Try
	used     []used            // keys that an attempt was made with
	held     []route.Candidate // that wait for credit
	echoes   []llm.Echo
}

// asked is a model that the request came to.
type asked struct {
	id       string
	budget   *budget
	attempts int
}

type used struct{ endpoint, label string }

// model counts the request among those for the candidate's model.
func (t *tour) model(c route.Candidate) *asked {
	for _, m := range t.models {
		if m.id == c.Model.ID {
			return m
		}
	}
	m := &asked{id: c.Model.ID, budget: t.relay.budgets.asked(c.Model.ID, t.relay.Now())}
	t.models = append(t.models, m)
	return m
}

// ask makes attempts at one candidate, with one key after the other where a key is
// refused or limited. It returns its answer, or the error that ends the request.
func (t *tour) ask(ctx context.Context, c route.Candidate) (*Answer, *llm.Error) {
	live, ok := t.relay.Providers(c.Endpoint.Provider)
	if !ok {
		return nil, &llm.Error{Type: llm.TypeServer, Fault: llm.FaultOurs, Message: "The endpoint has no provider", Err: errors.New(c.Endpoint.ID)}
	}
	if left := t.relay.withdrawn(t.plan, c); left != nil {
		t.out.add(c, left)
		return nil, nil
	}
	for _, key := range order(live.Keys, t.req) {
		u := used{c.Endpoint.ID, key.Label}
		if slices.Contains(t.used, u) {
			continue
		}
		if t.out.closed(c) || t.over() {
			return nil, nil
		}
		live, key, ok := t.relay.asNow(c, key)
		if !ok {
			continue
		}
		v, away := t.enter(c, live, key)
		switch {
		case away != nil:
			t.out.add(c, away)
			continue
		case v == nil:
			t.held = append(t.held, c)
			return nil, nil
		}
		t.used = append(t.used, u)
		answer, failed := t.visit(ctx, v)
		switch {
		case failed == nil:
			return answer, nil
		case ctx.Err() != nil: // whoever ended the request: it was no provider, and nobody else is asked
			return nil, failed
		case !failed.Fault.Next() && !failed.Fault.NextModel():
			return nil, failed
		case failed.Fault != llm.FaultBusy && failed.Fault != llm.FaultCredential:
			return nil, nil
		}
	}
	return nil, nil
}

// visit makes one attempt. Its visit is over when it fails, and lives on with its
// answer.
func (t *tour) visit(ctx context.Context, v *visit) (answer *Answer, failed *llm.Error) {
	r, c := t.relay, v.at
	defer func() {
		if answer == nil {
			v.close()
		}
	}()
	m := t.model(c)
	m.attempts++
	t.attempts++
	began := r.Now()
	answer, status, failed := r.attempt(ctx, t.req, t.plan, v, t.attached)
	t.echo(v)
	try := record.Try{
		Endpoint: c.Endpoint.ID, ProviderSlug: c.Endpoint.Provider, ProviderName: c.Provider.Name, KeyLabel: v.key.Label,
		Model: c.Model.ID, Status: status, Latency: r.Now().Sub(began),
	}
	if failed == nil {
		t.tried = append(t.tried, try)
		return answer, nil
	}
	if _, left := errors.AsType[*unsaid](failed); left { // nobody was to be asked
		m.attempts--
		t.attempts--
	}
	if v.sent { // of others the error and its history must not speak (ER-08)
		try.Type = failed.Type
		t.tried = append(t.tried, try)
		failed.ProviderName = try.ProviderName
	}
	if ctx.Err() == nil {
		v.failed(failed, status)
		t.out.add(c, failed)
	}
	return nil, failed
}

// echo notes what the visit's provider was sent: once, if it was asked again for the
// same, with another key.
func (t *tour) echo(v *visit) {
	if v.echo == nil {
		return
	}
	x := llm.Echo{Provider: v.at.Provider.Name, Model: v.at.Model.ID, Body: v.echo}
	v.echo = nil
	if !slices.ContainsFunc(t.echoes, func(y llm.Echo) bool {
		return y.Provider == x.Provider && y.Model == x.Model && bytes.Equal(y.Body, x.Body)
	}) {
		t.echoes = append(t.echoes, x)
	}
}

// over reports that no further attempt may begin.
func (t *tour) over() bool {
	r := t.relay
	if t.attempts == 0 {
		return false
	}
	total := r.Timeouts.Total
	return t.attempts >= r.Attempts || total > 0 && total-r.Now().Sub(t.began) < min(total/restShare, restMost)
}

// wait asks those who were passed over for want of credit, as soon as other requests
// have found out who answers.
func (t *tour) wait(ctx context.Context) (*Answer, *llm.Error) {
	if len(t.held) == 0 {
		return nil, nil
	}
	patient := time.NewTimer(patience)
	defer patient.Stop()
	for {
		list, news := t.held, t.news() // before they are asked, so that nothing is missed
		t.held = nil
		for _, c := range list {
			if answer, end := t.ask(ctx, c); answer != nil || end != nil {
				return answer, end
			}
		}
		if len(t.held) == 0 || t.over() || news == nil {
			return nil, nil
		}
		began := time.Now()
		select {
		case <-news:
		case <-patient.C:
			return nil, nil
		case <-ctx.Done():
			return nil, givenUp(ctx)
		}
		egress.WaitedIn(ctx).Add(time.Since(began))
	}
}

// news is closed when an attempt ends that another request makes for a model of which
// candidates wait; nil where there is none.
func (t *tour) news() <-chan struct{} {
	for _, c := range t.held {
		if news := t.model(c).budget.next(); news != nil {
			return news
		}
	}
	return nil
}

// result is what [Relay.Do] returns.
func (t *tour) result(answer *Answer, end *llm.Error) (*Answer, []record.Try, error) {
	switch {
	case answer != nil:
		answer.Echoes = t.echoes
		return answer, t.tried, nil
	case end != nil:
		end.Previous, end.Echoes = previous(t.tried), t.echoes
		return nil, t.tried, end
	}
	for _, c := range t.held { // of the model that the verdict is about
		if n := len(t.out.list); n > 0 && t.out.list[n-1].model == c.Model.ID {
			t.out.add(c, t.out.unpaid())
			break
		}
	}
	failed := t.out.verdict(t.req, t.plan, t.tried)
	failed.Files, failed.Echoes = t.attached.Files(), t.echoes
	return nil, t.tried, failed
}

// unpaid is the failure of a request that had no credit for a further attempt: so many
// before it failed.
func (o *outcomes) unpaid() *llm.Error {
	e := &llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOverloaded, Message: "Too many requests for this model fail: try again later", RetryAfter: time.Second}
	if !slices.ContainsFunc(o.list, func(x outcome) bool { return x.err.Fault != llm.FaultBusy }) {
		e.Type, e.Fault = llm.TypeRateLimit, llm.FaultBusy
	}
	return e
}
