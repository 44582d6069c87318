package schema

import (
	"bytes"
	"fmt"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MaxChecked is the longest schema that [Accepts] looks at, in bytes.
const MaxChecked = 128 << 10

// The bounds of what is checked. To check is a matter of statistics, so that what would
// take long is not checked.
const (
	maxChecked  = 32 << 10  // bytes of a document
	maxNodes    = 10_000    // of a schema, with its references followed, and what its patterns compile to
	maxNesting  = 48        // of a schema: to compile it takes time by the third power of that
	maxSteps    = 2_000_000 // nodes times bytes: half a second at the worst
	maxNumber   = 64        // bytes of a number
	maxExponent = 3         // digits: numbers are compared exactly, with all their zeros
)

// Accepts reports whether a schema accepts a document (JSON Schema draft 7, HM-06). known
// is false where that cannot be told: the schema is missing, broken, refers to what is
// not in it, to itself or beyond all bounds, or the document is very long.
func Accepts(schema, document []byte) (ok, known bool) {
	if len(schema) == 0 || len(schema) > MaxChecked || len(document) > maxChecked {
		return false, false
	}
	top, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return false, false
	}
	size := nodes(top, top, maxNodes, maxNesting)
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
	if !moderate(value) {
		return false, false
	}
	return compiled.Validate(value) == nil, true
}

// nodes counts the values of a schema with every reference followed, up to a limit: one
// that refers to itself reaches any, and so does what takes long to check for another
// reason.
func nodes(top, v any, limit, depth int) int {
	if limit <= 1 || depth == 0 {
		return limit
	}
	n := 1
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if n += nodes(top, x, limit-n, depth-1); n >= limit {
				return limit
			}
		}
	case map[string]any:
		for name, x := range v {
			switch ref, isText := x.(string); {
			case name == "$id" || name == "id" && isText || name == "$anchor" || name == "$dynamicRef" || name == "$recursiveRef":
				return limit // whose meaning depends on where it stands
			case name == "format" && ref == "regex":
				return limit // of whatever the document brings
			case name == "pattern" && isText:
				n += instructions(ref, limit-n)
			case name == "patternProperties":
				object, _ := x.(map[string]any)
				for pattern := range object {
					n += instructions(pattern, limit-n)
				}
			case name == "$ref" && isText:
				to, found := pointed(top, ref)
				if !found {
					return limit
				}
				x = to
			}
			if n += nodes(top, x, limit-n, depth-1); n >= limit {
				return limit
			}
		}
	default:
		if !moderate(v) {
			return limit
		}
	}
	return n
}

// instructions is about how much a pattern compiles to, up to a limit.
func instructions(pattern string, limit int) int {
	if len(pattern) > maxNodes {
		return limit
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0 // then the schema does not compile
	}
	return min(weigh(re), limit)
}

func weigh(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += weigh(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Max, re.Min+1)
	}
	return n
}

// moderate reports whether all numbers of a value are of usual length.
func moderate(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if !moderate(x) {
				return false
			}
		}
	case map[string]any:
		for _, x := range v {
			if !moderate(x) {
				return false
			}
		}
	case fmt.Stringer: // a number in its own digits
		text := v.String()
		_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
		return len(text) <= maxNumber && len(strings.TrimLeft(exponent, "+-0")) <= maxExponent
	}
	return true
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
