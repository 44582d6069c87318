package responses

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ahead is a member of the object that is read next. What the others mean depends
// on it, and it need not come first.
func (p *parser) ahead(name string) []byte {
	if p.Err != nil {
		return nil
	}
	rest := p.Req.Source.Body[p.Offset():]
	i := space(rest, 0)
	if i < len(rest) && (rest[i] == ',' || rest[i] == ':') {
		i++
	}
	return find(rest[i:], name)
}

// toolList reads definitions; null is none.
func (p *parser) toolList() {
	if !p.Null() {
		p.Array(p.tool)
	}
}

// tool reads a definition. Tools that vendors run are refused: they cost, and
// nobody here has a price for them. A web search, and what nobody here has heard
// of, is left out instead as long as the caller brings tools of its own: coding
// agents offer it with every request and can do without.
func (p *parser) tool() {
	typ := word(p.ahead("type"))
	switch typ {
	case "function":
		p.offer(llm.ToolFunction)
		return
	case "custom":
		p.offer(llm.ToolCustom)
		return
	case "namespace":
		p.tools()
		return
	}
	v := p.Raw()
	if v == nil {
		p.Fail("want an object")
		return
	}
	n, known := nativeTool(typ)
	switch {
	case typ == "":
		p.Fail("want a type")
	case typ == parse.TypeFusion:
		p.Fusion(find(v, "parameters"))
	case known && runByCaller(v):
		p.native(n, v)
	case known && typ != toolSearch, refused(typ):
		p.Fail("server tools (%s) are not supported yet", parse.Printable(typ))
	default:
		p.hosted = append(p.hosted, parse.Printable(typ))
	}
}

// refused reports whether a tool that the vendor would run changes so much that an
// answer without it would be another.
func refused(typ string) bool {
	switch typ {
	case "file_search", "code_interpreter", "image_generation", "mcp":
		return true
	}
	return strings.HasPrefix(typ, "openrouter:")
}

func (p *parser) native(n native, definition []byte) {
	t := llm.Tool{Kind: llm.ToolNative, Name: n.tool, Description: n.description, From: llm.Responses, Native: definition}
	if n.parameters != "" {
		t.Parameters = []byte(n.parameters)
	}
	if n.tool == toolSearch { // says itself what it is
		t.Description = text(find(definition, "description"))
		if schema := find(definition, "parameters"); len(schema) > 0 && schema[0] == '{' {
			t.Parameters = schema
		}
	}
	p.add(t)
}

// tools reads a namespace. Its tools are offered under names made of both, and
// called by their own.
func (p *parser) tools() {
	if p.namespace != "" {
		p.Value()
		p.Fail("a namespace holds no other")
		return
	}
	p.namespace = text(p.ahead("name"))
	p.Pick("tools", p.toolList)
	p.namespace = ""
}

func (p *parser) offer(kind llm.ToolKind) {
	t := llm.Tool{Kind: kind}
	var name string
	p.Object(func(member []byte) {
		switch string(member) {
		case "name":
			name = p.Text()
		case "format":
			if v := p.Raw(); v != nil {
				t.Grammar = v
			}
		default:
			p.Definition(&t, string(member))
		}
	})
	if name == "" {
		p.Fail("want a name")
		return
	}
	t.Name = qualify(p.namespace, name)
	if p.namespace != "" {
		t.From, t.Native = llm.Responses, home{p.namespace, name}.value()
	}
	if kind == llm.ToolCustom {
		t.Parameters, t.Strict = nil, nil
	} else {
		t.Grammar = nil
	}
	p.add(t)
}

// add offers a tool, once. Those that come with the input follow those of the
// request, whatever the order of its members: a prompt cache goes by its beginning.
func (p *parser) add(t llm.Tool) {
	list := &p.In.Tools
	if p.amid {
		list = &p.late
	}
	if !offered(*list, t.Name) {
		*list = append(*list, t)
	}
}

func offered(list []llm.Tool, name string) bool {
	return slices.ContainsFunc(list, func(t llm.Tool) bool { return t.Name == name })
}

func (p *parser) toolChoice() {
	c := &llm.ToolChoice{}
	p.In.Choice = c
	if p.Peek() != '{' {
		c.Mode = llm.ToolMode(p.Text())
		p.OneOf(string(c.Mode), string(llm.ToolAuto), string(llm.ToolNone), string(llm.ToolRequired))
		return
	}
	if text(p.ahead("type")) != "allowed_tools" {
		c.Mode, c.Name = llm.ToolNamed, p.reference()
		return
	}
	c.Mode, c.Allowed = llm.ToolAuto, []string{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "mode":
			c.Mode = llm.ToolMode(p.Text())
			p.OneOf(string(c.Mode), string(llm.ToolAuto), string(llm.ToolRequired))
		case "tools":
			p.Array(func() {
				if typ := text(p.ahead("type")); !referable(typ) && !refused(typ) {
					p.Value() // a tool that was left out
					return
				}
				c.Allowed = append(c.Allowed, p.reference())
			})
		default:
			p.Value()
		}
	})
}

// referable reports whether a reference of the type names a tool that a caller runs.
func referable(typ string) bool {
	_, known := nativeTool(typ)
	return known || typ == "function" || typ == "custom"
}

// reference is the name of the tool that an object names.
func (p *parser) reference() string {
	var typ, name, namespace string
	p.Object(func(member []byte) {
		switch string(member) {
		case "type":
			typ = p.Text()
		case "name":
			name = p.Optional()
		case "namespace":
			namespace = p.Optional()
		default:
			p.Value()
		}
	})
	switch _, known := nativeTool(typ); {
	case p.Err != nil:
	case known:
		return typ
	case !referable(typ):
		p.Fail("server tools (%s) are not supported yet", parse.Printable(typ))
	case name == "":
		p.Fail("want a name")
	}
	return qualify(namespace, name)
}
