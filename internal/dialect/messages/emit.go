package messages

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// NewEmitter writes a stream of events, or one message, as req asks.
func (c *client) NewEmitter(w dialect.Sink, req *llm.Request) dialect.Emitter {
	shown := blocks{unasked: true}
	if req.Input != nil && req.Input.Reasoning != nil {
		r := req.Input.Reasoning
		shown.hide, shown.unasked = r.Exclude, r.Effort == "none" || r.Enabled != nil && !*r.Enabled
	}
	if !req.Stream {
		return &whole{w: w, blocks: shown}
	}
	b, _ := c.emitters.Get().(*buffers)
	if b == nil {
		b = &buffers{}
	}
	return &streamer{client: c, w: w, blocks: shown, buffers: b}
}

// buffers outlive an answer; everything in them is bytes.
type buffers struct {
	out   []byte // what is written next
	delta []byte // the vendor's own message_delta, held back until the usage is known
	stop  []byte // and its message_stop
}

const maxPooled = 64 << 10

// streamer writes server-sent events. What comes from a vendor of the same dialect
// goes out with its own bytes but for the members that are ours. Events that tell
// the usage or follow it wait for Finish.
type streamer struct {
	client  *client
	w       dialect.Sink
	head    dialect.Head
	begun   bool // message_start is out
	dirty   bool // written and not flushed
	blocks  blocks
	foreign []forwarded // open blocks that came as the vendor's own bytes
	finish  llm.FinishReason
	seams   []*llm.Seam
	*buffers
}

// forwarded is an open block of a vendor of the same dialect.
type forwarded struct {
	number int // the event's, -1: of a type that the canon does not know
	index  int // the vendor's
	at     int // ours
}

func (e *streamer) Begin(h dialect.Head) {
	e.head = h
	e.delta, e.stop = e.delta[:0], e.stop[:0]
}

func (e *streamer) Emit(c llm.Chunk) error {
	e.out = e.out[:0]
	if c.From == llm.Messages && !c.Whole && e.forward(&c) {
		e.noteFinish(c.Events)
		return e.write(!c.More)
	}
	for i := range c.Events {
		e.event(&c.Events[i])
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

func (e *streamer) noteFinish(events []llm.Event) {
	for i := range events {
		if events[i].Kind == llm.Finish {
			e.finish = events[i].Finish
		}
	}
}

// event encodes an event.
func (e *streamer) event(ev *llm.Event) {
	switch ev.Kind {
	case llm.Start:
		e.begin()
	case llm.Finish:
		e.begin()
		e.finish = ev.Finish
	case llm.UsageReport:
	case llm.Continue:
		e.seams = append(e.seams, ev.Seam)
		e.delta, e.stop = e.delta[:0], e.stop[:0]
		e.out = dialect.AppendSeamComment(e.out, ev.Seam)
	case llm.TextDelta:
		e.begin()
		if i := e.foreignAt(ev.Block); i >= 0 { // begun by a vendor of this dialect, which did not end it
			e.out = appendDelta(e.out, e.foreign[i].at, deltaText, "text", ev.Text)
			return
		}
		e.out = e.blocks.event(e.out, ev)
	case llm.BlockClose:
		if i := e.foreignAt(ev.Block); i >= 0 {
			e.out = appendBlockStop(e.out, e.foreign[i].at)
			e.foreign = slices.Delete(e.foreign, i, i+1)
			return
		}
		e.out = e.blocks.event(e.out, ev)
	default:
		e.begin()
		e.out = e.blocks.event(e.out, ev)
	}
}

// foreignAt is the place of a block among those that were forwarded, by the event's
// number; -1 if it is none of them.
func (e *streamer) foreignAt(number int) int {
	return slices.IndexFunc(e.foreign, func(f forwarded) bool { return f.number == number })
}

// begin writes message_start. The tokens of the prompt are not known yet:
// message_delta tells them.
func (e *streamer) begin() {
	if e.begun {
		return
	}
	e.begun = true
	e.out = append(e.out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"...)
	e.out = appendHead(e.out, e.head)
	e.out = append(e.out, `,"content":[],"container":null,"stop_reason":null,"stop_details":null,"stop_sequence":null,"usage":`...)
	e.out = append(e.out, startUsage...)
	e.out = append(e.out, "}}\n\n"...)
}

// appendHead appends the members that every answer begins with.
func appendHead(dst []byte, h dialect.Head) []byte {
	dst = quote(append(dst, `{"id":`...), h.ID)
	dst = append(dst, `,"type":"message","role":"assistant","model":`...)
	dst = quote(dst, h.Model)
	if h.Provider != "" {
		dst = quote(append(dst, `,"provider":`...), h.Provider)
	}
	return dst
}

// quote appends s as a JSON string; bytes that are no UTF-8 become U+FFFD (F37).
func quote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func nullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return quote(dst, s)
}

// Finish writes the reason, the usage and the end.
func (e *streamer) Finish(u llm.Usage) error {
	e.out = e.out[:0]
	e.end()
	if len(e.delta) == 0 || !e.forwardDelta(&u) {
		e.out = append(e.out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"...)
		e.out = quote(e.out, e.blocks.stopReason(e.finish))
		e.out = append(e.out, `,"stop_sequence":null,"container":null,"stop_details":null},"usage":`...)
		e.out = dialect.AppendSeams(appendUsage(e.out, &u, true), e.seams)
		e.out = append(e.out, "}\n\n"...)
	}
	e.stopped()
	return e.close()
}

// stopped writes message_stop, the vendor's own if there is one, with what is told of
// the routing (MD-06).
func (e *streamer) stopped() {
	const plain = `{"type":"message_stop"}`
	if len(e.stop) == 0 && e.head.Router == nil {
		e.out = append(e.out, "event: message_stop\ndata: "+plain+"\n\n"...)
		return
	}
	stop := e.stop
	if len(stop) == 0 {
		stop = []byte(plain)
	}
	if edited, err := splice.Apply(nil, stop, splice.Edit{Name: dialect.RouterMember, Value: dialect.Router(e.head.Router)}); err == nil {
		stop = edited
	}
	e.out = appendFrame(e.out, "message_stop", stop)
}

// end closes what is open.
func (e *streamer) end() {
	e.begin()
	e.out = e.blocks.end(e.out)
	for _, f := range e.foreign {
		e.out = appendBlockStop(e.out, f.at)
	}
	e.foreign = nil
}

// Fail writes the error event, after which the stream closes.
func (e *streamer) Fail(err *llm.Error, _ llm.Usage) error {
	said := errorOf(err, nil)
	e.out = append(e.out[:0], "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"...)
	e.out = quote(e.out, said.Type)
	e.out = quote(append(e.out, `,"message":`...), said.Message)
	e.out = quote(append(e.out, `,"error_type":`...), string(said.ErrorType))
	if said.Availability != nil {
		e.out = append(append(e.out, `,"availability":`...), said.Availability...)
	}
	e.out = dialect.AppendSeams(dialect.AppendRouterBeside(append(e.out, '}'), e.head.Router, err), e.seams)
	e.out = append(e.out, "}\n\n"...)
	return e.close()
}

func (e *streamer) close() error {
	err := e.write(true)
	b := e.buffers
	e.buffers = &buffers{}
	if cap(b.out)+cap(b.delta)+cap(b.stop) <= maxPooled {
		e.client.emitters.Put(b)
	}
	return err
}
