package chat

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The types of tools and of their calls.
const (
	typeFunction = "function"
	typeCustom   = "custom"
)

// toolType reads the type of a tool or of a choice. All but these and more are run by a
// server that is not here.
func (p *parser) toolType(more ...string) string {
	typ := p.Text()
	if p.Err != nil || typ == typeFunction || typ == typeCustom || slices.Contains(more, typ) {
		return typ
	}
	p.Fail("server tools (%s) are not supported yet", parse.Printable(typ))
	return ""
}

func (p *parser) tool() {
	var t llm.Tool
	var typ string
	var parameters jsontext.Value // of a tool of ours
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.toolType(parse.TypeFusion)
		case "parameters":
			parameters = p.Value()
		case typeFunction, typeCustom:
			if !p.Null() {
				p.Object(func(name []byte) { p.definition(&t, string(name)) })
			}
		case "cache_control":
			t.Cache = p.CacheControl()
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil:
		return
	case typ == "":
		p.Fail("want a type")
	case typ == parse.TypeFusion:
		p.Fusion(parameters)
		return
	case t.Name == "":
		p.Fail("want a %s with a name", typ)
	}
	if typ == typeCustom {
		t.Kind, t.Parameters, t.Strict = llm.ToolCustom, nil, nil
	} else {
		t.Grammar = nil
	}
	p.In.Tools = append(p.In.Tools, t)
}

func (p *parser) definition(t *llm.Tool, name string) {
	switch name {
	case "name":
		t.Name = p.Text()
	case "format":
		if !p.Null() {
			t.Grammar = p.inputFormat()
		}
	default:
		p.Definition(t, name)
	}
}

// inputFormat reads what a custom tool's input is bound to, and says it in the
// words of the canon: those of the Responses API, which does not nest the grammar.
func (p *parser) inputFormat() jsontext.Value {
	var typ, syntax, definition string
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.Text()
			p.OneOf(typ, "text", "grammar")
		case "grammar":
			p.Object(func(name []byte) {
				switch string(name) {
				case "syntax":
					syntax = p.Text()
					p.OneOf(syntax, "lark", "regex")
				case "definition":
					definition = p.Text()
				default:
					p.Value()
				}
			})
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil:
		return nil
	case typ == "text":
		return jsontext.Value(`{"type":"text"}`)
	case typ == "" || syntax == "" || definition == "":
		p.Fail("want a type, and for a grammar its syntax and definition")
		return nil
	}
	out := quote([]byte(`{"type":"grammar","syntax":`), syntax)
	out = quote(append(out, `,"definition":`...), definition)
	return append(out, '}')
}

func (p *parser) toolChoice() {
	c := &llm.ToolChoice{}
	p.In.Choice = c
	if p.Peek() != '{' {
		switch mode := llm.ToolMode(p.Text()); mode {
		case llm.ToolAuto, llm.ToolNone, llm.ToolRequired:
			c.Mode = mode
		default:
			p.Fail("want none, auto, required or a function")
		}
		return
	}
	const allowed = "allowed_tools"
	var typ string
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.toolType(allowed)
		case typeFunction, typeCustom:
			c.Name = p.named()
		case allowed:
			p.allowed(c)
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil:
	case typ == allowed && len(c.Allowed) == 0:
		p.Fail("want allowed_tools with a mode and tools")
	case typ == allowed:
		c.Name = ""
	case c.Name == "":
		p.Fail("want a function with a name")
	default:
		c.Mode, c.Allowed = llm.ToolNamed, nil
	}
}

// named reads {name}.
func (p *parser) named() (s string) {
	p.Pick("name", func() { s = p.Text() })
	return s
}

func (p *parser) allowed(c *llm.ToolChoice) {
	c.Mode = llm.ToolAuto
	p.Object(func(name []byte) {
		switch string(name) {
		case "mode":
			c.Mode = llm.ToolMode(p.Text())
			p.OneOf(string(c.Mode), string(llm.ToolAuto), string(llm.ToolRequired))
		case "tools":
			p.Array(func() {
				var tool string
				p.Object(func(name []byte) {
					switch string(name) {
					case "type":
						p.toolType()
					case typeFunction, typeCustom:
						tool = p.named()
					default:
						p.Value()
					}
				})
				if tool == "" {
					p.Fail("want a function with a name")
				}
				c.Allowed = append(c.Allowed, tool)
			})
		default:
			p.Value()
		}
	})
}

// call reads a tool call of an earlier turn.
func (p *parser) call() llm.Part {
	c := &llm.ToolCall{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "id":
			c.ID = p.Text()
		case "type":
			switch s := p.Optional(); s {
			case "", typeFunction:
			case typeCustom:
				c.Custom = true
			default:
				p.Fail(`want "function" or "custom"`)
			}
		case typeFunction, typeCustom:
			if p.Null() {
				return
			}
			p.Object(func(name []byte) {
				switch string(name) {
				case "name":
					c.Name = p.Text()
				case "arguments", "input":
					c.Arguments = p.Optional()
				default:
					p.Value()
				}
			})
		default:
			p.Value()
		}
	})
	if c.ID == "" || c.Name == "" {
		p.Fail("want an id and a function with a name")
	}
	return llm.Part{Kind: llm.PartCall, Call: c}
}
