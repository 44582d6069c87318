package responses

import (
	"errors"
	"slices"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const maxHeld = 1 << 20 // bytes of arguments that wait for the call's name

// named takes a call's name and id from its item and says them as soon as both are
// told. Of an item that is done no more will be told.
func (d *decoder) named(dst []llm.Event, it *item, v []byte, done bool) []llm.Event {
	if it.call == nil {
		it.call = &call{block: noBlock}
	}
	c := it.call
	if c.block != noBlock {
		return dst
	}
	if name := text(find(v, "name")); name != "" {
		c.Name = qualify(text(find(v, "namespace")), name)
	}
	if id := text(find(v, "call_id")); id != "" {
		c.ID = id
	}
	c.Custom = it.typ == itemCustomCall
	if c.Name == "" || c.ID == "" && !done {
		return dst
	}
	d.identify(&c.ToolCall, it)
	c.block = d.next
	d.next++
	d.called = true
	known := c.ToolCall
	dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: c.block, Open: llm.BlockCall, Call: &known})
	if c.held != "" {
		dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: c.block, Text: c.held})
		c.held = ""
	}
	return dst
}

// identify gives a call an id where the vendor has given it none that a caller could
// answer to.
func (d *decoder) identify(c *llm.ToolCall, it *item) {
	if c.ID != "" {
		return
	}
	if c.ID = it.id; c.ID == "" {
		c.ID = "call_" + strconv.Itoa(max(it.output, 0)) + "_" + tail(d.id)
	}
}

// tail keeps an id that is made up short, and of characters that every vendor takes
// back.
func tail(id string) string {
	const most = 12
	var b []byte
	for i := len(id) - 1; i >= 0 && len(b) < most; i-- {
		if c := id[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b = append(b, c)
		}
	}
	slices.Reverse(b)
	return string(b)
}

// addArguments says a piece of a call's arguments, once the call has a name.
func (d *decoder) addArguments(dst []llm.Event, output int, typ, said string) ([]llm.Event, error) {
	it, err := d.itemAt(output, typ)
	if it == nil {
		return dst, err
	}
	if it.typ != itemCall && it.typ != itemCustomCall {
		return dst, nil // of an item that nobody here knows
	}
	if it.call == nil {
		it.call = &call{block: noBlock}
	}
	c := it.call
	c.said = true
	if c.block == noBlock {
		if len(c.held)+len(said) > maxHeld {
			return dst, nonsense(errors.New("a tool call whose name does not come"))
		}
		c.held += said
		return dst, nil
	}
	return append(dst, llm.Event{Kind: llm.ArgsDelta, Block: c.block, Text: said}), nil
}

// settleCall says what of a call has not been said, and closes it.
func (d *decoder) settleCall(dst []llm.Event, it *item, v []byte) ([]llm.Event, error) {
	dst = d.named(dst, it, v, true)
	c := it.call
	if c.block == noBlock {
		return dst, nonsense(errors.New("a tool call without a name")) // F49
	}
	if !c.said {
		arguments := find(v, "arguments")
		if c.Custom {
			arguments = find(v, "input")
		}
		said := text(arguments)
		if len(arguments) > 0 && arguments[0] == '{' { // as an object instead of its text
			said = string(arguments)
		}
		if said != "" {
			dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: c.block, Text: said})
		}
	}
	return append(dst, llm.Event{Kind: llm.BlockClose, Block: c.block}), nil
}

// native says a call of a tool that OpenAI has defined, which is known as a whole
// only.
func (d *decoder) native(dst []llm.Event, n native, it *item, v []byte) []llm.Event {
	c := llm.ToolCall{ID: text(find(v, "call_id")), Name: n.tool}
	action := find(v, n.action)
	if len(action) == 0 || n.tool == toolSearch && text(find(v, "execution")) == "server" {
		return dst
	}
	d.identify(&c, it)
	d.called = true
	block := d.next
	d.next++
	return append(dst,
		llm.Event{Kind: llm.BlockOpen, Block: block, Open: llm.BlockCall, Call: &c},
		llm.Event{Kind: llm.ArgsDelta, Block: block, Text: string(action)},
		llm.Event{Kind: llm.BlockClose, Block: block})
}
