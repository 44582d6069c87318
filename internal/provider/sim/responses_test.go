package sim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func responseEvents(t *testing.T, q request) []responsesEvent {
	t.Helper()
	r := ask(t, q)
	var all []responsesEvent
	for _, e := range events(r.body) {
		var got responsesEvent
		if err := json.Unmarshal([]byte(e.data), &got); err != nil || got.Type != e.name {
			t.Fatalf("%v: %s %s", err, e.name, e.data)
		}
		all = append(all, got)
	}
	if len(all) == 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return all
}

// TestResponsesGrammar holds the stream's events against each other: they are
// numbered, every piece is of the item under way, what is done is the sum of its
// deltas, and the response at the end has the items that were done.
func TestResponsesGrammar(t *testing.T) {
	t.Parallel()
	custom := `[{"type":"custom","name":"sql"},{"type":"local_shell"},{"type":"shell"},{"type":"function","name":"clock"},{"type":"web_search"}]`
	for name, q := range map[string]request{
		"text":     {text: "one two three", extra: thinkingOn("responses")},
		"no text":  {text: ""},
		"calls":    {text: "call clock {\"a\":\"Zürich\"}\ncall sql SELECT 1", extra: both(thinkingOn("responses"), members{"tools": custom})},
		"limit":    {text: "one two three", extra: members{"max_output_tokens": "2"}},
		"refusal":  {text: "one", header: "refusal"},
		"shell":    {model: "agent", text: "run: ls", extra: members{"tools": `[{"type":"shell"}]`}},
		"localsh":  {model: "agent", text: "run: ls", extra: members{"tools": `[{"type":"local_shell"}]`}},
		"freetext": {model: "agent", text: "run: ls", extra: members{"tools": `[{"type":"custom","name":"shell"}]`}},
		"logprobs": {text: "one two", extra: members{"include": `["message.output_text.logprobs"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q.dialect, q.stream = "responses", true
			if q.model == "" {
				q.model = "echo"
			}
			var (
				open  responseItem
				sum   string
				done  []responseItem
				final *responseObject
			)
			for i, e := range responseEvents(t, q) {
				if e.Sequence != i {
					t.Fatalf("%s has number %d, want %d", e.Type, e.Sequence, i)
				}
				if e.ItemID != "" && e.ItemID != open.ID || e.Index != len(done) && e.Response == nil {
					t.Errorf("%s is of item %q at %d; %q is open", e.Type, e.ItemID, e.Index, open.ID)
				}
				switch {
				case e.Type == "response.output_item.added":
					open = *e.Item
				case e.Type == "response.output_item.done":
					if e.Item.ID != open.ID || e.Item.Type != open.Type {
						t.Errorf("done: %+v, open: %+v", e.Item, open)
					}
					done, open = append(done, *e.Item), responseItem{}
				case strings.HasSuffix(e.Type, ".delta"):
					sum += e.Delta
				case strings.HasSuffix(e.Type, "part.added"):
					if e.Part.Text+e.Part.Refusal != "" {
						t.Errorf("%+v", e.Part)
					}
				case strings.HasSuffix(e.Type, "part.done"):
					if e.Part.Text+e.Part.Refusal == "" {
						t.Errorf("%+v", e.Part)
					}
				case strings.HasSuffix(e.Type, ".done"):
					if whole := e.Text + e.Refusal + e.Args + e.Input + e.Command; whole != sum || whole == "" {
						t.Errorf("%s: %q, of deltas %q", e.Type, whole, sum)
					}
					sum = ""
				case e.Response != nil && e.Response.Status == "in_progress":
					if len(e.Response.Output) > 0 || e.Response.Usage != nil || i > 1 {
						t.Errorf("%+v", e.Response)
					}
				default:
					final = e.Response
				}
			}
			if open.ID != "" || sum != "" || final == nil || final.Usage == nil {
				t.Fatalf("at the end %+v, %q, %+v", open, sum, final)
			}
			if !slices.EqualFunc(done, final.Output, func(a, b responseItem) bool { return asJSON(t, a) == asJSON(t, b) }) {
				t.Errorf("done: %+v\nat the end: %+v", done, final.Output)
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestResponsesRepeat is what an answer repeats of its request.
func TestResponsesRepeat(t *testing.T) {
	t.Parallel()
	r := ask(t, request{dialect: "responses", model: "echo", text: "a", extra: members{
		"instructions": `"be kind"`, "temperature": "0.5", "store": "false", "metadata": `{"a":"b"}`, "tool_choice": `"none"`, "tools": `[{"type":"custom","name":"sql"}]`,
		"reasoning": "null", "odd": "1",
	}})
	for _, want := range []string{
		`"instructions":"be kind"`, `"temperature":0.5`, `"store":false`, `"metadata":{"a":"b"}`, `"tool_choice":"none"`, `"tools":[{"type":"custom","name":"sql"}]`,
		`"top_p":1`, `"reasoning":{"effort":null,"summary":null}`, `"text":{"format":{"type":"text"},"verbosity":"medium"}`,
	} {
		if !strings.Contains(string(r.body), want) {
			t.Errorf("no %s in %s", want, r.body)
		}
	}
	if strings.Contains(string(r.body), "odd") {
		t.Errorf("%s", r.body)
	}
}

// TestShellCalls is how OpenAI's own shells are called, and what they give back.
func TestShellCalls(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct{ call, back string }{
		"local_shell": {`local_shell_call {"type":"exec","command":["bash","-lc","ls -a"],"env":{}}`, `{"type":"local_shell_call","call_id":"a"},{"type":"local_shell_call_output","id":"a","output":"made.txt\n"}`},
		"shell":       {`shell_call {"commands":["ls -a"],"max_output_length":null,"timeout_ms":null}`, `{"type":"shell_call","call_id":"a"},{"type":"shell_call_output","call_id":"a","output":[{"stdout":"made.txt\n","stderr":"","outcome":{"type":"exit","exit_code":0}}]}`},
	} {
		tools := `[{"type":"` + kind + `"}]`
		for _, stream := range []bool{false, true} {
			q := request{dialect: "responses", stream: stream, model: "agent", text: "run: ls -a", extra: members{"tools": tools}}
			if got := listen(q, ask(t, q).body); !slices.Equal(got.calls, []string{c.call}) {
				t.Errorf("%s, stream %v: %+v", kind, stream, got)
			}
			q.extra = members{"tools": tools, "input": `[{"role":"user","content":"run: ls -a"},` + c.back + `]`}
			if got := listen(q, ask(t, q).body); got.text != "done: made.txt" {
				t.Errorf("%s, stream %v: %+v", kind, stream, got)
			}
			q.header, q.extra = "truncated-tool", members{"tools": tools}
			if got := listen(q, ask(t, q).body); got.broken > 0 || len(got.calls) != 1 {
				t.Errorf("%s, stream %v: %+v", kind, stream, got)
			}
		}
	}
}

// TestCustomTool calls a tool that takes free text, asked to and forced to.
func TestCustomTool(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		for _, q := range []request{
			{text: "call sql SELECT \"a\" FROM b", extra: members{"tools": `[{"type":"custom","name":"sql","format":{"type":"text"}}]`}},
			{text: "SELECT \"a\" FROM b", extra: members{"tools": `[{"type":"function","name":"x"},{"type":"custom","name":"sql"}]`, "tool_choice": `{"type":"custom","name":"sql"}`}},
		} {
			q.dialect, q.stream, q.model = "responses", stream, "echo"
			if got := listen(q, ask(t, q).body); !slices.Equal(got.calls, []string{`sql SELECT "a" FROM b`}) || got.finish != "completed" {
				t.Errorf("stream %v: %+v", stream, got)
			}
		}
	}
}

// TestCitations has the first word cited from every document, where citations are
// not switched off.
func TestCitations(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{false, true} {
		q := request{dialect: "cohere", stream: stream, model: "echo", text: "Zürich is wide", extra: members{"documents": `["a text",{"id":"x","data":{"title":"b"}}]`}}
		r := ask(t, q)
		want := []string{`Zürich doc:0 {"text":"a text"}`, `Zürich x {"title":"b"}`}
		if got := listen(q, r.body); !slices.Equal(got.citations, want) || got.text != q.text || got.broken > 0 || !strings.Contains(string(r.body), `"start":0,"end":6,`) {
			t.Errorf("stream %v: %q %s", stream, got.citations, r.body)
		}
		q.extra["citation_options"] = `{"mode":"off"}`
		if got := listen(q, ask(t, q).body); len(got.citations) > 0 {
			t.Errorf("stream %v: %+v", stream, got)
		}
	}
}
