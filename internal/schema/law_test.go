package schema

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

// The two laws of the package, that what comes out is within the subset, and that
// to compile it again changes nothing.
func TestLaws(t *testing.T) {
	t.Parallel()
	for _, s := range Subsets() {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				in := generator{t}.document()
				before, err := validator(in)
				if err != nil {
					t.Skip(err) // rapid draws another: the validator knows no such schema
				}
				result, err := Compile(jsontext.Value(in), s)
				if err != nil {
					if strings.Contains(err.Error(), "want") && !strings.Contains(err.Error(), "at the root") {
						t.Fatalf("%s: %v", in, err)
					}
					return // nothing is valid, or no object is
				}
				after, err := validator(string(result.Schema))
				if err != nil {
					t.Fatalf("%s\nbecame\n%s: %v", in, result.Schema, err)
				}
				checkStable(t, result, s)
				asked, askedErr := parse(jsontext.Value(in))
				told, toldErr := parse(result.Schema)
				if err := errors.Join(askedErr, toldErr); err != nil {
					t.Fatal(err)
				}
				for range 30 {
					instance := generator{t}.near(asked, told)
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(instance))
					if err != nil {
						t.Fatal(err)
					}
					was, is := before.Validate(value) == nil, after.Validate(value) == nil
					if was && !is && result.Added == nil {
						t.Fatalf("%s\nbecame\n%s\nwhich refuses %s: %v\nlost %q, added none", in, result.Schema, instance, after.Validate(value), result.Lost)
					}
					if is && !was && result.Lost == nil {
						t.Fatalf("%s\nbecame\n%s\nwhich takes %s: %v\nlost none, added %q", in, result.Schema, instance, before.Validate(value), result.Added)
					}
				}
			})
		})
	}
}

// checkStable checks a result against its subset, and that it is a fixed point.
func checkStable(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, result Result, s Subset,
) {
	t.Helper()
	if !result.Schema.IsValid() || len(result.Schema) > maxBytes {
		t.Fatalf("not JSON, or too much of it: %d bytes", len(result.Schema))
	}
	for _, notes := range [...][]string{result.Lost, result.Added} {
		if len(notes) > maxNotes+1 || !slices.IsSorted(notes[:min(len(notes), maxNotes)]) || len(notes) > maxNotes && notes[maxNotes] != "..." {
			t.Fatalf("notes: %q", notes)
		}
	}
	top, err := parse(result.Schema)
	if err != nil {
		t.Fatalf("%s: %v", result.Schema, err)
	}
	if !s.verbatim {
		r := rules{s, map[string]keyword{}}
		for _, k := range keywords() {
			r.known[k.name] = k
		}
		if complaint := r.conforms(top, true, 0); complaint != "" {
			t.Fatalf("not within %s: %s\n%s", s.Name(), complaint, result.Schema)
		}
	}
	again, err := Compile(result.Schema, s)
	if err != nil {
		t.Fatalf("%s again: %v", result.Schema, err)
	}
	if !bytes.Equal(again.Schema, result.Schema) || again.Lost != nil || again.Added != nil {
		t.Fatalf("%s\nbecame, when compiled again,\n%s\nlost %q, added %q", result.Schema, again.Schema, again.Lost, again.Added)
	}
}

// rules are what a subset's schemas are held to.
type rules struct {
	Subset

	known map[string]keyword
}

// conforms says what of a schema the vendor would refuse.
func (s rules) conforms(v *value, root bool, level int) string {
	if v.kind != '{' {
		return "a schema is " + kindName(v.kind)
	}
	var t types
	if typ := v.get("type"); typ != nil {
		t = typeList(typ)
		if !s.typeLists && typ.kind != '"' {
			return "type is a list"
		}
	}
	for i, key := range v.keys {
		val := v.vals[i]
		written := key == "required" || key == "additionalProperties"
		switch {
		case s.known[key].name == "":
			return "what is " + key
		case s.action(s.known[key]) != Keep && !written:
			return key
		case !s.known[key].shape.fits(val):
			return key + ": " + s.known[key].shape.want()
		case t != 0 && s.known[key].of&t == 0:
			return key + " beside a type that it does not speak of"
		}
		switch key {
		case "anyOf", "prefixItems":
			if key == "anyOf" && len(val.vals) < 2 {
				return "anyOf of one"
			}
			for _, alt := range val.vals {
				if c := s.conforms(alt, false, level); c != "" {
					return c
				}
			}
		case "items":
			if c := s.conforms(val, false, level); c != "" {
				return c
			}
		case "properties":
			for _, p := range val.vals {
				if c := s.conforms(p, false, level+1); c != "" {
					return c
				}
			}
		case "$defs":
			if !root {
				return "$defs below the root"
			}
			for _, p := range val.vals {
				if c := s.conforms(p, false, 0); c != "" {
					return c
				}
			}
		case "additionalProperties":
			if val.kind == '{' {
				if c := s.conforms(val, false, level+1); c != "" {
					return c
				}
			}
		case "enum":
			for _, e := range val.vals {
				if typeOf(e)&s.enums == 0 || t != 0 && typeOf(e)&t == 0 && !(s.nullable && e.kind == 'n') {
					return "enum holds " + kindName(e.kind)
				}
			}
		case "required":
			props := v.get("properties")
			for _, name := range requiredNames(val) {
				if props == nil || props.get(name) == nil {
					return "required " + name + " is no property"
				}
			}
		case "pattern":
			if !s.takesPattern(val.text()) {
				return "pattern"
			}
		case "format":
			if !s.takesFormat(val.text()) {
				return "format"
			}
		case "minItems":
			if s.minItems > 0 && val.number() > s.minItems {
				return "minItems"
			}
		case "$ref":
			if len(v.keys) > 1 {
				return "beside $ref stands something"
			}
		}
	}
	switch {
	case s.unionAlone && v.get("anyOf") != nil && len(v.keys) > 1 && !root:
		return "beside anyOf stands something"
	case s.typed && t == 0 && v.get("anyOf") == nil && v.get("$ref") == nil:
		return "no type"
	case root && s.root && t != typeObject:
		return "the root is no object"
	case t&typeArray != 0 && s.listItems && v.get("items") == nil:
		return "no items"
	}
	if t&typeObject == 0 {
		return ""
	}
	props, rest, required := v.get("properties"), v.get("additionalProperties"), v.get("required")
	switch {
	case s.nesting > 0 && level >= s.nesting:
		return "objects nest too deep"
	case s.closed && (rest == nil || rest.kind != 'f'):
		return "an open object"
	case s.requireAll && (props == nil || required == nil || len(required.vals) != len(props.keys)):
		return "an optional property"
	case s.requireOne && props != nil && len(props.keys) > 0 && (required == nil || len(required.vals) == 0):
		return "nothing is required"
	}
	return ""
}

func requiredNames(v *value) []string {
	names, _ := v.strings()
	return names
}

// validator is a schema of JSON Schema draft 2020-12 and OpenAPI's nullable.
func validator(schema string) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("schema:", plainNull(document)); err != nil {
		return nil, err
	}
	return c.Compile("schema:")
}

// plainNull says OpenAPI's nullable in JSON Schema.
func plainNull(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = plainNull(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNull(v[k])
		}
		if nullable, ok := v["nullable"].(bool); ok {
			delete(v, "nullable")
			if nullable {
				out := map[string]any{"anyOf": []any{v, map[string]any{"type": "null"}}}
				if defs, ok := v["$defs"]; ok {
					delete(v, "$defs")
					out["$defs"] = defs
				}
				return out
			}
		}
	}
	return v
}
