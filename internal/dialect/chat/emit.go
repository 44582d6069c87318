package chat

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// NewEmitter writes a stream of chunks, or one completion, as req asks.
func (c *client) NewEmitter(w dialect.Sink, req *llm.Request) dialect.Emitter {
	hide := req.Input != nil && req.Input.Reasoning != nil && req.Input.Reasoning.Exclude
	if !req.Stream {
		return &whole{w: w, hide: hide, blocks: blocks{customs: customs(req)}}
	}
	b, _ := c.emitters.Get().(*buffers)
	if b == nil {
		b = &buffers{}
	}
	return &streamer{client: c, w: w, hide: hide, blocks: blocks{customs: customs(req)}, buffers: b}
}

// buffers outlive an answer; everything in them is bytes.
type buffers struct {
	out    []byte // what is written next
	head   []byte // `data: {"id":...,"object":"chat.completion.chunk","created":...`
	open   []byte // head up to and with `"delta":{`
	fields []field
	text   template
	tail   []byte // unknown members of the vendor's usage chunk
}

const (
	shut       = `},"finish_reason":null,"native_finish_reason":null}]}` + "\n\n"
	maxPooled  = 64 << 10
	roleMember = `"role":"assistant"`
)

// streamer writes server-sent events. What comes from a vendor of the same
// dialect goes out with its own bytes but for the members that are ours.
type streamer struct {
	client *client
	w      dialect.Sink
	hide   bool           // reasoning is not shown (RE-01)
	begun  bool           // the role has been told (ST-03)
	dirty  bool           // written and not flushed
	files  []llm.FileText // not yet told
	router *llm.RouterMetadata
	echoes []byte // chunks that come before all else (ST-09)
	seams  []*llm.Seam
	blocks blocks
	*buffers
}

func (e *streamer) Begin(h dialect.Head) {
	e.head = append(e.head[:0], "data: "...)
	e.head = appendHead(e.head, h, "chat.completion.chunk")
	e.open = append(e.open[:0], e.head...)
	e.open = append(e.open, `,"choices":[{"index":0,"delta":{`...)
	e.text.before, e.text.made, e.text.hits = e.text.before[:0], 0, 0
	e.tail = e.tail[:0]
	e.files, e.router = h.Files, h.Router
	for _, x := range h.Echoes {
		e.echoes = appendEcho(e.echoes, h, x)
	}
}

// appendEcho appends the chunk that tells what an upstream was sent.
func appendEcho(dst []byte, h dialect.Head, x llm.Echo) []byte {
	h.Provider, h.Model = x.Provider, x.Model
	dst = appendHead(append(dst, "data: "...), h, "chat.completion.chunk")
	dst = append(append(dst, `,"choices":[],"debug":{"echo_upstream_body":`...), x.Body...)
	return append(dst, "}}\n\n"...)
}

// again begins on what is written next.
func (e *streamer) again() {
	e.out = append(e.out[:0], e.echoes...)
	e.echoes = nil
}

// appendHead appends the members that every answer begins with.
func appendHead(dst []byte, h dialect.Head, object string) []byte {
	dst = quote(append(dst, `{"id":`...), h.ID)
	dst = quote(append(dst, `,"provider":`...), h.Provider)
	dst = quote(append(dst, `,"model":`...), h.Model)
	dst = append(append(dst, `,"object":"`...), object...)
	return strconv.AppendInt(append(dst, `","created":`...), h.Created, 10)
}

// quote appends s as a JSON string; bytes that are no UTF-8 become U+FFFD (F37).
func quote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

func (e *streamer) Emit(c llm.Chunk) error {
	e.again()
	if len(e.files) > 0 {
		e.documents()
	}
	e.sources(c.Events, false)
	forwarded := c.From == llm.Chat && !c.Whole && !e.blocks.rewrap(c.Events) && e.forward(c)
	if !forwarded {
		e.sources(c.Events, true)
	}
	for i := range c.Events {
		e.event(&c.Events[i], forwarded)
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

// event encodes an event, or only takes note of one that was forwarded.
func (e *streamer) event(ev *llm.Event, forwarded bool) {
	switch ev.Kind {
	case llm.BlockOpen:
		b := e.blocks.open(ev)
		switch {
		case forwarded:
		case ev.Open == llm.BlockCall:
			e.delta()
			e.out = e.blocks.appendCall(e.out, b)
			e.out = append(e.out, shut...)
		case ev.Thought != nil:
			e.thought(b, ev.Thought)
		}
	case llm.TextDelta:
		if forwarded {
			return
		}
		name := `"content":`
		switch e.blocks.at(ev.Block).kind {
		case llm.BlockRefusal:
			name = `"refusal":`
		case llm.BlockAudio:
			e.delta()
			e.out = quote(append(e.out, `"audio":{"transcript":`...), ev.Text)
			e.out = append(append(e.out, '}'), shut...)
			return
		default:
		}
		e.delta()
		e.out = quote(append(e.out, name...), ev.Text)
		if ev.Logprobs != nil {
			e.out = append(append(e.out, `},"logprobs":`...), ev.Logprobs...)
			e.out = append(e.out, shut[1:]...)
			return
		}
		e.out = append(e.out, shut...)
	case llm.ReasoningDelta:
		if !forwarded {
			e.thought(e.blocks.at(ev.Block), ev.Thought)
		}
	case llm.ArgsDelta:
		if forwarded || ev.Text == "" {
			return
		}
		b := e.blocks.at(ev.Block)
		if b.wrapped {
			b.text.WriteString(ev.Text)
			return
		}
		e.arguments(b, ev.Text)
	case llm.MediaDelta:
		if !forwarded {
			e.media(e.blocks.at(ev.Block), ev.Media)
		}
	case llm.BlockClose:
		if b := e.blocks.at(ev.Block); b.wrapped {
			e.arguments(b, llm.UnwrapInput(b.text.String()))
		}
	case llm.Finish:
		if forwarded {
			return
		}
		e.delta()
		e.out = bytes.TrimSuffix(e.out, []byte{','})
		e.out = quote(append(e.out, `},"finish_reason":`...), string(ev.Finish.Unified))
		e.out = nullable(append(e.out, `,"native_finish_reason":`...), ev.Finish.Native)
		e.out = append(e.out, "}]}\n\n"...)
	case llm.Continue:
		e.seams = append(e.seams, ev.Seam)
		e.tail = e.tail[:0]
		e.out = dialect.AppendSeamComment(e.out, ev.Seam)
	case llm.Start, llm.Cite, llm.UsageReport:
	}
}

// arguments writes a piece of what a tool is called with.
func (e *streamer) arguments(b *block, text string) {
	e.delta()
	e.out = strconv.AppendInt(append(e.out, `"tool_calls":[{"index":`...), int64(b.index), 10)
	if b.call.Custom {
		e.out = quote(append(e.out, `,"custom":{"input":`...), text)
	} else {
		e.out = quote(append(e.out, `,"function":{"arguments":`...), text)
	}
	e.out = append(e.out, "}}]"...)
	e.out = append(e.out, shut...)
}

func nullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return quote(dst, s)
}

// delta begins a chunk; the first of an answer tells the role.
func (e *streamer) delta() {
	e.out = append(e.out, e.open...)
	if !e.begun {
		e.begun = true
		e.out = append(e.out, roleMember+","...)
	}
}

// thought writes what is new of a reasoning block (ST-12).
func (e *streamer) thought(b *block, t *llm.Thought) {
	if e.hide || t == nil || (t.Text == "" && t.Signature == "" && t.Data == "") {
		return
	}
	e.delta()
	if t.Text != "" {
		e.out = quote(append(e.out, `"reasoning":`...), t.Text)
		e.out = append(e.out, ',')
	}
	e.out = append(e.out, `"reasoning_details":[`...)
	e.out = appendDetail(e.out, b, t.Text, t.Signature, t.Data)
	e.out = append(e.out, ']')
	e.out = append(e.out, shut...)
}

// appendDetail appends an entry of reasoning_details. Signature and data are
// the vendor's, byte for byte (RE-07).
func appendDetail(dst []byte, b *block, text, signature, data string) []byte {
	dst = quote(append(dst, `{"type":`...), string(b.thought.Type))
	switch b.thought.Type {
	case llm.ThoughtSummary:
		dst = quote(append(dst, `,"summary":`...), text)
	case llm.ThoughtEncrypted:
		dst = quote(append(dst, `,"data":`...), data)
	default:
		if text != "" {
			dst = quote(append(dst, `,"text":`...), text)
		}
		if signature != "" {
			dst = quote(append(dst, `,"signature":`...), signature)
		}
	}
	if b.thought.ID != "" {
		dst = quote(append(dst, `,"id":`...), b.thought.ID)
	}
	dst = quote(append(dst, `,"format":`...), b.thought.Format)
	dst = strconv.AppendInt(append(dst, `,"index":`...), int64(b.index), 10)
	return append(dst, '}')
}

// media writes an image (US-09), or a piece of audio (contract area 32).
func (e *streamer) media(b *block, m *llm.Media) {
	e.delta()
	if b.kind == llm.BlockImage {
		e.out = appendImage(append(e.out, `"images":[`...), b, m)
		e.out = append(append(e.out, ']'), shut...)
		return
	}
	e.out = append(e.out, `"audio":{`...)
	comma := ""
	for _, x := range [...]struct{ name, value string }{{`"id":`, m.FileID}, {`"data":`, m.Data}} {
		if x.value != "" {
			e.out = quote(append(append(e.out, comma...), x.name...), x.value)
			comma = ","
		}
	}
	e.out = append(append(e.out, '}'), shut...)
}

// documents tells, before all else, which documents were read (FL-04).
func (e *streamer) documents() {
	e.delta()
	e.out = append(e.out, `"content":"","annotations":[`...)
	e.out = appendFiles(e.out, e.files)
	e.out = append(append(e.out, ']'), shut...)
	e.files = nil
}

// sources writes citations (TL-04): those that are in a vendor's frame, or those
// that only the events tell.
func (e *streamer) sources(events []llm.Event, framed bool) {
	for i := range events {
		c := events[i].Citation
		if events[i].Kind != llm.Cite || inFrame(c) != framed || !citable(c) {
			continue
		}
		e.delta()
		e.out = appendCitation(append(e.out, `"annotations":[`...), c)
		e.out = append(append(e.out, ']'), shut...)
	}
}

// Finish writes the one usage chunk and the end (ST-02, ST-11).
func (e *streamer) Finish(u llm.Usage) error {
	e.again()
	e.out = append(e.out, e.head...)
	e.out = append(e.out, `,"choices":[]`...)
	e.out = append(e.out, e.tail...)
	e.out = append(e.out, `,"usage":`...)
	e.out = dialect.AppendUsage(e.out, &u)
	e.out = dialect.AppendSeams(dialect.AppendRouter(e.out, e.router), e.seams)
	e.out = append(e.out, "}\n\ndata: [DONE]\n\n"...)
	return e.close()
}

// Fail writes the error chunk, after which the stream closes unmarked (ST-05).
func (e *streamer) Fail(err *llm.Error, _ llm.Usage) error {
	e.again()
	e.out = append(e.out, e.head...)
	e.out = dialect.AppendError(append(e.out, `,"error":`...), err)
	e.out = append(e.out, `,"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","native_finish_reason":null}]`...)
	e.out = dialect.AppendSeams(dialect.AppendRouterBeside(e.out, e.router, err), e.seams)
	e.out = append(e.out, "}\n\n"...)
	return e.close()
}

func (e *streamer) close() error {
	err := e.write(true)
	b := e.buffers
	e.buffers = &buffers{}
	if cap(b.out)+cap(b.tail)+cap(b.text.before)+cap(b.text.after) <= maxPooled {
		clear(b.fields[:cap(b.fields)]) // they hold on to frames
		e.client.emitters.Put(b)
	}
	return err
}

// forward writes a vendor's own frame: our head, then its members but for those
// that the head or the usage chunk replace. It reports whether it did: a frame
// it cannot find its way in is encoded from its events instead.
func (e *streamer) forward(c llm.Chunk) bool {
	if text, padding, ok := e.text.match(c.Raw); ok {
		if ok, _ := stringBody(text); ok {
			e.out = append(e.out, e.text.newBefore...)
			e.out = append(e.out, text...)
			e.out = append(e.out, e.text.newBetween...)
			e.out = append(e.out, padding...)
			e.out = append(e.out, e.text.newAfter...)
			return true
		}
	}
	list, ok := fields(e.fields[:0], c.Raw)
	e.fields = list
	if !ok {
		return false
	}
	var choices, usage *field
	for i := range list {
		switch string(list[i].name) {
		case "choices":
			choices = &list[i]
		case "usage":
			usage = &list[i]
		}
	}
	empty := true
	if choices != nil {
		from, to, ok := only(choices.of(c.Raw))
		if !ok {
			return false
		}
		empty = from == to
	}
	if empty && usage != nil && c.Raw[usage.value] != 'n' {
		e.tail = e.tail[:0]
		for i := range list {
			if f := &list[i]; !ourTop(f.name) && string(f.name) != "choices" {
				e.tail = append(append(e.tail, ','), c.Raw[f.start:f.end]...)
			}
		}
		oneLine(e.tail)
		return true
	}
	if e.hide && silent(c.Events) {
		return true
	}
	mark := len(e.out)
	e.out = append(e.out, e.head...)
	at, paddingAt := 0, 0 // where the values of choices and padding now begin
	edit := choiceEdit{finish: finishOf(c.Events), role: !e.begun, hide: e.hide}
	for i := range list {
		f := &list[i]
		if ourTop(f.name) {
			continue
		}
		e.out = append(e.out, ',')
		if f != choices || empty {
			if string(f.name) == paddingMember {
				paddingAt = len(e.out) + f.value - f.start
			}
			e.out = append(e.out, c.Raw[f.start:f.end]...)
			continue
		}
		e.out = append(e.out, c.Raw[f.start:f.value]...)
		at = len(e.out)
		if !edit.needed() {
			e.out = append(e.out, f.of(c.Raw)...)
			continue
		}
		if e.out, ok = editChoices(e.out, f.of(c.Raw), edit, "delta"); !ok {
			e.out = e.out[:mark]
			return false
		}
		e.begun = true
	}
	if choices == nil {
		e.out = append(e.out, `,"choices":[]`...)
	}
	e.out = append(e.out, "}\n\n"...)
	oneLine(e.out[mark : len(e.out)-2])
	if at > 0 && !edit.needed() && len(c.Events) == 1 && c.Events[0].Kind == llm.TextDelta && usage.isNull(c.Raw) && e.text.useful() {
		var room [24]field
		if h, ok := holesOf(c.Raw, room[:0]); ok {
			e.learn(c.Raw, h, mark, at-choices.value, paddingAt)
		}
	}
	return true
}

// isNull reports whether a member is absent or null.
func (f *field) isNull(src []byte) bool { return f == nil || src[f.value] == 'n' }

// learn makes the frame just forwarded, which e.out holds from mark on, the
// template of those to come. moved is how far the choices moved, padding where
// that value now begins.
func (e *streamer) learn(raw []byte, h holes, mark, moved, padding int) {
	t := &e.text
	t.learn(raw, h)
	end := h.textEnd + moved
	t.newBefore = append(t.newBefore[:0], e.out[mark:h.text+moved]...)
	t.newBetween = t.newBetween[:0]
	if t.padded {
		t.newBetween = append(t.newBetween, e.out[end:padding+1]...)
		end = padding + 1 + h.paddingEnd - h.padding
	}
	t.newAfter = append(t.newAfter[:0], e.out[end:]...)
}

// ourTop are the top-level members that are not a vendor's to say: they are the
// same in every chunk of an answer, whichever way a chunk came about.
func ourTop(name []byte) bool {
	switch string(name) {
	case "id", "provider", "model", "object", "created", "usage", dialect.RouterMember:
		return true
	}
	return false
}

// oneLine makes line ends in valid JSON, where they can only be blanks, blanks:
// an event is one data line.
func oneLine(b []byte) {
	for _, end := range [...]byte{'\n', '\r'} {
		for {
			i := bytes.IndexByte(b, end)
			if i < 0 {
				break
			}
			b[i] = ' '
		}
	}
}

func finishOf(events []llm.Event) *llm.FinishReason {
	for i := range events {
		if events[i].Kind == llm.Finish {
			return &events[i].Finish
		}
	}
	return nil
}

// silent reports whether events are about reasoning alone.
func silent(events []llm.Event) bool {
	thoughts := 0
	for i := range events {
		switch ev := &events[i]; ev.Kind {
		case llm.ReasoningDelta:
			thoughts++
		case llm.Start, llm.BlockClose:
		case llm.BlockOpen:
			if ev.Open == llm.BlockCall {
				return false
			}
		default:
			return false
		}
	}
	return thoughts > 0
}

// choiceEdit is what a forwarded choice needs changed.
type choiceEdit struct {
	finish *llm.FinishReason
	role   bool   // say the role if the vendor did not
	hide   bool   // take reasoning out
	notes  []byte // elements of annotations to go before the vendor's
}

func (c choiceEdit) needed() bool { return c.finish != nil || c.role || c.hide || len(c.notes) > 0 }

// editChoices appends an array of one choice; said names the member that holds
// what the model said, delta or message.
func editChoices(dst, src []byte, edit choiceEdit, said string) ([]byte, bool) {
	from, to, ok := only(src)
	if !ok || from == to {
		return dst, false
	}
	choice := src[from:to]
	var room [8]field
	list, ok := fields(room[:0], choice)
	if !ok {
		return dst, false
	}
	dst = append(dst, '[')
	comma := byte('{')
	next := func() {
		dst = append(dst, comma)
		comma = ','
	}
	var spoke bool
	for i := range list {
		f := &list[i]
		switch name := string(f.name); {
		case name == said:
			spoke = true
			next()
			dst = append(dst, choice[f.start:f.value]...)
			if dst, ok = editSaid(dst, f.of(choice), edit); !ok {
				return dst, false
			}
		case edit.finish != nil && (name == "finish_reason" || name == "native_finish_reason"):
		default:
			next()
			dst = append(dst, choice[f.start:f.end]...)
		}
	}
	if !spoke {
		return dst, false
	}
	if edit.finish != nil {
		next()
		dst = quote(append(dst, `"finish_reason":`...), string(edit.finish.Unified))
		dst = nullable(append(dst, `,"native_finish_reason":`...), edit.finish.Native)
	}
	return append(dst, "}]"...), true
}

func editSaid(dst, src []byte, edit choiceEdit) ([]byte, bool) {
	var room [12]field
	list, ok := fields(room[:0], src)
	if !ok {
		return dst, false
	}
	role := false
	for i := range list {
		role = role || (string(list[i].name) == "role" && !list[i].isNull(src))
	}
	comma := byte('{')
	if edit.role && !role {
		dst = append(dst, '{')
		dst = append(dst, roleMember...)
		comma = ','
	}
	for i := range list {
		f := &list[i]
		switch name := string(f.name); {
		case edit.hide && isReasoning(f.name), edit.role && !role && name == "role":
			continue
		case len(edit.notes) > 0 && name == "annotations":
			if theirs := f.of(src); theirs[0] == '[' {
				if theirs = trimmed(theirs[1 : len(theirs)-1]); len(theirs) > 0 {
					edit.notes = append(append(edit.notes, ','), theirs...)
				}
			}
			continue
		}
		dst = append(append(dst, comma), src[f.start:f.end]...)
		comma = ','
	}
	if len(edit.notes) > 0 {
		dst = append(append(dst, comma), `"annotations":[`...)
		dst = append(append(dst, edit.notes...), ']')
		comma = ','
	}
	if comma == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}'), true
}

func isReasoning(name []byte) bool {
	switch string(name) {
	case "reasoning", "reasoning_content", "reasoning_details":
		return true
	}
	return false
}
