package chat

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// turn is a message while its members are read, in whatever order they come.
type turn struct {
	role     llm.Role
	name     string
	model    string // which said it
	content  []llm.Part
	said     bool // content was there and not null
	thought  string
	details  []llm.Part
	refusal  string
	calls    []llm.Part
	images   []llm.Part
	answerTo string

	audio, transcript string
}

func (p *parser) message() {
	var m turn
	p.Object(func(name []byte) {
		switch string(name) {
		case "role":
			m.role = p.role()
		case "name":
			m.name = p.Optional()
		case "model":
			if p.Peek() == '"' {
				m.model = p.Text()
			} else {
				p.Value()
			}
		case "content":
			if !p.Null() {
				m.content, m.said = p.content(), true
			}
		case "reasoning", "reasoning_content": // the same thing (RE-07)
			if s := p.Optional(); s != "" {
				m.thought = s
			}
		case "reasoning_details":
			if !p.Null() {
				p.Array(func() { m.details = p.detail(m.details) })
			}
		case "refusal":
			m.refusal = p.Optional()
		case "tool_calls":
			if !p.Null() {
				p.Array(func() { m.calls = append(m.calls, p.call()) })
			}
		case "images":
			if !p.Null() {
				p.Array(func() { m.images = append(m.images, p.image()) })
			}
		case "audio":
			if !p.Null() {
				p.spoken(&m)
			}
		case "annotations":
			if !p.Null() {
				p.Array(p.annotation)
			}
		case "function_call":
			if !p.Null() && p.Value() != nil {
				p.Fail("is not supported: want tool_calls")
			}
		case "tool_call_id":
			m.answerTo = p.Optional()
		default:
			p.Value()
		}
	})
	if p.Err != nil {
		return
	}
	switch {
	case m.role == "":
		p.Fail("want a role")
	case m.role == llm.RoleTool && m.answerTo == "":
		p.Fail("want a tool_call_id")
	case m.role != llm.RoleAssistant && !m.said:
		p.Fail("want content")
	}
	if m.role == llm.RoleAssistant {
		p.Said(m.model)
	}
	p.In.Messages = append(p.In.Messages, llm.Message{Role: m.role, Name: m.name, Parts: p.assemble(&m)})
}

// assemble puts an assistant's parts in the order in which they were made:
// reasoning, text, tool calls.
func (p *parser) assemble(m *turn) []llm.Part {
	switch m.role {
	case llm.RoleTool:
		return p.One(llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: m.answerTo, Parts: m.content}})
	case llm.RoleAssistant:
	default:
		return m.content
	}
	parts := m.details
	if len(parts) == 0 && m.thought != "" {
		parts = append(parts, llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Text: m.thought, Format: llm.FormatUnknown}})
	}
	switch {
	case m.audio != "":
		m.images = append(m.images, llm.Part{Kind: llm.PartAudio, Media: &llm.Media{FileID: m.audio}})
	case m.transcript != "" && !said(m.content):
		m.content = append(m.content, llm.Part{Text: m.transcript})
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

// said reports whether parts say anything.
func said(parts []llm.Part) bool {
	return slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Kind != llm.PartText || p.Text != "" })
}

func (p *parser) role() llm.Role {
	switch string(p.Bytes()) {
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
	p.Fail("want system, developer, user, assistant or tool")
	return ""
}

func (p *parser) content() (parts []llm.Part) {
	switch p.Peek() {
	case '"':
		return p.One(llm.Part{Kind: llm.PartText, Text: p.Text()})
	case '[':
		p.Array(func() { parts = append(parts, p.part()) })
		return parts
	}
	if p.Value() != nil {
		p.Fail("want a string or an array of parts")
	}
	return nil
}

func (p *parser) part() (part llm.Part) {
	var typ string
	var media *llm.Media
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = string(p.Bytes())
			kind, ok := partKind(typ)
			if !ok {
				p.Fail("a part of this type is not supported")
			}
			part.Kind = kind
		case "text", "refusal":
			part.Text = p.Text()
		case "image_url":
			media = p.imageURL()
		case "input_audio":
			media = p.Sound()
		case "video_url", "input_video":
			media = p.source()
		case "file":
			media = p.file()
		case "cache_control":
			part.Cache = p.CacheControl()
		case "prompt_cache_breakpoint":
			if v := p.Value(); v != nil && v[0] != 'n' {
				part.Cache = &llm.CacheMark{}
			}
		default:
			p.Value()
		}
	})
	if p.Err != nil {
		return part
	}
	if typ == "" {
		p.Fail("want a type")
	}
	switch part.Kind {
	case llm.PartText, llm.PartRefusal:
	default:
		if media == nil {
			p.Fail("want %s", typ)
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
	if p.Peek() == '"' {
		return p.Locate(p.Text())
	}
	var m *llm.Media
	var detail string
	p.Object(func(name []byte) {
		switch string(name) {
		case "url":
			m = p.Locate(p.Text())
		case "detail":
			detail = p.Optional()
			p.OneOf(detail, "auto", "low", "high", "original")
		default:
			p.Value()
		}
	})
	if m != nil {
		m.Detail = detail
	}
	return m
}

// source is {url}.
func (p *parser) source() (m *llm.Media) {
	p.Pick("url", func() { m = p.Locate(p.Text()) })
	return m
}

func (p *parser) file() *llm.Media {
	m := &llm.Media{}
	var id, name string
	p.Object(func(member []byte) {
		switch string(member) {
		case "file_data", "file_url":
			if s := p.Optional(); s != "" {
				m = p.Locate(s)
			}
		case "file_id":
			id = p.Optional()
		case "filename":
			name = p.Optional()
		default:
			p.Value()
		}
	})
	if p.Err != nil {
		return m
	}
	m.FileID, m.Name = id, name
	if m.URL == "" && m.Data == "" && m.FileID == "" {
		p.Fail("want file_data or file_id")
	}
	return m
}

// image is an image that an earlier answer made.
func (p *parser) image() llm.Part {
	part := llm.Part{Kind: llm.PartImage}
	p.Pick("image_url", func() { part.Media = p.imageURL() })
	if part.Media == nil {
		p.Fail("want image_url")
	}
	return part
}

// spoken reads the audio of an earlier answer, which is told by its id. Where that
// is gone, or only the transcript came, the words are left.
func (p *parser) spoken(m *turn) {
	p.Object(func(name []byte) {
		switch string(name) {
		case "id":
			m.audio = p.Optional()
		case "transcript":
			m.transcript = p.Optional()
		default:
			p.Value()
		}
	})
}

// annotation reads a document that was read for an earlier turn (FL-04). Citations
// of an earlier answer say nothing to a model.
func (p *parser) annotation() {
	var typ string
	var f llm.FileText
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.Text()
		case "file":
			p.Object(func(name []byte) {
				switch string(name) {
				case "hash":
					f.Hash = p.Text()
				case "name":
					f.Name = p.Optional()
				case "content":
					p.Array(func() { p.page(&f) })
				default:
					p.Value()
				}
			})
		default:
			p.Value()
		}
	})
	if p.Err != nil || typ != "file" || f.Hash == "" {
		return
	}
	if !slices.ContainsFunc(p.In.Read, func(known llm.FileText) bool { return known.Hash == f.Hash }) {
		p.In.Read = append(p.In.Read, f)
	}
}

// page reads a part of a document; what is no text has no place in the canon.
func (p *parser) page(f *llm.FileText) {
	var typ, text string
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.Text()
		case "text":
			text = p.Text()
		default:
			p.Value()
		}
	})
	if typ == "text" {
		f.Text = append(f.Text, text)
	}
}

// detail appends an entry of reasoning_details, byte for byte (RE-07). A type
// that only the gateway's own tool loop makes has no place in the canon; a
// provider of the same dialect gets it with the caller's bytes.
func (p *parser) detail(list []llm.Part) []llm.Part {
	t := &llm.Thought{}
	var text, summary string
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			t.Type = llm.ThoughtType(p.Text())
		case "text":
			text = p.Optional()
		case "summary":
			summary = p.Optional()
		case "signature":
			t.Signature = p.Optional()
		case "data":
			t.Data = p.Optional()
		case "id":
			t.ID = p.Optional()
		case "format":
			t.Format = p.Optional()
		default:
			p.Value()
		}
	})
	switch t.Type {
	case llm.ThoughtText:
		t.Text = text
	case llm.ThoughtSummary:
		t.Text = summary
	case llm.ThoughtEncrypted:
	case "":
		p.Fail("want a type")
		return list
	default:
		return list
	}
	return append(list, llm.Part{Kind: llm.PartReasoning, Thought: t})
}
