package responses

import (
	"errors"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The bounds of what an answer may leave open, far beyond any that is one.
const (
	maxOpen  = 1 << 10 // items
	maxParts = 1 << 12 // parts of an item
)

// item is an item of the answer while it grows.
type item struct {
	output int // its place
	typ    string
	hidden bool // frames about it are not forwarded
	id     string
	format string // of thoughts
	sealed bool   // what is encrypted of them was announced
	parts  []part // of a message or a reasoning item
	call   *call  // of a call
}

// part is a part of an item, once something has been said of it.
type part struct {
	kind   kind
	index  int
	block  int
	cites  int
	closed bool
}

// call is a tool call being assembled.
type call struct {
	llm.ToolCall
	held  string // arguments that came before the name
	said  bool   // arguments, or a piece of them
	block int    // noBlock until it has a name
}

// itemAt is the open item at a place, or where no place is told the last one. One
// whose beginning was not told begins here. It is nil if the item is done: what
// comes after that is told twice.
func (d *decoder) itemAt(output int, typ string) (*item, error) {
	if output == noIndex {
		if n := len(d.open); n > 0 {
			return d.about(&d.open[n-1]), nil
		}
		output = d.past + 1
	}
	for i := len(d.open) - 1; i >= 0; i-- {
		if d.open[i].output == output {
			return d.about(&d.open[i]), nil
		}
	}
	if output <= d.past {
		return nil, nil
	}
	it, err := d.newItem(output, typ)
	if err != nil {
		return nil, err
	}
	it.hidden = typ == itemMessage || typ == itemReasoning || typ == itemCall || typ == itemCustomCall
	return d.about(it), nil
}

func (d *decoder) newItem(output int, typ string) (*item, error) {
	if len(d.open) >= maxOpen {
		return nil, nonsense(errors.New("too many items at once"))
	}
	d.saw = true
	d.open = append(d.open, item{output: output, typ: typ})
	return &d.open[len(d.open)-1], nil
}

// about notes that a frame is about an item. Frames about an item that is hidden are
// not forwarded, none of them: it is told by the events.
func (d *decoder) about(it *item) *item {
	if it.hidden && !d.isWhole {
		d.verbatim, d.foreign = false, true
	}
	return it
}

// begin reads an item that has begun.
func (d *decoder) begin(dst []llm.Event, x *frame) ([]llm.Event, error) {
	output, typ := x.output, d.typeOf(x.item)
	if output == noIndex {
		output = d.past + 1 + len(d.open)
	}
	if slices.ContainsFunc(d.open, func(o item) bool { return o.output == output }) { // told twice
		return dst, nil
	}
	it, err := d.newItem(output, typ)
	if err != nil {
		return dst, err
	}
	it.id = text(find(x.item, "id"))
	switch typ {
	case itemReasoning:
		it.format = text(find(x.item, "format"))
		it.sealed = text(find(x.item, "encrypted_content")) != ""
		it.hidden = d.foreignStamp(it.format)
	case itemCall, itemCustomCall:
		it.hidden = text(find(x.item, "name")) == "" || text(find(x.item, "call_id")) == ""
		dst = d.named(dst, it, x.item, false)
	}
	d.about(it)
	return dst, nil
}

// typeOf is an item's type; "" for calls of tools that are no caller's, since this
// vendor was offered none of their kind: it has run them itself.
func (d *decoder) typeOf(v []byte) string {
	typ := text(find(v, "type"))
	if _, isNative := nativeCall(typ); isNative && d.q.NoNativeTools || typ == itemCustomCall && d.q.NoCustomTools {
		return ""
	}
	return typ
}

// foreignStamp reports whether encrypted reasoning with a stamp, "" for the vendor's
// own, would be sent back by a caller of this dialect as if it were OpenAI's.
func (d *decoder) foreignStamp(format string) bool {
	return format == "" && d.q.Format != llm.FormatOpenAI && !d.q.AnyThought && !d.q.NoEncrypted
}

// stamp is the format of an item's thoughts.
func (d *decoder) stamp(it *item) string {
	switch {
	case it.format != "":
		return it.format
	case d.q.NoEncrypted || d.q.AnyThought:
		return llm.FormatUnknown
	}
	return d.q.Format
}

// end reads an item that is done: everything it says that has not been said.
func (d *decoder) end(dst []llm.Event, x *frame) ([]llm.Event, error) {
	typ := d.typeOf(x.item)
	it, err := d.itemAt(x.output, typ)
	if it == nil {
		return dst, err
	}
	if dst, err = d.settle(dst, it, x.item); err != nil {
		return dst, err
	}
	output := it.output
	d.past = max(d.past, output)
	d.open = slices.DeleteFunc(d.open, func(o item) bool { return o.output == output })
	return dst, nil
}

// items reads the items of a response that was not streamed.
func (d *decoder) items(dst []llm.Event, list []byte) ([]llm.Event, error) {
	var err error
	elements(list, func(v []byte) {
		if err == nil {
			dst, err = d.end(dst, &frame{output: d.past + 1, item: v})
		}
	})
	return dst, err
}

// settle says what remains of an item, and closes it.
func (d *decoder) settle(dst []llm.Event, it *item, v []byte) ([]llm.Event, error) {
	if it.id == "" {
		it.id = text(find(v, "id"))
	}
	switch it.typ {
	case itemMessage:
		n := 0
		var err error
		elements(find(v, "content"), func(p []byte) {
			if err == nil {
				_, dst, err = d.whole(dst, it, n, p)
			}
			n++
		})
		if err != nil {
			return dst, err
		}
	case itemReasoning:
		return d.settleThoughts(dst, it, v)
	case itemCall, itemCustomCall:
		return d.settleCall(dst, it, v)
	case itemImage:
		return d.image(dst, v), nil
	default:
		if n, ok := nativeCall(it.typ); ok {
			return d.native(dst, n, it, v), nil
		}
	}
	for i := range it.parts {
		dst = d.closePart(dst, &it.parts[i])
	}
	return dst, nil
}

func (d *decoder) settleThoughts(dst []llm.Event, it *item, v []byte) ([]llm.Event, error) {
	var x reasoning
	var room [12]field
	list, _ := fields(room[:0], v)
	for i := range list {
		x.member(string(list[i].name), list[i].of(v))
	}
	if it.format == "" {
		it.format = x.format
	}
	encrypted := text(x.encrypted)
	it.sealed = it.sealed || encrypted != ""
	if d.isWhole && encrypted != "" && d.foreignStamp(it.format) {
		d.foreign = true
	}
	var err error
	fill := func(k kind, texts []byte) {
		n := 0
		elements(texts, func(p []byte) {
			if err == nil {
				dst, err = d.fillPart(dst, it, k, n, find(p, "text"), nil)
			}
			n++
		})
	}
	fill(kindSummary, x.summary)
	fill(kindThought, x.content)
	if err != nil {
		return dst, err
	}
	signature := text(x.signature)
	for i := range it.parts {
		p := &it.parts[i]
		if signature != "" && p.kind == kindThought && !p.closed {
			dst = append(dst, llm.Event{Kind: llm.ReasoningDelta, Block: p.block, Thought: &llm.Thought{Signature: signature}})
			signature = ""
		}
		dst = d.closePart(dst, p)
	}
	if encrypted != "" && !d.q.NoEncrypted {
		block := d.next
		d.next++
		dst = append(dst,
			llm.Event{Kind: llm.BlockOpen, Block: block, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: llm.ThoughtEncrypted, ID: it.id, Format: d.stamp(it)}},
			llm.Event{Kind: llm.ReasoningDelta, Block: block, Thought: &llm.Thought{Data: encrypted}},
			llm.Event{Kind: llm.BlockClose, Block: block})
	}
	return dst, nil
}

// closeAll closes what is open when the answer ends. A call that never got its name
// can only be left out of an answer that was cut short.
func (d *decoder) closeAll(dst []llm.Event, complete bool) ([]llm.Event, error) {
	for i := range d.open {
		it := &d.open[i]
		for j := range it.parts {
			dst = d.closePart(dst, &it.parts[j])
		}
		if it.call == nil {
			continue
		}
		if it.call.block != noBlock {
			dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: it.call.block})
		} else if complete {
			return dst, nonsense(errors.New("a tool call without a name")) // F49
		}
	}
	d.open = nil
	if d.audio != noBlock {
		dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: d.audio})
		d.audio = noBlock
	}
	return dst, nil
}
