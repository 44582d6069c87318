package chat

import (
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// turn is a message while its members are read, in whatever order they come.
type turn struct {
	role     llm.Role
	name     string
	content  []llm.Part
	said     bool // content was there and not null
	thought  string
	details  []llm.Part
	refusal  string
	calls    []llm.Part
	images   []llm.Part
	answerTo string
}

func (p *parser) message() {
	var m turn
	p.object(func(name []byte) {
		switch string(name) {
		case "role":
			m.role = p.role()
		case "name":
			m.name = p.optional()
		case "content":
			if !p.null() {
				m.content, m.said = p.content(), true
			}
		case "reasoning", "reasoning_content": // the same thing (RE-07)
			if s := p.optional(); s != "" {
				m.thought = s
			}
		case "reasoning_details":
			if !p.null() {
				p.array(func() { m.details = p.detail(m.details) })
			}
		case "refusal":
			m.refusal = p.optional()
		case "tool_calls":
			if !p.null() {
				p.array(func() { m.calls = append(m.calls, p.call()) })
			}
		case "images":
			if !p.null() {
				p.array(func() { m.images = append(m.images, p.image()) })
			}
		case "tool_call_id":
			m.answerTo = p.optional()
		default:
			p.value()
		}
	})
	if p.err != nil {
		return
	}
	switch {
	case m.role == "":
		p.fail("want a role")
	case m.role == llm.RoleTool && m.answerTo == "":
		p.fail("want a tool_call_id")
	case m.role != llm.RoleAssistant && !m.said:
		p.fail("want content")
	}
	p.in.Messages = append(p.in.Messages, llm.Message{Role: m.role, Name: m.name, Parts: p.assemble(&m)})
}

// assemble puts an assistant's parts in the order in which they were made:
// reasoning, text, tool calls.
func (p *parser) assemble(m *turn) []llm.Part {
	switch m.role {
	case llm.RoleTool:
		return p.one(llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: m.answerTo, Parts: m.content}})
	case llm.RoleAssistant:
	default:
		return m.content
	}
	parts := m.details
	if len(parts) == 0 && m.thought != "" {
		parts = append(parts, llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Text: m.thought, Format: llm.FormatUnknown}})
	}
	if len(parts) == 0 && len(m.calls) == 0 && len(m.images) == 0 && m.refusal == "" {
		return m.content
	}
	parts = append(parts, m.content...)
	parts = append(parts, m.images...)
	if m.refusal != "" {
		parts = append(parts, llm.Part{Kind: llm.PartRefusal, Text: m.refusal})
	}
	return append(parts, m.calls...)
}

// one is a list of a single part.
func (p *parser) one(part llm.Part) []llm.Part {
	const together = 16
	if len(p.parts) == 0 {
		p.parts = make([]llm.Part, together)
	}
	list := p.parts[:1:1]
	p.parts = p.parts[1:]
	list[0] = part
	return list
}

func (p *parser) role() llm.Role {
	switch string(p.bytes()) {
	case "system":
		return llm.RoleSystem
	case "developer":
		return llm.RoleDeveloper
	case "user":
		return llm.RoleUser
	case "assistant":
		return llm.RoleAssistant
	case "tool":
		return llm.RoleTool
	}
	p.fail("want system, developer, user, assistant or tool")
	return ""
}

func (p *parser) content() (parts []llm.Part) {
	switch p.peek() {
	case '"':
		return p.one(llm.Part{Kind: llm.PartText, Text: p.text()})
	case '[':
		p.array(func() { parts = append(parts, p.part()) })
		return parts
	}
	if p.value() != nil {
		p.fail("want a string or an array of parts")
	}
	return nil
}

func (p *parser) part() (part llm.Part) {
	var typ string
	var media *llm.Media
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = string(p.bytes())
			kind, ok := partKind(typ)
			if !ok {
				p.fail("a part of this type is not supported")
			}
			part.Kind = kind
		case "text", "refusal":
			part.Text = p.text()
		case "image_url":
			media = p.imageURL()
		case "input_audio":
			media = p.audio()
		case "video_url", "input_video":
			media = p.source()
		case "file":
			media = p.file()
		case "cache_control":
			part.Cache = p.cacheControl()
		case "prompt_cache_breakpoint":
			if v := p.value(); v != nil && v[0] != 'n' {
				part.Cache = &llm.CacheMark{}
			}
		default:
			p.value()
		}
	})
	if p.err != nil {
		return part
	}
	if typ == "" {
		p.fail("want a type")
	}
	switch part.Kind {
	case llm.PartText, llm.PartRefusal:
	default:
		if media == nil {
			p.fail("want %s", typ)
		}
		part.Media, part.Text = media, ""
	}
	return part
}

func partKind(typ string) (kind llm.PartKind, ok bool) {
	switch typ {
	case "text":
		return llm.PartText, true
	case "refusal":
		return llm.PartRefusal, true
	case "image_url":
		return llm.PartImage, true
	case "input_audio":
		return llm.PartAudio, true
	case "video_url", "input_video": // the second is the older name
		return llm.PartVideo, true
	case "file":
		return llm.PartFile, true
	}
	return 0, false
}

// imageURL is {url, detail}; some callers send the URL alone.
func (p *parser) imageURL() *llm.Media {
	if p.peek() == '"' {
		return p.locate(p.text())
	}
	var m *llm.Media
	var detail string
	p.object(func(name []byte) {
		switch string(name) {
		case "url":
			m = p.locate(p.text())
		case "detail":
			detail = p.optional()
			p.oneOf(detail, "auto", "low", "high", "original")
		default:
			p.value()
		}
	})
	if m != nil {
		m.Detail = detail
	}
	return m
}

// source is {url}.
func (p *parser) source() (m *llm.Media) {
	p.object(func(name []byte) {
		if string(name) != "url" {
			p.value()
			return
		}
		m = p.locate(p.text())
	})
	return m
}

func (p *parser) audio() *llm.Media {
	m := &llm.Media{}
	p.object(func(name []byte) {
		switch string(name) {
		case "data":
			m.Data = standard(p.text())
		case "format":
			m.Format = p.text()
		default:
			p.value()
		}
	})
	if m.Data == "" || m.Format == "" {
		p.fail("want data and format")
	}
	m.MIME = audioMIME(m.Format)
	return m
}

func audioMIME(format string) string {
	switch format {
	case "mp3":
		return "audio/mpeg"
	case "m4a":
		return "audio/mp4"
	}
	return "audio/" + format
}

func (p *parser) file() *llm.Media {
	m := &llm.Media{}
	var id, name string
	p.object(func(member []byte) {
		switch string(member) {
		case "file_data", "file_url":
			if s := p.optional(); s != "" {
				m = p.locate(s)
			}
		case "file_id":
			id = p.optional()
		case "filename":
			name = p.optional()
		default:
			p.value()
		}
	})
	if p.err != nil {
		return m
	}
	m.FileID, m.Name = id, name
	if m.URL == "" && m.Data == "" && m.FileID == "" {
		p.fail("want file_data or file_id")
	}
	return m
}

// image is an image that an earlier answer made.
func (p *parser) image() llm.Part {
	part := llm.Part{Kind: llm.PartImage}
	p.object(func(name []byte) {
		if string(name) != "image_url" {
			p.value()
			return
		}
		part.Media = p.imageURL()
	})
	if part.Media == nil {
		p.fail("want image_url")
	}
	return part
}

// locate reads an http(s) URL or a base64 data URI.
func (p *parser) locate(s string) *llm.Media {
	if hasScheme(s, "https://") || hasScheme(s, "http://") {
		return &llm.Media{URL: s}
	}
	if !hasScheme(s, "data:") {
		p.fail("want an http(s) URL or a data URI")
		return &llm.Media{}
	}
	head, data, ok := strings.Cut(s[len("data:"):], ",")
	mime, encoded := strings.CutSuffix(head, ";base64")
	mime, _, _ = strings.Cut(mime, ";")
	if !ok || !encoded || mime == "" || data == "" {
		p.fail("want a data URI with a MIME type and base64 data")
	}
	return &llm.Media{MIME: mime, Data: standard(data)}
}

func hasScheme(s, scheme string) bool {
	return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme)
}

// standard turns the URL-safe alphabet of base64 into the standard one.
func standard(s string) string {
	if strings.IndexByte(s, '-') < 0 && strings.IndexByte(s, '_') < 0 {
		return s
	}
	return strings.NewReplacer("-", "+", "_", "/").Replace(s)
}

func (p *parser) cacheControl() *llm.CacheMark {
	if p.null() {
		return nil
	}
	c := &llm.CacheMark{}
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			if s := p.text(); s != "ephemeral" {
				p.fail(`want "ephemeral"`)
			}
		case "ttl":
			c.TTL = p.optional()
			p.oneOf(c.TTL, "5m", "1h")
		default:
			p.value()
		}
	})
	return c
}

func (p *parser) call() llm.Part {
	c := &llm.ToolCall{}
	p.object(func(name []byte) {
		switch string(name) {
		case "id":
			c.ID = p.text()
		case "type":
			if s := p.optional(); s != "" && s != "function" {
				p.fail(`want "function"`)
			}
		case "function":
			p.object(func(name []byte) {
				switch string(name) {
				case "name":
					c.Name = p.text()
				case "arguments":
					c.Arguments = p.optional()
				default:
					p.value()
				}
			})
		default:
			p.value()
		}
	})
	if c.ID == "" || c.Name == "" {
		p.fail("want an id and a function with a name")
	}
	return llm.Part{Kind: llm.PartCall, Call: c}
}

// detail appends an entry of reasoning_details, byte for byte (RE-07). A type
// that only the gateway's own tool loop makes has no place in the canon; a
// provider of the same dialect gets it with the caller's bytes.
func (p *parser) detail(list []llm.Part) []llm.Part {
	t := &llm.Thought{}
	var text, summary string
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			t.Type = llm.ThoughtType(p.text())
		case "text":
			text = p.optional()
		case "summary":
			summary = p.optional()
		case "signature":
			t.Signature = p.optional()
		case "data":
			t.Data = p.optional()
		case "id":
			t.ID = p.optional()
		case "format":
			t.Format = p.optional()
		default:
			p.value()
		}
	})
	switch t.Type {
	case llm.ThoughtText:
		t.Text = text
	case llm.ThoughtSummary:
		t.Text = summary
	case llm.ThoughtEncrypted:
	case "":
		p.fail("want a type")
		return list
	default:
		return list
	}
	return append(list, llm.Part{Kind: llm.PartReasoning, Thought: t})
}
