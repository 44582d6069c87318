package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ovhCloud is its AI Endpoints.
// https://help.ovhcloud.com/csm/en-public-cloud-ai-endpoints-getting-started
func ovhCloud() Spec {
	return Spec{
		Slug:    "ovhcloud",
		Env:     []string{"OVHCLOUD_API_KEY"},
		BaseURL: "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
