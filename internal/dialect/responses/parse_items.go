package responses

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// input reads the conversation: a text, or items.
func (p *parser) input() {
	switch p.Peek() {
	case 'n':
		p.Value()
	case '"':
		p.say(llm.RoleUser, p.One(llm.Part{Text: p.Text()}))
	case '[':
		p.Array(p.item)
	default:
		if p.Value() != nil {
			p.Fail("want a text or an array of items")
		}
	}
}

// item reads an item. Those that tell of what a vendor's own tools did, and those
// that nobody here has heard of, go with the caller's bytes to who knows them.
func (p *parser) item() {
	typ := word(p.ahead("type"))
	switch typ {
	case "", itemMessage:
		p.message()
	case "agent_message": // what another agent of the caller's says to the model
		p.heard()
	case itemReasoning:
		p.thoughts()
	case itemCall, itemCustomCall:
		p.call(typ == itemCustomCall)
	case itemResult, itemCustomResult:
		p.result()
	case itemImage:
		p.image()
	case itemMoreTools:
		p.moreTools()
	case "item_reference":
		if p.Value() != nil {
			p.Fail("items are not stored: want the item itself")
		}
	default:
		if n, ok := nativeCall(typ); ok {
			p.nativeCall(n)
			return
		}
		if n, ok := nativeOutput(typ); ok {
			p.nativeOutput(n)
			return
		}
		p.Req.Unsaid = append(p.Req.Unsaid, "input: "+parse.Printable(typ))
		p.Raw()
	}
}

// say adds what one role says. What an assistant thinks, says and calls in items
// that follow each other is one turn.
func (p *parser) say(role llm.Role, parts []llm.Part) {
	if len(parts) == 0 || p.Err != nil {
		return
	}
	list := p.In.Messages
	if n := len(list); role == llm.RoleAssistant && n > 0 && list[n-1].Role == role {
		list[n-1].Parts = append(list[n-1].Parts, parts...)
		return
	}
	p.In.Messages = append(list, llm.Message{Role: role, Parts: parts})
}

func (p *parser) message() {
	var role llm.Role
	var parts []llm.Part
	p.Object(func(name []byte) {
		switch string(name) {
		case "role":
			role = p.role()
		case "content":
			parts = p.content()
		default: // id, status and phase go with the caller's bytes
			p.Value()
		}
	})
	if role == "" {
		p.Fail("want a role")
	}
	p.say(role, parts)
}

func (p *parser) role() llm.Role {
	switch string(p.Bytes()) {
	case "user":
		return llm.RoleUser
	case "assistant":
		return llm.RoleAssistant
	case "system":
		return llm.RoleSystem
	case "developer":
		return llm.RoleDeveloper
	}
	p.Fail("want user, assistant, system or developer")
	return ""
}

func (p *parser) heard() {
	var parts []llm.Part
	p.Pick("content", func() { parts = p.content() })
	p.say(llm.RoleUser, parts)
}

// thoughts reads a reasoning item.
func (p *parser) thoughts() {
	var x reasoning
	p.Object(func(name []byte) { x.member(string(name), p.Value()) })
	if p.Err != nil {
		return
	}
	var parts []llm.Part
	for _, t := range x.thoughts() {
		parts = append(parts, llm.Part{Kind: llm.PartReasoning, Thought: &t})
	}
	p.say(llm.RoleAssistant, parts)
}

// thoughts are what a reasoning item says, in words of the canon. What is encrypted
// without a stamp is OpenAI's.
func (x *reasoning) thoughts() (list []llm.Thought) {
	encrypted := text(x.encrypted)
	sealed, isSealed := unseal(encrypted)
	id, format := x.id, x.format
	switch {
	case isSealed:
		id, format = sealed.ID, sealed.Format
	case format != "":
	case encrypted != "":
		format = llm.FormatOpenAI
	default:
		format = llm.FormatUnknown
	}
	add := func(typ llm.ThoughtType) func(string) {
		return func(s string) { list = append(list, llm.Thought{Type: typ, Text: s, ID: id, Format: format}) }
	}
	eachText(x.summary, add(llm.ThoughtSummary))
	eachText(x.content, add(llm.ThoughtText))
	switch signature := text(x.signature); {
	case isSealed && sealed.Type == llm.ThoughtEncrypted:
		list = append(list, sealed)
	case isSealed: // what is shown beside it is the same
		for i := range list {
			if sealed.Text == "" {
				sealed.Text = list[i].Text
			}
		}
		return []llm.Thought{sealed}
	case encrypted != "":
		list = append(list, llm.Thought{Type: llm.ThoughtEncrypted, Data: encrypted, ID: id, Format: format})
	case signature != "" && len(list) > 0:
		list[len(list)-1].Signature = signature
	}
	return list
}

func (p *parser) call(custom bool) {
	c := &llm.ToolCall{Custom: custom}
	var name, namespace string
	p.Object(func(member []byte) {
		switch string(member) {
		case "call_id":
			c.ID = p.Text()
		case "name":
			name = p.Text()
		case "namespace":
			namespace = p.Optional()
		case "arguments", "input":
			c.Arguments = p.Optional()
		default:
			p.Value()
		}
	})
	if c.ID == "" || name == "" {
		p.Fail("want a call_id and a name")
	}
	c.Name = qualify(namespace, name)
	p.say(llm.RoleAssistant, p.One(llm.Part{Kind: llm.PartCall, Call: c}))
}

func (p *parser) result() {
	r := &llm.ToolResult{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "call_id":
			r.CallID = p.Text()
		case "output":
			r.Parts = p.content()
		default:
			p.Value()
		}
	})
	p.answer(r)
}

func (p *parser) answer(r *llm.ToolResult) {
	if r.CallID == "" {
		p.Fail("want a call_id")
	}
	p.say(llm.RoleTool, p.One(llm.Part{Kind: llm.PartResult, Result: r}))
}

// nativeCall reads the call of a tool that OpenAI has defined.
func (p *parser) nativeCall(n native) {
	c := &llm.ToolCall{Name: n.tool}
	var id string
	mine := true
	p.Object(func(name []byte) {
		switch string(name) {
		case "call_id":
			c.ID = p.Optional()
		case "id":
			id = p.Optional()
		case n.action:
			if v := p.Raw(); v != nil {
				c.Arguments = string(v)
			}
		case "execution":
			mine = p.Optional() == "client"
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil || n.tool == toolSearch && !mine: // the vendor's own search
		return
	case c.ID == "":
		c.ID = id
	case n.tool == toolLocalShell && id != "": // by which it is answered
		if p.shells == nil {
			p.shells = map[string]string{}
		}
		p.shells[id] = c.ID
	}
	if c.ID == "" || c.Arguments == "" {
		p.Fail("want a call_id and %s", n.action)
	}
	p.say(llm.RoleAssistant, p.One(llm.Part{Kind: llm.PartCall, Call: c}))
}

// nativeOutput reads the answer to the call of a tool that OpenAI has defined.
func (p *parser) nativeOutput(n native) {
	r := &llm.ToolResult{}
	var id string
	mine := true
	p.Object(func(name []byte) {
		switch string(name) {
		case "call_id":
			r.CallID = p.Optional()
		case "id":
			id = p.Optional()
		case "output":
			r.Parts = p.output()
		case "status":
			r.Error = p.Optional() == "failed" && n.tool == toolApplyPatch
		case "execution":
			mine = p.Optional() == "client"
		case "tools":
			r.Parts = p.found()
		default:
			p.Value()
		}
	})
	if n.tool == toolSearch && !mine {
		return
	}
	if r.CallID == "" {
		r.CallID = id
		if call := p.shells[id]; call != "" {
			r.CallID = call
		}
	}
	p.answer(r)
}

// output is what a native tool gives back: a text, a picture of the screen, or a
// list of what several commands printed, which the model is told as it is.
func (p *parser) output() []llm.Part {
	switch p.Peek() {
	case '{':
		if part, ok := p.part(); ok {
			return p.One(part)
		}
		return nil
	case '[':
		return p.One(llm.Part{Text: string(p.Value())})
	}
	if s := p.Optional(); s != "" {
		return p.One(llm.Part{Text: s})
	}
	return nil
}

// found reads the tools that a search has found. From here on they are offered.
func (p *parser) found() []llm.Part {
	if p.Null() {
		return nil
	}
	from := p.Offset()
	p.Array(p.tool)
	if p.Err != nil {
		return nil
	}
	return p.One(llm.Part{Text: string(p.Since(from))})
}

func (p *parser) moreTools() {
	p.Pick("tools", p.toolList)
}

// image reads a picture that an earlier answer made.
func (p *parser) image() {
	m := &llm.Media{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "result":
			m.Data = p.Optional()
		case "output_format":
			if s := p.Optional(); s != "" {
				m.MIME = "image/" + s
			}
		default:
			p.Value()
		}
	})
	if m.Data == "" {
		return
	}
	if m.MIME == "" {
		m.MIME = sniff(m.Data)
	}
	p.say(llm.RoleAssistant, p.One(llm.Part{Kind: llm.PartImage, Media: m}))
}
