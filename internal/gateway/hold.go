package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// step is by how many output tokens a hold begins and grows where the caller set
// no limit.
const step = 8192

// Times within which the books must answer, outside of the caller's own.
const (
	reserveLimit = 2 * time.Second // F69
	settleLimit  = 5 * time.Second
)

// reserve takes the hold that covers the dearest endpoint of the plan, before
// the first upstream byte (I11).
func (g *Gateway) reserve(ctx context.Context, who identity.Principal, req *llm.Request, plan route.Plan, limits policy.Limits, o *record.Outcome) (*meter, error) {
	ask := askOf(req, plan)
	began := g.Now()
	defer func() { o.Spent.Hold = g.Now().Sub(began) }()
	sheets := plan.Prices()
	if builds(req) {
		sheets = []catalog.Prices{{}} // RO-05
	}
	amount, err := pricing.Ceiling(sheets, ask)
	if errors.Is(err, money.ErrOverflow) {
		return nil, llm.Bad("max_tokens: the answer could cost more than any account can hold: ask for fewer tokens")
	}
	if err != nil {
		return nil, fmt.Errorf("ceiling of %s: %w", req.ID, err)
	}
	// A caller who leaves meanwhile is no failure of the books.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reserveLimit)
	defer cancel()
	hold, err := g.Ledger.Reserve(ctx, ledger.Customer(who.Account), req.ID, amount, limits.Holds()...)
	if err != nil {
		return nil, refusal(err, &limits, sheets, ask)
	}
	return &meter{req: req, hold: hold, heldTokens: ask.OutputTokens, calls: newCalls(req)}, nil
}

// askOf is the size of a request.
func askOf(req *llm.Request, plan route.Plan) pricing.Ask {
	return pricing.Ask{
		PromptTokens: req.Needs.PromptTokens, OutputTokens: outputToHold(req, plan), Images: req.Needs.Images,
		CacheWrites: true, Audio: slices.Contains(req.Needs.Modalities, "audio"), Media: len(req.Needs.Outputs) > 0,
	}
}

// outputToHold is how many output tokens the first hold covers: what the caller
// asked for; else a step, or all that the model can say where that is less or
// where the answer comes in one piece.
func outputToHold(req *llm.Request, plan route.Plan) int64 {
	if asked := req.Needs.MaxTokens; asked > 0 {
		return asked
	}
	var tokens int64
	for _, c := range plan.Candidates {
		limit := c.Endpoint.MaxCompletionTokens
		switch {
		case limit > 0 && (limit < step || !relay.Streamed(req, c.Endpoint.NoStream)):
			tokens = max(tokens, limit)
		default:
			tokens = max(tokens, step)
		}
	}
	return tokens
}

// refusal is why there is no hold, in the contract's words (ER-14, ER-15).
func refusal(err error, limits *policy.Limits, sheets []catalog.Prices, ask pricing.Ask) error {
	short, ok := errors.AsType[*ledger.Insufficient](err)
	if !ok { // F66, R4: our store failed; that is no fact about the caller's money
		return &llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOurs, Message: "The ledger cannot be reached: try again later", RetryAfter: time.Second, Err: err}
	}
	b := limits.Budget(short.Scope)
	if b.Administered() {
		return overBudget(b, short)
	}
	what, where, remedy := "Insufficient credits", "/api/v1/credits", "add credits"
	if short.Scope != "" {
		what, where, remedy = "This key's spending limit does not cover it", "/api/v1/key", "raise the limit"
	}
	message := fmt.Sprintf("%s: this request needs up to $%s and $%s is available.", what, short.Wanted, max(short.Available, 0))
	if n := pricing.Affordable(sheets, ask, short.Available); n > 0 {
		message += fmt.Sprintf(" Up to %d output tokens could be afforded: set max_tokens to that, or %s.", n, remedy)
	} else {
		message += " Shorten the prompt, or " + remedy + "."
	}
	message += " GET " + where + " shows what is left."
	return &llm.Error{Type: llm.TypePaymentRequired, Fault: llm.FaultCaller, Message: message, LimitSource: string(b.Source), Err: err}
}

// overBudget is a budget of a guardrail's or a workspace's that has no room: who may spend
// is forbidden to, by an administrator (ER-15, WS-04).
func overBudget(b policy.Spending, short *ledger.Insufficient) *llm.Error {
	return &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultCaller, LimitSource: string(b.Source), Err: short,
		Message: fmt.Sprintf("%s: this request needs up to $%s and $%s is left. Contact your workspace admin.", b.Exceeded(), short.Wanted, max(short.Available, 0)),
	}
}

// mustEnd says why an answer may not go on, or "". It grows the hold while the
// answer outgrows it.
func (g *Gateway) mustEnd(l *life, m *meter) (native string) {
	if m.finish.Unified != "" {
		return ""
	}
	if m.overlong() {
		return nativeOverlong
	}
	if m.req.Needs.MaxTokens > 0 || m.delivered() <= m.heldTokens || m.most() > 0 && m.heldTokens >= m.most() {
		return ""
	}
	by, err := pricing.Ceiling([]catalog.Prices{m.endpoint.Prices}, pricing.Ask{OutputTokens: step, Media: len(m.req.Needs.Outputs) > 0})
	if err != nil {
		return nativeUnheld
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), reserveLimit)
	defer cancel()
	hold, err := g.Ledger.Grow(ctx, m.hold, by)
	if _, short := errors.AsType[*ledger.Insufficient](err); short {
		return nativeInsufficient
	}
	if err != nil { // R4: that is no fact about the caller's money
		return nativeUnheld
	}
	m.hold, m.heldTokens = hold, m.heldTokens+step
	return ""
}

// settle prices the usage, closes the hold and records the outcome, once. What
// it returns is what the caller is told.
func (g *Gateway) settle(m *meter, o *record.Outcome, u llm.Usage) llm.Usage {
	m.settled = true
	ctx, cancel := context.WithTimeout(context.Background(), settleLimit)
	defer cancel()
	due := u.Cost
	if m.endpoint != nil {
		u, due = g.charge(ctx, m, o, u)
	}
	u.Tools = m.tool.spent()
	o.Usage, o.Held, o.Charged, o.Ended = u, m.hold.Amount, u.Cost, g.Now()
	m.pass.end(ctx, o)
	g.Sink.Record(*o)
	g.logged(m.logged, m.screened.Hide, o)
	if err := g.Ledger.Settle(ctx, m.hold, due); err != nil {
		o.Unsettled = true
		g.unsettled.add(pending{m.hold, due})
	}
	g.stayed(ctx, m, o, u)
	return u
}

// charge is the usage with its cost, never above the hold, which grows to meet
// it if it can; and what is due, of which the ledger books the rest as the
// operator's loss (I8).
func (g *Gateway) charge(ctx context.Context, m *meter, o *record.Outcome, u llm.Usage) (charged llm.Usage, due money.Nano) {
	priced, err := m.price(u, o.Began)
	if err != nil { // a sum beyond all money: nothing credible was said
		u.Cost, u.PromptCost, u.Upstream = 0, 0, 0
		return u, 0
	}
	o.Parts = g.shares(m, u, o)
	o.Sheet, o.SheetBytes = g.sheets.of(g.Catalog(), m.endpoint)
	if builds(m.req) { // RO-05: what it costs is the operator's
		priced.Cost, priced.PromptCost = 0, 0
		o.Sheet, o.SheetBytes = pricing.Sheet(catalog.Prices{})
		return priced, 0
	}
	o.Insured = priced.Cost == 0 && priced.Upstream > 0
	if priced.Cost > m.hold.Amount {
		if hold, err := g.Ledger.Grow(ctx, m.hold, priced.Cost-m.hold.Amount); err == nil {
			m.hold = hold
		}
	}
	due = priced.Cost
	priced.Cost = min(due, m.hold.Amount)
	return priced, due
}

// abandon is the deferred end of a hold that nothing else settled: a panic, or
// an error of ours (F91). It is free.
func (g *Gateway) abandon(m *meter, o *record.Outcome) {
	if m.settled {
		return
	}
	m.finish = llm.FinishReason{Unified: llm.FinishError}
	o.Finish, o.ErrorType = m.finish, llm.TypeServer
	g.settle(m, o, llm.Usage{})
}

// unsettled are settlements that the store did not take: they are tried again
// while this process lives, and else expire with their holds, in the customer's
// favour (F67).
type unsettled struct {
	mu   sync.Mutex
	todo []pending
}

type pending struct {
	hold ledger.Hold
	cost money.Nano
}

func (u *unsettled) add(p pending) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.todo = append(u.todo, p)
}

// Retry settles what could not be settled before. It returns how many are left:
// after a failure the rest waits for the next time, with the failed one behind
// it, so that none can block the others.
func (g *Gateway) Retry(ctx context.Context) (left int) {
	g.unsettled.mu.Lock()
	todo := g.unsettled.todo
	g.unsettled.todo = nil
	g.unsettled.mu.Unlock()
	for i, p := range todo {
		err := g.Ledger.Settle(ctx, p.hold, p.cost)
		if err == nil || errors.Is(err, ledger.ErrClosed) || errors.Is(err, ledger.ErrNoHold) {
			continue
		}
		for _, rest := range todo[i+1:] {
			g.unsettled.add(rest)
		}
		g.unsettled.add(p)
		return len(todo) - i
	}
	return 0
}
