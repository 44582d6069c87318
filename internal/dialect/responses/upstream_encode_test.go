package responses_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// encode is the body that a caller's makes, after its members were sorted.
func encode(t *testing.T, req *llm.Request, q responses.Quirks, to dialect.Target) (body string, lost []string) {
	t.Helper()
	call, err := responses.Upstream(q).Encode(req, to)
	if err != nil {
		t.Fatal(err)
	}
	return ordered(t, string(call.Body)), call.Lost
}

func parseBody(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := responses.Client().Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// ordered is a JSON text with its objects' members in order of name, a line each.
func ordered(t *testing.T, text string) string {
	t.Helper()
	v := jsontext.Value(text)
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := v.Indent(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

const saidHi = `"input":[{"type":"message","role":"user","content":"hi"}]`

// A caller's own bytes reach a vendor of the dialect, but for what is the gateway's
// and what the endpoint or the vendor does not take.
func TestSplice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		q          responses.Quirks
		to         dialect.Target
		want       string
	}{
		{
			name: "members that nobody knows survive, the gateway's do not",
			body: `{"model":"a","models":["b"],"provider":{"order":["x"]},"plugins":[{"id":"web","enabled":false}],"route":"fallback","session_id":"s","trace":{},"preset":"p",
				"previous_response_id":null,"conversation":null,"background":false,"service_tier":"flex","store":false,"user":"anna@example.org","safety_identifier":"anna",
				"metadata":{"a":"b"},"client_metadata":{"x":"y"},"stream_options":{"include_obfuscation":false},"max_tool_calls":3,"prompt_cache_retention":"24h","include":["web_search_call.action.sources"],
				"truncation":"auto","context_management":[{"type":"compaction"}],"temperature":null,"mystery":{"b": [1, 2.50]},"instructions":"Be brief.",` + saidHi + `}`,
			to: dialect.Target{User: "h"},
			want: `{"model":"native","truncation":"auto","context_management":[{"type":"compaction"}],"mystery":{"b":[1,2.5]},"instructions":"Be brief.",` + saidHi + `,
				"stream":false,"store":false,"safety_identifier":"h"}`,
		},
		{
			name: "what the endpoint does not take",
			body: `{"model":"a","temperature":1,"top_p":0.5,"top_k":4,"max_output_tokens":5,"top_logprobs":2,"text":{"format":{"type":"json_object"},"verbosity":"low"},"reasoning":{"effort":"low"},
				"tools":[{"type":"function","name":"f","parameters":null}],"tool_choice":"auto","parallel_tool_calls":false,` + saidHi + `}`,
			to:   dialect.Target{Accepts: map[string]bool{"response_format": true, "max_tokens": true}},
			want: `{"model":"native","text":{"format":{"type":"json_object"}},` + saidHi + `,"stream":false,"store":false,"max_output_tokens":5}`,
		},
		{
			name: "what the endpoint takes keeps its words",
			body: `{"model":"a","temperature":1.0,"text":{"verbosity":"low","future":1},"reasoning":{"effort":"low","context":"all_turns","mode":"pro","max_tokens":null},"include":["reasoning.encrypted_content"],
				"prompt_cache_key":"k","tools":[{"type":"function","name":"f","parameters":{},"strict":null,"defer_loading":true}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},"parallel_tool_calls":true,
				"input":[{"type":"message","id":"msg_1","phase":"commentary","role":"assistant","content":[{"type":"output_text","text":"so"}]},{"role":"user","content":"hi"}]}`,
			want: `{"model":"native","temperature":1,"text":{"verbosity":"low","future":1},"reasoning":{"effort":"low","context":"all_turns"},"prompt_cache_key":"k",
				"tools":[{"type":"function","name":"f","parameters":{},"strict":null,"defer_loading":true}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},"parallel_tool_calls":true,
				"input":[{"type":"message","id":"msg_1","phase":"commentary","role":"assistant","content":[{"type":"output_text","text":"so"}]},{"role":"user","content":"hi"}],
				"stream":false,"store":false,"include":["reasoning.encrypted_content"]}`,
		},
		{
			name: "tools that the vendor would run are not offered",
			body: `{"model":"a","tools":[{"type":"function","name":"f"},{"type":"web_search","external_web_access":true},{"type":"custom","name":"p","format":{"type":"text"}},{"type":"tool_search","execution":"client","description":"d","parameters":{}},
				{"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn","strict":false}]}],"tool_choice":"auto",` + saidHi + `}`,
			want: `{"model":"native","tools":[{"type":"function","name":"f"},{"type":"custom","name":"p","format":{"type":"text"}},{"type":"tool_search","execution":"client","description":"d","parameters":{}},
				{"type":"namespace","name":"agents","description":"d","tools":[{"type":"function","name":"spawn","strict":false}]}],"tool_choice":"auto",` + saidHi + `,"stream":false,"store":false}`,
		},
		{
			name: "tools in the input",
			body: `{"model":"a","tool_choice":"auto","parallel_tool_calls":false,"input":[{"type":"additional_tools","id":"at_1","role":"developer","tools":[{"type":"web_search"},{"type":"function","name":"f","strict":false}]},{"role":"user","content":"hi"}]}`,
			want: `{"model":"native","tool_choice":"auto","parallel_tool_calls":false,"input":[{"type":"additional_tools","id":"at_1","role":"developer","tools":[{"type":"function","name":"f","strict":false}]},{"role":"user","content":"hi"}],"stream":false,"store":false}`,
		},
		{
			name: "breakpoints where they are not known",
			body: `{"model":"a","input":[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_text","text":"b"}]}]}`,
			want: `{"model":"native","input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}],"stream":false,"store":false}`,
		},
		{
			name: "breakpoints where they are",
			body: `{"model":"a","reasoning":{"mode":"pro"},"input":[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}]}]}`,
			q:    responses.Quirks{Breakpoints: []string{"nat"}},
			want: `{"model":"native","reasoning":{"mode":"pro"},"input":[{"role":"user","content":[{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}]}],"stream":false,"store":false,"include":["reasoning.encrypted_content"]}`,
		},
		{
			name: "ids that are too long",
			body: `{"model":"a","input":[{"type":"message","id":"` + strings.Repeat("m", 65) + `","role":"user","content":"hi"},{"type":"reasoning","id":"` + strings.Repeat("r", 65) + `","summary":[],"encrypted_content":"gAAA"}]}`,
			want: `{"model":"native","input":[{"type":"message","role":"user","content":"hi"},{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}],"stream":false,"store":false,"include":["reasoning.encrypted_content"]}`,
		},
		{
			name: "ids that are too long, built anew",
			body: `{"model":"a","input":[{"role":"developer","content":"hi"},{"type":"reasoning","id":"` + strings.Repeat("r", 65) + `","summary":[],"encrypted_content":"gAAA"}]}`,
			q:    responses.Quirks{SystemForDeveloper: true},
			want: `{"model":"native","input":[{"type":"message","role":"system","content":"hi"},{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}],"stream":false,"store":false,"include":["reasoning.encrypted_content"]}`,
		},
		{
			name: "a text for input",
			body: `{"model":"a","input":"hi \u00e9"}`,
			to:   dialect.Target{Stream: true},
			want: `{"model":"native","input":"hi é","stream":true,"store":false}`,
		},
		{
			name: "what a quirk speaks against is built anew",
			body: `{"model":"a","tools":[{"type":"custom","name":"p","description":"d"}],"input":[{"role":"user","content":"hi"},{"type":"custom_tool_call","id":"ctc_1","call_id":"c1","name":"p","input":"x"},{"type":"custom_tool_call_output","call_id":"c1","output":"y"}]}`,
			q:    responses.Quirks{NoCustomTools: true},
			want: `{"model":"native","tools":[{"type":"function","name":"p","description":"d","parameters":` + llm.CustomParameters + `}],"input":[{"type":"message","role":"user","content":"hi"},
				{"type":"function_call","call_id":"c1","name":"p","arguments":"{\"input\":\"x\"}"},{"type":"function_call_output","call_id":"c1","output":"y"}],"stream":false,"store":false}`,
		},
		{
			name: "a developer that is not known",
			body: `{"model":"a","input":[{"role":"developer","content":"be brief"},{"role":"user","content":"hi"}]}`,
			q:    responses.Quirks{SystemForDeveloper: true, DropParams: []string{"store"}},
			want: `{"model":"native","input":[{"type":"message","role":"system","content":"be brief"},{"type":"message","role":"user","content":"hi"}],"stream":false}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.to.Model = "native"
			got, _ := encode(t, parseBody(t, c.body), c.q, c.to)
			if diff := cmp.Diff(ordered(t, c.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// reasoning.mode goes to the models that have one, also in a body that is made anew;
// at others of a vendor that has some it is named as lost, unless it is what they do
// anyway.
func TestReasoningMode(t *testing.T) {
	t.Parallel()
	pro := responses.Quirks{Breakpoints: []string{"gpt-5.6"}}
	narrow := responses.Quirks{Breakpoints: []string{"gpt-5.6"}, SystemForDeveloper: true}
	all, none := map[string]bool{"reasoning": true}, map[string]bool{"temperature": true}
	for _, c := range []struct {
		reasoning string
		q         responses.Quirks
		model     string
		accepts   map[string]bool
		want      string
		lost      []string
	}{
		{`{"mode":"pro"}`, pro, "gpt-5.6-sol", all, `{"mode":"pro"}`, nil},
		{`{"effort":"high","mode":"pro"}`, pro, "gpt-5.6-sol", nil, `{"effort":"high","mode":"pro"}`, nil},
		{`{"effort":"high","mode":"pro","context":"all_turns"}`, narrow, "gpt-5.6-sol", all, `{"effort":"high","mode":"pro"}`, nil},
		{`{"mode":"standard"}`, pro, "gpt-5.6-sol", all, `{"mode":"standard"}`, nil},
		{`{"mode":"pro"}`, pro, "gpt-5.5", all, "", []string{"reasoning.mode"}},
		{`{"effort":"high","mode":"pro"}`, pro, "gpt-5.5", all, `{"effort":"high"}`, []string{"reasoning.mode"}},
		{`{"effort":"high","mode":"pro"}`, narrow, "gpt-5.5", all, `{"effort":"high"}`, []string{"reasoning.mode"}},
		{`{"effort":"high","mode":"pro"}`, responses.Quirks{}, "grok-5", all, `{"effort":"high"}`, nil}, // the table says so
		{`{"effort":"high","mode":"standard"}`, pro, "gpt-5.5", all, `{"effort":"high"}`, nil},
		{`{"effort":"high","mode":null}`, pro, "gpt-5.5", all, `{"effort":"high"}`, nil},
		{`{"mode":"pro"}`, pro, "gpt-5.6-sol", none, "", nil},
	} {
		req := parseBody(t, `{"model":"a","reasoning":`+c.reasoning+`,"input":[{"role":"developer","content":"be brief"},{"role":"user","content":"hi"}]}`)
		call, err := responses.Upstream(c.q).Encode(req, dialect.Target{Model: c.model, Accepts: c.accepts})
		if err != nil {
			t.Fatal(err)
		}
		var sent struct {
			Reasoning jsontext.Value `json:"reasoning"`
		}
		if err := json.Unmarshal(call.Body, &sent); err != nil {
			t.Fatal(err)
		}
		if string(sent.Reasoning) != c.want || !slices.Equal(call.Lost, c.lost) {
			t.Errorf("%s to %s: %s, lost %q", c.reasoning, c.model, sent.Reasoning, call.Lost)
		}
	}
}

// Reasoning goes back byte for byte to who made it, and to nobody else, whether it
// comes as the vendor wrote it or sealed.
func TestThoughtsGoHome(t *testing.T) {
	t.Parallel()
	azure := llm.Seal(llm.Thought{Type: llm.ThoughtEncrypted, Data: "gAAAazure", ID: "rs_2", Format: llm.FormatAzureOpenAI})
	body := `{"model":"a","input":[{"role":"user","content":"hi"},
		{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"mine"}],"encrypted_content":"gAAA+/=","status":null},
		{"type":"reasoning","id":"rs_2","summary":[{"type":"summary_text","text":"Azure's"}],"encrypted_content":"` + azure + `"},
		{"type":"reasoning","id":"rs_3","summary":[],"encrypted_content":"xai","format":"xai-responses-v1"},
		{"type":"reasoning","id":"rs_4","summary":[],"content":[{"type":"reasoning_text","text":"Claude's"}],"signature":"c2ln","format":"anthropic-claude-v1"},
		{"type":"reasoning","id":"rs_5","summary":[{"type":"summary_text","text":"not encrypted"}]},
		{"type":"message","role":"assistant","content":[{"type":"output_text","text":"so"}]},{"role":"user","content":"and?"}]}`
	const (
		own     = `{"encrypted_content":"gAAA+/=","id":"rs_1","status":null,"summary":[{"text":"mine","type":"summary_text"}],"type":"reasoning"}`
		built   = `{"encrypted_content":"gAAA+/=","id":"rs_1","summary":[{"text":"mine","type":"summary_text"}],"type":"reasoning"}`
		azures  = `{"encrypted_content":"gAAAazure","id":"rs_2","summary":[{"text":"Azure's","type":"summary_text"}],"type":"reasoning"}`
		xais    = `{"encrypted_content":"xai","id":"rs_3","summary":[],"type":"reasoning"}`
		claudes = `{"content":[{"text":"Claude's","type":"reasoning_text"}],"format":"anthropic-claude-v1","id":"rs_4","signature":"c2ln","summary":[],"type":"reasoning"}`
	)
	for _, c := range []struct {
		name          string
		q             responses.Quirks
		spliced, anew []string
	}{
		{"OpenAI", responses.Quirks{}, []string{own}, []string{built}},
		{"Azure", responses.Quirks{Format: llm.FormatAzureOpenAI}, []string{azures}, []string{azures}},
		{"xAI", responses.Quirks{Format: llm.FormatXAI}, []string{xais}, []string{xais}},
		{"nobody", responses.Quirks{NoEncrypted: true}, nil, nil},
		{"a gateway", responses.Quirks{AnyThought: true}, []string{own, claudes}, []string{claudes}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := parseBody(t, body)
			for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
				call, err := responses.Upstream(c.q).Encode(r, dialect.Target{Model: "native"})
				if err != nil {
					t.Fatal(err)
				}
				want := c.spliced
				if r.Source == nil {
					want = c.anew
				}
				got := reasoningItems(t, call.Body)
				for _, item := range want {
					if !slices.Contains(got, item) {
						t.Errorf("spliced %v: want %s in %s", r.Source != nil, item, got)
					}
				}
				if c.q.AnyThought {
					continue // and takes the others too
				}
				if len(got) != len(want) {
					t.Errorf("spliced %v: %s", r.Source != nil, got)
				}
			}
		})
	}
}

// reasoningItems are the reasoning items of a body, with their members in order.
func reasoningItems(t *testing.T, body []byte) (items []string) {
	t.Helper()
	v := jsontext.Value(body)
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	dec := jsontext.NewDecoder(strings.NewReader(string(v)))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		if tok.Kind() == '"' && tok.String() == "input" && dec.StackDepth() == 1 {
			break
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	for dec.PeekKind() != ']' {
		item, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(item), `"type":"reasoning"}`) {
			items = append(items, string(item))
		}
	}
	return items
}

// What of the values cannot be said is told.
func TestLost(t *testing.T) {
	t.Parallel()
	req := &llm.Request{Dialect: llm.Chat, Input: &llm.ChatInput{
		Messages:  []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "hi", Cache: &llm.CacheMark{}}, {Text: "ho", Cache: &llm.CacheMark{}}}}},
		MaxTokens: new(int64(3)),
		Format:    &llm.Format{Type: llm.FormatJSONSchema, Strict: new(true), Schema: []byte(`{"type":"object","properties":{"a":{"type":"string","minLength":3}},"required":["a"],"additionalProperties":false}`)},
	}}
	_, lost := encode(t, req, responses.Quirks{MinTokens: 16, Breakpoints: []string{"new"}}, dialect.Target{Model: "old"})
	slices.Sort(lost)
	want := []string{"cache_control", "max_tokens: below 16", "response_format.json_schema: /properties/a: minLength"}
	if diff := cmp.Diff(want, lost); diff != "" {
		t.Error(diff)
	}
	if _, lost = encode(t, req, responses.Quirks{}, dialect.Target{Model: "new", MaxOutput: 2}); len(lost) != 1 {
		t.Errorf("%q", lost)
	}
}

// A schema that is none is the caller's fault.
func TestBadSchema(t *testing.T) {
	t.Parallel()
	req := &llm.Request{Input: &llm.ChatInput{Tools: []llm.Tool{{Name: "f", Strict: new(true), Parameters: []byte(`{"$ref":"https://example.org/x"}`)}}}}
	_, err := responses.Upstream(responses.Quirks{}).Encode(req, dialect.Target{})
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultCaller || !strings.HasPrefix(e.Message, "tools.f.schema ") {
		t.Errorf("%v", err)
	}
}

// Tools that OpenAI has defined, tools of free text, and choices among them, as their
// vendor knows them and as others do.
func TestTools(t *testing.T) {
	t.Parallel()
	shell := llm.Tool{
		Kind: llm.ToolNative, From: llm.Responses, Name: "local_shell", Description: "runs", Native: []byte(`{"type":"local_shell"}`),
		Parameters: []byte(`{"type":"object"}`),
	}
	patch := llm.Tool{Kind: llm.ToolCustom, Name: "patch", Grammar: []byte(`{"type":"grammar","syntax":"lark","definition":"start: x"}`)}
	add := llm.Tool{Name: "add", Parameters: []byte(`{"type":"object"}`)}
	call := func(id, name, arguments string, custom bool) llm.Part {
		return llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: id, Name: name, Arguments: arguments, Custom: custom}}
	}
	result := func(id, said string) llm.Part {
		return llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: id, Parts: []llm.Part{{Text: said}}}}
	}
	long := strings.Repeat("x", 70)
	in := llm.ChatInput{
		Tools: []llm.Tool{shell, patch, add},
		Messages: []llm.Message{
			{Role: llm.RoleAssistant, Parts: []llm.Part{call("c1", "local_shell", `{"command":["ls"]}`, false), call("c2", "patch", "+x", true), call(long, "add", `{}`, false), call("c4", "local_shell", `no object`, false)}},
			{Role: llm.RoleTool, Parts: []llm.Part{result("c1", "a.md"), result("c2", "done"), result(long, "3"), result("c4", "what?")}},
		},
	}
	const (
		digest = "c71bd109227e23434ecf71fd0a344a20" // of the long id, its beginning
		lsAsIs = `{"type":"local_shell_call","call_id":"c1","status":"completed","action":{"command":["ls"],"type":"exec","env":{}}}`
	)
	for _, c := range []struct {
		name   string
		q      responses.Quirks
		choice *llm.ToolChoice
		want   []string
		not    []string
	}{
		{
			name: "their vendor", choice: &llm.ToolChoice{Mode: llm.ToolRequired, Allowed: []string{"local_shell", "patch", "add"}},
			want: []string{
				`"tools":[{"type":"local_shell"},{"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},{"type":"function","name":"add","strict":false,"parameters":{"type":"object"}}]`,
				`"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"local_shell"},{"type":"custom","name":"patch"},{"type":"function","name":"add"}]}`,
				lsAsIs, `{"type":"local_shell_call_output","call_id":"c1","output":"a.md"}`,
				`{"type":"custom_tool_call","call_id":"c2","name":"patch","input":"+x"}`, `{"type":"custom_tool_call_output","call_id":"c2","output":"done"}`,
				`{"type":"function_call","call_id":"c4","name":"local_shell","arguments":"no object"}`, `{"type":"function_call_output","call_id":"c4","output":"what?"}`,
			},
			not: []string{long},
		},
		{
			name: "others", q: responses.Quirks{NoNativeTools: true, NoCustomTools: true, NoAllowedTools: true}, choice: &llm.ToolChoice{Mode: llm.ToolAuto, Allowed: []string{"local_shell", "patch"}},
			want: []string{
				`"tools":[{"type":"function","name":"local_shell","description":"runs","strict":false,"parameters":{"type":"object"}},{"type":"function","name":"patch","strict":false,"parameters":` + llm.CustomParameters + `}]`,
				`"tool_choice":"auto"`,
				`{"type":"function_call","call_id":"c1","name":"local_shell","arguments":"{\"command\":[\"ls\"]}"}`, `{"type":"function_call_output","call_id":"c1","output":"a.md"}`,
				`{"type":"function_call","call_id":"c2","name":"patch","arguments":"{\"input\":\"+x\"}"}`, `{"type":"function_call_output","call_id":"c2","output":"done"}`,
			},
		},
		{name: "one of the vendor's", choice: &llm.ToolChoice{Mode: llm.ToolNamed, Name: "local_shell"}, want: []string{`"tool_choice":{"type":"local_shell"}`}},
		{name: "one of free text", choice: &llm.ToolChoice{Mode: llm.ToolNamed, Name: "patch"}, want: []string{`"tool_choice":{"type":"custom","name":"patch"}`}},
		{name: "one that is a function", choice: &llm.ToolChoice{Mode: llm.ToolNamed, Name: "add"}, want: []string{`"tool_choice":{"type":"function","name":"add"}`}},
		{name: "none", choice: &llm.ToolChoice{Mode: llm.ToolNone, Allowed: []string{"add"}}, want: []string{`"tool_choice":"none"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := in
			asked.Choice = c.choice
			call, err := responses.Upstream(c.q).Encode(&llm.Request{Dialect: llm.Chat, Input: &asked}, dialect.Target{Model: "m"})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(call.Body), want) {
					t.Errorf("want %s in %s", want, call.Body)
				}
			}
			for _, not := range c.not {
				if strings.Contains(string(call.Body), not) {
					t.Errorf("%s is in %s", not, call.Body)
				}
			}
			if n := strings.Count(string(call.Body), digest); n != 2 {
				t.Errorf("the long id is there %d times: %s", n, call.Body)
			}
		})
	}
	for _, tool := range []llm.Tool{
		{Kind: llm.ToolNative, From: llm.Messages, Name: "computer", Native: []byte(`{"type":"computer_x"}`)},
	} {
		_, err := responses.Upstream(responses.Quirks{}).Encode(&llm.Request{Input: &llm.ChatInput{Tools: []llm.Tool{tool}}}, dialect.Target{})
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultUnsuited {
			t.Errorf("%s: %v", tool.Name, err)
		}
	}
}

// What an assistant has made comes back as shown to it, in its place.
func TestMediaOfAssistant(t *testing.T) {
	t.Parallel()
	req := &llm.Request{Input: &llm.ChatInput{Messages: []llm.Message{
		{Role: llm.RoleUser, Parts: []llm.Part{{Text: "a boat"}}},
		{Role: llm.RoleAssistant, Parts: []llm.Part{{Text: "here"}, {Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "QUJD"}}, {Text: "good?"}}},
		{Role: llm.RoleUser},
		{Role: llm.RoleAssistant},
		{Role: llm.RoleUser, Name: "anna", Parts: []llm.Part{{Kind: llm.PartFile, Media: &llm.Media{MIME: "application/pdf", Data: "QUJD"}}, {Kind: llm.PartAudio, Media: &llm.Media{MIME: "audio/mpeg", Data: "QUJD"}}}},
	}}}
	got, _ := encode(t, req, responses.Quirks{}, dialect.Target{Model: "m"})
	want := `{"model":"m","stream":false,"store":false,"input":[{"type":"message","role":"user","content":"a boat"},
		{"type":"message","role":"assistant","content":[{"type":"output_text","text":"here"}]},
		{"type":"message","role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,QUJD"}]},
		{"type":"message","role":"assistant","content":[{"type":"output_text","text":"good?"}]},
		{"type":"message","role":"user","content":""},
		{"type":"message","role":"user","content":[{"type":"input_text","text":"anna: "},{"type":"input_file","filename":"document.pdf","file_data":"data:application/pdf;base64,QUJD"},{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}}]}]}`
	if diff := cmp.Diff(ordered(t, want), got); diff != "" {
		t.Error(diff)
	}
}
