package responses_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ST-09: what was sent upstream comes behind response.created, whichever way the rest
// goes, and in nothing but a stream.
func TestEchoes(t *testing.T) {
	t.Parallel()
	const vendors = `{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","output":[]}}`
	text := llm.Chunk{Events: []llm.Event{start(), open(0, llm.BlockText), delta(0, "Hi")}}
	end := llm.Chunk{Events: []llm.Event{shut(0), finish(llm.FinishStop)}}
	created := llm.Chunk{Events: []llm.Event{start()}, From: llm.Responses, Raw: []byte(vendors)}
	said := llm.Chunk{Events: text.Events[1:]}
	for _, c := range []struct {
		name, body string
		chunks     []llm.Chunk
		fails      bool
	}{
		{"encoded", streamed, []llm.Chunk{text, end}, false},
		{"forwarded", streamed, []llm.Chunk{created, said, end}, false},
		{"begun twice", streamed, []llm.Chunk{created, created, said, end}, false},
		{"nothing is said", streamed, nil, false},
		{"failed", streamed, nil, true},
		{"whole", plain, []llm.Chunk{text, end}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out pipe
			e := responses.Client().NewEmitter(&out, ask(t, c.body))
			e.Begin(dialect.Head{ID: "gen-1-AB", Model: "author/model", Echoes: []llm.Echo{{Body: []byte(`{"a":1}`)}, {Body: []byte(`{}`)}}})
			emit(t, e, c.chunks...)
			var err error
			if c.fails {
				err = e.Fail(&llm.Error{Type: llm.TypeUnavailable, Message: "no"}, llm.Usage{})
			} else {
				err = e.Finish(llm.Usage{})
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.body == plain {
				if strings.Contains(out.String(), "debug") {
					t.Error(out.String())
				}
				return
			}
			list, err := frames(out.String())
			if err != nil {
				t.Fatal(err)
			}
			var debug []any
			for i, m := range list {
				if m["sequence_number"] != float64(i) {
					t.Errorf("event %d has the number %v", i, m["sequence_number"])
				}
				if m["type"] == "response.debug" {
					debug = append(debug, m["debug"])
				}
			}
			want := []any{
				map[string]any{"echo_upstream_body": map[string]any{"a": 1.0}},
				map[string]any{"echo_upstream_body": map[string]any{}},
			}
			if diff := cmp.Diff(want, debug); diff != "" || list[0]["type"] != "response.created" || list[1]["type"] != "response.debug" || list[2]["type"] != "response.debug" {
				t.Errorf("%s\n%s", diff, out.String())
			}
		})
	}
}
