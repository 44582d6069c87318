package schema

import (
	"bytes"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The bounds of what is checked. To check is a matter of statistics, so that what would
// take long is not checked.
const (
	maxChecked = 32 << 10   // bytes of a document
	maxNodes   = 10_000     // of a schema, with its references followed
	maxSteps   = 50_000_000 // nodes times bytes
)

// Accepts reports whether a schema accepts a document (JSON Schema draft 7, HM-06). known
// is false where that cannot be told: the schema is missing, broken, refers to what is
// not in it, to itself or beyond all bounds, or the document is very long.
func Accepts(schema, document []byte) (ok, known bool) {
	if len(schema) == 0 || len(document) > maxChecked {
		return false, false
	}
	top, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return false, false
	}
	size := nodes(top, top, maxNodes)
	if size >= maxNodes || size*len(document) > maxSteps {
		return false, false
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(jsonschema.SchemeURLLoader{}) // which has no scheme
	const name = "memory:schema"
	if c.AddResource(name, top) != nil {
		return false, false
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return false, false
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return false, true
	}
	return compiled.Validate(value) == nil, true
}

// nodes counts the values of a schema with every reference followed, up to a limit: one
// that refers to itself reaches any.
func nodes(top, v any, limit int) int {
	if limit <= 1 {
		return limit
	}
	n := 1
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if n += nodes(top, x, limit-n); n >= limit {
				return limit
			}
		}
	case map[string]any:
		for name, x := range v {
			switch ref, isText := x.(string); {
			case name == "$id" || name == "id" && isText || name == "$anchor" || name == "$dynamicRef" || name == "$recursiveRef":
				return limit // whose meaning depends on where it stands
			case name == "$ref" && isText:
				to, found := pointed(top, ref)
				if !found {
					return limit
				}
				x = to
			}
			if n += nodes(top, x, limit-n); n >= limit {
				return limit
			}
		}
	}
	return n
}

// pointed is what a reference within the schema points to.
func pointed(v any, ref string) (any, bool) {
	if ref == "#" {
		return v, true
	}
	path, inside := strings.CutPrefix(ref, "#/")
	if !inside {
		return nil, false
	}
	for name := range strings.SplitSeq(path, "/") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		if v, ok = object[name]; !ok {
			return nil, false
		}
	}
	return v, true
}
