package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// listModels makes a model of every slug that either list has, and its endpoint
// at OpenRouter.
func (g *generator) listModels() error {
	newer := g.src.modelsdev[upstream].Models
	slugs := map[string]bool{}
	for slug := range newer {
		slugs[slug] = true
	}
	for slug := range g.src.openrouter {
		slugs[slug] = true
	}
	for _, slug := range slices.Sorted(maps.Keys(slugs)) {
		old, inOld := g.src.openrouter[slug]
		now, inNow := newer[slug]
		m, err := g.model(slug, old, inOld, now)
		if err != nil {
			return fmt.Errorf("%s: %w", slug, err)
		}
		g.models[slug] = m
		e := &catalog.EndpointRecord{
			Model:               slug,
			Provider:            upstream,
			Native:              slug,
			ContextLength:       m.ContextLength,
			MaxCompletionTokens: cmp.Or(now.Limit.Output, old.TopProvider.MaxCompletionTokens),
			MaxPromptTokens:     now.Limit.Input,
			InputModalities:     m.InputModalities,
			Deprecated:          now.Status == "deprecated",
			SupportedParameters: slices.Sorted(slices.Values(old.SupportedParameters)),
		}
		if !inOld {
			e.SupportedParameters = derived(now)
		}
		e.Pricing, err = ownPricing(old, inOld, now, inNow)
		if err != nil {
			return fmt.Errorf("%s: %w", slug, err)
		}
		g.endpoints = append(g.endpoints, e)
	}
	return nil
}

// model takes from OpenRouter's own list what models.dev does not have, and the
// rest from whichever is newer, which is models.dev.
func (g *generator) model(slug string, old listed, inOld bool, now devModel) (*catalog.ModelRecord, error) {
	m := &catalog.ModelRecord{
		ID:               slug,
		CanonicalSlug:    old.CanonicalSlug,
		Name:             strings.TrimSpace(old.Name),
		Created:          old.Created,
		ContextLength:    cmp.Or(now.Limit.Context, old.ContextLength),
		InputModalities:  inputModalities(now.Modalities.Input),
		OutputModalities: old.Architecture.OutputModalities,
		Tokenizer:        old.Architecture.Tokenizer,
		InstructType:     old.Architecture.InstructType,
		HuggingFaceID:    old.HuggingFaceID,
		KnowledgeCutoff:  old.KnowledgeCutoff,
		ExpirationDate:   old.ExpirationDate,
		Moderated:        old.TopProvider.Moderated,
		Reasoning:        reasoning(now),
	}
	if len(old.Architecture.InputModalities) > 0 {
		m.InputModalities = inputModalities(old.Architecture.InputModalities)
	}
	if m.CanonicalSlug == slug {
		m.CanonicalSlug = ""
	}
	for name, value := range old.DefaultParameters {
		if value.Kind() == '0' {
			if m.DefaultParameters == nil {
				m.DefaultParameters = map[string]string{}
			}
			m.DefaultParameters[name] = string(value)
		}
	}
	if m.KnowledgeCutoff == "" {
		var err error
		if m.KnowledgeCutoff, err = lastDay(now.Knowledge); err != nil {
			return nil, err
		}
	}
	if inOld {
		return m, nil
	}
	m.Name = g.makerName(author(slug)) + now.Name
	m.OutputModalities = now.Modalities.Output
	released, err := time.Parse(time.DateOnly, now.ReleaseDate)
	if err != nil {
		return nil, err
	}
	m.Created = released.Unix()
	return m, nil
}

// makerName is how OpenRouter's own list begins the names of an author's models:
// "Anthropic: ".
func (g *generator) makerName(author string) string {
	for _, slug := range slices.Sorted(maps.Keys(g.src.openrouter)) {
		if strings.HasPrefix(slug, author+"/") {
			if maker, _, ok := strings.Cut(g.src.openrouter[slug].Name, ": "); ok {
				return maker + ": "
			}
		}
	}
	return ""
}

// ownPricing is OpenRouter's sheet. The newer list wins; of the older one stays
// what is charged per use, and what is charged per token of another kind while
// the price of text is still the same.
func ownPricing(old listed, inOld bool, now devModel, inNow bool) (catalog.PricingRecord, error) {
	was := old.Pricing
	if was.Prompt == "-1" || !inOld && now.Cost.Input == nil {
		return catalog.PricingRecord{Routed: true}, nil
	}
	if !inNow || now.Cost.Input == nil {
		return catalog.PricingRecord{PriceRecord: catalog.PriceRecord{
			Prompt:            was.Prompt,
			Completion:        was.Completion,
			Request:           was.Request,
			Image:             was.Image,
			Audio:             was.Audio,
			WebSearch:         was.WebSearch,
			InternalReasoning: was.InternalReasoning,
			CacheRead:         was.CacheRead,
			CacheWrite:        was.CacheWrite,
		}}, nil
	}
	p, err := now.Cost.pricing()
	if err != nil {
		return p, err
	}
	p.Request = was.Request
	p.WebSearch = was.WebSearch
	if p.Prompt == was.Prompt && p.Completion == was.Completion {
		p.Image = was.Image
		p.Audio = cmp.Or(p.Audio, was.Audio)
	}
	return p, nil
}

// pricing turns dollars per million into dollars per token.
func (c *devCost) pricing() (catalog.PricingRecord, error) {
	sheet, err := c.prices()
	if err != nil {
		return catalog.PricingRecord{}, err
	}
	p := catalog.PricingRecord{PriceRecord: sheet}
	for _, tier := range c.Tiers {
		if tier.Tier.Size <= 0 || tier.Tier.Type != "" && tier.Tier.Type != "context" {
			return p, fmt.Errorf("tier of an unknown kind %+v", tier.Tier)
		}
		sheet, err := tier.prices()
		if err != nil {
			return p, err
		}
		p.Overrides = append(p.Overrides, catalog.OverrideRecord{MinPromptTokens: tier.Tier.Size, PriceRecord: sheet})
	}
	return p, nil
}

func (c *devCost) prices() (catalog.PriceRecord, error) {
	var p catalog.PriceRecord
	for _, x := range []struct {
		to   *string
		from jsontext.Value
	}{
		{&p.Prompt, c.Input},
		{&p.Completion, c.Output},
		{&p.InternalReasoning, c.Reasoning},
		{&p.CacheRead, c.CachedInput},
		{&p.CacheRead, c.CacheInput},
		{&p.CacheRead, c.CacheRead},
		{&p.CacheWrite, c.CachedWrite},
		{&p.CacheWrite, c.CacheWrite},
		{&p.Audio, c.InputAudio},
		{&p.AudioOutput, c.OutputAudio},
	} {
		if x.from == nil {
			continue
		}
		text, err := perToken(string(x.from))
		if err != nil {
			return p, err
		}
		*x.to = text
	}
	return p, nil
}

func (c *devCost) free() bool {
	zero := func(v jsontext.Value) bool { return strings.Trim(string(v), "0.") == "" }
	return zero(c.Input) && zero(c.Output)
}

// parameters are those that OpenRouter lists for the model, less what the
// provider says it cannot do and what its dialect cannot carry. Structured
// outputs need the word of a provider that is not the model's maker.
func (g *generator) parameters(slug string, m devModel, maker bool, dialect string) []string {
	list := g.src.openrouter[slug].SupportedParameters
	if len(list) == 0 {
		list = derived(m)
	}
	temperature := m.Temperature == nil || *m.Temperature
	structured := maker
	if m.StructuredOutput != nil {
		structured = *m.StructuredOutput
	}
	kept := []string{}
	for _, name := range list {
		ok := true
		switch name {
		case "tools", "tool_choice", "parallel_tool_calls":
			ok = m.ToolCall
		case "temperature", "top_p", "top_k", "min_p", "top_a":
			ok = temperature
		case "reasoning", "include_reasoning", "reasoning_effort":
			ok = m.Reasoning
		case "structured_outputs":
			ok = structured
		case "response_format":
			ok = structured || dialect != "messages"
		}
		if ok && carries(dialect, name) {
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}

// derived are the parameters of a model that OpenRouter's own list does not have.
func derived(m devModel) []string {
	list := []string{"max_tokens", "stop"}
	if m.Temperature == nil || *m.Temperature {
		list = append(list, "temperature", "top_p")
	}
	if m.ToolCall {
		list = append(list, "tools", "tool_choice")
	}
	if m.Reasoning {
		list = append(list, "reasoning", "include_reasoning")
	}
	if m.StructuredOutput != nil && *m.StructuredOutput {
		list = append(list, "response_format", "structured_outputs")
	}
	slices.Sort(list)
	return list
}

// carries reports whether a dialect has a place for a parameter. A chat-like one
// has them all.
func carries(dialect, name string) bool {
	switch dialect {
	case "messages", "converse":
		switch name {
		case "seed", "logprobs", "top_logprobs", "logit_bias", "frequency_penalty", "presence_penalty",
			"repetition_penalty", "min_p", "top_a", "prediction", "web_search_options":
			return false
		}
	case "gemini":
		switch name {
		case "logit_bias", "repetition_penalty", "min_p", "top_a", "prediction", "web_search_options", "verbosity":
			return false
		}
	}
	return true
}

// reasoning says how thinking is steered, as far as it is listed. That it cannot
// be switched off is not, so it is not claimed.
func reasoning(m devModel) *catalog.ReasoningRecord {
	if !m.Reasoning || len(m.ReasoningOptions) == 0 {
		return nil
	}
	r := &catalog.ReasoningRecord{}
	for _, o := range m.ReasoningOptions {
		switch o.Type {
		case "budget_tokens":
			r.SupportsMaxTokens = true
		case "effort":
			for _, effort := range slices.Backward(o.Values) { // listed weakest first
				if effort != "default" && effort != "null" {
					r.Efforts = append(r.Efforts, effort)
				}
			}
		}
	}
	return r
}

// inputModalities names them as OpenRouter does, in its order.
func inputModalities(list []string) []string {
	var out []string
	for _, name := range []string{"text", "image", "file", "audio", "video"} {
		if slices.Contains(list, name) || name == "file" && slices.Contains(list, "pdf") {
			out = append(out, name)
		}
	}
	return out
}

// quantizationOf reads it off a native name that says it.
func quantizationOf(name string) string {
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_/:@.", r) }) {
		switch word {
		case "fp8", "bf16", "int4", "int8", "fp4":
			return word
		case "nvfp4", "mxfp4":
			return "fp4"
		}
	}
	return ""
}

// regionOf reads Bedrock's inference profiles: eu.anthropic.claude-opus-4-8 runs
// in the European Union.
func regionOf(provider, name string) string {
	m := regexp.MustCompile(`^(us|eu|au|jp|apac|global)\.`).FindStringSubmatch(name)
	if provider != "amazon-bedrock" || m == nil {
		return ""
	}
	return m[1]
}

// dialectOf says how an endpoint is spoken to where that is not its provider's
// usual way.
func dialectOf(p *provider, name string, m devModel) (dialect, baseURL string) {
	for _, v := range p.Variants {
		if strings.HasPrefix(name, v.Prefix) && strings.HasSuffix(name, v.Suffix) {
			return v.Dialect, v.BaseURL
		}
	}
	switch {
	case m.Provider.Shape == "responses":
		dialect = "responses"
	case strings.Contains(m.Provider.NPM, "anthropic"):
		dialect = "messages"
	case m.Provider.NPM == "@ai-sdk/openai-compatible":
		dialect = "chat"
	}
	baseURL = m.Provider.API
	if dialect == "messages" {
		baseURL = strings.TrimSuffix(baseURL, "/v1") // the dialect appends /v1/messages
	}
	if dialect == cmp.Or(p.Dialect, "chat") {
		dialect = ""
	}
	return dialect, baseURL
}

// lastDay completes a month to its last day.
func lastDay(date string) (string, error) {
	for _, layout := range []string{"2006-01", "2006"} {
		if t, err := time.Parse(layout, date); err == nil {
			next := t.AddDate(0, 1, 0)
			if layout == "2006" {
				next = t.AddDate(1, 0, 0)
			}
			return next.AddDate(0, 0, -1).Format(time.DateOnly), nil
		}
	}
	if _, err := time.Parse(time.DateOnly, date); err != nil && date != "" {
		return "", fmt.Errorf("knowledge: %w", err)
	}
	return date, nil
}
