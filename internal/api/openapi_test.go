package api_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document is the public OpenAPI document as JSON Schema, which since version
// 3.1 its schemas are.
type document struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// openDocument mends the one error of the document, and opens the vocabularies
// that a gateway of one's own adds to (CT-15).
var openDocument = sync.OnceValues(func() (*document, error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "reference", "openrouter-openapi.yaml"))
	if err != nil {
		return nil, err
	}
	// exclusiveMinimum is a number in this version of JSON Schema.
	text = bytes.Replace(text, []byte("          exclusiveMinimum: true\n          minimum: 0\n"), []byte("          exclusiveMinimum: 0\n"), 1)
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	delete(schemas["ProviderName"].(map[string]any), "enum")
	delete(schemas["ProviderResponse"].(map[string]any)["properties"].(map[string]any)["provider_name"].(map[string]any), "enum")
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", doc); err != nil {
		return nil, err
	}
	return &document{compiler: c}, nil
})

// answer is the schema of an answer. The compiler keeps what it compiled.
func (d *document) answer(method, path string, status int) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	where := []string{"paths", path, strings.ToLower(method), "responses", strconv.Itoa(status), "content", "application/json", "schema"}
	for i, token := range where {
		where[i] = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(token)
	}
	return d.compiler.Compile("openapi.json#/" + strings.Join(where, "/"))
}

// shared is the document, or nil where it may be missing and is.
func shared(t *testing.T) *document {
	t.Helper()
	d, err := openDocument()
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") != "true" {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// conform checks a body against what the document says of an answer.
func conform(t *testing.T, method, path string, status int, body []byte) {
	t.Helper()
	d := shared(t)
	if d == nil {
		t.Log("shapes are not compared: the OpenAPI document is not here")
		return
	}
	schema, err := d.answer(method, path, status)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %s is not what the document says: %v", method, path, err)
	}
}

// TestConform: a member that is missing or of the wrong type does not pass.
func TestConform(t *testing.T) {
	t.Parallel()
	d := shared(t)
	if d == nil {
		t.Skip("the OpenAPI document is not here")
	}
	schema, err := d.answer("GET", "/models", 200)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`{"data":[],"total_count":0,"links":{"next":null}}`:    true,
		`{"data":[],"total_count":0}`:                          false,
		`{"data":[],"total_count":null,"links":{"next":null}}`: false,
		`{"data":[],"total_count":0,"links":{"next":1}}`:       false,
		`{"data":[{}],"total_count":1,"links":{"next":null}}`:  false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
