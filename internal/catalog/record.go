package catalog

// The records below are the lines of a snapshot: the types of this package with
// the names of the public contract, absent members left out. They are exported
// for the generator alone.

// ProviderRecord is a line of providers.jsonl.
type ProviderRecord struct {
	Slug              string        `json:"slug"`
	Name              string        `json:"name"`
	PrivacyPolicyURL  string        `json:"privacy_policy_url,omitzero"`
	TermsOfServiceURL string        `json:"terms_of_service_url,omitzero"`
	StatusPageURL     string        `json:"status_page_url,omitzero"`
	Headquarters      string        `json:"headquarters,omitzero"`
	Datacenters       []string      `json:"datacenters,omitempty"`
	Policy            *PolicyRecord `json:"data_policy,omitzero"`
}

// ModelRecord is a line of models.jsonl.
type ModelRecord struct {
	ID                string            `json:"id"`
	CanonicalSlug     string            `json:"canonical_slug,omitzero"`
	Aliases           []string          `json:"aliases,omitempty"`
	Name              string            `json:"name"`
	Created           int64             `json:"created,omitzero"`
	ContextLength     int64             `json:"context_length,omitzero"`
	InputModalities   []string          `json:"input_modalities,omitempty"`
	OutputModalities  []string          `json:"output_modalities,omitempty"`
	Tokenizer         string            `json:"tokenizer,omitzero"`
	InstructType      string            `json:"instruct_type,omitzero"`
	HuggingFaceID     string            `json:"hugging_face_id,omitzero"`
	KnowledgeCutoff   string            `json:"knowledge_cutoff,omitzero"`
	ExpirationDate    string            `json:"expiration_date,omitzero"`
	Moderated         bool              `json:"moderated,omitzero"`
	DefaultParameters map[string]string `json:"default_parameters,omitempty"`
	Reasoning         *ReasoningRecord  `json:"reasoning,omitzero"`
}

// ReasoningRecord is a [ReasoningAbility].
type ReasoningRecord struct {
	Mandatory         bool     `json:"mandatory,omitzero"`
	Efforts           []string `json:"supported_efforts,omitempty"`
	DefaultEffort     string   `json:"default_effort,omitzero"`
	DefaultEnabled    bool     `json:"default_enabled,omitzero"`
	SupportsMaxTokens bool     `json:"supports_max_tokens,omitzero"`
}

// EndpointRecord is a line of endpoints.jsonl. The tag is left out where it is
// the provider's slug.
type EndpointRecord struct {
	Model               string            `json:"model"`
	Provider            string            `json:"provider"`
	Tag                 string            `json:"tag,omitzero"`
	Native              string            `json:"native"`
	Dialect             string            `json:"dialect,omitzero"`
	BaseURL             string            `json:"base_url,omitzero"`
	Headers             map[string]string `json:"headers,omitempty"`
	Body                map[string]string `json:"body,omitempty"`
	ContextLength       int64             `json:"context_length,omitzero"`
	MaxCompletionTokens int64             `json:"max_completion_tokens,omitzero"`
	MaxPromptTokens     int64             `json:"max_prompt_tokens,omitzero"`
	Quantization        string            `json:"quantization,omitzero"`
	InputModalities     []string          `json:"input_modalities,omitempty"`
	ImplicitCaching     bool              `json:"implicit_caching,omitzero"`
	NoStream            bool              `json:"no_stream,omitzero"`
	Tier                string            `json:"tier,omitzero"`
	Deprecated          bool              `json:"deprecated,omitzero"`
	Pricing             PricingRecord     `json:"pricing"`
	Policy              *PolicyRecord     `json:"data_policy,omitzero"`
	SupportedParameters []string          `json:"supported_parameters,omitempty"`
}

// PricingRecord is a [Prices]: decimal dollars per unit.
type PricingRecord struct {
	PriceRecord
	Discount  string           `json:"discount,omitzero"`
	Routed    bool             `json:"routed,omitzero"`
	Overrides []OverrideRecord `json:"overrides,omitempty"`
}

// PriceRecord is what a sheet and its overrides have in common.
type PriceRecord struct {
	Prompt            string `json:"prompt,omitzero"`
	Completion        string `json:"completion,omitzero"`
	Request           string `json:"request,omitzero"`
	Image             string `json:"image,omitzero"`
	ImageToken        string `json:"image_token,omitzero"`
	ImageOutput       string `json:"image_output,omitzero"`
	Audio             string `json:"audio,omitzero"`
	AudioOutput       string `json:"audio_output,omitzero"`
	InputAudioCache   string `json:"input_audio_cache,omitzero"`
	WebSearch         string `json:"web_search,omitzero"`
	InternalReasoning string `json:"internal_reasoning,omitzero"`
	CacheRead         string `json:"input_cache_read,omitzero"`
	CacheWrite        string `json:"input_cache_write,omitzero"`
	CacheWrite1h      string `json:"input_cache_write_1h,omitzero"`
}

// OverrideRecord is an [Override].
type OverrideRecord struct {
	MinPromptTokens int64  `json:"min_prompt_tokens,omitzero"`
	From            string `json:"from,omitzero"`
	To              string `json:"to,omitzero"`
	PriceRecord
}

func (r *ProviderRecord) provider() (Provider, error) {
	policy, err := r.Policy.policy()
	return Provider{
		Slug:              r.Slug,
		Name:              r.Name,
		PrivacyPolicyURL:  r.PrivacyPolicyURL,
		TermsOfServiceURL: r.TermsOfServiceURL,
		StatusPageURL:     r.StatusPageURL,
		Headquarters:      r.Headquarters,
		Datacenters:       r.Datacenters,
		Policy:            policy,
	}, err
}

func (r *ModelRecord) model() Model {
	m := Model{
		ID:                r.ID,
		CanonicalSlug:     r.CanonicalSlug,
		Name:              r.Name,
		Created:           r.Created,
		ContextLength:     r.ContextLength,
		InputModalities:   r.InputModalities,
		OutputModalities:  r.OutputModalities,
		Tokenizer:         r.Tokenizer,
		InstructType:      r.InstructType,
		HuggingFaceID:     r.HuggingFaceID,
		KnowledgeCutoff:   r.KnowledgeCutoff,
		ExpirationDate:    r.ExpirationDate,
		Moderated:         r.Moderated,
		DefaultParameters: r.DefaultParameters,
	}
	if r.Reasoning != nil {
		m.Reasoning = new(ReasoningAbility(*r.Reasoning))
	}
	return m
}

func (r *EndpointRecord) endpoint() (*Endpoint, error) {
	policy, err := r.Policy.policy()
	return &Endpoint{
		Model:               r.Model,
		Provider:            r.Provider,
		Tag:                 r.Tag,
		Native:              r.Native,
		Dialect:             r.Dialect,
		BaseURL:             r.BaseURL,
		Fixed:               Fixed{Headers: r.Headers, Body: r.Body},
		ContextLength:       r.ContextLength,
		MaxCompletionTokens: r.MaxCompletionTokens,
		MaxPromptTokens:     r.MaxPromptTokens,
		Quantization:        r.Quantization,
		InputModalities:     r.InputModalities,
		ImplicitCaching:     r.ImplicitCaching,
		NoStream:            r.NoStream,
		Tier:                r.Tier,
		Deprecated:          r.Deprecated,
		Prices:              r.Pricing.prices(),
		Policy:              policy,
		SupportedParameters: r.SupportedParameters,
	}, err
}

func (r *PricingRecord) prices() Prices {
	p := r.PriceRecord.prices()
	p.Discount = r.Discount
	p.Routed = r.Routed
	for _, o := range r.Overrides {
		p.Overrides = append(p.Overrides, Override{
			MinPromptTokens: o.MinPromptTokens,
			From:            o.From,
			To:              o.To,
			Prices:          o.PriceRecord.prices(),
		})
	}
	return p
}

// prices copies the texts; New computes the units.
func (r *PriceRecord) prices() Prices {
	return Prices{
		Prompt:            Price{Text: r.Prompt},
		Completion:        Price{Text: r.Completion},
		Request:           Price{Text: r.Request},
		Image:             Price{Text: r.Image},
		ImageToken:        Price{Text: r.ImageToken},
		ImageOutput:       Price{Text: r.ImageOutput},
		Audio:             Price{Text: r.Audio},
		AudioOutput:       Price{Text: r.AudioOutput},
		InputAudioCache:   Price{Text: r.InputAudioCache},
		WebSearch:         Price{Text: r.WebSearch},
		InternalReasoning: Price{Text: r.InternalReasoning},
		CacheRead:         Price{Text: r.CacheRead},
		CacheWrite:        Price{Text: r.CacheWrite},
		CacheWrite1h:      Price{Text: r.CacheWrite1h},
	}
}
