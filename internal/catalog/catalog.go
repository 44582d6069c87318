// Package catalog is what Turnpike knows of the world: providers, models and the
// endpoints that join them, each with its prices, limits, abilities and data
// policy. A [Snapshot] is immutable and carries a version; a change makes a new
// one, which is swapped in whole.
//
// Terms: a model is what a caller names (author/slug), a provider is who runs
// it, an endpoint is a provider serving a model at a price under a data policy.
package catalog

import (
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Provider is who serves endpoints. How one talks to it (dialect, base URL,
// auth) is the provider package's, or the operator's configuration's, concern.
type Provider struct {
	Slug string // "groq": what `order`, `only` and `ignore` name
	Name string // "Groq": what answers carry as `provider`

	PrivacyPolicyURL  string
	TermsOfServiceURL string
	StatusPageURL     string
	Headquarters      string   // ISO country code, "" if unknown
	Datacenters       []string // ISO country codes

	Policy DataPolicy // of endpoints that do not state their own
}

// Model is what a caller names.
type Model struct {
	ID            string // "anthropic/claude-opus-4.8", "x/y:free"
	CanonicalSlug string // never changes
	Name          string // "Anthropic: Claude Opus 4.8"
	Description   string
	Created       int64 // Unix seconds
	ContextLength int64 // tokens; 0 if unknown

	InputModalities  []string // text, image, file, audio, video
	OutputModalities []string // text, image, embeddings, audio, rerank, ...
	Tokenizer        string   // "Claude", "GPT", ...; "" reads as "Other"
	InstructType     string

	HuggingFaceID       string
	KnowledgeCutoff     string // YYYY-MM-DD or ""
	ExpirationDate      string // YYYY-MM-DD or "": planned removal (CT-07)
	Moderated           bool
	Distillable         bool              // its author lets what it says train other models
	Hidden              bool              // no alias or router picks it: who wants it names it
	CodingScore         float64           // 0 to 1, as a benchmark has it; 0: unknown
	DefaultParameters   map[string]string // name -> JSON number
	SupportedParameters []string          // union over its endpoints, sorted
	Reasoning           *ReasoningAbility // nil: not a reasoning model, or unknown

	Endpoints []*Endpoint // in catalogue order, the primary one first
}

// ReasoningAbility says how a model's thinking can be steered.
type ReasoningAbility struct {
	Mandatory         bool
	Efforts           []string // supported, weakest last
	DefaultEffort     string
	DefaultEnabled    bool
	SupportsMaxTokens bool
}

// Endpoint is a provider serving a model at a price under a data policy. All
// members are fixed once a Snapshot holds it.
type Endpoint struct {
	// What every plan looks at comes first and lies together: a plan looks at many.
	ID                  string // stable and unique: "<model id>@<tag>"
	Provider            string // the Provider's Slug
	Tier                string // "" or a service tier that needs an opt-in (RT-10)
	ContextLength       int64  // tokens; 0 if unknown
	MaxCompletionTokens int64  // tokens; 0 if unknown
	MaxPromptTokens     int64  // tokens; 0 if unknown
	Deprecated          bool
	Prices              Prices

	Model  string // the Model's ID
	Tag    string // provider[/region or variant]: "deepinfra/turbo"
	Native string // the model name sent upstream

	Dialect string // "" is the provider's own
	BaseURL string // "" is the provider's own

	Quantization        string
	Parameters          map[string]bool // supported_parameters as a set
	SupportedParameters []string        // the same, sorted
	InputModalities     []string
	ImplicitCaching     bool
	NoStream            bool   // the upstream cannot stream
	Fixed               Fixed  // what this endpoint adds to every upstream request
	Prefill             string // a dialect.Prefill; "": the provider's

	FirstByte, Idle, Attempt time.Duration // 0: the provider's, then the default

	Policy DataPolicy // looked at where somebody demands something of it
}

// Fixed is what makes a variant of a provider's model out of a plain request:
// Anthropic's fast mode is its ordinary model with a body member and a header.
// A request sent without it would be served, and billed, as something else.
type Fixed struct {
	Headers map[string]string // name -> value
	Body    map[string]string // top-level member -> JSON value
}

// Price is a unit price as written and as billed.
type Price struct {
	Text string     // decimal dollars per unit, byte for byte as catalogued; "" is not listed
	Unit money.Pico // floor of Text in pico-dollars
}

// Listed reports whether the price is stated at all.
func (p Price) Listed() bool { return p.Text != "" }

// Prices is a price sheet: dollars per single token or unit (CT-06).
type Prices struct {
	Routed                              bool // listed as -1: priced by the model it is routed to
	Prompt, Completion                  Price
	Request                             Price // per request
	Image, ImageToken, ImageOutput      Price
	Audio, AudioOutput, InputAudioCache Price
	WebSearch                           Price
	InternalReasoning                   Price // where listed, in place of Completion for reasoning tokens
	CacheRead, CacheWrite, CacheWrite1h Price
	Discount                            string // fraction as a decimal, "" is none
	Overrides                           []Override
	Version                             string // of the snapshot that listed it: pinned by every charge (I9)
}

// Override replaces prices when all its conditions hold (CB-03); later entries
// win member by member, members not listed inherit.
type Override struct {
	MinPromptTokens int64  // strictly greater; 0: no such condition
	From, To        string // UTC "HHMM", half open, may wrap midnight; "" no such condition
	Prices          Prices // its Overrides are unused
}

// Free reports whether nothing on the sheet costs anything.
func (p Prices) Free() bool {
	for _, x := range []Price{p.Prompt, p.Completion, p.Request, p.Image, p.ImageToken, p.ImageOutput, p.Audio, p.AudioOutput, p.InputAudioCache, p.WebSearch, p.InternalReasoning, p.CacheRead, p.CacheWrite, p.CacheWrite1h} {
		if x.Unit != 0 {
			return false
		}
	}
	for _, o := range p.Overrides {
		if !o.Prices.Free() {
			return false
		}
	}
	return !p.Routed
}
