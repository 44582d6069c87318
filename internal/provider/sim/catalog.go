package sim

import (
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// ProviderSlug is sim's slug in the catalogue.
const ProviderSlug = "sim"

// Provider is sim's row of the catalogue.
func Provider() catalog.Provider {
	return catalog.Provider{Slug: ProviderSlug, Name: "Sim", Policy: policy()}
}

func policy() catalog.DataPolicy {
	return catalog.DataPolicy{ZDR: true, Region: "local", Known: true, Source: "built in: nothing leaves the machine and nothing is kept"}
}

// Models are sim's models: echo in each dialect and for nothing, a failover to
// watch, and every fault. [BaseURL] gives the endpoints theirs.
func Models() []catalog.Model {
	usual := prices("0.000001", "0.000002", "0.0000001", "0.00000125")
	echo := func(id, name, description, dialect string, p catalog.Prices) catalog.Model {
		return model(id, name, description, endpoint(id, ProviderSlug, "echo", dialect, p))
	}
	ms := []catalog.Model{
		echo("sim/echo", "Sim: Echo", "Repeats the last user message, token by token.", dialectChat, usual),
		echo("sim/echo:free", "Sim: Echo (free)", "Repeats the last user message, for nothing.", dialectChat, prices("0", "0", "", "")),
		echo("sim/echo-messages", "Sim: Echo Messages", "sim/echo over Anthropic's protocol.", dialectMessages, usual),
		echo("sim/echo-gemini", "Sim: Echo Gemini", "sim/echo over Google's protocol.", dialectGemini, usual),
		model("sim/failover", "Sim: Failover", "Two endpoints: a cheap one that always fails, and so is usually tried first, and one that echoes.",
			endpoint("sim/failover", "sim/broken", "status-500", dialectChat, prices("0.0000001", "0.0000002", "", "")),
			endpoint("sim/failover", "sim/steady", "echo", dialectChat, usual)),
	}
	for _, f := range Faults() {
		id := "sim/" + f.Name
		ms = append(ms, model(id, "Sim: "+title(f.Name), "A fault to test with: "+inPlainWords(f.Summary)+".", endpoint(id, ProviderSlug, f.Name, dialectChat, usual)))
	}
	return ms
}

// inPlainWords is the summary without the rule ids that our own tests go by.
func inPlainWords(summary string) string {
	plain, _, _ := strings.Cut(summary, " (F")
	return plain
}

func model(id, name, description string, endpoints ...*catalog.Endpoint) catalog.Model {
	return catalog.Model{
		ID:                  id,
		CanonicalSlug:       id,
		Name:                name,
		Description:         description,
		Created:             time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC).Unix(), // behind every real model
		ContextLength:       MaxPrompt,
		InputModalities:     []string{"text", "image"},
		OutputModalities:    []string{"text"},
		Tokenizer:           "Other",
		SupportedParameters: parameters(),
		Reasoning:           &catalog.ReasoningAbility{Efforts: []string{"high", "medium", "low", "minimal"}, DefaultEffort: "medium", SupportsMaxTokens: true},
		Endpoints:           endpoints,
	}
}

func endpoint(id, tag, native, dialect string, p catalog.Prices) *catalog.Endpoint {
	e := &catalog.Endpoint{
		ID:                  id + "@" + tag,
		Model:               id,
		Provider:            ProviderSlug,
		Tag:                 tag,
		Native:              native,
		Dialect:             dialect,
		ContextLength:       MaxPrompt,
		MaxCompletionTokens: MaxCompletion,
		Parameters:          make(map[string]bool),
		SupportedParameters: parameters(),
		InputModalities:     []string{"text", "image"},
		Prices:              p,
		Policy:              policy(),
	}
	for _, name := range e.SupportedParameters {
		e.Parameters[name] = true
	}
	return e
}

// parameters is the whole vocabulary of supported_parameters, sorted: what sim
// does not heed, it takes.
func parameters() []string {
	return []string{
		"frequency_penalty", "include_reasoning", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "min_p",
		"parallel_tool_calls", "prediction", "presence_penalty", "reasoning", "reasoning_effort", "repetition_penalty",
		"response_format", "seed", "stop", "structured_outputs", "temperature", "tool_choice", "tools", "top_a", "top_k",
		"top_logprobs", "top_p", "verbosity", "web_search_options",
	}
}

func prices(prompt, completion, read, write string) catalog.Prices {
	return catalog.Prices{Prompt: price(prompt), Completion: price(completion), CacheRead: price(read), CacheWrite: price(write)}
}

func price(text string) catalog.Price {
	if text == "" {
		return catalog.Price{}
	}
	unit, err := money.ParsePico(text)
	if err != nil {
		panic("sim: " + err.Error()) // the texts are the literals above
	}
	return catalog.Price{Text: text, Unit: unit}
}

func title(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}
