package gemini

import (
	"math"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	maxStops     = 5     // stopSequences Google takes
	defaultLimit = 65536 // tokens a current model writes at most
)

// encodeTools declares the caller's functions. Their parameters go as
// parametersJsonSchema, which takes JSON Schema as it is; `parameters` takes only
// Google's own subset and refuses the rest.
func encodeTools(tools []llm.Tool) []toolSet {
	if len(tools) == 0 {
		return nil
	}
	declared := make([]functionDeclaration, len(tools))
	for i, t := range tools {
		declared[i] = functionDeclaration{t.Name, t.Description, t.Parameters}
	}
	return []toolSet{{declared}}
}

func encodeChoice(c *llm.ToolChoice) *toolConfig {
	if c == nil {
		return nil
	}
	switch c.Mode {
	case llm.ToolNone:
		return &toolConfig{functionCallingConfig{Mode: "NONE"}}
	case llm.ToolRequired:
		return &toolConfig{functionCallingConfig{Mode: "ANY"}}
	case llm.ToolNamed:
		return &toolConfig{functionCallingConfig{"ANY", []string{c.Name}}}
	default:
		return &toolConfig{functionCallingConfig{Mode: "AUTO"}}
	}
}

// encodeConfig writes what the caller sent and the endpoint takes (CR-01, CR-02).
func encodeConfig(in *llm.ChatInput, to dialect.Target, f family) (*generationConfig, error) {
	c := &generationConfig{ThinkingConfig: thinking(in, to, f)}
	if to.Takes("max_tokens") || to.Takes("max_completion_tokens") {
		c.MaxOutputTokens = in.MaxTokens
		if in.MaxTokens != nil && to.MaxOutput > 0 && *in.MaxTokens > to.MaxOutput {
			c.MaxOutputTokens = &to.MaxOutput // Google refuses more than the model has
		}
	}
	if to.Takes("temperature") {
		c.Temperature = in.Temperature
	}
	if to.Takes("top_p") {
		c.TopP = in.TopP
	}
	if to.Takes("top_k") {
		c.TopK = in.TopK
	}
	if to.Takes("presence_penalty") {
		c.PresencePenalty = in.PresencePenalty
	}
	if to.Takes("frequency_penalty") {
		c.FrequencyPenalty = in.FrequencyPenalty
	}
	if to.Takes("seed") {
		c.Seed = foldSeed(in.Seed)
	}
	if to.Takes("stop") {
		c.StopSequences = in.Stop[:min(len(in.Stop), maxStops)]
	}
	if to.Takes("logprobs") && in.Logprobs != nil && *in.Logprobs {
		c.ResponseLogprobs = true
		if to.Takes("top_logprobs") {
			c.Logprobs = in.TopLogprobs
		}
	}
	return c, encodeFormat(c, in.Format, to)
}

// IsZero leaves out a configuration that says nothing.
func (c *generationConfig) IsZero() bool {
	return c.MaxOutputTokens == nil && c.Temperature == nil && c.TopP == nil && c.TopK == nil &&
		c.PresencePenalty == nil && c.FrequencyPenalty == nil && c.Seed == nil && len(c.StopSequences) == 0 &&
		!c.ResponseLogprobs && c.ResponseMIMEType == "" && c.ThinkingConfig == nil
}

// foldSeed brings a seed into Google's 32 bits: equal seeds stay equal.
func foldSeed(seed *int64) *int64 {
	if seed == nil || (*seed >= math.MinInt32 && *seed <= math.MaxInt32) {
		return seed
	}
	return new(*seed & math.MaxInt32)
}

func encodeFormat(c *generationConfig, f *llm.Format, to dialect.Target) error {
	structured := to.Takes("structured_outputs")
	if f == nil || f.Type == llm.FormatText || (!structured && !to.Takes("response_format")) {
		return nil
	}
	c.ResponseMIMEType = "application/json"
	if f.Type != llm.FormatJSONSchema || f.Schema == nil || !structured {
		return nil
	}
	schema, err := encodeSchema(f.Schema)
	if err != nil {
		return &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "response_format.json_schema.schema is not a JSON Schema", Err: err}
	}
	c.ResponseJSONSchema = schema
	return nil
}

// thinking asks for as much thought as the caller did, and for the thoughts
// themselves unless they are excluded (RE-01). Where nothing was said about
// reasoning, they are asked for only if the endpoint is known to think. Gemini 3
// counts in levels, Gemini 2.5 in tokens; Gemini 3 and 2.5 Pro cannot be stopped
// from thinking and get the least there is.
func thinking(in *llm.ChatInput, to dialect.Target, f family) *thinkingConfig {
	if !to.Takes("reasoning") && !to.Takes("include_reasoning") {
		return nil
	}
	r := in.Reasoning
	if r == nil {
		if to.Accepts == nil || !f.unasked {
			return nil
		}
		return &thinkingConfig{IncludeThoughts: true}
	}
	c := &thinkingConfig{IncludeThoughts: !r.Exclude}
	effort := r.Effort
	if effort == "" && r.MaxTokens == nil && r.Enabled != nil && *r.Enabled {
		effort = "medium" // RE-05
	}
	off := effort == "none" || (r.Enabled != nil && !*r.Enabled) || (r.MaxTokens != nil && *r.MaxTokens <= 0)
	switch {
	case off && f.gemini3:
		c = &thinkingConfig{ThinkingLevel: f.level("minimal")}
	case off && f.budget && f.always:
		c = &thinkingConfig{ThinkingBudget: &f.least}
	case off && f.budget:
		c = &thinkingConfig{ThinkingBudget: new(int64)}
	case off:
		return nil
	case f.gemini3 && effort != "":
		c.ThinkingLevel = f.level(effort)
	case f.gemini3 && r.MaxTokens != nil:
		c.ThinkingLevel = f.level(effortOf(*r.MaxTokens, limit(in, to)))
	case f.budget && effort != "":
		c.ThinkingBudget = new(f.clamp(share(effort, f.base(in))))
	case f.budget && r.MaxTokens != nil:
		c.ThinkingBudget = new(f.clamp(*r.MaxTokens))
	case f.budget && !f.unasked && c.IncludeThoughts:
		c.ThinkingBudget = new(int64(-1)) // as much as the model sees fit
	}
	if *c == (thinkingConfig{}) {
		return nil
	}
	return c
}

func (f family) clamp(n int64) int64 { return min(max(n, f.least), f.most) }

// base is what the ratios of RE-02 are taken of: the asked-for output, which
// includes the thoughts, else all that the model may think.
func (f family) base(in *llm.ChatInput) int64 {
	if in.MaxTokens != nil {
		return *in.MaxTokens
	}
	return f.most
}

// level is the thinkingLevel of an effort (RE-08).
func (f family) level(effort string) string {
	switch effort {
	case "max", "xhigh", "high":
		return "high"
	case "medium":
		return "medium"
	case "minimal":
		if f.minimal {
			return "minimal"
		}
	}
	return "low"
}

// share is RE-02's part of n in percent, so that no rounding depends on floats.
func share(effort string, n int64) int64 {
	percent := int64(50)
	switch effort {
	case "max", "xhigh":
		percent = 95
	case "high":
		percent = 80
	case "low":
		percent = 20
	case "minimal":
		percent = 10
	}
	if n > math.MaxInt64/100 {
		return n / 100 * percent
	}
	return n * percent / 100
}

// effortOf is the effort whose share of n is nearest to tokens (RE-04).
func effortOf(tokens, n int64) string {
	switch {
	case tokens >= share("high", n)/2+share("medium", n)/2:
		return "high"
	case tokens >= share("medium", n)/2+share("low", n)/2:
		return "medium"
	default:
		return "low"
	}
}

func limit(in *llm.ChatInput, to dialect.Target) int64 {
	switch {
	case in.MaxTokens != nil:
		return *in.MaxTokens
	case to.MaxOutput > 0:
		return to.MaxOutput
	default:
		return defaultLimit
	}
}
