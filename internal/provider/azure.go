package provider

import (
	"net/http"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// azure serves a resource's deployments under its v1 API, chat and responses: the
// model's name is the deployment's. Its encrypted reasoning is not OpenAI's, and what
// its filters find is told beside the answer. Its Claude models speak messages under another host, which
// the catalogue's endpoints name.
// https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle
func azure() Spec {
	return Spec{
		Slug:    "azure",
		Env:     []string{"AZURE_API_KEY", "AZURE_OPENAI_API_KEY"},
		BaseURL: "https://${AZURE_RESOURCE_NAME}.openai.azure.com/openai/v1",
		Speaks: speaks(chat.Upstream(chat.Quirks{
			MaxTokensName: "max_completion_tokens",
			ReasoningAs:   chat.ReasoningEffort,
			CacheKey:      true,
			Strict:        schema.OpenAIStrict(),
			CustomTools:   true,
			AllowedTools:  true,
			Images:        dialect.UsualImages(),
		}), responses.Upstream(responses.Quirks{
			Format:    llm.FormatAzureOpenAI,
			MinTokens: 16,
			NoAudio:   true,
		}), messages.Upstream(messages.Quirks{})),
		Default:     llm.Chat,
		Auth:        azureKey{},
		CancelStops: true,
	}
}

// azureKey sends the resource's key under both names that its surfaces read:
// api-key for Azure's own, x-api-key for Anthropic's.
// https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry
type azureKey struct{}

// Sign implements Auth.
func (azureKey) Sign(req *http.Request, key string) {
	req.Header.Set("Api-Key", key)
	req.Header.Set("X-Api-Key", key)
}
