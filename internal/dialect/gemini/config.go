package gemini

import (
	"math"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

const maxStops = 5 // stopSequences Google takes

// settings are what a request says beside its conversation. What of it cannot be
// said is named in lost.
type settings struct {
	q      *Quirks
	in     *llm.ChatInput
	to     dialect.Target
	family family
	lost   []string
}

func (s *settings) lose(what string) { s.lost = append(s.lost, what) }

// config writes what the caller sent and the endpoint takes (CR-01, CR-02).
func (s *settings) config() (*generationConfig, error) {
	in, to := s.in, s.to
	c := &generationConfig{ThinkingConfig: s.think()}
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
		if in.Seed != nil && *c.Seed != *in.Seed {
			s.lose("seed: more than 32 bits")
		}
	}
	if to.Takes("stop") {
		c.StopSequences = in.Stop[:min(len(in.Stop), maxStops)]
		if len(in.Stop) > maxStops {
			s.lose("stop: more than 5 sequences")
		}
	}
	if to.Takes("logprobs") && in.Logprobs != nil && *in.Logprobs {
		c.ResponseLogprobs = true
		if to.Takes("top_logprobs") {
			c.Logprobs = in.TopLogprobs
		}
	}
	s.media(c)
	return c, s.format(c)
}

// IsZero leaves out a configuration that says nothing.
func (c *generationConfig) IsZero() bool {
	return c.MaxOutputTokens == nil && c.Temperature == nil && c.TopP == nil && c.TopK == nil &&
		c.PresencePenalty == nil && c.FrequencyPenalty == nil && c.Seed == nil && len(c.StopSequences) == 0 &&
		!c.ResponseLogprobs && c.ResponseMIMEType == "" && c.ThinkingConfig == nil &&
		len(c.ResponseModalities) == 0 && c.SpeechConfig == nil && c.ImageConfig == nil
}

// foldSeed brings a seed into Google's 32 bits: equal seeds stay equal.
func foldSeed(seed *int64) *int64 {
	if seed == nil || (*seed >= math.MinInt32 && *seed <= math.MaxInt32) {
		return seed
	}
	return new(*seed & math.MaxInt32)
}

// format sets the shape of the answer. Grammars have no counterpart.
func (s *settings) format(c *generationConfig) error {
	f, structured := s.in.Format, s.to.Takes("structured_outputs")
	if f == nil || (f.Type != llm.FormatJSON && f.Type != llm.FormatJSONSchema) || (!structured && !s.to.Takes("response_format")) {
		return nil
	}
	c.ResponseMIMEType = "application/json"
	if f.Type != llm.FormatJSONSchema || f.Schema == nil || !structured {
		return nil
	}
	const place = "response_format.json_schema"
	made, err := schema.Compile(f.Schema, schema.Gemini())
	if err != nil {
		return llm.Bad(place + ".schema " + err.Error())
	}
	s.loseEach(place, made.Lost)
	c.ResponseJSONSchema = made.Schema
	return nil
}

func (s *settings) loseEach(place string, lost []string) {
	for _, l := range lost {
		s.lose(place + ": " + l)
	}
}
