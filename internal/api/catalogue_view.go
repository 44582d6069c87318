package api

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// publicModel is the contract's model object (area 28). All members without
// omitzero are required there.
type publicModel struct {
	ID            string         `json:"id"`
	CanonicalSlug string         `json:"canonical_slug"`
	Name          string         `json:"name"`
	Created       int64          `json:"created"`
	Description   string         `json:"description,omitzero"`
	ContextLength *int64         `json:"context_length"`
	Architecture  architecture   `json:"architecture"`
	Pricing       priceView      `json:"pricing"`
	TopProvider   topProvider    `json:"top_provider"`
	Limits        *struct{}      `json:"per_request_limits"` // null: no limits beyond the model's
	Parameters    []string       `json:"supported_parameters"`
	Defaults      jsontext.Value `json:"default_parameters"`
	Voices        *struct{}      `json:"supported_voices"` // null: speaks no text
	HuggingFaceID *string        `json:"hugging_face_id"`
	Cutoff        *string        `json:"knowledge_cutoff"`
	Expires       *string        `json:"expiration_date"`
	Reasoning     *reasoningView `json:"reasoning,omitzero"`
	AliasTarget   *aliasTarget   `json:"alias_target,omitzero"`
	Warning       string         `json:"data_policy_warning,omitzero"` // ours: it may log prompts wherever it is asked
	Links         struct {
		Details string `json:"details"`
	} `json:"links"`
}

type architecture struct {
	Modality     string   `json:"modality"`
	Input        []string `json:"input_modalities"`
	Output       []string `json:"output_modalities"`
	Tokenizer    string   `json:"tokenizer"`
	InstructType *string  `json:"instruct_type"`
}

type topProvider struct {
	ContextLength *int64 `json:"context_length"`
	MaxCompletion *int64 `json:"max_completion_tokens"`
	Moderated     bool   `json:"is_moderated"`
}

type reasoningView struct {
	Mandatory         bool      `json:"mandatory"`
	Efforts           *[]string `json:"supported_efforts"` // null: all are taken
	DefaultEffort     string    `json:"default_effort,omitzero"`
	DefaultEnabled    bool      `json:"default_enabled"`
	SupportsMaxTokens bool      `json:"supports_max_tokens,omitzero"`
}

func modelView(m *catalog.Model, primary *catalog.Endpoint, prices catalog.Prices) publicModel {
	v := publicModel{
		ID: m.ID, CanonicalSlug: m.CanonicalSlug, Name: m.Name, Created: m.Created, Description: m.Description,
		ContextLength: orNull(m.ContextLength), Architecture: architectureOf(m), Pricing: priceView(prices),
		TopProvider: topProvider{Moderated: m.Moderated},
		Parameters:  m.SupportedParameters, Defaults: defaultsOf(m),
		HuggingFaceID: orNull(m.HuggingFaceID), Cutoff: orNull(m.KnowledgeCutoff), Expires: orNull(m.ExpirationDate),
	}
	v.Links.Details = modelsPath + "/" + m.ID + "/endpoints"
	if primary != nil {
		v.TopProvider.ContextLength, v.TopProvider.MaxCompletion = orNull(primary.ContextLength), orNull(primary.MaxCompletionTokens)
	}
	if r := m.Reasoning; r != nil {
		v.Reasoning = &reasoningView{r.Mandatory, listOrNull(r.Efforts), r.DefaultEffort, r.DefaultEnabled, r.SupportsMaxTokens}
	}
	return v
}

func architectureOf(m *catalog.Model) architecture {
	return architecture{
		Modality: strings.Join(m.InputModalities, "+") + "->" + strings.Join(m.OutputModalities, "+"),
		Input:    m.InputModalities, Output: m.OutputModalities,
		Tokenizer: cmp.Or(m.Tokenizer, "Other"), InstructType: orNull(m.InstructType),
	}
}

// defaultsOf is the model's default parameters, of which the contract knows six,
// or null.
func defaultsOf(m *catalog.Model) jsontext.Value {
	var b []byte
	for _, name := range []string{"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "repetition_penalty"} {
		number, ok := m.DefaultParameters[name]
		if !ok {
			continue
		}
		b = append(b, ",\""+name+"\":"+number...)
	}
	if b == nil {
		return jsontext.Value("null")
	}
	b[0] = '{'
	return append(b, '}')
}

// priceView is a price sheet in public: strings in dollars per token or unit, as
// they are catalogued byte for byte (CT-06).
type priceView catalog.Prices

// MarshalJSONTo implements json.MarshalerTo.
func (v priceView) MarshalJSONTo(enc *jsontext.Encoder) error {
	p := catalog.Prices(v)
	out := tokens{enc: enc}
	out.put(jsontext.BeginObject)
	for name, price := range p.All {
		required := name == "prompt" || name == "completion"
		switch {
		case required && p.Routed:
			out.put(jsontext.String(name), jsontext.String("-1"))
		case price.Listed():
			out.put(jsontext.String(name), jsontext.String(price.Text))
		case required: // not counted by the token: costs nothing by the token
			out.put(jsontext.String(name), jsontext.String("0"))
		}
	}
	if off, err := money.ParsePico(p.Discount); err == nil { // "" is none
		out.put(jsontext.String("discount"))
		out.value(jsontext.Value(off.String()))
	}
	if len(p.Overrides) > 0 {
		out.put(jsontext.String("overrides"), jsontext.BeginArray)
		for _, o := range p.Overrides {
			out.override(o)
		}
		out.put(jsontext.EndArray)
	}
	out.put(jsontext.EndObject)
	return out.err
}

// tokens writes JSON until the first error.
type tokens struct {
	enc *jsontext.Encoder
	err error
}

func (t *tokens) put(some ...jsontext.Token) {
	for _, token := range some {
		if t.err == nil {
			t.err = t.enc.WriteToken(token)
		}
	}
}

func (t *tokens) value(v jsontext.Value) {
	if t.err == nil {
		t.err = t.enc.WriteValue(v)
	}
}

func (t *tokens) override(o catalog.Override) {
	t.put(jsontext.BeginObject)
	if o.MinPromptTokens > 0 {
		t.put(jsontext.String("min_prompt_tokens"), jsontext.Int(o.MinPromptTokens))
	}
	if o.From != "" {
		t.put(jsontext.String("utc_start"), clock(o.From), jsontext.String("utc_end"), clock(o.To))
	}
	for name, price := range o.Prices.All {
		if price.Listed() {
			t.put(jsontext.String(name), jsontext.String(price.Text))
		}
	}
	t.put(jsontext.EndObject)
}

// clock is "0130" as the number 130.
func clock(hhmm string) jsontext.Token {
	n, _ := strconv.ParseInt(hhmm, 10, 64) // a snapshot has nothing else
	return jsontext.Int(n)
}

// publicEndpoint is the contract's endpoint object and our data_policy (DP-15).
type publicEndpoint struct {
	Name            string       `json:"name"`
	ModelID         string       `json:"model_id"`
	ModelName       string       `json:"model_name"`
	ContextLength   int64        `json:"context_length"`
	Pricing         priceView    `json:"pricing"`
	ProviderName    string       `json:"provider_name"`
	Tag             string       `json:"tag"`
	Quantization    string       `json:"quantization"`
	MaxCompletion   *int64       `json:"max_completion_tokens"`
	MaxPrompt       *int64       `json:"max_prompt_tokens"`
	Parameters      []string     `json:"supported_parameters"`
	Status          int          `json:"status"`
	Uptime5m        *float64     `json:"uptime_last_5m"`
	Uptime30m       *float64     `json:"uptime_last_30m"`
	Uptime1d        *float64     `json:"uptime_last_1d"`
	Tier            *string      `json:"service_tier"` // null: the standard one
	ImplicitCaching bool         `json:"supports_implicit_caching"`
	Latency30m      *percentiles `json:"latency_last_30m"`    // milliseconds (CT-12)
	Throughput30m   *percentiles `json:"throughput_last_30m"` // tokens per second
	ToolChoice      toolChoice   `json:"supports_tool_choice"`
	NativeTools     struct{}     `json:"native_tools"`         // none: no server tool is handed on to a provider
	Diarization     bool         `json:"supports_diarization"` // of transcriptions
	DataPolicy      policyView   `json:"data_policy"`
}

// toolChoice says which values of tool_choice an endpoint takes. What is known is
// whether it takes the parameter.
type toolChoice struct {
	Auto     bool `json:"auto"`
	Function bool `json:"function"`
	None     bool `json:"none"`
	Required bool `json:"required"`
}

// percentiles are those of health.Percentiles.
type percentiles struct {
	P50 float64 `json:"p50"`
	P75 float64 `json:"p75"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// percentilesOf are percentiles in other units, to the thousandth; null without data.
func percentilesOf(p health.Percentiles, times float64) *percentiles {
	if !p.Known() {
		return nil
	}
	in := func(v float64) float64 { return math.Round(v*times*1e3) / 1e3 }
	return &percentiles{in(p.P50), in(p.P75), in(p.P90), in(p.P99)}
}

// percent is an uptime as the contract has it (CT-13); null for too few requests.
func percent(share float64) *float64 {
	if share < 0 {
		return nil
	}
	p := math.Round(share*1e5) / 1e3
	return &p
}

// Statuses of an endpoint. The contract numbers them without saying what they
// mean, except that 0 is healthy (HM-10, U6).
const (
	statusHealthy    = 0
	statusDegraded   = -1 // an outage, or an uptime under 95 %: tried after those without
	statusDown       = -2 // it failed again and again: none but a trial asks it
	statusDeprecated = -3 // not planned for any more
)

func endpointView(m *catalog.Model, p *catalog.Provider, e *catalog.Endpoint, h Health, at time.Time) publicEndpoint {
	known := h.Published(e.ID)
	v := publicEndpoint{
		Name: p.Name + " | " + m.ID, ModelID: m.ID, ModelName: m.Name, ProviderName: p.Name, Tag: e.Tag,
		ContextLength: cmp.Or(e.ContextLength, m.ContextLength), Pricing: priceView(shownPrices(e, at)),
		Quantization: cmp.Or(e.Quantization, "unknown"), MaxCompletion: orNull(e.MaxCompletionTokens), MaxPrompt: orNull(e.MaxPromptTokens),
		Parameters: e.SupportedParameters, Status: statusHealthy, Tier: orNull(e.Tier), ImplicitCaching: e.ImplicitCaching, DataPolicy: policyOf(&e.Policy, at),
		Uptime5m: percent(known.Uptime5m), Uptime30m: percent(known.Uptime30m), Uptime1d: percent(known.Uptime1d),
		Latency30m: percentilesOf(known.Latency, 1e3), Throughput30m: percentilesOf(known.Throughput, 1),
	}
	if slices.Contains(e.SupportedParameters, "tool_choice") {
		v.ToolChoice = toolChoice{Auto: true, Function: true, None: true, Required: true}
	}
	switch grade := h.Standing(e.ID).Grade; {
	case e.Deprecated:
		v.Status = statusDeprecated
	case grade == health.Ejected:
		v.Status = statusDown
	case grade != health.Fit:
		v.Status = statusDegraded
	}
	return v
}

// publicProvider is the contract's provider object and our data_policy: what
// holds for endpoints that do not state their own.
type publicProvider struct {
	Name           string     `json:"name"`
	Slug           string     `json:"slug"`
	PrivacyPolicy  *string    `json:"privacy_policy_url"`
	TermsOfService *string    `json:"terms_of_service_url"`
	StatusPage     *string    `json:"status_page_url"`
	Headquarters   *string    `json:"headquarters"`
	Datacenters    *[]string  `json:"datacenters"`
	DataPolicy     policyView `json:"data_policy"`
}

func providerView(p *catalog.Provider, at time.Time) publicProvider {
	return publicProvider{
		Name: p.Name, Slug: p.Slug, PrivacyPolicy: orNull(p.PrivacyPolicyURL), TermsOfService: orNull(p.TermsOfServiceURL),
		StatusPage: orNull(p.StatusPageURL), Headquarters: orNull(p.Headquarters), Datacenters: listOrNull(p.Datacenters), DataPolicy: policyOf(&p.Policy, at),
	}
}

// orNull is null for a value that says nothing.
func orNull[T comparable](v T) *T {
	var nothing T
	if v == nothing {
		return nil
	}
	return &v
}

func listOrNull(list []string) *[]string {
	if len(list) == 0 {
		return nil
	}
	return &list
}
