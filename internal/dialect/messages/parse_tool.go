package messages

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// offer is a tool as it was sent. One that is deferred is not offered to the model
// before the conversation loads it, so other vendors, which know no such thing,
// are not told of it before then either.
type offer struct {
	llm.Tool
	deferred bool
}

func (p *parser) tool() {
	var t offer
	var typ string
	from := p.Offset()
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			if typ = p.Optional(); typ != "" && typ != "custom" && nativeKind(typ) == "" {
				p.Fail("server tools (%s) are not supported yet", parse.Printable(typ))
			}
		case "name":
			t.Name = p.Text()
		case "description":
			t.Description = p.Optional()
		case "input_schema":
			if t.Parameters = p.Value(); p.Err == nil && t.Parameters.Kind() != '{' {
				p.Fail("want an object")
			}
		case "strict":
			t.Strict = p.Boolean()
		case "cache_control":
			t.Cache = p.CacheControl()
		case "defer_loading":
			t.deferred = p.Flag()
		default:
			p.Value()
		}
	})
	switch native := nativeKind(typ); {
	case p.Err != nil:
		return
	case t.Name == "":
		p.Fail("want a name")
	case native != "":
		t.Kind, t.From = llm.ToolNative, llm.Messages
		t.Native = p.Since(from)
		t.Description, t.Parameters = commonWords(native, typ, t.Native)
	case t.Parameters == nil:
		p.Fail("want an input_schema")
	}
	p.tools = append(p.tools, t)
}

func (p *parser) toolChoice() {
	c := &llm.ToolChoice{}
	var typ string
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.Text()
		case "name":
			c.Name = p.Optional()
		case "disable_parallel_tool_use":
			if p.Flag() {
				p.In.Parallel = new(false)
			}
		default:
			p.Value()
		}
	})
	switch typ {
	case "auto":
		c.Mode = llm.ToolAuto
	case "any":
		c.Mode = llm.ToolRequired
	case "none":
		c.Mode = llm.ToolNone
	case "tool":
		c.Mode = llm.ToolNamed
		if c.Name == "" {
			p.Fail("want a name")
		}
	default:
		p.Fail("want a type: auto, any, tool or none")
	}
	if c.Mode != llm.ToolNamed {
		c.Name = ""
	}
	p.In.Choice = c
}
