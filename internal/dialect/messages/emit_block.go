package messages

import (
	"slices"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// blocks writes the blocks of an answer one after the other, as this language
// wants them, though those of the canon may be open at the same time: the first
// that is open is written as it grows, the others wait. A text that others have
// overtaken ends, and goes on as a block of its own.
type blocks struct {
	hide    bool // thoughts are kept from sight, not from coming back
	unasked bool // nobody asked for thinking: other vendors' thoughts come back with calls only
	next    int  // index
	waiting []*outBlock
	held    []string // sealed thoughts that no block has followed yet
	called  bool
	refused bool
}

// outBlock is a block on its way out.
type outBlock struct {
	number  int // the event's
	kind    llm.BlockType
	index   int
	started bool // its content_block_start is out
	closed  bool
	call    llm.ToolCall
	thought llm.Thought // but for its text
	note    string      // in place of what this language cannot carry
	pending dialect.Joined
	text    strings.Builder // of a thought that is hidden
	cites   []*llm.Citation
}

// event appends what an event makes of the stream.
func (b *blocks) event(dst []byte, ev *llm.Event) []byte {
	switch ev.Kind {
	case llm.BlockOpen:
		return b.open(dst, ev)
	case llm.BlockClose:
		if o := b.find(ev.Block); o != nil {
			o.closed = true
		}
		return b.advance(dst)
	case llm.TextDelta, llm.ArgsDelta:
		if ev.Text == "" {
			return dst
		}
		o := b.at(ev.Block)
		if o == b.waiting[0] && o.started && !o.call.Custom {
			if o.kind == llm.BlockCall {
				return appendDelta(dst, o.index, deltaInput, "partial_json", ev.Text)
			}
			return appendDelta(dst, o.index, deltaText, "text", ev.Text)
		}
		o.pending.WriteString(ev.Text)
	case llm.ReasoningDelta:
		b.at(ev.Block).think(ev.Thought)
	case llm.MediaDelta:
		b.at(ev.Block).show(ev.Media)
		return dst
	case llm.Cite:
		o := b.at(ev.Block)
		o.cites = append(o.cites, ev.Citation)
	case llm.Start, llm.Finish, llm.UsageReport, llm.Continue:
		return dst
	}
	return b.grow(dst)
}

// opened is the block that an event opens.
func (b *blocks) opened(ev *llm.Event) *outBlock {
	o := &outBlock{number: ev.Block, kind: ev.Open}
	switch ev.Open {
	case llm.BlockCall:
		o.call = *ev.Call
		o.pending.WriteString(ev.Call.Arguments)
		b.called = true
	case llm.BlockReasoning:
		o.thought = llm.Thought{Type: llm.ThoughtText, Format: llm.FormatUnknown}
		o.think(ev.Thought)
	case llm.BlockRefusal:
		b.refused = true
	case llm.BlockText, llm.BlockImage, llm.BlockAudio:
	}
	return o
}

func (b *blocks) open(dst []byte, ev *llm.Event) []byte {
	o := b.opened(ev)
	if len(b.waiting) > 0 {
		if first := b.waiting[0]; first.kind == llm.BlockText {
			first.closed = true
		}
	}
	b.waiting = append(b.waiting, o)
	return b.advance(dst)
}

// find is a block that has not been closed, or nil.
func (b *blocks) find(number int) *outBlock {
	for _, o := range b.waiting {
		if o.number == number && !o.closed {
			return o
		}
	}
	return nil
}

// at is the block of an event: a text that has been overtaken goes on in a new one.
func (b *blocks) at(number int) *outBlock {
	if o := b.find(number); o != nil {
		return o
	}
	o := &outBlock{number: number}
	b.waiting = append(b.waiting, o)
	return o
}

// advance writes all that can be written and lets go of what has been.
func (b *blocks) advance(dst []byte) []byte {
	for len(b.waiting) > 0 {
		dst = b.grow(dst)
		o := b.waiting[0]
		if !o.closed {
			break
		}
		dst = b.finish(dst, o)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
	return dst
}

// end closes what is open.
func (b *blocks) end(dst []byte) []byte {
	for _, o := range b.waiting {
		o.closed = true
	}
	return b.advance(dst)
}

// grow writes what the first block has gathered, as far as it can be told before
// its end.
func (b *blocks) grow(dst []byte) []byte {
	if len(b.waiting) == 0 {
		return dst
	}
	o := b.waiting[0]
	switch o.kind {
	case llm.BlockCall:
		dst = b.start(dst, o)
		if !o.call.Custom { // free text is told at its end, as JSON
			dst = o.flush(dst, deltaInput, "partial_json")
		}
	case llm.BlockReasoning:
		if o.thought.Type == llm.ThoughtEncrypted || b.hide || b.quiet(o) {
			o.text.WriteString(o.take())
			break
		}
		if o.pending.Len() > 0 {
			dst = b.start(dst, o)
			dst = o.flush(dst, deltaThinking, "thinking")
		}
	case llm.BlockText, llm.BlockRefusal, llm.BlockAudio, llm.BlockImage:
		if o.pending.Len() > 0 || len(o.cites) > 0 {
			dst = b.start(dst, o)
			dst = o.flush(dst, deltaText, "text")
		}
		for _, c := range o.cites {
			dst = appendCitationDelta(dst, o.index, c)
		}
		o.cites = nil
	}
	return dst
}

// finish writes what only the end of a block tells, and its end.
func (b *blocks) finish(dst []byte, o *outBlock) []byte {
	switch {
	case o.kind == llm.BlockCall && o.call.Custom:
		dst = appendDelta(dst, o.index, deltaInput, "partial_json", llm.WrapInput(o.take()))
	case o.kind == llm.BlockReasoning:
		dst = b.seal(dst, o)
	case (o.kind == llm.BlockImage || o.kind == llm.BlockAudio) && !o.started && o.note != "":
		dst = b.start(dst, o)
		dst = appendDelta(dst, o.index, deltaText, "text", o.note)
	}
	if o.started {
		dst = appendBlockStop(dst, o.index)
	}
	return dst
}

// seal ends a thought: its signature goes out once and whole, since clients keep
// the last. A thought without any text that could be shown is redacted. One of
// another vendor waits for the block behind it: an answer does not end in a thought,
// and clients take what it ends in for the answer.
func (b *blocks) seal(dst []byte, o *outBlock) []byte {
	if b.quiet(o) {
		if data := o.mark(); data != "" {
			b.held = append(b.held, data)
		}
		return dst
	}
	shown := o.signed(b.hide)
	switch {
	case shown.redacted != "" && b.next > 0 && o.thought.Format != llm.FormatAnthropic:
		b.held = append(b.held, shown.redacted)
	case shown.redacted != "":
		dst = b.startAs(dst, o, redacted(shown.redacted))
	case o.started || shown.signature != "":
		dst = b.start(dst, o)
		dst = appendDelta(dst, o.index, deltaSignature, "signature", shown.signature)
	}
	return dst
}

func redacted(data string) func([]byte) []byte {
	return func(dst []byte) []byte {
		return append(quote(append(dst, `{"type":"redacted_thinking","data":`...), data), '}')
	}
}

// quiet reports that a thought is not told, since nobody asked for thinking: clients
// take the first block for the answer.
func (b *blocks) quiet(o *outBlock) bool {
	return b.unasked && o.kind == llm.BlockReasoning && o.thought.Format != llm.FormatAnthropic
}

// mark is what its vendor needs of a quiet thought to go on from a call.
func (o *outBlock) mark() string {
	t := o.thought
	if t.Signature == "" && t.Data == "" {
		return ""
	}
	if t.Type != llm.ThoughtEncrypted {
		t = hush(t, o.text.String())
	}
	return llm.Seal(t)
}

// ending is how a thought ends: with a signature, or as a whole that is redacted.
type ending struct{ signature, redacted string }

// signed is what a thought is known again by. The author of this language gets its
// own marks back, those of all others travel sealed.
func (o *outBlock) signed(hide bool) ending {
	t := o.thought
	text := o.text.String()
	if t.Type == llm.ThoughtEncrypted {
		switch {
		case t.Data == "":
			return ending{}
		case t.Format == llm.FormatAnthropic:
			return ending{redacted: t.Data}
		default:
			return ending{redacted: llm.Seal(t)}
		}
	}
	switch {
	case t.Format == llm.FormatAnthropic && t.Type == llm.ThoughtText && t.Signature != "" && text == "":
		return ending{signature: t.Signature}
	case hide && text != "":
		return ending{signature: llm.Seal(hush(t, text))}
	case o.started:
		return ending{signature: llm.Seal(t)}
	case t.Signature != "" || t.Data != "":
		return ending{redacted: llm.Seal(t)}
	default:
		return ending{}
	}
}

// hush puts the text of a thought that is not shown where a seal keeps it: whoever
// had it needs it back. A thought of such a type has no data of its own.
func hush(t llm.Thought, text string) llm.Thought {
	t.Data = text
	return t
}

// think takes in what is new of a thought.
func (o *outBlock) think(t *llm.Thought) {
	if t == nil {
		return
	}
	if t.Type != "" {
		o.thought.Type = t.Type
	}
	if t.Format != "" {
		o.thought.Format = t.Format
	}
	if t.ID != "" {
		o.thought.ID = t.ID
	}
	o.thought.Signature += t.Signature
	o.thought.Data += t.Data
	o.pending.WriteString(t.Text)
}

// show notes a medium that was made: answers of this language have no block for
// one, and its bytes as text would come back with the next turn.
func (o *outBlock) show(m *llm.Media) {
	switch {
	case m == nil:
	case m.URL != "":
		o.note = "![image](" + m.URL + ")"
	case o.note == "" && o.kind == llm.BlockImage:
		o.note = "[An image was made, which an answer in this API cannot carry.]"
	case o.note == "":
		o.note = "[Speech was made, which an answer in this API cannot carry.]"
	}
}

// take is the gathered text, which is gathered no more.
func (o *outBlock) take() string {
	s := o.pending.String()
	o.pending.Reset()
	return s
}

// flush appends the gathered text as one delta.
func (o *outBlock) flush(dst []byte, typ, member string) []byte {
	if o.pending.Len() == 0 {
		return dst
	}
	return appendDelta(dst, o.index, typ, member, o.take())
}

func (b *blocks) start(dst []byte, o *outBlock) []byte {
	return b.startAs(dst, o, o.appendStart)
}

func (b *blocks) startAs(dst []byte, o *outBlock, content func([]byte) []byte) []byte {
	if o.started {
		return dst
	}
	var held []string
	if !b.unasked || o.kind == llm.BlockCall {
		held, b.held = b.held, nil
	}
	for _, data := range held {
		t := &outBlock{kind: llm.BlockReasoning}
		dst = b.startAs(dst, t, redacted(data))
		dst = appendBlockStop(dst, t.index)
	}
	o.started, o.index = true, b.next
	b.next++
	dst = append(dst, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"...)
	dst = strconv.AppendInt(dst, int64(o.index), 10)
	dst = content(append(dst, `,"content_block":`...))
	return append(dst, "}\n\n"...)
}

func (o *outBlock) appendStart(dst []byte) []byte {
	switch o.kind {
	case llm.BlockCall:
		dst = quote(append(dst, `{"type":"tool_use","id":`...), o.call.ID)
		dst = quote(append(dst, `,"name":`...), o.call.Name)
		return append(dst, `,"input":{},"caller":{"type":"direct"}}`...)
	case llm.BlockReasoning:
		return append(dst, `{"type":"thinking","thinking":"","signature":""}`...)
	default:
		return append(dst, `{"type":"text","text":"","citations":null}`...)
	}
}

func appendDelta(dst []byte, index int, typ, member, text string) []byte {
	dst = append(dst, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	dst = append(append(dst, `,"delta":{"type":"`...), typ...)
	dst = append(append(append(dst, `","`...), member...), `":`...)
	dst = quote(dst, text)
	return append(dst, "}}\n\n"...)
}

func appendBlockStop(dst []byte, index int) []byte {
	dst = append(dst, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	return append(dst, "}\n\n"...)
}

func appendCitationDelta(dst []byte, index int, c *llm.Citation) []byte {
	if !citable(c) {
		return dst
	}
	dst = append(dst, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	dst = appendCitation(append(dst, `,"delta":{"type":"citations_delta","citation":`...), c)
	return append(dst, "}}\n\n"...)
}

// citable reports whether a citation can be told: every kind of it but one is about
// a document that the caller has sent.
func citable(c *llm.Citation) bool {
	return c != nil && (c.From == llm.Messages && c.Native.Kind() == '{' || c.URL != "")
}

func appendCitation(dst []byte, c *llm.Citation) []byte {
	if c.From == llm.Messages && c.Native.Kind() == '{' {
		return append(dst, c.Native...)
	}
	dst = quote(append(dst, `{"type":"web_search_result_location","cited_text":`...), c.Quote)
	dst = append(dst, `,"encrypted_index":"","title":`...)
	dst = nullable(dst, c.Title)
	dst = quote(append(dst, `,"url":`...), c.URL)
	return append(dst, '}')
}

// stopReason is the reason in this language's words. The vendor's own is kept where
// it is one of them (AM-03).
func (b *blocks) stopReason(f llm.FinishReason) string {
	switch f.Native {
	case "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "compaction", "model_context_window_exceeded":
		return f.Native
	}
	switch {
	case f.Unified == llm.FinishLength:
		return "max_tokens"
	case f.Unified == llm.FinishContentFilter, b.refused:
		return "refusal"
	case f.Unified == llm.FinishToolCalls, b.called:
		return "tool_use"
	default:
		return "end_turn"
	}
}
