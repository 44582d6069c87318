// Package fusion has a panel of models deliberate for the one that answers (contract area
// 9): each of them answers the conversation, one compares what they said, and the model
// that called for it goes on with that. Whoever takes part is asked through the spine,
// as a generation of its own, with the principal, the limits and the charge that it has.
package fusion

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// ToolName is what models know the tool by: names of functions have no colon.
const ToolName = "openrouter_fusion"

// DepthHeader says of a request that it is part of a deliberation, which has no other
// within it (RO-08).
const DepthHeader = "X-Openrouter-Fusion-Depth"

const toolDescription = "Has several other models answer the conversation independently, compares what they say, and returns where they agree, " +
	"where they contradict each other, what only some of them saw and what all of them missed. It takes a while and costs several answers: " +
	"call it where more than one view helps, as for research, critique, comparisons and whatever is dear to get wrong, and not for what you can simply say. " +
	"It can be called once for each answer. Write the answer yourself, from what it returns."

const toolParameters = `{"type":"object","properties":{"focus":{"type":"string",` +
	`"description":"What the other models are to pay attention to, if the conversation does not say it. They see the conversation themselves."}}}`

// Fusion runs deliberations. All fields are set before use.
type Fusion struct {
	Gateway *gateway.Gateway
	NewID   func() string // gen-...
	Log     *slog.Logger
}

// Offer adds the tool to a request that asks for deliberations, by a model's name, a
// plugin or a tool, and reports whether it did. h is the request's head.
func Offer(req *llm.Request, h http.Header) (bool, error) {
	f := req.Input.Plugins.Fusion
	named := slices.ContainsFunc(req.Models, llm.Deliberates)
	builds := slices.ContainsFunc(req.Models, func(name string) bool { return strings.HasPrefix(name, catalog.RouterBodyBuilder) })
	if within(h) {
		req.Cache.On = false // the body alone says that it is another answer
	}
	switch {
	case !f.On && !named, f.Off, builds, within(h), named && req.Input.Prompted: // the last is refused as such (RO-06)
		return false, nil
	case req.Input.Choice != nil && req.Input.Choice.Mode == llm.ToolNone:
		return false, nil
	case req.Input.Prompted:
		return false, llm.Bad("plugins: fusion needs messages, and this request has a prompt")
	case slices.ContainsFunc(req.Input.Tools, func(t llm.Tool) bool { return t.Name == ToolName }):
		return false, llm.Bad("tools: " + ToolName + " is the name of a tool of the gateway's")
	}
	if f.Preset == llm.FusionDefault && slices.ContainsFunc(req.Models, func(name string) bool { return strings.HasPrefix(name, llm.FusionFlash) }) {
		req.Input.Plugins.Fusion.Preset = llm.FusionFast
	}
	in := req.Input
	in.Tools = append(slices.Clone(in.Tools), llm.Tool{Name: ToolName, Description: toolDescription, Parameters: jsontext.Value(toolParameters)})
	req.Source = nil
	req.Needs.PromptTokens = in.EstimatePrompt()
	if !slices.Contains(req.Needs.Parameters, "tools") {
		req.Needs.Parameters = append(slices.Clone(req.Needs.Parameters), "tools")
		slices.Sort(req.Needs.Parameters)
	}
	return true, nil
}

// within reports whether the request is a part of a deliberation elsewhere.
func within(h http.Header) bool {
	depth, err := strconv.Atoi(strings.TrimSpace(h.Get(DepthHeader)))
	return err == nil && depth > 0
}

// Run is [gateway.Gateway.Run] for a request that [Offer] has added the tool to.
func (f Fusion) Run(ctx context.Context, who identity.Principal, req *llm.Request, out dialect.Emitter, o *record.Outcome) error {
	asked, in := *req, *req.Input // the spine lets go of them
	asked.Input = &in
	d := &deliberation{Fusion: f, who: who, req: &asked, set: in.Plugins.Fusion, o: o}
	tool := gateway.Tool{Name: ToolName, Run: d.run, Spent: func() money.Nano { return d.spent }, From: func() []string { return d.from }}
	return f.Gateway.RunWith(ctx, who, req, &tool, out, o)
}

// deliberation is that of one answer. It is of one goroutine, but for its members.
type deliberation struct {
	Fusion
	who   identity.Principal
	req   *llm.Request
	set   llm.Fusion
	o     *record.Outcome // of the answer
	used  bool
	spent money.Nano
	from  []string // endpoints that have answered
}

// result is what the tool says (RO-09).
type result struct {
	Status   string     `json:"status"`
	Analysis *analysis  `json:"analysis,omitzero"`
	Said     []response `json:"responses,omitempty"`
	Failed   []failure  `json:"failed_models,omitempty"`
	Error    string     `json:"error,omitzero"`
	Reason   reason     `json:"failure_reason,omitzero"`
}

type response struct {
	Model   string `json:"model"`
	Content string `json:"content"`
}

type failure struct {
	Model  string `json:"model"`
	Error  string `json:"error"`
	Status int    `json:"status_code,omitzero"`
}

// The statuses.
const (
	statusOK    = "ok"
	statusError = "error"
)

// reason is why a deliberation came to nothing.
type reason string

const (
	reasonAllFailed  reason = "all_panels_failed"
	reasonCredits    reason = "insufficient_credits"
	reasonLimited    reason = "rate_limited"
	reasonCapped     reason = "fusion_invocation_capped"
	reasonUnexpected reason = "unexpected_error"
)

// run is a call of the tool.
func (d *deliberation) run(ctx context.Context, arguments string) string {
	if d.used {
		return text(result{Status: statusError, Error: "the panel was asked already, once for this answer: go on with what it said", Reason: reasonCapped})
	}
	d.used = true
	began := time.Now()
	defer func() { egress.WaitedIn(ctx).Add(time.Since(began)) }()
	inner, _ := egress.Watch(ctx) // whose members wait all at once
	return text(d.deliberate(inner, focusOf(arguments)))
}

func text(r result) string {
	b, err := json.Marshal(r, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return `{"status":"error","error":"unexpected error","failure_reason":"unexpected_error"}`
	}
	return string(b)
}

// maxFocus is how much of what the model adds to the conversation is passed on, in bytes.
const maxFocus = 8 << 10

func focusOf(arguments string) string {
	var a struct {
		Focus string `json:"focus"`
	}
	if err := json.Unmarshal([]byte(arguments), &a); err != nil {
		return "" // the conversation says it
	}
	return strings.ToValidUTF8(a.Focus[:min(len(a.Focus), maxFocus)], "")
}

// deliberate asks the panel, and has compared what it says.
func (d *deliberation) deliberate(ctx context.Context, focus string) result {
	models, err := d.panel(ctx)
	if err != nil {
		return result{Status: statusError, Error: message(err), Reason: reasonAllFailed}
	}
	in, parameters := d.conversation(focus)
	members := d.askAll(ctx, models, in, parameters)
	r := result{Status: statusOK}
	for _, m := range members {
		d.spent, d.from = d.spent+m.cost, append(d.from, m.from...)
		if m.err == nil {
			r.Said = append(r.Said, response{m.model, m.said})
		} else {
			r.Failed = append(r.Failed, failure{m.asked, message(m.err), status(m.err)})
		}
	}
	var analyst *member
	switch {
	case context.Cause(ctx) != nil:
		r = result{Status: statusError, Error: "the deliberation was cut short", Reason: reasonUnexpected}
	case len(r.Said) == 0:
		r.Status, r.Error, r.Reason = statusError, "all models of the panel failed", whyAllFailed(members)
	default:
		analyst = d.compare(ctx, in, r.Said, cmp.Or(d.set.Model, d.o.Model))
		d.spent, d.from = d.spent+analyst.cost, append(d.from, analyst.from...)
		r.Analysis = analyst.analysis
	}
	d.tell(&r, members, analyst)
	return r
}

// panel are the names of the models to ask.
func (d *deliberation) panel(ctx context.Context) ([]string, error) {
	if d.set.Panel != nil {
		return d.set.Panel, nil
	}
	in, parameters := d.conversation("")
	models, err := d.Gateway.Panel(ctx, d.who, d.request(in, parameters, 1), d.set.Preset)
	if err == nil && len(models) == 0 {
		err = llm.Bad("no model can take part in the panel")
	}
	return models, err
}

func whyAllFailed(members []*member) reason {
	why := reasonAllFailed
	for _, m := range members {
		switch status(m.err) {
		case http.StatusPaymentRequired:
			return reasonCredits
		case http.StatusTooManyRequests:
			why = reasonLimited
		}
	}
	return why
}

// tell notes for a caller who asked what the deliberation came to.
func (d *deliberation) tell(r *result, members []*member, analyst *member) {
	if d.o.Told == nil {
		return
	}
	panel := make([]map[string]any, len(members))
	answered := 0
	for i, m := range members {
		panel[i] = m.told()
		if m.err == nil {
			answered++
		}
	}
	data := map[string]any{"status": r.Status, "analysis_models": panel}
	if analyst != nil {
		data["analyst"] = analyst.told()
	}
	if r.Reason != "" {
		data["failure_reason"] = string(r.Reason)
	}
	d.o.Told.Did(llm.PipelineStage{
		Type: llm.StageTool, Name: "fusion", Cost: d.spent, Data: data,
		Summary: strconv.Itoa(answered) + " of " + strconv.Itoa(len(members)) + " models of the panel answered",
	})
}
