package provider_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Who goes on behind the beginning of an answer, by what vendors say of it. All others
// are not known to.
func TestContinues(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"mistral": true, "moonshotai": true, "groq": true, "vllm": true}
	specs := map[string]provider.Spec{}
	for _, s := range append(provider.All(), provider.Sim()) {
		specs[s.Slug] = s
		u := s.Speaks[llm.Chat]
		if s.Slug == "sim" || u == nil {
			continue
		}
		if got := u.Continues(dialect.Target{Model: "m"}, false); got != known[s.Slug] {
			t.Errorf("%s: %v", s.Slug, got)
		}
	}
	for _, x := range []struct {
		provider string
		dialect  llm.Dialect
		native   string
		want     bool
	}{
		{"anthropic", llm.Messages, "claude-3-haiku-20240307", true},
		{"anthropic", llm.Messages, "claude-sonnet-4-5-20250929", true},
		{"anthropic", llm.Messages, "claude-opus-4-6", false},
		{"anthropic", llm.Messages, "claude-sonnet-5", false},
		{"google-vertex", llm.Messages, "claude-haiku-4-5@20251001", true},
		{"amazon-bedrock", llm.Converse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", true},
		{"amazon-bedrock", llm.Converse, "us.anthropic.claude-opus-4-6-v1", false},
		{"amazon-bedrock", llm.Converse, "amazon.nova-pro-v1:0", true},
		{"amazon-bedrock", llm.Converse, "amazon.nova-2-lite-v1:0", false},
		{"amazon-bedrock", llm.Converse, "meta.llama3-1-70b-instruct-v1:0", false},
		{"amazon-bedrock", llm.Converse, "arn:aws:bedrock:us-east-1:1:application-inference-profile/x", false},
		{"google-ai-studio", llm.Gemini, "gemini-2.0-flash", true},
		{"google-ai-studio", llm.Gemini, "gemini-2.5-flash", true},
		{"google-ai-studio", llm.Gemini, "gemini-2.5-pro", false},
		{"google-ai-studio", llm.Gemini, "gemini-3.6-flash", false},
		{"google-ai-studio", llm.Gemini, "gemma-3-27b-it", false},
		{"openai", llm.Responses, "gpt-5", false},
		{"sim", llm.Chat, "echo", true},
	} {
		u := specs[x.provider].Speaks[x.dialect]
		if u == nil {
			t.Errorf("%s does not speak %s", x.provider, x.dialect)
			continue
		}
		if got := u.Continues(dialect.Target{Model: x.native}, true); got != x.want {
			t.Errorf("%s %s: %v", x.provider, x.native, got)
		}
	}
}
