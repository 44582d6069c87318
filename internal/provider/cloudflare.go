package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// cloudflare is Workers AI, whose base names the account.
// https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/
func cloudflare() Spec {
	return Spec{
		Slug:        "cloudflare",
		Env:         []string{"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"},
		BaseURL:     "https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}/ai/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		CancelStops: true,
	}
}
