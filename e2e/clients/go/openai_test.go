package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

func client(t *testing.T) openai.Client {
	t.Helper()
	return clientWith(t, setting(t, "TURNPIKE_E2E_KEY"))
}

func clientWith(t *testing.T, key string) openai.Client {
	t.Helper()
	return openai.NewClient(option.WithBaseURL(base(t)), option.WithAPIKey(key), option.WithMaxRetries(0))
}

func ask(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

func withTools(p openai.ChatCompletionNewParams, c cases) openai.ChatCompletionNewParams {
	for _, tool := range c.Tools {
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name:        tool.Name,
			Description: openai.String(tool.Description),
			Parameters:  tool.Parameters,
		}))
	}
	return p
}

// cost reads what OpenRouter adds to OpenAI's usage.
func cost(t *testing.T, u openai.CompletionUsage) float64 {
	t.Helper()
	var n float64
	if err := json.Unmarshal([]byte(u.JSON.ExtraFields["cost"].Raw()), &n); err != nil {
		t.Fatalf("usage.cost: %v in %s", err, u.RawJSON())
	}
	return n
}

func TestWhole(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			answer, err := c.Chat.Completions.New(t.Context(), ask(model, cs.Sentence))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(answer.ID, "gen-") || answer.Model != model {
				t.Errorf("id %q, model %q", answer.ID, answer.Model)
			}
			if got := answer.Choices[0]; got.Message.Content != cs.Sentence || got.FinishReason != "stop" {
				t.Errorf("%q, %q", got.Message.Content, got.FinishReason)
			}
			if answer.Usage.TotalTokens == 0 || cost(t, answer.Usage) <= 0 {
				t.Errorf("usage %s", answer.Usage.RawJSON())
			}
		})
	}
}

func TestStream(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			stream := c.Chat.Completions.NewStreaming(t.Context(), ask(model, cs.Sentence))
			var all openai.ChatCompletionAccumulator
			pieces, usages := 0, 0
			for stream.Next() {
				chunk := stream.Current()
				if !all.AddChunk(chunk) {
					t.Fatalf("the accumulator refused %s", chunk.RawJSON())
				}
				if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
					pieces++
				}
				if chunk.JSON.Usage.Valid() {
					usages++
					if cost(t, chunk.Usage) <= 0 {
						t.Errorf("usage %s", chunk.Usage.RawJSON())
					}
				}
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			if got := all.Choices[0]; got.Message.Content != cs.Sentence || got.FinishReason != "stop" {
				t.Errorf("%q, %q", got.Message.Content, got.FinishReason)
			}
			if pieces < 2 || usages != 1 {
				t.Errorf("%d pieces of text, %d of usage", pieces, usages)
			}
		})
	}
}

func checkCalls(t *testing.T, c cases, choice openai.ChatCompletionChoice) {
	t.Helper()
	calls := choice.Message.ToolCalls
	if choice.FinishReason != "tool_calls" || len(calls) != len(c.Tools) {
		t.Fatalf("%s", choice.RawJSON())
	}
	for i, call := range calls {
		c.checkCall(t, i, call.Function.Name, call.Function.Arguments)
	}
}

func TestTools(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			whole, err := c.Chat.Completions.New(t.Context(), withTools(ask(model, cs.Calls.Prompt), cs))
			if err != nil {
				t.Fatal(err)
			}
			checkCalls(t, cs, whole.Choices[0])

			stream := c.Chat.Completions.NewStreaming(t.Context(), withTools(ask(model, cs.Calls.Prompt), cs))
			var all openai.ChatCompletionAccumulator
			for stream.Next() {
				all.AddChunk(stream.Current())
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			checkCalls(t, cs, all.Choices[0])

			p := withTools(ask(model, cs.Calls.Prompt), cs)
			p.Messages = append(p.Messages, whole.Choices[0].Message.ToParam())
			for i, call := range whole.Choices[0].Message.ToolCalls {
				p.Messages = append(p.Messages, openai.ToolMessage(cs.Calls.Results[i], call.ID))
			}
			last, err := c.Chat.Completions.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			cs.checkResults(t, last.Choices[0].Message.Content)
		})
	}
}

func TestImage(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			p := ask(model, "")
			p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart(cs.Image.Prompt),
				openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: cs.imageURL()}),
			})}
			answer, err := c.Chat.Completions.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if got := answer.Choices[0].Message.Content; got != cs.Image.Answer {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestJSONSchema(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			p := ask(model, cs.Structured.Prompt)
			p.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{
				OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
					JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
						Name:   cs.Structured.Name,
						Strict: openai.Bool(true),
						Schema: cs.Structured.Schema,
					},
				},
			}
			answer, err := c.Chat.Completions.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			cs.checkStructured(t, answer.Choices[0].Message.Content)
		})
	}
}

// tinyKey makes a user key that can pay for nothing.
func tinyKey(ctx context.Context, t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base(t)+"/keys", strings.NewReader(`{"name":"tiny","limit":0.0000001}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+setting(t, "TURNPIKE_E2E_MANAGEMENT_KEY"))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var made struct{ Key string }
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.StatusCode != http.StatusCreated {
		t.Fatalf("POST /keys: %s, %v", res.Status, err)
	}
	return made.Key
}

func TestErrors(t *testing.T) {
	cs := load(t)
	own := setting(t, "TURNPIKE_E2E_KEY")
	tests := []struct {
		name   string
		key    string
		model  string
		extra  option.RequestOption
		status int
	}{
		{"unknown model", own, "nobody/nothing", nil, 400},
		{"unknown key", cs.Refusals.UnknownKey, "sim/echo", nil, 401},
		{"key limit", tinyKey(t.Context(), t), "sim/echo", nil, 402},
		{"nothing left", own, "sim/echo", option.WithJSONSet("provider", cs.Refusals.Provider), 404},
	}
	for _, model := range cs.Upstreams {
		tests = append(tests, struct {
			name   string
			key    string
			model  string
			extra  option.RequestOption
			status int
		}{"no room " + model, own, model, option.WithHeader(cs.Faults.Header, cs.Faults.RateLimit), 429})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := clientWith(t, tt.key)
			var opts []option.RequestOption
			if tt.extra != nil {
				opts = append(opts, tt.extra)
			}
			_, whole := c.Chat.Completions.New(t.Context(), ask(tt.model, "hi"), opts...)
			stream := c.Chat.Completions.NewStreaming(t.Context(), ask(tt.model, "hi"), opts...)
			for stream.Next() {
				t.Errorf("a chunk: %s", stream.Current().RawJSON())
			}
			for how, err := range map[string]error{"whole": whole, "stream": stream.Err()} {
				e, ok := errors.AsType[*openai.Error](err)
				if !ok || e.StatusCode != tt.status || e.Message == "" {
					t.Errorf("%s: %v, want %d", how, err, tt.status)
				}
			}
		})
	}
}

func TestErrorMidStream(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			stream := c.Chat.Completions.NewStreaming(t.Context(), ask(model, cs.Sentence),
				option.WithHeader(cs.Faults.Header, cs.Faults.MidStream))
			var text strings.Builder
			for stream.Next() {
				for _, choice := range stream.Current().Choices {
					text.WriteString(choice.Delta.Content)
				}
			}
			if stream.Err() == nil {
				t.Error("the stream ended as if it were whole")
			}
			if text.Len() == 0 || !strings.HasPrefix(cs.Sentence, text.String()) {
				t.Errorf("text %q", text.String())
			}
		})
	}
}

func TestModels(t *testing.T) {
	c := client(t)
	pages := c.Models.ListAutoPaging(t.Context())
	n, found := 0, false
	for pages.Next() {
		n++
		found = found || pages.Current().ID == "sim/echo"
	}
	if err := pages.Err(); err != nil {
		t.Fatal(err)
	}
	if !found || n < 340 {
		t.Errorf("%d models, sim/echo among them: %t", n, found)
	}
}
