package responses

import (
	"bytes"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// reshape is an item as the caller is to have it: calls of tools that the vendor knew
// under another kind or name, and thoughts that would come back under a wrong stamp,
// are told otherwise.
func (a *answer) reshape(item []byte) []byte {
	typ := text(find(item, "type"))
	if typ == itemReasoning {
		return reseal(item)
	}
	x, ok := a.otherwise(item, typ)
	if !ok {
		return bytes.Clone(item)
	}
	x.call.ID = text(find(item, "call_id"))
	x.input = []byte(text(find(item, "arguments")) + text(find(item, "input")))
	a.settleType(x)
	x.id = a.id(x.prefix())
	status := text(find(item, "status"))
	if status == "" {
		status = "completed"
	}
	return x.appendItem(nil, status)
}

// otherwise is the beginning of the entry for a call that the caller is to be told of
// otherwise than the vendor does; ok is false for all else.
func (a *answer) otherwise(item []byte, typ string) (x *entry, ok bool) {
	if len(a.offers) == 0 || typ != itemCall && typ != itemCustomCall {
		return nil, false
	}
	namespace, name := text(find(item, "namespace")), text(find(item, "name"))
	o, ok := a.offers[qualify(namespace, name)]
	if !ok || namespace != "" || (typ == itemCustomCall && o.home == home{}) {
		return nil, false
	}
	x = &entry{offer: o}
	x.call = llm.ToolCall{Name: name, Custom: typ == itemCustomCall}
	x.typ = x.callType(&x.call)
	return x, true
}

// reseal is a reasoning item whose thoughts come back as what they are, also from
// callers that keep neither their stamp nor their text.
func reseal(item []byte) []byte {
	var x reasoning
	var room [12]field
	list, _ := fields(room[:0], item)
	for i := range list {
		x.member(string(list[i].name), list[i].of(item))
	}
	encrypted := text(x.encrypted)
	_, isSealed := unseal(encrypted)
	if isSealed || x.format == llm.FormatOpenAI || x.format == "" && encrypted != "" {
		return bytes.Clone(item)
	}
	e := entry{thought: llm.Thought{Type: llm.ThoughtSummary, ID: x.id, Format: x.format}, sealed: []byte(encrypted), signed: []byte(text(x.signature))}
	if x.format == "" {
		e.thought.Format = llm.FormatUnknown
	}
	if encrypted != "" {
		e.thought.Type = llm.ThoughtEncrypted
	}
	eachText(x.content, func(s string) { e.grow(partThought).text = []byte(s) })
	s := e.seal()
	if s == "" {
		return bytes.Clone(item)
	}
	out := edit(nil, item, func(name string, v []byte) []byte {
		if name == "encrypted_content" {
			return nil
		}
		return v
	})
	return append(quote(append(out[:len(out)-1], `,"encrypted_content":`...), s), '}')
}

// forwardResponse appends a vendor's response with what is ours, and with what the
// contract asks for and the vendor has not said. usage is nil as long as it goes on.
func (a *answer) forwardResponse(dst, raw []byte, usage *llm.Usage) []byte {
	var room [48]field
	list, ok := fields(room[:0], raw)
	if !ok {
		return a.appendResponse(dst, state{status: "in_progress", usage: usage})
	}
	status := "in_progress"
	if usage != nil {
		if status = text(find(raw, "status")); status == "" {
			status = a.ended().status
		}
	}
	from := len(dst)
	dst = quote(append(dst, `{"id":`...), a.head.ID)
	said := map[string]bool{}
	for i := range list {
		m := &list[i]
		name, v := string(m.name), m.of(raw)
		switch name {
		case "id", "instructions", "metadata", "tools", "tool_choice", "user", "safety_identifier", "prompt_cache_key", "usage", dialect.RouterMember:
			continue
		}
		said[name] = true
		dst = append(append(dst, ','), raw[m.start:m.value]...)
		switch name {
		case "created_at":
			dst = strconv.AppendInt(dst, a.head.Created, 10)
		case "completed_at": // by the clock of created_at
			dst = a.appendCompleted(dst, status)
		case "model":
			dst = quote(dst, a.head.Model)
		case "output":
			dst = a.appendOutput(dst, v)
		default:
			dst = append(dst, v...)
		}
	}
	add := func(name string, value []byte) {
		if !said[name] {
			dst = append(append(append(append(dst, `,"`...), name...), `":`...), value...)
		}
	}
	add("object", []byte(`"response"`))
	add("created_at", number(a.head.Created))
	add("model", quote(nil, a.head.Model))
	add("status", quote(nil, status))
	add("completed_at", a.appendCompleted(nil, status))
	add("output", []byte("[]"))
	add("output_text", a.appendText(nil))
	add("error", null())
	add("incomplete_details", null())
	for _, m := range a.asked {
		add(m.name, m.value)
	}
	if usage != nil {
		dst = a.appendUsage(append(dst, `,"usage":`...), usage)
		dst = dialect.AppendRouter(dst, a.head.Router)
	}
	oneLine(dst[from:])
	return append(dst, '}')
}

// appendOutput appends the items of a vendor's response as the caller knows them.
func (a *answer) appendOutput(dst, raw []byte) []byte {
	if a.altered {
		return append(a.appendItems(append(dst, '['), state{status: "completed"}), ']')
	}
	dst = append(dst, '[')
	comma := ""
	elements(raw, func(item []byte) {
		dst = append(append(dst, comma...), a.reshape(item)...)
		comma = ","
	})
	return append(dst, ']')
}
