package sim_test

import (
	"bytes"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

var update = flag.Bool("update", false, "write the golden files")

var dialects = []string{"chat", "messages", "gemini"}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

const (
	chatTools     = `[{"type":"function","function":{"name":"weather","parameters":{}}},{"type":"function","function":{"name":"clock","parameters":{}}}]`
	messagesTools = `[{"name":"weather","input_schema":{"type":"object"}},{"name":"clock","input_schema":{"type":"object"}}]`
	geminiTools   = `[{"functionDeclarations":[{"name":"weather"},{"name":"clock"}]}]`
	twoCalls      = "call weather {\"city\":\"Zürich\"}\ncall clock"
)

func tools(dialect string) string {
	return map[string]string{"chat": chatTools, "messages": messagesTools, "gemini": geminiTools}[dialect]
}

// thinkingOn asks for reasoning.
func thinkingOn(dialect string) (key, value string) {
	switch dialect {
	case "chat":
		return "reasoning_effort", `"low"`
	case "messages":
		return "thinking", `{"type":"enabled","budget_tokens":1024}`
	}
	return "generationConfig", `{"thinkingConfig":{"includeThoughts":true}}`
}

// TestGolden pins the bytes of every dialect, streamed and not: a plain answer,
// and one with thinking and parallel calls.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects {
		for _, stream := range []bool{false, true} {
			for _, what := range []string{"text", "tools"} {
				name := dialect + "-" + what + map[bool]string{false: ".json", true: ".sse"}[stream]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					q := request{dialect: dialect, stream: stream, model: "echo", text: "Hello there, \"wide\" world\n"}
					if what == "tools" {
						q.text = twoCalls
						key, value := thinkingOn(dialect)
						q.extra = map[string]string{"tools": tools(dialect), key: value}
					}
					got := ask(t, q)
					if got.err != nil || got.status != http.StatusOK {
						t.Fatalf("status %d, %v", got.status, got.err)
					}
					file := filepath.Join("testdata", name)
					if *update {
						if err := os.WriteFile(file, got.body, 0o644); err != nil {
							t.Fatal(err)
						}
					}
					want, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(string(want), string(got.body)); d != "" {
						t.Errorf("(-want +got)\n%s", d)
					}
				})
			}
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "a": 1, "a b": 2, " a\n": 2, "  ": 1, "a  b\t c ": 4, "Zürich": 1} {
		if got := sim.Tokens(text); got != want {
			t.Errorf("Tokens(%q) = %d, want %d", text, got, want)
		}
	}
}

// TestEcho is what echo answers, in every dialect and both ways.
func TestEcho(t *testing.T) {
	t.Parallel()
	type words map[string]string // by dialect
	limit := func(n string) map[string]map[string]string {
		return map[string]map[string]string{
			"chat":     {"max_completion_tokens": n},
			"messages": {"max_tokens": n},
			"gemini":   {"generationConfig": `{"maxOutputTokens":` + n + `}`},
		}
	}
	each := func(members func(dialect string) map[string]string) map[string]map[string]string {
		m := map[string]map[string]string{}
		for _, d := range dialects {
			m[d] = members(d)
		}
		return m
	}
	stop, length, call := words{"chat": "stop", "messages": "end_turn", "gemini": "STOP"}, words{"chat": "length", "messages": "max_tokens", "gemini": "MAX_TOKENS"}, words{"chat": "tool_calls", "messages": "tool_use", "gemini": "STOP"}
	thinking := "I was told 3 tokens and will repeat them."
	cases := []struct {
		name   string
		text   string
		extra  map[string]map[string]string
		say    string
		think  string
		calls  []string
		tokens int // of the answer, thinking aside; -1: Tokens(say)
		finish words
	}{
		{name: "text", text: "one two  three", say: "one two  three", tokens: -1, finish: stop},
		{name: "limit", text: "one two three", extra: limit("2"), say: "one two", tokens: -1, finish: length},
		{name: "limit just reached", text: "one two three", extra: limit("3"), say: "one two three", tokens: -1, finish: stop},
		{
			name: "stop sequence", text: "one two three", say: "one t", tokens: -1,
			extra: map[string]map[string]string{
				"chat":     {"stop": `["hre","wo"]`},
				"messages": {"stop_sequences": `["hre","wo"]`},
				"gemini":   {"generationConfig": `{"stopSequences":["hre","wo"]}`},
			},
			finish: words{"chat": "stop", "messages": "stop_sequence", "gemini": "STOP"},
		},
		{
			name: "json", text: `say "hi"`, say: `{"echo": "say \"hi\""}`, tokens: -1, finish: stop,
			extra: map[string]map[string]string{
				"chat":     {"response_format": `{"type":"json_schema","json_schema":{"name":"x","schema":{}}}`},
				"messages": {"output_format": `{"type":"json_schema","schema":{}}`},
				"gemini":   {"generationConfig": `{"responseMimeType":"application/json"}`},
			},
		},
		{
			name: "thinking", text: "one two three", say: "one two three", think: thinking, tokens: -1, finish: stop,
			extra: each(func(d string) map[string]string { k, v := thinkingOn(d); return map[string]string{k: v} }),
		},
		{
			name: "calls", text: twoCalls, calls: []string{`weather {"city":"Zürich"}`, `clock {}`}, tokens: 4, finish: call,
			extra: each(func(d string) map[string]string { return map[string]string{"tools": tools(d)} }),
		},
		{
			name: "one call", text: twoCalls, calls: []string{`weather {"city":"Zürich"}`}, tokens: 2, finish: call,
			extra: map[string]map[string]string{
				"chat":     {"tools": chatTools, "parallel_tool_calls": "false"},
				"messages": {"tools": messagesTools, "tool_choice": `{"type":"auto","disable_parallel_tool_use":true}`},
				"gemini":   {"tools": geminiTools, "toolConfig": `{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["weather"]}}`},
			},
		},
		{
			name: "forced", text: "what time", calls: []string{`clock {"echo":"what time"}`}, tokens: 3, finish: call,
			extra: map[string]map[string]string{
				"chat":     {"tools": chatTools, "tool_choice": `{"type":"function","function":{"name":"clock"}}`},
				"messages": {"tools": messagesTools, "tool_choice": `{"type":"tool","name":"clock"}`},
				"gemini":   {"tools": geminiTools, "toolConfig": `{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["clock"]}}`},
			},
		},
		{
			name: "required", text: "hello", calls: []string{`weather {"echo":"hello"}`}, tokens: 2, finish: call,
			extra: map[string]map[string]string{
				"chat":     {"tools": chatTools, "tool_choice": `"required"`},
				"messages": {"tools": messagesTools, "tool_choice": `{"type":"any"}`},
				"gemini":   {"tools": geminiTools, "toolConfig": `{"functionCallingConfig":{"mode":"ANY"}}`},
			},
		},
		{
			name: "tools off", text: "call clock {}", say: "call clock {}", tokens: -1, finish: stop,
			extra: map[string]map[string]string{
				"chat":     {"tools": chatTools, "tool_choice": `"none"`},
				"messages": {"tools": messagesTools, "tool_choice": `{"type":"none"}`},
				"gemini":   {"tools": geminiTools, "toolConfig": `{"functionCallingConfig":{"mode":"NONE"}}`},
			},
		},
		{
			name: "unknown tool", text: "call nothing {}", say: "call nothing {}", tokens: -1, finish: stop,
			extra: each(func(d string) map[string]string { return map[string]string{"tools": tools(d)} }),
		},
		{
			name: "tool result", say: "sunny\n12:00", tokens: -1, finish: stop,
			extra: map[string]map[string]string{
				"chat":     {"tools": chatTools, "messages": `[{"role":"user","content":"call clock"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","tool_call_id":"a","content":"sunny"},{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"12:00"}]}]`},
				"messages": {"tools": messagesTools, "messages": `[{"role":"user","content":"call clock"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"clock","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"sunny"},{"type":"tool_result","tool_use_id":"b","content":[{"type":"text","text":"12:00"}]}]}]`},
				"gemini":   {"tools": geminiTools, "contents": `[{"role":"user","parts":[{"text":"call clock"}]},{"role":"model","parts":[{"functionCall":{"name":"clock","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"clock","response":{"result":"sunny"}}},{"functionResponse":{"name":"clock","response":{"output":"12:00"}}}]}]`},
			},
		},
		{
			name: "one image alone", say: "[1 image]", tokens: -1, finish: stop,
			extra: map[string]map[string]string{
				"chat":     {"messages": `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}]`},
				"messages": {"messages": `[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]}]`},
				"gemini":   {"contents": `[{"role":"user","parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]}]`},
			},
		},
		{
			// The limit holds for all that is charged: a call that does not fit is not made.
			name: "calls over the limit", text: twoCalls, calls: []string{`weather {"city":"Zürich"}`}, tokens: 2, finish: length,
			extra: map[string]map[string]string{
				"chat":     {"tools": chatTools, "max_tokens": "3"},
				"messages": {"tools": messagesTools, "max_tokens": "3"},
				"gemini":   {"tools": geminiTools, "generationConfig": `{"maxOutputTokens":3}`},
			},
		},
		{
			name: "thinking takes the limit", text: "one two three", think: "I was told 3", tokens: 0, finish: length,
			extra: map[string]map[string]string{
				"chat":     {"reasoning_effort": `"low"`, "max_tokens": "4"},
				"messages": {"thinking": `{"type":"enabled"}`, "max_tokens": "4"},
				"gemini":   {"generationConfig": `{"maxOutputTokens":4,"thinkingConfig":{"includeThoughts":true}}`},
			},
		},
		{
			name: "control characters", text: "a\x01\t\r\nb \\ \u2028 é", say: "a\x01\t\r\nb \\ \u2028 é", tokens: -1, finish: stop,
		},
		{
			name: "images", say: "[2 images] what", tokens: -1, finish: stop,
			extra: map[string]map[string]string{
				"chat":     {"messages": `[{"role":"user","content":[{"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]`},
				"messages": {"messages": `[{"role":"user","content":[{"type":"text","text":"what"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}},{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}]`},
				"gemini":   {"contents": `[{"role":"user","parts":[{"text":"what"},{"inlineData":{"mimeType":"image/png","data":"AA=="}},{"fileData":{"fileUri":"https://example.com/a.png"}}]}]`},
			},
		},
	}
	for _, c := range cases {
		for _, dialect := range dialects {
			for _, stream := range []bool{false, true} {
				t.Run(c.name+"/"+dialect+"/"+strconv.FormatBool(stream), func(t *testing.T) {
					t.Parallel()
					q := request{dialect: dialect, stream: stream, model: "echo", text: c.text, extra: c.extra[dialect]}
					r := ask(t, q)
					if r.err != nil || r.status != http.StatusOK {
						t.Fatalf("status %d, %v: %s", r.status, r.err, r.body)
					}
					got := listen(q, r.body)
					if got.text != c.say || got.thinking != c.think || !slices.Equal(got.calls, c.calls) || got.finish != c.finish[dialect] {
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
					if signed := got.signature != ""; signed != (c.think != "" && dialect != "chat") {
						t.Errorf("signature %q", got.signature)
					}
				})
			}
		}
	}
}

func TestPromptTokensCountAllText(t *testing.T) {
	t.Parallel()
	for dialect, body := range map[string]string{
		"chat":     `{"model":"echo","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":[{"type":"text","text":"d e"}]}]}`,
		"messages": `{"model":"echo","max_tokens":9,"system":[{"type":"text","text":"be kind"}],"messages":[{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":[{"type":"text","text":"d e"}]}]}`,
		"gemini":   `{"systemInstruction":{"parts":[{"text":"be kind"}]},"contents":[{"parts":[{"text":"a b"}]},{"role":"model","parts":[{"text":"c"}]},{"role":"user","parts":[{"text":"d e"}]}]}`,
	} {
		q := request{dialect: dialect, model: "echo", body: body}
		if got := listen(q, ask(t, q).body); got.prompt != "7" || got.text != "d e" {
			t.Errorf("%s: %+v", dialect, got)
		}
	}
}

func TestLogprobs(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		q := request{dialect: "chat", stream: stream, model: "echo", text: "a b c", extra: map[string]string{"logprobs": "true", "top_logprobs": "1"}}
		if got := listen(q, ask(t, q).body); got.logprobs != 3 || got.text != "a b c" {
			t.Errorf("stream %v: %+v", stream, got)
		}
	}
}

func TestUsageChunkOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	q := request{dialect: "chat", stream: true, body: `{"model":"echo","stream":true,"messages":[{"role":"user","content":"a"}]}`}
	r := ask(t, q)
	if got := listen(q, r.body); got.usages != 0 || got.dones != 1 || bytes.Contains(r.body, []byte("usage")) {
		t.Errorf("%s", r.body)
	}
}

// TestHiddenThoughts has thinking counted and signed but not shown.
func TestHiddenThoughts(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		q := request{dialect: "gemini", stream: stream, model: "echo", text: "a b", extra: map[string]string{"generationConfig": `{"thinkingConfig":{"thinkingBudget":512}}`}}
		r := ask(t, q)
		if got := listen(q, r.body); got.thinking != "" || got.signature == "" || got.text != "a b" || !bytes.Contains(r.body, []byte(`"thoughtsTokenCount":9`)) {
			t.Errorf("stream %v: %s", stream, r.body)
		}
		q.extra["generationConfig"] = `{"thinkingConfig":{"thinkingBudget":0}}`
		if r := ask(t, q); bytes.Contains(r.body, []byte("hought")) {
			t.Errorf("stream %v: %s", stream, r.body)
		}
	}
}

// TestSignature plays a second turn with the thinking of the first, as it was
// and altered.
func TestSignature(t *testing.T) {
	t.Parallel()
	const text = "one two"
	key, value := thinkingOn("messages")
	q := request{dialect: "messages", model: "echo", text: text, extra: map[string]string{key: value}}
	first := listen(q, ask(t, q).body)
	messagesTurn := func(thinking, signature string) string {
		return `[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":` + quote(thinking) + `,"signature":` + quote(signature) + `},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]`
	}
	geminiTurn := func(signature string) string {
		return `[{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"y","thoughtSignature":` + quote(signature) + `}]},{"role":"user","parts":[{"text":"z"}]}]`
	}
	forged := first.signature[:len(first.signature)-1] + "g"
	if first.signature[:8] != "sim-sig-" {
		t.Fatalf("signature %q", first.signature)
	}
	for _, c := range []struct {
		name, dialect, key, turn string
		status                   int
		message                  string
	}{
		{"kept", "messages", "messages", messagesTurn(first.thinking, first.signature), 200, ""},
		{"text altered", "messages", "messages", messagesTurn(first.thinking+" ", first.signature), 400, "messages.1.content.0: Invalid `signature` in `thinking` block"},
		{"signature altered", "messages", "messages", messagesTurn(first.thinking, forged), 400, "Invalid `signature`"},
		{"another vendor's", "messages", "messages", messagesTurn("hm", "EpAICo0IAb4"), 400, "Invalid `signature`"},
		{"no signature", "messages", "messages", strings.Replace(messagesTurn("hm", "s"), `,"signature":"s"`, "", 1), 400, "signature: Field required"},
		{"redacted", "messages", "messages", strings.Replace(messagesTurn("hm", "s"), `"type":"thinking"`, `"type":"redacted_thinking"`, 1), 400, "Invalid `data`"},
		{"kept", "gemini", "contents", geminiTurn(first.signature), 200, ""},
		{"stand-in", "gemini", "contents", geminiTurn("skip_thought_signature_validator"), 200, ""},
		{"altered", "gemini", "contents", geminiTurn(forged), 400, "Corrupted thought signature."},
		{"another vendor's", "gemini", "contents", geminiTurn("EpAICo0IAb4"), 400, "Corrupted thought signature."},
	} {
		t.Run(c.dialect+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			r := ask(t, request{dialect: c.dialect, model: "echo", extra: map[string]string{c.key: c.turn}})
			if r.status != c.status || !bytes.Contains(r.body, []byte(c.message)) {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

// TestCache asks thrice over one Sim: first sight writes, the same again reads,
// a longer prompt reads its old part and writes the rest.
func TestCache(t *testing.T) {
	t.Parallel()
	origin, client := serve(t, options(&clock{}))
	const mark = `,"cache_control":{"type":"ephemeral"}`
	const hour = `,"cache_control":{"type":"ephemeral","ttl":"1h"}`
	system := `"system":[{"type":"text","text":"a long system prompt"` + mark + `}]`
	for i, c := range []struct{ messages, want string }{
		{`[{"role":"user","content":"x y"}]`, `"input_tokens":2,"cache_creation_input_tokens":4,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":0},"output_tokens":2`},
		{`[{"role":"user","content":"x y"}]`, `"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":2`},
		{`[{"role":"user","content":[{"type":"text","text":"x y"` + hour + `},{"type":"text","text":" z"}]}]`, `"input_tokens":1,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":2},"output_tokens":3`},
		{`[{"role":"user","content":[{"type":"text","text":"x y"` + hour + `},{"type":"text","text":" w"}]}]`, `"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":6,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":3`},
	} {
		r := do(t.Context(), t, client, origin, request{dialect: "messages", body: `{"model":"echo","max_tokens":100,` + system + `,"messages":` + c.messages + `}`})
		if !bytes.Contains(r.body, []byte(c.want)) {
			t.Errorf("%d: want %s\nin %s", i, c.want, r.body)
		}
	}
	five := strings.Repeat(`{"type":"text","text":"a"`+mark+`},`, 5)
	r := do(t.Context(), t, client, origin, request{dialect: "messages", body: `{"model":"echo","max_tokens":1,"messages":[{"role":"user","content":[` + five[:len(five)-1] + `]}]}`})
	if r.status != http.StatusBadRequest || !bytes.Contains(r.body, []byte("maximum of 4 blocks")) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestCacheForgets fills the memory: the oldest prefix is written anew.
func TestCacheForgets(t *testing.T) {
	t.Parallel()
	origin, client := serve(t, options(&clock{}))
	once := func(n int) []byte {
		return do(t.Context(), t, client, origin, request{dialect: "messages", body: `{"model":"echo","max_tokens":1,"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":"` + strconv.Itoa(n) + `"}]}`}).body
	}
	read := []byte(`"cache_read_input_tokens":1`)
	once(0)
	if !bytes.Contains(once(0), read) {
		t.Error("not remembered")
	}
	for n := range 4096 {
		once(n + 1)
	}
	if bytes.Contains(once(0), read) {
		t.Error("not forgotten")
	}
}

// TestRefused is what a vendor would not take.
func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a ", sim.MaxPrompt) + "a"
	for _, c := range []struct {
		name   string
		q      request
		status int
		want   string
	}{
		{"broken JSON", request{dialect: "chat", body: `{`}, 400, `"type":"invalid_request_error"`},
		{"broken JSON", request{dialect: "messages", body: `{`}, 400, `{"type":"error","error":{"type":"invalid_request_error"`},
		{"broken JSON", request{dialect: "gemini", model: "echo", body: `{`}, 400, `"status":"INVALID_ARGUMENT"`},
		{"duplicate member", request{dialect: "chat", body: `{"model":"echo","model":"echo"}`}, 400, "duplicate"},
		{"no model", request{dialect: "chat", body: `{"messages":[]}`}, 400, "model parameter"},
		{"no messages", request{dialect: "chat", body: `{"model":"echo"}`}, 400, `"param":"messages"`},
		{"no messages", request{dialect: "messages", body: `{"model":"echo","max_tokens":1}`}, 400, "at least one message"},
		{"no contents", request{dialect: "gemini", model: "echo", body: `{}`}, 400, "contents is not specified"},
		{"no max_tokens", request{dialect: "messages", body: `{"model":"echo","messages":[{"role":"user","content":"a"}]}`}, 400, "max_tokens: Field required"},
		{"max_tokens 0", request{dialect: "chat", model: "echo", extra: map[string]string{"max_tokens": "0"}}, 400, "at least 1"},
		{"both limits", request{dialect: "chat", model: "echo", extra: map[string]string{"max_tokens": "1", "max_completion_tokens": "1"}}, 400, "same time"},
		{"odd role", request{dialect: "chat", model: "echo", extra: map[string]string{"messages": `[{"role":"owner","content":"a"}]`}}, 400, "messages[0].role"},
		{"system role", request{dialect: "messages", model: "echo", extra: map[string]string{"messages": `[{"role":"system","content":"a"}]`}}, 400, "Unexpected role"},
		{"odd role", request{dialect: "gemini", model: "echo", extra: map[string]string{"contents": `[{"role":"assistant","parts":[{"text":"a"}]}]`}}, 400, "valid role"},
		{"unknown model", request{dialect: "chat", model: "nope"}, 404, `"code":"model_not_found"`},
		{"unknown model", request{dialect: "messages", model: "nope"}, 404, "not_found_error"},
		{"unknown model", request{dialect: "gemini", model: "nope"}, 404, "NOT_FOUND"},
		{"too long", request{dialect: "chat", model: "echo", text: long}, 400, `"code":"context_length_exceeded"`},
		{"too long", request{dialect: "messages", model: "echo", text: long}, 400, "prompt is too long: 128001 tokens > 128000 maximum"},
		{"too long", request{dialect: "gemini", model: "echo", text: long}, 400, "input token count (128001) exceeds"},
		{"header", request{dialect: "chat", model: "echo", header: "nope"}, 400, "no such fault"},
		{"header place", request{dialect: "messages", model: "echo", header: "cut@x"}, 400, "place is not a number"},
		{"header place too large", request{dialect: "chat", model: "echo", header: "cut@99999999999"}, 400, "place is not a number"},
		{"header seed", request{dialect: "gemini", model: "echo", header: "cut@1;seed=-1"}, 400, "seed is not a number"},
		{"header word", request{dialect: "chat", model: "echo", header: "cut@1;sed=1"}, 400, "want fault@N;seed=S"},
	} {
		t.Run(c.q.dialect+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			if r := ask(t, c.q); r.status != c.status || !bytes.Contains(r.body, []byte(c.want)) {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

func TestOtherRequests(t *testing.T) {
	t.Parallel()
	origin, client := serve(t, options(&clock{}))
	post := `{"model":"echo","max_tokens":5,"messages":[{"role":"user","content":"a"}]}`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
	}{
		{"unknown path", "POST", "/openai/v1/embeddings", post, 404},
		{"gemini without verb", "POST", "/gemini/v1beta/models/echo", post, 404},
		{"gemini odd verb", "POST", "/gemini/v1beta/models/echo:countTokens", post, 404},
		{"GET", "GET", "/openai/v1/chat/completions", "", 405},
		{"no anthropic-version", "POST", "/anthropic/v1/messages", post, 400},
		{"no alt=sse", "POST", "/gemini/v1beta/models/echo:streamGenerateContent", `{"contents":[{"parts":[{"text":"a"}]}]}`, 400},
		{"too large", "POST", "/openai/v1/chat/completions", strings.Repeat(" ", 32<<20+1), 413},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, origin+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, resp.StatusCode, c.status)
		}
	}
}

// TestConcurrent asks one Sim for everything at once.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	origin, client := serve(t, options(&clock{}))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			text := "number " + strconv.Itoa(i) + " of many"
			q := request{dialect: dialects[i%3], stream: i%2 == 0, model: "echo", text: text}
			if got := listen(q, do(t.Context(), t, client, origin, q).body); got.text != text {
				t.Errorf("%s: got %q", text, got.text)
			}
		})
	}
	wg.Wait()
}

func TestModels(t *testing.T) {
	t.Parallel()
	if p := sim.Provider(); p.Slug != "sim" || !p.Policy.ZDR || !p.Policy.Known || p.Policy.Training || p.Policy.Retains {
		t.Errorf("provider %+v", p)
	}
	origin, client := serve(t, options(&clock{}))
	byID := map[string]catalog.Model{}
	for _, m := range sim.Models() {
		if _, ok := byID[m.ID]; ok {
			t.Errorf("%s twice", m.ID)
		}
		byID[m.ID] = m
		for _, e := range m.Endpoints {
			if e.ID != m.ID+"@"+e.Tag || e.Model != m.ID || e.Provider != "sim" {
				t.Errorf("%s: endpoint %+v", m.ID, e)
			}
			if !slices.IsSorted(e.SupportedParameters) || len(e.Parameters) != len(e.SupportedParameters) {
				t.Errorf("%s: parameters", e.ID)
			}
			for _, p := range []catalog.Price{e.Prices.Prompt, e.Prices.Completion} {
				unit, err := money.ParsePico(p.Text)
				if err != nil || unit != p.Unit || !p.Listed() {
					t.Errorf("%s: price %+v", e.ID, p)
				}
			}
		}
	}
	for _, f := range sim.Faults() {
		m, ok := byID["sim/"+f.Name]
		if !ok || m.Endpoints[0].Native != f.Name {
			t.Errorf("fault %s has no model", f.Name)
		}
	}
	if p := byID["sim/echo:free"].Endpoints[0].Prices; !p.Free() {
		t.Errorf("sim/echo:free costs %+v", p)
	}
	if p := byID["sim/echo"].Endpoints[0].Prices; p.Prompt.Unit != 1e6 || p.Completion.Unit != 2e6 || p.CacheRead.Unit != 1e5 || p.CacheWrite.Unit != 125e4 {
		t.Errorf("sim/echo costs %+v", p)
	}
	broken, steady := byID["sim/failover"].Endpoints[0], byID["sim/failover"].Endpoints[1]
	if broken.Prices.Prompt.Unit >= steady.Prices.Prompt.Unit {
		t.Error("the broken endpoint is not the cheaper one")
	}
	// The native names are served in their endpoints' dialects.
	for _, id := range []string{"sim/echo", "sim/echo:free", "sim/echo-messages", "sim/echo-gemini", "sim/failover"} {
		for _, e := range byID[id].Endpoints {
			q := request{dialect: e.Dialect, model: e.Native, text: "hello"}
			want := map[string]int{"sim/broken": 500}[e.Tag]
			if want == 0 {
				want = 200
			}
			if r := do(t.Context(), t, client, origin, q); r.status != want {
				t.Errorf("%s: %d %s", e.ID, r.status, r.body)
			}
		}
	}
	if sim.BaseURL("smtp", origin) != "" {
		t.Error("a base URL for a dialect that is not spoken")
	}
}

func BenchmarkEcho(b *testing.B) {
	s := sim.New(sim.Options{})
	body := request{dialect: "chat", stream: true, model: "echo", text: strings.Repeat("some words ", 64)}.bodyText()
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/openai/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		s.ServeHTTP(&discard{h: http.Header{}}, r)
	}
}

type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Flush()                      {}
