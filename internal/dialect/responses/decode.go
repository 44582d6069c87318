package responses

import (
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

const noBlock = -1

// decoder follows one answer. The terminal signal of this protocol is an event that
// brings the whole response once more, with its usage, however it ended.
//
// An item is known by its place in the answer: some vendors give it another id in
// every event. Frames may be forwarded but for those about items that are hidden, all
// of an item's or none: reasoning with another stamp than OpenAI's, which a caller of
// this dialect would send back as if it had that, and items that vendors tell in
// part. After one of those the terminal event is not forwarded either, since it has
// all items in it.
type decoder struct {
	q        *Quirks
	r        parse.Reader
	started  bool
	done     bool
	verbatim bool
	foreign  bool // an item was not forwarded, so neither is the response as a whole
	isWhole  bool // the answer is not streamed

	id     string // the answer's
	next   int    // number of the next block
	open   []item // that have begun and are not done, in order
	past   int    // the last place of an item that is done
	saw    bool   // any item
	called bool   // a tool
	hot    hot    // the text that grows

	audio       int // block, noBlock if there is none
	audioFormat string
}

// hot is the block of the text part that the last frame added to.
type hot struct {
	output, part, block int
	verbatim            bool
}

func (d *decoder) Done() bool     { return d.done }
func (d *decoder) Verbatim() bool { return d.verbatim }

func (d *decoder) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	d.verbatim = false
	if d.done {
		return dst, nil
	}
	if p, ok := scan(f.Data); ok && d.started {
		if p.kind == kindText && d.hot.block != noBlock && d.hot.output == p.output && d.hot.part == p.part {
			d.verbatim = d.hot.verbatim
			return append(dst, llm.Event{Kind: llm.TextDelta, Block: d.hot.block, Text: walk.Meaning(p.inside, p.escaped)}), nil
		}
		d.verbatim = true
		return d.add(dst, p.kind, p.output, p.part, walk.Meaning(p.inside, p.escaped), nil)
	}
	data := trim(f.Data)
	if string(data) == "[DONE]" {
		d.done = true
		return dst, brokenOff("[DONE] without a terminal event")
	}
	x, err := d.read(data)
	if err != nil {
		return dst, err
	}
	if x.typ == "" {
		x.typ = f.Event
	}
	d.verbatim = true
	return d.say(dst, &x, data)
}

// frame is an event as read; its values are parts of the frame.
type frame struct {
	typ                            string
	output, part                   int
	delta, full                    []byte
	logprobs, item, piece, cite    []byte
	response, fault, code, message []byte
}

// check reads a text through: it is JSON, not too deep, without a member twice.
func (d *decoder) check(data []byte) error {
	if at, ok := parse.Deep(data); ok {
		return nonsense(errors.New("too deep at " + string(at)))
	}
	d.r.Reset(data)
	object := d.r.Peek() == '{'
	d.r.Value()
	d.r.End()
	err := d.r.Err
	d.r.Drop()
	switch {
	case err != nil:
		return nonsense(err)
	case !object:
		return nonsense(errors.New("not an object"))
	}
	return nil
}

func (d *decoder) read(data []byte) (x frame, err error) {
	if err := d.check(data); err != nil {
		return x, err
	}
	x.output, x.part = noIndex, noIndex
	var room [16]field
	list, _ := fields(room[:0], data)
	for i := range list {
		v := list[i].of(data)
		switch string(list[i].name) {
		case "type":
			x.typ = text(v)
		case "output_index":
			x.output = index(v)
		case "content_index", "summary_index":
			x.part = index(v)
		case "delta":
			x.delta = v
		case "text", "refusal", "arguments", "input":
			x.full = v
		case "logprobs":
			x.logprobs = v
		case "item":
			x.item = v
		case "part":
			x.piece = v
		case "annotation":
			x.cite = v
		case "response":
			x.response = v
		case "error":
			x.fault = v
		case "code":
			x.code = v
		case "message":
			x.message = v
		}
	}
	return x, nil
}

// say turns an event into the canon's. What is not known is passed over (R2 is kept:
// it goes on to callers of this dialect as it is).
func (d *decoder) say(dst []llm.Event, x *frame, data []byte) ([]llm.Event, error) {
	if x.typ == "error" || x.typ == "" && len(x.fault) > 0 && x.fault[0] != 'n' {
		d.verbatim = false
		return dst, complainOf(data)
	}
	dst = d.start(dst, x.response)
	if k := kindOf([]byte(x.typ)); k != kindNone {
		return d.add(dst, k, x.output, x.part, text(x.delta), x.logprobs)
	}
	switch x.typ {
	case "response.output_item.added":
		return d.begin(dst, x)
	case "response.output_item.done":
		return d.end(dst, x)
	case "response.content_part.done":
		return d.endPart(dst, x)
	case "response.output_text.done":
		return d.fill(dst, kindText, x)
	case "response.refusal.done":
		return d.fill(dst, kindRefusal, x)
	case "response.reasoning_summary_text.done":
		return d.fill(dst, kindSummary, x)
	case "response.reasoning_summary_part.done":
		x.full = find(x.piece, "text")
		dst, err := d.fill(dst, kindSummary, x)
		return d.closeAt(dst, kindSummary, x), err
	case "response.reasoning_text.done":
		return d.fill(dst, kindThought, x)
	case "response.function_call_arguments.done":
		return d.fill(dst, kindArguments, x)
	case "response.custom_tool_call_input.done":
		return d.fill(dst, kindInput, x)
	case "response.reasoning_summary_part.added":
		_, err := d.itemAt(x.output, itemReasoning)
		return dst, err
	case "response.content_part.added":
		typ := itemMessage
		if text(find(x.piece, "type")) == partThought {
			typ = itemReasoning
		}
		_, err := d.itemAt(x.output, typ)
		return dst, err
	case "response.output_text.annotation.added":
		return d.cite(dst, x)
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		return d.finish(dst, x.response, x.typ)
	}
	return dst, nil
}

func complainOf(data []byte) *llm.Error {
	var c complaint
	c.read(data)
	return c.classify()
}

// start says that the answer has begun.
func (d *decoder) start(dst []llm.Event, response []byte) []llm.Event {
	if d.started {
		return dst
	}
	d.started = true
	d.id = text(find(response, "id"))
	return append(dst, llm.Event{Kind: llm.Start, Text: d.id, Model: text(find(response, "model"))})
}

// finish ends the answer with the response as a whole, whose usage counts however it
// ended.
func (d *decoder) finish(dst []llm.Event, response []byte, event string) ([]llm.Event, error) {
	d.done = true
	status := event[len("response."):]
	if said := text(find(response, "status")); status == "completed" && slices.Contains([]string{"incomplete", "failed", "cancelled"}, said) {
		status = said
	}
	if !d.saw { // nothing was streamed: all that was said is in here
		var err error
		if dst, err = d.items(dst, find(response, "output")); err != nil {
			return dst, err
		}
	}
	dst, err := d.closeAll(dst, status == "completed")
	if err != nil {
		return dst, err
	}
	return d.conclude(dst, response, status)
}

// conclude says how the response ended and what it took.
func (d *decoder) conclude(dst []llm.Event, response []byte, status string) ([]llm.Event, error) {
	d.verbatim = !d.foreign
	reason := text(find(find(response, "incomplete_details"), "reason"))
	end := llm.FinishReason{Unified: llm.FinishStop, Native: status}
	switch {
	case status == "failed":
		d.verbatim = false
		return dst, complainOf(find(response, "error"))
	case status == "incomplete" || status == "completed" && reason != "":
		end.Unified = llm.FinishLength
		if reason == "content_filter" {
			end.Unified = llm.FinishContentFilter
		}
		if reason != "" {
			end.Native = reason
		}
	case status != "completed": // cancelled, or still at it
		d.verbatim = false
		return dst, brokenOff("response is " + parse.Printable(status))
	case d.called:
		end.Unified = llm.FinishToolCalls
	}
	dst = append(dst, llm.Event{Kind: llm.Finish, Finish: end})
	if u := readUsage(find(response, "usage")); u != nil {
		dst = append(dst, llm.Event{Kind: llm.UsageReport, Usage: u})
	}
	return dst, nil
}

// End settles an answer whose bytes are over.
func (d *decoder) End(dst []llm.Event) ([]llm.Event, error) {
	if d.done {
		return dst, nil
	}
	d.done, d.verbatim = true, false
	return dst, brokenOff("no terminal event")
}

// Whole reads a response.
func (d *decoder) Whole(dst []llm.Event, data []byte) ([]llm.Event, error) {
	d.verbatim = false
	data = trim(data)
	if err := d.check(data); err != nil {
		return dst, err
	}
	output, status := find(data, "output"), text(find(data, "status"))
	if jsontext.Value(output).Kind() != '[' && status != "failed" {
		if fault := find(data, "error"); len(fault) > 0 && fault[0] != 'n' {
			return dst, complainOf(data)
		}
		return dst, nonsense(errors.New("no output"))
	}
	if status == "" {
		status = "completed"
	}
	d.isWhole = true
	dst = d.start(dst, data)
	dst, err := d.items(dst, output)
	if err != nil {
		return dst, err
	}
	d.done = true
	return d.conclude(dst, data, status)
}

// trim is src without the white space around it.
func trim(src []byte) []byte {
	src = src[space(src, 0):]
	for n := len(src); n > 0 && (src[n-1] == ' ' || src[n-1] == '\n' || src[n-1] == '\r' || src[n-1] == '\t'); n = len(src) {
		src = src[:n-1]
	}
	return src
}
