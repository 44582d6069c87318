package chat

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// whole gathers an answer and writes it at its end. A body that may be passed
// on is kept for that; frames of a stream that may be (a vendor streamed to a
// caller who did not ask for it) leave the members nobody here knows: of the
// frame and the choice the last one wins, of the delta strings and arrays are
// joined.
type whole struct {
	w         dialect.Sink
	hide      bool
	head      dialect.Head
	raw       []byte
	blocks    blocks
	cites     []*llm.Citation
	foreign   []byte // elements of annotations that nobody here knows
	rewrapped bool   // a custom tool was called as a function
	finish    llm.FinishReason
	content   []byte // elements of logprobs.content
	refusal   []byte // elements of logprobs.refusal
	top       []extra
	choice    []extra
	said      []extra
	finger    jsontext.Value
	withProbs bool
	seams     []*llm.Seam
}

// extra is a member that nobody here knows.
type extra struct {
	name  string
	value []byte
}

func (e *whole) Begin(h dialect.Head) { e.head = h }

func (e *whole) Emit(c llm.Chunk) error {
	for i := range c.Events {
		e.event(&c.Events[i])
	}
	switch {
	case c.From != llm.Chat:
	case c.Whole:
		e.raw = c.Raw
	default:
		e.gather(c.Raw)
	}
	return nil
}

func (e *whole) event(ev *llm.Event) {
	switch ev.Kind {
	case llm.BlockOpen:
		b := e.blocks.open(ev)
		e.rewrapped = e.rewrapped || b.wrapped
		b.text.WriteString(b.call.Arguments)
		if ev.Thought != nil {
			b.add(ev.Thought)
		}
	case llm.TextDelta:
		e.blocks.at(ev.Block).text.WriteString(ev.Text)
		e.probs(ev.Logprobs)
	case llm.ArgsDelta:
		e.blocks.at(ev.Block).text.WriteString(ev.Text)
	case llm.ReasoningDelta:
		e.blocks.at(ev.Block).add(ev.Thought)
	case llm.MediaDelta:
		b := e.blocks.at(ev.Block)
		b.media = append(b.media, ev.Media)
	case llm.Cite:
		if citable(ev.Citation) {
			e.cites = append(e.cites, ev.Citation)
		}
	case llm.Finish:
		e.finish = ev.Finish
	case llm.Continue:
		e.seams = append(e.seams, ev.Seam)
		e.top = slices.DeleteFunc(e.top, func(x extra) bool { return x.name == dialect.SeamMember })
	case llm.Start, llm.BlockClose, llm.UsageReport:
	}
}

func (b *block) add(t *llm.Thought) {
	b.text.WriteString(t.Text)
	b.sealed.WriteString(t.Data)
	b.thought.Signature += t.Signature
}

// probs joins the lists of a delta's logprobs to those before.
func (e *whole) probs(v jsontext.Value) {
	if v.Kind() != '{' {
		return
	}
	e.withProbs = true
	for _, l := range [...]struct {
		name string
		to   *[]byte
	}{{"content", &e.content}, {"refusal", &e.refusal}} {
		list, _ := find(v, l.name, nil)
		if len(list) < 2 || list[0] != '[' {
			continue
		}
		if list = trimmed(list[1 : len(list)-1]); len(list) == 0 {
			continue
		}
		if len(*l.to) > 0 {
			*l.to = append(*l.to, ',')
		}
		*l.to = append(*l.to, list...)
	}
}

// gather takes the unknown members off a frame.
func (e *whole) gather(raw []byte) {
	list, ok := fields(nil, raw)
	if !ok {
		return
	}
	for i := range list {
		f := &list[i]
		switch name := string(f.name); {
		case name == "choices":
			e.gatherChoice(f.of(raw))
		case name == "system_fingerprint":
			if raw[f.value] == '"' {
				e.finger = bytes.Clone(f.of(raw))
			}
		case ourTop(f.name), name == "obfuscation": // padding against eavesdroppers on a stream
		default:
			e.top = keep(e.top, name, f.of(raw), false)
		}
	}
}

func (e *whole) gatherChoice(choices []byte) {
	from, to, ok := only(choices)
	if !ok || from == to {
		return
	}
	choice := choices[from:to]
	list, _ := fields(nil, choice)
	for i := range list {
		f := &list[i]
		switch name := string(f.name); name {
		case "index", "finish_reason", "native_finish_reason", "logprobs", "usage", "error":
		case "message": // the whole so far, which one vendor repeats beside the delta
		case "delta":
			delta := f.of(choice)
			inner, _ := fields(nil, delta)
			for j := range inner {
				switch d := &inner[j]; {
				case string(d.name) == "annotations":
					elements(d.of(delta), e.keepNote)
				case !knownSaid(d.name):
					e.said = keep(e.said, string(d.name), d.of(delta), true)
				}
			}
		default:
			e.choice = keep(e.choice, name, f.of(choice), false)
		}
	}
}

// keepNote keeps an annotation that no event tells.
func (e *whole) keepNote(note []byte) {
	if typ, _ := find(note, "type", nil); string(typ) == `"`+typeCitation+`"` {
		return
	}
	if len(e.foreign) > 0 {
		e.foreign = append(e.foreign, ',')
	}
	e.foreign = append(e.foreign, note...)
}

// knownSaid are the members of a delta or message that events carry.
func knownSaid(name []byte) bool {
	switch string(name) {
	case "role", "content", "refusal", "tool_calls", "function_call", "images", "audio", "annotations":
		return true
	}
	return isReasoning(name)
}

func keep(list []extra, name string, value []byte, join bool) []extra {
	for i := range list {
		if list[i].name != name {
			continue
		}
		old := list[i].value
		switch {
		case join && old[0] == '"' && value[0] == '"':
			old = append(old[:len(old)-1], value[1:]...)
		case join && old[0] == '[' && value[0] == '[':
			if len(trimmed(old[1:len(old)-1])) > 0 && len(trimmed(value[1:len(value)-1])) > 0 {
				old[len(old)-1] = ','
			} else {
				old = old[:len(old)-1]
			}
			old = append(old, value[1:]...)
		default:
			old = append(old[:0], value...)
		}
		list[i].value = old
		return list
	}
	return append(list, extra{name, bytes.Clone(value)})
}

func (e *whole) Finish(u llm.Usage) error {
	if e.raw != nil && !e.rewrapped {
		if out, ok := e.forward(&u); ok {
			return e.write(out)
		}
	}
	return e.write(e.encode(nil, &u, nil))
}

// Fail answers 200 with what there is and the error in the choice (ER-10).
func (e *whole) Fail(err *llm.Error, u llm.Usage) error {
	e.finish = llm.FinishReason{Unified: llm.FinishError, Native: e.finish.Native}
	return e.write(e.encode(nil, &u, err))
}

func (e *whole) write(out []byte) error {
	if _, err := e.w.Write(out); err != nil {
		return err
	}
	return e.w.Flush()
}

// forward edits the vendor's own body.
func (e *whole) forward(u *llm.Usage) ([]byte, bool) {
	members, err := splice.Members(e.raw)
	if err != nil {
		return nil, false
	}
	edits := append(make([]splice.Edit, 0, 8),
		splice.Set("id", quote(nil, e.head.ID)),
		splice.Set("provider", quote(nil, e.head.Provider)),
		splice.Set("model", quote(nil, e.head.Model)),
		splice.Set("object", []byte(`"chat.completion"`)),
		splice.Set("created", strconv.AppendInt(nil, e.head.Created, 10)))
	fingerprint := false
	for _, m := range members {
		switch m.Name {
		case "choices":
			value := m.Value(e.raw)
			choices, ok := editChoices(make([]byte, 0, len(value)+96), value, choiceEdit{finish: &e.finish, role: true, hide: e.hide, notes: e.notes(false)}, "message")
			if !ok {
				return nil, false
			}
			edits = append(edits, splice.Set("choices", choices))
		case "system_fingerprint":
			fingerprint = true
		}
	}
	if !fingerprint { // US-03
		edits = append(edits, splice.Set("system_fingerprint", []byte("null")))
	}
	edits = append(edits, splice.Set("usage", dialect.AppendUsage(nil, u)), splice.Edit{Name: dialect.RouterMember, Value: dialect.Router(e.head.Router)})
	return splice.ApplyTo(nil, e.raw, members, edits...), true
}

// notes are the elements of annotations: all, or those that the vendor's body has not.
func (e *whole) notes(all bool) []byte {
	dst := appendFiles(nil, e.head.Files)
	for _, c := range e.cites {
		if !all && inFrame(c) {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, ',')
		}
		dst = appendCitation(dst, c)
	}
	if len(e.foreign) > 0 {
		if len(dst) > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, e.foreign...)
	}
	return dst
}

func (e *whole) encode(dst []byte, u *llm.Usage, failed *llm.Error) []byte {
	dst = appendHead(dst, e.head, "chat.completion")
	dst = append(dst, `,"choices":[{"index":0,"message":`...)
	dst = e.message(dst)
	dst = append(dst, `,"logprobs":`...)
	dst = e.logprobs(dst)
	dst = appendExtras(dst, e.choice)
	dst = quote(append(dst, `,"finish_reason":`...), string(e.finish.Unified))
	dst = nullable(append(dst, `,"native_finish_reason":`...), e.finish.Native)
	if failed != nil {
		dst = dialect.AppendError(append(dst, `,"error":`...), failed)
	}
	dst = append(dst, `}],"system_fingerprint":`...)
	if e.finger == nil {
		dst = append(dst, "null"...)
	}
	dst = append(dst, e.finger...)
	dst = appendExtras(dst, e.top)
	dst = dialect.AppendUsage(append(dst, `,"usage":`...), u)
	if failed != nil {
		dst = dialect.AppendRouterBeside(dst, e.head.Router, failed)
	} else {
		dst = dialect.AppendRouter(dst, e.head.Router)
	}
	dst = dialect.AppendSeams(dst, e.seams)
	return append(dst, '}')
}

func appendExtras(dst []byte, list []extra) []byte {
	for i := range list {
		dst = append(quote(append(dst, ','), list[i].name), ':')
		dst = append(dst, list[i].value...)
	}
	return dst
}

func (e *whole) logprobs(dst []byte) []byte {
	if !e.withProbs {
		return append(dst, "null"...)
	}
	for _, l := range [...]struct {
		head string
		list []byte
	}{{`{"content":`, e.content}, {`,"refusal":`, e.refusal}} {
		dst = append(dst, l.head...)
		if len(l.list) == 0 {
			dst = append(dst, "null"...)
			continue
		}
		dst = append(append(append(dst, '['), l.list...), ']')
	}
	return append(dst, '}')
}

// message is what the model said. Absent content is null where something else
// was said, as OpenAI has it, and empty where nothing was.
func (e *whole) message(dst []byte) []byte {
	join := func(kind llm.BlockType) (s string, any bool) {
		for _, b := range e.blocks.list {
			if b.kind == kind && b.thought.Type != llm.ThoughtEncrypted {
				s, any = s+b.text.String(), true
			}
		}
		return s, any
	}
	text, hasText := join(llm.BlockText)
	refusal, refused := join(llm.BlockRefusal)
	thought, _ := join(llm.BlockReasoning)

	dst = append(dst, `{"role":"assistant","content":`...)
	if hasText || (!refused && e.blocks.calls == 0) {
		dst = quote(dst, text)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"refusal":`...)
	if refused {
		dst = quote(dst, refusal)
	} else {
		dst = append(dst, "null"...)
	}
	if !e.hide && e.blocks.thoughts > 0 {
		dst = nullable(append(dst, `,"reasoning":`...), thought)
		dst = append(dst, `,"reasoning_details":[`...)
		comma := ""
		for _, b := range e.blocks.list {
			if b.kind != llm.BlockReasoning {
				continue
			}
			dst = append(dst, comma...)
			dst = appendDetail(dst, b, b.text.String(), b.thought.Signature, b.sealed.String())
			comma = ","
		}
		dst = append(dst, ']')
	}
	if e.blocks.calls > 0 {
		dst = append(dst, `,"tool_calls":[`...)
		comma := ""
		for _, b := range e.blocks.list {
			if b.kind != llm.BlockCall {
				continue
			}
			arguments := b.text.String()
			if b.wrapped {
				arguments = llm.UnwrapInput(arguments)
			}
			dst = appendCall(append(append(dst, comma...), '{'), &b.call, arguments)
			dst = append(dst, '}')
			comma = ","
		}
		dst = append(dst, ']')
	}
	dst = e.media(dst)
	if notes := e.notes(true); len(notes) > 0 {
		dst = append(append(append(dst, `,"annotations":[`...), notes...), ']')
	}
	dst = appendExtras(dst, e.said)
	return append(dst, '}')
}

// media is what the model drew or spoke.
func (e *whole) media(dst []byte) []byte {
	comma := `,"images":[`
	for _, b := range e.blocks.list {
		if b.kind == llm.BlockImage && len(b.media) > 0 {
			dst = appendImage(append(dst, comma...), b, b.media[0])
			comma = ","
		}
	}
	if comma == "," {
		dst = append(dst, ']')
	}
	for _, b := range e.blocks.list {
		if b.kind == llm.BlockAudio {
			return appendAudio(append(dst, `,"audio":`...), b)
		}
	}
	return dst
}
