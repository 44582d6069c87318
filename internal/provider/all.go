package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/cohere"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// All is every provider that this build knows, by slug. A new one is added here.
func All() []Spec {
	return []Spec{
		alibaba(),
		amazonBedrock(),
		ambient(),
		anthropic(),
		azure(),
		baseten(),
		berget(),
		cerebras(),
		chutes(),
		cloudferro(),
		cloudflare(),
		cohereAI(),
		databricks(),
		deepinfra(),
		deepseek(),
		digitalOcean(),
		dInference(),
		evroc(),
		fireworks(),
		friendli(),
		gmiCloud(),
		googleAIStudio(),
		googleVertex(),
		groq(),
		hpcAI(),
		hyperbolic(),
		inception(),
		inceptron(),
		inferenceNet(),
		ioNet(),
		lilac(),
		lmStudio(),
		meganova(),
		miniMax(),
		mistral(),
		mixlayer(),
		moonshotAI(),
		morph(),
		nebius(),
		neuralwatt(),
		novita(),
		nvidia(),
		ollama(),
		openAI(),
		openRouter(),
		ovhCloud(),
		perplexity(),
		regolo(),
		relace(),
		sakana(),
		sambaNova(),
		scaleway(),
		siliconFlow(),
		stackit(),
		stepFun(),
		submodel(),
		synthetic(),
		tinfoil(),
		together(),
		upstage(),
		venice(),
		vivgrid(),
		vLLM(),
		vultr(),
		wafer(),
		wandb(),
		xAI(),
		xiaomi(),
		zAI(),
	}
}

// Plain is every dialect as its own documentation has it: what a provider of the
// operator's own speaks.
func Plain() map[llm.Dialect]dialect.Upstream {
	return speaks(
		chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort, Modalities: true, ImageConfig: true}),
		responses.Upstream(responses.Quirks{}),
		messages.Upstream(messages.Quirks{}),
		gemini.Upstream(gemini.Quirks{}),
		converse.Upstream(),
		cohere.Upstream(),
	)
}

// Sim is the provider in the box, but for where it listens.
func Sim() Spec {
	s := Spec{
		Slug: "sim", Speaks: Plain(), Default: llm.Chat, Auth: Bearer{}, Forward: []string{"X-Turnpike-Sim"},
		Keyless: true, Local: true, CancelStops: true,
	}
	s.Speaks[llm.Chat] = chat.Upstream(chat.Quirks{
		ReasoningAs: chat.ReasoningEffort, Modalities: true, ImageConfig: true, KeepsCacheControl: true, Prefill: dialect.PrefillPrefix,
	})
	return s
}

func speaks(halves ...dialect.Upstream) map[llm.Dialect]dialect.Upstream {
	m := make(map[llm.Dialect]dialect.Upstream, len(halves))
	for _, u := range halves {
		m[u.Name()] = u
	}
	return m
}
