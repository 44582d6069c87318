package responses

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// forward writes a vendor's own event, with the response's identity, our count of
// events, and our output indexes and items' ids, which differ from the vendor's where
// it is not of one mind about them, or an item is told otherwise or not at all. It
// reports whether it did: what is about such an item, or cannot be understood, is
// encoded from the canon's events instead.
func (e *streamer) forward(c llm.Chunk) bool {
	if e.likeLast(c) {
		return true
	}
	f, ok := e.look(c.Raw)
	if !ok {
		return false
	}
	k := kindOf([]byte(f.typ))
	switch {
	case isTerminal(f.typ):
		return e.hold(&f, c.Events)
	case f.response != nil:
		e.beginAs(&f)
	default:
		e.begin() // which some vendors leave out
		if f.typ == "response.created" || f.typ == "response.in_progress" || f.typ == "response.queued" {
			return true // of no response
		}
	}
	switch {
	case f.response != nil:
	case k == kindAudio, k == kindTranscript, f.at == noIndex && f.item == nil && !f.part:
		e.pass(&f)
	case f.typ == "response.output_item.added":
		if f.entry = e.follow(&f); f.entry == nil {
			return false
		}
		e.pass(&f)
	default:
		f.entry = e.ways[f.at]
		switch x := f.entry; {
		case x == nil:
			e.altered = true
			return false
		case x.over(&f), f.ends() && (len(f.item) == 0 || f.item[0] != '{'):
			if len(c.Events) == 0 || !x.tellable() {
				return true // left out
			}
			e.leave(&f)
			return false
		case k == kindNone && x.inPieces() && supplies(c.Events):
			e.leave(&f)
			return false
		}
		e.amid(&f, k, c.Events)
		return true
	}
	for i := range c.Events {
		e.overhear(&c.Events[i], f.entry)
	}
	return true
}

// beginAs forwards an event that tells of the response as it begins.
func (e *streamer) beginAs(f *passing) {
	switch {
	case f.typ == "response.created" && e.begun == 0:
		e.begun = 1
	case f.typ == "response.in_progress" && e.begun == 1:
		e.begun = 2
	default: // told twice, or of another kind
		e.begin()
		if f.typ == "response.created" || f.typ == "response.in_progress" {
			return
		}
	}
	e.pass(f)
	e.echo()
}

const textDelta = `{"type":"response.output_text.delta","sequence_number":`

// likeLast forwards a piece of the text that the last event was about, if it begins
// as we would begin it: nothing but its number can be other than we would have it.
func (e *streamer) likeLast(c llm.Chunk) bool {
	if e.hot == nil || !e.hotRaw || len(c.Events) != 1 || c.Events[0].Kind != llm.TextDelta {
		return false
	}
	b := e.block(c.Events[0].Block)
	rest, ok := bytes.CutPrefix(c.Raw, []byte(textDelta))
	if !ok || b.section != e.hot {
		return false
	}
	for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
		rest = rest[1:]
	}
	if !bytes.HasPrefix(rest, e.tail) || !bytes.Contains(rest, []byte(`,"logprobs":[`)) || // RS-03
		bytes.IndexByte(rest, '\n') >= 0 || bytes.IndexByte(rest, '\r') >= 0 {
		return false
	}
	e.out = append(e.out, "event: response.output_text.delta\ndata: "+textDelta...)
	e.out = strconv.AppendInt(e.out, e.sequence, 10)
	e.out = append(append(e.out, rest...), "\n\n"...)
	e.sequence++
	e.note(&c.Events[0], b)
	return true
}

// amid forwards an event about an item that the caller knows of. Some vendors leave
// out the events between, which clients insist on.
func (e *streamer) amid(f *passing, k kind, events []llm.Event) {
	x := f.entry
	for i := range events {
		e.overhear(&events[i], x)
		b := e.block(events[i].Block)
		if k == kindText && events[i].Kind == llm.TextDelta && b.entry == x && b.section != nil {
			e.warm(x, b.section)
			e.hotRaw = true
		}
		if s := b.section; k != kindNone && events[i].Kind == llm.BlockOpen && s != nil && f.sub != noIndex {
			s.at = f.sub
			e.tell(x, s)
		}
	}
	switch f.typ {
	case "response.content_part.added":
		x.content.begun++
	case "response.reasoning_summary_part.added":
		x.summary.begun++
	case "response.output_text.done", "response.refusal.done", "response.reasoning_text.done":
		x.content.mark(f.sub, func(s *section) { s.said = true })
	case "response.reasoning_summary_text.done":
		x.summary.mark(f.sub, func(s *section) { s.said = true })
	case "response.content_part.done":
		x.content.mark(f.sub, func(s *section) { s.said, s.ended = true, true })
	case "response.reasoning_summary_part.done":
		x.summary.mark(f.sub, func(s *section) { s.said, s.ended = true, true })
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		x.filled = true
	case "response.output_item.done":
		for _, p := range [...]*parts{&x.summary, &x.content} {
			for _, s := range p.list {
				e.shutSection(x, s)
			}
		}
		if (x.typ == itemCall || x.typ == itemCustomCall) && !x.filled {
			e.fill(x)
		}
	}
	e.pass(f)
}

func (p *parts) mark(at int, f func(*section)) {
	for _, s := range p.list {
		if s.at == at {
			f(s)
		}
	}
}

// over reports whether the caller has been told before what an event says, or of the
// end of what it is about. Clients let go of it then, and what follows is an error to
// some of them.
func (e *entry) over(f *passing) bool {
	p, ends := &e.content, false
	switch f.typ {
	case "response.content_part.added":
		return e.done || f.sub != noIndex && f.sub < e.content.begun
	case "response.reasoning_summary_part.added":
		return e.done || f.sub != noIndex && f.sub < e.summary.begun
	case "response.reasoning_summary_text.done":
		p, ends = &e.summary, true
	case "response.reasoning_summary_text.delta", "response.reasoning_summary_part.done":
		p = &e.summary
	case "response.output_text.done", "response.refusal.done", "response.reasoning_text.done":
		ends = true
	case "response.function_call_arguments.done", "response.custom_tool_call_input.done":
		return e.done || e.filled
	}
	for i := len(p.list) - 1; i >= 0 && !e.done; i-- {
		if s := p.list[i]; s.at == f.sub {
			return s.ended || s.said && ends
		}
	}
	return e.done
}

// inPieces reports whether an item is told piece by piece.
func (e *entry) inPieces() bool {
	switch e.typ {
	case itemMessage, itemReasoning, itemCall, itemCustomCall:
		return true
	}
	return false
}

// passing is a vendor's event on its way through.
type passing struct {
	raw      []byte
	typ      string
	at       int    // the vendor's output index
	sub      int    // the index of the part that it is about
	item     []byte // the item it is about, if it tells all of it
	response []byte
	part     bool // it tells of a part of an item
	logprobs bool
	named    bool
	entry    *entry
}

// ends reports whether an event says that an item is done.
func (f *passing) ends() bool { return f.typ == "response.output_item.done" }

// look finds out what an event is about.
func (e *streamer) look(raw []byte) (f passing, ok bool) {
	e.fields, ok = fields(e.fields[:0], raw)
	if !ok {
		return f, false
	}
	f.raw, f.at, f.sub = raw, noIndex, noIndex
	for i := range e.fields {
		switch v := e.fields[i].of(raw); string(e.fields[i].name) {
		case "type":
			f.typ = eventType(v)
		case "output_index":
			if f.at = index(v); f.at == noIndex && v[0] != 'n' {
				return f, false
			}
		case "content_index", "summary_index":
			f.sub = index(v)
		case "item":
			f.item = v
		case "response":
			f.response = v
		case "item_id", "delta":
			f.part = true
		case "logprobs":
			f.logprobs = true
		case "name":
			f.named = true
		}
	}
	return f, f.typ != "" && !strings.ContainsFunc(f.typ, func(r rune) bool { return r <= ' ' })
}

// eventType is an event's type. Those that most events are of cost nothing.
func eventType(v []byte) string {
	switch string(v) {
	case `"response.output_text.delta"`:
		return "response.output_text.delta"
	case `"response.function_call_arguments.delta"`:
		return "response.function_call_arguments.delta"
	case `"response.reasoning_summary_text.delta"`:
		return "response.reasoning_summary_text.delta"
	case `"response.reasoning_text.delta"`:
		return "response.reasoning_text.delta"
	}
	return text(v)
}

func isTerminal(typ string) bool {
	switch typ {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		return true
	}
	return false
}

// pass writes the event, with its members but for what is ours.
func (e *streamer) pass(f *passing) {
	e.out = append(append(e.out, "event: "...), f.typ...)
	e.out = append(e.out, "\ndata: "...)
	from := len(e.out)
	comma, numbered := byte('{'), false
	for i := range e.fields {
		m := &e.fields[i]
		name := m.name
		e.out = append(append(e.out, comma), f.raw[m.start:m.value]...)
		comma = ','
		switch v := m.of(f.raw); {
		case string(name) == "sequence_number":
			e.out = strconv.AppendInt(e.out, e.sequence, 10)
			numbered = true
		case string(name) == "output_index" && f.entry != nil:
			e.out = strconv.AppendInt(e.out, int64(f.entry.at), 10)
		case string(name) == "item_id" && f.entry != nil:
			e.out = quote(e.out, f.entry.id)
		case string(name) == "response":
			e.out = e.forwardResponse(e.out, v, nil)
		case string(name) == "item" && f.ends() && f.entry != nil && v[0] == '{':
			f.entry.done, f.entry.item = true, e.itemOf(f.entry, v)
			e.out = append(e.out, f.entry.item...)
		default:
			e.out = append(e.out, v...)
		}
	}
	if !numbered {
		e.out = strconv.AppendInt(append(e.out, `,"sequence_number":`...), e.sequence, 10)
	}
	e.sequence++
	switch {
	case !f.logprobs && (f.typ == "response.output_text.delta" || f.typ == "response.output_text.done"): // RS-03
		e.out = append(e.out, `,"logprobs":[]`...)
	case !f.named && f.typ == "response.function_call_arguments.done" && f.entry != nil:
		e.out = quote(append(e.out, `,"name":`...), f.entry.shown())
	}
	oneLine(e.out[from:])
	e.end()
}

// itemOf is a whole item of the vendor's, under the id that the caller knows.
func (e *streamer) itemOf(x *entry, item []byte) []byte {
	item = e.reshape(item)
	if text(find(item, "id")) == x.id {
		return item
	}
	e.altered = true
	known := false
	item = edit(nil, item, func(name string, v []byte) []byte {
		if name != "id" {
			return v
		}
		known = true
		return quote(nil, x.id)
	})
	if !known {
		item = append(quote(append(item[:len(item)-1], `,"id":`...), x.id), '}')
	}
	return item
}

// hold keeps the vendor's terminal event until the usage has been settled. Where it
// says what no event before it has said, the end is encoded.
func (e *streamer) hold(f *passing, events []llm.Event) bool {
	e.takeOver()
	if supplies(events) || len(f.response) == 0 || f.response[0] != '{' {
		return false
	}
	e.begin()
	for i := range events {
		e.say(&events[i])
	}
	e.altered = e.altered || itemsIn(f.response) != len(e.shown)
	e.final, e.event = bytes.Clone(f.response), f.typ
	return true
}

// itemsIn is how many items a response has.
func itemsIn(response []byte) (n int) {
	elements(find(response, "output"), func([]byte) { n++ })
	return n
}

// takeOver ends for the vendor what it has left open.
func (e *streamer) takeOver() {
	for _, x := range e.entries {
		if x.raw && !x.done && x.tellable() {
			x.raw = false
			e.altered = true
		}
	}
}

// supplies reports whether events say what should have been said piece by piece.
func supplies(events []llm.Event) bool {
	for i := range events {
		switch ev := &events[i]; ev.Kind {
		case llm.TextDelta, llm.ArgsDelta:
			return true
		case llm.ReasoningDelta:
			if ev.Thought != nil && ev.Thought.Text != "" {
				return true
			}
		default:
		}
	}
	return false
}

// follow makes the entry of an item that the vendor begins to tell of; nil where the
// caller must be told of it otherwise.
func (e *streamer) follow(f *passing) *entry {
	typ, id := text(find(f.item, "type")), text(find(f.item, "id"))
	_, told := e.otherwise(f.item, typ)
	if told || f.at == noIndex || typ == "" || id == "" || e.ways[f.at] != nil || !e.claim(id) {
		e.altered = true
		return nil
	}
	e.settle("completed")
	x := &entry{typ: typ, id: id, at: noIndex, raw: true}
	if namespace := text(find(f.item, "namespace")); namespace != "" {
		x.home = home{namespace, text(find(f.item, "name"))}
	}
	e.entries = append(e.entries, x)
	e.announce(x)
	if e.ways == nil {
		e.ways = map[int]*entry{}
	}
	e.ways[f.at] = x
	return x
}

// leave takes over from the vendor an item that it has begun to tell of.
func (e *streamer) leave(f *passing) {
	e.altered = true
	f.entry.raw = false
	delete(e.ways, f.at)
}

// overhear takes note of what a forwarded event has said.
func (e *streamer) overhear(ev *llm.Event, x *entry) {
	switch ev.Kind {
	case llm.Start, llm.UsageReport:
	case llm.BlockOpen:
		if x == nil {
			e.blocks = append(e.blocks, block{number: ev.Block, kind: ev.Open})
			return
		}
		e.join(ev, x)
	case llm.Cite:
		if b := e.block(ev.Block); b.section != nil && ev.Citation != nil {
			if annotation, ok := appendCitation(nil, ev.Citation); ok {
				b.section.cites(annotation)
			}
		}
	case llm.Finish:
		e.finish = ev.Finish
	default:
		e.note(ev, e.block(ev.Block))
		if ev.Kind == llm.BlockClose {
			e.forget(ev.Block)
		}
	}
}
