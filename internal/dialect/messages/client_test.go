package messages_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	head  = `{"model":"a/b","max_tokens":9,`
	hello = `"messages":[{"role":"user","content":"hi"}]`
)

func parse(t testing.TB, body string) *llm.Request {
	t.Helper()
	req, err := messages.Client().Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return req
}

func text(s string) llm.Part { return llm.Part{Text: s} }

func said(role llm.Role, parts ...llm.Part) llm.Message {
	return llm.Message{Role: role, Parts: parts}
}

// What the members mean. Each case is the whole input but for what all have.
func TestParse(t *testing.T) {
	t.Parallel()
	hi := said(llm.RoleUser, text("hi"))
	mark := func(ttl string) *llm.CacheMark { return &llm.CacheMark{TTL: ttl} }
	function := llm.Tool{Name: "f", Parameters: jsontext.Value(`{"type":"object"}`)}
	sealed := llm.Thought{Type: llm.ThoughtSummary, ID: "rs_1", Format: llm.FormatOpenAI}
	hidden := llm.Thought{Type: llm.ThoughtText, Data: "all of it", Format: llm.FormatUnknown}
	opaque := llm.Thought{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "call_1", Format: llm.FormatGemini}
	for name, c := range map[string]struct {
		body string
		want llm.ChatInput
	}{
		"the least": {`{` + hello, llm.ChatInput{}},
		"numbers": {`{"temperature":0.5,"top_p":1,"top_k":40,"stop_sequences":["x"],` + hello, llm.ChatInput{
			Temperature: new(0.5), TopP: new(1.0), TopK: new(int64(40)), Stop: []string{"x"},
		}},
		"nulls": {`{"temperature":null,"system":null,"tools":null,"tool_choice":null,"thinking":null,"output_config":null,"output_format":null,"metadata":null,"fallbacks":null,"container":null,"mcp_servers":[],"speed":null,"service_tier":null,"cache_control":null,"stop_sequences":null,` + hello, llm.ChatInput{}},
		"system, after the messages": {`{` + hello + `,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]`, llm.ChatInput{
			Messages: []llm.Message{said(llm.RoleSystem, llm.Part{Text: "s", Cache: mark("1h")}), hi},
		}},
		"system within": {`{"messages":[{"role":"user","content":"hi"},{"role":"system","content":[{"type":"text","text":"s"}]}]`, llm.ChatInput{
			Messages: []llm.Message{hi, said(llm.RoleSystem, text("s"))},
		}},
		"cache": {`{"cache_control":{"type":"ephemeral"},` + hello, llm.ChatInput{Cache: mark("")}},
		"a budget": {`{"thinking":{"type":"enabled","budget_tokens":2000,"display":"omitted"},"output_config":{"effort":"high"},` + hello, llm.ChatInput{
			Reasoning: &llm.Reasoning{MaxTokens: new(int64(2000)), Exclude: true}, Verbosity: "high",
		}},
		"adaptive": {`{"output_config":{"effort":"max"},"thinking":{"type":"adaptive","display":"summarized"},` + hello, llm.ChatInput{
			Reasoning: &llm.Reasoning{Enabled: new(true), Effort: "max"},
		}},
		"disabled":     {`{"thinking":{"type":"disabled"},` + hello, llm.ChatInput{Reasoning: &llm.Reasoning{Enabled: new(false)}}},
		"effort alone": {`{"output_config":{"effort":"low"},` + hello, llm.ChatInput{Verbosity: "low"}},
		"format": {`{"output_config":{"format":{"type":"json_schema","schema":{"a":1}}},` + hello, llm.ChatInput{
			Format: &llm.Format{Type: llm.FormatJSONSchema, Schema: jsontext.Value(`{"a":1}`)},
		}},
		"the older format": {`{"output_format":{"schema":{"a":1},"type":"json_schema"},` + hello, llm.ChatInput{
			Format: &llm.Format{Type: llm.FormatJSONSchema, Schema: jsontext.Value(`{"a":1}`)},
		}},
		"tools": {`{"tools":[{"name":"f","input_schema":{"type":"object"},"type":"custom","description":"d","strict":true,"eager_input_streaming":true,"cache_control":{"type":"ephemeral"}},{"name":"g","input_schema":{}}],"tool_choice":{"type":"tool","name":"g"},` + hello, llm.ChatInput{
			Tools: []llm.Tool{
				{Name: "f", Description: "d", Parameters: function.Parameters, Strict: new(true), Cache: mark("")},
				{Name: "g", Parameters: jsontext.Value(`{}`)},
			},
			Choice: &llm.ToolChoice{Mode: llm.ToolNamed, Name: "g"},
		}},
		"one call at a time": {`{"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"any","disable_parallel_tool_use":true},` + hello, llm.ChatInput{
			Tools: []llm.Tool{function}, Choice: &llm.ToolChoice{Mode: llm.ToolRequired}, Parallel: new(false),
		}},
		"no call": {`{"tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"none"},` + hello, llm.ChatInput{
			Tools: []llm.Tool{function}, Choice: &llm.ToolChoice{Mode: llm.ToolNone},
		}},
		"a tool that waits": {`{"tools":[{"name":"g","input_schema":{},"defer_loading":true},{"name":"f","input_schema":{"type":"object"}}],` + hello, llm.ChatInput{Tools: []llm.Tool{function}}},
		"a tool that was found": {`{"tools":[{"name":"f","input_schema":{"type":"object"},"defer_loading":true}],"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":[{"type":"tool_reference","tool_name":"f"}]}]}]`, llm.ChatInput{
			Tools:    []llm.Tool{function},
			Messages: []llm.Message{said(llm.RoleTool, llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "1", Parts: []llm.Part{text("The tool f can be called now.")}}})},
		}},
		"tools that come and go": {`{"tools":[{"name":"f","input_schema":{"type":"object"},"defer_loading":true},{"name":"g","input_schema":{}}],"messages":[{"role":"user","content":"hi"},{"role":"system","content":[{"type":"tool_addition","tool":{"type":"tool_reference","name":"f"}},{"type":"tool_removal","tool":{"type":"tool_reference","name":"g"}}]}]`, llm.ChatInput{
			Tools: []llm.Tool{function},
		}},
		"a turn of the model": {`{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"d"},{"type":"text","text":"a","citations":[{"type":"char_location"}]},{"type":"tool_use","id":"1","name":"f","input":{"x": 1},"cache_control":{"type":"ephemeral"}},{"type":"tool_use","id":"2","name":"g"}]}]`, llm.ChatInput{
			Messages: []llm.Message{said(llm.RoleAssistant,
				llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Text: "t", Signature: "s", Format: llm.FormatAnthropic}},
				llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtEncrypted, Data: "d", Format: llm.FormatAnthropic}},
				text("a"),
				llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "1", Name: "f", Arguments: `{"x": 1}`}, Cache: mark("")},
				llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "2", Name: "g", Arguments: `{}`}},
			)},
		}},
		"others' thoughts": {`{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"sum","signature":"` + llm.Seal(sealed) + `"},{"type":"thinking","thinking":"","signature":"` + llm.Seal(hidden) + `"},{"type":"redacted_thinking","data":"` + llm.Seal(opaque) + `"},{"type":"thinking","thinking":"plain","signature":""}]}]`, llm.ChatInput{
			Messages: []llm.Message{said(llm.RoleAssistant,
				llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtSummary, Text: "sum", ID: "rs_1", Format: llm.FormatOpenAI}},
				llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Text: "all of it", Format: llm.FormatUnknown}},
				llm.Part{Kind: llm.PartReasoning, Thought: &opaque},
				llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Text: "plain", Format: llm.FormatUnknown}},
			)},
		}},
		"results": {`{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","is_error":true,"content":"x","cache_control":{"type":"ephemeral"}},{"type":"text","text":"y"},{"content":[{"type":"text","text":"z"},{"type":"image","source":{"type":"url","url":"https://example.org/i"}}],"tool_use_id":"2","type":"tool_result"}]}]`, llm.ChatInput{
			Messages: []llm.Message{
				said(llm.RoleTool, llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "1", Error: true, Parts: []llm.Part{text("x")}}, Cache: mark("")}),
				said(llm.RoleUser, text("y")),
				said(llm.RoleTool, llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "2", Parts: []llm.Part{text("z"), {Kind: llm.PartImage, Media: &llm.Media{URL: "https://example.org/i"}}}}}),
			},
		}},
		"media": {`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"_-8="}},{"type":"image","source":{"type":"file","file_id":"file_1"}},{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"},"title":"T","context":"C","citations":{"enabled":true}}]}]`, llm.ChatInput{
			Messages: []llm.Message{said(llm.RoleUser,
				llm.Part{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "/+8="}},
				llm.Part{Kind: llm.PartImage, Media: &llm.Media{FileID: "file_1"}},
				llm.Part{Kind: llm.PartFile, Media: &llm.Media{MIME: "text/plain", Data: "eA==", Title: "T", Context: "C", Cite: true}},
			)},
		}},
		"members that nobody knows": {`{"mystery":[1],"context_management":{},` + hello, llm.ChatInput{
			Extra: []llm.Extra{{Name: "mystery", Value: jsontext.Value(`[1]`)}, {Name: "context_management", Value: jsontext.Value(`{}`)}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := parse(t, head+c.body[1:]+`}`)
			if c.want.Messages == nil {
				c.want.Messages = []llm.Message{hi}
			}
			c.want.MaxTokens = new(int64(9))
			if diff := cmp.Diff(&c.want, got.Input, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRequest(t *testing.T) {
	t.Parallel()
	body := head + `"stream":true,"models":["c/d"],"session_id":"s","provider":{"only":["p"]},"user":"u","metadata":{"user_id":"m"},"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},
		"tools":[{"name":"f","input_schema":{}}],"temperature":1,` + hello + `}`
	req, err := messages.Client().Parse([]byte(body), http.Header{"Anthropic-Beta": {"x,y"}, "X-Anthropic-Beta": {"z"}})
	if err != nil {
		t.Fatal(err)
	}
	want := &llm.Request{
		Dialect: llm.Messages, Models: []string{"a/b", "c/d"}, Stream: true, SessionID: "s", User: "u", Routing: llm.Routing{Only: []string{"p"}},
		Needs:   llm.Needs{Parameters: []string{"max_tokens", "reasoning", "temperature", "tools"}, MaxTokens: 9, PromptTokens: req.Input.EstimatePrompt()},
		Forward: http.Header{"X-Anthropic-Beta": {"z", "x,y"}},
		Source:  &llm.Source{Dialect: llm.Messages, Body: []byte(body)},
		Input:   req.Input,
	}
	if diff := cmp.Diff(want, req, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if got := parse(t, head+`"metadata":{"user_id":"m"},`+hello+`}`); got.User != "m" {
		t.Errorf("the end user is %q", got.User)
	}
	if got := parse(t, head+`"fallbacks":[{"model":"c/d"},{"model":"e/f"}],`+hello+`}`); !slices.Equal(got.Models, []string{"a/b", "c/d", "e/f"}) {
		t.Errorf("the models are %q", got.Models)
	}
}

// What is refused, and the place that is named.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	user := func(block string) string { return head + `"messages":[{"role":"user","content":[` + block + `]}]}` }
	model := func(block string) string {
		return head + `"messages":[{"role":"assistant","content":[` + block + `]}]}`
	}
	tool := func(t string) string { return head + `"tools":[` + t + `],` + hello + `}` }
	for _, c := range []struct{ body, want string }{
		{`[]`, "body: want an object"},
		{`{"max_tokens":1,` + hello + `}`, "model: want the model"},
		{`{"model":"m",` + hello + `}`, "max_tokens: want"},
		{head + `"messages":[]}`, "messages: want at least one"},
		{`{"model":"m","max_tokens":1}`, "messages: want at least one"},
		{head + `"messages":[{"content":"x"}]}`, "messages/0: want a role and content"},
		{head + `"messages":[{"role":"user"}]}`, "messages/0: want a role and content"},
		{head + `"messages":[{"role":"tool","content":"x"}]}`, "messages/0/role: want one of"},
		{head + `"messages":[{"role":"user","content":1}]}`, "messages/0/content: want a string"},
		{user(`{"text":"x"}`), "messages/0/content/0: want a type"},
		{user(`{"type":"thinking","thinking":"x"}`), "messages/0/content/0: a block of type thinking is not supported in a message of the user"},
		{user(`{"type":"container_upload","file_id":"f"}`), "type container_upload is not supported"},
		{user(`{"type":"tool_result","content":"x"}`), "messages/0/content/0: want a tool_use_id"},
		{user(`{"type":"image"}`), "messages/0/content/0: want a source"},
		{user(`{"type":"image","source":{"type":"base64","data":"x"}}`), "want a source with media_type and data"},
		{user(`{"type":"image","source":{"type":"url"}}`), "want a source with a url"},
		{user(`{"type":"image","source":{"type":"url","url":"ftp://x"}}`), "messages/0/content/0/source/url: want an http(s) URL"},
		{user(`{"type":"image","source":{"type":"file"}}`), "want a source with a file_id"},
		{user(`{"type":"image","source":{"type":"tape"}}`), "a source of type tape is not supported"},
		{user(`{"type":"document","source":{"type":"content","content":[{"type":"audio"}]}}`), "type audio is not supported"},
		{user(`{"type":"text","text":"x","cache_control":{"type":"forever"}}`), "cache_control/type"},
		{model(`{"type":"image","source":{"type":"url","url":"https://example.org"}}`), "type image is not supported in a message of the assistant"},
		{model(`{"type":"tool_use","name":"f"}`), "want an id and a name"},
		{head + `"messages":[{"role":"system","content":[{"type":"image"}]}]}`, "type image is not supported in a message of the system"},
		{head + `"system":[{"type":"image"}],` + hello + `}`, "system/0: want a text block"},
		{tool(`{"name":"f"}`), "tools/0: want an input_schema"},
		{tool(`{"input_schema":{}}`), "tools/0: want a name"},
		{tool(`{"name":"f","input_schema":[]}`), "tools/0/input_schema: want an object"},
		{tool(`{"type":"web_search_20250305","name":"web_search"}`), "tools/0/type: server tools (web_search_20250305) are not supported yet"},
		{tool(`{"type":"openrouter:bash"}`), "server tools (openrouter:bash) are not supported yet"},
		{tool(`{"type":"computer_toolset_20260801"}`), "are not supported yet"},
		{head + `"tool_choice":{"type":"tool"},` + hello + `}`, "tool_choice: want a name"},
		{head + `"tool_choice":{"type":"maybe"},` + hello + `}`, "tool_choice: want a type"},
		{head + `"thinking":{},` + hello + `}`, "thinking: want a type"},
		{head + `"thinking":{"type":"enabled"},` + hello + `}`, "thinking: want budget_tokens"},
		{head + `"thinking":{"type":"adaptive","display":"all"},` + hello + `}`, "thinking/display: want one of"},
		{head + `"output_config":{"effort":"minimal"},` + hello + `}`, "output_config/effort: want one of"},
		{head + `"output_format":{"type":"json_schema"},` + hello + `}`, "output_format: want a type and a schema"},
		{head + `"output_format":{"type":"xml","schema":{}},` + hello + `}`, "output_format/type: want json_schema"},
		{head + `"container":"c",` + hello + `}`, "container: containers and MCP servers are not supported"},
		{head + `"mcp_servers":[{}],` + hello + `}`, "mcp_servers: containers and MCP servers are not supported"},
		{head + `"fallbacks":[{"model":"a"},{"model":"b"},{"model":"c"},{"model":"d"}],` + hello + `}`, "fallbacks: want at most 3"},
		{head + `"fallbacks":[{"model":"a","max_tokens":1}],` + hello + `}`, "fallbacks/0/max_tokens: a fallback may name a model and nothing else"},
		{head + `"fallbacks":[{}],` + hello + `}`, "fallbacks/0: want a model"},
		{head + `"fallbacks":"default",` + hello + `}`, "fallbacks: want an array"},
		{head + `"fallbacks":[{"model":"a"}],"models":["b"],` + hello + `}`, "fallbacks: cannot be used together with models"},
		{head + `"speed":"slow",` + hello + `}`, "speed: want one of"},
		{head + `"max_tokens":1,` + hello + `}`, "max_tokens: duplicate member"},
		{head + hello, "the JSON ends too early"},
	} {
		_, err := messages.Client().Parse([]byte(c.body), http.Header{})
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Type != llm.TypeInvalidRequest || e.Fault != llm.FaultCaller || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: got %v, want %s", c.body, err, c.want)
		}
	}
}

// A native tool in common words: whatever its version, a schema that its own runner
// would know.
func TestNativeTools(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		definition string
		has, not   []string
	}{
		{`{"type":"bash_20250124","name":"bash"}`, []string{`"command"`, `"restart"`}, nil},
		{`{"type":"text_editor_20241022","name":"str_replace_editor"}`, []string{`"undo_edit"`, `"insert_line"`}, []string{`"insert_text"`}},
		{`{"type":"text_editor_20250728","name":"str_replace_based_edit_tool"}`, []string{`"insert_text"`, `"view_range"`}, []string{`"undo_edit"`}},
		{`{"type":"computer_20241022","name":"computer","display_width_px":800,"display_height_px":600}`, []string{`"screenshot"`, "800 x 600"}, []string{`"zoom"`, `"scroll"`}},
		{`{"type":"computer_20250124","name":"computer"}`, []string{`"scroll_direction"`}, []string{`"zoom"`, " x "}},
		{`{"type":"computer_20251124","name":"computer","display_width_px":-1}`, []string{`"zoom"`, `"region"`}, nil},
		{`{"type":"memory_20250818","name":"memory"}`, []string{`"rename"`, `"old_path"`}, nil},
	} {
		tool := parse(t, head+`"tools":[ `+c.definition+` ],`+hello+`}`).Input.Tools[0]
		if tool.Kind != llm.ToolNative || string(tool.Native) != c.definition || !tool.Parameters.IsValid() || tool.Parameters.Kind() != '{' {
			t.Errorf("%s became %+v", c.definition, tool)
		}
		all := tool.Description + string(tool.Parameters)
		for _, s := range c.has {
			if !strings.Contains(all, s) {
				t.Errorf("%s: no %s in %s", c.definition, s, all)
			}
		}
		for _, s := range c.not {
			if strings.Contains(all, s) {
				t.Errorf("%s: %s in %s", c.definition, s, all)
			}
		}
	}
}

func TestCountTokens(t *testing.T) {
	t.Parallel()
	short, models, err := messages.CountTokens([]byte(`{"model":"a/b",`+hello+`}`), http.Header{})
	if err != nil || string(short) != `{"input_tokens":5}` || len(models) != 1 || models[0] != "a/b" {
		t.Errorf("%s of %q, %v", short, models, err)
	}
	if _, _, err := messages.CountTokens([]byte(`{"model":"a/b","messages":[]}`), http.Header{}); err == nil {
		t.Error("nothing to count was counted")
	}
}

// AM-02, ER-13, and the statuses of Anthropic's own clients.
func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r      dialect.Refusal
		status int
		want   string
	}{
		{dialect.Refusal{Error: llm.Bad("no")}, 400, `{"type":"error","error":{"type":"invalid_request_error","message":"no","error_type":"invalid_request"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeAuthentication, Message: "who?"}}, 401, `{"type":"error","error":{"type":"authentication_error","message":"who?","error_type":"authentication"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypePaymentRequired, Message: "pay"}, ID: "gen-1"}, 402, `{"type":"error","error":{"type":"billing_error","message":"pay","error_type":"payment_required"},"request_id":"gen-1"}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypePermissionDenied, Message: "no"}}, 403, `{"type":"error","error":{"type":"permission_error","message":"no","error_type":"permission_denied"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeNotFound, Message: "no"}}, 404, `{"type":"error","error":{"type":"not_found_error","message":"no","error_type":"not_found"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeContextLength, Message: "long"}}, 400, `{"type":"error","error":{"type":"invalid_request_error","message":"long","error_type":"context_length_exceeded"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypePayloadTooLarge, Message: "big"}}, 413, `{"type":"error","error":{"type":"invalid_request_error","message":"big","error_type":"payload_too_large"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeRateLimit, Message: "slow"}, ID: "gen-1"}, 429, `{"type":"error","error":{"type":"rate_limit_error","message":"slow","error_type":"rate_limit_exceeded"},"request_id":"gen-1"}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeServer, Message: "db.internal is down", ProviderCode: "x"}}, 500, `{"type":"error","error":{"type":"api_error","message":"Internal server error","error_type":"server"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeUnavailable, Message: "bad", ProviderName: "P", ProviderCode: "502", Previous: []llm.Attempt{{Provider: "Q", Code: llm.TypeTimeout, Status: 504}}}, ID: "gen-1"}, 502, `{"type":"error","error":{"type":"api_error","message":"bad","error_type":"provider_unavailable"},"request_id":"gen-1","metadata":{"provider_name":"P","provider_code":"502","previous_errors":[{"provider":"Q","code":"timeout","status":504}]}}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeOverloaded, Message: "busy"}}, 529, `{"type":"error","error":{"type":"overloaded_error","message":"busy","error_type":"provider_overloaded"},"request_id":null}`},
		{dialect.Refusal{Error: &llm.Error{Type: llm.TypeTimeout, Message: "late"}}, 504, `{"type":"error","error":{"type":"timeout_error","message":"late","error_type":"timeout"},"request_id":null}`},
		{dialect.Refusal{Error: llm.Bad("a\xff")}, 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"a\uFFFD\",\"error_type\":\"invalid_request\"},\"request_id\":null}"},
	} {
		status, body := messages.Client().Refuse(c.r)
		if diff := cmp.Diff(c.want, string(body)); diff != "" || status != c.status {
			t.Errorf("%s: %d %s", c.r.Error.Type, status, diff)
		}
	}
}
