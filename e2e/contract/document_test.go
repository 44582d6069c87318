// Package contract holds the built binary to OpenRouter's public OpenAPI
// document: every route that is served, answers and errors, whole and streamed.
// A member that the document does not have fails as a missing one does, unless
// [ours] names it.
//
// The document lies beside the project (../shared/reference). Where it does not,
// the tests say so and skip; with CI=true that is a failure.
package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const documentPath = "../../../shared/reference/openrouter-openapi.yaml"

// document is the OpenAPI document, whose schemas are JSON Schema since it is of
// version 3.1.
type document struct {
	root     map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler // keeps what it compiled
}

// schema is a place in the document.
type schema struct {
	pointer string
	node    map[string]any
}

// errAbsent says that the references are not on this machine.
var errAbsent = errors.New("no " + documentPath)

// openDocument reads the document and mends what is wrong in it: one
// exclusiveMinimum is a boolean, as in OpenAPI 3.0. The names of providers are
// an open set (CT-15): ours are the operator's to choose.
func openDocument() (*document, error) {
	text, err := os.ReadFile(documentPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, err
	}
	wrong, right := []byte("exclusiveMinimum: true\n          minimum: 0\n"), []byte("exclusiveMinimum: 0\n")
	if n := bytes.Count(text, wrong); n != 1 {
		return nil, fmt.Errorf("%s: the known error is there %d times: look at what changed", documentPath, n)
	}
	d := &document{compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal(bytes.Replace(text, wrong, right, 1), &d.root); err != nil {
		return nil, fmt.Errorf("%s: %w", documentPath, err)
	}
	for _, names := range [][]string{
		{"components", "schemas", "ProviderName"},
		{"components", "schemas", "ProviderResponse", "properties", "provider_name"},
	} {
		s, err := d.at(names...)
		if err != nil {
			return nil, err
		}
		delete(s.node, "enum")
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", d.root); err != nil {
		return nil, err
	}
	return d, nil
}

// at is a place by the names on the way to it.
func (d *document) at(names ...string) (schema, error) {
	s := schema{node: d.root}
	for _, name := range names {
		next, ok := s.node[name].(map[string]any)
		if !ok {
			return schema{}, fmt.Errorf("%s is not in the document", strings.Join(names, " "))
		}
		s.pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
		s.node = next
	}
	return s, nil
}

// named is a schema that the document has by name.
func (d *document) named(t *testing.T, name string) schema {
	t.Helper()
	s, err := d.at("components", "schemas", name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// response is the schema of an answer. A status that the document does not have
// for the operation must be one of ours, and then is an error envelope.
func (d *document) response(method, template string, status int, mediaType string) (schema, error) {
	way := []string{"paths", template, strings.ToLower(method), "responses", strconv.Itoa(status)}
	if _, err := d.at(way...); err != nil {
		if slices.Contains(ourStatuses(template), status) {
			return d.at("components", "schemas", "ForbiddenResponse")
		}
		return schema{}, err
	}
	return d.at(append(way, "content", mediaType, "schema")...)
}

// check holds a JSON text to a schema, for what is missing or wrong and for what
// should not be there. where names the schema's place, for [ours].
func (d *document) check(s schema, where string, text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	d.mu.Lock()
	compiled, err := d.compiler.Compile("openapi.json#" + s.pointer)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	if err := compiled.Validate(v); err != nil {
		return err
	}
	strays := slices.DeleteFunc(d.undocumented("", []any{s.node}, v), func(at string) bool { return ours(where, at) })
	if len(strays) > 0 {
		return fmt.Errorf("not in the document: %s", strings.Join(slices.Compact(strays), ", "))
	}
	return nil
}

// undocumented lists the members of v that no schema of those that may describe
// it knows, as paths such as "data[].name". It is lenient where a value may be
// one of several: a member known to any of them is known.
func (d *document) undocumented(at string, schemas []any, v any) []string {
	known := d.flatten(schemas)
	var found []string
	switch v := v.(type) {
	case []any:
		var items []any
		for _, s := range known {
			if s["items"] != nil {
				items = append(items, s["items"])
			}
		}
		if len(items) == 0 {
			return nil
		}
		for _, element := range v {
			found = append(found, d.undocumented(at+"[]", items, element)...)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			member, open := describe(known, name)
			path := strings.TrimPrefix(at+"."+name, ".")
			switch {
			case len(member) > 0:
				found = append(found, d.undocumented(path, member, v[name])...)
			case !open:
				found = append(found, path)
			}
		}
	}
	slices.Sort(found)
	return found
}

// describe finds the schemas of a member. open says that the object may have
// members of any name.
func describe(object []map[string]any, name string) (member []any, open bool) {
	closed := false
	for _, s := range object {
		if properties, ok := s["properties"].(map[string]any); ok {
			closed = true
			if p := properties[name]; p != nil {
				member = append(member, p)
			}
		}
		switch more := s["additionalProperties"].(type) {
		case map[string]any:
			member = append(member, more)
		case bool:
			open = open || more
		}
	}
	return member, open || !closed
}

// flatten is the schemas and all that they are made of.
func (d *document) flatten(schemas []any) []map[string]any {
	var all []map[string]any
	seen := make(map[string]bool)
	var add func(s any)
	add = func(s any) {
		node, ok := s.(map[string]any)
		if !ok {
			return
		}
		if name, ok := node["$ref"].(string); ok {
			if !seen[name] {
				seen[name] = true
				if there, err := d.at(strings.Split(strings.TrimPrefix(name, "#/"), "/")...); err == nil {
					add(there.node)
				}
			}
			return
		}
		all = append(all, node)
		for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
			if of, ok := node[keyword].([]any); ok {
				for _, part := range of {
					add(part)
				}
			}
		}
	}
	for _, s := range schemas {
		add(s)
	}
	return all
}

// need is the document, or the end of the test.
func need(t *testing.T) *document {
	t.Helper()
	d, err := shared()
	if errors.Is(err, errAbsent) && os.Getenv("CI") != "true" {
		t.Skip("the public OpenAPI document is not here:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestCheckFails shows that the checks of this package are able to fail.
func TestCheckFails(t *testing.T) {
	t.Parallel()
	d := need(t)
	const good = `{"id":"gen-1","object":"chat.completion","created":1,"model":"a/b","system_fingerprint":null,
		"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}]}`
	tests := []struct {
		name, old, new string
		want           string // in the error, "" is no error
	}{
		{"good", "", "", ""},
		{"missing member", `"system_fingerprint":null,`, ``, "system_fingerprint"},
		{"wrong type", `"created":1`, `"created":"1"`, "created"},
		{"wrong word", `"chat.completion"`, `"completion"`, "object"},
		{"stray member", `"id":`, `"stray":1,"id":`, "not in the document: stray"},
		{"stray member deep down", `"role":`, `"stray":{},"role":`, "not in the document: choices[].message.stray"},
		{"member twice", `"created":1`, `"created":1,"created":1`, "duplicate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, tt.old, tt.new, 1)
			err := d.check(d.named(t, "ChatResult"), "ChatResult", []byte(text))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want an error with %s", err, strconv.Quote(tt.want))
			}
		})
	}
}
