package preset

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// infix is what stands in a model's name before the slug of a preset (PS-01).
const infix = "@preset/"

// reference is a preset as a body names it.
type reference struct {
	slug  string
	model string // that the request names beside it; "": none
	named bool   // the preset stands in the model's name
}

// refer finds the preset that a body names: by a model @preset/s or a/b@preset/s, or by a
// member preset (PS-01). Slug is "" where it names none. A body that cannot be read names
// none: it is refused by whoever parses it.
func refer(body []byte) (reference, []splice.Member, error) {
	var r reference
	if !mentions(body) {
		return r, nil, nil
	}
	members, err := splice.Members(body)
	if err != nil {
		return r, nil, nil //nolint:nilerr // whoever parses it says it better
	}
	member := ""
	for i := range members {
		value := members[i].Value(body)
		switch members[i].Name {
		case "preset":
			if value[0] != '"' && value[0] != 'n' {
				return r, nil, llm.Bad("preset: want the slug of a preset")
			}
			member = walk.Text(value)
		case "model":
			name := walk.Text(value)
			if model, slug, ok := strings.Cut(name, infix); ok {
				r = reference{slug: slug, model: model, named: true}
			}
		case "models":
			named := false
			walk.Elements(value, func(name []byte) { named = named || strings.Contains(walk.Text(name), infix) })
			if named {
				return r, nil, llm.Bad("models: a preset is named once, in model or in preset")
			}
		}
	}
	switch {
	case !r.named:
		r.slug = member
	case r.slug == "":
		return r, nil, llm.Bad("model: want the slug of a preset behind " + infix)
	case member != "" && member != r.slug:
		return r, nil, llm.Bad("preset: differs from the preset that the model names")
	}
	return r, members, nil
}

// mentions reports whether a body may name a preset. It costs next to nothing where it
// does not: nobody escapes letters, so that a body without the word has no such member.
func mentions(body []byte) bool {
	return bytes.Contains(body, []byte("preset")) ||
		bytes.Contains(body, []byte(`\u006`)) || bytes.Contains(body, []byte(`\u007`)) // letters, spelled out
}

// ready is a preset as it is merged into bodies of one dialect.
type ready struct {
	fields []field
	lost   []string // members that the dialect has no words for
	prompt string

	cached *bool          // cache_enabled
	ttl    jsontext.Value // cache_ttl_seconds
}

// prepare says a version in the words of a dialect.
func prepare(v Version, d llm.Dialect) ready {
	r := ready{prompt: v.Prompt}
	var fields []field
	members(v.Config, func(f field) {
		switch f.name {
		case "cache_enabled":
			if f.value[0] == 't' || f.value[0] == 'f' {
				r.cached = new(f.value[0] == 't')
			}
		case "cache_ttl_seconds":
			r.ttl = f.value
		default:
			if present(f.value) {
				fields = append(fields, f)
			}
		}
	})
	r.fields, r.lost = translate(v.Dialect, d, fields)
	return r
}

// merge is a body with what the preset says and the request does not (PS-02): a member
// that the request has stands, as it is and where it is, whatever the preset has under the
// name; null is not said. Tools are those of both (PS-03). What names the preset is gone.
// Unsaid is a system prompt that the body has no place for.
func merge(d llm.Dialect, body []byte, said []splice.Member, ref reference, r ready) (merged []byte, unsaid string, err error) {
	edits := []splice.Edit{splice.Remove("preset")}
	models := false
	for _, m := range said {
		switch value := m.Value(body); {
		case !present(value):
		case m.Name == "models" || m.Name == "fallbacks":
			models = true
		}
	}
	var tools jsontext.Value
	for _, f := range r.fields {
		switch {
		case f.name == "tools":
			tools = f.value
		case f.name == "model" && ref.named && ref.model == "":
			edits = append(edits, splice.Set(f.name, f.value))
			models = true
		case !slices.ContainsFunc(said, func(m splice.Member) bool { return displaces(d, m.Name, f.name) && present(m.Value(body)) }):
			edits = append(edits, splice.Set(f.name, f.value))
			models = models || f.name == "models" || f.name == "fallbacks"
		}
	}
	switch {
	case ref.model != "":
		edits = append(edits, splice.Set("model", quote(ref.model)))
	case ref.named && !models:
		return nil, "", llm.Bad("model: the preset " + ref.slug + " names no model: name one with it, as in author/model" + infix + ref.slug)
	case ref.named && !slices.ContainsFunc(edits, func(e splice.Edit) bool { return e.Name == "model" }):
		edits = append(edits, splice.Remove("model"))
	}
	if tools != nil {
		for _, m := range said {
			if m.Name == "tools" && present(m.Value(body)) {
				if m.Value(body)[0] != '[' {
					tools = m.Value(body) // it is refused by whoever parses it
					break
				}
				tools = union(tools, m.Value(body))
			}
		}
		edits = append(edits, splice.Set("tools", tools))
	}
	if r.prompt != "" {
		var e splice.Edit
		if e, unsaid = instruct(d, body, said, r.prompt); e.Name != "" {
			edits = append(edits, e)
		}
	}
	return splice.ApplyTo(nil, body, said, edits...), unsaid, nil
}

// instruct says a system prompt in a body, unless the caller has one: then the caller's is
// the only one (PS-02). Unsaid is the prompt where there is no place for it.
func instruct(d llm.Dialect, body []byte, said []splice.Member, prompt string) (e splice.Edit, unsaid string) {
	var conversation []byte
	for _, m := range said {
		switch value := m.Value(body); {
		case !present(value):
		case m.Name == system(d) && m.Name != "":
			return e, ""
		case m.Name == turns(d) && m.Name != "":
			conversation = value
		}
	}
	instructed := false
	walk.Elements(conversation, func(message []byte) { instructed = instructed || instructs(message) })
	switch {
	case instructed:
		return e, ""
	case system(d) != "":
		return splice.Set(system(d), quote(prompt)), ""
	case len(conversation) == 0: // a text to go on from
		return e, prompt
	case conversation[0] != '[':
		return e, ""
	}
	first := object(field{"role", jsontext.Value(`"system"`)}, field{"content", quote(prompt)})
	rest := conversation[1:]
	out := make([]byte, 0, len(first)+len(conversation)+2)
	out = append(append(out, '['), first...)
	if i := walk.Space(rest, 0); i < len(rest) && rest[i] != ']' {
		out = append(out, ',')
	}
	return splice.Set(turns(d), append(out, rest...)), ""
}
