package messages

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// forward writes a vendor's own frame. What it says of usage and end waits for
// Finish. It is false where the frame must be encoded from its events instead.
func (e *streamer) forward(c *llm.Chunk) bool {
	if rest, ok := bytes.CutPrefix(c.Raw, []byte(`{"type":"content_block_delta","index":`)); ok {
		if index, end := walk.Digits(rest, 0); end > 0 && end < len(rest) && rest[end] == ',' {
			e.forwardAbout("content_block_delta", index, c.Raw)
			return true
		}
	}
	var f struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
	}
	if json.Unmarshal(c.Raw, &f) != nil {
		return false
	}
	switch f.Type {
	case "message_start":
		return e.begun || e.forwardStart(c.Raw)
	case "content_block_start":
		e.begin()
		e.forwardBlock(c, f.Index)
	case "content_block_delta":
		e.forwardAbout(f.Type, f.Index, c.Raw)
	case "content_block_stop":
		e.forwardAbout(f.Type, f.Index, c.Raw)
		e.shut(f.Index)
	case "message_delta":
		if len(c.Events) > 0 { // those without a stop_reason tell of usage alone
			e.begin()
			e.delta = append(e.delta[:0], c.Raw...)
		}
	case "message_stop":
		e.stop = append(e.stop[:0], c.Raw...)
	default:
		if e.begun && plainName(f.Type) {
			e.out = appendFrame(e.out, f.Type, c.Raw)
		}
	}
	return true
}

// plainName reports whether an event's type can be its name on the wire.
func plainName(typ string) bool {
	for i := range len(typ) {
		if c := typ[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return typ != ""
}

// appendFrame appends an event of one data line: line ends in valid JSON can only
// be blanks.
func appendFrame(dst []byte, event string, data []byte) []byte {
	dst = append(append(append(dst, "event: "...), event...), "\ndata: "...)
	from := len(dst)
	dst = append(dst, data...)
	for _, end := range [...]byte{'\n', '\r'} {
		for at := from; ; at++ {
			i := bytes.IndexByte(dst[at:], end)
			if i < 0 {
				break
			}
			at += i
			dst[at] = ' '
		}
	}
	return append(dst, "\n\n"...)
}

// forwardStart is message_start under our names, with what the contract asks for
// beyond what the vendor says.
func (e *streamer) forwardStart(raw []byte) bool {
	frame, err := splice.Members(raw)
	if err != nil {
		return false
	}
	said := valueOf(raw, frame, "message")
	message, err := splice.Members(said)
	if err != nil {
		return false
	}
	edits := naming(message, e.head)
	usage := []byte(startUsage)
	if told, err := completeUsage(valueOf(said, message, "usage")); err == nil {
		usage = told
	}
	edits = append(edits, splice.Set("usage", usage))
	e.begun = true
	e.out = appendFrame(e.out, "message_start", splice.ApplyTo(nil, raw, frame,
		splice.Set("message", splice.ApplyTo(nil, said, message, edits...))))
	return true
}

// naming are the edits that give a message our names and what the contract wants of
// every message.
func naming(message []splice.Member, h dialect.Head) []splice.Edit {
	edits := append(make([]splice.Edit, 0, 12),
		splice.Set("id", quote(nil, h.ID)),
		splice.Set("model", quote(nil, h.Model)))
	if h.Provider != "" {
		edits = append(edits, splice.Set("provider", quote(nil, h.Provider)))
	}
	return missing(edits, message, "container", "stop_reason", "stop_details", "stop_sequence")
}

// missing adds the members that are not there, as null.
func missing(edits []splice.Edit, members []splice.Member, names ...string) []splice.Edit {
	for _, name := range names {
		if !has(members, name) {
			edits = append(edits, splice.Set(name, []byte("null")))
		}
	}
	return edits
}

func has(members []splice.Member, name string) bool {
	for i := range members {
		if members[i].Name == name {
			return true
		}
	}
	return false
}

// valueOf is a member's value, nil if there is none.
func valueOf(src []byte, members []splice.Member, name string) []byte {
	for i := range members {
		if members[i].Name == name {
			return members[i].Value(src)
		}
	}
	return nil
}

// forwardBlock is the beginning of a block, which gets the next index of ours.
//
// One may begin before another has ended. Anthropic's own clients put a block that
// begins behind those they have, whatever its index, and then look for it at its
// index: blocks that interleave come together as long as they begin in the order of
// their indexes, without a gap. (Of the Python client the events say the right block,
// too. In Node the message does; `text`, `contentBlock` and their kin there are about
// the block that began last.)
func (e *streamer) forwardBlock(c *llm.Chunk, index int) {
	f := forwarded{number: -1, index: index, at: e.blocks.next}
	e.blocks.next++
	for i := range c.Events {
		if c.Events[i].Kind == llm.BlockOpen {
			f.number = c.Events[i].Block
		}
	}
	e.foreign = append(e.foreign, f)
	out := c.Raw
	if frame, err := splice.Members(c.Raw); err == nil {
		var edits []splice.Edit
		if f.at != index {
			edits = append(edits, splice.Set("index", strconv.AppendInt(nil, int64(f.at), 10)))
		}
		if block := completeBlock(valueOf(c.Raw, frame, "content_block")); block != nil {
			edits = append(edits, splice.Set("content_block", block))
		}
		if edits != nil {
			out = splice.ApplyTo(nil, c.Raw, frame, edits...)
		}
	}
	e.out = appendFrame(e.out, "content_block_start", out)
}

// forwardAbout forwards an event about a block that has begun and not ended, under our
// index: what comes for any other is left out, so that the answer keeps its grammar.
func (e *streamer) forwardAbout(typ string, index int, raw []byte) {
	i := e.begunAt(index)
	if i < 0 {
		return
	}
	if at := e.foreign[i].at; at != index {
		var err error
		if raw, err = splice.Apply(nil, raw, splice.Set("index", strconv.AppendInt(nil, int64(at), 10))); err != nil {
			return
		}
	}
	e.out = appendFrame(e.out, typ, raw)
}

// completeBlock is a block with the members that the contract asks for, nil if it
// has them.
func completeBlock(block []byte) []byte {
	members, err := splice.Members(block)
	if err != nil {
		return nil
	}
	var edits []splice.Edit
	want := func(name, value string) {
		if v := valueOf(block, members, name); absent(v) && string(v) != value {
			edits = append(edits, splice.Set(name, []byte(value)))
		}
	}
	switch string(valueOf(block, members, "type")) {
	case `"text"`:
		want("citations", "null")
	case `"tool_use"`:
		want("input", "{}")
		want("caller", `{"type":"direct"}`)
	case `"web_search_tool_result"`, `"web_fetch_tool_result"`:
		want("caller", `{"type":"direct"}`)
	}
	if len(edits) == 0 {
		return nil
	}
	return splice.ApplyTo(nil, block, members, edits...)
}

// begunAt is the place of an open block among those forwarded, by the vendor's index; -1
// if there is none.
func (e *streamer) begunAt(index int) int {
	for i, f := range slices.Backward(e.foreign) {
		if f.index == index {
			return i
		}
	}
	return -1
}

// shut notes that a forwarded block has ended.
func (e *streamer) shut(index int) {
	if i := e.begunAt(index); i >= 0 {
		e.foreign = slices.Delete(e.foreign, i, i+1)
	}
}

// forwardDelta is the vendor's own message_delta with the usage that is billed.
func (e *streamer) forwardDelta(u *llm.Usage) bool {
	frame, err := splice.Members(e.delta)
	if err != nil {
		return false
	}
	said := valueOf(e.delta, frame, "delta")
	delta, err := splice.Members(said)
	if err != nil {
		return false
	}
	edits := missing(nil, delta, "stop_reason", "stop_sequence", "container", "stop_details")
	e.out = appendFrame(e.out, "message_delta", splice.ApplyTo(nil, e.delta, frame,
		splice.Set("delta", splice.ApplyTo(nil, said, delta, edits...)),
		splice.Set("usage", appendUsage(nil, u, true))))
	return true
}
