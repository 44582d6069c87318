package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// sources are the public lists. Numbers that are money stay text.
type sources struct {
	openrouter map[string]listed
	modelsdev  map[string]devProvider
	date       string // of the newest list, YYYY-MM-DD
}

// listed is a model in OpenRouter's own list.
type listed struct {
	ID            string `json:"id"`
	CanonicalSlug string `json:"canonical_slug"`
	HuggingFaceID string `json:"hugging_face_id"`
	Name          string `json:"name"`
	Created       int64  `json:"created"`
	ContextLength int64  `json:"context_length"`
	Architecture  struct {
		InputModalities  []string `json:"input_modalities"`
		OutputModalities []string `json:"output_modalities"`
		Tokenizer        string   `json:"tokenizer"`
		InstructType     string   `json:"instruct_type"`
	} `json:"architecture"`
	Pricing struct {
		Prompt            string `json:"prompt"`
		Completion        string `json:"completion"`
		Request           string `json:"request"`
		Image             string `json:"image"`
		Audio             string `json:"audio"`
		WebSearch         string `json:"web_search"`
		InternalReasoning string `json:"internal_reasoning"`
		CacheRead         string `json:"input_cache_read"`
		CacheWrite        string `json:"input_cache_write"`
	} `json:"pricing"`
	TopProvider struct {
		MaxCompletionTokens int64 `json:"max_completion_tokens"`
		Moderated           bool  `json:"is_moderated"`
	} `json:"top_provider"`
	SupportedParameters []string                  `json:"supported_parameters"`
	DefaultParameters   map[string]jsontext.Value `json:"default_parameters"`
	KnowledgeCutoff     string                    `json:"knowledge_cutoff"`
	ExpirationDate      string                    `json:"expiration_date"`
}

// devProvider is a provider in models.dev.
type devProvider struct {
	Models map[string]devModel `json:"models"`
}

// devModel is a provider's model in models.dev. Costs are dollars per million.
type devModel struct {
	Name             string  `json:"name"`
	BaseModel        string  `json:"base_model"`
	ReleaseDate      string  `json:"release_date"`
	Knowledge        string  `json:"knowledge"`
	Status           string  `json:"status"`
	Cost             devCost `json:"cost"`
	ToolCall         bool    `json:"tool_call"`
	Temperature      *bool   `json:"temperature"`
	StructuredOutput *bool   `json:"structured_output"`
	Reasoning        bool    `json:"reasoning"`
	ReasoningOptions []struct {
		Type   string   `json:"type"`
		Values []string `json:"values"`
	} `json:"reasoning_options"`
	Limit struct {
		Context int64 `json:"context"`
		Input   int64 `json:"input"`
		Output  int64 `json:"output"`
	} `json:"limit"`
	Modalities struct {
		Input  []string `json:"input"`
		Output []string `json:"output"`
	} `json:"modalities"`
	Provider struct {
		API   string `json:"api"`
		NPM   string `json:"npm"`
		Shape string `json:"shape"`
	} `json:"provider"`
	Experimental struct {
		Modes map[string]struct {
			Cost     devCost `json:"cost"`
			Provider struct {
				Body    map[string]jsontext.Value `json:"body"`
				Headers map[string]string         `json:"headers"`
			} `json:"provider"`
		} `json:"modes"`
	} `json:"experimental"`
}

// devCost spells some of its members in several ways.
type devCost struct {
	Input       jsontext.Value `json:"input"`
	Output      jsontext.Value `json:"output"`
	Reasoning   jsontext.Value `json:"reasoning"`
	CacheRead   jsontext.Value `json:"cache_read"`
	CacheInput  jsontext.Value `json:"cache_input"`
	CachedInput jsontext.Value `json:"cached_input"`
	CacheWrite  jsontext.Value `json:"cache_write"`
	CachedWrite jsontext.Value `json:"cached_write"`
	InputAudio  jsontext.Value `json:"input_audio"`
	OutputAudio jsontext.Value `json:"output_audio"`
	Tiers       []devTier      `json:"tiers"`
}

type devTier struct {
	devCost
	Tier struct {
		Size int64  `json:"size"`
		Type string `json:"type"`
	} `json:"tier"`
}

func readSources(dir string) (*sources, error) {
	var list struct {
		Data []listed `json:"data"`
	}
	var dev struct {
		Source    string                 `json:"source"`
		Providers map[string]devProvider `json:"providers"`
	}
	if err := readJSON(filepath.Join(dir, "openrouter-models.json"), &list); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(dir, "models-dev.json"), &dev); err != nil {
		return nil, err
	}
	s := &sources{openrouter: map[string]listed{}, modelsdev: dev.Providers}
	for _, m := range list.Data {
		s.openrouter[m.ID] = m
	}
	s.date = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`).FindString(dev.Source)
	if s.date == "" {
		return nil, errors.New("models-dev.json: its source names no date")
	}
	return s, nil
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// handKept are the reviewed files; internal/catalog/data/README.md says what is
// in them.
type handKept struct {
	providers []provider
	natives   map[nativeKey]native
	overlay   overlay
}

type provider struct {
	ID                string    `yaml:"id"`
	Skip              string    `yaml:"skip"`
	Slug              string    `yaml:"slug"`
	Name              string    `yaml:"name"`
	Authors           []string  `yaml:"authors"`
	Dialect           string    `yaml:"dialect"`
	Variants          []variant `yaml:"variants"`
	PrivacyPolicyURL  string    `yaml:"privacy_policy_url"`
	TermsOfServiceURL string    `yaml:"terms_of_service_url"`
	StatusPageURL     string    `yaml:"status_page_url"`
	Headquarters      string    `yaml:"headquarters"`
}

type variant struct {
	Prefix  string `yaml:"prefix"`
	Suffix  string `yaml:"suffix"`
	Dialect string `yaml:"dialect"`
	BaseURL string `yaml:"base_url"`
}

type nativeKey struct{ provider, name string }

// native is a line of natives.tsv.
type native struct {
	slug, tag                   string
	dialect, tier, quantization string
	free                        bool
}

type overlay struct {
	Policies []struct {
		Provider string `yaml:"provider"`
		Stated   stated `yaml:",inline"`
	} `yaml:"policies"`
	Regions []struct {
		Provider string   `yaml:"provider"`
		Evidence evidence `yaml:",inline"`
	} `yaml:"regions"`
	EndpointPolicies []struct {
		Provider string `yaml:"provider"`
		Model    string `yaml:"model"`
		Unknown  bool   `yaml:"unknown"`
		Stated   stated `yaml:",inline"`
	} `yaml:"endpoint_policies"`
	Endpoints []struct {
		Model    string `yaml:"model"`
		Provider string `yaml:"provider"`
		Native   string `yaml:"native"`
		BaseURL  string `yaml:"base_url"`
		Address  string `yaml:"address"` // the source of the two above
		Stated   stated `yaml:",inline"`
	} `yaml:"endpoints"`
	Aliases []struct {
		From   string `yaml:"from"`
		To     string `yaml:"to"`
		Source string `yaml:"source"`
	} `yaml:"aliases"`
}

func readHand(dir string) (*handKept, error) {
	h := &handKept{}
	var file struct {
		Providers []provider `yaml:"providers"`
	}
	if err := readYAML(filepath.Join(dir, "providers.yaml"), &file); err != nil {
		return nil, err
	}
	h.providers = file.Providers
	if err := readYAML(filepath.Join(dir, "overlay.yaml"), &h.overlay); err != nil {
		return nil, err
	}
	if err := h.overlay.check(); err != nil {
		return nil, fmt.Errorf("overlay.yaml: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "natives.tsv"))
	if err != nil {
		return nil, err
	}
	h.natives, err = parseNatives(string(data))
	if err != nil {
		return nil, fmt.Errorf("natives.tsv: %w", err)
	}
	return h, nil
}

func readYAML(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// check wants a source and a date for every fact.
func (o *overlay) check() error {
	dated := regexp.MustCompile(`\b20\d\d-\d\d`)
	var errs []error
	fact := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	note := func(source string) error {
		if !dated.MatchString(source) {
			return fmt.Errorf("its source has no date: %q", source)
		}
		return nil
	}
	for i := range o.Policies {
		fact("policy of "+o.Policies[i].Provider, o.Policies[i].Stated.check())
	}
	for i := range o.Regions {
		fact("regions of "+o.Regions[i].Provider, o.Regions[i].Evidence.check())
	}
	for i := range o.EndpointPolicies {
		f := &o.EndpointPolicies[i]
		fact("policy of "+f.Model+" at "+f.Provider, f.Stated.check())
	}
	for i := range o.Endpoints {
		f := &o.Endpoints[i]
		fact("endpoint of "+f.Model+" at "+f.Provider, errors.Join(note(f.Address), f.Stated.check()))
	}
	for _, f := range o.Aliases {
		fact("alias "+f.From, note(f.Source))
	}
	return errors.Join(errs...)
}

func parseNatives(text string) (map[nativeKey]native, error) {
	m := map[nativeKey]native{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) < 3 || len(f) > 6 {
			return nil, fmt.Errorf("line %d: has %d columns, not 3 to 6", i+1, len(f))
		}
		f = append(f, "", "", "")
		key := nativeKey{f[0], f[1]}
		if _, ok := m[key]; ok {
			return nil, fmt.Errorf("line %d: %s %s is listed twice", i+1, f[0], f[1])
		}
		n := native{slug: f[2], tag: f[3]}
		for option := range strings.FieldsSeq(f[4]) {
			name, value, _ := strings.Cut(option, "=")
			switch name {
			case "dialect":
				n.dialect = value
			case "tier":
				n.tier = value
			case "quantization":
				n.quantization = value
			case "free":
				n.free = true
			default:
				return nil, fmt.Errorf("line %d: option %q is unknown", i+1, option)
			}
		}
		m[key] = n
	}
	return m, nil
}
