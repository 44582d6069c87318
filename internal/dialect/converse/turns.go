package converse

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	roleUser      = "user"
	roleAssistant = "assistant"

	// firstTurn stands before a conversation that the assistant begins.
	firstTurn = "."
)

// turn is a message being gathered. Results of tools come first, whatever stood
// before them: a call's result must follow at once.
type turn struct {
	role    string
	results []*block
	rest    []*block
}

// converse reads the messages. Where there is nothing but system messages, they
// are said by the user, since the API wants a turn.
func (e *encoder) converse() error {
	messages := e.in.Messages
	lead := slices.IndexFunc(messages, func(m llm.Message) bool { return !instructs(m.Role) })
	var turns []turn
	for i := range messages {
		m := &messages[i]
		blocks, err := e.blocks(m)
		switch {
		case err != nil:
			return err
		case len(blocks) == 0:
		case i < lead && !e.model.systemless():
			e.System = append(e.System, blocks...)
		case m.Role == llm.RoleAssistant:
			turns = say(turns, roleAssistant, blocks)
		default:
			turns = say(turns, roleUser, blocks)
		}
	}
	for i, t := range turns {
		content := t.content(i == len(turns)-1)
		if len(content) == 0 {
			continue
		}
		if len(e.Messages) == 0 && t.role == roleAssistant {
			e.Messages = append(e.Messages, message{roleUser, []*block{textBlock(firstTurn)}})
		}
		if n := len(e.Messages); n > 0 && e.Messages[n-1].Role == t.role {
			e.Messages[n-1].Content = append(e.Messages[n-1].Content, content...)
			continue
		}
		e.Messages = append(e.Messages, message{t.role, content})
	}
	if e.Messages == nil {
		e.Messages = []message{}
	}
	return nil
}

func instructs(r llm.Role) bool { return r == llm.RoleSystem || r == llm.RoleDeveloper }

func say(turns []turn, role string, blocks []*block) []turn {
	if len(turns) == 0 || turns[len(turns)-1].role != role {
		turns = append(turns, turn{role: role})
	}
	last := &turns[len(turns)-1]
	for _, b := range blocks {
		if b.ToolResult != nil {
			last.results = append(last.results, b)
		} else {
			last.rest = append(last.rest, b)
		}
	}
	return turns
}

// content is the turn as it is sent. The assistant's may not end in a thought, nor
// its last one in white space; a document of the user's needs a text beside it.
func (t *turn) content(last bool) []*block {
	content := append(t.results, t.rest...)
	if t.role == roleUser {
		document := slices.IndexFunc(content, func(b *block) bool { return b.Document != nil })
		if document >= 0 && !slices.ContainsFunc(content, func(b *block) bool { return b.Text != nil }) {
			content = slices.Insert(content, document, textBlock(content[document].Document.Name))
		}
		return content
	}
	for n := len(content); n > 0 && content[n-1].Reasoning != nil; n-- {
		content = content[:n-1]
	}
	if n := len(content); last && n > 0 && content[n-1].Text != nil {
		*content[n-1].Text = strings.TrimRight(*content[n-1].Text, " \t\r\n") // never blank: see blocks
	}
	return content
}

func textBlock(text string) *block { return &block{Text: &text} }

// blocks are the parts of one message. A name is said before the first text, as
// this language has no member for it (CR-04).
func (e *encoder) blocks(m *llm.Message) (blocks []*block, err error) {
	name := m.Name
	if m.Role == llm.RoleTool {
		name = "" // of the function, which the call names already
	}
	if name != "" && !slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.PartText && !blank(p.Text) }) {
		blocks = append(blocks, textBlock(name+":"))
		name = ""
	}
	var thought strings.Builder
	for i := range m.Parts {
		p := &m.Parts[i]
		if p.Kind != llm.PartReasoning {
			thought.Reset()
		}
		var b *block
		switch p.Kind {
		case llm.PartText, llm.PartRefusal:
			if blank(p.Text) {
				continue
			}
			b = textBlock(p.Text)
			if name != "" && p.Kind == llm.PartText {
				b = textBlock(name + ": " + p.Text)
				name = ""
			}
		case llm.PartReasoning:
			b = e.thought(p.Thought, &thought)
		case llm.PartCall:
			b, err = e.call(p.Call)
		case llm.PartResult:
			b, err = e.result(p.Result)
		default:
			if m.Role == llm.RoleAssistant {
				return nil, unfit("An assistant's message holds media, which this provider takes from users only")
			}
			b, err = e.media(p)
		}
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		if p.Cache != nil && b.Reasoning == nil {
			b.mark = p.Cache
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// thought is a thought of the model's own making, byte for byte (RE-07). The
// pieces of a streamed thought that a caller did not put together are, up to the
// one that is signed. Unsigned thoughts are not sent: most models here refuse
// them, and some read them as what was said.
func (e *encoder) thought(th *llm.Thought, pending *strings.Builder) *block {
	if !e.returns(th.Format) {
		return nil
	}
	switch th.Type {
	case llm.ThoughtText:
		pending.WriteString(th.Text)
		if th.Signature == "" {
			return nil
		}
		text := pending.String()
		pending.Reset()
		return &block{Reasoning: &reasoning{Text: &reasoningText{text, th.Signature}}}
	case llm.ThoughtEncrypted:
		pending.Reset()
		if th.Data != "" {
			return &block{Reasoning: &reasoning{Redacted: th.Data}}
		}
	case llm.ThoughtSummary: // is signed by nobody
	}
	return nil
}

// returns reports whether the model is sent thoughts of that stamp.
func (e *encoder) returns(format string) bool {
	return format == e.model.stamp() && format != llm.FormatUnknown
}

func (e *encoder) call(c *llm.ToolCall) (*block, error) {
	input := jsontext.Value(bytes.TrimSpace([]byte(c.Arguments)))
	switch {
	case c.Custom:
		input = jsontext.Value(llm.WrapInput(c.Arguments))
	case len(input) == 0:
		input = jsontext.Value("{}")
	}
	if !input.IsValid() || input.Kind() != '{' {
		return nil, unfit("The arguments of tool call " + strconv.Quote(c.ID) + " are no JSON object, which this provider requires")
	}
	name := toolName(c.Name)
	if !slices.Contains(e.calls, name) {
		e.calls = append(e.calls, name)
	}
	return &block{ToolUse: &toolUse{ID: e.callID(c.ID), Name: name, Input: input}}, nil
}

// result takes a breakpoint from any of its parts: it stands after all of them. An
// empty one holds an empty text, which Nova wants, and an error some words.
func (e *encoder) result(r *llm.ToolResult) (*block, error) {
	t := &toolResult{ID: e.callID(r.CallID)}
	b := &block{ToolResult: t}
	for i := range r.Parts {
		p := &r.Parts[i]
		if p.Cache != nil {
			b.mark = p.Cache
		}
		if p.Kind == llm.PartText {
			if !blank(p.Text) {
				t.Content = append(t.Content, textBlock(p.Text))
			}
			continue
		}
		if p.Kind == llm.PartAudio {
			return nil, unfit("This provider takes no audio from a tool")
		}
		m, err := e.media(p)
		if err != nil {
			return nil, err
		}
		t.Content = append(t.Content, m)
	}
	switch {
	case r.Error && e.model.fails():
		t.Status = "error"
	case r.Error:
		e.lose(dialect.FieldToolError)
	}
	if len(t.Content) == 0 {
		text := ""
		if r.Error {
			text = "error"
		}
		t.Content = []*block{textBlock(text)}
	}
	return b, nil
}

// media is an image, a document, a video or a piece of audio, which must be here.
func (e *encoder) media(p *llm.Part) (*block, error) {
	m := p.Media
	switch {
	case m.Data == "" && m.FileID != "":
		return nil, unfit("This provider takes no file by another provider's id")
	case m.Data == "":
		return nil, unfit("This provider takes media as bytes only")
	}
	mime, _, _ := strings.Cut(strings.ToLower(m.MIME), ";")
	mime = strings.TrimSpace(mime)
	made := &media{Source: source{Bytes: m.Data}}
	var b *block
	switch {
	case p.Kind == llm.PartImage, p.Kind == llm.PartFile && strings.HasPrefix(mime, "image/"):
		b, made.Format = &block{Image: made}, imageFormat(mime)
	case p.Kind == llm.PartVideo, p.Kind == llm.PartFile && strings.HasPrefix(mime, "video/"):
		b, made.Format = &block{Video: made}, videoFormat(mime)
	case p.Kind == llm.PartAudio, p.Kind == llm.PartFile && strings.HasPrefix(mime, "audio/"):
		b, made.Format = &block{Audio: made}, audioFormat(m.Format, mime)
	default:
		return e.document(m, mime)
	}
	if made.Format == "" {
		return nil, unfit("This provider takes no media of type " + strconv.Quote(m.MIME))
	}
	return b, nil
}

// document is a file for the model to read. A text that is to be cited goes as a
// text, so that it is cited by its characters.
func (e *encoder) document(m *llm.Media, mime string) (*block, error) {
	d := &document{Format: documentFormat(mime), Name: e.documentName(m), Source: source{Bytes: m.Data}, Context: m.Context}
	if d.Format == "" {
		return nil, unfit("This provider takes no file of type " + strconv.Quote(m.MIME))
	}
	if m.Cite {
		d.Citations = &citations{true}
		if d.Format == "txt" {
			text, err := base64.StdEncoding.DecodeString(m.Data)
			if err != nil {
				return nil, llm.Bad("A file is not valid base64")
			}
			d.Source = source{Text: new(strings.ToValidUTF8(string(text), "\uFFFD"))}
		}
	}
	e.documents = append(e.documents, d)
	return &block{Document: d}, nil
}

// documentName is a name of letters, digits, single spaces, hyphens, parentheses
// and brackets that no other document of the request has.
func (e *encoder) documentName(m *llm.Media) string {
	const most = 180 // of 200 characters
	name := m.Title
	if blank(name) {
		name = m.Name
		if dot := strings.LastIndexByte(name, '.'); dot > 0 {
			name = name[:dot]
		}
	}
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if alphanumeric(r) || strings.ContainsRune("-()[]", r) {
			return r
		}
		return ' '
	}, name)), " ")
	name = strings.TrimSpace(name[:min(len(name), most)])
	if name == "" {
		name = "document"
	}
	unique := name
	for i := 2; e.names[unique]; i++ {
		unique = name + " " + strconv.Itoa(i)
	}
	e.names[unique] = true
	return unique
}

func imageFormat(mime string) string {
	switch mime {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return strings.TrimPrefix(mime, "image/")
	case "image/jpg":
		return "jpeg"
	default:
		return ""
	}
}

func videoFormat(mime string) string {
	switch mime {
	case "video/mp4", "video/webm", "video/mpeg":
		return strings.TrimPrefix(mime, "video/")
	case "video/quicktime", "video/mov":
		return "mov"
	case "video/x-matroska", "video/mkv":
		return "mkv"
	case "video/x-flv", "video/flv":
		return "flv"
	case "video/mpg":
		return "mpg"
	case "video/x-ms-wmv", "video/wmv":
		return "wmv"
	case "video/3gpp":
		return "three_gp"
	default:
		return ""
	}
}

func audioFormat(format, mime string) string {
	if format == "" {
		format = strings.TrimPrefix(strings.TrimPrefix(mime, "audio/"), "x-")
	}
	switch format {
	case "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "m4a", "mpeg", "mpga", "pcm", "webm":
		return format
	case "wave":
		return "wav"
	default:
		return ""
	}
}

func documentFormat(mime string) string {
	switch mime {
	case "", "application/pdf":
		return "pdf"
	case "text/csv":
		return "csv"
	case "application/msword":
		return "doc"
	case "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
		return "docx"
	case "application/vnd.ms-excel":
		return "xls"
	case "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":
		return "xlsx"
	case "text/html":
		return "html"
	case "text/markdown":
		return "md"
	case "application/json":
		return "txt"
	default:
		if strings.HasPrefix(mime, "text/") {
			return "txt"
		}
		return ""
	}
}
