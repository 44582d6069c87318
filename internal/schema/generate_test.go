package schema

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// generator draws schemas and instances that have something to do with each other:
// few names, few values.
type generator struct{ t *rapid.T }

func (g generator) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(g.t, label)
}

func (g generator) chance(percent int) bool {
	return rapid.IntRange(1, 100).Draw(g.t, "chance") <= percent
}

// document is a schema: half are of what most vendors take, and half of anything.
func (g generator) document() string {
	if g.chance(50) {
		root := g.tame(3)
		if g.chance(80) {
			root = g.closed(3)
		}
		return root[:len(root)-1] + `,"$defs":{"A":` + g.tame(2) + `,"B":` + g.closed(2) + `}}`
	}
	members := g.members(3)
	if g.chance(60) { // most roots are objects
		members = append([]string{`"type":"object"`}, slices.DeleteFunc(members, func(m string) bool {
			return strings.HasPrefix(m, `"type"`) || strings.HasPrefix(m, `"enum"`) || strings.HasPrefix(m, `"const"`)
		})...)
		if g.chance(70) && !slices.ContainsFunc(members, func(m string) bool { return strings.HasPrefix(m, `"properties"`) }) {
			members = append(members, g.properties(3))
		}
	}
	members = append(members, `"$defs":{"A":`+g.schema(2)+`,"B":`+g.schema(2)+`}`)
	return "{" + strings.Join(members, ",") + "}"
}

// tame is a schema of an object's.
func (g generator) tame(depth int) string {
	kinds := []string{"string", "integer", "enum", "const", "ref", "list", "object", "union", "both", "one"}
	if depth <= 0 {
		kinds = kinds[:5]
	}
	switch g.pick("tame", kinds...) {
	case "string":
		return `{"type":` + g.pick("type", `"string"`, `["string","null"]`, `["string","integer"]`) + `}`
	case "integer":
		bound := g.pick("bound", "", "", `,"minimum":1`, `,"exclusiveMinimum":0`, `,"maximum":1`, `,"exclusiveMaximum":2`)
		return `{"type":` + g.pick("type", `"integer"`, `"number"`, `["integer","null"]`) + bound + `}`
	case "enum":
		return `{"enum":` + g.pick("enum", `["a","b"]`, `["a",null]`, `[1,"a"]`, `[true,false]`, `[0.5,2]`, `[null,true,false,"b"]`) + `}`
	case "const":
		return `{"const":` + g.pick("const", `"a"`, `"b"`, "1", "null", "true") + `}`
	case "ref":
		return g.pick("ref", `{"$ref":"#/$defs/A"}`, `{"$ref":"#/$defs/B"}`, `{"$ref":"#/$defs/B","description":"x"}`, `{"$ref":"#"}`)
	case "list":
		return `{"type":"array","items":` + g.tame(depth-1) + g.pick("length", "", "", `,"minItems":1`, `,"maxItems":1`) + `}`
	case "union":
		return `{"anyOf":[` + g.tame(depth-1) + "," + g.tame(depth-1) + `]}`
	case "both":
		return `{"allOf":[` + g.tame(depth-1) + "," + g.tame(depth-1) + `]}`
	case "one":
		return `{"oneOf":[` + g.tame(depth-1) + "," + g.tame(depth-1) + `]}`
	default:
		return g.closed(depth)
	}
}

// closed is an object that refuses what it does not name, and mostly requires
// what it does.
func (g generator) closed(depth int) string {
	var props, names []string
	for _, name := range []string{"a", "b", "c"} {
		if g.chance(60) {
			props = append(props, fmt.Sprintf("%q:%s", name, g.tame(depth-1)))
			names = append(names, `"`+name+`"`)
		}
	}
	if g.chance(20) {
		names = names[:len(names)/2]
	}
	out := `{"type":"object","properties":{` + strings.Join(props, ",") + `},"required":[` + strings.Join(names, ",") + `],"additionalProperties":false`
	if depth > 0 && g.chance(15) {
		out += `,"` + g.pick("key", "anyOf", "oneOf", "allOf") + `":[` + g.closed(depth-1) + "," + g.closed(depth-1) + `]`
	}
	return out + "}"
}

func (g generator) schema(depth int) string {
	if g.chance(4) {
		return g.pick("boolean", "true", "false", "{}")
	}
	return "{" + strings.Join(g.members(depth), ",") + "}"
}

func (g generator) properties(depth int) string {
	var props []string
	for _, name := range []string{"a", "b", "c"} {
		if g.chance(55) {
			props = append(props, fmt.Sprintf("%q:%s", name, g.schema(depth-1)))
		}
	}
	return `"properties":{` + strings.Join(props, ",") + "}"
}

func (g generator) list(depth int) string {
	var list []string
	for range rapid.IntRange(1, 3).Draw(g.t, "branches") {
		list = append(list, g.schema(depth-1))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// members are those of a schema, each keyword once.
func (g generator) members(depth int) []string {
	var out []string
	add := func(percent int, member func() string) {
		if g.chance(percent) {
			out = append(out, member())
		}
	}
	number := func(key string) func() string {
		return func() string { return `"` + key + `":` + g.pick(key, "0", "1", "2", "0.5") }
	}
	count := func(key string) func() string {
		return func() string { return `"` + key + `":` + g.pick(key, "0", "1", "2") }
	}
	if g.chance(10) {
		out = append(out, `"description":`+g.pick("description", `"x"`, `"y"`))
	}
	kind := g.pick("kind", "string", "number", "object", "object", "array", "values", "union", "ref", "mixed")
	if depth <= 0 {
		kind = g.pick("leaf", "string", "number", "values", "ref")
	}
	mixed := kind == "mixed"
	if kind == "string" || mixed {
		add(80, func() string { return `"type":` + g.pick("type", `"string"`, `["string","null"]`) })
		add(20, count("minLength"))
		add(20, count("maxLength"))
		add(20, func() string { return `"pattern":` + g.pick("pattern", `"a"`, `"^a$"`, `"b*"`, `"^b"`) })
		add(15, func() string { return `"format":` + g.pick("format", `"date"`, `"email"`, `"ipv4"`, `"byte"`) })
	}
	if kind == "number" {
		add(80, func() string {
			return `"type":` + g.pick("type", `"number"`, `"integer"`, `["integer","null"]`, `["number","string"]`)
		})
	}
	if kind == "number" || mixed {
		add(20, number("minimum"))
		add(20, number("maximum"))
		add(20, number("exclusiveMinimum"))
		add(20, number("exclusiveMaximum"))
		add(15, func() string { return `"multipleOf":` + g.pick("multipleOf", "2", "0.5") })
	}
	if kind == "object" {
		add(80, func() string { return `"type":` + g.pick("type", `"object"`, `"object"`, `["object","null"]`) })
	}
	if kind == "object" || mixed && depth > 0 {
		add(80, func() string { return g.properties(depth) })
		add(50, func() string {
			return `"required":` + g.pick("required", `["a"]`, `["b"]`, `["a","b"]`, `[]`, `["a","b","c"]`)
		})
		add(50, func() string {
			if g.chance(70) {
				return `"additionalProperties":` + g.pick("rest", "false", "false", "true")
			}
			return `"additionalProperties":` + g.schema(depth-1)
		})
		add(12, func() string { return `"patternProperties":{"a|c":` + g.schema(depth-1) + "}" })
		add(6, func() string { return `"unevaluatedProperties":` + g.pick("unevaluated", "false", "true") })
		add(5, count("minProperties"))
		add(5, count("maxProperties"))
		add(4, func() string { return `"propertyNames":{"pattern":"a|b"}` })
		add(4, func() string { return `"dependentRequired":{"a":["b"]}` })
		add(4, func() string { return `"dependentSchemas":{"a":` + g.schema(depth-1) + "}" })
		add(5, func() string { return `"propertyOrdering":["b","a"]` })
	}
	if kind == "array" {
		add(80, func() string { return `"type":` + g.pick("type", `"array"`, `["array","string"]`) })
	}
	if kind == "array" || mixed && depth > 0 {
		add(70, func() string { return `"items":` + g.schema(depth-1) })
		add(20, func() string { return `"prefixItems":` + g.list(depth) })
		add(20, count("minItems"))
		add(20, count("maxItems"))
		add(10, func() string { return `"uniqueItems":` + g.pick("unique", "true", "false") })
		add(5, func() string { return `"contains":` + g.schema(depth-1) })
		add(6, func() string { return `"unevaluatedItems":false` })
	}
	values := []string{`"a"`, `"b"`, "1", "2", "0.5", "null", "true", "false", `{"a":1}`, "[]"}
	if kind == "values" || mixed && g.chance(30) {
		if g.chance(50) {
			out = append(out, `"const":`+g.pick("const", values...))
		} else {
			n := rapid.IntRange(1, 4).Draw(g.t, "values")
			at := rapid.IntRange(0, len(values)-n).Draw(g.t, "at")
			out = append(out, `"enum":[`+strings.Join(values[at:at+n], ",")+"]")
		}
	}
	if depth > 0 && (kind == "union" || g.chance(10)) {
		key := g.pick("union", "anyOf", "oneOf", "allOf", "anyOf")
		out = append(out, fmt.Sprintf("%q:%s", key, g.list(depth)))
	}
	if kind == "ref" || g.chance(5) {
		out = append(out, `"$ref":`+g.pick("ref", `"#/$defs/A"`, `"#/$defs/B"`, `"#/$defs/A"`, `"#"`))
	}
	if depth > 0 {
		add(3, func() string { return `"not":` + g.schema(depth-1) })
		add(3, func() string { return `"if":` + g.schema(depth-1) + `,"then":` + g.schema(depth-1) })
		add(3, func() string { return `"nullable":` + g.pick("nullable", "true", "false") })
	}
	return out
}

func (g generator) instance(depth int) string {
	kinds := []string{"scalar", "object", "object", "array"}
	if depth == 0 {
		kinds = kinds[:1]
	}
	switch g.pick("instance", kinds...) {
	case "object":
		var members []string
		for _, name := range []string{"a", "b", "c", "d"} {
			if g.chance(map[bool]int{true: 55, false: 8}[name != "d"]) {
				members = append(members, fmt.Sprintf("%q:%s", name, g.instance(depth-1)))
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	case "array":
		var elements []string
		for range rapid.IntRange(0, 3).Draw(g.t, "length") {
			elements = append(elements, g.instance(depth-1))
		}
		return "[" + strings.Join(elements, ",") + "]"
	default:
		return g.pick("scalar", `"a"`, `"b"`, `""`, `"ab"`, `"2020-01-01"`, `"a@b.c"`, "0", "1", "2", "3", "-1", "0.5", "1.5", "null", "true", "false")
	}
}

// near is an instance: mostly one that one of two schemas may take.
func (g generator) near(schemas ...*value) string {
	if g.chance(20) {
		return g.instance(3)
	}
	top := schemas[rapid.IntRange(0, len(schemas)-1).Draw(g.t, "schema")]
	return g.under(top, &compiler{top: top}, 6)
}

// under is an instance that v may take: nothing of what it says is proof against
// the rest.
func (g generator) under(v *value, c *compiler, depth int) string {
	if v.kind != '{' || depth == 0 || g.chance(4) {
		return g.instance(1)
	}
	if n := v.get("nullable"); n != nil && n.kind == 't' && g.chance(30) {
		return "null"
	}
	if ref := v.get("$ref"); ref != nil && g.chance(90) {
		if target := c.resolve(v, "$ref", ref.text()); target != nil {
			return g.under(target, c, depth-1)
		}
	}
	if e := v.get("enum"); e != nil {
		return string(rapid.SampledFrom(e.vals).Draw(g.t, "value").raw)
	}
	if e := v.get("const"); e != nil {
		return string(e.raw)
	}
	for _, key := range [...]string{"anyOf", "oneOf", "allOf"} {
		if alts := v.get(key); alts != nil && (v.get("properties") == nil || g.chance(50)) {
			return g.under(rapid.SampledFrom(alts.vals).Draw(g.t, key), c, depth)
		}
	}
	t := typeAny
	if typ := v.get("type"); typ != nil {
		t = typeList(typ)
	} else if v.get("properties") != nil {
		t = typeObject
	}
	switch sets := t.split(); rapid.SampledFrom(sets).Draw(g.t, "type") & typeAny {
	case typeObject:
		return g.objectUnder(v, c, depth)
	case typeArray:
		var elements []string
		for range rapid.IntRange(0, 2).Draw(g.t, "length") {
			if items := v.get("items"); items != nil {
				elements = append(elements, g.under(items, c, depth-1))
			} else {
				elements = append(elements, g.instance(1))
			}
		}
		return "[" + strings.Join(elements, ",") + "]"
	case typeString:
		return g.pick("string", `"a"`, `"b"`, `""`, `"ab"`, `"2020-01-01"`)
	case typeBoolean:
		return g.pick("boolean", "true", "false")
	case typeNull:
		return "null"
	default:
		return g.pick("number", "0", "1", "2", "3", "-1", "0.5", "1.5")
	}
}

func (g generator) objectUnder(v *value, c *compiler, depth int) string {
	var members []string
	required, props := requiredNames(orEmpty(v.get("required"))), orEmpty(v.get("properties"))
	for i, name := range props.keys {
		if slices.Contains(required, name) && g.chance(97) || g.chance(40) {
			members = append(members, fmt.Sprintf("%q:%s", name, g.under(props.vals[i], c, depth-1)))
		}
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if props.get(name) == nil && (slices.Contains(required, name) || g.chance(6)) {
			members = append(members, fmt.Sprintf("%q:%s", name, g.instance(1)))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func orEmpty(v *value) *value {
	if v == nil {
		return list()
	}
	return v
}
