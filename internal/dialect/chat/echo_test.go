package chat_test

import (
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ST-09: what was sent upstream comes before all else in a stream, whichever way that
// goes, and in nothing but a stream.
func TestEchoes(t *testing.T) {
	t.Parallel()
	const (
		raw  = `{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"A"},"finish_reason":null}]}`
		want = `data: {"id":"gen-1","provider":"Q","model":"c/d","object":"chat.completion.chunk","created":5,"choices":[],"debug":{"echo_upstream_body":{"a":1}}}` + "\n\n" +
			`data: {"id":"gen-1","provider":"P","model":"a/b","object":"chat.completion.chunk","created":5,"choices":[],"debug":{"echo_upstream_body":{}}}` + "\n\n" +
			`data: {"id":"gen-1","provider":"P","model":"a/b",`
	)
	text := llm.Chunk{Events: []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockOpen}, {Kind: llm.TextDelta, Text: "A"}}}
	own := text
	own.From, own.Raw = llm.Chat, []byte(raw)
	files := []llm.FileText{{Hash: "ab", Name: "a.pdf", Text: []string{"one"}}}
	for _, c := range []struct {
		name   string
		stream bool
		files  []llm.FileText
		chunks []llm.Chunk
		fails  bool
	}{
		{"encoded", true, nil, []llm.Chunk{text, text}, false},
		{"forwarded", true, nil, []llm.Chunk{own, own}, false},
		{"before documents", true, files, []llm.Chunk{text}, false},
		{"nothing is said", true, nil, nil, false},
		{"failed", true, nil, nil, true},
		{"failed later", true, nil, []llm.Chunk{own}, true},
		{"whole", false, nil, []llm.Chunk{text}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out sink
			e := chat.Client().NewEmitter(&out, asking(c.stream))
			e.Begin(dialect.Head{
				ID: "gen-1", Model: "a/b", Provider: "P", Created: 5, Files: c.files,
				Echoes: []llm.Echo{{Provider: "Q", Model: "c/d", Body: []byte(`{"a":1}`)}, {Provider: "P", Model: "a/b", Body: []byte(`{}`)}},
			})
			emit(t, e, c.chunks...)
			end := func() error { return e.Finish(llm.Usage{}) }
			if c.fails {
				end = func() error { return e.Fail(&llm.Error{Type: llm.TypeUnavailable, Message: "no"}, llm.Usage{}) }
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			if strings.HasPrefix(got, want) != c.stream || strings.Count(got, `"debug"`) != strings.Count(want, `"debug"`) && c.stream || !c.stream && strings.Contains(got, "debug") {
				t.Error(got)
			}
		})
	}
}
