package chat

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func (e *encoder) tools() {
	in := e.in
	if e.drops(e.to, "tools") || !slices.ContainsFunc(in.Tools, e.offers) {
		return
	}
	e.key("tools")
	e.toolList()
	if e.chooses() {
		e.key("tool_choice")
		e.choice()
	}
	if !e.drops(e.to, "parallel_tool_calls") {
		e.flag("parallel_tool_calls", in.Parallel)
	}
}

// offers reports whether a tool is offered at all. Where no choice can be made among
// tools, or none be forced, only those that may or must be called are.
func (e *encoder) offers(t llm.Tool) bool {
	c := e.in.Choice
	switch {
	case c == nil, e.drops(e.to, "tool_choice"):
	case c.Allowed != nil && !e.q.AllowedTools:
		return slices.Contains(c.Allowed, t.Name)
	case c.Mode == llm.ToolNamed && e.q.NoToolChoiceNamed && !e.q.NoToolChoiceRequired:
		return t.Name == c.Name
	}
	return true
}

func (e *encoder) toolList() {
	e.out = append(e.out, '[')
	for i := range e.in.Tools {
		t := &e.in.Tools[i]
		if !e.offers(*t) {
			continue
		}
		if e.out[len(e.out)-1] != '[' {
			e.out = append(e.out, ',')
		}
		e.tool(t)
		e.mark(t.Cache)
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, ']')
}

// tool writes a tool but for its last brace.
func (e *encoder) tool(t *llm.Tool) {
	if t.Kind == llm.ToolCustom && e.q.CustomTools {
		e.out = append(e.out, `{"type":"custom","custom":{`...)
		e.key("name")
		e.out = quote(e.out, t.Name)
		e.str("description", t.Description)
		e.raw("format", nested(t.Grammar))
		e.out = append(e.out, '}')
		return
	}
	parameters := t.Parameters
	switch {
	case t.Kind == llm.ToolNative && parameters == nil:
		e.unsuited("This provider does not know the tool " + t.Name)
	case t.Kind == llm.ToolCustom:
		parameters = jsontext.Value(llm.CustomParameters)
		if memberText(t.Grammar, "type") == "grammar" {
			e.lost = append(e.lost, dialect.FieldCustomTools.String()+": "+t.Name+": format")
		}
	}
	e.out = append(e.out, `{"type":"function","function":{`...)
	e.key("name")
	e.out = quote(e.out, t.Name)
	e.str("description", t.Description)
	e.raw("parameters", e.strictly("tools: "+t.Name, parameters, t.Strict))
	if !e.q.NoStrict {
		e.flag("strict", t.Strict)
	}
	e.out = append(e.out, '}')
}

// nested is a custom tool's format as this API writes it, which nests the grammar
// where the canon, like the Responses API, does not.
func nested(format jsontext.Value) jsontext.Value {
	if memberText(format, "type") != "grammar" {
		return format
	}
	if inner, _ := find(format, "grammar", nil); inner != nil {
		return format
	}
	out := quote([]byte(`{"type":"grammar","grammar":{"syntax":`), memberText(format, "syntax"))
	out = quote(append(out, `,"definition":`...), memberText(format, "definition"))
	return append(out, "}}"...)
}

// mark writes a cache breakpoint where it is understood.
func (e *encoder) mark(c *llm.CacheMark) {
	if c == nil || !e.q.KeepsCacheControl {
		return
	}
	e.key("cache_control")
	e.out = append(e.out, `{"type":"ephemeral"`...)
	e.str("ttl", c.TTL)
	e.out = append(e.out, '}')
}

// chooses reports whether a choice is sent. Where no call can be forced, what would
// force one is not.
func (e *encoder) chooses() bool {
	c := e.in.Choice
	return c != nil && !e.drops(e.to, "tool_choice") &&
		(!e.q.NoToolChoiceRequired || (c.Mode != llm.ToolRequired && c.Mode != llm.ToolNamed))
}

func (e *encoder) choice() {
	c := *e.in.Choice
	if c.Mode == llm.ToolNamed && e.q.NoToolChoiceNamed {
		c.Mode = llm.ToolRequired
	}
	switch {
	case c.Mode == llm.ToolNamed:
		e.reference(c.Name)
	case c.Allowed != nil && c.Mode != llm.ToolNone && e.q.AllowedTools:
		e.out = quote(append(e.out, `{"type":"allowed_tools","allowed_tools":{"mode":`...), string(c.Mode))
		e.key("tools")
		comma := byte('[')
		for _, name := range c.Allowed {
			e.out = append(e.out, comma)
			e.reference(name)
			comma = ','
		}
		e.out = append(e.out, "]}}"...)
	default:
		e.out = quote(e.out, string(c.Mode))
	}
}

// reference names a tool by its kind.
func (e *encoder) reference(name string) {
	kind := typeFunction
	if e.q.CustomTools && slices.ContainsFunc(e.in.Tools, func(t llm.Tool) bool { return t.Name == name && t.Kind == llm.ToolCustom }) {
		kind = typeCustom
	}
	e.out = quote(append(e.out, `{"type":`...), kind)
	e.key(kind)
	e.out = append(quote(append(e.out, `{"name":`...), name), "}}"...)
}
