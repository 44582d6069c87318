package transcript

import (
	"cmp"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// content is the text of a transcript.
type content struct {
	Input     input    `json:"input"`
	Output    output   `json:"output"`
	Error     *failure `json:"error"`
	Truncated bool     `json:"truncated,omitzero"`
}

// input has one of both.
type input struct {
	Prompt   *string    `json:"prompt,omitzero"`
	Messages *[]message `json:"messages,omitzero"`
}

// message is in the words of chat completions, but for media, which are described.
type message struct {
	Role      string `json:"role"`
	Name      string `json:"name,omitzero"`
	Content   any    `json:"content"` // a string, a list of parts, or null
	Reasoning string `json:"reasoning,omitzero"`
	Calls     []call `json:"tool_calls,omitzero"`
	CallID    string `json:"tool_call_id,omitzero"`
}

type part struct {
	Type  string `json:"type"`
	Text  string `json:"text,omitzero"`
	MIME  string `json:"mime_type,omitzero"`
	Bytes int64  `json:"bytes,omitzero"`
	Gone  bool   `json:"omitted,omitzero"` // it was no text
}

type call struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type output struct {
	Completion *string `json:"completion"`
	Reasoning  *string `json:"reasoning"`
	Calls      []call  `json:"tool_calls,omitzero"`
	Media      []part  `json:"media,omitzero"`
}

type failure struct {
	Status   *int      `json:"status"`
	Message  *string   `json:"message"`
	Provider *string   `json:"provider_name"`
	Raw      *string   `json:"raw"` // what an upstream sent is not kept
	Previous []attempt `json:"previous_errors"`
}

type attempt struct {
	Code     *int    `json:"code"`
	Message  *string `json:"message"`
	Provider *string `json:"provider_name"`
	Raw      *string `json:"raw"`
}

// Draft is a transcript while its answer is under way. It is used by one goroutine.
type Draft struct {
	input     input
	failure   *failure
	room      int // bytes of text
	truncated bool

	completion, reasoning strings.Builder
	said                  bool // there is text
	calls                 []made
	media                 []part
	sounds                map[int]int // place in media, by block
}

// made is a call while its arguments come.
type made struct {
	block    int
	id, name string
	args     strings.Builder
}

const (
	each      = 48 // bytes that a message, a part or a call is taken to have beside its text
	mostMedia = 256
	mark      = "... [truncated]"
)

// Begin is the transcript of a request, which is not needed any more then. A quarter of
// the room is left to the answer.
func (l *Log) Begin(in *llm.ChatInput) *Draft {
	d := &Draft{room: l.most - l.most/4, sounds: map[int]int{}}
	if in.Prompted {
		var b strings.Builder
		for i := range in.Messages {
			for _, p := range in.Messages[i].Parts {
				b.WriteString(d.fit(p.Text))
			}
		}
		text := b.String()
		d.input.Prompt = &text
	} else {
		list := make([]message, 0, min(len(in.Messages), 1024))
		for i := range in.Messages {
			if d.room -= each; d.room <= 0 {
				d.truncated = true
				break
			}
			list = append(list, d.messages(&in.Messages[i])...)
		}
		d.input.Messages = &list
	}
	d.room = max(0, d.room) + l.most/4
	return d
}

// messages are one, and one for each result of a tool.
func (d *Draft) messages(m *llm.Message) (list []message) {
	x := message{Role: string(m.Role), Name: d.fit(m.Name)}
	var parts []part
	for i := range m.Parts {
		p := &m.Parts[i]
		if d.room -= each; d.room <= 0 {
			d.truncated = true
			break
		}
		switch {
		case p.Result != nil:
			list = append(list, message{Role: string(llm.RoleTool), CallID: d.fit(p.Result.CallID), Content: said(d.parts(p.Result.Parts))})
		case p.Call != nil:
			x.Calls = append(x.Calls, newCall(d.fit(p.Call.ID), d.fit(p.Call.Name), d.fit(p.Call.Arguments)))
		case p.Thought != nil:
			x.Reasoning += d.fit(p.Thought.Text)
		default:
			parts = append(parts, d.part(p))
		}
	}
	if len(parts) > 0 || len(list) == 0 {
		x.Content = said(parts)
		list = append(list, x)
	}
	return list
}

func (d *Draft) parts(parts []llm.Part) (list []part) {
	for i := range parts {
		if d.room -= each; d.room <= 0 {
			d.truncated = true
			break
		}
		list = append(list, d.part(&parts[i]))
	}
	return list
}

func (d *Draft) part(p *llm.Part) part {
	if p.Media == nil {
		return part{Type: "text", Text: d.fit(p.Text)}
	}
	kind := map[llm.PartKind]string{llm.PartImage: "image", llm.PartAudio: "audio", llm.PartVideo: "video"}[p.Kind]
	x := describe(p.Media)
	x.Type = cmp.Or(kind, "file")
	return x
}

// describe says of media what they are, and neither where nor what is in them.
func describe(m *llm.Media) part {
	mime := m.MIME
	if mime == "" && m.Format != "" {
		mime = "audio/" + m.Format
	}
	const mostMIME = 64
	return part{MIME: mime[:min(len(mime), mostMIME)], Bytes: int64(base64.StdEncoding.DecodedLen(len(m.Data))), Gone: true}
}

// said is the content of a message: the text itself where there is nothing else.
func said(parts []part) any {
	switch {
	case len(parts) == 0:
		return nil
	case len(parts) == 1 && parts[0].Type == "text":
		return parts[0].Text
	default:
		return parts
	}
}

func newCall(id, name, arguments string) call {
	return call{ID: id, Type: "function", Function: function{name, arguments}}
}

// fit is as much of a text as there is room for.
func (d *Draft) fit(text string) string {
	if d.room -= len(text); d.room >= 0 {
		return text
	}
	d.truncated = true
	n := max(0, len(text)+d.room)
	for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	d.room = 0
	return text[:n] + mark
}

// write adds as much of what is said as there is room for.
func (d *Draft) write(to *strings.Builder, text string) {
	if text == "" || strings.HasSuffix(to.String(), mark) {
		return
	}
	to.WriteString(d.fit(text))
}

// See takes in what is said next.
func (d *Draft) See(c llm.Chunk) {
	for i := range c.Events {
		e := &c.Events[i]
		switch e.Kind {
		case llm.BlockOpen:
			if e.Open == llm.BlockCall && e.Call != nil && d.opens() {
				m := made{block: e.Block, id: d.fit(e.Call.ID), name: d.fit(e.Call.Name)}
				d.write(&m.args, e.Call.Arguments)
				d.calls = append(d.calls, m)
			}
			if e.Thought != nil {
				d.write(&d.reasoning, e.Thought.Text)
			}
		case llm.TextDelta:
			d.said = true
			d.write(&d.completion, e.Text)
		case llm.ReasoningDelta:
			if e.Thought != nil {
				d.write(&d.reasoning, e.Thought.Text)
			}
		case llm.ArgsDelta:
			for at := len(d.calls) - 1; at >= 0; at-- {
				if d.calls[at].block == e.Block {
					d.write(&d.calls[at].args, e.Text)
					break
				}
			}
		case llm.MediaDelta:
			d.sees(e)
		default: // says nothing
		}
	}
}

// opens reports whether there is room for a call.
func (d *Draft) opens() bool {
	if d.room -= each; d.room <= 0 {
		d.room, d.truncated = 0, true
		return false
	}
	return true
}

// sees counts an image, or a piece of a sound.
func (d *Draft) sees(e *llm.Event) {
	if e.Media == nil {
		return
	}
	x := describe(e.Media)
	x.Type = "image"
	if !strings.HasPrefix(x.MIME, "image/") && e.Media.URL == "" {
		x.Type = "audio"
		if at, open := d.sounds[e.Block]; open {
			d.media[at].Bytes += x.Bytes
			return
		}
		if len(d.media) < mostMedia {
			d.sounds[e.Block] = len(d.media)
		}
	}
	if len(d.media) < mostMedia {
		d.media = append(d.media, x)
	} else {
		d.truncated = true
	}
}

// Failed notes that the caller is answered with an error.
func (d *Draft) Failed(e *llm.Error) {
	status := e.Type.Status()
	message := d.fit(e.Message)
	f := &failure{Status: &status, Message: &message, Provider: orNull(e.ProviderName), Previous: []attempt{}}
	for _, a := range e.Previous {
		x := attempt{Provider: orNull(a.Provider)}
		if a.Status != 0 {
			x.Code = &a.Status
		}
		if a.Code != "" {
			x.Message = orNull(string(a.Code))
		}
		f.Previous = append(f.Previous, x)
	}
	d.failure = f
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Text is the transcript as JSON. hide takes out of what the model has said what its
// caller alone was told; cut says that the end of it is missing.
func (d *Draft) Text(hide func(text string, cut bool) string) ([]byte, error) {
	hidden := func(b *strings.Builder) string {
		text, cut := strings.CutSuffix(b.String(), mark)
		if text = hide(text, cut); cut {
			text += mark
		}
		return text
	}
	c := content{Input: d.input, Error: d.failure, Truncated: d.truncated}
	if d.said {
		text := hidden(&d.completion)
		c.Output.Completion = &text
	}
	c.Output.Reasoning = orNull(hidden(&d.reasoning))
	for i := range d.calls {
		m := &d.calls[i]
		c.Output.Calls = append(c.Output.Calls, newCall(m.id, m.name, hidden(&m.args)))
	}
	c.Output.Media = d.media
	return json.Marshal(c, jsontext.AllowInvalidUTF8(true))
}
