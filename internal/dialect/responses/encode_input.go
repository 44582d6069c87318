package responses

import (
	"slices"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// input writes the conversation. What the system says is an item like any other and
// not `instructions`: it reads the same to the model and to its prompt cache, holds
// parts and breakpoints, and has its place where it does not lead.
func (e *encoder) input() {
	e.out = append(e.out, '[')
	for i := range e.in.Messages {
		e.turn(&e.in.Messages[i])
	}
	e.out = append(e.out, ']')
}

// turn writes the items of one turn, in the order in which they were said. Thoughts
// and what is said are runs of parts; a call and a result are items by themselves.
func (e *encoder) turn(m *llm.Message) {
	wrote := false
	for i := 0; i < len(m.Parts); {
		end := i + 1
		switch m.Parts[i].Kind {
		case llm.PartCall:
			e.call(m.Parts[i].Call)
		case llm.PartResult:
			e.result(m.Parts[i].Result)
		case llm.PartReasoning:
			for end < len(m.Parts) && sameItem(&m.Parts[i], &m.Parts[end]) {
				end++
			}
			e.think(m.Parts[i:end])
		case llm.PartText, llm.PartRefusal, llm.PartImage, llm.PartAudio, llm.PartVideo, llm.PartFile:
			for end < len(m.Parts) && isSaid(&m.Parts[end]) && spoken(m, &m.Parts[i]) == spoken(m, &m.Parts[end]) {
				end++
			}
			e.message(m, m.Parts[i:end])
		}
		wrote = true
		i = end
	}
	if !wrote && m.Role != llm.RoleAssistant {
		e.message(m, nil)
	}
}

// sameItem reports whether a thought goes on with the item of another.
func sameItem(a, b *llm.Part) bool {
	return b.Kind == llm.PartReasoning && a.Thought.ID == b.Thought.ID && a.Thought.Format == b.Thought.Format
}

func isSaid(p *llm.Part) bool {
	return p.Kind != llm.PartReasoning && p.Kind != llm.PartCall && p.Kind != llm.PartResult
}

// spoken reports whether a part is of an assistant's own words.
func spoken(m *llm.Message, p *llm.Part) bool {
	return m.Role == llm.RoleAssistant && (p.Kind == llm.PartText || p.Kind == llm.PartRefusal)
}

// id gives an item an id where one must be there. Items have the same in every turn.
func (e *encoder) id(prefix string) {
	if e.q.Formal {
		e.items++
		e.str("id", prefix+strconv.Itoa(e.items))
	}
}

func (e *encoder) status() {
	if e.q.Formal {
		e.str("status", "completed")
	}
}

// silent reports that nothing is said.
func silent(parts []llm.Part) bool {
	return !slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Text != "" || p.Media != nil })
}

// message writes what was said. An assistant has no words for media: what it has
// made comes back as shown to it.
func (e *encoder) message(m *llm.Message, parts []llm.Part) {
	assistant := m.Role == llm.RoleAssistant && (len(parts) == 0 || spoken(m, &parts[0]))
	if assistant && silent(parts) {
		return // a turn that is all calls, or thoughts that are not sent
	}
	role := m.Role
	switch {
	case role == llm.RoleDeveloper && e.q.SystemForDeveloper:
		role = llm.RoleSystem
	case role == llm.RoleTool, role == llm.RoleAssistant && !assistant:
		role = llm.RoleUser
	}
	before := ""
	if m.Name != "" {
		before = m.Name + ": " // CR-04
	}
	e.comma()
	e.out = append(e.out, `{"type":"message"`...)
	if assistant {
		e.id("msg_")
		e.status()
	}
	e.str("role", string(role))
	e.key("content")
	switch {
	case len(parts) == 0:
		e.out = quote(e.out, before)
	case assistant:
		e.words(parts, before)
	default:
		e.parts(parts, before)
	}
	e.out = append(e.out, '}')
}

// words writes what an assistant said.
func (e *encoder) words(parts []llm.Part, before string) {
	e.out = append(e.out, '[')
	for i := range parts {
		e.comma()
		if parts[i].Kind == llm.PartRefusal {
			e.out = append(quote(append(e.out, `{"type":"refusal","refusal":`...), parts[i].Text), '}')
			continue
		}
		e.out = quote(append(e.out, `{"type":"output_text","text":`...), before+parts[i].Text)
		before = ""
		if e.q.Formal {
			e.raw("annotations", []byte("[]"))
		}
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, ']')
}

// plain reports whether parts can be one string.
func (e *encoder) plain(parts []llm.Part) bool {
	return len(parts) == 1 && parts[0].Kind == llm.PartText && (parts[0].Cache == nil || !e.q.marks(e.to.Model))
}

// parts writes what was said to the model: a string where one text is all there is.
func (e *encoder) parts(parts []llm.Part, before string) {
	if e.plain(parts) {
		e.out = quote(e.out, before+parts[0].Text)
		return
	}
	e.out = append(e.out, '[')
	for i := range parts {
		p := &parts[i]
		if before != "" && p.Kind != llm.PartText {
			e.comma()
			e.out = append(quote(append(e.out, `{"type":"input_text","text":`...), before), '}')
		}
		e.comma()
		switch p.Kind {
		case llm.PartText, llm.PartRefusal:
			e.out = quote(append(e.out, `{"type":"input_text","text":`...), before+p.Text)
		case llm.PartImage:
			e.image(p.Media)
		case llm.PartAudio:
			e.audio(p.Media)
		case llm.PartVideo:
			e.video(p.Media)
		case llm.PartFile:
			e.file(p.Media)
		case llm.PartReasoning, llm.PartCall, llm.PartResult: // are items
		}
		before = ""
		e.mark(p.Cache)
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, ']')
}

// mark writes a cache breakpoint where it is understood (RS-09). It has no ttl.
func (e *encoder) mark(c *llm.CacheMark) {
	switch {
	case c == nil || len(e.q.Breakpoints) == 0: // the table says so
	case e.q.marks(e.to.Model):
		e.raw("prompt_cache_breakpoint", []byte(`{"mode":"explicit"}`))
	default:
		e.loses("cache_control")
	}
}

// loses notes a value that cannot be said, once.
func (e *encoder) loses(what string) {
	if !slices.Contains(e.lost, what) {
		e.lost = append(e.lost, what)
	}
}

func (e *encoder) image(m *llm.Media) {
	e.out = append(e.out, `{"type":"input_image"`...)
	e.locate("image_url", m)
	detail := m.Detail
	if detail == "" && e.q.Formal {
		detail = "auto"
	}
	e.str("detail", detail)
}

// locate writes where media is: an id, a URL or a data URI.
func (e *encoder) locate(name string, m *llm.Media) {
	switch {
	case m.FileID != "":
		e.str("file_id", m.FileID)
	case m.URL != "":
		e.str(name, m.URL)
	default:
		e.key(name)
		e.out = appendURI(e.out, m)
	}
}

func (e *encoder) audio(m *llm.Media) {
	if e.q.NoAudio || m.URL != "" || m.FileID != "" {
		e.unsuited("The provider cannot take this audio")
	}
	format := m.Format
	if format == "" {
		format = audioFormat(m.MIME)
	}
	e.out = append(e.out, `{"type":"input_audio","input_audio":{`...)
	e.str("data", m.Data)
	e.str("format", format)
	e.out = append(e.out, '}')
}

// audioFormat is the format of a MIME type: mp3 and wav are known.
func audioFormat(mime string) string {
	switch mime {
	case "audio/wav", "audio/x-wav", "audio/wave":
		return "wav"
	}
	return "mp3"
}

func (e *encoder) video(m *llm.Media) {
	if !e.q.Video {
		e.unsuited("The provider cannot take video")
	}
	e.out = append(e.out, `{"type":"input_video"`...)
	e.locate("video_url", m)
}

// file writes a document. The API wants a name for bytes; what kind they are it
// learns from the data URI.
func (e *encoder) file(m *llm.Media) {
	if m.FileID == "" && m.URL == "" && e.q.NoFileData {
		e.unsuited("The provider takes files by URL only")
	}
	e.out = append(e.out, `{"type":"input_file"`...)
	name := m.Name
	if name == "" {
		name = m.Title
	}
	switch {
	case m.FileID != "":
		e.str("file_id", m.FileID)
		return
	case m.URL != "":
		e.str("file_url", m.URL)
		return
	case name == "":
		name = "document"
		if m.MIME == "application/pdf" {
			name = "document.pdf"
		}
	}
	e.str("filename", name)
	e.key("file_data")
	e.out = appendURI(e.out, m)
}

// think writes the vendor's own thoughts back. What is not encrypted is of no use
// to it: nothing is stored there that its id could stand for.
func (e *encoder) think(thoughts []llm.Part) {
	if len(thoughts) == 0 || !e.q.returns(thoughts[0].Thought.Format) || !e.q.AnyThought && thoughtOf(thoughts, llm.ThoughtEncrypted) == nil {
		return
	}
	e.comma()
	e.out = appendReasoning(e.out, thoughts, e.q.AnyThought)
}

func (e *encoder) call(c *llm.ToolCall) {
	if n, ok := e.nativeCall(c); ok {
		known := *c
		known.ID = short(c.ID)
		e.comma()
		e.out, _ = n.appendCall(e.out, &known, "", "completed") // an object, as was seen
		return
	}
	custom := c.Custom && !e.q.NoCustomTools
	typ, prefix := itemCall, "fc_"
	if custom {
		typ, prefix = itemCustomCall, "ctc_"
	}
	e.comma()
	e.out = quote(append(e.out, `{"type":`...), typ)
	e.id(prefix)
	e.str("call_id", short(c.ID))
	e.key("name")
	e.out = quote(e.out, c.Name)
	switch {
	case custom:
		e.key("input")
		e.out = quote(e.out, c.Arguments)
	case c.Custom:
		e.key("arguments")
		e.out = quote(e.out, llm.WrapInput(c.Arguments))
	default:
		e.key("arguments")
		e.out = quote(e.out, c.Arguments)
	}
	if !custom {
		e.status()
	}
	e.out = append(e.out, '}')
}

// result answers a call by an item of the call's kind.
func (e *encoder) result(r *llm.ToolResult) {
	known := *r
	known.CallID = short(r.CallID)
	typ := itemResult
	if c := e.callOf(r.CallID); c != nil {
		if n, ok := e.nativeCall(c); ok {
			e.comma()
			e.out = n.appendOutput(e.out, &known)
			return
		}
		if c.Custom && !e.q.NoCustomTools {
			typ = itemCustomResult
		}
	}
	e.comma()
	e.out = quote(append(e.out, `{"type":`...), typ)
	e.str("call_id", known.CallID)
	e.key("output")
	if len(r.Parts) == 0 {
		e.out = append(e.out, `""`...)
	} else {
		e.parts(r.Parts, "")
	}
	e.out = append(e.out, '}')
}

// callOf is the call of an id; nil if there is none in the conversation.
func (e *encoder) callOf(id string) *llm.ToolCall {
	for i := range e.in.Messages {
		for j := range e.in.Messages[i].Parts {
			if c := e.in.Messages[i].Parts[j].Call; c != nil && c.ID == id {
				return c
			}
		}
	}
	return nil
}
