package responses_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// document is the public OpenAPI document as JSON Schema, which since version 3.1 its
// schemas are.
type document struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	events   map[string]any // schemas by types of events
}

// openDocument mends what is wrong in the document: a keyword that is not of this
// version of JSON Schema, and members that schemas take over from others and say
// anew, with words that the others do not have. The new ones hold.
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
	for name, members := range map[string][]string{
		"BaseContentPartAddedEvent": {"part"}, "BaseContentPartDoneEvent": {"part"},
		"OutputItemAddedEvent": {"item"}, "OutputItemDoneEvent": {"item"}, "BaseResponsesResult": {"output"},
	} {
		for _, m := range members {
			delete(schemas[name].(map[string]any)["properties"].(map[string]any), m)
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	events := schemas["StreamEvents"].(map[string]any)["discriminator"].(map[string]any)["mapping"].(map[string]any)
	return &document{compiler: c, events: events}, nil
})

// validate checks a value against the schema at a reference.
func (d *document) validate(reference string, value any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	schema, err := d.compiler.Compile("openapi.json" + reference)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func need(t *testing.T) *document {
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

// Every event and every response is what the public document says.
func TestContract(t *testing.T) {
	t.Parallel()
	d := need(t)
	media := func(block int, m llm.Media) llm.Event {
		return llm.Event{Kind: llm.MediaDelta, Block: block, Media: &m}
	}
	probed := delta(3, "sure")
	probed.Logprobs = []byte(`{"content":[{"token":"sure","logprob":-0.5,"bytes":null,"top_logprobs":[{"token":"b","logprob":-1,"bytes":[98]}]}]}`)
	events := []llm.Event{
		start(),
		thinks(0, llm.Thought{Type: llm.ThoughtText, Format: llm.FormatAnthropic}), thought(0, llm.Thought{Text: "hm"}), thought(0, llm.Thought{Signature: "cw=="}), shut(0),
		thinks(1, llm.Thought{Type: llm.ThoughtSummary, Format: llm.FormatOpenAI, ID: "rs_1"}), thought(1, llm.Thought{Text: "hm"}), shut(1),
		thinks(2, llm.Thought{Type: llm.ThoughtEncrypted, Format: llm.FormatOpenAI, ID: "rs_1", Data: "ZQ=="}), shut(2),
		open(3, llm.BlockText), probed,
		{Kind: llm.Cite, Block: 3, Citation: &llm.Citation{URL: "https://e.org", Title: "E"}},
		{Kind: llm.Cite, Block: 3, Citation: &llm.Citation{Title: "E"}},
		shut(3),
		open(4, llm.BlockRefusal), delta(4, "no"), shut(4),
		open(5, llm.BlockImage), media(5, llm.Media{MIME: "image/png", Data: "QUJD"}), shut(5),
		calls(6, llm.ToolCall{ID: "a", Name: "f"}), args(6, "{}"), shut(6),
		calls(7, llm.ToolCall{ID: "b", Name: "patch"}), args(7, `{"input":"x"}`), shut(7),
		calls(8, llm.ToolCall{ID: "c", Name: "shell"}), args(8, `{"commands":["ls"]}`), shut(8),
		calls(9, llm.ToolCall{ID: "d", Name: "apply_patch"}), args(9, `{"type":"delete_file","path":"a"}`), shut(9),
	}
	const body = `"model":"m","input":"hi","instructions":"Be brief.","metadata":{"a":"b"},"user":"u","text":{"format":{"type":"text"},"verbosity":"low"},"reasoning":{"effort":"high"},
		"tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":null},{"type":"custom","name":"patch","format":{"type":"text"}},{"type":"shell"},{"type":"apply_patch"}],
		"tool_choice":{"type":"function","name":"f"},"max_output_tokens":99,"truncation":"auto","top_logprobs":2}`
	for name, body := range map[string]string{"asked for much": body, "asked for little": greeting + `}`} {
		for _, f := range []llm.Finished{llm.FinishStop, llm.FinishLength, llm.FinishError} {
			all := append(slices.Clip(events), finish(f))
			checkResponse(t, d, said(t, `{`+body, all...))
			checkEvents(t, d, said(t, `{"stream":true,`+body, all...))
		}
		var out, whole pipe
		e, w := emitter(t, &out, `{"stream":true,`+body), emitter(t, &whole, `{`+body)
		emit(t, e, llm.Chunk{Events: events[:10]})
		emit(t, w, llm.Chunk{Events: events[:10]})
		failure := &llm.Error{Type: llm.TypeRateLimit, Message: "slow down"}
		if err := errors.Join(e.Fail(failure, llm.Usage{}), w.Fail(failure, llm.Usage{})); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkResponse(t, d, whole.String())
		checkEvents(t, d, out.String())
	}
}

func checkResponse(t *testing.T, d *document, text string) {
	t.Helper()
	if err := d.validate("#/components/schemas/OpenResponsesResult", object(t, text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func checkEvents(t *testing.T, d *document, stream string) {
	t.Helper()
	list, err := frames(stream)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		reference, ok := d.events[text(m, "type")].(string)
		if !ok {
			continue // of a kind that only the vendor knows
		}
		if err := d.validate(reference, m); err != nil {
			t.Errorf("%v\n%s", err, compact(t, m))
		}
	}
}

// What vendors of the same dialect say is brought into the public document's form.
func TestContractOfForwarded(t *testing.T) {
	t.Parallel()
	d := need(t)
	for name, sse := range vendors(t) {
		if name == "plain/local-shell.txtar" {
			continue // the document has the tool, and not the item that calls it
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, _, _ := strings.Cut(name, "/")
			chunks, failure := told(sse, folders()[folder])
			checkEvents(t, d, passed(t, chunks, failure, streamed))
			if failure == nil {
				checkResponse(t, d, passed(t, chunks, failure, plain))
			}
		})
	}
}
