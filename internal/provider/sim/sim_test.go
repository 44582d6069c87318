package sim_test

import (
	"bytes"
	"flag"
	"io"
	"maps"
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

var dialects = []string{"chat", "messages", "gemini", "responses", "converse", "cohere"}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

const (
	chatTools     = `[{"type":"function","function":{"name":"weather","parameters":{}}},{"type":"function","function":{"name":"clock","parameters":{}}}]`
	messagesTools = `[{"name":"weather","input_schema":{"type":"object"}},{"name":"clock","input_schema":{"type":"object"}}]`
	geminiTools   = `[{"functionDeclarations":[{"name":"weather"},{"name":"clock"}]}]`
	openTools     = `[{"type":"function","name":"weather","parameters":{}},{"type":"function","name":"clock","parameters":{}}]`
	converseTools = `[{"toolSpec":{"name":"weather","inputSchema":{"json":{"type":"object"}}}},{"toolSpec":{"name":"clock","inputSchema":{"json":{"type":"object"}}}}]`
	twoCalls      = "call weather {\"city\":\"Zürich\"}\ncall clock"
)

// withTools offers weather and clock, in the dialect's words, with the choice that
// goes beside them.
func withTools(dialect string, choice ...string) map[string]string {
	m := map[string]string{}
	if dialect == "converse" {
		m["toolConfig"] = `{"tools":` + strings.Join(append([]string{converseTools}, choice...), `,"toolChoice":`) + "}"
		return m
	}
	m["tools"] = map[string]string{"chat": chatTools, "messages": messagesTools, "gemini": geminiTools, "responses": openTools, "cohere": chatTools}[dialect]
	key := "tool_choice"
	if dialect == "gemini" {
		key = "toolConfig"
	}
	for _, c := range choice {
		m[key] = c
	}
	return m
}

// thinkingOn asks for reasoning, as much of it as the vendor shows.
func thinkingOn(dialect string) map[string]string {
	switch dialect {
	case "chat":
		return map[string]string{"reasoning_effort": `"low"`}
	case "messages":
		return map[string]string{"thinking": `{"type":"enabled","budget_tokens":1024}`}
	case "gemini":
		return map[string]string{"generationConfig": `{"thinkingConfig":{"includeThoughts":true}}`}
	case "responses":
		return map[string]string{"reasoning": `{"effort":"low","summary":"auto"}`, "include": `["reasoning.encrypted_content"]`}
	case "converse":
		return map[string]string{"additionalModelRequestFields": `{"thinking":{"type":"enabled","budget_tokens":1024}}`}
	}
	return map[string]string{"thinking": `{"type":"enabled"}`}
}

func both(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// TestGolden pins the bytes of every dialect, streamed and not: a plain answer,
// and one with thinking and parallel calls.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects {
		for _, stream := range []bool{false, true} {
			for _, what := range []string{"text", "tools"} {
				ending := ".json"
				switch {
				case stream && dialect == "converse":
					ending = ".frames"
				case stream:
					ending = ".sse"
				}
				name := dialect + "-" + what + ending
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					q := request{dialect: dialect, stream: stream, model: "echo", text: "Hello there, \"wide\" world\n"}
					if what == "tools" {
						q.text = twoCalls
						q.extra = both(withTools(dialect), thinkingOn(dialect))
					}
					got := ask(t, q)
					if got.err != nil || got.status != http.StatusOK {
						t.Fatalf("status %d, %v", got.status, got.err)
					}
					if ending == ".frames" {
						got.body = readable(got.body)
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

func TestPromptTokensCountAllText(t *testing.T) {
	t.Parallel()
	for dialect, body := range map[string]string{
		"chat":     `{"model":"echo","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":[{"type":"text","text":"d e"}]}]}`,
		"messages": `{"model":"echo","max_tokens":9,"system":[{"type":"text","text":"be kind"}],"messages":[{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":[{"type":"text","text":"d e"}]}]}`,
		"gemini":   `{"systemInstruction":{"parts":[{"text":"be kind"}]},"contents":[{"parts":[{"text":"a b"}]},{"role":"model","parts":[{"text":"c"}]},{"role":"user","parts":[{"text":"d e"}]}]}`,

		"responses": `{"model":"echo","instructions":"be kind","input":[{"role":"user","content":"a b"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"c"}]},{"role":"user","content":[{"type":"input_text","text":"d e"}]}]}`,
		"converse":  `{"system":[{"text":"be kind"}],"messages":[{"role":"user","content":[{"text":"a b"}]},{"role":"assistant","content":[{"text":"c"}]},{"role":"user","content":[{"text":"d e"}]}]}`,
		"cohere":    `{"model":"echo","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":[{"type":"text","text":"d e"}]}]}`,
	} {
		q := request{dialect: dialect, model: "echo", body: body}
		if got := listen(q, ask(t, q).body); got.prompt != "7" || got.text != "d e" {
			t.Errorf("%s: %+v", dialect, got)
		}
	}
}

func TestLogprobs(t *testing.T) {
	t.Parallel()
	for dialect, extra := range map[string]map[string]string{
		"chat":      {"logprobs": "true", "top_logprobs": "1"},
		"responses": {"include": `["message.output_text.logprobs"]`, "top_logprobs": "1"},
	} {
		for _, stream := range []bool{false, true} {
			q := request{dialect: dialect, stream: stream, model: "echo", text: "a b c", extra: extra}
			if got := listen(q, ask(t, q).body); got.logprobs != 3 || got.text != "a b c" {
				t.Errorf("%s, stream %v: %+v", dialect, stream, got)
			}
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

// TestCacheElsewhere asks thrice in the other dialects that have breakpoints.
func TestCacheElsewhere(t *testing.T) {
	t.Parallel()
	for dialect, c := range map[string]struct {
		body func(text string) string
		want [3]string
	}{
		"converse": {
			func(text string) string {
				return `{"system":[{"text":"a long system prompt"},{"cachePoint":{"type":"default"}}],"messages":[{"role":"user","content":[{"text":"x y"},{"cachePoint":{"type":"default","ttl":"1h"}},{"text":` + quote(text) + `}]}]}`
			},
			[3]string{
				`"inputTokens":1,"outputTokens":3,"totalTokens":10,"cacheReadInputTokens":0,"cacheWriteInputTokens":6,"cacheDetails":[{"inputTokens":2,"ttl":"1h"},{"inputTokens":4,"ttl":"5m"}]`,
				`"inputTokens":1,"outputTokens":3,"totalTokens":10,"cacheReadInputTokens":6,"cacheWriteInputTokens":0,"serverToolUsage"`,
				`"inputTokens":2,"outputTokens":4,"totalTokens":12,"cacheReadInputTokens":6,"cacheWriteInputTokens":0,"serverToolUsage"`,
			},
		},
		"responses": {
			func(text string) string {
				return `{"model":"echo","input":[{"role":"system","content":[{"type":"input_text","text":"a long system prompt","prompt_cache_breakpoint":{"mode":"explicit"}}]},{"role":"user","content":[{"type":"input_text","text":"x y","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_text","text":` + quote(text) + `}]}]}`
			},
			[3]string{
				`"input_tokens":7,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":6},"output_tokens":3,`,
				`"input_tokens":7,"input_tokens_details":{"cached_tokens":6,"cache_write_tokens":0},"output_tokens":3,`,
				`"input_tokens":8,"input_tokens_details":{"cached_tokens":6,"cache_write_tokens":0},"output_tokens":4,`,
			},
		},
	} {
		origin, client := serve(t, options(&clock{}))
		for i, text := range []string{" z", " z", " v w"} {
			if r := do(t.Context(), t, client, origin, request{dialect: dialect, model: "echo", body: c.body(text)}); !bytes.Contains(r.body, []byte(c.want[i])) {
				t.Errorf("%s %d: want %s\nin %s", dialect, i, c.want[i], r.body)
			}
		}
	}
	five := strings.Repeat(`{"text":"a"},{"cachePoint":{"type":"default"}},`, 5)
	r := ask(t, request{dialect: "converse", model: "echo", body: `{"messages":[{"role":"user","content":[` + five[:len(five)-1] + `]}]}`})
	if r.status != http.StatusBadRequest || !bytes.Contains(r.body, []byte("exceeds the limit of 4")) {
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
		{"no system first", request{dialect: "messages", model: "echo", extra: map[string]string{"messages": `[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"system","content":"c"}]`}}, 400, "Unexpected role"},
		{"broken JSON", request{dialect: "responses", body: `{`}, 400, `"type":"invalid_request_error"`},
		{"no model", request{dialect: "responses", body: `{"input":"a"}`}, 400, `"param":"model"`},
		{"no input", request{dialect: "responses", body: `{"model":"echo"}`}, 400, `"param":"input"`},
		{"odd role", request{dialect: "responses", model: "echo", extra: map[string]string{"input": `[{"role":"owner","content":"a"}]`}}, 400, `"param":"input[0]"`},
		{"earlier response", request{dialect: "responses", model: "echo", extra: map[string]string{"previous_response_id": `"resp_1"`}}, 400, `"code":"previous_response_not_found"`},
		{"broken JSON", request{dialect: "converse", model: "echo", body: `{`}, 400, `{"message":"`},
		{"no messages", request{dialect: "converse", model: "echo", body: `{}`}, 400, "must start with a user message"},
		{"odd role", request{dialect: "converse", model: "echo", extra: map[string]string{"messages": `[{"role":"system","content":[{"text":"a"}]}]`}}, 400, "enum value set"},
		{"max_tokens 0", request{dialect: "converse", model: "echo", extra: map[string]string{"inferenceConfig": `{"maxTokens":0}`}}, 400, "at least 1"},
		{"broken JSON", request{dialect: "cohere", body: `{`}, 400, `"message":"`},
		{"no model", request{dialect: "cohere", body: `{"messages":[]}`}, 400, "model is required"},
		{"no messages", request{dialect: "cohere", body: `{"model":"echo"}`}, 400, "at least one message"},
		{"odd role", request{dialect: "cohere", model: "echo", extra: map[string]string{"messages": `[{"role":"owner","content":"a"}]`}}, 400, "invalid role"},
		{"odd sound", request{dialect: "chat", model: "echo", extra: map[string]string{"modalities": `["text","audio"]`, "audio": `{"voice":"alloy","format":"mp3"}`}}, 400, `"param":"audio.format"`},
		{"no sound", request{dialect: "chat", model: "echo", extra: map[string]string{"modalities": `["text","audio"]`}}, 400, `"param":"audio"`},
		{"unknown model", request{dialect: "responses", model: "nope"}, 404, `"code":"model_not_found"`},
		{"unknown model", request{dialect: "converse", model: "nope"}, 404, `{"message":"`},
		{"unknown model", request{dialect: "cohere", model: "nope"}, 404, "does not exist"},
		{"too long", request{dialect: "responses", model: "echo", text: long}, 400, `"code":"context_length_exceeded"`},
		{"too long", request{dialect: "converse", model: "echo", text: long}, 400, "Input is too long for requested model."},
		{"too long", request{dialect: "cohere", model: "echo", text: long}, 400, "too many tokens: size limit exceeded by 1 tokens"},
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
			q := request{dialect: dialects[i%len(dialects)], stream: i%2 == 0, model: "echo", text: text}
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
	for id, m := range byID {
		free := id == "sim/echo:free" || strings.HasPrefix(id, "sim/agent")
		if p := m.Endpoints[0].Prices; p.Free() != free {
			t.Errorf("%s costs %+v", id, p)
		}
	}
	for medium, price := range map[string]catalog.Price{"image": byID["sim/echo-image"].Endpoints[0].Prices.ImageOutput, "audio": byID["sim/echo-audio"].Endpoints[0].Prices.AudioOutput} {
		if m := byID["sim/echo-"+medium]; !slices.Equal(m.OutputModalities, []string{"text", medium}) || !price.Listed() {
			t.Errorf("%s: %v, %+v", m.ID, m.OutputModalities, price)
		}
	}
	if p := byID["sim/echo"].Endpoints[0].Prices; p.Prompt.Unit != 1e6 || p.Completion.Unit != 2e6 || p.CacheRead.Unit != 1e5 || p.CacheWrite.Unit != 125e4 {
		t.Errorf("sim/echo costs %+v", p)
	}
	broken, steady := byID["sim/failover"].Endpoints[0], byID["sim/failover"].Endpoints[1]
	if broken.Prices.Prompt.Unit >= steady.Prices.Prompt.Unit {
		t.Error("the broken endpoint is not the cheaper one")
	}
	// The native names are served in their endpoints' dialects.
	for _, id := range []string{
		"sim/echo", "sim/echo:free", "sim/echo-responses", "sim/echo-messages", "sim/echo-gemini", "sim/echo-converse", "sim/echo-cohere", "sim/echo-image",
		"sim/echo-audio", "sim/agent", "sim/agent-responses", "sim/agent-messages", "sim/agent-gemini", "sim/agent-converse", "sim/agent-cohere", "sim/failover",
	} {
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
