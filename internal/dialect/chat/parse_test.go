package chat_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

const hello = `"messages":[{"role":"user","content":"hi"}]`

func parse(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := chat.Client().Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return req
}

// Every refusal is the caller's to mend and says where (F61).
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	with := func(members string) string { return `{"model":"a/b",` + hello + `,` + members + `}` }
	user := func(content string) string {
		return `{"model":"a/b","messages":[{"role":"user","content":` + content + `}]}`
	}
	many := strings.Repeat(`"m",`, 3)
	for i := range 17 {
		many += fmt.Sprintf(`"m%d",`, i)
	}
	for _, c := range []struct{ body, want string }{
		{``, "body: not JSON"},
		{`[]`, "body: want an object"},
		{`nul`, "body: the JSON ends too early, at byte 3"},
		{`{"model":"a/b",` + hello, "body: the JSON ends too early"},
		{`{"model":"a/b",` + hello + `} {}`, "body: something follows the object"},
		{`{"model":"a/b",` + hello + `,"model":"c/d"}`, "model: duplicate member"},
		{`{"model":"a/b",` + hello + `,"mod\u0065l":"c/d"}`, "model: duplicate member"},
		{with(`"x":{"y":1,"y":2}`), "x/y: duplicate member"},
		{user(`"` + "\xff" + `"`), "messages/0/content: invalid UTF-8"},
		{user(`"\ud800"`), "messages/0/content: not JSON"},
		{with(`"x":` + strings.Repeat("[", 300) + strings.Repeat("]", 300)), "nested deeper than 256"},
		{with(`"x":01`), "not JSON at byte"},
		{`{` + hello + `}`, "model: want the model to ask"},
		{`{"model":7,` + hello + `}`, "model: want a string"},
		{`{"models":[` + strings.TrimSuffix(many, ",") + `],` + hello + `}`, "models: want at most 16 models"},
		{`{"models":"a/b",` + hello + `}`, "models: want an array"},
		{`{"model":"a/b"}`, "messages: want at least one message"},
		{`{"model":"a/b","messages":[]}`, "messages: want at least one message"},
		{`{"model":"a/b","messages":{}}`, "messages: want an array"},
		{`{"model":"a/b","prompt":"x",` + hello + `}`, "prompt: want either messages or prompt"},
		{`{"model":"a/b","messages":[{"content":"hi"}]}`, "messages/0: want a role"},
		{`{"model":"a/b","messages":[{"role":"bot","content":"hi"}]}`, "messages/0/role: want system,"},
		{`{"model":"a/b","messages":[{"role":5,"content":"hi"}]}`, "messages/0/role: want a string"},
		{`{"model":"a/b","messages":[{"role":"user"}]}`, "messages/0: want content"},
		{`{"model":"a/b","messages":[{"role":"tool","content":"x"}]}`, "messages/0: want a tool_call_id"},
		{`{"model":"a/b","messages":[{"role":"assistant","tool_calls":[{"id":"x"}]}]}`, "messages/0/tool_calls/0: want an id and a function"},
		{`{"model":"a/b","messages":[{"role":"assistant","reasoning_details":[{}]}]}`, "messages/0/reasoning_details/0: want a type"},
		{user(`7`), "messages/0/content: want a string or an array of parts"},
		{user(`[{"text":"x"}]`), "messages/0/content/0: want a type"},
		{user(`[{"type":"hologram"}]`), "messages/0/content/0/type: a part of this type is not supported"},
		{user(`[{"type":"image_url"}]`), "messages/0/content/0: want image_url"},
		{user(`[{"type":"image_url","image_url":{"url":"ftp://x/y"}}]`), "messages/0/content/0/image_url/url: want an http(s) URL or a data URI"},
		{user(`[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]`), "want an http(s) URL or a data URI"},
		{user(`[{"type":"image_url","image_url":{"url":"data:image/png,abc"}}]`), "want a data URI with a MIME type and base64 data"},
		{user(`[{"type":"image_url","image_url":{"url":"https://x/y","detail":"huge"}}]`), "detail: want one of auto"},
		{user(`[{"type":"input_audio","input_audio":{"data":"x"}}]`), "input_audio: want data and format"},
		{user(`[{"type":"file","file":{}}]`), "file: want file_data or file_id"},
		{user(`[{"type":"text","text":"x","cache_control":{"type":"eternal"}}]`), `cache_control/type: want "ephemeral"`},
		{user(`[{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":"2h"}}]`), "ttl: want one of 5m, 1h"},
		{with(`"temperature":"hot"`), "temperature: want a number"},
		{with(`"temperature":2.1`), "temperature: want a number from 0 to 2"},
		{with(`"temperature":1e400`), "temperature: want a number from 0 to 2"},
		{with(`"top_p":-0.1`), "top_p: want a number from 0 to 1"},
		{with(`"top_k":1.5`), "top_k: want a whole number"},
		{with(`"top_k":-1`), "top_k: want a whole number of at least 0"},
		{with(`"min_p":2`), "min_p: want a number from 0 to 1"},
		{with(`"top_a":2`), "top_a: want a number from 0 to 1"},
		{with(`"frequency_penalty":-3`), "frequency_penalty: want a number from -2 to 2"},
		{with(`"presence_penalty":3`), "presence_penalty: want a number from -2 to 2"},
		{with(`"repetition_penalty":3`), "repetition_penalty: want a number from 0 to 2"},
		{with(`"seed":"x"`), "seed: want a whole number"},
		{with(`"logit_bias":{"1":"x"}`), "logit_bias/1: want a number"},
		{with(`"logit_bias":[]`), "logit_bias: want an object"},
		{with(`"logprobs":1`), "logprobs: want true or false"},
		{with(`"top_logprobs":21`), "top_logprobs: want a whole number from 0 to 20"},
		{with(`"stop":5`), "stop: want a string or an array of strings"},
		{with(`"stop":["1","2","3","4","5"]`), "stop: want at most 4 sequences"},
		{with(`"max_tokens":0`), "max_tokens: want a whole number of at least 1"},
		{with(`"max_completion_tokens":1e30`), "max_completion_tokens: want a whole number"},
		{with(`"n":2`), "n: several choices are not supported"},
		{with(`"stream":"yes"`), "stream: want true or false"},
		{with(`"user":5`), "user: want a string"},
		{with(`"metadata":"x"`), "metadata: want an object"},
		{with(`"modalities":["text","audio"]`), "modalities: audio is only answered as a stream"},
		{with(`"modalities":["text","smell"]`), "modalities: want one of text, image, audio"},
		{with(`"audio":"alloy"`), "audio: want an object"},
		{with(`"image_config":[]`), "image_config: want an object"},
		{with(`"functions":[{"name":"f"}]`), "functions: is not supported: want tools"},
		{with(`"function_call":"auto"`), "function_call: is not supported: want tools"},
		{`{"model":"a/b","messages":[{"role":"assistant","function_call":{"name":"f","arguments":""}}]}`, "messages/0/function_call: is not supported: want tool_calls"},
		{`{"model":"a/b","messages":[{"role":"assistant","annotations":{}}]}`, "messages/0/annotations: want an array"},
		{`{"model":"a/b","messages":[{"role":"assistant","audio":"x"}]}`, "messages/0/audio: want an object"},
		{`{"model":"a/b","messages":[{"role":"assistant","tool_calls":[{"id":"x","type":"magic","custom":{"name":"f"}}]}]}`, `messages/0/tool_calls/0/type: want "function" or "custom"`},
		{with(`"tools":[{"type":"custom","custom":{}}]`), "tools/0: want a custom with a name"},
		{with(`"tools":[{"type":"custom","custom":{"name":"f","format":{"type":"grammar"}}}]`), "tools/0/custom/format: want a type, and for a grammar"},
		{with(`"tools":[{"type":"custom","custom":{"name":"f","format":{"type":"grammar","grammar":{"syntax":"bnf"}}}}]`), "grammar/syntax: want one of lark, regex"},
		{with(`"tool_choice":{"type":"allowed_tools"}`), "tool_choice: want allowed_tools with a mode and tools"},
		{with(`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"none"}}`), "tool_choice/allowed_tools/mode: want one of auto, required"},
		{with(`"tool_choice":{"type":"allowed_tools","allowed_tools":{"tools":[{"type":"function"}]}}`), "tool_choice/allowed_tools/tools/0: want a function with a name"},
		{with(`"session_id":"` + strings.Repeat("é", 257) + `"`), "session_id: longer than 256 characters"},
		{with(`"verbosity":"loud"`), "verbosity: want one of low"},
		{with(`"response_format":{"type":"grammar"}`), "response_format: want a grammar"},
		{with(`"response_format":{"type":"xml"}`), "response_format/type: want text, json_object, json_schema, grammar or python"},
		{with(`"response_format":{}`), "response_format: want a type"},
		{with(`"response_format":{"type":"json_schema"}`), "response_format: want a json_schema"},
		{with(`"tools":[{"type":"openrouter:web_search"}]`), "tools/0/type: server tools (openrouter:web_search) are not supported"},
		{with(`"tools":[{"type":"retrieval"}]`), "tools/0/type: server tools (retrieval) are not supported yet"},
		{with(`"tools":[{"function":{"name":"f"}}]`), "tools/0: want a type"},
		{with(`"tools":[{"type":"function","function":{}}]`), "tools/0: want a function with a name"},
		{with(`"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]`), "tools/0/function/parameters: want an object"},
		{with(`"tool_choice":"maybe"`), "tool_choice: want none, auto, required or a function"},
		{with(`"tool_choice":{"type":"openrouter:datetime"}`), "tool_choice/type: server tools"},
		{with(`"tool_choice":{"type":"function"}`), "tool_choice: want a function with a name"},
		{with(`"reasoning":{"effort":"huge"}`), "reasoning/effort: want one of"},
		{with(`"reasoning":{"effort":"low","max_tokens":5}`), "reasoning: effort and max_tokens exclude each other"},
		{with(`"reasoning":{"effort":"low"},"reasoning_effort":"high"`), "reasoning_effort: differs from reasoning/effort"},
		{with(`"reasoning":{"max_tokens":9},"reasoning_effort":"high"`), "reasoning_effort: effort and max_tokens exclude each other"},
		{with(`"route":"scenic"`), `route: want one of fallback, sort`},
		{with(`"provider":[]`), "provider: want an object"},
		{with(`"provider":{"order":"a"}`), "provider/order: want an array"},
		{with(`"provider":{"order":[1]}`), "provider/order/0: want a string"},
		{with(`"provider":{"allow_fallbacks":"no"}`), "provider/allow_fallbacks: want true or false"},
		{with(`"provider":{"data_collection":"maybe"}`), "provider/data_collection: want one of allow, deny"},
		{with(`"provider":{"sort":"mood"}`), "provider/sort: want one of price"},
		{with(`"provider":{"sort":{"by":"price","partition":"x"}}`), "provider/sort/partition: want one of model, none"},
		{with(`"provider":{"max_price":{"prompt":-1}}`), "provider/max_price/prompt: want a price in dollars"},
		{with(`"provider":{"max_price":{"prompt":"cheap"}}`), "provider/max_price/prompt: want a price in dollars"},
		{with(`"provider":{"max_price":{"image":1e300}}`), "provider/max_price/image: want a price in dollars"},
	} {
		_, err := chat.Client().Parse([]byte(c.body), http.Header{})
		e, ok := errors.AsType[*llm.Error](err)
		if !ok {
			t.Errorf("%.200s: accepted", c.body)
			continue
		}
		if !strings.Contains(e.Message, c.want) || e.Type != llm.TypeInvalidRequest || e.Fault != llm.FaultCaller {
			t.Errorf("%.200s:\n got %s (%s, fault %d)\nwant %s", c.body, e.Message, e.Type, e.Fault, c.want)
		}
	}
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	body := `{"model":"a/b:floor","models":["c/d","a/b:floor","e/f"],"route":"sort",
	"messages":[{"role":"system","content":"s"},{"role":"user","name":"anna","content":[
		{"type":"text","text":"t\u00e9","cache_control":{"type":"ephemeral","ttl":"1h"}},
		{"type":"image_url","image_url":{"url":"data:image/png;charset=x;base64,a-_b","detail":"low"}},
		{"type":"image_url","image_url":"HTTPS://x/y"},
		{"type":"input_audio","input_audio":{"data":"QQ==","format":"mp3"}},
		{"type":"input_video","video_url":{"url":"https://x/v"}},
		{"type":"file","file":{"file_id":"f1","filename":"a.pdf"}}]},
	{"role":"tool","tool_call_id":"c1","content":"r"}],
	"stream":true,"user":"u","session_id":"s","temperature":0,"top_p":1,"top_k":5,"min_p":0.1,"top_a":0.2,
	"frequency_penalty":-2,"presence_penalty":2,"repetition_penalty":1.1,"seed":-3,"logit_bias": {"1":-100},
	"logprobs":true,"top_logprobs":20,"stop":"end","max_tokens":10,"max_completion_tokens":2e1,"verbosity":"low",
	"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"},"description":"d"}},
	"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false},"cache_control":{"type":"ephemeral"}}],
	"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
	"reasoning":{"max_tokens":100,"exclude":true,"enabled":true,"summary":"auto"},"cache_control":{"type":"ephemeral"},
	"provider":{"order":["p"],"only":["q"],"ignore":["r"],"allow_fallbacks":false,"require_parameters":true,"data_collection":"deny",
		"zdr":true,"quantizations":["fp8"],"sort":{"by":"price"},"max_price":{"prompt":"0.5","completion":1.25,"request":0.01,"image":"1e-3"},"preferred_min_throughput":5},
	"n":1,"metadata":{"k":"v"},"stream_options":{"include_usage":true},"usage":{"include":true},"plugins":[],"mystery":[1, 2],"prediction":{"type":"content"}}`
	req := parse(t, body)
	want := &llm.Request{
		Dialect: llm.Chat, Models: []string{"a/b:floor", "c/d", "e/f"}, Stream: true, User: "u", SessionID: "s",
		Routing: llm.Routing{
			Order: []string{"p"}, Only: []string{"q"}, Ignore: []string{"r"}, NoFallbacks: true, RequireParameters: true,
			DenyCollection: true, ZDR: true, Quantizations: []string{"fp8"}, Sort: llm.SortPrice, Partition: llm.PartitionNone, MinThroughput: llm.Cutoffs{P50: 5},
			MaxPrice: llm.MaxPrice{Prompt: new(money.Pico(500_000)), Completion: new(money.Pico(1_250_000)), Request: new(money.Pico(1e10)), Image: new(money.Pico(1e9))},
		},
		Needs: llm.Needs{
			Parameters: []string{
				"frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "min_p", "parallel_tool_calls",
				"prediction", "presence_penalty", "reasoning", "repetition_penalty", "response_format", "seed", "stop", "structured_outputs",
				"temperature", "tool_choice", "tools", "top_a", "top_k", "top_logprobs", "top_p", "verbosity",
			},
			Modalities: []string{"audio", "file", "image", "video"}, MaxTokens: 20, Images: 2,
		},
		Input: &llm.ChatInput{
			Messages: []llm.Message{
				{Role: llm.RoleSystem, Parts: []llm.Part{{Text: "s"}}},
				{Role: llm.RoleUser, Name: "anna", Parts: []llm.Part{
					{Text: "té", Cache: &llm.CacheMark{TTL: "1h"}},
					{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "a+/b", Detail: "low"}},
					{Kind: llm.PartImage, Media: &llm.Media{URL: "HTTPS://x/y"}},
					{Kind: llm.PartAudio, Media: &llm.Media{Data: "QQ==", Format: "mp3", MIME: "audio/mpeg"}},
					{Kind: llm.PartVideo, Media: &llm.Media{URL: "https://x/v"}},
					{Kind: llm.PartFile, Media: &llm.Media{FileID: "f1", Name: "a.pdf"}},
				}},
				{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c1", Parts: []llm.Part{{Text: "r"}}}}}},
			},
			Tools:     []llm.Tool{{Name: "f", Description: "d", Parameters: []byte(`{"type":"object"}`), Strict: new(false), Cache: &llm.CacheMark{}}},
			Choice:    &llm.ToolChoice{Mode: llm.ToolNamed, Name: "f"},
			Parallel:  new(false),
			MaxTokens: new(int64(20)), Temperature: new(0.0), TopP: new(1.0), TopK: new(int64(5)), MinP: new(0.1), TopA: new(0.2),
			FrequencyPenalty: new(-2.0), PresencePenalty: new(2.0), RepetitionPenalty: new(1.1), Seed: new(int64(-3)),
			LogitBias: []byte(`{"1":-100}`), Logprobs: new(true), TopLogprobs: new(int64(20)), Stop: []string{"end"},
			Format:    &llm.Format{Type: llm.FormatJSONSchema, Name: "n", Description: "d", Schema: []byte(`{"type":"object"}`), Strict: new(true)},
			Reasoning: &llm.Reasoning{MaxTokens: new(int64(100)), Exclude: true, Enabled: new(true), Summary: "auto"},
			Verbosity: "low", Cache: &llm.CacheMark{},
			Extra: []llm.Extra{{Name: "mystery", Value: []byte(`[1, 2]`)}, {Name: "prediction", Value: []byte(`{"type":"content"}`)}},
		},
		Source: &llm.Source{Dialect: llm.Chat, Body: []byte(body)},
	}
	want.Needs.PromptTokens = want.Input.EstimatePrompt()
	if diff := cmp.Diff(want, req); diff != "" {
		t.Error(diff)
	}
}

// An assistant's turn comes back in the order it was made in, byte for byte (RE-07).
func TestParseAssistantTurn(t *testing.T) {
	t.Parallel()
	text := func(s string) llm.Part { return llm.Part{Text: s} }
	thought := func(t llm.Thought) llm.Part { return llm.Part{Kind: llm.PartReasoning, Thought: &t} }
	call := llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c1", Name: "f", Arguments: "{ \"a\":1}"}}
	const calls = `"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{ \"a\":1}"}}]`
	for _, c := range []struct {
		name, message string
		want          []llm.Part
	}{
		{"text", `"content":"x"`, []llm.Part{text("x")}},
		{"nothing", `"content":null`, nil},
		{"refusal", `"content":null,"refusal":"no"`, []llm.Part{{Kind: llm.PartRefusal, Text: "no"}}},
		{"reasoning", `"content":"x","reasoning":"hm"`, []llm.Part{thought(llm.Thought{Type: llm.ThoughtText, Text: "hm", Format: "unknown"}), text("x")}},
		{"reasoning_content is the same", `"reasoning_content":"hm","reasoning":null,"content":"x"`, []llm.Part{thought(llm.Thought{Type: llm.ThoughtText, Text: "hm", Format: "unknown"}), text("x")}},
		{
			"details win and keep their bytes",
			calls + `,"content":"x","reasoning":"hm","reasoning_details":[
				{"type":"reasoning.text","text":"h\u00e9","signature":"c2+/==\n","format":"anthropic-claude-v1","index":0},
				{"type":"reasoning.summary","summary":"sum","id":"rs_1","format":"openai-responses-v1"},
				{"type":"reasoning.encrypted","data":"ZQ+/=","id":"c1","format":"google-gemini-v1"},
				{"type":"reasoning.server_tool_call","tool_name":"t","arguments":"{}","result":"r"}]`,
			[]llm.Part{
				thought(llm.Thought{Type: llm.ThoughtText, Text: "hé", Signature: "c2+/==\n", Format: llm.FormatAnthropic}),
				thought(llm.Thought{Type: llm.ThoughtSummary, Text: "sum", ID: "rs_1", Format: llm.FormatOpenAI}),
				thought(llm.Thought{Type: llm.ThoughtEncrypted, Data: "ZQ+/=", ID: "c1", Format: llm.FormatGemini}),
				text("x"), call,
			},
		},
		{"image of an earlier answer", `"content":"x","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}}]`, []llm.Part{text("x"), {Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "QQ=="}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := parse(t, `{"model":"m","messages":[{"role":"assistant",`+c.message+`}]}`)
			if diff := cmp.Diff(c.want, req.Input.Messages[0].Parts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseReasoning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		want *llm.Reasoning
		sent []string
	}{
		{`"x":1`, nil, nil},
		{`"reasoning":null,"reasoning_effort":null,"include_reasoning":null`, nil, nil},
		{`"reasoning":{}`, &llm.Reasoning{}, []string{"reasoning"}},
		{`"reasoning_effort":"high"`, &llm.Reasoning{Effort: "high"}, []string{"reasoning"}},
		{`"reasoning":{"effort":"high"},"reasoning_effort":"high"`, &llm.Reasoning{Effort: "high"}, []string{"reasoning"}}, // CR-06
		{`"include_reasoning":true`, &llm.Reasoning{}, []string{"include_reasoning"}},                                      // RE-06
		{`"include_reasoning":false`, &llm.Reasoning{Exclude: true}, []string{"include_reasoning"}},
	} {
		req := parse(t, `{"model":"m",`+hello+`,`+c.body+`}`)
		if diff := cmp.Diff(c.want, req.Input.Reasoning); diff != "" {
			t.Errorf("%s: %s", c.body, diff)
		}
		if diff := cmp.Diff(c.sent, req.Needs.Parameters); diff != "" {
			t.Errorf("%s: %s", c.body, diff)
		}
	}
}

// Prices a million become prices a token without a float between.
func TestParseMaxPrice(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]money.Pico{
		`1`: 1_000_000, `"1"`: 1_000_000, `0`: 0, `0.1`: 100_000, `"0.000001"`: 1, `0.0000001`: 0, `1e-6`: 1, `"2.5E+1"`: 25_000_000,
		`0.30000000000000004`: 300_000, `123456789.123456`: 123_456_789_123_456, `1e-900`: 0, `0e9`: 0,
	} {
		req := parse(t, `{"model":"m",`+hello+`,"provider":{"max_price":{"prompt":`+in+`}}}`)
		if got := req.Routing.MaxPrice.Prompt; got == nil || *got != want {
			t.Errorf("%s: %v, want %d", in, got, want)
		}
	}
}

func TestParsePrompt(t *testing.T) {
	t.Parallel()
	req := parse(t, `{"model":"m","prompt":"hi","mystery":1}`)
	want := []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "hi"}}}}
	if diff := cmp.Diff(want, req.Input.Messages); diff != "" || req.Source != nil {
		t.Errorf("%s source %v", diff, req.Source)
	}
}

func TestParseHeaders(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("X-Session-Id", "from-header")
	h.Set("X-Anthropic-Beta", "beta-1")
	h.Set("X-Turnpike-Sim", "cut@4")
	h.Set("Authorization", "Bearer sk-test-not-a-key")
	req, err := chat.Client().Parse([]byte(`{"model":"m",`+hello+`}`), h)
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"X-Anthropic-Beta": {"beta-1"}, "X-Turnpike-Sim": {"cut@4"}}
	if diff := cmp.Diff(want, req.Forward); diff != "" || req.SessionID != "from-header" {
		t.Errorf("%s session %q", diff, req.SessionID)
	}
	h.Set("X-Session-Id", strings.Repeat("x", 257))
	if _, err := chat.Client().Parse([]byte(`{"model":"m",`+hello+`}`), h); err == nil {
		t.Error("a session id of 257 characters in the header is accepted")
	}
}

// A pooled parser must not carry anything over.
func TestParseForgets(t *testing.T) {
	t.Parallel()
	c := chat.Client()
	bare := `{"model":"m",` + hello + `}`
	want, err := c.Parse([]byte(bare), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{"model":"z","models":["y"],"prompt":"p","route":"sort","max_tokens":5,"max_completion_tokens":6,"reasoning_effort":"low","include_reasoning":false,"temperature":1}`,
		`{"model":"z","temperature":1,"messages":[{`,
	} {
		_, _ = c.Parse([]byte(body), http.Header{})
		got, err := c.Parse([]byte(bare), http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}
