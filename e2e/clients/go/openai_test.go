// Package clients_test drives the built binary with OpenAI's own Go SDK,
// unmodified. ../run.sh says where the server is and with which keys.
package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"
)

const (
	sentence = "The quick brown fox jumps over the lazy dog, twice."
	twoCalls = "call weather {\"city\":\"Llanfairpwllgwyngyll, Wales\"}\ncall clock {\"zone\":\"America/Argentina/Buenos_Aires\"}"
)

// spoken has a model for each language that an upstream may speak.
func spoken() []string { return []string{"sim/echo", "sim/echo-messages", "sim/echo-gemini"} }

func setting(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run ../run.sh", name)
	}
	return v
}

func base(t *testing.T) string {
	t.Helper()
	return setting(t, "TURNPIKE_E2E_BASE")
}

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

func withTools(p openai.ChatCompletionNewParams) openai.ChatCompletionNewParams {
	for _, of := range [][2]string{{"weather", "city"}, {"clock", "zone"}} {
		name, argument := of[0], of[1]
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: name,
			Parameters: shared.FunctionParameters{
				"type":       "object",
				"properties": map[string]any{argument: map[string]any{"type": "string"}},
				"required":   []string{argument},
			},
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
	for _, model := range spoken() {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			answer, err := c.Chat.Completions.New(t.Context(), ask(model, sentence))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(answer.ID, "gen-") || answer.Model != model {
				t.Errorf("id %q, model %q", answer.ID, answer.Model)
			}
			if got := answer.Choices[0]; got.Message.Content != sentence || got.FinishReason != "stop" {
				t.Errorf("%q, %q", got.Message.Content, got.FinishReason)
			}
			if answer.Usage.TotalTokens == 0 || cost(t, answer.Usage) <= 0 {
				t.Errorf("usage %s", answer.Usage.RawJSON())
			}
		})
	}
}

func TestStream(t *testing.T) {
	for _, model := range spoken() {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			stream := c.Chat.Completions.NewStreaming(t.Context(), ask(model, sentence))
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
			if got := all.Choices[0]; got.Message.Content != sentence || got.FinishReason != "stop" {
				t.Errorf("%q, %q", got.Message.Content, got.FinishReason)
			}
			if pieces < 2 || usages != 1 {
				t.Errorf("%d pieces of text, %d of usage", pieces, usages)
			}
		})
	}
}

func checkCalls(t *testing.T, choice openai.ChatCompletionChoice) {
	t.Helper()
	calls := choice.Message.ToolCalls
	if choice.FinishReason != "tool_calls" || len(calls) != 2 {
		t.Fatalf("%s", choice.RawJSON())
	}
	want := [2][2]string{{"weather", `{"city":"Llanfairpwllgwyngyll, Wales"}`}, {"clock", `{"zone":"America/Argentina/Buenos_Aires"}`}}
	for i, w := range want {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(calls[i].Function.Arguments)); err != nil {
			t.Fatal(err)
		}
		if calls[i].Function.Name != w[0] || compact.String() != w[1] {
			t.Errorf("call %d: %s %s", i, calls[i].Function.Name, compact.String())
		}
	}
}

func TestTools(t *testing.T) {
	for _, model := range spoken() {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			whole, err := c.Chat.Completions.New(t.Context(), withTools(ask(model, twoCalls)))
			if err != nil {
				t.Fatal(err)
			}
			checkCalls(t, whole.Choices[0])

			stream := c.Chat.Completions.NewStreaming(t.Context(), withTools(ask(model, twoCalls)))
			var all openai.ChatCompletionAccumulator
			for stream.Next() {
				all.AddChunk(stream.Current())
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			checkCalls(t, all.Choices[0])

			p := withTools(ask(model, twoCalls))
			p.Messages = append(p.Messages, whole.Choices[0].Message.ToParam())
			for _, call := range whole.Choices[0].Message.ToolCalls {
				p.Messages = append(p.Messages, openai.ToolMessage(call.Function.Name+" says fine", call.ID))
			}
			last, err := c.Chat.Completions.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			for _, say := range []string{"weather says fine", "clock says fine"} {
				if got := last.Choices[0].Message.Content; !strings.Contains(got, say) {
					t.Errorf("%q is not in %q", say, got)
				}
			}
		})
	}
}

func TestJSONSchema(t *testing.T) {
	c := client(t)
	p := ask("sim/echo", "structured")
	p.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{
		OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
				Name:   "echo",
				Strict: openai.Bool(true),
				Schema: map[string]any{
					"type":                 "object",
					"properties":           map[string]any{"echo": map[string]any{"type": "string"}},
					"required":             []string{"echo"},
					"additionalProperties": false,
				},
			},
		},
	}
	answer, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Echo string }
	if err := json.Unmarshal([]byte(answer.Choices[0].Message.Content), &got); err != nil || got.Echo != "structured" {
		t.Errorf("%q: %v", answer.Choices[0].Message.Content, err)
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
	own := setting(t, "TURNPIKE_E2E_KEY")
	tests := []struct {
		name   string
		key    string
		model  string
		extra  option.RequestOption
		status int
	}{
		{"unknown model", own, "nobody/nothing", nil, 400},
		{"unknown key", "sk-tp-v1-" + strings.Repeat("0", 64), "sim/echo", nil, 401},
		{"key limit", tinyKey(t.Context(), t), "sim/echo", nil, 402},
		{"nothing left", own, "sim/echo", option.WithJSONSet("provider", map[string]any{"only": []string{"nowhere"}}), 404},
		{"no room", own, "sim/status-429", nil, 429},
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
	c := client(t)
	stream := c.Chat.Completions.NewStreaming(t.Context(), ask("sim/error-mid-stream", sentence))
	var text strings.Builder
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text.WriteString(choice.Delta.Content)
		}
	}
	if stream.Err() == nil {
		t.Error("the stream ended as if it were whole")
	}
	if text.Len() == 0 || !strings.HasPrefix(sentence, text.String()) {
		t.Errorf("text %q", text.String())
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
