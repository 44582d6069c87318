package messages_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// document is the public OpenAPI document, whose schemas are JSON Schema.
type document struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// openDocument mends the one error of the document, and opens the set of providers
// (CT-15).
var openDocument = sync.OnceValues(func() (*document, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "reference", "openrouter-openapi.yaml"))
	if err != nil {
		return nil, err
	}
	text = bytes.Replace(text, []byte("          exclusiveMinimum: true\n          minimum: 0\n"), []byte("          exclusiveMinimum: 0\n"), 1)
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	delete(schemas["ProviderName"].(map[string]any), "enum")
	start := schemas["MessagesStartEvent"].(map[string]any)["properties"].(map[string]any)["message"].(map[string]any)
	delete(start["properties"].(map[string]any)["provider"].(map[string]any), "enum")
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	return &document{compiler: c}, nil
})

// check holds a JSON text to a schema of the document.
func (d *document) check(t *testing.T, schema, text string) {
	t.Helper()
	d.mu.Lock()
	s, err := d.compiler.Compile("openapi.json#/components/schemas/" + schema)
	d.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := s.Validate(value); err != nil {
		t.Errorf("%s is not what the document says of %s: %v", text, schema, err)
	}
}

// shared is the document; without it, where it may be missing, the test is skipped.
func shared(t *testing.T) *document {
	t.Helper()
	d, err := openDocument()
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		t.Skip("the OpenAPI document is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What callers get, in every fixture, is what the public document says.
func TestAnswersConform(t *testing.T) {
	t.Parallel()
	d := shared(t)
	files, err := filepath.Glob("testdata/client/*.txtar")
	more, _ := filepath.Glob("testdata/client/*/*.txtar")
	if files = append(files, more...); err != nil || len(files) < 50 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checked, failed := 0, false
			for _, s := range archive.Files {
				failed = failed || s.Name == "error"
				switch {
				case !strings.HasPrefix(s.Name, "client.messages."):
				case strings.HasSuffix(s.Name, ".json"):
					d.check(t, "MessagesResult", string(s.Data))
					checked++
				default:
					for _, e := range parseEvents(t, string(s.Data)) {
						if e.name != "some_later_event" {
							d.check(t, "MessagesStreamEvents", e.data)
							checked++
						}
					}
				}
			}
			if (checked == 0) != failed {
				t.Errorf("%d answers, failed: %v", checked, failed)
			}
		})
	}
}

func TestErrorsConform(t *testing.T) {
	t.Parallel()
	d := shared(t)
	for _, typ := range errorTypes() {
		_, body := messages.Client().Refuse(dialect.Refusal{
			Error: &llm.Error{Type: typ, Message: "m", ProviderName: "P", ProviderCode: "c", Previous: []llm.Attempt{{Provider: "Q", Code: llm.TypeTimeout, Status: 504}}}, ID: "gen-1",
		})
		d.check(t, "AnthropicMessagesErrorResponse", string(body))
		var out sink
		e := messages.Client().NewEmitter(&out, &llm.Request{Stream: true, Input: &llm.ChatInput{}})
		e.Begin(dialect.Head{ID: "gen-1", Model: "a/b"})
		if err := e.Fail(&llm.Error{Type: typ, Message: "m"}, llm.Usage{}); err != nil {
			t.Fatal(err)
		}
		for _, ev := range parseEvents(t, out.String()) {
			d.check(t, "MessagesStreamEvents", ev.data)
		}
	}
}

func errorTypes() []llm.Type {
	return []llm.Type{
		llm.TypeInvalidRequest, llm.TypeContextLength, llm.TypeContentPolicy, llm.TypeAuthentication, llm.TypePaymentRequired, llm.TypePermissionDenied,
		llm.TypeNotFound, llm.TypePayloadTooLarge, llm.TypeUnprocessable, llm.TypeRateLimit, llm.TypeUnavailable, llm.TypeOverloaded, llm.TypeTimeout, llm.TypeServer,
	}
}

// sseEvent is an event as a client of this language reads it.
type sseEvent struct{ name, data string }

// parseEvents reads a stream as strictly as it was written: an event line and a
// data line each.
func parseEvents(t testing.TB, text string) (events []sseEvent) {
	t.Helper()
	for frame := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		name, data, ok := strings.Cut(frame, "\n")
		n, named := strings.CutPrefix(name, "event: ")
		d, hasData := strings.CutPrefix(data, "data: ")
		if !ok || !named || !hasData || strings.ContainsAny(d, "\r\n") {
			t.Fatalf("not an event: %q", frame)
		}
		events = append(events, sseEvent{n, d})
	}
	return events
}

type sink struct {
	bytes.Buffer
	flushes int
}

func (s *sink) Flush() error { s.flushes++; return nil }
