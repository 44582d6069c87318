package responses

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// appendPart appends the part that a section is.
func (s *section) appendPart(dst []byte) []byte {
	dst = append(append(append(dst, `{"type":"`...), s.typ...), '"')
	switch s.typ {
	case partRefusal:
		dst = append(append(dst, `,"refusal":`...), s.quote()...)
	case partOutputText:
		dst = append(append(dst, `,"text":`...), s.quote()...)
		dst = append(append(append(dst, `,"annotations":[`...), s.annotations...), ']')
		dst = append(append(append(dst, `,"logprobs":[`...), s.logprobs...), ']')
	default:
		dst = append(append(dst, `,"text":`...), s.quote()...)
	}
	return append(dst, '}')
}

func appendParts(dst []byte, list []*section) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.appendPart(dst)
	}
	return append(dst, ']')
}

// appendItem appends the item as it stands.
func (e *entry) appendItem(dst []byte, status string) []byte {
	if e.item != nil {
		return append(dst, e.item...)
	}
	if e.late() {
		return e.appendNative(dst, status)
	}
	dst = append(append(append(dst, `{"type":"`...), e.typ...), '"')
	dst = quote(append(dst, `,"id":`...), e.id)
	switch e.typ {
	case itemMessage:
		dst = quote(append(dst, `,"status":`...), status)
		dst = appendParts(append(dst, `,"role":"assistant","content":`...), e.content.list)
	case itemReasoning:
		dst = e.appendThoughts(dst)
	case itemCustomCall:
		dst = e.appendName(dst)
		dst = quote(append(dst, `,"input":`...), e.arguments())
	case itemImage:
		if status == "incomplete" {
			status = "failed"
		}
		dst = quote(append(dst, `,"status":`...), status)
		dst = append(dst, `,"result":`...)
		switch {
		case e.image.Data != "":
			dst = quote(dst, e.image.Data)
		case e.image.URL != "":
			dst = quote(dst, e.image.URL)
		default:
			dst = append(dst, "null"...)
		}
	default:
		dst = quote(append(dst, `,"status":`...), status)
		dst = e.appendName(dst)
		dst = quote(append(dst, `,"arguments":`...), e.arguments())
	}
	return append(dst, '}')
}

// appendNative appends the call of a native tool. What is no such call, because it
// broke off, is told as that of a function.
func (e *entry) appendNative(dst []byte, status string) []byte {
	call := e.call
	call.Arguments = string(e.input)
	whole := status
	if whole == "incomplete" {
		whole = "completed" // what is to be done is all there
	}
	if dst, ok := e.native.appendCall(dst, &call, e.id, whole); ok {
		return dst
	}
	broken := *e
	broken.typ = itemCall
	return broken.appendItem(dst, status)
}

func (e *entry) appendName(dst []byte) []byte {
	dst = quote(append(dst, `,"call_id":`...), e.call.ID)
	dst = quote(append(dst, `,"name":`...), e.shown())
	if e.home.Namespace != "" {
		dst = quote(append(dst, `,"namespace":`...), e.home.Namespace)
	}
	return dst
}

// shown is a call's name as the caller knows it.
func (e *entry) shown() string {
	if e.home.Name != "" {
		return e.home.Name
	}
	return e.call.Name
}

// appendThoughts appends the members of a reasoning item.
func (e *entry) appendThoughts(dst []byte) []byte {
	dst = appendParts(append(dst, `,"summary":`...), e.summary.list)
	if len(e.content.list) > 0 {
		dst = appendParts(append(dst, `,"content":`...), e.content.list)
	}
	if e.thought.Format == llm.FormatOpenAI {
		if len(e.sealed) > 0 {
			dst = quote(append(dst, `,"encrypted_content":`...), string(e.sealed))
		}
		return dst
	}
	if s := e.seal(); s != "" {
		dst = quote(append(dst, `,"encrypted_content":`...), s)
	}
	if len(e.signed) > 0 {
		dst = quote(append(dst, `,"signature":`...), string(e.signed))
	}
	if e.thought.Format != "" {
		dst = quote(append(dst, `,"format":`...), e.thought.Format)
	}
	return dst
}

// seal puts thoughts that are not OpenAI's into one text, so that they come back as
// what they are; "" where there is nothing to it but a summary.
func (e *entry) seal() string {
	t := e.thought
	t.Data, t.Signature = string(e.sealed), string(e.signed)
	if len(e.content.list) > 0 && t.Type != llm.ThoughtEncrypted {
		t.Type = llm.ThoughtText
		for _, s := range e.content.list {
			t.Text += string(s.text)
		}
	}
	if t.Data == "" && t.Signature == "" && t.Text == "" {
		return ""
	}
	return seal(t)
}

// appendLogprobs appends the elements of a delta's log probabilities, which the canon
// has in chat's form. Members that clients insist on are there, if empty.
func appendLogprobs(dst []byte, v jsontext.Value) []byte {
	if v == nil {
		return dst
	}
	elements(find(v, "content"), func(element []byte) {
		if len(dst) > 0 {
			dst = append(dst, ',')
		}
		dst = appendLogprob(dst, element)
		dst = append(dst, `,"top_logprobs":[`...)
		comma := ""
		elements(find(element, "top_logprobs"), func(other []byte) {
			dst = append(appendLogprob(append(dst, comma...), other), '}')
			comma = ","
		})
		dst = append(dst, "]}"...)
	})
	return dst
}

func appendLogprob(dst, v []byte) []byte {
	dst = quote(append(dst, `{"token":`...), text(find(v, "token")))
	p := find(v, "logprob")
	if jsontext.Value(p).Kind() != '0' {
		p = []byte("0")
	}
	dst = append(append(dst, `,"logprob":`...), p...)
	dst = append(dst, `,"bytes":`...)
	bytes := find(v, "bytes")
	if jsontext.Value(bytes).Kind() != '[' {
		return append(dst, "[]"...)
	}
	from := len(dst)
	dst = append(dst, bytes...)
	oneLine(dst[from:])
	return dst
}

// appendCitation appends an annotation; ok is false where there is nothing to name.
func appendCitation(dst []byte, c *llm.Citation) (_ []byte, ok bool) {
	switch {
	case c.From == llm.Responses && c.Native.Kind() == '{':
		from := len(dst)
		dst = append(dst, c.Native...)
		oneLine(dst[from:])
		return dst, true
	case c.URL != "":
		dst = quote(append(dst, `{"type":"url_citation","url":`...), c.URL)
		dst = quote(append(dst, `,"title":`...), c.Title)
		dst = strconv.AppendInt(append(dst, `,"start_index":`...), int64(c.Start), 10)
		dst = strconv.AppendInt(append(dst, `,"end_index":`...), int64(c.End), 10)
		if c.Quote != "" {
			dst = quote(append(dst, `,"content":`...), c.Quote)
		}
		return append(dst, '}'), true
	case c.Title != "": // of a document that the caller sent
		dst = quote(append(dst, `{"type":"file_citation","file_id":"","filename":`...), c.Title)
		dst = strconv.AppendInt(append(dst, `,"index":`...), int64(c.Start), 10)
		return append(dst, '}'), true
	}
	return dst, false
}
