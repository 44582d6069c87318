package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// digitalOcean is its serverless inference.
// https://docs.digitalocean.com/products/gradient-ai-platform/
func digitalOcean() Spec {
	return Spec{
		Slug:    "digitalocean",
		Env:     []string{"DIGITALOCEAN_ACCESS_TOKEN"},
		BaseURL: "https://inference.do-ai.run/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
