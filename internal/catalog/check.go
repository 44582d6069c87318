package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

func checkProvider(p *Provider) error {
	if err := checkSlug(p.Slug); err != nil {
		return fmt.Errorf("slug: %w", err)
	}
	if p.Name == "" {
		return errors.New("name: must not be empty")
	}
	return checkPolicy(p.Policy)
}

func checkModel(m *Model) error {
	if err := checkModelID(m.ID); err != nil {
		return fmt.Errorf("id: %w", err)
	}
	if err := checkModelID(m.CanonicalSlug); err != nil {
		return fmt.Errorf("canonical_slug: %w", err)
	}
	if m.Name == "" {
		return errors.New("name: must not be empty")
	}
	if err := errors.Join(
		checkCount("created", m.Created),
		checkCount("context_length", m.ContextLength),
		checkDate("knowledge_cutoff", m.KnowledgeCutoff),
		checkDate("expiration_date", m.ExpirationDate),
		checkModalities("input_modalities", m.InputModalities, inputModality),
		checkModalities("output_modalities", m.OutputModalities, outputModality),
	); err != nil {
		return err
	}
	for name, value := range m.DefaultParameters {
		if v := jsontext.Value(value); !v.IsValid() || v.Kind() != '0' {
			return fmt.Errorf("default_parameters.%s: %q is not a JSON number", name, value)
		}
	}
	if m.Reasoning != nil {
		r := m.Reasoning
		if r.DefaultEffort != "" && !slices.Contains(r.Efforts, r.DefaultEffort) {
			return fmt.Errorf("reasoning.default_effort: %q is not among the supported efforts", r.DefaultEffort)
		}
	}
	return nil
}

// checkEndpoint also computes the price units.
func checkEndpoint(m *Model, e *Endpoint) error {
	if e.Tag != e.Provider && !strings.HasPrefix(e.Tag, e.Provider+"/") || strings.HasSuffix(e.Tag, "/") || hasSpace(e.Tag) {
		return fmt.Errorf("tag: %q does not start with its provider %q", e.Tag, e.Provider)
	}
	if e.Native == "" {
		return errors.New("native: must not be empty")
	}
	if !quantization(e.Quantization) {
		return fmt.Errorf("quantization: %q is unknown", e.Quantization)
	}
	if err := errors.Join(
		checkCount("context_length", e.ContextLength),
		checkCount("max_completion_tokens", e.MaxCompletionTokens),
		checkCount("max_prompt_tokens", e.MaxPromptTokens),
		checkCount("timeouts.first_byte", int64(e.FirstByte)),
		checkCount("timeouts.idle", int64(e.Idle)),
		checkCount("timeouts.attempt", int64(e.Attempt)),
		checkModalities("input_modalities", e.InputModalities, inputModality),
		checkPolicy(e.Policy),
	); err != nil {
		return err
	}
	for _, name := range e.SupportedParameters {
		if name == "" || hasSpace(name) {
			return fmt.Errorf("supported_parameters: %q is not a parameter", name)
		}
	}
	for name, value := range e.Fixed.Body {
		if !jsontext.Value(value).IsValid() {
			return fmt.Errorf("fixed.body.%s: %q is not JSON", name, value)
		}
	}
	return checkPrices(&e.Prices, slices.Contains(m.OutputModalities, "text"))
}

func checkPrices(p *Prices, text bool) error {
	listed := false
	for name, price := range p.All {
		if err := price.compute(); err != nil {
			return fmt.Errorf("pricing.%s: %w", name, err)
		}
		listed = listed || price.Listed()
	}
	switch {
	case p.Routed && listed:
		return errors.New("pricing: lists prices although it is priced by the model it is routed to")
	case !p.Routed && !listed:
		return errors.New(`pricing: lists no price; what is free says "0"`)
	case text && !p.Routed && !p.Prompt.Listed():
		return errors.New("pricing.prompt: must not be empty for a model that writes text")
	case text && !p.Routed && !p.Completion.Listed():
		return errors.New("pricing.completion: must not be empty for a model that writes text")
	}
	if p.Discount != "" {
		if d, err := money.ParsePico(p.Discount); err != nil || d >= money.Pico(1e12) {
			return fmt.Errorf("pricing.discount: %q is not a decimal fraction from 0 up to 1", p.Discount)
		}
	}
	for i := range p.Overrides {
		if err := checkOverride(&p.Overrides[i]); err != nil {
			return fmt.Errorf("pricing.overrides[%d]%w", i, err)
		}
	}
	return nil
}

func checkOverride(o *Override) error {
	if err := checkCount(".min_prompt_tokens", o.MinPromptTokens); err != nil {
		return err
	}
	if (o.From == "") != (o.To == "") {
		return errors.New(".from, .to: one is set without the other")
	}
	for _, hhmm := range []string{o.From, o.To} {
		if _, err := time.Parse("1504", hhmm); hhmm != "" && (err != nil || len(hhmm) != 4) {
			return fmt.Errorf(": %q is not a time of day as HHMM", hhmm)
		}
	}
	if o.MinPromptTokens == 0 && o.From == "" {
		return errors.New(": has no condition")
	}
	if len(o.Prices.Overrides) > 0 || o.Prices.Routed || o.Prices.Discount != "" {
		return errors.New(": may only list prices")
	}
	for name, price := range o.Prices.All {
		if err := price.compute(); err != nil {
			return fmt.Errorf(".%s: %w", name, err)
		}
	}
	return nil
}

func (p *Price) compute() error {
	if p.Text == "" {
		p.Unit = 0
		return nil
	}
	q, err := ParsePrice(p.Text)
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// checkModelID accepts author/slug with an optional variant, and the rolling
// aliases that start with a tilde.
func checkModelID(id string) error {
	author, slug, ok := strings.Cut(id, "/")
	if !ok || author == "" || slug == "" || strings.HasPrefix(slug, ":") || strings.HasSuffix(slug, ":") ||
		strings.Contains(slug, "@") || hasSpace(id) {
		return fmt.Errorf("%q is not of the form author/slug", id)
	}
	return nil
}

func checkSlug(s string) error {
	if s == "" {
		return errors.New("must not be empty")
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.' {
			return fmt.Errorf("%q holds other than lower case letters, digits, dots and dashes", s)
		}
	}
	return nil
}

func checkCount(field string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%s: %d is negative", field, n)
	}
	return nil
}

func checkDate(field, s string) error {
	if s == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return fmt.Errorf("%s: %q is not a date as YYYY-MM-DD", field, s)
	}
	return nil
}

func checkModalities(field string, list []string, known func(string) bool) error {
	for _, s := range list {
		if !known(s) {
			return fmt.Errorf("%s: %q is unknown", field, s)
		}
	}
	return nil
}

func inputModality(s string) bool {
	switch s {
	case "text", "image", "file", "audio", "video":
		return true
	}
	return false
}

func outputModality(s string) bool {
	switch s {
	case "text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription":
		return true
	}
	return false
}

func quantization(s string) bool {
	switch s {
	case "", "int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown":
		return true
	}
	return false
}

func hasSpace(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}
