package gemini

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	roleUser  = "user"
	roleModel = "model"
)

// skipSignature is what Google documents for a call whose signature is not
// known, such as one another vendor made: Gemini 3 refuses the first call of a
// turn without any.
const skipSignature = "skip_thought_signature_validator"

// encodeContents writes the conversation. Turns of one role that follow each
// other become one, except that tool results stay apart from what a user says.
// System and developer messages go into systemInstruction wherever they stood,
// since Google has no other place for them; a conversation of nothing else is
// the user's turn, because contents must not be empty.
func encodeContents(in *llm.ChatInput, f family) (*request, error) {
	e := &encoder{family: f, calls: map[string]call{}}
	for i := range in.Messages {
		m := &in.Messages[i]
		if m.Role != llm.RoleTool {
			e.flushResults()
		}
		var err error
		switch m.Role {
		case llm.RoleSystem, llm.RoleDeveloper:
			var parts []part
			if parts, err = e.said(m); err == nil {
				e.system = append(e.system, parts...)
			}
		case llm.RoleAssistant:
			err = e.assistant(m)
		case llm.RoleTool:
			err = e.tool(m)
		default:
			var parts []part
			if parts, err = e.said(m); err == nil {
				e.turn(roleUser, parts)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	e.flushResults()
	return e.finish(), nil
}

type encoder struct {
	family   family
	system   []part
	contents []content
	results  []result // of the run of tool messages being read
	apart    bool     // the last content holds tool results
	calls    map[string]call
}

type call struct {
	name  string
	order int
}

type result struct {
	order  int
	answer *functionResponse
	beside []part // media that the response cannot hold
}

func (e *encoder) finish() *request {
	body := &request{Contents: e.contents}
	switch {
	case len(e.system) == 0:
	case len(body.Contents) == 0:
		body.Contents = []content{{Role: roleUser, Parts: e.system}}
	case e.family.system:
		body.SystemInstruction = &content{Parts: e.system}
	case body.Contents[0].Role == roleUser:
		body.Contents[0].Parts = append(e.system, body.Contents[0].Parts...)
	default:
		body.Contents = append([]content{{Role: roleUser, Parts: e.system}}, body.Contents...)
	}
	if body.Contents == nil {
		body.Contents = []content{}
	}
	if e.family.gemini3 {
		signCalls(body.Contents)
	}
	return body
}

// signCalls gives the first call of every turn the stand-in where it has no
// signature of its own. Later calls of a turn rightly have none.
func signCalls(contents []content) {
	for _, c := range contents {
		i := slices.IndexFunc(c.Parts, func(p part) bool { return p.FunctionCall != nil })
		if i >= 0 && c.Parts[i].ThoughtSignature == "" {
			c.Parts[i].ThoughtSignature = skipSignature
		}
	}
}

func (e *encoder) turn(role string, parts []part) {
	if len(parts) == 0 {
		return // Google refuses a content without parts
	}
	if n := len(e.contents); n > 0 && e.contents[n-1].Role == role && !e.apart {
		e.contents[n-1].Parts = append(e.contents[n-1].Parts, parts...)
		return
	}
	e.contents, e.apart = append(e.contents, content{role, parts}), false
}

// said is a message's text and media; the speaker's name goes before the first
// text (CR-04). Empty texts are left out: Google refuses them.
func (e *encoder) said(m *llm.Message) ([]part, error) {
	name := m.Name
	parts := make([]part, 0, len(m.Parts))
	for i := range m.Parts {
		p := &m.Parts[i]
		switch p.Kind {
		case llm.PartText, llm.PartRefusal:
			if text := named(&name, p.Text); text != "" {
				parts = append(parts, part{Text: &text})
			}
		default:
			if p.Media == nil {
				continue
			}
			media, err := encodeMedia(p)
			if err != nil {
				return nil, err
			}
			parts = append(parts, media)
		}
	}
	return parts, nil
}

func named(name *string, text string) string {
	if *name == "" || text == "" {
		return text
	}
	text, *name = *name+": "+text, ""
	return text
}

// assistant writes the model's turn. A signature goes back byte-exact onto the
// call it names, else onto the text that follows it, else onto an empty text of
// its own; what another dialect made is dropped (RE-07), as is the signature of a
// call that is no longer there. Arguments that are no JSON object, which args
// must be, go as {"arguments": text}, so that the model still sees what it wrote.
func (e *encoder) assistant(m *llm.Message) error {
	name := m.Name
	signatures := map[string]string{}
	for _, p := range m.Parts {
		if t := p.Thought; sealed(t) && t.ID != "" {
			signatures[t.ID] = t.Data
		}
	}
	var pending []string
	var parts []part
	flush := func() {
		for _, s := range pending {
			parts = append(parts, part{Text: new(""), ThoughtSignature: s})
		}
		pending = nil
	}
	for i := range m.Parts {
		p := &m.Parts[i]
		switch p.Kind {
		case llm.PartReasoning:
			t := p.Thought
			switch {
			case sealed(t) && t.ID == "":
				pending = append(pending, t.Data)
			case t != nil && t.Format == llm.FormatGemini && t.Type == llm.ThoughtText && t.Text != "":
				parts = append(parts, part{Text: &t.Text, Thought: true, ThoughtSignature: t.Signature})
			}
		case llm.PartCall:
			flush()
			e.calls[p.Call.ID] = call{p.Call.Name, len(e.calls)}
			parts = append(parts, part{
				FunctionCall:     &functionCall{googleID(p.Call.ID), p.Call.Name, arguments(p.Call.Arguments)},
				ThoughtSignature: signatures[p.Call.ID],
			})
		case llm.PartText, llm.PartRefusal:
			text := named(&name, p.Text)
			if text == "" {
				continue
			}
			said := part{Text: &text}
			if len(pending) > 0 {
				said.ThoughtSignature, pending = pending[0], pending[1:]
			}
			parts = append(parts, said)
		default:
			if p.Media == nil {
				continue
			}
			media, err := encodeMedia(p)
			if err != nil {
				return err
			}
			parts = append(parts, media)
		}
	}
	flush()
	e.turn(roleModel, parts)
	return nil
}

func sealed(t *llm.Thought) bool {
	return t != nil && t.Type == llm.ThoughtEncrypted && t.Format == llm.FormatGemini && t.Data != ""
}

// googleID is a call's id if Google may have made it. The ids that this package
// makes and those of other vendors are left out: some of Google's endpoints have
// no id member, and without ids results are matched by their order.
func googleID(id string) string {
	if strings.HasPrefix(id, "call_") || strings.HasPrefix(id, "toolu_") || strings.HasPrefix(id, "chatcmpl-") {
		return ""
	}
	return id
}

func arguments(text string) jsontext.Value {
	if strings.TrimSpace(text) == "" {
		return jsontext.Value("{}")
	}
	if v := jsontext.Value(text); v.IsValid() && v.Kind() == '{' {
		return v
	}
	return wrap("arguments", text)
}

// wrap is the object {name: text}.
func wrap(name, text string) jsontext.Value {
	v, err := json.Marshal(map[string]string{name: strings.ToValidUTF8(text, "\uFFFD")})
	if err != nil {
		return jsontext.Value("{}")
	}
	return v
}

// tool writes tool results. A result that is a JSON object is the response, any
// other text is {"result": text}; that of a tool that failed is {"error": ...}.
// Media go into the response where the model takes it (Gemini 3), else beside it.
func (e *encoder) tool(m *llm.Message) error {
	for i := range m.Parts {
		r := m.Parts[i].Result
		if r == nil {
			continue
		}
		c, ok := e.calls[r.CallID]
		if !ok {
			return llm.Bad(fmt.Sprintf("The tool message with tool_call_id %q answers no call of the conversation", r.CallID))
		}
		answer := &functionResponse{ID: googleID(r.CallID), Name: c.name}
		var texts []string
		var beside []part
		for j := range r.Parts {
			p := &r.Parts[j]
			if p.Media == nil {
				texts = append(texts, p.Text)
				continue
			}
			media, err := encodeMedia(p)
			if err != nil {
				return err
			}
			if e.family.gemini3 && media.InlineData != nil {
				answer.Parts = append(answer.Parts, media)
			} else {
				beside = append(beside, media)
			}
		}
		answer.Response = resultObject(strings.Join(texts, "\n"), r.Error)
		e.results = append(e.results, result{c.order, answer, beside})
	}
	return nil
}

func resultObject(text string, failed bool) jsontext.Value {
	v := jsontext.Value(text)
	object := v.IsValid() && v.Kind() == '{'
	switch {
	case object && failed:
		return slices.Concat([]byte(`{"error":`), v, []byte("}"))
	case object:
		return v
	case failed:
		return wrap("error", text)
	default:
		return wrap("result", text)
	}
}

// flushResults makes one turn of the results read, in the order of their calls.
func (e *encoder) flushResults() {
	if len(e.results) == 0 {
		return
	}
	slices.SortStableFunc(e.results, func(a, b result) int { return cmp.Compare(a.order, b.order) })
	var parts, beside []part
	for _, r := range e.results {
		parts = append(parts, part{FunctionResponse: r.answer})
		beside = append(beside, r.beside...)
	}
	parts = append(parts, beside...)
	e.contents, e.apart, e.results = append(e.contents, content{roleUser, parts}), true, nil
}

// encodeMedia writes media by value as inlineData. A URL goes as fileData and is
// fetched by Google: public https URLs since Gemini 2.5; older models refuse it,
// which moves the request on to another endpoint. Files known by an id are
// another vendor's.
func encodeMedia(p *llm.Part) (part, error) {
	m := p.Media
	switch {
	case m.Data != "":
		return part{InlineData: &inlineData{mimeType(p), m.Data}}, nil
	case m.URL != "":
		return part{FileData: &fileData{mimeType(p), m.URL}}, nil
	default:
		return part{}, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: "The provider cannot read a file by its file_id"}
	}
}

// mimeType is the media's type, which Google wants in all cases: as told, else by
// the extension of its URL or name, else the usual one of its kind.
func mimeType(p *llm.Part) string {
	m := p.Media
	if m.MIME != "" {
		return m.MIME
	}
	if m.Format != "" {
		return "audio/" + strings.ToLower(m.Format)
	}
	location, _, _ := strings.Cut(m.URL, "?")
	location, _, _ = strings.Cut(location, "#")
	switch strings.ToLower(path.Ext(cmp.Or(m.Name, location))) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".gif":
		return "image/gif"
	case ".heic":
		return "image/heic"
	case ".heif":
		return "image/heif"
	case ".pdf":
		return "application/pdf"
	case ".txt", ".md":
		return "text/plain"
	case ".csv":
		return "text/csv"
	case ".html", ".htm":
		return "text/html"
	case ".json":
		return "application/json"
	case ".mp3":
		return "audio/mp3"
	case ".wav":
		return "audio/wav"
	case ".mp4":
		return "video/mp4"
	case ".webm":
		return "video/webm"
	case ".mov":
		return "video/mov"
	}
	switch p.Kind {
	case llm.PartAudio:
		return "audio/wav"
	case llm.PartVideo:
		return "video/mp4"
	case llm.PartFile:
		return "application/pdf"
	default:
		return "image/jpeg"
	}
}
