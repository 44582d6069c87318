package sim

import (
	"slices"
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
	return catalog.DataPolicy{ZDR: true, Region: "local"}.Assert(catalog.Evidence{
		Source: "built in: nothing leaves the machine and nothing is kept", By: "turnpike", Operator: true,
	})
}

// Models are sim's models: echo in each dialect, for nothing and with media, an
// agent in each dialect, a failover to watch, and every fault. [BaseURL] gives the
// endpoints theirs.
func Models() []catalog.Model {
	usual, free := prices("0.000001", "0.000002", "0.0000001", "0.00000125"), prices("0", "0", "", "")
	echo := func(id, name, description, dialect string, p catalog.Prices) catalog.Model {
		return model(id, name, description, endpoint(id, ProviderSlug, "echo", dialect, p))
	}
	ms := []catalog.Model{
		echo("sim/echo", "Sim: Echo", "Repeats the last user message, token by token.", dialectChat, usual),
		echo("sim/echo:free", "Sim: Echo (free)", "Repeats the last user message, for nothing.", dialectChat, free),
	}
	others := []struct{ dialect, title, whose string }{
		{dialectResponses, "Responses", "OpenAI's Responses protocol"},
		{dialectMessages, "Messages", "Anthropic's protocol"},
		{dialectGemini, "Gemini", "Google's protocol"},
		{dialectConverse, "Converse", "Amazon Bedrock's protocol"},
		{dialectCohere, "Cohere", "Cohere's protocol"},
	}
	for _, d := range others {
		ms = append(ms, echo("sim/echo-"+d.dialect, "Sim: Echo "+d.title, "sim/echo over "+d.whose+".", d.dialect, usual))
	}
	ms = append(ms, drawing("image", "Repeats the last user message, and draws a small picture where modalities ask for one."),
		drawing("audio", "Repeats the last user message, and hums it where modalities ask for that."))

	agent := func(id, name, description, dialect string) catalog.Model {
		return model(id, name, description, endpoint(id, ProviderSlug, agentModel, dialect, free))
	}
	ms = append(ms, agent("sim/agent", "Sim: Agent", "Does what the lines \"run: <command>\" of a message say, by the tools of a coding agent, for nothing.", dialectChat))
	for _, d := range others {
		ms = append(ms, agent("sim/agent-"+d.dialect, "Sim: Agent "+d.title, "sim/agent over "+d.whose+".", d.dialect))
	}
	ms = append(ms, model("sim/failover", "Sim: Failover", "Two endpoints: a cheap one that always fails, and so is usually tried first, and one that echoes.",
		endpoint("sim/failover", "sim/broken", "status-500", dialectChat, prices("0.0000001", "0.0000002", "", "")),
		endpoint("sim/failover", "sim/steady", "echo", dialectChat, usual)))
	for _, f := range Faults() {
		id := "sim/" + f.Name
		ms = append(ms, model(id, "Sim: "+title(f.Name), "A fault to test with: "+inPlainWords(f.Summary)+".", endpoint(id, ProviderSlug, f.Name, dialectChat, usual)))
	}
	return ms
}

// drawing is an echo whose answers may have a medium beside text, at a price.
func drawing(medium, description string) catalog.Model {
	id := "sim/echo-" + medium
	p := prices("0.000001", "0.000002", "0.0000001", "0.00000125")
	if medium == "image" {
		p.ImageOutput = price("0.00003")
	} else {
		p.AudioOutput = price("0.00002")
	}
	m := model(id, "Sim: Echo "+title(medium), description, endpoint(id, ProviderSlug, "echo", dialectChat, p))
	m.OutputModalities = append(m.OutputModalities, medium)
	return m
}

// inputs are the modalities that a dialect's messages can carry.
func inputs(dialect string) []string {
	switch dialect {
	case dialectResponses, dialectMessages:
		return []string{"text", "image", "file"}
	case dialectConverse:
		return []string{"text", "image", "file", "video"}
	case dialectCohere:
		return []string{"text", "image"}
	}
	return []string{"text", "image", "file", "audio", "video"}
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
		InputModalities:     slices.Clone(endpoints[0].InputModalities),
		OutputModalities:    []string{"text"},
		Tokenizer:           "Other",
		Hidden:              true, // no router is to pick a fault
		SupportedParameters: parameters(),
		Reasoning:           &catalog.ReasoningAbility{Efforts: []string{"high", "medium", "low", "minimal"}, DefaultEffort: "medium", SupportsMaxTokens: true},
		Endpoints:           endpoints,
	}
}

func endpoint(id, tag, native, dialect string, p catalog.Prices) *catalog.Endpoint {
	prefill := "" // what the dialect knows, which takes "echo" for a vendor's newest model
	switch dialect {
	case dialectMessages, dialectConverse:
		prefill = "plain"
	}
	e := &catalog.Endpoint{
		Prefill:             prefill,
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
		InputModalities:     inputs(dialect),
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
