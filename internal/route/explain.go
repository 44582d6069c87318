package route

import (
	"errors"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Explanation says of a plan how it came about: who would be asked, in which order and
// why, and which rule left out each of the others.
type Explanation struct {
	Models     []string          `json:"models"`
	Strategy   Strategy          `json:"strategy,omitzero"`
	Snapshot   string            `json:"snapshot"`
	At         time.Time         `json:"at"`
	Seed       uint64            `json:"seed,string"`
	Limits     LimitsSaid        `json:"limits"`
	Needs      NeedsSaid         `json:"needs"`
	Considered int               `json:"considered"`
	Candidates []ExplainedChoice `json:"candidates"`
	Excluded   []ExplainedLoss   `json:"excluded"`
	Refusal    *ExplainedRefusal `json:"refusal,omitzero"`
}

// LimitsSaid are the data policies that hold for the request.
type LimitsSaid struct {
	ZDR            bool   `json:"zdr"`
	DataCollection string `json:"data_collection"` // allow or deny

	Class   string         `json:"data_class,omitzero"`
	Version string         `json:"policy_version,omitzero"`
	Levels  []policy.Level `json:"levels,omitempty"` // what each who has a say demands
}

// NeedsSaid is what the request was taken to need.
type NeedsSaid struct {
	PromptTokens int64    `json:"prompt_tokens"` // an estimate
	MaxTokens    int64    `json:"max_tokens,omitzero"`
	Parameters   []string `json:"parameters,omitempty"`
	Modalities   []string `json:"input_modalities,omitempty"`
	Outputs      []string `json:"output_modalities,omitempty"`
}

// ExplainedChoice is a candidate in its place.
type ExplainedChoice struct {
	Rank         int          `json:"rank"` // from 1
	Endpoint     string       `json:"endpoint"`
	Model        string       `json:"model"`
	Provider     string       `json:"provider"`
	ProviderName string       `json:"provider_name"`
	Why          string       `json:"why"`
	Chance       *Chance      `json:"chance,omitzero"` // of coming first, where that is drawn
	Pricing      PricingSaid  `json:"pricing"`
	ExpectedCost Cost         `json:"expected_cost"` // of the whole request; orders endpoints, bills nobody
	Standing     StandingSaid `json:"standing"`
	StickyTokens int64        `json:"sticky_tokens,omitzero"` // of the prompt, expected in its cache
	Resting      float64      `json:"resting,omitzero"`       // seconds for which it is passed over, since all keys for it were limited or refused; who plans alone does not know
}

// PricingSaid are prices in dollars per token, as the catalogue writes them.
type PricingSaid struct {
	Prompt     string `json:"prompt,omitzero"`
	Completion string `json:"completion,omitzero"`
	CacheRead  string `json:"input_cache_read,omitzero"`
}

// StandingSaid is how an endpoint does. What is absent is not known.
type StandingSaid struct {
	Grade         string  `json:"grade"` // fit, degraded, ailing, ejected
	Trial         bool    `json:"trial,omitzero"`
	LatencyP50    float64 `json:"latency_p50,omitzero"`    // seconds
	ThroughputP50 float64 `json:"throughput_p50,omitzero"` // tokens per second
	Requests      int64   `json:"requests,omitzero"`
}

// ExplainedLoss is an endpoint that a rule left out.
type ExplainedLoss struct {
	Endpoint  string `json:"endpoint"`
	Model     string `json:"model"`
	Provider  string `json:"provider"`
	Rule      string `json:"rule"`
	Detail    string `json:"detail,omitzero"`
	By        string `json:"required_by,omitzero"` // whose rule it is, where it is a matter of policy
	Remedy    string `json:"remedy"`               // what would admit it
	ChangedBy string `json:"changed_by,omitzero"`  // who can change that
}

// ExplainedRefusal is what a request would be answered with, where it has no plan.
type ExplainedRefusal struct {
	Status     int      `json:"status"`
	Type       llm.Type `json:"error_type"`
	Code       string   `json:"code,omitzero"`
	ExcludedBy []string `json:"excluded_by,omitempty"`
	Message    string   `json:"message"`
}

// Chance is a probability.
type Chance float64

// MarshalJSONTo writes four places, which is more than anybody believes.
func (c Chance) MarshalJSONTo(to *jsontext.Encoder) error {
	return json.MarshalEncode(to, math.Round(float64(c)*1e4)/1e4)
}

// Cost is an amount to look at: a number of dollars on the wire.
type Cost money.Nano

// MarshalJSONTo writes dollars.
func (c Cost) MarshalJSONTo(to *jsontext.Encoder) error {
	return to.WriteValue(money.Nano(c).AppendUSD(nil))
}

// UnmarshalJSONFrom reads what MarshalJSONTo wrote.
func (c *Cost) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	text, err := from.ReadValue()
	if err != nil {
		return err
	}
	n, err := money.ParseNano(string(text))
	*c = Cost(n)
	return err
}

// Explain plans and says how the plan comes about.
func Explain(q Query, w World, limits policy.Limits, seed uint64) Explanation {
	w.Explain = true
	plan, err := Make(q, w, limits, Rand(seed))
	return explain(&q, &w, limits, seed, plan, err)
}

// Explain makes the plan of a decision again, from the catalogue that it names, and says
// how it came about.
func (d *Decision) Explain(snap *catalog.Snapshot) Explanation {
	return Explain(d.Query, d.World(snap), d.Limits, d.Seed)
}

func explain(q *Query, w *World, limits policy.Limits, seed uint64, plan Plan, err error) Explanation {
	x := Explanation{
		Models: q.Models, Strategy: plan.Strategy, Snapshot: w.Catalog.Version(), At: w.At.UTC(), Seed: seed,
		Limits: LimitsSaid{limits.ZDR(), "allow", limits.Class, limits.Version, limits.Levels},
		Needs: NeedsSaid{
			PromptTokens: q.Needs.PromptTokens, MaxTokens: q.Needs.MaxTokens,
			Parameters: q.Needs.Parameters, Modalities: q.Needs.Modalities, Outputs: q.Needs.Outputs,
		},
		Considered: plan.Considered,
		Candidates: make([]ExplainedChoice, 0, len(plan.Candidates)),
		Excluded:   make([]ExplainedLoss, 0, len(plan.Excluded)),
	}
	if limits.NoCollection() {
		x.Limits.DataCollection = "deny"
	}
	for i, c := range plan.Candidates {
		e := c.Endpoint
		choice := ExplainedChoice{
			Rank: i + 1, Endpoint: e.ID, Model: e.Model, Provider: e.Provider, ProviderName: c.Provider.Name,
			Why: c.Why.String(), Pricing: PricingSaid{e.Prices.Prompt.Text, e.Prices.Completion.Text, e.Prices.CacheRead.Text},
			ExpectedCost: dollars(Blend(q, w.warm(e), &e.Prices)), Standing: said(w.Health(e.ID)), StickyTokens: w.warm(e),
		}
		if c.Why == WhyDraw {
			choice.Chance = new(Chance(plan.Chances[i]))
		}
		x.Candidates = append(x.Candidates, choice)
	}
	for _, l := range plan.Excluded {
		loss := ExplainedLoss{Endpoint: l.Endpoint.ID, Model: l.Endpoint.Model, Provider: l.Endpoint.Provider, Rule: l.Rule, Detail: l.Detail, Remedy: l.remedy()}
		loss.By, loss.ChangedBy = l.whose()
		x.Excluded = append(x.Excluded, loss)
	}
	if err != nil {
		x.Refusal = refused(err)
	}
	return x
}

func refused(err error) *ExplainedRefusal {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		e = &llm.Error{Type: llm.TypeServer, Message: "Internal error"}
	}
	r := &ExplainedRefusal{Status: e.Type.Status(), Type: e.Type, Message: e.Message}
	if a := e.Availability; a != nil {
		r.Code, r.ExcludedBy = a.Code, a.ExcludedBy
	}
	return r
}

// dollars is an amount of pico-dollars to look at.
func dollars(pico float64) Cost {
	nano := pico / 1e3
	if nano >= math.MaxInt64 {
		return math.MaxInt64
	}
	return Cost(nano)
}

func said(s *health.Standing) StandingSaid {
	grade := "fit"
	switch s.Grade {
	case health.Fit:
	case health.Degraded:
		grade = "degraded"
	case health.Ailing:
		grade = "ailing"
	case health.Ejected:
		grade = "ejected"
	}
	return StandingSaid{grade, s.Trial, s.Latency.P50, s.Throughput.P50, s.Requests}
}

// remedy is what would admit the endpoint.
func (x *Exclusion) remedy() string {
	if x.By != nil {
		return x.By.Remedy(x.Rule) + x.Also
	}
	switch x.Rule {
	case RuleDialect:
		return "a build that speaks its dialect"
	case RuleCredential:
		return "a key for the provider"
	case RuleAllowed:
		return "provider.only with its provider or tag, or without that list"
	case RuleIgnored:
		return "provider.ignore without it"
	case RuleTier:
		return "its service_tier, its tag in provider.order or provider.only, or a variant that admits it"
	case RuleDeprecated:
		return "nothing: its end was announced"
	case RuleUnpriced:
		return "a price: what it costs depends on where the provider routes to"
	case RuleContext:
		return "a shorter prompt, a smaller max_tokens, or the context-compression plugin"
	case RuleMaxTokens:
		return "a smaller max_tokens"
	case RuleModality:
		return "a prompt without images, files or other media that it does not read"
	case RuleQuantization:
		return "provider.quantizations with its own"
	case RuleMaxPrice:
		return "a higher provider.max_price"
	case RuleDistillable:
		return "a request without enforce_distillable_text"
	case RuleParameters:
		return "only parameters that it supports, or a request without require_parameters"
	case RulePreferred:
		return "a request without what only the others of its model can do"
	case RuleFallbacks:
		return "allow_fallbacks: true"
	case RuleLength:
		return "a plan without so many others before it"
	case RuleStrict:
		return "a request without the fields named, or without X-Turnpike-Strict"
	default:
		return ""
	}
}

// whose rule it is, where it is a matter of policy, and who can change that.
func (x *Exclusion) whose() (by, changedBy string) {
	switch {
	case x.By != nil:
		return x.By.String(), x.By.ChangedBy()
	case x.Rule == RuleCredential:
		return "", "the operator, in the configuration"
	default:
		return "", ""
	}
}

// odds are the chances of the ordered entries of coming first by the draw (RT-02): of
// those of the first class, in proportion to the inverse square of the price, or alike
// among those that are free. all are the entries before the last were cut off.
func odds(ordered, all []entry) []float64 {
	chances := make([]float64, len(ordered))
	if len(ordered) == 0 || ordered[0].why != WhyDraw {
		return chances
	}
	weight := func(e *entry) float64 {
		switch {
		case e.class != ordered[0].class || e.why != WhyDraw:
			return 0
		case ordered[0].price > 0:
			return 1 / e.price / e.price
		case e.price > 0: // what is free comes before it
			return 0
		default:
			return 1
		}
	}
	sum := 0.0
	for i := range all {
		sum += weight(&all[i])
	}
	for i := range ordered {
		chances[i] = weight(&ordered[i]) / sum
	}
	return chances
}
