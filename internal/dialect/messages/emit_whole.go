package messages

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// whole gathers an answer and writes it at its end. A body that may be passed on is
// kept for that.
type whole struct {
	w      dialect.Sink
	head   dialect.Head
	raw    []byte
	blocks blocks
	finish llm.FinishReason
	seams  []*llm.Seam
}

func (e *whole) Begin(h dialect.Head) { e.head = h }

func (e *whole) Emit(c llm.Chunk) error {
	for i := range c.Events {
		e.blocks.gather(&c.Events[i])
		switch ev := &c.Events[i]; ev.Kind {
		case llm.Finish:
			e.finish = ev.Finish
		case llm.Continue:
			e.seams = append(e.seams, ev.Seam)
		default:
		}
	}
	if c.From == llm.Messages && c.Whole {
		e.raw = c.Raw
	}
	return nil
}

// gather takes in an event of an answer that is written at its end.
func (b *blocks) gather(ev *llm.Event) {
	switch ev.Kind {
	case llm.BlockOpen:
		b.waiting = append(b.waiting, b.opened(ev))
	case llm.TextDelta, llm.ArgsDelta:
		b.at(ev.Block).pending.WriteString(ev.Text)
	case llm.ReasoningDelta:
		b.at(ev.Block).think(ev.Thought)
	case llm.MediaDelta:
		b.at(ev.Block).show(ev.Media)
	case llm.Cite:
		o := b.at(ev.Block)
		o.cites = append(o.cites, ev.Citation)
	case llm.Start, llm.BlockClose, llm.Finish, llm.UsageReport, llm.Continue:
	}
}

func (e *whole) Finish(u llm.Usage) error {
	if e.raw != nil {
		if out, ok := e.forward(&u); ok {
			return e.write(out)
		}
	}
	return e.write(e.encode(&u))
}

// Fail answers with the error alone: half an answer must not pass for a whole one.
func (e *whole) Fail(err *llm.Error, _ llm.Usage) error {
	_, body := (*client)(nil).Refuse(dialect.Refusal{Error: err, ID: e.head.ID, Router: e.head.Router})
	return e.write(body)
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
	content, ok := completeBlocks(valueOf(e.raw, members, "content"))
	if !ok {
		return nil, false
	}
	edits := naming(members, e.head)
	edits = append(edits,
		splice.Set("type", []byte(`"message"`)),
		splice.Set("role", []byte(`"assistant"`)),
		splice.Set("content", content),
		splice.Set("usage", appendUsage(nil, u, false)),
		splice.Edit{Name: dialect.RouterMember, Value: dialect.Router(e.head.Router)})
	return splice.ApplyTo(nil, e.raw, members, edits...), true
}

// completeBlocks are the blocks of a body with the members that the contract asks
// for.
func completeBlocks(content []byte) ([]byte, bool) {
	if jsontext.Value(content).Kind() != '[' {
		return []byte("[]"), absent(content)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(content))
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	out := append(make([]byte, 0, len(content)+64), '[')
	for dec.PeekKind() != ']' {
		block, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		if done := completeBlock(block); done != nil {
			block = done
		}
		out = append(out, block...)
	}
	return append(out, ']'), true
}

func (e *whole) encode(u *llm.Usage) []byte {
	dst := appendHead(make([]byte, 0, 1024), e.head)
	dst = append(dst, `,"content":[`...)
	from, end := len(dst), len(dst)
	var held []string // quiet thoughts, which come back with the call behind them
	for _, o := range e.blocks.waiting {
		if e.blocks.quiet(o) {
			o.text.WriteString(o.take())
			if data := o.mark(); data != "" {
				held = append(held, data)
			}
			continue
		}
		if o.kind == llm.BlockCall {
			for _, data := range held {
				if len(dst) > from {
					dst = append(dst, ',')
				}
				dst = redacted(data)(dst)
			}
			held = nil
		}
		mark := len(dst)
		if mark > from {
			dst = append(dst, ',')
		}
		out, some := o.appendWhole(dst, e.blocks.hide)
		if !some {
			dst = dst[:mark]
			continue
		}
		dst = out
		if end == from || !o.foreign() {
			end = len(dst)
		}
	}
	dst = append(dst[:end], `],"container":null,"stop_reason":`...)
	dst = quote(dst, e.blocks.stopReason(e.finish))
	dst = append(dst, `,"stop_details":null,"stop_sequence":null,"usage":`...)
	dst = appendUsage(dst, u, false)
	return append(dialect.AppendSeams(dialect.AppendRouter(dst, e.head.Router), e.seams), '}')
}

// foreign reports whether the block is a thought that travels sealed and shows
// nothing: an answer does not end in one.
func (o *outBlock) foreign() bool {
	return o.kind == llm.BlockReasoning && !o.started && o.thought.Format != llm.FormatAnthropic
}

// appendWhole appends a block as a body has it; some is false where there is
// nothing to say.
func (o *outBlock) appendWhole(dst []byte, hide bool) (_ []byte, some bool) {
	text := o.pending.String()
	switch o.kind {
	case llm.BlockCall:
		return o.appendCall(dst, text), true
	case llm.BlockReasoning:
		if hide {
			o.text.WriteString(text)
			text = ""
		}
		o.started = text != ""
		shown := o.signed(hide)
		switch {
		case shown.redacted != "":
			dst = quote(append(dst, `{"type":"redacted_thinking","data":`...), shown.redacted)
		case shown.signature != "":
			dst = quote(append(dst, `{"type":"thinking","thinking":`...), text)
			dst = quote(append(dst, `,"signature":`...), shown.signature)
		default:
			return dst, false
		}
		return append(dst, '}'), true
	default:
		if text == "" {
			text = o.note
		}
		if text == "" && len(o.cites) == 0 {
			return dst, false
		}
		dst = quote(append(dst, `{"type":"text","text":`...), text)
		return append(o.appendCitations(append(dst, `,"citations":`...)), '}'), true
	}
}

func (o *outBlock) appendCitations(dst []byte) []byte {
	comma := byte('[')
	for _, c := range o.cites {
		if citable(c) {
			dst = appendCitation(append(dst, comma), c)
			comma = ','
		}
	}
	if comma == '[' {
		return append(dst, "null"...)
	}
	return append(dst, ']')
}

// appendCall appends a call. Arguments that are no object are told as Anthropic
// asks callers to tell them back.
func (o *outBlock) appendCall(dst []byte, arguments string) []byte {
	if o.call.Custom {
		arguments = llm.WrapInput(arguments)
	}
	dst = quote(append(dst, `{"type":"tool_use","id":`...), o.call.ID)
	dst = quote(append(dst, `,"name":`...), o.call.Name)
	dst = append(dst, `,"input":`...)
	switch input := jsontext.Value(bytes.TrimSpace([]byte(arguments))); {
	case len(input) == 0:
		dst = append(dst, "{}"...)
	case input.Kind() == '{' && input.IsValid():
		dst = append(dst, input...)
	default:
		dst = append(quote(append(dst, `{"INVALID_JSON":`...), arguments), '}')
	}
	return append(dst, `,"caller":{"type":"direct"}}`...)
}
