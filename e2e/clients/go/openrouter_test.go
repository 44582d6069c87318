package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// These are the requests of OpenRouter's own Go SDK (github.com/OpenRouterTeam/go-sdk
// 0.7.67), which cannot be had as a module: the same headers, the same members in
// the same order, and answers read as it reads them. Its quirks: Accept prefers
// JSON and gives event streams a q of 0 even where it asks for a stream; stream is
// always stated; Responses always states service_tier and store.

type goSDK struct{ key string }

// fault, where there is one, is performed by the model asked.
func (s goSDK) post(ctx context.Context, t *testing.T, c cases, path, fault string, body any) (*http.Response, error) {
	t.Helper()
	to, err := url.JoinPath(base(t), path)
	if err != nil {
		return nil, err
	}
	// Maps are marshalled in the order of their names, as the SDK does it.
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json;q=1, text/event-stream;q=0")
	req.Header.Set("User-Agent", "speakeasy-sdk/go 0.7.67 2.914.0 1.0.0 github.com/OpenRouterTeam/go-sdk")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	if fault != "" {
		req.Header.Set(c.Faults.Header, fault)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	if err := isType(res, "application/json"); err != nil {
		return nil, err
	}
	refused := &goSDKError{status: res.StatusCode}
	if err := read(res.Body, &refused.body); err != nil {
		return nil, err
	}
	return nil, refused
}

type goSDKError struct {
	status int
	body   struct {
		Error struct {
			Code     int64          `json:"code"`
			Message  string         `json:"message"`
			Metadata map[string]any `json:"metadata,omitempty"`
		} `json:"error"`
		UserID *string `json:"user_id,omitempty"`
	}
}

func (e *goSDKError) Error() string {
	return fmt.Sprintf("%d: %d %s", e.status, e.body.Error.Code, e.body.Error.Message)
}

func isType(res *http.Response, want string) error {
	got, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err == nil && got != want {
		err = fmt.Errorf("unknown content-type received: %s", got)
	}
	return err
}

// read decodes JSON, and fails for every member that is missing though its tag
// does not say omitempty.
func read(from io.Reader, to any) error {
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%w in %s", err, data)
	}
	if err := required(data, reflect.TypeOf(to).Elem()); err != nil {
		return fmt.Errorf("%w in %s", err, data)
	}
	return nil
}

func required(data []byte, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if string(data) == "null" {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 { // raw JSON
			return nil
		}
		var items []json.RawMessage
		if err := json.Unmarshal(data, &items); err != nil {
			return err
		}
		for _, item := range items {
			if err := required(item, t.Elem()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		var members map[string]json.RawMessage
		if err := json.Unmarshal(data, &members); err != nil {
			return err
		}
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			member, ok := members[name]
			switch {
			case !ok && options == "omitempty":
			case !ok:
				return fmt.Errorf("missing required field: %s", name)
			case string(member) == "null" && options == "" && !nullable(t.Field(i).Type):
				return fmt.Errorf("null in %s", name)
			default:
				if err := required(member, t.Field(i).Type); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	default:
	}
	return nil
}

func nullable(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || t.Kind() == reflect.Map
}

// events calls each with the data of every event up to the sentinel.
func events(from io.Reader, each func(data []byte) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	var data []string
	for lines.Scan() {
		line := lines.Text()
		if value, ok := strings.CutPrefix(line, "data:"); ok {
			data = append(data, strings.TrimPrefix(value, " "))
			continue
		}
		if line != "" || data == nil {
			continue
		}
		event := strings.Join(data, "\n")
		if event == "[DONE]" {
			return nil
		}
		if err := each([]byte(event)); err != nil {
			return err
		}
		data = nil
	}
	return lines.Err()
}

type goChatUsage struct {
	CompletionTokens int64    `json:"completion_tokens"`
	PromptTokens     int64    `json:"prompt_tokens"`
	TotalTokens      int64    `json:"total_tokens"`
	Cost             *float64 `json:"cost,omitempty"`
	IsBYOK           *bool    `json:"is_byok,omitempty"`
	CostDetails      *struct {
		Upstream   *float64 `json:"upstream_inference_cost,omitempty"`
		Prompt     float64  `json:"upstream_inference_prompt_cost"`
		Completion float64  `json:"upstream_inference_completions_cost"`
	} `json:"cost_details,omitempty"`
}

type goChatCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type goChatResult struct {
	Choices []struct {
		FinishReason *string `json:"finish_reason"`
		Index        int64   `json:"index"`
		Message      struct {
			Content   *string      `json:"content,omitempty"`
			Role      string       `json:"role"`
			ToolCalls []goChatCall `json:"tool_calls,omitempty"`
		} `json:"message"`
	} `json:"choices"`
	Created           int64        `json:"created"`
	ID                string       `json:"id"`
	Model             string       `json:"model"`
	Object            string       `json:"object"`
	SystemFingerprint *string      `json:"system_fingerprint"`
	Usage             *goChatUsage `json:"usage,omitempty"`
}

type goChatChunk struct {
	Choices []struct {
		Delta struct {
			Content   *string `json:"content,omitempty"`
			Role      *string `json:"role,omitempty"`
			ToolCalls []struct {
				Index    int64   `json:"index"`
				ID       *string `json:"id,omitempty"`
				Type     *string `json:"type,omitempty"`
				Function *struct {
					Name      *string `json:"name,omitempty"`
					Arguments *string `json:"arguments,omitempty"`
				} `json:"function,omitempty"`
			} `json:"tool_calls,omitempty"`
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
		Index        int64   `json:"index"`
	} `json:"choices"`
	Created int64  `json:"created"`
	ID      string `json:"id"`
	Model   string `json:"model"`
	Object  string `json:"object"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error,omitempty"`
	SystemFingerprint *string      `json:"system_fingerprint,omitempty"`
	Usage             *goChatUsage `json:"usage,omitempty"`
}

func own(t *testing.T) goSDK {
	t.Helper()
	return goSDK{setting(t, "TURNPIKE_E2E_KEY")}
}

// chat asks for a whole answer. more are further members of the request.
func (s goSDK) chat(t *testing.T, c cases, model, fault string, messages []any, more map[string]any) (goChatResult, error) {
	t.Helper()
	body := map[string]any{"messages": messages, "model": model, "stream": false}
	for name, value := range more {
		body[name] = value
	}
	var got goChatResult
	res, err := s.post(t.Context(), t, c, "/chat/completions", fault, body)
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	if err := isType(res, "application/json"); err != nil {
		return got, err
	}
	if err := read(res.Body, &got); err != nil {
		return got, err
	}
	if len(got.Choices) != 1 {
		return got, fmt.Errorf("%d choices", len(got.Choices))
	}
	return got, nil
}

func (s goSDK) chatStream(t *testing.T, c cases, model, fault string, messages []any) ([]goChatChunk, error) {
	t.Helper()
	res, err := s.post(t.Context(), t, c, "/chat/completions", fault, map[string]any{"messages": messages, "model": model, "stream": true})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if err := isType(res, "text/event-stream"); err != nil {
		return nil, err
	}
	var chunks []goChatChunk
	err = events(res.Body, func(data []byte) error {
		chunks = append(chunks, goChatChunk{})
		return read(bytes.NewReader(data), &chunks[len(chunks)-1])
	})
	return chunks, err
}

func user(content any) []any {
	return []any{map[string]any{"content": content, "role": "user"}}
}

func (c cases) chatTools() map[string]any {
	var tools []any
	for _, tool := range c.Tools {
		tools = append(tools, map[string]any{"function": tool, "type": "function"})
	}
	return map[string]any{"tools": tools}
}

func TestGoSDKChat(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			s := own(t)
			got, err := s.chat(t, cs, model, "", user(cs.Sentence), nil)
			if err != nil {
				t.Fatal(err)
			}
			if choice := got.Choices[0]; got.Model != model || *choice.Message.Content != cs.Sentence || *choice.FinishReason != "stop" || *got.Usage.Cost <= 0 {
				t.Errorf("%+v", got)
			}

			chunks, err := s.chatStream(t, cs, model, "", user(cs.Sentence))
			if err != nil {
				t.Fatal(err)
			}
			text, usages := "", 0
			for _, chunk := range chunks {
				for _, choice := range chunk.Choices {
					if choice.Delta.Content != nil {
						text += *choice.Delta.Content
					}
				}
				if chunk.Usage != nil {
					usages++
				}
			}
			if text != cs.Sentence || usages != 1 {
				t.Errorf("%q, %d usages", text, usages)
			}

			messages := user(cs.Calls.Prompt)
			first, err := s.chat(t, cs, model, "", messages, cs.chatTools())
			if err != nil {
				t.Fatal(err)
			}
			message := first.Choices[0].Message
			if len(message.ToolCalls) != len(cs.Tools) {
				t.Fatalf("%+v", first)
			}
			messages = append(messages, message)
			for i, call := range message.ToolCalls {
				cs.checkCall(t, i, call.Function.Name, call.Function.Arguments)
				messages = append(messages, map[string]any{"content": cs.Calls.Results[i], "role": "tool", "tool_call_id": call.ID})
			}
			last, err := s.chat(t, cs, model, "", messages, cs.chatTools())
			if err != nil {
				t.Fatal(err)
			}
			cs.checkResults(t, *last.Choices[0].Message.Content)

			picture := []any{
				map[string]any{"text": cs.Image.Prompt, "type": "text"},
				map[string]any{"image_url": map[string]any{"url": cs.imageURL()}, "type": "image_url"},
			}
			got, err = s.chat(t, cs, model, "", user(picture), nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := *got.Choices[0].Message.Content; text != cs.Image.Answer {
				t.Errorf("%q", text)
			}

			format := map[string]any{"json_schema": map[string]any{"name": cs.Structured.Name, "schema": cs.Structured.Schema, "strict": true}, "type": "json_schema"}
			got, err = s.chat(t, cs, model, "", user(cs.Structured.Prompt), map[string]any{"response_format": format})
			if err != nil {
				t.Fatal(err)
			}
			cs.checkStructured(t, *got.Choices[0].Message.Content)
		})
	}
}

func TestGoSDKChatMidStream(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			chunks, err := own(t).chatStream(t, cs, model, cs.Faults.MidStream, user(cs.Sentence))
			if err != nil {
				t.Fatal(err)
			}
			last := chunks[len(chunks)-1]
			if last.Error == nil || last.Error.Code < 400 || last.Error.Message == "" {
				t.Errorf("%+v", last)
			}
		})
	}
}

type goResult struct {
	CompletedAt       *int64            `json:"completed_at"`
	CreatedAt         int64             `json:"created_at"`
	Error             *goResultError    `json:"error"`
	FrequencyPenalty  *float64          `json:"frequency_penalty"`
	ID                string            `json:"id"`
	IncompleteDetails *struct{}         `json:"incomplete_details"`
	Instructions      any               `json:"instructions"`
	Metadata          map[string]string `json:"metadata"`
	Model             string            `json:"model"`
	Object            string            `json:"object"`
	Output            []json.RawMessage `json:"output"`
	OutputText        *string           `json:"output_text,omitempty"`
	ParallelToolCalls bool              `json:"parallel_tool_calls"`
	PresencePenalty   *float64          `json:"presence_penalty"`
	Status            string            `json:"status"`
	Temperature       *float64          `json:"temperature"`
	ToolChoice        any               `json:"tool_choice"`
	Tools             []struct {
		Name       string         `json:"name"`
		Parameters map[string]any `json:"parameters"`
		Type       string         `json:"type"`
	} `json:"tools"`
	TopP  *float64 `json:"top_p"`
	Usage *struct {
		InputTokens        int64 `json:"input_tokens"`
		InputTokensDetails struct {
			CachedTokens int64 `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		OutputTokens        int64 `json:"output_tokens"`
		OutputTokensDetails struct {
			ReasoningTokens int64 `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
		TotalTokens int64    `json:"total_tokens"`
		Cost        *float64 `json:"cost,omitempty"`
		CostDetails *struct {
			Upstream *float64 `json:"upstream_inference_cost,omitempty"`
			Input    float64  `json:"upstream_inference_input_cost"`
			Output   float64  `json:"upstream_inference_output_cost"`
		} `json:"cost_details,omitempty"`
	} `json:"usage,omitempty"`
}

type goResultError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type goCall struct {
	Arguments string  `json:"arguments"`
	CallID    string  `json:"call_id"`
	ID        *string `json:"id,omitempty"`
	Name      string  `json:"name"`
	Type      string  `json:"type"`
}

// readEvent reads an event of Responses by its type, and gives its text and, at
// the end, its response.
func readEvent(data []byte) (text string, end *goResult, err error) {
	var kind struct {
		Type           string `json:"type"`
		SequenceNumber int64  `json:"sequence_number"`
	}
	if err := read(bytes.NewReader(data), &kind); err != nil {
		return "", nil, err
	}
	switch kind.Type {
	case "response.output_text.delta":
		var delta struct {
			ContentIndex int64             `json:"content_index"`
			Delta        string            `json:"delta"`
			ItemID       string            `json:"item_id"`
			Logprobs     []json.RawMessage `json:"logprobs"`
			OutputIndex  int64             `json:"output_index"`
		}
		err = read(bytes.NewReader(data), &delta)
		return delta.Delta, nil, err
	case "response.output_item.added", "response.output_item.done":
		var item struct {
			Item        json.RawMessage `json:"item"`
			OutputIndex int64           `json:"output_index"`
		}
		return "", nil, read(bytes.NewReader(data), &item)
	case "response.created", "response.in_progress", "response.completed", "response.failed", "response.incomplete":
		var whole struct {
			Response goResult `json:"response"`
		}
		if err := read(bytes.NewReader(data), &whole); err != nil {
			return "", nil, err
		}
		if kind.Type != "response.created" && kind.Type != "response.in_progress" {
			end = &whole.Response
		}
		return "", end, nil
	default:
		return "", nil, nil
	}
}

func (s goSDK) respond(t *testing.T, c cases, model, fault string, more map[string]any) (*http.Response, error) {
	t.Helper()
	body := map[string]any{"input": c.Sentence, "model": model, "service_tier": "auto", "store": false, "stream": false}
	for name, value := range more {
		body[name] = value
	}
	return s.post(t.Context(), t, c, "/responses", fault, body)
}

func (s goSDK) response(t *testing.T, c cases, model string, more map[string]any) goResult {
	t.Helper()
	res, err := s.respond(t, c, model, "", more)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := isType(res, "application/json"); err != nil {
		t.Fatal(err)
	}
	var got goResult
	if err := read(res.Body, &got); err != nil {
		t.Fatal(err)
	}
	if got.OutputText == nil {
		t.Fatalf("no output_text in %+v", got)
	}
	return got
}

// responseStream gives the text of a stream, and its last response.
func (s goSDK) responseStream(t *testing.T, c cases, model, fault string) (string, goResult) {
	t.Helper()
	res, err := s.respond(t, c, model, fault, map[string]any{"stream": true})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := isType(res, "text/event-stream"); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	var last *goResult
	err = events(res.Body, func(data []byte) error {
		text, end, err := readEvent(data)
		all.WriteString(text)
		if end != nil {
			last = end
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if last == nil {
		t.Fatal("the stream had no end")
	}
	return all.String(), *last
}

func (c cases) flatTools() []any {
	var tools []any
	for _, tool := range c.Tools {
		tools = append(tools, map[string]any{"description": tool.Description, "name": tool.Name, "parameters": tool.Parameters, "type": "function"})
	}
	return tools
}

func TestGoSDKResponses(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			s := own(t)
			got := s.response(t, cs, model, nil)
			if got.Model != model || got.Status != "completed" || *got.OutputText != cs.Sentence || *got.Usage.Cost <= 0 {
				t.Errorf("%+v", got)
			}

			text, last := s.responseStream(t, cs, model, "")
			if text != cs.Sentence || last.Status != "completed" {
				t.Errorf("%q, %+v", text, last)
			}

			tools := cs.flatTools()
			first := s.response(t, cs, model, map[string]any{"input": cs.Calls.Prompt, "tools": tools})
			asked := user(cs.Calls.Prompt)
			var results []any
			for _, item := range first.Output {
				asked = append(asked, item)
				var call goCall
				if json.Unmarshal(item, &call) != nil || call.Type != "function_call" {
					continue
				}
				if err := required(item, reflect.TypeFor[goCall]()); err != nil {
					t.Error(err)
				}
				cs.checkCall(t, len(results), call.Name, call.Arguments)
				results = append(results, map[string]any{"call_id": call.CallID, "output": cs.Calls.Results[len(results)], "type": "function_call_output"})
			}
			if len(results) != len(cs.Tools) {
				t.Fatalf("%d calls", len(results))
			}
			again := s.response(t, cs, model, map[string]any{"input": append(asked, results...), "tools": tools})
			cs.checkResults(t, *again.OutputText)

			picture := user([]any{
				map[string]any{"text": cs.Image.Prompt, "type": "input_text"},
				map[string]any{"detail": "auto", "image_url": cs.imageURL(), "type": "input_image"},
			})
			if got := s.response(t, cs, model, map[string]any{"input": picture}); *got.OutputText != cs.Image.Answer {
				t.Errorf("%q", *got.OutputText)
			}

			format := map[string]any{"name": cs.Structured.Name, "schema": cs.Structured.Schema, "strict": true, "type": "json_schema"}
			got = s.response(t, cs, model, map[string]any{"input": cs.Structured.Prompt, "text": map[string]any{"format": format}})
			cs.checkStructured(t, *got.OutputText)
		})
	}
}

func TestGoSDKResponsesMidStream(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			text, last := own(t).responseStream(t, cs, model, cs.Faults.MidStream)
			if text == "" || !strings.HasPrefix(cs.Sentence, text) {
				t.Errorf("text %q", text)
			}
			if last.Status != "failed" || last.Error == nil || last.Error.Message == "" {
				t.Errorf("%+v", last)
			}
		})
	}
}

func TestGoSDKErrors(t *testing.T) {
	cs := load(t)
	type test struct {
		name, key, model, fault string
		more                    map[string]any
		status                  int
	}
	key := setting(t, "TURNPIKE_E2E_KEY")
	tests := []test{
		{"unknown model", key, "nobody/nothing", "", nil, 400},
		{"unknown key", cs.Refusals.UnknownKey, "sim/echo", "", nil, 401},
		{"nothing left", key, "sim/echo", "", map[string]any{"provider": cs.Refusals.Provider}, 404},
	}
	for _, model := range cs.Upstreams {
		tests = append(tests, test{"no room " + model, key, model, cs.Faults.RateLimit, nil, 429})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := goSDK{tt.key}
			_, chat := s.chat(t, cs, tt.model, tt.fault, user("hi"), tt.more)
			res, response := s.respond(t, cs, tt.model, tt.fault, tt.more)
			if response == nil {
				res.Body.Close()
			}
			for over, err := range map[string]error{"chat": chat, "responses": response} {
				refused, ok := errors.AsType[*goSDKError](err)
				if !ok || refused.status != tt.status || refused.body.Error.Code != int64(tt.status) || refused.body.Error.Message == "" {
					t.Errorf("%s: %v, want %d", over, err, tt.status)
				}
			}
		})
	}
}
