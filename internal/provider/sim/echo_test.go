package sim_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

type members = map[string]string // of a request's body, as JSON

// each asks for the same in every dialect.
func each(f func(dialect string) members) map[string]members {
	m := map[string]members{}
	for _, d := range dialects {
		m[d] = f(d)
	}
	return m
}

// limit asks for at most n tokens.
func limit(n string) map[string]members {
	return map[string]members{
		"chat":      {"max_completion_tokens": n},
		"messages":  {"max_tokens": n},
		"gemini":    {"generationConfig": `{"maxOutputTokens":` + n + `}`},
		"responses": {"max_output_tokens": n},
		"converse":  {"inferenceConfig": `{"maxTokens":` + n + `}`},
		"cohere":    {"max_tokens": n},
	}
}

// user is a conversation of one message with these parts.
func user(chat, messages, gemini, responses, converse, cohere string) map[string]members {
	m := map[string]members{
		"chat":      {"messages": `[{"role":"user","content":[` + chat + `]}]`},
		"messages":  {"messages": `[{"role":"user","content":[` + messages + `]}]`},
		"gemini":    {"contents": `[{"role":"user","parts":[` + gemini + `]}]`},
		"responses": {"input": `[{"role":"user","content":[` + responses + `]}]`},
		"converse":  {"messages": `[{"role":"user","content":[` + converse + `]}]`},
		"cohere":    {"messages": `[{"role":"user","content":[` + cohere + `]}]`},
	}
	return m
}

type echoCase struct {
	name   string
	text   string
	extra  map[string]members // dialects that it leaves out cannot say it
	say    string
	think  string
	calls  []string
	tokens int // of the answer, thinking aside; -1: Tokens(say)
	finish members
}

func echoCases() []echoCase {
	stop := members{"chat": "stop", "messages": "end_turn", "gemini": "STOP", "responses": "completed", "converse": "end_turn", "cohere": "COMPLETE"}
	length := members{"chat": "length", "messages": "max_tokens", "gemini": "MAX_TOKENS", "responses": "max_output_tokens", "converse": "max_tokens", "cohere": "MAX_TOKENS"}
	call := members{"chat": "tool_calls", "messages": "tool_use", "gemini": "STOP", "responses": "completed", "converse": "tool_use", "cohere": "TOOL_CALL"}
	plain := each(func(string) members { return nil })
	tools := each(func(d string) members { return withTools(d) })
	with := func(a, b map[string]members) map[string]members {
		return each(func(d string) members { return both(a[d], b[d]) })
	}
	const image = `{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}`
	const claudeImage = `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}`
	const geminiImage = `{"inlineData":{"mimeType":"image/png","data":"AA=="}}`
	const openImage = `{"type":"input_image","image_url":"data:image/png;base64,AA=="}`
	const bedrockImage = `{"image":{"format":"png","source":{"bytes":"AA=="}}}`
	return []echoCase{
		{name: "text", text: "one two  three", extra: plain, say: "one two  three", tokens: -1, finish: stop},
		{name: "limit", text: "one two three", extra: limit("2"), say: "one two", tokens: -1, finish: length},
		{name: "limit just reached", text: "one two three", extra: limit("3"), say: "one two three", tokens: -1, finish: stop},
		{
			name: "stop sequence", text: "one two three", say: "one t", tokens: -1,
			extra: map[string]members{
				"chat":     {"stop": `["hre","wo"]`},
				"messages": {"stop_sequences": `["hre","wo"]`},
				"gemini":   {"generationConfig": `{"stopSequences":["hre","wo"]}`},
				"converse": {"inferenceConfig": `{"stopSequences":["hre","wo"]}`},
				"cohere":   {"stop_sequences": `["hre","wo"]`},
			},
			finish: members{"chat": "stop", "messages": "stop_sequence", "gemini": "STOP", "converse": "stop_sequence", "cohere": "STOP_SEQUENCE"},
		},
		{
			name: "json", text: `say "hi"`, say: `{"echo": "say \"hi\""}`, tokens: -1, finish: stop,
			extra: map[string]members{
				"chat":      {"response_format": `{"type":"json_schema","json_schema":{"name":"x","schema":{}}}`},
				"messages":  {"output_format": `{"type":"json_schema","schema":{}}`},
				"gemini":    {"generationConfig": `{"responseMimeType":"application/json"}`},
				"responses": {"text": `{"format":{"type":"json_schema","name":"x","schema":{}}}`},
				"converse":  {"outputConfig": `{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{}"}}}}`},
				"cohere":    {"response_format": `{"type":"json_object"}`},
			},
		},
		{name: "thinking", text: "one two three", say: "one two three", think: "I was told 3 tokens and will repeat them.", tokens: -1, finish: stop, extra: each(thinkingOn)},
		{name: "thinking before calls", text: "call clock", think: "I was told 2 tokens and will repeat them.", calls: []string{`clock {}`}, tokens: 2, finish: call, extra: with(tools, each(thinkingOn))},
		{name: "calls", text: twoCalls, calls: []string{`weather {"city":"Zürich"}`, `clock {}`}, tokens: 4, finish: call, extra: tools},
		{
			name: "one call", text: twoCalls, calls: []string{`weather {"city":"Zürich"}`}, tokens: 2, finish: call,
			extra: map[string]members{
				"chat":      both(withTools("chat"), members{"parallel_tool_calls": "false"}),
				"messages":  withTools("messages", `{"type":"auto","disable_parallel_tool_use":true}`),
				"gemini":    withTools("gemini", `{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["weather"]}}`),
				"responses": both(withTools("responses"), members{"parallel_tool_calls": "false"}),
				"converse":  both(withTools("converse"), members{"additionalModelRequestFields": `{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}`}),
			},
		},
		{
			name: "forced", text: "what time", calls: []string{`clock {"echo":"what time"}`}, tokens: 3, finish: call,
			extra: map[string]members{
				"chat":      withTools("chat", `{"type":"function","function":{"name":"clock"}}`),
				"messages":  withTools("messages", `{"type":"tool","name":"clock"}`),
				"gemini":    withTools("gemini", `{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["clock"]}}`),
				"responses": withTools("responses", `{"type":"function","name":"clock"}`),
				"converse":  withTools("converse", `{"tool":{"name":"clock"}}`),
			},
		},
		{
			name: "allowed", text: "call weather\ncall clock", say: "call weather\ncall clock", tokens: -1, finish: stop,
			extra: map[string]members{
				"responses": withTools("responses", `{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"clock"}]}`),
			},
		},
		{
			name: "required", text: "hello", calls: []string{`weather {"echo":"hello"}`}, tokens: 2, finish: call,
			extra: map[string]members{
				"chat":      withTools("chat", `"required"`),
				"messages":  withTools("messages", `{"type":"any"}`),
				"gemini":    withTools("gemini", `{"functionCallingConfig":{"mode":"ANY"}}`),
				"responses": withTools("responses", `"required"`),
				"converse":  withTools("converse", `{"any":{}}`),
				"cohere":    withTools("cohere", `"REQUIRED"`),
			},
		},
		{
			name: "tools off", text: "call clock {}", say: "call clock {}", tokens: -1, finish: stop,
			extra: map[string]members{
				"chat":      withTools("chat", `"none"`),
				"messages":  withTools("messages", `{"type":"none"}`),
				"gemini":    withTools("gemini", `{"functionCallingConfig":{"mode":"NONE"}}`),
				"responses": withTools("responses", `"none"`),
				"cohere":    withTools("cohere", `"NONE"`),
			},
		},
		{name: "unknown tool", text: "call nothing {}", say: "call nothing {}", tokens: -1, finish: stop, extra: tools},
		{
			name: "tool result", say: "sunny\n12:00", tokens: -1, finish: stop,
			extra: with(tools, map[string]members{
				"chat":      {"messages": `[{"role":"user","content":"call clock"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","tool_call_id":"a","content":"sunny"},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"12:00"}]}]`},
				"messages":  {"messages": `[{"role":"user","content":"call clock"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"clock","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"sunny"},{"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"12:00"}]}]}]`},
				"gemini":    {"contents": `[{"role":"user","parts":[{"text":"call clock"}]},{"role":"model","parts":[{"functionCall":{"name":"clock","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"clock","response":{"result":"sunny"}}},{"functionResponse":{"name":"clock","response":{"output":"12:00"}}}]}]`},
				"responses": {"input": `[{"role":"user","content":"call clock"},{"type":"function_call","call_id":"a","name":"clock","arguments":"{}"},{"type":"function_call","call_id":"b","name":"clock","arguments":"{}"},{"type":"function_call_output","call_id":"a","output":"sunny"},{"type":"function_call_output","call_id":"b","output":[{"type":"input_text","text":"12:00"}]}]`},
				"converse":  {"messages": `[{"role":"user","content":[{"text":"call clock"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"clock","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"sunny"}]}},{"toolResult":{"toolUseId":"b","content":[{"json":{"result":"12:00"}}]}}]}]`},
				"cohere":    {"messages": `[{"role":"user","content":"call clock"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"clock","arguments":"{}"}}],"tool_plan":"x"},{"role":"tool","tool_call_id":"a","content":"sunny"},{"role":"tool","tool_call_id":"b","content":[{"type":"document","document":{"data":{"result":"12:00"}}}]}]`},
			}),
		},
		{
			name: "one image alone", say: "[1 image]", tokens: -1, finish: stop,
			extra: user(image, claudeImage, geminiImage, openImage, bedrockImage, image),
		},
		{
			name: "images", say: "[2 images] what", tokens: -1, finish: stop,
			extra: user(
				`{"type":"text","text":"what"},`+image+`,{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}`,
				`{"type":"text","text":"what"},`+claudeImage+`,{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}`,
				`{"text":"what"},`+geminiImage+`,{"fileData":{"fileUri":"https://example.com/a.png"}}`,
				`{"type":"input_text","text":"what"},`+openImage+`,{"type":"input_image","image_url":"https://example.com/a.png"}`,
				`{"text":"what"},`+bedrockImage+`,`+bedrockImage,
				`{"type":"text","text":"what"},`+image+`,`+image),
		},
		{
			name: "a file", say: "[1 file] what", tokens: -1, finish: stop,
			extra: func() map[string]members {
				m := user(
					`{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}},{"type":"text","text":"what"}`,
					`{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="}},{"type":"text","text":"what"}`,
					`{"inlineData":{"mimeType":"application/pdf","data":"AA=="}},{"text":"what"}`,
					`{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},{"type":"input_text","text":"what"}`,
					`{"document":{"format":"pdf","name":"a","source":{"bytes":"AA=="}}},{"text":"what"}`, "")
				delete(m, "cohere")
				return m
			}(),
		},
		{
			name: "media of every kind", say: "[1 image, 2 audios, 1 video, 1 file] what", tokens: -1, finish: stop,
			extra: map[string]members{
				"chat":   user(`{"type":"video_url","video_url":{"url":"https://example.com/a.mp4"}},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"input_audio","input_audio":{"data":"AA==","format":"mp3"}},`+image+`,{"type":"file","file":{"file_id":"x"}},{"type":"text","text":"what"}`, "", "", "", "", "")["chat"],
				"gemini": user("", "", `{"fileData":{"mimeType":"video/mp4","fileUri":"gs://a"}},{"inlineData":{"mimeType":"audio/wav","data":"AA=="}},{"inlineData":{"mimeType":"audio/mp3","data":"AA=="}},`+geminiImage+`,{"inlineData":{"mimeType":"text/csv","data":"AA=="}},{"text":"what"}`, "", "", "")["gemini"],
			},
		},
		{
			// The limit holds for all that is charged: a call that does not fit is not made.
			name: "calls over the limit", text: twoCalls, calls: []string{`weather {"city":"Zürich"}`}, tokens: 2, finish: length,
			extra: with(tools, limit("3")),
		},
		{
			name: "thinking takes the limit", text: "one two three", think: "I was told 3", tokens: 0, finish: length,
			extra: each(func(d string) members {
				m := both(thinkingOn(d), limit("4")[d])
				if d == "gemini" {
					m["generationConfig"] = `{"maxOutputTokens":4,"thinkingConfig":{"includeThoughts":true}}`
				}
				return m
			}),
		},
		{name: "control characters", text: "a\x01\t\r\nb \\ \u2028 é", extra: plain, say: "a\x01\t\r\nb \\ \u2028 é", tokens: -1, finish: stop},
	}
}

// TestEcho is what echo answers, in every dialect and both ways.
func TestEcho(t *testing.T) {
	t.Parallel()
	for _, c := range echoCases() {
		for dialect, extra := range c.extra {
			for _, stream := range []bool{false, true} {
				t.Run(c.name+"/"+dialect+"/"+strconv.FormatBool(stream), func(t *testing.T) {
					t.Parallel()
					q := request{dialect: dialect, stream: stream, model: "echo", text: c.text, extra: extra}
					r := ask(t, q)
					if r.err != nil || r.status != http.StatusOK {
						t.Fatalf("status %d, %v: %s", r.status, r.err, r.body)
					}
					got := listen(q, r.body)
					if got.text != c.say || got.thinking != c.think || !slices.Equal(got.calls, c.calls) || got.finish != c.finish[dialect] || got.broken > 0 {
						t.Errorf("got %+v", got)
					}
					tokens := c.tokens
					if tokens < 0 {
						tokens = sim.Tokens(c.say)
					}
					if c.think != "" && dialect != "gemini" {
						tokens += sim.Tokens(c.think)
					}
					if got.completion != strconv.Itoa(tokens) {
						t.Errorf("completion tokens %s, want %d", got.completion, tokens)
					}
					if c.text != "" && got.prompt != strconv.Itoa(sim.Tokens(c.text)) {
						t.Errorf("prompt tokens %s, want %d", got.prompt, sim.Tokens(c.text))
					}
					if signed := got.signature != ""; signed != (c.think != "" && dialect != "chat" && dialect != "cohere") {
						t.Errorf("signature %q", got.signature)
					}
				})
			}
		}
	}
}
