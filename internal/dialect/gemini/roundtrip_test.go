package gemini_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

type sink struct{ bytes.Buffer }

func (*sink) Flush() error { return nil }

const signedAnswer = `{"candidates":[{"content":{"parts":[{"text":"Hm.","thought":true},{"text":"Both.","thoughtSignature":"dGV4dA=="},` +
	`{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"Y2FsbA=="},{"functionCall":{"name":"g","args":{}}}],"role":"model"},"finishReason":"STOP"}]}`

// TestSignaturesReturn: what a caller of any dialect sends back of an answer brings
// each signature back onto the part that it came on, byte for byte.
func TestSignaturesReturn(t *testing.T) {
	t.Parallel()
	const calls = `{"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"Y2FsbA=="},{"functionCall":{"name":"g","args":{}}}]}`
	for _, tt := range []struct {
		client dialect.Client
		first  string
		next   func(answer jsontext.Value) string
	}{
		{
			chat.Client(),
			`{"model":"a/b","messages":[{"role":"user","content":"Hi"}]}`,
			func(answer jsontext.Value) string {
				var a struct {
					Choices []struct{ Message jsontext.Value }
				}
				read(t, answer, &a)
				return fmt.Sprintf(`{"model":"a/b","messages":[{"role":"user","content":"Hi"},%s,{"role":"tool","tool_call_id":"call_1_0","content":"1"},{"role":"tool","tool_call_id":"call_1_1","content":"2"}]}`, a.Choices[0].Message)
			},
		},
		{
			messages.Client(),
			`{"model":"a/b","max_tokens":2000,"thinking":{"type":"adaptive"},"messages":[{"role":"user","content":"Hi"}]}`,
			func(answer jsontext.Value) string {
				var a struct{ Content jsontext.Value }
				read(t, answer, &a)
				return fmt.Sprintf(`{"model":"a/b","max_tokens":9,"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":%s},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_1_0","content":"1"},{"type":"tool_result","tool_use_id":"call_1_1","content":"2"}]}]}`, a.Content)
			},
		},
		{
			responses.Client(),
			`{"model":"a/b","input":"Hi","include":["reasoning.encrypted_content"]}`,
			func(answer jsontext.Value) string {
				var a struct{ Output []jsontext.Value }
				read(t, answer, &a)
				var items strings.Builder
				for _, o := range a.Output {
					items.Write(o)
					items.WriteByte(',')
				}
				return fmt.Sprintf(`{"model":"a/b","input":[{"type":"message","role":"user","content":"Hi"},%s{"type":"function_call_output","call_id":"call_1_0","output":"1"},{"type":"function_call_output","call_id":"call_1_1","output":"2"}]}`, items.String())
			},
		},
	} {
		t.Run(string(tt.client.Name()), func(t *testing.T) {
			t.Parallel()
			req, err := tt.client.Parse([]byte(tt.first), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			req.ID = "gen-1"
			u := gemini.Upstream(gemini.Quirks{})
			events, err := u.NewDecoder(req, dialect.Target{}).Whole(nil, []byte(signedAnswer))
			if err != nil {
				t.Fatal(err)
			}
			var out sink
			e := tt.client.NewEmitter(&out, req)
			e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
			if err := e.Emit(llm.Chunk{Events: events}); err != nil {
				t.Fatal(err)
			}
			if err := e.Finish(llm.Usage{}); err != nil {
				t.Fatal(err)
			}
			next := tt.next(out.Bytes())
			again, err := tt.client.Parse([]byte(next), http.Header{})
			if err != nil {
				t.Fatalf("%v: %s", err, next)
			}
			call, err := u.Encode(again, dialect.Target{Model: "gemini-3.1-pro-preview"})
			if err != nil {
				t.Fatal(err)
			}
			if body := string(call.Body); !strings.Contains(body, calls) || !strings.Contains(body, `{"text":"Both.","thoughtSignature":"dGV4dA=="}`) || strings.Contains(body, "skip_") {
				t.Errorf("sent %s\nfor %s", body, next)
			}
		})
	}
}

func read(t *testing.T, text jsontext.Value, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// TestLost: what a value loses is named, beyond the fields that the table drops.
func TestLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, model, want string }{
		{"a seed", `"seed":99999999999`, "gemini-2.5-flash", "seed: more than 32 bits"},
		{"a schema", `"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"type":"string","pattern":"x"}}}}}`, "gemini-2.5-flash", "response_format.json_schema: /properties/a: pattern"},
		{"parameters", `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","not":{"type":"null"},"properties":{"a":{"type":"array","uniqueItems":true}}}}}]`, "gemini-2.5-flash", "tools: f: /: not|tools: f: /properties/a: uniqueItems"},
		{"a grammar", `"tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"a"}}}}]`, "gemini-2.5-flash", "tools.custom: c: format"},
		{"how to speak", `"stream":true,"modalities":["text","audio"],"audio":{"voice":"Kore","format":"mp3"}`, "gemini-2.5-flash-preview-tts", "audio.format: mp3"},
		{"how to draw", `"modalities":["text","image"],"image_config":{"aspect_ratio":7,"quality":"high","image_size":null}`, "gemini-2.5-flash-image", "image_config.aspect_ratio|image_config.quality"},
		{"no thought", `"reasoning":{"effort":"none"}`, "gemini-3.1-pro-preview", "reasoning: cannot be turned off"},
		{"thought of what has none", `"reasoning":{"effort":"high"}`, "gemini-2.0-flash", "reasoning: how much"},
		{"strict tools of an open model", `"tools":[{"type":"function","function":{"name":"f","strict":true}}]`, "gemma-4-31b-it", "tools.strict: f"},
		{"nothing", `"temperature":1`, "gemini-2.5-flash", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := chat.Client().Parse([]byte(`{"model":"a/b","messages":[{"role":"user","content":"Hi"}],`+tt.body+`}`), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			call, err := gemini.Upstream(gemini.Quirks{}).Encode(req, dialect.Target{Model: tt.model})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(call.Lost, "|"); got != tt.want {
				t.Errorf("lost %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzEncode: whatever a caller sends, the body is JSON or the error is an llm.Error.
func FuzzEncode(f *testing.F) {
	for _, s := range requests(f) {
		f.Add(s, "gemini-3-pro-image-preview", true)
		f.Add(s, "gemini-2.5-flash", false)
	}
	f.Fuzz(func(t *testing.T, body, model string, stream bool) {
		req, err := chat.Client().Parse([]byte(body), http.Header{})
		if err != nil {
			return
		}
		for _, q := range []gemini.Quirks{{}, gemini.Vertex()} {
			call, err := gemini.Upstream(q).Encode(req, dialect.Target{Model: model, Stream: stream})
			if err != nil {
				if brief(err) == "not an llm.Error" {
					t.Fatal(err)
				}
				continue
			}
			if !jsontext.Value(call.Body).IsValid() || !strings.HasPrefix(call.Path, "/models/") {
				t.Fatalf("%s %s", call.Path, call.Body)
			}
		}
	})
}
