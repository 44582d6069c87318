package responses

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func (e *encoder) tools() {
	in := e.in
	if len(in.Tools) == 0 || !e.to.Takes("tools") {
		return
	}
	e.key("tools")
	e.out = append(e.out, '[')
	for i := range in.Tools {
		if t := &in.Tools[i]; e.offers(t) {
			e.comma()
			e.tool(t)
		}
	}
	e.out = append(e.out, ']')
	if in.Choice != nil && e.to.Takes("tool_choice") {
		e.key("tool_choice")
		e.choice()
	}
	if !e.q.drops("parallel_tool_calls") {
		e.flag("parallel_tool_calls", in.Parallel)
	}
}

// offers reports whether a tool is offered at all: where no choice can be made
// among tools, only those that may be called are.
func (e *encoder) offers(t *llm.Tool) bool {
	c := e.in.Choice
	return !e.q.NoAllowedTools || c == nil || c.Allowed == nil || !e.to.Takes("tool_choice") || slices.Contains(c.Allowed, t.Name)
}

// isNative reports whether a tool goes out as the vendor's own.
func (e *encoder) isNative(t *llm.Tool) bool {
	return t.Kind == llm.ToolNative && t.From == llm.Responses && !e.q.NoNativeTools
}

// isCustom reports whether a tool goes out as one of free text.
func (e *encoder) isCustom(t *llm.Tool) bool { return t.Kind == llm.ToolCustom && !e.q.NoCustomTools }

func (e *encoder) tool(t *llm.Tool) {
	switch {
	case e.isNative(t):
		e.out = append(e.out, t.Native...)
		return
	case t.Kind == llm.ToolNative && t.Parameters == nil:
		e.unsuited("The provider cannot take the tool " + t.Name)
		return
	case e.isCustom(t):
		e.out = append(e.out, `{"type":"custom"`...)
		e.str("name", t.Name)
		e.str("description", t.Description)
		e.raw("format", t.Grammar)
		e.out = append(e.out, '}')
		return
	}
	e.out = append(e.out, `{"type":"function"`...)
	e.str("name", t.Name)
	e.str("description", t.Description)
	parameters := []byte(t.Parameters)
	if t.Kind == llm.ToolCustom {
		parameters = []byte(llm.CustomParameters)
	}
	strict := t.Strict
	if strict == nil && e.req.Dialect != llm.Responses {
		strict = new(false) // what it means everywhere but here, where true is meant
	}
	if !e.q.NoStrict {
		if strict != nil && *strict {
			parameters = e.strict("tools."+t.Name, parameters)
		}
		e.flag("strict", strict)
	}
	if len(parameters) == 0 && e.req.Dialect != llm.Responses {
		parameters = []byte(`{"type":"object","properties":{}}`) // the API wants them
	}
	e.raw("parameters", parameters)
	e.out = append(e.out, '}')
}

func (e *encoder) choice() {
	c := e.in.Choice
	switch {
	case c.Mode == llm.ToolNamed:
		e.reference(c.Name)
	case c.Mode != llm.ToolNone && c.Allowed != nil && !e.q.NoAllowedTools:
		e.out = append(e.out, `{"type":"allowed_tools"`...)
		e.str("mode", string(c.Mode))
		e.key("tools")
		e.out = append(e.out, '[')
		for _, name := range c.Allowed {
			e.comma()
			e.reference(name)
		}
		e.out = append(e.out, "]}"...)
	default:
		e.out = quote(e.out, string(c.Mode))
	}
}

// reference names a tool by its kind.
func (e *encoder) reference(name string) {
	i := slices.IndexFunc(e.in.Tools, func(t llm.Tool) bool { return t.Name == name })
	switch {
	case i >= 0 && e.isNative(&e.in.Tools[i]):
		e.out = append(quote(append(e.out, `{"type":`...), text(find(e.in.Tools[i].Native, "type"))), '}')
		return
	case i >= 0 && e.isCustom(&e.in.Tools[i]):
		e.out = append(e.out, `{"type":"custom"`...)
	default:
		e.out = append(e.out, `{"type":"function"`...)
	}
	e.str("name", name)
	e.out = append(e.out, '}')
}

// nativeCall is the native tool that a call is one of, if it was offered as such and
// the call can be said so.
func (e *encoder) nativeCall(c *llm.ToolCall) (n native, ok bool) {
	if c.Custom {
		return native{}, false
	}
	for i := range e.in.Tools {
		if t := &e.in.Tools[i]; t.Name == c.Name && e.isNative(t) {
			if v := jsontext.Value(c.Arguments); v.Kind() != '{' || !v.IsValid() {
				return native{}, false
			}
			return nativeTool(text(find(t.Native, "type")))
		}
	}
	return native{}, false
}
