package messages

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// decoder reads an answer. The protocol's terminal signal is message_stop; a
// stop_reason before it is enough (F33). What follows a stop_reason is dropped,
// but for usage (F44).
type decoder struct {
	format   string
	wrapped  bool // see Quirks
	open     []openBlock
	opened   int // blocks opened so far: the number of the next
	meter    meter
	started  bool
	stopped  bool // a stop_reason has been seen, Finish is out
	done     bool
	verbatim bool
	scratch  []byte
	inner    []byte // an event that came wrapped
}

// openBlock is a block between its start and its stop.
type openBlock struct {
	index   int // upstream's
	block   int // ours, -1: of a type that the canon does not know
	kind    llm.BlockType
	input   string // of a tool call, where it came whole with the start
	argsOut bool
}

func (d *decoder) Done() bool { return d.done }

// Verbatim: what came wrapped is no frame of this language, and another maker's
// thoughts must be sealed before a caller gets them, who could not tell whose they
// are.
func (d *decoder) Verbatim() bool {
	return d.verbatim && !d.wrapped && d.format == llm.FormatAnthropic
}

// unwrap is the event within a frame of AWS's, nil where there is none. After the
// end no failure matters any more.
func (d *decoder) unwrap(f wire.Frame) ([]byte, error) {
	if f.Error {
		if d.stopped {
			return nil, nil
		}
		return nil, excepted(f)
	}
	var v struct {
		Bytes *string `json:"bytes"`
	}
	if err := json.Unmarshal(f.Data, &v); err != nil || v.Bytes == nil {
		if err == nil || d.stopped {
			return nil, nil
		}
		return nil, malformed(err)
	}
	var err error
	if d.inner, err = base64.StdEncoding.AppendDecode(d.inner[:0], []byte(*v.Bytes)); err != nil && !d.stopped {
		return nil, malformed(err)
	}
	return d.inner, nil
}

// Frame decodes one event. Its own `type` tells what it is, whatever the SSE
// event name says. Unknown events, blocks and deltas are passed over, as the API
// asks of its clients; known ones that make no sense are errors (F35).
func (d *decoder) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	d.verbatim = false
	if d.done {
		return dst, nil
	}
	if f.Error || d.wrapped {
		var err error
		if f.Data, err = d.unwrap(f); err != nil || f.Data == nil {
			return dst, err
		}
	}
	if !d.stopped && d.started {
		if out, ok := d.fast(dst, f.Data); ok {
			d.verbatim = true
			return out, nil
		}
	}
	var e event
	if err := json.Unmarshal(f.Data, &e); err != nil {
		if d.stopped {
			return dst, nil
		}
		return dst, malformed(err)
	}
	stopped := d.stopped
	out, err := d.event(dst, &e)
	if err == nil {
		return out, nil
	}
	d.verbatim = false
	if stopped {
		return dst, nil
	}
	if _, ok := errors.AsType[*llm.Error](err); !ok {
		err = malformed(err)
	}
	return dst, err
}

func (d *decoder) event(dst []llm.Event, e *event) ([]llm.Event, error) {
	d.verbatim = true
	switch {
	case e.Type == "message_stop":
		return d.stop(dst)
	case e.Type == "message_delta":
		return d.messageDelta(dst, e)
	case d.stopped:
		d.verbatim = false
		return dst, nil
	case e.Type == "error" || e.Type == "" && !absent(e.Error):
		f := failureOf(e.Error)
		return dst, classify(statusOf(f.Type), f)
	case e.Type == "":
		return dst, errors.New("an event without a type")
	case e.Type == "message_start":
		return d.messageStart(dst, e.Message)
	case e.Type == "content_block_start":
		return d.blockStart(dst, e.Index, e.Block)
	case e.Type == "content_block_delta":
		return d.blockDelta(dst, e.Index, e.Delta)
	case e.Type == "content_block_stop":
		return d.blockStop(dst, e.Index), nil
	default: // ping, and what is to come
		return dst, nil
	}
}

// messageStart opens the answer. A second one at once is a stammer of some
// proxies; later it would be a second answer.
func (d *decoder) messageStart(dst []llm.Event, raw jsontext.Value) ([]llm.Event, error) {
	if d.started {
		if d.opened > 0 || len(d.open) > 0 {
			return dst, errors.New("message_start in the middle of an answer")
		}
		d.verbatim = false
		return dst, nil
	}
	var m answer
	if err := json.Unmarshal(raw, &m); err != nil {
		return dst, err
	}
	d.meter.add(m.Usage, false)
	dst = d.start(dst, m.ID, m.Model)
	return d.contents(dst, raw)
}

func (d *decoder) start(dst []llm.Event, id, model string) []llm.Event {
	if d.started {
		return dst
	}
	d.started = true
	return append(dst, llm.Event{Kind: llm.Start, Text: id, Model: model})
}

// contents are the blocks of a message that came whole.
func (d *decoder) contents(dst []llm.Event, message []byte) (_ []llm.Event, err error) {
	content := jsontext.Value(walk.Find(message, "content"))
	if absent(content) {
		return dst, nil
	}
	isList := walk.Elements(content, func(raw []byte) {
		const index = -1
		if err != nil {
			return
		}
		if dst, err = d.blockStart(dst, index, raw); err == nil {
			dst = d.blockStop(dst, index)
		}
	})
	if !isList {
		return dst, errors.New("content that is no list")
	}
	return dst, err
}

func (d *decoder) blockStart(dst []llm.Event, index int, raw jsontext.Value) ([]llm.Event, error) {
	if d.find(index) != nil {
		return dst, fmt.Errorf("block %d starts twice", index)
	}
	typ, err := typeOf(raw)
	if err != nil {
		return dst, err
	}
	o := openBlock{index: index, block: d.opened}
	switch typ {
	case blockText:
		o.kind = llm.BlockText
	case blockThinking, blockRedacted:
		o.kind = llm.BlockReasoning
	case blockToolUse:
		o.kind = llm.BlockCall
	default: // server tools and their results, and what is to come
		o.block = -1
		d.open = append(d.open, o)
		return dst, nil
	}
	var b answerBlock
	if err := json.Unmarshal(raw, &b); err != nil {
		return dst, err
	}
	dst = d.start(dst, "", "")
	d.opened++
	e := llm.Event{Kind: llm.BlockOpen, Block: o.block, Open: o.kind}
	switch typ {
	case blockText:
		dst = append(dst, e)
		if b.Text != "" {
			dst = append(dst, llm.Event{Kind: llm.TextDelta, Block: o.block, Text: b.Text})
		}
		dst = citeAll(dst, o.block, b.Citations)
	case blockThinking:
		e.Thought = &llm.Thought{Type: llm.ThoughtText, Format: d.format}
		dst = append(dst, e)
		if b.Thinking != "" || b.Signature != "" {
			dst = append(dst, d.thought(o.block, b.Thinking, b.Signature))
		}
	case blockRedacted:
		e.Thought = &llm.Thought{Type: llm.ThoughtEncrypted, Format: d.format}
		dst = append(dst, e, llm.Event{
			Kind: llm.ReasoningDelta, Block: o.block,
			Thought: &llm.Thought{Type: llm.ThoughtEncrypted, Data: b.Data, Format: d.format},
		})
	case blockToolUse:
		if b.ID == "" || b.Name == "" {
			return dst, errors.New("a tool call without id or name")
		}
		e.Call = &llm.ToolCall{ID: b.ID, Name: b.Name}
		dst = append(dst, e)
		if input := jsontext.Value(walk.Find(raw, "input")); !absent(input) {
			o.input = string(input)
		}
	}
	d.open = append(d.open, o)
	return dst, nil
}

func (d *decoder) thought(block int, text, signature string) llm.Event {
	return llm.Event{Kind: llm.ReasoningDelta, Block: block, Thought: &llm.Thought{
		Type: llm.ThoughtText, Text: text, Signature: signature, Format: d.format,
	}}
}

// citeAll are the citations of a text that came whole.
func citeAll(dst []llm.Event, block int, list jsontext.Value) []llm.Event {
	var all []jsontext.Value
	if list.Kind() != '[' || json.Unmarshal(list, &all) != nil {
		return dst
	}
	for _, c := range all {
		dst = cite(dst, block, c)
	}
	return dst
}

// cite is a citation. What it points at within a document means something to those
// who sent the document only: they get it as it came.
func cite(dst []llm.Event, block int, raw jsontext.Value) []llm.Event {
	var c citation
	if raw.Kind() != '{' || json.Unmarshal(raw, &c) != nil {
		return dst
	}
	if c.Title == "" {
		c.Title = c.DocumentTitle
	}
	if c.URL == "" && (strings.HasPrefix(c.Source, "https://") || strings.HasPrefix(c.Source, "http://")) {
		c.URL = c.Source
	}
	return append(dst, llm.Event{Kind: llm.Cite, Block: block, Citation: &llm.Citation{
		URL: c.URL, Title: c.Title, Quote: c.Quote, From: llm.Messages, Native: raw.Clone(),
	}})
}

// blockDelta passes over deltas of blocks that the canon does not know, and
// deltas that it does not know of blocks it does.
func (d *decoder) blockDelta(dst []llm.Event, index int, raw jsontext.Value) ([]llm.Event, error) {
	o := d.find(index)
	if o == nil {
		return dst, fmt.Errorf("a delta of block %d, which is not open", index)
	}
	typ, err := typeOf(raw)
	if err != nil || o.block < 0 {
		return dst, err
	}
	var v delta
	switch typ {
	case deltaText, deltaThinking, deltaSignature, deltaInput, deltaCitations:
		if err := json.Unmarshal(raw, &v); err != nil {
			return dst, err
		}
	}
	switch typ {
	case deltaText:
		return d.delta(dst, o, typ, v.Text)
	case deltaThinking:
		return d.delta(dst, o, typ, v.Thinking)
	case deltaSignature:
		return d.delta(dst, o, typ, v.Signature)
	case deltaInput:
		return d.delta(dst, o, typ, v.Input)
	case deltaCitations:
		if o.kind != llm.BlockText {
			return dst, fmt.Errorf("%s in a block of another type", typ)
		}
		return cite(dst, o.block, v.Citation), nil
	default:
		return dst, nil
	}
}

func typeOf(raw jsontext.Value) (string, error) {
	var v struct {
		Type string `json:"type"`
	}
	err := json.Unmarshal(raw, &v)
	return v.Type, err
}

// delta adds text, whatever the delta's type calls it, to an open block.
func (d *decoder) delta(dst []llm.Event, o *openBlock, typ, text string) ([]llm.Event, error) {
	want := llm.BlockReasoning
	switch typ {
	case deltaText:
		want = llm.BlockText
	case deltaInput:
		want = llm.BlockCall
	}
	if o.kind != want {
		return dst, fmt.Errorf("%s in a block of another type", typ)
	}
	if text == "" {
		return dst, nil
	}
	switch typ {
	case deltaText:
		return append(dst, llm.Event{Kind: llm.TextDelta, Block: o.block, Text: text}), nil
	case deltaInput:
		o.argsOut = true
		return append(dst, llm.Event{Kind: llm.ArgsDelta, Block: o.block, Text: text}), nil
	case deltaThinking:
		return append(dst, d.thought(o.block, text, "")), nil
	default:
		return append(dst, d.thought(o.block, "", text)), nil
	}
}

// blockStop closes a block. A call's input counts as it came with the start only
// where no deltas told it.
func (d *decoder) blockStop(dst []llm.Event, index int) []llm.Event {
	for i := range d.open {
		if d.open[i].index == index {
			dst = closeBlock(dst, &d.open[i])
			d.open = slices.Delete(d.open, i, i+1)
			break
		}
	}
	return dst
}

func closeBlock(dst []llm.Event, o *openBlock) []llm.Event {
	if o.block < 0 {
		return dst
	}
	if o.kind == llm.BlockCall && !o.argsOut && o.input != "" {
		dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: o.block, Text: o.input})
	}
	return append(dst, llm.Event{Kind: llm.BlockClose, Block: o.block})
}

func (d *decoder) find(index int) *openBlock {
	for i := range d.open {
		if d.open[i].index == index {
			return &d.open[i]
		}
	}
	return nil
}

func (d *decoder) messageDelta(dst []llm.Event, e *event) ([]llm.Event, error) {
	var m messageDelta
	if !absent(e.Delta) {
		if err := json.Unmarshal(e.Delta, &m); err != nil {
			return dst, err
		}
	}
	d.meter.add(e.Usage, true)
	if d.stopped || m.StopReason == "" {
		d.verbatim = !d.stopped
		return dst, nil
	}
	dst = d.start(dst, "", "")
	return d.finish(dst, m.StopReason), nil
}

func (d *decoder) finish(dst []llm.Event, reason string) []llm.Event {
	for i := range d.open {
		dst = closeBlock(dst, &d.open[i])
	}
	d.open = d.open[:0]
	d.stopped = true
	return append(dst, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: unified(reason), Native: reason}})
}

// unified maps a stop_reason; one not known yet is a stop (US-02).
func unified(reason string) llm.Finished {
	switch reason {
	case "max_tokens", "model_context_window_exceeded":
		return llm.FinishLength
	case "tool_use":
		return llm.FinishToolCalls
	case "refusal":
		return llm.FinishContentFilter
	default: // end_turn, stop_sequence, pause_turn
		return llm.FinishStop
	}
}

// stop ends the stream. Without a stop_reason before it, it ends a stream that
// did not say how its answer ended: F45.
func (d *decoder) stop(dst []llm.Event) ([]llm.Event, error) {
	if !d.stopped {
		return dst, errors.New("message_stop without a stop_reason")
	}
	d.done = true
	return d.report(dst), nil
}

func (d *decoder) report(dst []llm.Event) []llm.Event {
	if u := d.meter.report(); u != nil {
		dst = append(dst, llm.Event{Kind: llm.UsageReport, Usage: u})
	}
	return dst
}

// End reports the usage where the stream ended between stop_reason and
// message_stop, and fails where it ended before (F32, F33).
func (d *decoder) End(dst []llm.Event) ([]llm.Event, error) {
	d.verbatim = false
	switch {
	case d.done:
		return dst, nil
	case !d.stopped:
		return dst, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer ended early"}
	default:
		d.done = true
		return d.report(dst), nil
	}
}

// Whole decodes an answer that was not streamed.
func (d *decoder) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	d.verbatim = false
	var m answer
	if err := json.Unmarshal(body, &m); err != nil {
		return dst, malformed(err)
	}
	switch {
	case m.Type == "error" || !absent(m.Error):
		f := failureOf(m.Error)
		return dst, classify(statusOf(f.Type), f)
	case m.StopReason == "":
		return dst, malformed(errors.New("an answer without a stop_reason"))
	}
	d.meter.add(m.Usage, true)
	out, err := d.contents(d.start(dst, m.ID, m.Model), body)
	if err != nil {
		return dst, malformed(err)
	}
	d.done, d.verbatim = true, true
	return d.report(d.finish(out, m.StopReason)), nil
}
