package config

import (
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/token"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// providerEntry is what the file says of a provider. Zero members were not said.
type providerEntry struct {
	value   // the entry, for errors
	slug    string
	connect bool // says how to reach it: any of dialect, base_url, api_key, auth

	name, privacy, terms, status string
	policy                       policyEntry

	dialect      llm.Dialect
	baseURL, key string
	keys         []provider.Key // in place of key
	auth         provider.Auth  // of the keys
	scheme       provider.Scheme
	parts        map[string]string // of the scheme's credential

	prefill dialect.Prefill

	firstByte, idle, attempt time.Duration
}

// modelEntry is what the file says of a model.
type modelEntry struct {
	value
	id string

	name, description, tokenizer, cutoff string
	expires                              string
	created, context                     int64
	coding                               float64 // 0: not said
	hidden, distillable                  *bool
	reasoning                            *catalog.ReasoningAbility
	input, output                        []string
	endpoints                            []endpointEntry // nil: not said
}

// endpointEntry is an endpoint; it is never merged with another.
type endpointEntry struct {
	value
	providerAt *token.Token
	endpoint   catalog.Endpoint
	policy     policyEntry
}

// commonParameters are taken to be supported by an endpoint of the file that
// does not list any: what OpenAI's own API takes of the usual ones. Leaving all
// out would drop them in silence (CR-02).
func commonParameters() []string {
	return []string{
		"frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "parallel_tool_calls",
		"presence_penalty", "response_format", "seed", "stop", "structured_outputs", "temperature", "tool_choice",
		"tools", "top_logprobs", "top_p",
	}
}

// readFile reads the source into c.
func (c *Config) readFile() {
	s := c.source
	if s.root == nil {
		return
	}
	sections := map[string][]member{"": {
		{"providers", func(v value) { v.each(func(slug string, v value) { c.readProvider(slug, v) }) }},
		{"models", func(v value) { v.each(c.readModel) }},
	}}
	var add func(key string, read func(value))
	add = func(key string, read func(value)) {
		in, name := "", key
		if i := strings.LastIndexByte(key, '.'); i >= 0 {
			in, name = key[:i], key[i+1:]
		}
		if sections[in] == nil {
			add(in, func(v value) { v.members(sections[in]...) })
		}
		sections[in] = append(sections[in], member{name, read})
	}
	for _, x := range c.settings() {
		add(x.key, func(v value) {
			text := ""
			if x.secret() {
				secret(&text)(v)
			} else {
				text = v.text()
			}
			if text != "" {
				if err := x.set(text); err != nil {
					v.fail("%v", err)
				}
			}
		})
	}
	s.value(s.root, s.root.GetToken(), "").members(sections[""]...)
}

func (c *Config) readProvider(slug string, v value, more ...member) {
	p := providerEntry{value: v, slug: slug}
	connects := func(read func(value)) func(value) {
		return func(v value) {
			p.connect = true
			read(v)
		}
	}
	v.members(append(more,
		member{"name", scalar(&p.name, plain)},
		member{"dialect", connects(scalar(&p.dialect, parseDialect))},
		member{"base_url", connects(scalar(&p.baseURL, parseBaseURL))},
		member{"api_key", connects(secret(&p.key))},
		member{"api_keys", connects(readKeys(&p.keys))},
		member{"auth", connects(readAuth(&p))},
		member{"data_policy", readPolicy(&p.policy)},
		member{"privacy_policy_url", scalar(&p.privacy, parseURL)},
		member{"terms_of_service_url", scalar(&p.terms, parseURL)},
		member{"status_page_url", scalar(&p.status, parseURL)},
		member{"prefill", scalar(&p.prefill, parsePrefill)},
		member{"timeouts", readTimeouts(&p.firstByte, &p.idle, &p.attempt)},
	)...)
	if p.key != "" && p.scheme != "" {
		v.fail("api_key: is not for auth of type: %s", p.scheme)
	}
	if len(p.keys) > 0 && p.scheme != "" {
		v.fail("api_keys: is not for auth of type: %s", p.scheme)
	}
	if len(p.keys) > 0 && p.key != "" {
		v.fail("api_keys: cannot stand beside api_key: list that one, too")
	}
	c.providers = append(c.providers, p)
}

func (c *Config) readModel(id string, v value) {
	m := modelEntry{value: v, id: id}
	v.members(
		member{"name", scalar(&m.name, plain)},
		member{"description", scalar(&m.description, plain)},
		member{"created", scalar(&m.created, parseCreated)},
		member{"tokenizer", scalar(&m.tokenizer, plain)},
		member{"knowledge_cutoff", scalar(&m.cutoff, parseDate)},
		member{"expiration_date", scalar(&m.expires, parseDate)},
		member{"coding_score", scalar(&m.coding, parseShare)},
		member{"hidden", given(&m.hidden, parseBool)},
		member{"distillable", given(&m.distillable, parseBool)},
		member{"reasoning", readReasoning(&m.reasoning)},
		member{"context_length", scalar(&m.context, parseCount)},
		member{"input_modalities", words(&m.input, oneOf("text", "image", "file", "audio", "video"))},
		member{"output_modalities", words(&m.output, oneOf("text", "image", "embeddings", "audio", "video", "rerank", "speech", "transcription"))},
		member{"endpoints", func(v value) {
			m.endpoints = []endpointEntry{}
			v.list(func(v value) { m.endpoints = append(m.endpoints, readEndpoint(v)) })
		}},
	)
	c.models = append(c.models, m)
}

// readReasoning reads how a model's thinking can be steered.
func readReasoning(into **catalog.ReasoningAbility) func(value) {
	return func(v value) {
		r := &catalog.ReasoningAbility{}
		v.members(
			member{"mandatory", scalar(&r.Mandatory, parseBool)},
			member{"supported_efforts", words(&r.Efforts, oneOf("max", "xhigh", "high", "medium", "low", "minimal", "none"))},
			member{"default_effort", scalar(&r.DefaultEffort, oneOf("max", "xhigh", "high", "medium", "low", "minimal", "none"))},
			member{"default_enabled", scalar(&r.DefaultEnabled, parseBool)},
			member{"supports_max_tokens", scalar(&r.SupportsMaxTokens, parseBool)},
		)
		*into = r
	}
}

func readEndpoint(v value) endpointEntry {
	e := endpointEntry{value: v}
	x := &e.endpoint
	var speaks llm.Dialect
	var prefill dialect.Prefill
	priced := false
	v.members(
		member{"provider", func(v value) {
			e.providerAt = v.at
			scalar(&x.Provider, plain)(v)
		}},
		member{"native", scalar(&x.Native, plain)},
		member{"tag", scalar(&x.Tag, plain)},
		member{"tier", scalar(&x.Tier, oneOf(string(llm.TierFlex), string(llm.TierPriority)))},
		member{"context_length", scalar(&x.ContextLength, parseCount)},
		member{"max_completion_tokens", scalar(&x.MaxCompletionTokens, parseCount)},
		member{"quantization", scalar(&x.Quantization, oneOf("int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown"))},
		member{"supported_parameters", words(&x.SupportedParameters, parseWord)},
		member{"pricing", func(v value) {
			priced = true
			readPricing(&x.Prices, v)
		}},
		member{"dialect", scalar(&speaks, parseDialect)},
		member{"prefill", scalar(&prefill, parsePrefill)},
		member{"base_url", scalar(&x.BaseURL, parseBaseURL)},
		member{"data_policy", readPolicy(&e.policy)},
		member{"timeouts", readTimeouts(&x.FirstByte, &x.Idle, &x.Attempt)},
	)
	x.Dialect, x.Prefill = string(speaks), string(prefill)
	if v.node == nil {
		return e
	}
	if e.providerAt == nil {
		v.fail("provider: is missing")
	}
	if x.Native == "" {
		v.fail("native: is missing: the model name sent upstream")
	}
	if !priced {
		v.fail(`pricing: is missing; what is free says prompt: "0" and completion: "0"`)
	}
	if x.SupportedParameters == nil {
		x.SupportedParameters = commonParameters()
	}
	if x.Tag != "" && x.Provider != "" && x.Tag != x.Provider && !strings.HasPrefix(x.Tag, x.Provider+"/") {
		v.fail("tag: %q is neither %q nor begins with %q", x.Tag, x.Provider, x.Provider+"/")
	}
	return e
}

func readPricing(p *catalog.Prices, v value) {
	members := append(priceMembers(p),
		member{"discount", scalar(&p.Discount, parseDiscount)},
		member{"overrides", func(v value) {
			v.list(func(v value) {
				var o catalog.Override
				v.members(append(priceMembers(&o.Prices),
					member{"min_prompt_tokens", scalar(&o.MinPromptTokens, parseCount)},
					member{"from", scalar(&o.From, parseTimeOfDay)},
					member{"to", scalar(&o.To, parseTimeOfDay)},
				)...)
				p.Overrides = append(p.Overrides, o)
			})
		}},
	)
	v.members(members...)
}

func priceMembers(p *catalog.Prices) []member {
	var list []member
	for name, price := range p.All {
		list = append(list, member{name, scalar(price, parsePrice)})
	}
	return list
}

func readTimeouts(firstByte, idle, attempt *time.Duration) func(value) {
	return func(v value) {
		v.members(
			member{"first_byte", scalar(firstByte, parseDuration)},
			member{"idle", scalar(idle, parseDuration)},
			member{"attempt", scalar(attempt, parseDuration)},
		)
	}
}

func readAuth(p *providerEntry) func(value) {
	return func(v value) {
		if kind(v.node) != "a mapping" {
			scalar(&p.auth, func(s string) (provider.Auth, error) {
				if s != "bearer" {
					return nil, fmt.Errorf("%q is neither bearer nor {type: header, name: ...}", s)
				}
				return provider.Bearer{}, nil
			})(v)
			return
		}
		var scheme, name string
		wrong := len(v.errs)
		members := []member{
			{"type", scalar(&scheme, oneOf("bearer", "header", string(provider.SchemeAWS), string(provider.SchemeGoogle)))},
			{"name", scalar(&name, parseHeader)},
		}
		given := map[string]string{}
		for _, s := range []provider.Scheme{provider.SchemeAWS, provider.SchemeGoogle} {
			for _, part := range s.Parts() {
				members = append(members, member{part.Name, readPart(given, part)})
			}
		}
		v.members(members...)
		known := provider.Scheme(scheme).Parts()
		switch {
		case len(v.errs) > wrong:
			return
		case scheme == "":
			v.fail("type: is missing: bearer, header, aws or google")
			return
		case name != "" && scheme != "header":
			v.fail("name: is for type: header")
		case scheme == "header" && name == "":
			v.fail("name: is missing: the header that carries the key")
		case scheme == "header":
			p.auth = provider.Header{Name: name}
		case scheme == "bearer":
			p.auth = provider.Bearer{}
		default:
			p.scheme, p.parts = provider.Scheme(scheme), given
		}
		for _, part := range slices.Sorted(maps.Keys(given)) {
			if !slices.ContainsFunc(known, func(k provider.Part) bool { return k.Name == part }) {
				v.fail("%s: is not for type: %s", part, scheme)
			}
		}
	}
}

// readPart reads a part of a credential.
func readPart(parts map[string]string, part provider.Part) func(value) {
	return func(v value) {
		var text string
		if part.Secret {
			secret(&text)(v)
		} else {
			scalar(&text, parseWord)(v)
		}
		if text != "" {
			parts[part.Name] = text
		}
	}
}

// words reads a list of distinct texts, each checked by parse.
func words(target *[]string, parse func(string) (string, error)) func(value) {
	return func(v value) {
		*target = []string{}
		v.list(func(v value) {
			var word string
			scalar(&word, parse)(v)
			switch {
			case word == "":
			case slices.Contains(*target, word):
				v.fail("%q is listed twice", word)
			default:
				*target = append(*target, word)
			}
		})
	}
}

func oneOf(known ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(known, s) {
			return "", fmt.Errorf("%q is none of %s", s, strings.Join(known, ", "))
		}
		return s, nil
	}
}

func parseDialect(s string) (llm.Dialect, error) {
	s, err := oneOf(string(llm.Chat), string(llm.Responses), string(llm.Messages), string(llm.Gemini), string(llm.Converse), string(llm.Cohere))(s)
	return llm.Dialect(s), err
}

func parsePrefill(s string) (dialect.Prefill, error) {
	s, err := oneOf(string(dialect.PrefillNone), string(dialect.PrefillPlain), string(dialect.PrefillPrefix), string(dialect.PrefillPartial), string(dialect.PrefillFinal))(s)
	return dialect.Prefill(s), err
}

func parsePrice(s string) (catalog.Price, error) {
	p, err := catalog.ParsePrice(s)
	if err != nil {
		return p, errors.New(strings.TrimPrefix(err.Error(), "money: "))
	}
	return p, nil
}

// parseShare reads a score: of 1 at most, which is the best.
func parseShare(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f > 0 && f <= 1) {
		return 0, fmt.Errorf("%q is not a number above 0 and up to 1", s)
	}
	return f, nil
}

func parseDiscount(s string) (string, error) {
	if d, err := money.ParsePico(s); err != nil || d >= money.Pico(1e12) {
		return "", fmt.Errorf("%q is not a decimal fraction from 0 up to 1", s)
	}
	return s, nil
}

func parseTimeOfDay(s string) (string, error) {
	if _, err := time.Parse("1504", s); err != nil || len(s) != 4 {
		return "", fmt.Errorf("%q is not a time of day as HHMM", s)
	}
	return s, nil
}

func parseDate(s string) (string, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("%q is not a date as YYYY-MM-DD", s)
	}
	return s, nil
}

// parseCreated reads Unix seconds or a date.
func parseCreated(s string) (int64, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Unix(), nil
	}
	n, err := parseCount(s)
	if err != nil {
		return 0, fmt.Errorf("%q is neither Unix seconds nor a date as YYYY-MM-DD", s)
	}
	return n, nil
}

func parseWord(s string) (string, error) {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return "", fmt.Errorf("%q holds other than lower case letters, digits, _ and -", s)
		}
	}
	return s, nil
}

// parseHeader refuses the headers that the request itself needs.
func parseHeader(s string) (string, error) {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return "", fmt.Errorf("%q is not the name of a header", s)
		}
	}
	switch name := textproto.CanonicalMIMEHeaderKey(s); name {
	case "Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Accept", "Accept-Encoding", "Idempotency-Key":
		return "", fmt.Errorf("%q cannot carry a key", s)
	default:
		return name, nil
	}
}
