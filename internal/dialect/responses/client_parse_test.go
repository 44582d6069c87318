package responses_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func words(s string) []llm.Part { return []llm.Part{{Text: s}} }

func user(s string) llm.Message { return llm.Message{Role: llm.RoleUser, Parts: words(s)} }

func assistant(parts ...llm.Part) llm.Message {
	return llm.Message{Role: llm.RoleAssistant, Parts: parts}
}

func called(c llm.ToolCall) llm.Part { return llm.Part{Kind: llm.PartCall, Call: &c} }

func answered(id string, parts ...llm.Part) llm.Message {
	return llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: id, Parts: parts}}}}
}

func media(kind llm.PartKind, m llm.Media) llm.Part { return llm.Part{Kind: kind, Media: &m} }

func idea(t llm.Thought) llm.Part { return llm.Part{Kind: llm.PartReasoning, Thought: &t} }

func TestParseInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, input string
		want        []llm.Message
	}{
		{"text", `"hi"`, []llm.Message{user("hi")}},
		{"easy messages", `[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]`, []llm.Message{
			{Role: llm.RoleSystem, Parts: words("s")}, {Role: llm.RoleDeveloper, Parts: words("d")}, user("u"), assistant(llm.Part{Text: "a"}),
		}},
		{"members in any order", `[{"content":[{"text":"u","type":"input_text"}],"id":"msg_1","role":"user","type":"message"},{"call_id":"c","output":"r","type":"function_call_output"}]`, []llm.Message{
			user("u"), answered("c", llm.Part{Text: "r"}),
		}},
		{"nothing said", `[{"role":"user","content":"u"},{"role":"assistant","content":null},{"role":"user","content":[]},{"type":"message","role":"assistant","id":"msg_1"}]`, []llm.Message{user("u")}},
		{
			"all kinds of parts", `[{"role":"user","content":[
				{"type":"input_text","text":"t","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_text","text":"t","prompt_cache_breakpoint":null,"cache_control":{"type":"ephemeral"}},
				{"type":"input_image","image_url":"https://e.org/a.png","detail":"low"},{"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"auto"},
				{"type":"input_image","file_id":"file_1","image_url":null,"detail":"high"},{"type":"input_image","image_url":{"url":"https://e.org/b.png"}},
				{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"},{"type":"input_file","file_url":"https://e.org/a.pdf"},{"type":"input_file","file_id":"file_2","file_data":""},
				{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}},{"type":"input_video","video_url":"https://e.org/a.mp4"}]}]`,
			[]llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{
				{Text: "t", Cache: &llm.CacheMark{}},
				{Text: "t"},
				media(llm.PartImage, llm.Media{URL: "https://e.org/a.png", Detail: "low"}),
				media(llm.PartImage, llm.Media{MIME: "image/png", Data: "QUJD", Detail: "auto"}),
				media(llm.PartImage, llm.Media{FileID: "file_1", Detail: "high"}),
				media(llm.PartImage, llm.Media{URL: "https://e.org/b.png"}),
				media(llm.PartFile, llm.Media{MIME: "application/pdf", Data: "QUJD", Name: "a.pdf"}),
				media(llm.PartFile, llm.Media{URL: "https://e.org/a.pdf"}),
				media(llm.PartFile, llm.Media{FileID: "file_2"}),
				media(llm.PartAudio, llm.Media{MIME: "audio/mpeg", Format: "mp3", Data: "QUJD"}),
				media(llm.PartVideo, llm.Media{URL: "https://e.org/a.mp4"}),
			}}},
		},
		{
			"one turn of an assistant", `[{"role":"user","content":"u"},
				{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"s1"},{"type":"summary_text","text":"s2"}],"content":[{"type":"reasoning_text","text":"c"}],"encrypted_content":"ZQ==","status":null},
				{"type":"message","id":"msg_1","status":"completed","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"a","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"r"}]},
				{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}","status":"completed"},
				{"type":"custom_tool_call","id":"ctc_1","call_id":"c2","name":"patch","input":"*** Begin"},
				{"type":"image_generation_call","id":"ig_1","status":"completed","result":"/9j/AA"},
				{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"r"},{"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"auto"}]},
				{"type":"custom_tool_call_output","call_id":"c2","output":"done"}]`,
			[]llm.Message{
				user("u"),
				assistant(
					idea(llm.Thought{Type: llm.ThoughtSummary, Text: "s1", ID: "rs_1", Format: llm.FormatOpenAI}),
					idea(llm.Thought{Type: llm.ThoughtSummary, Text: "s2", ID: "rs_1", Format: llm.FormatOpenAI}),
					idea(llm.Thought{Type: llm.ThoughtText, Text: "c", ID: "rs_1", Format: llm.FormatOpenAI}),
					idea(llm.Thought{Type: llm.ThoughtEncrypted, Data: "ZQ==", ID: "rs_1", Format: llm.FormatOpenAI}),
					llm.Part{Text: "a"}, llm.Part{Kind: llm.PartRefusal, Text: "r"},
					called(llm.ToolCall{ID: "c1", Name: "f", Arguments: "{}"}), called(llm.ToolCall{ID: "c2", Name: "patch", Arguments: "*** Begin", Custom: true}),
					media(llm.PartImage, llm.Media{MIME: "image/jpeg", Data: "/9j/AA"})),
				answered("c1", llm.Part{Text: "r"}, media(llm.PartImage, llm.Media{MIME: "image/png", Data: "QUJD", Detail: "auto"})),
				answered("c2", llm.Part{Text: "done"}),
			},
		},
		{"reasoning of others", `[{"type":"reasoning","id":"r1","summary":[],"content":[{"type":"reasoning_text","text":"c"}],"signature":"cw==","format":"anthropic-claude-v1"},
			{"type":"reasoning","id":"r2","summary":["alone"]},{"type":"reasoning","id":"r3","summary":[],"encrypted_content":"eA==","format":"xai-responses-v1"},
			{"type":"reasoning","id":"r4","summary":null,"content":null,"encrypted_content":null}]`, []llm.Message{assistant(
			idea(llm.Thought{Type: llm.ThoughtText, Text: "c", Signature: "cw==", ID: "r1", Format: llm.FormatAnthropic}),
			idea(llm.Thought{Type: llm.ThoughtSummary, Text: "alone", ID: "r2", Format: llm.FormatUnknown}),
			idea(llm.Thought{Type: llm.ThoughtEncrypted, Data: "eA==", ID: "r3", Format: llm.FormatXAI}),
		)}},
		{"native tools", `[{"type":"local_shell_call","id":"lsh_1","call_id":"c1","status":"completed","action":{"type":"exec","command":["ls"],"env":{}}},{"type":"local_shell_call_output","id":"lsh_1","output":"a\n"},
			{"type":"local_shell_call","call_id":"c0","action":{"command":[]}},{"type":"local_shell_call_output","call_id":"c0","output":"{}"},
			{"type":"shell_call","call_id":"c2","action":{"commands":["ls"]}},{"type":"shell_call_output","call_id":"c2","output":[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]},
			{"type":"apply_patch_call","call_id":"c3","status":"completed","operation":{"type":"delete_file","path":"a"}},{"type":"apply_patch_call_output","call_id":"c3","status":"failed","output":"no such file"},
			{"type":"computer_call","id":"cu_1","call_id":"c4","action":{"type":"screenshot"},"pending_safety_checks":[],"status":"completed"},{"type":"computer_call_output","call_id":"c4","output":{"type":"computer_screenshot","image_url":"data:image/png;base64,QUJD"}},
			{"type":"tool_search_call","execution":"client","call_id":"c5","arguments":{"query":"q"}},{"type":"tool_search_output","execution":"client","call_id":"c5","status":"completed","tools": [{"type":"function","name":"late"}]},
			{"type":"tool_search_call","execution":"server","call_id":null,"arguments":{}},{"type":"tool_search_output","execution":"server","call_id":null,"tools":[]}]`, []llm.Message{
			assistant(called(llm.ToolCall{ID: "c1", Name: "local_shell", Arguments: `{"type":"exec","command":["ls"],"env":{}}`})),
			answered("c1", llm.Part{Text: "a\n"}),
			assistant(called(llm.ToolCall{ID: "c0", Name: "local_shell", Arguments: `{"command":[]}`})),
			answered("c0", llm.Part{Text: "{}"}),
			assistant(called(llm.ToolCall{ID: "c2", Name: "shell", Arguments: `{"commands":["ls"]}`})),
			answered("c2", llm.Part{Text: `[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]`}),
			assistant(called(llm.ToolCall{ID: "c3", Name: "apply_patch", Arguments: `{"type":"delete_file","path":"a"}`})),
			{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c3", Parts: words("no such file"), Error: true}}}},
			assistant(called(llm.ToolCall{ID: "c4", Name: "computer_use_preview", Arguments: `{"type":"screenshot"}`})),
			answered("c4", media(llm.PartImage, llm.Media{MIME: "image/png", Data: "QUJD"})),
			assistant(called(llm.ToolCall{ID: "c5", Name: "tool_search", Arguments: `{"query":"q"}`})),
			answered("c5", llm.Part{Text: `[{"type":"function","name":"late"}]`}),
		}},
		{"in a namespace", `[{"type":"function_call","call_id":"c1","name":"spawn","namespace":"agents","arguments":"{}"}]`, []llm.Message{assistant(called(llm.ToolCall{ID: "c1", Name: "agents__spawn", Arguments: "{}"}))}},
		{"what only a vendor knows", `[{"type":"web_search_call","id":"ws_1","status":"completed"},{"type":"mcp_list_tools","id":"m","tools":[]},{"type":"compaction","encrypted_content":"e"},{"type":"new_in_2027"},
			{"type":"agent_message","author":"/a","recipient":"/root","content":[{"type":"input_text","text":"found it"},{"type":"encrypted_content","encrypted_content":"e"}]}]`, []llm.Message{user("found it")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := ask(t, `{"model":"m","input":`+c.input+`}`)
			if diff := cmp.Diff(c.want, req.Input.Messages); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseParameters(t *testing.T) {
	t.Parallel()
	req := ask(t, `{"model":"a/b","models":["c/d"],"input":"hi","instructions":"Be brief.","max_output_tokens":7,"temperature":0.5,"top_p":0.6,"top_k":4,"min_p":0.1,"top_a":0.2,"seed":3,
		"frequency_penalty":0.1,"presence_penalty":0.2,"repetition_penalty":1.1,"top_logprobs":2,"include":["reasoning.encrypted_content","message.output_text.logprobs"],
		"text":{"format":{"type":"json_schema","name":"n","description":"d","strict":true,"schema":{"type":"object"}},"verbosity":"low"},
		"reasoning":{"effort":"high","summary":"auto","exclude":true,"context":"all_turns"},"parallel_tool_calls":false,"prompt_cache_key":"k","cache_control":{"type":"ephemeral","ttl":"1h"},
		"modalities":["text","image"],"image_config":{"aspect_ratio":"1:1"},"provider":{"only":["x"]},"session_id":"s","safety_identifier":"anna","user":null,"metadata":{"a":"b"},"truncation":"auto",
		"service_tier":"priority","stream":true,"stream_options":{"include_obfuscation":false},"store":false,"background":false,"previous_response_id":null,"conversation":null,"prompt":null,
		"max_tool_calls":3,"client_metadata":{"x":"y"},"trace":{},"debug":{},"mystery":{"a":1}}`)
	want := &llm.ChatInput{
		Messages:  []llm.Message{{Role: llm.RoleSystem, Parts: words("Be brief.")}, user("hi")},
		Parallel:  new(false),
		MaxTokens: new(int64(7)), Temperature: new(0.5), TopP: new(0.6), TopK: new(int64(4)), MinP: new(0.1), TopA: new(0.2), Seed: new(int64(3)),
		FrequencyPenalty: new(0.1), PresencePenalty: new(0.2), RepetitionPenalty: new(1.1), Logprobs: new(true), TopLogprobs: new(int64(2)),
		Format:    &llm.Format{Type: llm.FormatJSONSchema, Name: "n", Description: "d", Strict: new(true), Schema: []byte(`{"type":"object"}`)},
		Reasoning: &llm.Reasoning{Effort: "high", Summary: "auto", Exclude: true},
		Verbosity: "low", Cache: &llm.CacheMark{TTL: "1h"}, CacheKey: "k", Modalities: []string{"text", "image"}, ImageConfig: []byte(`{"aspect_ratio":"1:1"}`),
		Extra: []llm.Extra{{Name: "mystery", Value: []byte(`{"a":1}`)}},
	}
	if diff := cmp.Diff(want, req.Input); diff != "" {
		t.Error(diff)
	}
	needs := llm.Needs{
		Parameters: []string{
			"frequency_penalty", "logprobs", "max_tokens", "min_p", "parallel_tool_calls", "presence_penalty", "reasoning", "repetition_penalty", "response_format",
			"seed", "structured_outputs", "temperature", "top_a", "top_k", "top_logprobs", "top_p", "verbosity",
		},
		Outputs: []string{"image"}, PromptTokens: want.EstimatePrompt(), MaxTokens: 7,
	}
	if diff := cmp.Diff(needs, req.Needs); diff != "" {
		t.Error(diff)
	}
	if req.User != "anna" || req.SessionID != "s" || !req.Stream || req.Dialect != llm.Responses || req.Source == nil ||
		!cmp.Equal(req.Models, []string{"a/b", "c/d"}) || !cmp.Equal(req.Routing.Only, []string{"x"}) {
		t.Errorf("%+v", req)
	}
}

func TestParseTools(t *testing.T) {
	t.Parallel()
	const shape = `{"type":"object"}`
	function := llm.Tool{Name: "f", Description: "d", Parameters: []byte(shape), Strict: new(false)}
	grammar := `{"type":"grammar","syntax":"lark","definition":"start: /a/"}`
	for _, c := range []struct {
		name, tools string
		want        []llm.Tool
	}{
		{"function", `[{"type":"function","name":"f","description":"d","parameters":` + shape + `,"strict":false,"defer_loading":true},{"name":"g","parameters":null,"strict":null,"type":"function"}]`, []llm.Tool{function, {Name: "g"}}},
		{"custom", `[{"type":"custom","name":"p","description":"d","format":` + grammar + `},{"type":"custom","name":"q"}]`, []llm.Tool{
			{Kind: llm.ToolCustom, Name: "p", Description: "d", Grammar: []byte(grammar)}, {Kind: llm.ToolCustom, Name: "q"},
		}},
		{"namespace", `[{"tools":[{"type":"function","name":"f"},{"type":"custom","name":"p"}],"type":"namespace","description":"d","name":"agents"}]`, []llm.Tool{
			{Name: "agents__f", From: llm.Responses, Native: []byte(`{"namespace":"agents","name":"f"}`)},
			{Kind: llm.ToolCustom, Name: "agents__p", From: llm.Responses, Native: []byte(`{"namespace":"agents","name":"p"}`)},
		}},
		{"native", `[{"type":"local_shell"},{"type":"shell","environment":{"type":"local"}},{"type":"computer_use_preview","display_width":1},{"type":"tool_search","execution":"client","description":"d","parameters":` + shape + `}]`, []llm.Tool{
			{Kind: llm.ToolNative, Name: "local_shell", From: llm.Responses, Native: []byte(`{"type":"local_shell"}`)},
			{Kind: llm.ToolNative, Name: "shell", From: llm.Responses, Native: []byte(`{"type":"shell","environment":{"type":"local"}}`)},
			{Kind: llm.ToolNative, Name: "computer_use_preview", From: llm.Responses, Native: []byte(`{"type":"computer_use_preview","display_width":1}`)},
			{Kind: llm.ToolNative, Name: "tool_search", Description: "d", Parameters: []byte(shape), From: llm.Responses, Native: []byte(`{"type":"tool_search","execution":"client","description":"d","parameters":` + shape + `}`)},
		}},
		{"left out", `[{"type":"web_search","external_web_access":true},{"type":"tool_search"},{"type":"new_in_2027"},{"type":"function","name":"g"}]`, []llm.Tool{{Name: "g"}}},
		{"offered twice", `[{"type":"function","name":"g"},{"type":"function","name":"g","description":"d"}]`, []llm.Tool{{Name: "g"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := ask(t, `{"tools":`+c.tools+`,"model":"m","input":"hi"}`)
			got := req.Input.Tools
			for i := range got {
				if tool := &got[i]; tool.Name == "local_shell" || tool.Name == "shell" { // in our own words
					if tool.Description == "" || !tool.Parameters.IsValid() {
						t.Errorf("%+v", tool)
					}
					tool.Description, tool.Parameters = "", nil
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if !cmp.Equal(req.Needs.Parameters, []string{"tools"}) {
				t.Error(req.Needs.Parameters)
			}
		})
	}
	late := ask(t, `{"model":"m","input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"functions","description":"","tools":[{"type":"custom","name":"exec"}]},{"type":"web_search"},
		{"type":"function","name":"f"}]},{"role":"user","content":"hi"}],"tools":[{"type":"function","name":"f","description":"d"}]}`)
	if got := late.Input.Tools; len(got) != 2 || got[0].Description != "d" || got[1].Name != "functions__exec" || len(late.Input.Messages) != 1 {
		t.Errorf("%+v", late.Input)
	}
}

func TestParseToolChoice(t *testing.T) {
	t.Parallel()
	const tools = `,"tools":[{"type":"function","name":"f"},{"type":"custom","name":"p"},{"type":"shell"},{"type":"web_search"}]`
	for choice, want := range map[string]llm.ToolChoice{
		`"auto"`:                         {Mode: llm.ToolAuto},
		`"none"`:                         {Mode: llm.ToolNone},
		`"required"`:                     {Mode: llm.ToolRequired},
		`{"type":"function","name":"f"}`: {Mode: llm.ToolNamed, Name: "f"},
		`{"name":"p","type":"custom"}`:   {Mode: llm.ToolNamed, Name: "p"},
		`{"type":"function","name":"f","namespace":"n"}`: {Mode: llm.ToolNamed, Name: "n__f"},
		`{"type":"shell"}`: {Mode: llm.ToolNamed, Name: "shell"},
		`{"type":"allowed_tools","mode":"auto","tools":[]}`:                                                                          {Mode: llm.ToolAuto, Allowed: []string{}},
		`{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"shell"},{"type":"web_search"}]}`: {Mode: llm.ToolRequired, Allowed: []string{"f", "shell"}},
	} {
		req := ask(t, `{"model":"m","input":"hi","tool_choice":`+choice+tools+`}`)
		if diff := cmp.Diff(&want, req.Input.Choice); diff != "" {
			t.Errorf("%s: %s", choice, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, want string }{
		{`{`, "body: the JSON ends too early, at byte 1"},
		{`[]`, "body: want an object"},
		{`{"input":"hi"}`, "model: want the model to ask"},
		{`{"model":"m"}`, "input: want a text or at least one item"},
		{`{"model":"m","input":null}`, "input: want a text or at least one item"},
		{`{"model":"m","input":[]}`, "input: want a text or at least one item"},
		{`{"model":"m","input":7}`, "input: want a text or an array of items"},
		{`{"model":"m","input":[7]}`, "input/0: want an object"},
		{`{"model":"m","input":["x"]}`, "input/0: want an object"},
		{`{"model":"m","input":[{"type":"web_search_call"},7]}`, "input/1: want an object"},
		{`{"model":"m","input":[{"content":"x"}]}`, "input/0: want a role"},
		{`{"model":"m","input":[{"role":"tool","content":"x"}]}`, "input/0/role: want user, assistant, system or developer"},
		{`{"model":"m","input":[{"role":"user","content":7}]}`, "input/0/content: want a text or an array of parts"},
		{`{"model":"m","input":[{"role":"user","content":[{"text":"x"}]}]}`, "input/0/content/0: want a type"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"hologram"}]}]}`, "input/0/content/0: a part of the type hologram is not supported"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}`, "input/0/content/0: want the content of input_image"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_data":"QUJD"}]}]}`, "input/0/content/0/file_data: want an http(s) URL or a data URI"},
		{`{"model":"m","input":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"QUJD"}}]}]}`, "input/0/content/0/input_audio: want data and format"},
		{`{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}`, "input/0: items are not stored: want the item itself"},
		{`{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}`, "input/0: want a call_id and a name"},
		{`{"model":"m","input":[{"type":"function_call_output","output":"x"}]}`, "input/0: want a call_id"},
		{`{"model":"m","input":[{"type":"shell_call","call_id":"c"}]}`, "input/0: want a call_id and action"},
		{`{"model":"m","input":"hi","store":true}`, "store: responses are not stored: want false"},
		{`{"model":"m","input":"hi","background":true}`, "background: responses are not stored, so none can be made in the background: want false"},
		{`{"model":"m","input":"hi","previous_response_id":"resp_1"}`, "previous_response_id: responses are not stored: send the whole conversation in input"},
		{`{"model":"m","input":"hi","conversation":{"id":"conv_1"}}`, "conversation: responses are not stored: send the whole conversation in input"},
		{`{"model":"m","input":"hi","prompt":{"id":"pmpt_1"}}`, "prompt: prompts are not stored: want instructions and input"},
		{`{"model":"m","input":"hi","temperature":3}`, "temperature: want a number from 0 to 2"},
		{`{"model":"m","input":"hi","max_output_tokens":0}`, "max_output_tokens: want a whole number of at least 1"},
		{`{"model":"m","input":"hi","top_logprobs":21}`, "top_logprobs: want a whole number from 0 to 20"},
		{`{"model":"m","input":"hi","truncation":"middle"}`, "truncation: want one of auto, disabled"},
		{`{"model":"m","input":"hi","metadata":{"a":1}}`, "metadata/a: want a string"},
		{`{"model":"m","input":"hi","metadata":{"a":"` + strings.Repeat("x", 513) + `"}}`, "metadata/a: want a name of at most 64 and a value of at most 512 bytes"},
		{`{"model":"m","input":"hi","modalities":["audio"]}`, "modalities: want one of text, image"},
		{`{"model":"m","input":"hi","image_config":1}`, "image_config: want an object"},
		{`{"model":"m","input":"hi","text":{"format":{"type":"xml"}}}`, "text/format/type: want one of text, json_object, json_schema, grammar, python"},
		{`{"model":"m","input":"hi","text":{"format":{"type":"json_schema","name":"n"}}}`, "text/format: want a schema"},
		{`{"model":"m","input":"hi","text":{"format":{"type":"grammar"}}}`, "text/format: want a grammar"},
		{`{"model":"m","input":"hi","text":{"format":{"name":"n"}}}`, "text/format: want a type"},
		{`{"model":"m","input":"hi","reasoning":{"effort":"low","max_tokens":1}}`, "reasoning: effort and max_tokens exclude each other"},
		{`{"model":"m","input":"hi","tools":[{"name":"f"}]}`, "tools/0: want a type"},
		{`{"model":"m","input":"hi","tools":[{"type":"function"}]}`, "tools/0: want a name"},
		{`{"model":"m","input":"hi","tools":[{"type":"namespace","name":"a","tools":[{"type":"namespace","name":"b","tools":[]}]}]}`, "tools/0/tools/0: a namespace holds no other"},
		{`{"model":"m","input":"hi","tools":[{"type":"mcp","server_label":"x"},{"type":"function","name":"f"}]}`, "tools/0: server tools (mcp) are not supported yet"},
		{`{"model":"m","input":"hi","tools":[{"type":"openrouter:web_search"},{"type":"function","name":"f"}]}`, "tools/0: server tools (openrouter:web_search) are not supported yet"},
		{`{"model":"m","input":"hi","tools":[{"type":"shell","environment":{"type":"container_auto"}}]}`, "tools/0: server tools (shell) are not supported yet"},
		{`{"model":"m","input":"hi","tools":[{"type":"web_search"},{"type":"new_in_2027"}]}`, "tools: server tools (web_search, new_in_2027) are not supported yet"},
		{`{"model":"m","input":"hi","tool_choice":"maybe"}`, "tool_choice: want one of auto, none, required"},
		{`{"model":"m","input":"hi","tool_choice":{"type":"web_search_preview"}}`, "tool_choice: server tools (web_search_preview) are not supported yet"},
		{`{"model":"m","input":"hi","tool_choice":{"type":"function"}}`, "tool_choice: want a name"},
		{`{"model":"m","input":"hi","stream":true,"stream":false}`, "stream: duplicate member"},
		{`{"model":"m","input":[{"type":"message","type":"reasoning","role":"user","content":"x"}]}`, "input/0/type: duplicate member"},
		{`{"model":"m","input":"hi"} x`, "body: something follows the object, at byte 26"},
	} {
		_, err := responses.Client().Parse([]byte(c.body), http.Header{})
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Type != llm.TypeInvalidRequest || e.Fault != llm.FaultCaller || e.Message != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.body, err, c.want)
		}
	}
}
