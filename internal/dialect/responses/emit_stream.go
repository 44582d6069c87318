package responses

import (
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// buffers outlive an answer; everything in them is bytes.
type buffers struct {
	out    []byte // what is written next
	fields []field
	tail   []byte // of a text delta, between its number and its text
}

const maxPooled = 64 << 10

// done ends a stream, for clients that wait for it (RS-04).
const done = "data: [DONE]\n\n"

// streamer writes server-sent events. What comes from a vendor of the same dialect
// goes out with its own bytes but for what is ours (emit_forward.go).
type streamer struct {
	client *client
	w      dialect.Sink
	answer
	*buffers

	sequence int64
	begun    int  // how many of the events have been sent that begin an answer
	dirty    bool // written and not flushed
	settled  int  // entries before this one are done

	hot    *section       // whose text deltas begin with tail
	hotRaw bool           // and are forwarded
	ways   map[int]*entry // by the vendor's output indexes: entries that it tells of
	event  string         // type of the vendor's terminal event
}

// Begin implements dialect.Emitter.
func (e *streamer) Begin(h dialect.Head) { e.head = h }

// Emit implements dialect.Emitter.
func (e *streamer) Emit(c llm.Chunk) error {
	e.out = e.out[:0]
	e.kin = e.kin || c.From == llm.Responses
	if c.From != llm.Responses || c.Whole || e.hide || !e.forward(c) {
		for i := range c.Events {
			e.say(&c.Events[i])
		}
	}
	return e.write(!c.More)
}

func (e *streamer) write(flush bool) error {
	if len(e.out) > 0 {
		if _, err := e.w.Write(e.out); err != nil {
			return err
		}
		e.dirty = true
	}
	if !flush || !e.dirty {
		return nil
	}
	e.dirty = false
	return e.w.Flush()
}

// say encodes an event.
func (e *streamer) say(ev *llm.Event) {
	switch ev.Kind {
	case llm.Start:
		e.begin()
	case llm.BlockOpen:
		e.open(ev)
	case llm.Finish:
		e.finish = ev.Finish
	case llm.UsageReport: // Finish has it with its cost
	case llm.Continue:
		e.seams = append(e.seams, ev.Seam)
		e.takeOver()
		e.out = dialect.AppendSeamComment(e.out, ev.Seam)
	default:
		b := e.block(ev.Block)
		e.note(ev, b)
		if b.entry != nil {
			e.grow(ev, b)
		}
		if ev.Kind == llm.BlockClose {
			e.forget(ev.Block)
		}
	}
}

// start begins an event; its members follow.
func (e *streamer) start(typ string) {
	e.out = append(append(e.out, "event: "...), typ...)
	e.out = append(append(e.out, "\ndata: {\"type\":\""...), typ...)
	e.out = strconv.AppendInt(append(e.out, `","sequence_number":`...), e.sequence, 10)
	e.sequence++
}

func (e *streamer) end() { e.out = append(e.out, "}\n\n"...) }

// of names the entry that an event is about.
func (e *streamer) of(x *entry) {
	e.out = quote(append(e.out, `,"item_id":`...), x.id)
	e.out = strconv.AppendInt(append(e.out, `,"output_index":`...), int64(x.at), 10)
}

// in names the section that an event is about.
func (e *streamer) in(x *entry, s *section) {
	e.of(x)
	name := `,"content_index":`
	if s.typ == partSummary {
		name = `,"summary_index":`
	}
	e.out = strconv.AppendInt(append(e.out, name...), int64(s.at), 10)
}

// begin says that there is a response, and that it is being made.
func (e *streamer) begin() {
	for _, typ := range []string{"response.created", "response.in_progress"}[e.begun:] {
		e.start(typ)
		e.out = e.appendResponse(append(e.out, `,"response":`...), state{status: "in_progress"})
		e.end()
		e.begun++
		e.echo()
	}
}

// echo tells what upstreams were sent (ST-09). It is the first that is told behind
// response.created, without which clients take no event.
func (e *streamer) echo() {
	for _, x := range e.head.Echoes {
		e.start("response.debug")
		e.out = append(append(e.out, `,"debug":{"echo_upstream_body":`...), x.Body...)
		e.out = append(e.out, '}')
		e.end()
	}
	e.head.Echoes = nil
}

func (e *streamer) open(ev *llm.Event) {
	e.begin()
	b, fresh := e.join(ev, nil)
	if b.entry == nil {
		return
	}
	if fresh && !b.entry.late() {
		e.add(b.entry)
	}
	if b.section != nil {
		e.tell(b.entry, b.section)
	}
	switch {
	case ev.Open == llm.BlockCall && ev.Call.Arguments != "":
		more := llm.Event{Kind: llm.ArgsDelta, Block: ev.Block, Text: ev.Call.Arguments}
		e.note(&more, b)
		e.grow(&more, b)
	case ev.Open == llm.BlockReasoning && ev.Thought != nil:
		more := llm.Event{Kind: llm.ReasoningDelta, Block: ev.Block, Thought: ev.Thought}
		e.note(&more, b)
		e.grow(&more, b)
	}
}

// add tells of a new item. Those before it are done, unless something of them is
// still open.
func (e *streamer) add(x *entry) {
	e.settle("completed")
	e.announce(x)
	e.start("response.output_item.added")
	e.out = strconv.AppendInt(append(e.out, `,"output_index":`...), int64(x.at), 10)
	e.out = x.appendNew(append(e.out, `,"item":`...))
	e.end()
	if x.typ == itemImage {
		for _, typ := range [...]string{"response.image_generation_call.in_progress", "response.image_generation_call.generating"} {
			e.start(typ)
			e.of(x)
			e.end()
		}
	}
}

// appendNew appends the item as it is when nothing has been said in it yet.
func (e *entry) appendNew(dst []byte) []byte {
	blank := *e
	blank.content, blank.summary, blank.input, blank.item = parts{}, parts{}, nil, nil
	blank.sealed, blank.signed, blank.image = nil, nil, llm.Media{}
	if e.late() {
		blank.input = e.input // cannot be told piece by piece
	}
	return blank.appendItem(dst, "in_progress")
}

// tell says that a part begins, unless the caller knows.
func (e *streamer) tell(x *entry, s *section) {
	p := x.of(s.typ)
	if s.at < p.begun {
		return
	}
	p.begun = s.at + 1
	if s.typ == partSummary {
		e.start("response.reasoning_summary_part.added")
	} else {
		e.start("response.content_part.added")
	}
	e.in(x, s)
	e.out = (&section{typ: s.typ}).appendPart(append(e.out, `,"part":`...))
	e.end()
}

// grow says what is new of a block.
func (e *streamer) grow(ev *llm.Event, b *block) {
	x, s := b.entry, b.section
	switch ev.Kind {
	case llm.TextDelta:
		if s != nil && ev.Text != "" {
			e.text(x, s, ev)
		}
	case llm.ReasoningDelta:
		if s == nil || ev.Thought == nil || ev.Thought.Text == "" {
			return
		}
		e.delta(s)
		e.in(x, s)
		e.out = quote(append(e.out, `,"delta":`...), ev.Thought.Text)
		e.end()
	case llm.ArgsDelta:
		if ev.Text == "" || x.wrapped() || x.late() {
			return
		}
		e.arguments(x, ev.Text)
	case llm.Cite:
		if s == nil || ev.Citation == nil {
			return
		}
		e.cite(x, s, ev.Citation)
	case llm.BlockClose:
		e.shut(b)
	default:
	}
}

// delta begins the event that a part of the type grows by.
func (e *streamer) delta(s *section) {
	switch s.typ {
	case partSummary:
		e.start("response.reasoning_summary_text.delta")
	case partThought:
		e.start("response.reasoning_text.delta")
	case partRefusal:
		e.start("response.refusal.delta")
	default:
		e.start("response.output_text.delta")
	}
}

// text says a piece of text. It is what most events are, so what does not change
// from one to the next is kept.
func (e *streamer) text(x *entry, s *section, ev *llm.Event) {
	e.delta(s)
	e.warm(x, s)
	e.out = quote(append(e.out, e.tail...), ev.Text)
	if s.typ == partOutputText { // RS-03
		e.out = append(e.out, `,"logprobs":[`...)
		e.out = append(e.out, appendLogprobs(nil, ev.Logprobs)...)
		e.out = append(e.out, ']')
	}
	e.end()
}

// warm keeps what the text deltas of a section have in common.
func (e *streamer) warm(x *entry, s *section) {
	if e.hot == s {
		return
	}
	e.hot, e.hotRaw = s, false
	from := len(e.out)
	e.in(x, s)
	e.tail = append(append(e.tail[:0], e.out[from:]...), `,"delta":`...)
	e.out = e.out[:from]
}

func (e *streamer) arguments(x *entry, piece string) {
	if x.typ == itemCustomCall {
		e.start("response.custom_tool_call_input.delta")
	} else {
		e.start("response.function_call_arguments.delta")
	}
	e.of(x)
	e.out = quote(append(e.out, `,"delta":`...), piece)
	e.end()
}

func (e *streamer) cite(x *entry, s *section, c *llm.Citation) {
	mark, number := len(e.out), e.sequence
	e.start("response.output_text.annotation.added")
	e.in(x, s)
	e.out = strconv.AppendInt(append(e.out, `,"annotation_index":`...), int64(s.cited), 10)
	e.out = append(e.out, `,"annotation":`...)
	from := len(e.out)
	var ok bool
	if e.out, ok = appendCitation(e.out, c); !ok {
		e.out, e.sequence = e.out[:mark], number
		return
	}
	s.cites(e.out[from:])
	e.end()
}

func (s *section) cites(annotation []byte) {
	if s.cited > 0 {
		s.annotations = append(s.annotations, ',')
	}
	s.annotations = append(s.annotations, annotation...)
	s.cited++
}

// shut ends a block.
func (e *streamer) shut(b *block) {
	x := b.entry
	switch {
	case b.section != nil:
		e.shutSection(x, b.section)
	case b.kind == llm.BlockCall:
		e.shutCall(x)
	case b.kind == llm.BlockImage:
		e.start("response.image_generation_call.completed")
		e.of(x)
		e.end()
	}
}

// shutSection says all of a part's text once more, and that it is over.
func (e *streamer) shutSection(x *entry, s *section) {
	ended, part, said := "response.output_text.done", "response.content_part.done", `,"text":`
	switch s.typ {
	case partSummary:
		ended, part = "response.reasoning_summary_text.done", "response.reasoning_summary_part.done"
	case partThought:
		ended = "response.reasoning_text.done"
	case partRefusal:
		ended, said = "response.refusal.done", `,"refusal":`
	}
	if !s.said {
		s.said = true
		e.start(ended)
		e.in(x, s)
		e.out = append(append(e.out, said...), s.quote()...)
		if s.typ == partOutputText {
			e.out = append(append(append(e.out, `,"logprobs":[`...), s.logprobs...), ']')
		}
		e.end()
	}
	if !s.ended {
		s.ended = true
		e.start(part)
		e.in(x, s)
		e.out = s.appendPart(append(e.out, `,"part":`...))
		e.end()
	}
}

func (e *streamer) shutCall(x *entry) {
	if x.at == noIndex {
		e.add(x)
		if x.typ != itemCall { // a native tool's: there is nothing between its beginning and its end
			return
		}
		e.arguments(x, string(x.input))
	}
	if x.wrapped() {
		if input := x.arguments(); input != "" {
			e.arguments(x, input)
		}
	}
	e.fill(x)
}

// fill tells the arguments of a call as a whole.
func (e *streamer) fill(x *entry) {
	x.filled = true
	if x.typ == itemCustomCall {
		e.start("response.custom_tool_call_input.done")
		e.of(x)
		e.out = quote(append(e.out, `,"input":`...), x.arguments())
		e.end()
		return
	}
	e.start("response.function_call_arguments.done")
	e.of(x)
	e.out = quote(append(e.out, `,"name":`...), x.shown())
	e.out = quote(append(e.out, `,"arguments":`...), x.arguments())
	e.end()
}

// settle says of items that they are done, where nothing is open in them any more. It
// is called when another item begins or the answer ends: until then the last one
// could go on. status is that of the last; those before it are complete.
func (e *streamer) settle(status string) {
	for e.settled < len(e.entries) && e.entries[e.settled].done {
		e.settled++
	}
	for i := e.settled; i < len(e.entries); i++ {
		x := e.entries[i]
		if x.done || x.raw || x.open > 0 || x.at == noIndex {
			continue
		}
		x.done = true
		last := "completed"
		if i == len(e.entries)-1 {
			last = status
		}
		x.item = x.appendItem(nil, last)
		e.start("response.output_item.done")
		e.out = strconv.AppendInt(append(e.out, `,"output_index":`...), int64(x.at), 10)
		e.out = append(append(e.out, `,"item":`...), x.item...)
		e.end()
	}
}

// Finish writes the terminal event and the end (RS-02).
func (e *streamer) Finish(u llm.Usage) error {
	e.out = e.out[:0]
	e.begin()
	s := e.ended()
	s.usage = &u
	e.takeOver()
	e.settle(s.itemStatus())
	if e.final != nil {
		e.start(e.event)
		e.out = e.forwardResponse(append(e.out, `,"response":`...), e.final, &u)
		e.end()
		return e.close()
	}
	e.terminal(s)
	return e.close()
}

// Fail ends an answer that broke off, or that nothing came of. Too long a prompt is no
// failure here but an answer that ends at its limit (ER-12).
func (e *streamer) Fail(err *llm.Error, u llm.Usage) error {
	e.out = e.out[:0]
	e.begin()
	s := failed(err)
	s.usage = &u
	e.terminal(s)
	return e.close()
}

func (e *streamer) terminal(s state) {
	e.start("response." + s.status)
	e.out = e.appendResponse(append(e.out, `,"response":`...), s)
	e.end()
}

func (e *streamer) close() error {
	e.out = append(e.out, done...)
	err := e.write(true)
	b := e.buffers
	e.buffers = &buffers{}
	if cap(b.out)+cap(b.tail) <= maxPooled {
		clear(b.fields[:cap(b.fields)]) // they hold on to frames
		e.client.emitters.Put(b)
	}
	return err
}
