package messages

import (
	"fmt"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// message reads a turn. Results of tools, which this language has users say, become
// messages of their own.
func (p *parser) message() {
	var role llm.Role
	var blocks []sent
	said := false
	p.Object(func(name []byte) {
		switch string(name) {
		case "role":
			role = llm.Role(p.Text())
			p.OneOf(string(role), roleUser, roleAssistant, roleSystem)
		case "content":
			said = true
			blocks = p.content()
		default:
			p.Value()
		}
	})
	if p.Err == nil && (role == "" || !said) {
		p.Fail("want a role and content")
	}
	if p.Err != nil {
		return
	}
	switch role {
	case llm.RoleAssistant:
		p.say(role, p.assistantParts(blocks))
	case llm.RoleSystem:
		if parts := p.systemParts(blocks); len(parts) > 0 || len(blocks) == 0 {
			p.say(role, parts)
		}
	default:
		p.userTurns(blocks)
	}
	p.turn++
}

func (p *parser) say(role llm.Role, parts []llm.Part) {
	p.In.Messages = append(p.In.Messages, llm.Message{Role: role, Parts: parts})
}

// wrong says what is wrong with a block of the message just read.
func (p *parser) wrong(block int, format string, args ...any) {
	p.Refuse(fmt.Sprintf("messages/%d/content/%d: %s", p.turn, block, fmt.Sprintf(format, args...)))
}

// misplaced is a block that may not stand where it does, or that nobody knows.
func (p *parser) misplaced(block int, typ string, role llm.Role) {
	if typ == "" {
		p.wrong(block, "want a type")
		return
	}
	p.wrong(block, "a block of type %s is not supported in a message of the %s", parse.Printable(typ), role)
}

// userTurns keeps the order of what was said, though the API wants results first.
func (p *parser) userTurns(blocks []sent) {
	var parts []llm.Part
	before := len(p.In.Messages)
	flush := func() {
		if len(parts) > 0 {
			p.say(llm.RoleUser, parts)
		}
		parts = nil
	}
	for i := range blocks {
		b := &blocks[i]
		if b.typ != blockToolResult {
			parts = p.spoken(parts, i, b, llm.RoleUser)
			continue
		}
		if b.callID == "" {
			p.wrong(i, "want a tool_use_id")
		}
		flush()
		result := &llm.ToolResult{CallID: b.callID, Error: b.failed}
		for j := range b.content {
			c := &b.content[j]
			if c.typ == blockToolReference {
				p.load(c.toolName, true)
			}
			result.Parts = p.spoken(result.Parts, i, c, llm.RoleTool)
		}
		p.say(llm.RoleTool, p.One(llm.Part{Kind: llm.PartResult, Result: result, Cache: b.cache}))
	}
	flush()
	if len(p.In.Messages) == before {
		p.say(llm.RoleUser, nil)
	}
}

// spoken appends what a block of a user or of a tool's result says.
func (p *parser) spoken(parts []llm.Part, i int, b *sent, role llm.Role) []llm.Part {
	part := llm.Part{Kind: llm.PartText, Cache: b.cache}
	switch b.typ {
	case blockText:
		part.Text = b.text
	case blockSearchResult:
		part.Text = strings.Join(b.words(nil), "\n")
	case blockToolReference:
		part.Text = "The tool " + b.toolName + " can be called now."
	case blockImage:
		part.Kind = llm.PartImage
		part.Media = p.media(i, b)
	case blockDocument:
		return p.document(parts, i, b)
	default:
		p.misplaced(i, b.typ, role)
		return parts
	}
	return append(parts, part)
}

// media is the source of an image, or of a document that is no text.
func (p *parser) media(i int, b *sent) *llm.Media {
	s := b.source
	if s == nil {
		p.wrong(i, "want a source")
		return &llm.Media{}
	}
	m := &llm.Media{}
	switch s.typ {
	case "base64":
		m.MIME, m.Data = s.mime, parse.Standard(s.data)
		if m.MIME == "" || m.Data == "" {
			p.wrong(i, "want a source with media_type and data")
		}
	case "url":
		if m = s.located; m == nil {
			p.wrong(i, "want a source with a url")
		}
	case "file":
		if m.FileID = s.fileID; s.fileID == "" {
			p.wrong(i, "want a source with a file_id")
		}
	default:
		p.wrong(i, "a source of type %s is not supported", parse.Printable(s.typ))
	}
	return m
}

// document is a file. One that is given as words is a file of text; one that is
// given as blocks with images in them is what they are.
func (p *parser) document(parts []llm.Part, i int, b *sent) []llm.Part {
	part := llm.Part{Kind: llm.PartFile, Cache: b.cache}
	switch s := b.source; {
	case s != nil && s.typ == "text":
		part.Media = textFile(s.data)
	case s != nil && s.typ == "content":
		var words []string
		for j := range s.content {
			switch c := &s.content[j]; c.typ {
			case blockText:
				words = append(words, c.text)
			case blockImage:
				return p.illustrated(parts, i, b)
			default:
				p.misplaced(i, c.typ, llm.RoleUser)
			}
		}
		part.Media = textFile(strings.Join(words, "\n"))
	default:
		part.Media = p.media(i, b)
	}
	if part.Media != nil {
		part.Media.Title, part.Media.Context, part.Media.Cite = b.title, b.context, b.cite
	}
	return append(parts, part)
}

// illustrated is a document of words and images, piece by piece.
func (p *parser) illustrated(parts []llm.Part, i int, b *sent) []llm.Part {
	if head := strings.TrimSpace(b.title + "\n" + b.context); head != "" {
		parts = append(parts, llm.Part{Text: head})
	}
	for j := range b.source.content {
		parts = p.spoken(parts, i, &b.source.content[j], llm.RoleUser)
	}
	if n := len(parts); b.cache != nil {
		parts[n-1].Cache = b.cache
	}
	return parts
}

// assistantParts are a turn of the model. What ran on the vendor's own servers is
// told in words: no other vendor could make anything of it.
func (p *parser) assistantParts(blocks []sent) []llm.Part {
	if len(blocks) == 1 && blocks[0].typ == blockText {
		return p.One(llm.Part{Text: blocks[0].text, Cache: blocks[0].cache})
	}
	parts := make([]llm.Part, 0, len(blocks))
	for i := range blocks {
		b := &blocks[i]
		part := llm.Part{Cache: b.cache}
		switch {
		case b.typ == blockText:
			part.Text = b.text
		case b.typ == blockThinking:
			part = llm.Part{Kind: llm.PartReasoning, Thought: thoughtOf(b)}
		case b.typ == blockRedacted:
			part = llm.Part{Kind: llm.PartReasoning, Thought: redactedOf(b)}
		case b.typ == blockToolUse:
			part.Kind = llm.PartCall
			part.Call = &llm.ToolCall{ID: b.id, Name: b.name, Arguments: "{}"}
			if b.id == "" || b.name == "" {
				p.wrong(i, "want an id and a name")
			}
			if !absent(b.input) {
				part.Call.Arguments = string(b.input)
			}
		case ranElsewhere(b.typ):
			if part.Text = strings.Join(b.words(nil), "\n"); part.Text == "" {
				continue
			}
		default:
			p.misplaced(i, b.typ, llm.RoleAssistant)
		}
		parts = append(parts, part)
	}
	return parts
}

// ranElsewhere reports whether a block of the model's turn tells of tools that the
// vendor ran, or of what it made of the conversation.
func ranElsewhere(typ string) bool {
	switch typ {
	case "server_tool_use", "mcp_tool_use", "mcp_tool_result", "compaction", "container_upload", "fallback":
		return true
	}
	return strings.HasSuffix(typ, "_tool_result")
}

// systemParts are the texts of an instruction within the conversation, which may
// also load tools and take them away.
func (p *parser) systemParts(blocks []sent) (parts []llm.Part) {
	for i := range blocks {
		switch b := &blocks[i]; b.typ {
		case blockText:
			parts = append(parts, llm.Part{Text: b.text, Cache: b.cache})
		case "tool_addition":
			p.load(b.toolName, true)
		case "tool_removal":
			p.load(b.toolName, false)
		default:
			p.misplaced(i, b.typ, llm.RoleSystem)
		}
	}
	return parts
}

func (p *parser) load(tool string, here bool) {
	if p.loaded == nil {
		p.loaded = map[string]bool{}
	}
	p.loaded[tool] = here
}

// thoughtOf is the thought that a caller was shown. A signature that is no seal of
// ours is the author's own, without any there is nobody to tell it to but those
// who take thoughts as plain text.
func thoughtOf(b *sent) *llm.Thought {
	t, ok := llm.Unseal(b.signature)
	switch {
	case ok && t.Type != llm.ThoughtEncrypted && b.thinking == "" && t.Data != "": // see hush
		t.Text, t.Data = t.Data, ""
	case ok:
		t.Text = b.thinking
	case b.signature != "":
		t = llm.Thought{Type: llm.ThoughtText, Text: b.thinking, Signature: b.signature, Format: llm.FormatAnthropic}
	default:
		t = llm.Thought{Type: llm.ThoughtText, Text: b.thinking, Format: llm.FormatUnknown}
	}
	return &t
}

func redactedOf(b *sent) *llm.Thought {
	if t, ok := llm.Unseal(b.data); ok {
		return &t
	}
	return &llm.Thought{Type: llm.ThoughtEncrypted, Data: b.data, Format: llm.FormatAnthropic}
}
