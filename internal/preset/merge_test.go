package preset

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// clients are the languages that requests come in.
func clients() []dialect.Client {
	return []dialect.Client{chat.Client(), completions.Client(), responses.Client(), messages.Client()}
}

func client(d llm.Dialect) dialect.Client {
	for _, c := range clients() {
		if c.Name() == d {
			return c
		}
	}
	return nil
}

// one is a store with one preset, which is there whatever the place.
type one struct {
	Store
	preset  Preset
	version Version
}

func (o one) Preset(_ context.Context, _ Place, slug string) (Preset, Version, error) {
	if slug != o.preset.Slug {
		return Preset{}, Version{}, ErrNotFound
	}
	return o.preset, o.version, nil
}

// applied captures a preset s of a body in one dialect and applies it to one in another.
func applied(from llm.Dialect, config string, to llm.Dialect, body string) (Applied, error) {
	c, err := Capture(from, []byte(config))
	if err != nil {
		return Applied{}, err
	}
	s := one{preset: Preset{ID: "id", Slug: "s", Status: Active}, version: Version{Dialect: from, Config: c.Config, Prompt: c.Prompt}}
	return New(s, clock, nil).Apply(context.Background(), identity.Principal{}, to, []byte(body))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	const hi = `"messages":[{"role":"user","content":"Hi"}]`
	for name, c := range map[string]struct {
		from         llm.Dialect
		config       string
		to           llm.Dialect
		body, want   string
		prompt, lost string
	}{
		"nothing is named": {
			llm.Chat, `{"model":"a/b","temperature":1}`, llm.Chat, ` {"model" : "c/d", ` + hi + `,"user":"the preset"} `,
			` {"model" : "c/d", ` + hi + `,"user":"the preset"} `, "", "",
		},
		"as a model": {
			llm.Chat, `{"model":"a/b","temperature":0.70}`, llm.Chat, `{"model":"@preset/s", ` + hi + `}`,
			`{"model":"a/b",` + hi + `,"temperature":0.70}`, "", "",
		},
		"behind a model": {
			llm.Chat, `{"model":"a/b","temperature":1}`, llm.Chat, `{` + hi + `,"model":"c/d:free@preset/s"}`,
			`{` + hi + `,"model":"c/d:free","temperature":1}`, "", "",
		},
		"as a member": {
			llm.Chat, `{"model":"a/b","temperature":1}`, llm.Chat, `{"preset":"s",` + hi + `}`,
			`{` + hi + `,"model":"a/b","temperature":1}`, "", "",
		},
		"as a member beside a model": {
			llm.Chat, `{"model":"a/b","temperature":1}`, llm.Chat, `{"model":"c/d",` + hi + `,"preset":"s"}`,
			`{"model":"c/d",` + hi + `,"temperature":1}`, "", "",
		},
		"spelled otherwise": {
			llm.Chat, `{"model":"a/b"}`, llm.Chat, `{"\u0070\u0072\u0065\u0073\u0065\u0074":"\u0073",` + hi + `}`,
			`{` + hi + `,"model":"a/b"}`, "", "",
		},
		"twice the same": {
			llm.Chat, `{"model":"a/b"}`, llm.Chat, `{"model":"@preset/s","preset":"s",` + hi + `}`,
			`{"model":"a/b",` + hi + `}`, "", "",
		},
		"no member": {
			llm.Chat, `{"model":"a/b"}`, llm.Chat, `{"model":"c/d","preset":null,` + hi + `}`,
			`{"model":"c/d","preset":null,` + hi + `}`, "", "",
		},
		"models alone": {
			llm.Chat, `{"models":["a/b","c/d"]}`, llm.Chat, `{"model":"@preset/s",` + hi + `}`,
			`{` + hi + `,"models":["a/b","c/d"]}`, "", "",
		},
		"the request wins, member by member": {
			llm.Chat, `{"model":"a/b","temperature":1,"provider":{"zdr":true,"order":["x"]},"seed":5}`,
			llm.Chat, `{"model":"@preset/s","provider":{"sort":"price"},"temperature":0,"seed":null,"x":[1, 2],` + hi + `}`,
			`{"model":"a/b","provider":{"sort":"price"},"temperature":0,"seed":5,"x":[1, 2],` + hi + `}`, "", "",
		},
		"two words for one thing": {
			llm.Chat, `{"model":"a/b","max_completion_tokens":500,"reasoning":{"effort":"high"},"logprobs":true,"top_logprobs":3}`,
			llm.Chat, `{"model":"@preset/s","max_tokens":5,"reasoning_effort":"low","logprobs":false,` + hi + `}`,
			`{"model":"a/b","max_tokens":5,"reasoning_effort":"low","logprobs":false,` + hi + `}`, "", "",
		},
		"a prompt": {
			llm.Chat, `{"model":"a/b","messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"no"},{"role":"developer","content":[{"type":"text","text":"And kind."}]}]}`,
			llm.Chat, `{"model":"@preset/s","messages": [ {"role":"user","content":"Hi"}]}`,
			`{"model":"a/b","messages": [{"role":"system","content":"Be \"brief\".\n\nAnd kind."}, {"role":"user","content":"Hi"}]}`, "", "",
		},
		"a prompt of the request's own": {
			llm.Chat, `{"model":"a/b","messages":[{"role":"system","content":"Be brief."}]}`,
			llm.Chat, `{"model":"@preset/s","messages":[{"role":"user","content":"Hi"},{"role":"developer","content":"Be long."}]}`,
			`{"model":"a/b","messages":[{"role":"user","content":"Hi"},{"role":"developer","content":"Be long."}]}`, "", "",
		},
		"a prompt where there is no place": {
			llm.Chat, `{"model":"a/b","messages":[{"role":"system","content":"Be brief."}],"tools":[]}`,
			llm.Completions, `{"model":"@preset/s","prompt":"Once"}`,
			`{"model":"a/b","prompt":"Once"}`, "Be brief.", "tools",
		},
		"a text in chat": {
			llm.Chat, `{"model":"a/b","messages":[{"role":"system","content":"Be brief."}]}`,
			llm.Chat, `{"model":"@preset/s","prompt":"Once"}`,
			`{"model":"a/b","prompt":"Once"}`, "Be brief.", "",
		},
		"instructions": {
			llm.Responses, `{"model":"a/b","instructions":"Be brief.","input":[{"role":"system","content":"x"}],"max_output_tokens":9}`,
			llm.Responses, `{"model":"@preset/s","input":"Hi","instructions":null}`,
			`{"model":"a/b","input":"Hi","instructions":"Be brief.","max_output_tokens":9}`, "", "",
		},
		"instructions of the request's own": {
			llm.Responses, `{"model":"a/b","instructions":"Be brief."}`,
			llm.Responses, `{"model":"@preset/s","input":"Hi","instructions":""}`,
			`{"model":"a/b","input":"Hi","instructions":""}`, "", "",
		},
		"an instruction among the input": {
			llm.Responses, `{"model":"a/b","instructions":"Be brief."}`,
			llm.Responses, `{"model":"@preset/s","input":[{"type":"message","role":"developer","content":"x"}]}`,
			`{"model":"a/b","input":[{"type":"message","role":"developer","content":"x"}]}`, "", "",
		},
		"system": {
			llm.Messages, `{"model":"a/b","system":[{"type":"text","text":"Be"},{"type":"text","text":"brief."}],"max_tokens":9,"messages":[]}`,
			llm.Messages, `{"model":"@preset/s",` + hi + `}`,
			`{"model":"a/b",` + hi + `,"max_tokens":9,"system":"Be\n\nbrief."}`, "", "",
		},
		"system of the request's own": {
			llm.Messages, `{"model":"a/b","system":"Be brief."}`,
			llm.Messages, `{"model":"@preset/s","system":[{"type":"text","text":"Be long."}],` + hi + `}`,
			`{"model":"a/b","system":[{"type":"text","text":"Be long."}],` + hi + `}`, "", "",
		},
		"what is not kept": {
			llm.Chat, `{"model":"a/b","stream":true,"stream_options":{},"user":"u","session_id":"x","metadata":{},"trace":{},"debug":{},"n":1,"store":false,"x_own":1,"messages":[{"role":"user","content":"secret"}],"prompt":null,"seed":null}`,
			llm.Chat, `{"model":"@preset/s",` + hi + `}`,
			`{"model":"a/b",` + hi + `}`, "", "",
		},
		"fallbacks in another word": {
			llm.Messages, `{"model":"a/b","max_tokens":3,"fallbacks":[{"model":"c/d"}]}`,
			llm.Messages, `{"model":"@preset/s","models":["e/f"],` + hi + `}`,
			`{"model":"a/b","models":["e/f"],` + hi + `,"max_tokens":3}`, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := applied(c.from, c.config, c.to, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(a.Body)); diff != "" {
				t.Error(diff)
			}
			if lost := strings.Join(a.lost, " "); a.prompt != c.prompt || lost != c.lost {
				t.Errorf("prompt %q, lost %q", a.prompt, lost)
			}
		})
	}
}

// A preset of a language's own is said in every other.
func TestTranslate(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","properties":{"x":{"type":"string"}}}`
	bodies := map[llm.Dialect]string{
		llm.Chat: `{"model":"a/b","models":["c/d"],"provider":{"zdr":true},"max_tokens":100,"max_completion_tokens":50,"temperature":0.5,"stop":"END","min_p":0.1,` +
			`"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":` + schema + `,"strict":true}},{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"x+"}}}}],` +
			`"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"reasoning":{"effort":"high","exclude":true},` +
			`"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":` + schema + `}},"verbosity":"low"}`,
		llm.Responses: `{"model":"a/b","max_output_tokens":50,"temperature":0.5,"min_p":0.1,"tools":[{"type":"function","name":"f","description":"d","parameters":` + schema + `,"strict":true},` +
			`{"type":"custom","name":"c","format":{"type":"grammar","syntax":"regex","definition":"x+"}}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]},` +
			`"reasoning":{"effort":"high","summary":"auto"},"text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":` + schema + `},"verbosity":"low"}}`,
		llm.Messages: `{"model":"a/b","max_tokens":2000,"temperature":0.5,"stop_sequences":["END"],"fallbacks":[{"model":"c/d"}],"speed":"fast",` +
			`"tools":[{"name":"f","description":"d","input_schema":` + schema + `,"cache_control":{"type":"ephemeral"}}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},` +
			`"thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"},"output_config":{"format":{"type":"json_schema","schema":` + schema + `}}}`,
	}
	requests := map[llm.Dialect]string{
		llm.Chat:        `{"model":"@preset/s","messages":[{"role":"user","content":"Hi"}]}`,
		llm.Completions: `{"model":"@preset/s","prompt":"Hi"}`,
		llm.Responses:   `{"model":"@preset/s","input":"Hi"}`,
		llm.Messages:    `{"model":"@preset/s","messages":[{"role":"user","content":"Hi"}]}`,
	}
	lost := map[llm.Dialect]map[llm.Dialect]string{
		llm.Chat:      {llm.Responses: "stop", llm.Messages: "min_p verbosity", llm.Completions: "tools tool_choice parallel_tool_calls verbosity"},
		llm.Responses: {llm.Messages: "min_p verbosity", llm.Completions: "tools tool_choice verbosity"},
		llm.Messages:  {llm.Responses: "stop", llm.Completions: "tools tool_choice parallel_tool_calls"},
	}
	for from, body := range bodies {
		for to, ask := range requests {
			t.Run(string(from+" "+to), func(t *testing.T) {
				t.Parallel()
				config := body
				if from == llm.Chat && to == llm.Messages { // custom tools are OpenAI's own
					config = strings.Replace(config, `,{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"x+"}}}}`, "", 1)
				}
				if from == llm.Responses && to == llm.Messages {
					config = strings.Replace(config, `,{"type":"custom","name":"c","format":{"type":"grammar","syntax":"regex","definition":"x+"}}`, "", 1)
					ask = strings.Replace(ask, "{", `{"max_tokens":9,`, 1)
				}
				a, err := applied(from, config, to, ask)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(lost[from][to], strings.Join(a.lost, " ")); diff != "" {
					t.Error(diff)
				}
				req, err := client(to).Parse(a.Body, http.Header{})
				if err != nil {
					t.Fatalf("%v\n%s", err, a.Body)
				}
				in := req.Input
				if req.Models[0] != "a/b" || *in.Temperature != 0.5 {
					t.Errorf("%s", a.Body)
				}
				if to == llm.Completions {
					return
				}
				if len(in.Tools) == 0 || in.Tools[0].Name != "f" || in.Tools[0].Description != "d" || string(in.Tools[0].Parameters) != schema {
					t.Errorf("tools %+v\n%s", in.Tools, a.Body)
				}
				if in.Format == nil || string(in.Format.Schema) != schema || in.Reasoning == nil || in.Choice == nil {
					t.Errorf("%s", a.Body)
				}
				if from == llm.Messages && (*in.Reasoning.MaxTokens != 1024 || in.Choice.Name != "f" || *in.Parallel || req.Routing.Tier != llm.TierPriority || req.Models[1] != "c/d") {
					t.Errorf("%+v %+v\n%s", in.Reasoning, in.Choice, a.Body)
				}
				if from != llm.Messages && in.Reasoning.Effort != "high" {
					t.Errorf("%+v\n%s", in.Reasoning, a.Body)
				}
			})
		}
	}
}

// PS-03.
func TestUnion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kept, said, want string }{
		{`[]`, `[]`, `[]`},
		{`[{"type":"function","function":{"name":"a"}}]`, `[]`, `[{"type":"function","function":{"name":"a"}}]`},
		{
			`[{"type":"function","function":{"name":"a","description":"kept"}},{"type":"function","function":{"name":"b"}}]`,
			`[{"type":"function","function":{"name":"c"}},{"type":"function","function":{"name":"a","description":"said"}}]`,
			`[{"type":"function","function":{"name":"a","description":"said"}},{"type":"function","function":{"name":"b"}},{"type":"function","function":{"name":"c"}}]`,
		},
		{ // the shapes of Responses and Messages
			`[{"type":"function","name":"a","strict":true},{"name":"b","input_schema":{}}]`,
			`[{"name":"b","input_schema":{"x":1}},{"type":"function","name":"a"}]`,
			`[{"type":"function","name":"a"},{"name":"b","input_schema":{"x":1}}]`,
		},
		{ // one of each type
			`[{"type":"openrouter:web_search","parameters":{"x":1}},{"type":"bash_20250124","name":"bash"}]`,
			`[{"type":"bash_20250124","name":"bash","y":2},{"type":"openrouter:web_search"}]`,
			`[{"type":"openrouter:web_search"},{"type":"bash_20250124","name":"bash","y":2}]`,
		},
		{ // several advisors
			`[{"type":"openrouter:advisor"},{"type":"openrouter:advisor","parameters":{"name":"a"}},{"type":"openrouter:subagent","parameters":{"name":"a"}}]`,
			`[{"type":"openrouter:advisor","parameters":{"name":"b"}},{"type":"openrouter:advisor","parameters":{"model":"m","name":"a"}}]`,
			`[{"type":"openrouter:advisor"},{"type":"openrouter:advisor","parameters":{"model":"m","name":"a"}},{"type":"openrouter:subagent","parameters":{"name":"a"}},{"type":"openrouter:advisor","parameters":{"name":"b"}}]`,
		},
		{ // a name that the request has twice is its own affair
			`[{"type":"function","function":{"name":"a"}}]`,
			`[{"type":"function","function":{"name":"a","x":1}},{"type":"function","function":{"name":"a","x":2}}]`,
			`[{"type":"function","function":{"name":"a","x":1}},{"type":"function","function":{"name":"a","x":2}}]`,
		},
	} {
		if got := union([]byte(c.kept), []byte(c.said)); string(got) != c.want {
			t.Errorf("%s and %s:\n%s, want\n%s", c.kept, c.said, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body string
		typ  llm.Type
		want string
	}{
		{`{"model":"@preset/none"}`, llm.TypeNotFound, "There is no such preset here"},
		{`{"model":"a/b@preset/S"}`, llm.TypeNotFound, "There is no such preset here"},
		{`{"preset":"../s"}`, llm.TypeNotFound, "presets/slug/"},
		{`{"preset":"` + strings.Repeat("s", 65) + `"}`, llm.TypeNotFound, "presets/slug/"},
		{`{"model":"@preset/"}`, llm.TypeInvalidRequest, "model: want the slug"},
		{`{"model":"@preset/s","preset":"t"}`, llm.TypeInvalidRequest, "preset: differs"},
		{`{"preset":{"s":1}}`, llm.TypeInvalidRequest, "preset: want the slug"},
		{`{"models":["a/b","c/d@preset/s"]}`, llm.TypeInvalidRequest, "models: a preset is named once"},
		{`{"model":"@preset/s"}`, llm.TypeInvalidRequest, "names no model"},
	} {
		_, err := applied(llm.Chat, `{"temperature":1}`, llm.Chat, c.body)
		e, ok := err.(*llm.Error) //nolint:errorlint // it is one
		if !ok || e.Type != c.typ || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: %v", c.body, err)
		}
	}
	for _, body := range []string{
		`[]`, `{"a":1,"a":2}`, `{`, "{\"a\":\"\xff\"}", `{"model":"@preset/s"}`, `{"preset":"s"}`, `{"cache_enabled":"yes"}`, `{"cache_ttl_seconds":0}`,
		`{"cache_ttl_seconds":1.5}`, `{"cache_ttl_seconds":"60"}`, `{"model":"` + strings.Repeat("x", maxVersion) + `"}`,
	} {
		if _, err := Capture(llm.Chat, []byte(body)); err == nil {
			t.Errorf("%.40s: captured", body)
		}
	}
}

// A probe can be parsed exactly where what was captured can be said.
func TestProbe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    llm.Dialect
		body string
		good bool
	}{
		{llm.Chat, `{}`, true},
		{llm.Chat, `{"reasoning":{"effort":"high"},"cache_enabled":true,"cache_ttl_seconds":60}`, true},
		{llm.Chat, `{"modalities":["text","audio"],"audio":{"voice":"v","format":"wav"}}`, true},
		{llm.Chat, `{"temperature":"hot"}`, false},
		{llm.Chat, `{"provider":{"data_collection":"some"}}`, false},
		{llm.Chat, `{"tools":[{"type":"openrouter:web_search"}]}`, false},
		{llm.Messages, `{"system":"Be brief."}`, true},
		{llm.Messages, `{"system":7}`, false},
		{llm.Messages, `{"thinking":{"type":"enabled"}}`, false},
		{llm.Responses, `{"instructions":"Be brief.","input":"?","previous_response_id":"resp_1"}`, true},
		{llm.Responses, `{"text":{"format":{}}}`, false},
		{llm.Chat, `{"tool_choice":` + strings.Repeat(`{"a":`, 300) + `1` + strings.Repeat(`}`, 300) + `}`, false},
	} {
		got, err := Capture(c.d, []byte(c.body))
		if err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		if _, err := client(c.d).Parse(got.Probe, http.Header{}); (err == nil) != c.good {
			t.Errorf("%s %.80s: %v", c.d, c.body, err)
		}
	}
}

// FuzzMerge: whatever a preset and a request are, the members of the request stand, the
// preset's name is gone, and what comes out is JSON that no two readers read differently.
func FuzzMerge(f *testing.F) {
	for _, s := range [][2]string{
		{`{"model":"a/b","temperature":1,"tools":[{"type":"function","function":{"name":"a"}}]}`, `{"model":"@preset/s","tools":[{"name":"a"},null,5],"messages":[{"role":"user"}]}`},
		{`{"system":"x","thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"low"},"output_format":{"schema":{}},"speed":"fast","service_tier":"flex"}`, `{"preset":"s","model":"a/b","input":[]}`},
		{`{"instructions":"x","text":{"format":{"type":"json_schema","name":"a","type":1},"verbosity":null},"tool_choice":{"type":"allowed_tools","tools":[{"type":"function"}]}}`, `{"model":"a@preset/s","prompt":"x","max_tokens":null}`},
		{`{"reasoning_effort":"none","include_reasoning":false,"max_completion_tokens":5,"max_tokens":6,"stop":"x","parallel_tool_calls":false}`, `{"preset":"s","model":"a","fallbacks":[]}`},
	} {
		for from := range uint8(3) {
			for to := range uint8(4) {
				f.Add(from, to, []byte(s[0]), []byte(s[1]))
			}
		}
	}
	f.Fuzz(func(t *testing.T, from, to uint8, config, body []byte) {
		source := [...]llm.Dialect{llm.Chat, llm.Responses, llm.Messages}[from%3]
		target := clients()[to%4].Name()
		a, err := applied(source, string(config), target, string(body))
		if err != nil {
			return
		}
		if a.Preset == "" {
			if string(a.Body) != string(body) {
				t.Fatalf("%s became %s", body, a.Body)
			}
			return
		}
		merged, err := splice.Members(a.Body)
		if err != nil {
			t.Fatalf("%v in %s", err, a.Body)
		}
		is := map[string]string{}
		for _, m := range merged {
			is[m.Name] = string(m.Value(a.Body))
		}
		if _, ok := is["preset"]; ok || strings.Contains(walk.Text([]byte(is["model"])), infix) {
			t.Fatalf("the preset is named in %s", a.Body)
		}
		said, err := splice.Members(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said {
			value := m.Value(body)
			switch m.Name {
			case "preset", "model":
			case "tools":
				walk.Elements(value, func(tool []byte) {
					if !strings.Contains(is["tools"], string(tool)) {
						t.Fatalf("%s is lost in %s", tool, is["tools"])
					}
				})
			default:
				inner := strings.TrimPrefix(string(value), "[")
				if present(value) && !strings.HasSuffix(is[m.Name], inner) || !present(value) && is[m.Name] == "" {
					t.Fatalf("%s is %s, was %s", m.Name, is[m.Name], value)
				}
			}
		}
		req, err := client(target).Parse(a.Body, http.Header{})
		if err != nil {
			return
		}
		a.Finish(req)
		if req.Preset == "" {
			t.Fatal("the request does not tell its preset")
		}
	})
}

// What names no preset pays for nothing.
func BenchmarkApply(b *testing.B) {
	body := []byte(`{"model":"a/b","messages":[{"role":"user","content":"` + strings.Repeat("All roads lead to Rome. ", 1000) + `"}]}`)
	named := append([]byte(`{"preset":"s",`), body[1:]...)
	c, err := Capture(llm.Chat, []byte(`{"model":"a/b","temperature":1,"messages":[{"role":"system","content":"Be brief."}]}`))
	if err != nil {
		b.Fatal(err)
	}
	s := one{preset: Preset{ID: "id", Slug: "s", Status: Active}, version: Version{Dialect: llm.Chat, Config: c.Config, Prompt: c.Prompt}}
	p := New(s, clock, nil)
	for name, text := range map[string]jsontext.Value{"none": body, "named": named} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := p.Apply(b.Context(), identity.Principal{}, llm.Chat, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
