package gemini

import (
	"cmp"
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

// encodeContents writes the conversation. Turns of one role that follow each
// other become one, except that tool results stay apart from what a user says.
// System and developer messages go into systemInstruction wherever they stood,
// since Google has no other place for them; a conversation of nothing else is
// the user's turn, because contents must not be empty.
func encodeContents(in *llm.ChatInput, q *Quirks, f family) (*request, error) {
	e := &encoder{q: q, family: f, calls: map[string]call{}}
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
	q        *Quirks
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
	if e.family.gemini3 && e.family.image {
		signImages(body.Contents)
	}
	return body
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
			var err error
			if parts, err = e.media(parts, p); err != nil {
				return nil, err
			}
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
// call or the image it names, else onto the text that follows it, else onto an
// empty text of its own; what another dialect made is dropped (RE-07), as is the
// signature of what is no longer there. Arguments that are no JSON object, which
// args must be, go as {"arguments": text}, so that the model still sees what it
// wrote.
func (e *encoder) assistant(m *llm.Message) error {
	name := m.Name
	marks := signaturesOf(m)
	pictures := 0
	parts := make([]part, 0, len(m.Parts))
	for i := range m.Parts {
		p := &m.Parts[i]
		switch p.Kind {
		case llm.PartReasoning:
			switch t := p.Thought; {
			case sealed(t) && t.ID == "":
				marks.pending = append(marks.pending, t.Data)
			case t != nil && t.Format == llm.FormatGemini && t.Type == llm.ThoughtText && t.Text != "":
				parts = append(parts, part{Text: &t.Text, Thought: true, ThoughtSignature: t.Signature})
			}
		case llm.PartCall:
			parts = marks.flush(parts)
			e.calls[p.Call.ID] = call{p.Call.Name, len(e.calls)}
			parts = append(parts, part{FunctionCall: e.call(p.Call), ThoughtSignature: marks.named[p.Call.ID]})
		case llm.PartText, llm.PartRefusal:
			text := named(&name, p.Text)
			if text == "" {
				continue
			}
			parts = append(parts, part{Text: &text, ThoughtSignature: marks.next()})
		default:
			if p.Media == nil {
				continue
			}
			var err error
			if parts, err = e.media(parts, p); err != nil {
				return err
			}
			if p.Kind == llm.PartImage {
				parts[len(parts)-1].ThoughtSignature = marks.named[imageID(pictures)]
				pictures++
			}
		}
	}
	e.turn(roleModel, marks.flush(parts))
	return nil
}

// call is a call as it goes back. That of a custom tool went out as one of a
// function.
func (e *encoder) call(c *llm.ToolCall) *functionCall {
	args := c.Arguments
	if c.Custom {
		args = llm.WrapInput(args)
	}
	return &functionCall{e.callID(c.ID), c.Name, arguments(args)}
}

// callID is a call's id if Google may have made it. The ids that this package
// makes and those of other vendors are left out: without ids results are matched by
// their order.
func (e *encoder) callID(id string) string {
	if e.q.NoCallIDs || strings.HasPrefix(id, "call_") || strings.HasPrefix(id, "toolu_") || strings.HasPrefix(id, "chatcmpl-") {
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
			bad := llm.Bad("A tool's result answers no call of the conversation")
			bad.Err = llm.OrphanError{CallID: r.CallID}
			return bad
		}
		answer := &functionResponse{ID: e.callID(r.CallID), Name: c.name}
		var texts []string
		var beside []part
		for j := range r.Parts {
			p := &r.Parts[j]
			if p.Media == nil {
				texts = append(texts, p.Text)
				continue
			}
			media, err := e.media(nil, p)
			if err != nil {
				return err
			}
			if e.family.gemini3 && media[len(media)-1].InlineData != nil && len(media) == 1 {
				answer.Parts = append(answer.Parts, media...)
			} else {
				beside = append(beside, media...)
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
