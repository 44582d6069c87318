package sim

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type cohereBody struct {
	Model      string                     `json:"model"`
	Messages   []cohereMessage            `json:"messages"`
	Stream     bool                       `json:"stream"`
	MaxTokens  *int64                     `json:"max_tokens"`
	Stops      []string                   `json:"stop_sequences"`
	Tools      []chatTool                 `json:"tools"`
	ToolChoice string                     `json:"tool_choice"`
	Thinking   kindOnly                   `json:"thinking"`
	Documents  []stringOr[cohereDocument] `json:"documents"`
	Citations  struct {
		Mode string `json:"mode"`
	} `json:"citation_options"`
	Format struct {
		Type   string         `json:"type"`
		Schema jsontext.Value `json:"json_schema"`
	} `json:"response_format"`
}

type cohereMessage struct {
	Role    string                 `json:"role"`
	Content stringOr[[]coherePart] `json:"content"`
	Calls   []kindOnly             `json:"tool_calls"`
}

type coherePart struct {
	Type     string         `json:"type"`
	Text     string         `json:"text"`
	Document cohereDocument `json:"document"`
}

type cohereDocument struct {
	ID   string         `json:"id"`
	Data jsontext.Value `json:"data"`
}

func (cohere) read(body []byte, q *ask) *refusal {
	var b cohereBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	switch {
	case b.Model == "":
		return invalid("invalid request: model is required", "")
	case len(b.Messages) == 0:
		return invalid("invalid request: all requests must contain at least one message", "")
	}
	if e := q.setMax("max_tokens", b.MaxTokens); e != nil {
		return e
	}
	q.model, q.stream, q.stops = b.Model, b.Stream, b.Stops
	q.reason = b.Thinking.Type == "enabled"
	q.json, q.schema = b.Format.Type == "json_object", b.Format.Schema
	for _, t := range b.Tools {
		if t.Function.Name != "" {
			q.tools = append(q.tools, tool{name: t.Function.Name, schema: t.Function.Parameters})
		}
	}
	q.toolsOff, q.mustCall = b.ToolChoice == "NONE", b.ToolChoice == "REQUIRED"
	if mode := strings.ToUpper(b.Citations.Mode); mode != "OFF" && mode != "DISABLED" {
		for i, d := range b.Documents {
			q.documents = append(q.documents, citable(d, i))
		}
	}
	for i, m := range b.Messages {
		text, media := m.text(q)
		switch m.Role {
		case "system", "developer":
			q.instructed(text)
		case "assistant":
			q.said(text, len(m.Calls) > 0)
		case "user":
			q.heard(text, media)
		case "tool":
			q.heard("", media, text)
		default:
			return invalid("invalid request: invalid role '"+m.Role+"' in message "+strconv.Itoa(i), "")
		}
	}
	q.settle()
	return nil
}

// citable gives a document its id and its data: text alone is data of one member.
func citable(d stringOr[cohereDocument], i int) document {
	known := document{id: d.val.ID, data: string(d.val.Data)}
	if known.id == "" {
		known.id = "doc:" + strconv.Itoa(i)
	}
	if d.val.Data.Kind() != '{' {
		known.data = string(append(appendString([]byte(`{"text":`), d.str), '}'))
	}
	return known
}

func (m *cohereMessage) text(q *ask) (text string, media media) {
	if len(m.Content.val) == 0 {
		q.count(m.Content.str)
		return m.Content.str, media
	}
	for _, p := range m.Content.val {
		switch p.Type {
		case "text":
			text = q.plus(text, p.Text)
		case "image_url":
			media.images++
		case "document": // of a tool
			text = q.plus(text, resultText(p.Document.Data))
		}
	}
	return text, media
}
