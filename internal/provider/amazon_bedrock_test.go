package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Several makers' models stand behind Bedrock's host of the responses dialect. What
// one has encrypted goes back to it alone, whatever else the caller would have taken.
func TestBedrockStamps(t *testing.T) {
	t.Parallel()
	all := provider.All()
	bedrock := all[slices.IndexFunc(all, func(s provider.Spec) bool { return s.Slug == "amazon-bedrock" })].Speaks[llm.Responses]
	const answer = `{"id":"resp_1","object":"response","status":"completed","model":"m","output":[` +
		`{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"c2VhbGVk"},` +
		`{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]}]}`
	stamps := []string{llm.FormatBedrockOpenAI, llm.FormatBedrockXAI, llm.FormatOpenAI, llm.FormatXAI, llm.FormatUnknown}
	history := []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "hi"}}}}
	for _, stamp := range stamps {
		history = append(history, llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{
			{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtEncrypted, ID: "rs_1", Data: "of-" + stamp, Format: stamp}},
			{Text: "said"},
		}})
	}
	for _, c := range []struct {
		to   dialect.Target
		want string
	}{
		{dialect.Target{Model: "openai.gpt-5.5", Author: "openai"}, llm.FormatBedrockOpenAI},
		{dialect.Target{Model: "xai.grok-4.3", Author: "x-ai"}, llm.FormatBedrockXAI},
		{dialect.Target{Model: "us.xai.grok-4.3"}, llm.FormatBedrockXAI},
		{dialect.Target{Model: "arn:aws:bedrock:us-east-1:1:inference-profile/abc", Author: "openai"}, llm.FormatBedrockOpenAI},
		{dialect.Target{Model: "qwen.qwen3-32b", Author: "qwen"}, llm.FormatUnknown},
	} {
		req := &llm.Request{Models: []string{"openai/gpt-5.5", "x-ai/grok-4.3"}, Input: &llm.ChatInput{Messages: history, Reasoning: &llm.Reasoning{Effort: "high"}}}
		dec := bedrock.NewDecoder(req, c.to)
		events, err := dec.Whole(nil, []byte(answer))
		i := slices.IndexFunc(events, func(e llm.Event) bool { return e.Kind == llm.BlockOpen && e.Open == llm.BlockReasoning })
		if err != nil || i < 0 || events[i].Thought.Format != c.want {
			t.Errorf("%s: %v %s", c.to.Model, err, llmtest.Lines(events))
		}
		call, err := bedrock.Encode(req, c.to)
		if err != nil {
			t.Fatal(err)
		}
		for _, stamp := range stamps {
			own := stamp == c.want && stamp != llm.FormatUnknown
			if sent := strings.Contains(string(call.Body), `"of-`+stamp+`"`); sent != own || slices.Contains(call.Lost, "reasoning_details: "+stamp) == own {
				t.Errorf("%s: a thought of %s, sent: %t, lost: %q", c.to.Model, stamp, sent, call.Lost)
			}
		}
	}
}
