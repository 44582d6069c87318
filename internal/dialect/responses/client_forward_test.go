package responses_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// told is a vendor's streamed answer as chunks.
func told(sse []byte, q responses.Quirks) (chunks []llm.Chunk, err error) {
	s := relay.ReadStream(io.NopCloser(bytes.NewReader(sse)), responses.Upstream(q).NewDecoder(&llm.Request{}, dialect.Target{}), llm.Responses)
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			return chunks, nil
		}
		if err != nil {
			return chunks, err
		}
		c.Events, c.Raw = slices.Clone(c.Events), bytes.Clone(c.Raw)
		chunks = append(chunks, c)
	}
}

// vendors are the streamed answers of the fixtures, by their names.
func vendors(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range archive.Files {
			if s.Name == "upstream.sse" && bytes.Contains(s.Data, []byte("response.")) {
				all[strings.TrimPrefix(file, "testdata/")] = s.Data
			}
		}
	}
	return all
}

// passed is what a caller of the dialect sees of a vendor's stream.
func passed(t testing.TB, chunks []llm.Chunk, failure error, body string) string {
	t.Helper()
	var out pipe
	e := emitter(t, &out, body)
	emit(t, e, chunks...)
	var err error
	if fault, ok := errors.AsType[*llm.Error](failure); ok {
		err = e.Fail(fault, llm.Usage{})
	} else {
		err = e.Finish(llm.Usage{Input: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// offered is a request with the tools that are called by another name than their own.
const offered = `{"stream":true,` + greeting + `,"tools":[{"type":"local_shell"},{"type":"shell"},{"type":"apply_patch"},
	{"type":"namespace","name":"agents","description":"","tools":[{"type":"function","name":"spawn"}]}]}`

// Whatever a vendor of the same dialect says, be it forwarded or encoded anew, makes
// a stream that the strictest SDK can follow.
func TestForwardedFixtures(t *testing.T) {
	t.Parallel()
	for name, sse := range vendors(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, _, _ := strings.Cut(name, "/")
			chunks, failure := told(sse, folders()[folder])
			said := map[string]any{}
			for form, chunks := range map[string][]llm.Chunk{"forwarded": chunks, "encoded": bare(chunks)} {
				stream := passed(t, chunks, failure, offered)
				response, err := follow(stream)
				if err != nil {
					t.Errorf("%s: %v\n%s", form, err, steps(t, stream))
					continue
				}
				said[form] = essence(response)
			}
			if diff := cmp.Diff(said["encoded"], said["forwarded"]); diff != "" && !wordless(name) {
				t.Errorf("law 4: %s", diff)
			}
		})
	}
}

// wordless reports whether the vendor tells of what the canon has no words for: audio,
// which is in no item, and what it has run itself.
func wordless(name string) bool {
	return name == "plain/audio-made.txtar" || name == "functions/vendors-own-calls.txtar"
}

// essence is what a response says in words that the canon has.
func essence(response map[string]any) map[string]any {
	said := map[string]any{}
	for _, name := range []string{"id", "model", "status", "incomplete_details", "error", "error_type", "usage", "output_text"} {
		said[name] = response[name]
	}
	var items []any
	message := false
	for _, x := range response["output"].([]any) {
		item := map[string]any{}
		for _, name := range []string{"type", "call_id", "name", "namespace", "arguments", "input", "action", "operation", "summary", "encrypted_content", "result"} {
			item[name] = x.(map[string]any)[name]
		}
		typ := text(item, "type")
		if typ == "web_search_call" || typ == "reasoning" && item["encrypted_content"] == nil && len(item["summary"].([]any)) == 0 && x.(map[string]any)["content"] == nil {
			continue // the canon has no word for it
		}
		content, _ := x.(map[string]any)["content"].([]any)
		content = slices.DeleteFunc(content, func(p any) bool {
			delete(p.(map[string]any), "logprobs") // some vendors do not repeat them
			return p.(map[string]any)["text"] == ""
		})
		if typ == "message" && len(content) == 0 {
			continue
		}
		if typ == "message" && message { // the canon has one for both
			content = append(items[len(items)-1].(map[string]any)["content"].([]any), content...)
			items = items[:len(items)-1]
		}
		message = typ == "message"
		item["content"] = content
		items = append(items, item)
	}
	said["output"] = items
	return said
}

// bare are chunks that cannot be forwarded.
func bare(chunks []llm.Chunk) []llm.Chunk {
	chunks = slices.Clone(chunks)
	for i := range chunks {
		chunks[i].From, chunks[i].Raw = "", nil
	}
	return chunks
}
