package schema

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what fixtures expect")

// probes are, for each keyword, a schema of a member's that uses it with a value
// that no vendor refuses for its own sake.
func probes() map[string]string {
	return map[string]string{
		"title":            `{"type":"string","title":"t"}`,
		"description":      `{"type":"string","description":"d"}`,
		"default":          `{"type":"string","default":"d"}`,
		"example":          `{"type":"string","example":"e"}`,
		"examples":         `{"type":"string","examples":["e"]}`,
		"propertyOrdering": `{"type":"object","properties":{"x":{"type":"string"}},"propertyOrdering":["x"],"required":["x"],"additionalProperties":false}`,
		"deprecated":       `{"type":"string","deprecated":true}`,
		"readOnly":         `{"type":"string","readOnly":true}`,
		"writeOnly":        `{"type":"string","writeOnly":true}`,
		"contentEncoding":  `{"type":"string","contentEncoding":"base64"}`,
		"contentMediaType": `{"type":"string","contentMediaType":"text/plain"}`,
		"contentSchema":    `{"type":"string","contentSchema":{"type":"string"}}`,
		"$schema":          `{"type":"string","$schema":"https://json-schema.org/draft/2020-12/schema"}`,
		"$id":              `{"type":"string","$id":"here"}`,
		"$comment":         `{"type":"string","$comment":"c"}`,
		"$vocabulary":      `{"type":"string","$vocabulary":{}}`,

		"$ref":             `{"$ref":"#/$defs/D"}`,
		"$dynamicRef":      `{"$dynamicRef":"#D"}`,
		"$recursiveRef":    `{"$recursiveRef":"#/$defs/D"}`,
		"$defs":            `{"$ref":"#/$defs/D"}`,
		"definitions":      `{"$ref":"#/definitions/E"}`,
		"$anchor":          `{"type":"string","$anchor":"here"}`,
		"$dynamicAnchor":   `{"type":"string","$dynamicAnchor":"here"}`,
		"$recursiveAnchor": `{"type":"string","$recursiveAnchor":false}`,

		"type":     `{"type":"string"}`,
		"nullable": `{"type":"string","nullable":true}`,
		"enum":     `{"type":"string","enum":["a","b"]}`,
		"const":    `{"type":"string","const":"a"}`,
		"anyOf":    `{"anyOf":[{"type":"string"},{"type":"integer"}]}`,
		"oneOf":    `{"oneOf":[{"type":"string"},{"type":"integer"}]}`,
		"allOf":    `{"allOf":[{"type":"string"},{"type":["string","integer"]}]}`,
		"not":      `{"type":"string","not":{"type":"string","const":"a"}}`,
		"if":       `{"type":"string","if":{"const":"a"},"then":true}`,
		"then":     `{"type":"string","if":{"const":"a"},"then":{"minLength":1}}`,
		"else":     `{"type":"string","if":{"const":"a"},"else":{"minLength":1}}`,

		"properties":            `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}`,
		"required":              `{"type":"object","properties":{"x":{"type":["string","null"]},"y":{"type":"string"}},"required":["y"],"additionalProperties":false}`,
		"additionalProperties":  `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":{"type":"integer"}}`,
		"patternProperties":     `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"patternProperties":{"^z":{"type":"string"}}}`,
		"propertyNames":         `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"propertyNames":{"maxLength":3}}`,
		"minProperties":         `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"minProperties":1}`,
		"maxProperties":         `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"maxProperties":1}`,
		"dependentRequired":     `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"dependentRequired":{"x":["x"]}}`,
		"dependentSchemas":      `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"dependentSchemas":{"x":true}}`,
		"dependencies":          `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"dependencies":{"x":["x"]}}`,
		"unevaluatedProperties": `{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"unevaluatedProperties":false}`,

		"items":            `{"type":"array","items":{"type":"string"}}`,
		"prefixItems":      `{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"string"}}`,
		"additionalItems":  `{"type":"array","items":[{"type":"string"}],"additionalItems":{"type":"string"}}`,
		"contains":         `{"type":"array","items":{"type":"string"},"contains":{"const":"a"}}`,
		"minContains":      `{"type":"array","items":{"type":"string"},"contains":{"const":"a"},"minContains":1}`,
		"maxContains":      `{"type":"array","items":{"type":"string"},"contains":{"const":"a"},"maxContains":1}`,
		"minItems":         `{"type":"array","items":{"type":"string"},"minItems":1}`,
		"maxItems":         `{"type":"array","items":{"type":"string"},"maxItems":1}`,
		"uniqueItems":      `{"type":"array","items":{"type":"string"},"uniqueItems":true}`,
		"unevaluatedItems": `{"type":"array","unevaluatedItems":{"type":"string"}}`,

		"minimum":          `{"type":"integer","minimum":1}`,
		"exclusiveMinimum": `{"type":"integer","exclusiveMinimum":1}`,
		"maximum":          `{"type":"integer","maximum":1}`,
		"exclusiveMaximum": `{"type":"integer","exclusiveMaximum":1}`,
		"multipleOf":       `{"type":"integer","multipleOf":2}`,

		"minLength": `{"type":"string","minLength":1}`,
		"maxLength": `{"type":"string","maxLength":1}`,
		"pattern":   `{"type":"string","pattern":"a+"}`,
		"format":    `{"type":"string","format":"date"}`,
	}
}

// What the table says of a keyword is what is done with it, for every keyword and
// subset.
func TestTable(t *testing.T) {
	t.Parallel()
	subsets := map[string]Subset{}
	for _, s := range Subsets() {
		subsets[s.Name()] = s
	}
	rows := Table()
	if want := len(subsets) * len(probes()); len(rows) != want {
		t.Errorf("%d rows, want %d: a keyword without a probe?", len(rows), want)
	}
	for _, row := range rows {
		t.Run(row.Subset+"/"+row.Keyword, func(t *testing.T) {
			t.Parallel()
			probe, ok := probes()[row.Keyword]
			if !ok {
				t.Fatal("no probe")
			}
			in := `{"type":"object","properties":{"p":` + probe + `},"required":["p"],"additionalProperties":false,` +
				`"$defs":{"D":{"$dynamicAnchor":"D","type":"string"}},"definitions":{"E":{"type":"string"}}}`
			result, err := Compile(jsontext.Value(in), subsets[row.Subset])
			if err != nil {
				t.Fatal(err)
			}
			checkStable(t, result, subsets[row.Subset])
			sent := strings.Contains(string(result.Schema), memberOf(t, in, row.Keyword))
			lost := slices.ContainsFunc(result.Lost, func(entry string) bool { return strings.HasSuffix(entry, ": "+row.Keyword) })
			k := newCompiler(nil, Subset{}).keywords[row.Keyword]
			switch {
			case row.Action == Keep && (!sent || lost):
				t.Errorf("not kept: %s, lost %q", result.Schema, result.Lost)
			case row.Action == Rewrite && sent:
				t.Errorf("not rewritten: %s", result.Schema)
			case row.Action == Rewrite && lost && row.Keyword != "prefixItems":
				t.Errorf("rewritten and lost: %q", result.Lost)
			case row.Action == Drop && sent:
				t.Errorf("not dropped: %s", result.Schema)
			case row.Action == Drop && lost != (k.role == assertion):
				t.Errorf("dropped, lost %q", result.Lost)
			}
		})
	}
}

// memberOf is the text of a keyword's member in a probe.
func memberOf(t *testing.T, in, keyword string) string {
	t.Helper()
	top, err := parse(jsontext.Value(in))
	if err != nil {
		t.Fatal(err)
	}
	v := top.get("properties").get("p")
	if val := v.get(keyword); val != nil {
		return string(quoted(keyword).raw) + ":" + string(val.raw)
	}
	return string(quoted(keyword).raw) + ":{"
}

// The page that is made of the table.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	const file = "testdata/table.md"
	got := Markdown()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got, and -update writes it:\n%s", diff)
	}
}
