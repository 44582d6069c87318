package schema

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func repeat(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

// Schemas that are large, deep or circular end in an error or in a bounded text,
// and soon.
func TestBounds(t *testing.T) {
	t.Parallel()
	wide := repeat(5_000, func(i int) string { return fmt.Sprintf(`"p%d":{"type":"string"}`, i) })
	names := repeat(5_000, func(i int) string { return fmt.Sprintf(`"p%d"`, i) })
	doubling := func(use string) string {
		return `{"type":"object","properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{` + repeat(60, func(i int) string {
			return fmt.Sprintf(`"d%d":%s`, i, strings.ReplaceAll(use, "NEXT", fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, min(i+1, 59))))
		}) + `}}`
	}
	for name, in := range map[string]string{
		"wide":           `{"type":"object","properties":{` + wide + `},"required":[` + names + `]}`,
		"wide merges":    `{"allOf":[` + repeat(20, func(int) string { return `{"$ref":"#/$defs/w"}` }) + `],"$defs":{"w":{"type":"object","properties":{` + wide + `}}}}`,
		"doubling":       doubling(`{"type":"object","properties":{"l":NEXT,"r":NEXT}}`),
		"doubling noted": doubling(`{"type":"object","properties":{"l":{"allOf":[NEXT],"description":"x"},"r":{"allOf":[NEXT],"description":"y"}}}`),
		"doubling allOf": doubling(`{"allOf":[NEXT,NEXT,{"type":"object"}]}`),
		"doubling anyOf": doubling(`{"anyOf":[NEXT,NEXT,{"type":"object","properties":{"x":NEXT}}]}`),
		"doubling oneOf": doubling(`{"oneOf":[NEXT,{"oneOf":[NEXT,{"type":"null"}]}]}`),
		"product": `{"type":"object","allOf":[` + repeat(12, func(i int) string {
			return fmt.Sprintf(`{"anyOf":[{"required":["a%d"]},{"required":["b%d"]},{"required":["c%d"]}]}`, i, i, i)
		}) + `]}`,
		"crossed": `{"allOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/B"}],"$defs":{
			"A":{"type":"object","properties":{"x":{"$ref":"#/$defs/A"},"y":{"$ref":"#/$defs/B"}}},
			"B":{"type":"object","properties":{"x":{"$ref":"#/$defs/B"},"y":{"allOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/B"}]}}}}}`,
		"chain": `{"$ref":"#/$defs/d0","$defs":{` + repeat(5_000, func(i int) string {
			return fmt.Sprintf(`"d%d":{"type":"array","items":{"$ref":"#/$defs/d%d"}}`, i, (i+1)%5_000)
		}) + `}}`,
		"long reference": `{"$ref":"#/$defs/d0","$defs":{` + repeat(5_000, func(i int) string {
			return fmt.Sprintf(`"d%d":{"$ref":"#/$defs/d%d"}`, i, (i+1)%5_000)
		}) + `}}`,
		"same enum": `{"type":"array","prefixItems":[` + repeat(2000, func(int) string { return `{"$ref":"#/$defs/e"}` }) + `],"$defs":{"e":{"enum":[` + names + `]}}}`,
		"exclusive": `{"oneOf":[` + repeat(64, func(i int) string {
			return fmt.Sprintf(`{"type":"object","properties":{"k":{"const":%d}},"required":["k",%s]}`, i, repeat(200, func(j int) string { return fmt.Sprintf(`"r%d"`, j) }))
		}) + `]}`,
		"anchors": `{"type":"object","properties":{` + repeat(3_000, func(i int) string {
			return fmt.Sprintf(`"p%d":{"$ref":"#a%d"},"q%d":{"$anchor":"a%d","type":"null"}`, i, i, i, i)
		}) + `}}`,
		"huge numbers": `{"type":"integer","minimum":-1e999999999,"exclusiveMaximum":1e999999999,"minLength":3}`,
		"long names":   `{"type":"object","properties":{"` + strings.Repeat("n", 400_000) + `":{"type":"object","properties":{` + repeat(5000, func(i int) string { return fmt.Sprintf(`"p%d":{"not":{}}`, i) }) + `}}}}`,
	} {
		for _, s := range []Subset{OpenAIStrict(), Gemini(), Vertex(), Anthropic(), AnthropicTool()} {
			t.Run(name+"/"+s.Name(), func(t *testing.T) {
				t.Parallel()
				result, err := Compile(jsontext.Value(in), s)
				if err == nil {
					checkStable(t, result, s)
				} else if len(err.Error()) > 300 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
			})
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"not JSON", `{"type":`, "is not valid JSON: "},
		{"nothing", ``, "is not valid JSON: "},
		{"two values", `{} {}`, "is not valid JSON: "},
		{"twice the same", `{"type":"string","type":"null"}`, `is not valid JSON: duplicate object member name "type"`},
		{"not UTF-8", "{\"title\":\"\xff\"}", "is not valid JSON: "},
		{"a string", `"string"`, "is not a JSON Schema: want an object or a boolean, got a string"},
		{"a list", `[]`, "is not a JSON Schema: want an object or a boolean, got an array"},
		{"null", `null`, "is not a JSON Schema: want an object or a boolean, got null"},
		{"deep", strings.Repeat(`{"not":`, 101) + "true" + strings.Repeat("}", 101), "is nested deeper than 100 levels, by itself or once its references are followed"},
		{"large", `{"title":"` + strings.Repeat("x", maxBytes) + `"}`, "is larger than 1 MiB, by itself or once its references are followed"},
		{"no schema", `{"properties":{"a":5}}`, "at /properties/a: want a schema (an object or a boolean)"},
		{"no type", `{"items":{"type":"str"}}`, `at /items: type: want "string", "number", `},
		{"nowhere", `{"$ref":"#/$defs/x"}`, `$ref: there is nothing at "#/$defs/x"`},
		{"no schema there", `{"$ref":"#/title","title":"t"}`, `$ref: there is no schema at "#/title"`},
		{"elsewhere", `{"$ref":"other.json#/x"}`, `$ref: want a reference within the schema, got "other.json#/x"`},
		{"no reference", `{"$ref":7}`, `$ref: want a string`},
		{"nothing valid", `{"allOf":[{"type":"string"},{"type":"null"}]}`, "accepts no value at all"},
		{"false", `false`, "accepts no value at all"},
		{"no alternatives", `{"anyOf":[]}`, "anyOf: want a list of at least one schema"},
		{"no count", `{"minItems":-1}`, "minItems: want a whole number that is not negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result, err := Compile(jsontext.Value(c.in), Gemini())
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %s, %v; want the error %q", result.Schema, err, c.want)
			}
		})
	}
	_, err := Compile(jsontext.Value(strings.Repeat(`{"type":"object","properties":{"a":`, 11)+"true"+strings.Repeat("}}", 11)), OpenAIStrict())
	if want := errors.New("at " + strings.Repeat("/properties/a", 10) + ": objects are nested deeper than 10 levels"); err == nil || err.Error() != want.Error() {
		t.Errorf("got %v, want %v", err, want)
	}
}

// A result's notes are few, sorted and cut.
func TestNotes(t *testing.T) {
	t.Parallel()
	in := `{"type":"object","properties":{` + repeat(40, func(i int) string { return fmt.Sprintf(`"p%02d":{"type":"string","pattern":"x"}`, 39-i) }) + `}}`
	result, err := Compile(jsontext.Value(in), Gemini())
	if err != nil {
		t.Fatal(err)
	}
	checkStable(t, result, Gemini())
	if len(result.Lost) != maxNotes+1 || result.Lost[0] != "/properties/p00: pattern" || result.Lost[maxNotes-1] != "/properties/p15: pattern" {
		t.Errorf("lost %q", result.Lost)
	}
}
