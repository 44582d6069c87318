package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// vLLM is a server on this machine, on its usual port. It stops when the
// connection closes. https://docs.vllm.ai/en/latest/serving/openai_compatible_server/
func vLLM() Spec {
	return Spec{
		Slug:        "vllm",
		Env:         []string{"VLLM_API_KEY"},
		BaseURL:     "http://127.0.0.1:8000/v1",
		Speaks:      speaks(chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningTemplate, Prefill: dialect.PrefillFinal})),
		Default:     llm.Chat,
		Auth:        Bearer{},
		Keyless:     true,
		Local:       true,
		CancelStops: true,
	}
}
