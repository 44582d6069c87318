package messages

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	roleUser      = "user"
	roleAssistant = "assistant"
	roleSystem    = "system"
)

// turns gathers the conversation.
type turns struct {
	q         *Quirks
	system    []*block
	turns     []turn
	documents []*block
	files     bool // some are kept by the vendor
}

// turn is a message being gathered. Results of tools come first, whatever stood
// before them: the API refuses a call whose result does not follow at once.
type turn struct {
	role    string
	results []*block
	rest    []*block
}

// converse reads the messages. Where there is nothing but system messages, they
// are said by the user, since the API wants a turn.
func (t *turns) converse(messages []llm.Message) error {
	lead := slices.IndexFunc(messages, func(m llm.Message) bool { return !instructs(m.Role) })
	for i := range messages {
		m := &messages[i]
		blocks, err := t.blocks(m)
		if err != nil {
			return err
		}
		switch {
		case i < lead:
			t.system = append(t.system, blocks...)
		case m.Role == llm.RoleAssistant:
			t.say(roleAssistant, blocks)
		default:
			t.say(roleUser, blocks)
		}
	}
	return nil
}

func instructs(r llm.Role) bool { return r == llm.RoleSystem || r == llm.RoleDeveloper }

func (t *turns) say(role string, blocks []*block) {
	if len(blocks) == 0 {
		return
	}
	if len(t.turns) == 0 || t.turns[len(t.turns)-1].role != role {
		t.turns = append(t.turns, turn{role: role})
	}
	last := &t.turns[len(t.turns)-1]
	for _, b := range blocks {
		if b.Type == blockToolResult {
			last.results = append(last.results, b)
		} else {
			last.rest = append(last.rest, b)
		}
	}
}

// messages are the turns as they are sent. A turn may not end in a thought, nor
// the last one of the assistant in white space.
func (t *turns) messages() []message {
	out := make([]message, 0, len(t.turns))
	for i, turn := range t.turns {
		content := append(turn.results, turn.rest...)
		if turn.role == roleAssistant {
			content = trimThoughts(content)
			if i == len(t.turns)-1 {
				content = trimPrefill(content)
			}
		}
		if len(content) > 0 {
			out = append(out, message{turn.role, content})
		}
	}
	return out
}

func trimThoughts(content []*block) []*block {
	for n := len(content); n > 0 && (content[n-1].Type == blockThinking || content[n-1].Type == blockRedacted); n-- {
		content = content[:n-1]
	}
	return content
}

func trimPrefill(content []*block) []*block {
	if n := len(content); n > 0 && content[n-1].Type == blockText {
		content[n-1].Text = trimEnd(content[n-1].Text) // never blank: see blocks
	}
	return content
}

// blocks are the parts of one message. A name is said before the first text, as
// this language has no member for it (CR-04).
func (t *turns) blocks(m *llm.Message) (blocks []*block, err error) {
	name := m.Name
	if m.Role == llm.RoleTool {
		name = "" // of the function, which the call names already
	}
	if name != "" && !slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Kind == llm.PartText && !blank(p.Text) }) {
		blocks = append(blocks, &block{Type: blockText, Text: name + ":"})
		name = ""
	}
	thought := strings.Builder{}
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
			b = &block{Type: blockText, Text: p.Text}
			if name != "" && p.Kind == llm.PartText {
				b.Text = name + ": " + p.Text
				name = ""
			}
		case llm.PartReasoning:
			b = t.thought(p.Thought, &thought)
		case llm.PartCall:
			b, err = call(p.Call)
		case llm.PartResult:
			b, err = t.result(p.Result)
		default:
			if m.Role == llm.RoleAssistant {
				return nil, unfit("An assistant's message holds media, which this provider takes from users only")
			}
			b, err = t.media(p)
		}
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		if p.Cache != nil && b.Type != blockThinking && b.Type != blockRedacted {
			b.Cache = mark(p.Cache)
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// thought is a thought of this vendor's own making, byte for byte (RE-07). The
// pieces of a streamed thought that a caller did not put together are, up to the
// one that is signed. Unsigned thoughts and summaries are refused by the API.
func (t *turns) thought(th *llm.Thought, pending *strings.Builder) *block {
	if th.Format != t.q.ThoughtFormat {
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
		return &block{Type: blockThinking, Thinking: &text, Signature: th.Signature}
	case llm.ThoughtEncrypted:
		pending.Reset()
		if th.Data == "" {
			return nil
		}
		return &block{Type: blockRedacted, Data: th.Data}
	default:
		return nil
	}
}

func call(c *llm.ToolCall) (*block, error) {
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
	return &block{Type: blockToolUse, ID: callID(c.ID), Name: c.Name, Input: input}, nil
}

// result takes a breakpoint from any of its parts: it stands after all of them.
func (t *turns) result(r *llm.ToolResult) (*block, error) {
	b := &block{Type: blockToolResult, ToolUseID: callID(r.CallID), IsError: r.Error}
	for i := range r.Parts {
		p := &r.Parts[i]
		if p.Cache != nil {
			b.Cache = mark(p.Cache)
		}
		if p.Kind == llm.PartText {
			if !blank(p.Text) {
				b.Content = append(b.Content, &block{Type: blockText, Text: p.Text})
			}
			continue
		}
		m, err := t.media(p)
		if err != nil {
			return nil, err
		}
		b.Content = append(b.Content, m)
	}
	return b, nil
}

// callID fits another vendor's id into the API's alphabet: letters, digits, _
// and -. What does not fit is written in hexadecimal, so that ids stay apart.
func callID(id string) string {
	fits := func(c byte) bool {
		return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	var out strings.Builder
	for i := range len(id) {
		if fits(id[i]) {
			out.WriteByte(id[i])
			continue
		}
		const hex = "0123456789abcdef"
		out.WriteByte('_')
		out.WriteByte(hex[id[i]>>4])
		out.WriteByte(hex[id[i]&15])
	}
	return out.String()
}

// media is an image or a document. Others' files cannot be had by their ids: the
// API's own begin with file_.
func (t *turns) media(p *llm.Part) (*block, error) {
	m := p.Media
	image := p.Kind == llm.PartImage || p.Kind == llm.PartFile && strings.HasPrefix(m.MIME, "image/")
	switch {
	case p.Kind != llm.PartImage && p.Kind != llm.PartFile:
		return nil, unfit("This provider takes neither audio nor video")
	case m.URL != "" && t.q.NoURLs:
		return nil, unfit("This provider takes images and documents as bytes only")
	case m.URL == "" && m.Data == "" && (t.q.NoFiles || !strings.HasPrefix(m.FileID, "file_")):
		return nil, unfit("This provider takes no file by another provider's id")
	}
	if m.URL == "" && m.Data == "" {
		t.files = true
	}
	b := &block{Type: blockImage, Source: sourceOf(m, m.MIME)}
	if image {
		return b, nil
	}
	b.Type, b.Title, b.Context = blockDocument, m.Title, m.Context
	if b.Title == "" {
		b.Title = m.Name
	}
	if m.Cite {
		b.Citations = &citations{Enabled: true}
	}
	switch {
	case b.Source.Type != "base64":
	case m.MIME == "application/pdf" || m.MIME == "":
		b.Source.MediaType = "application/pdf"
	case strings.HasPrefix(m.MIME, "text/") || m.MIME == "application/json":
		text, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil {
			return nil, llm.Bad("A file is not valid base64")
		}
		b.Source = &source{Type: "text", MediaType: "text/plain", Data: strings.ToValidUTF8(string(text), "\uFFFD")}
	default:
		return nil, unfit("This provider takes no file of type " + m.MIME)
	}
	t.documents = append(t.documents, b)
	return b, nil
}

func sourceOf(m *llm.Media, mime string) *source {
	switch {
	case m.URL != "":
		return &source{Type: "url", URL: m.URL}
	case m.Data != "":
		return &source{Type: "base64", MediaType: mime, Data: m.Data}
	default:
		return &source{Type: "file", FileID: m.FileID}
	}
}

func mark(c *llm.CacheMark) *cacheControl { return &cacheControl{Type: "ephemeral", TTL: c.TTL} }

func trimEnd(s string) string { return strings.TrimRight(s, " \t\r\n") }

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// unfit is what this language cannot say; an endpoint of another may take it.
func unfit(message string) *llm.Error {
	return &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: message}
}
