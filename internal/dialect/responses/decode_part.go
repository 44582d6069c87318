package responses

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// add says a piece.
func (d *decoder) add(dst []llm.Event, k kind, output, index int, said string, logprobs []byte) ([]llm.Event, error) {
	if said == "" {
		return dst, nil
	}
	switch k {
	case kindAudio, kindTranscript:
		return d.sound(dst, k, said), nil
	case kindArguments:
		return d.addArguments(dst, output, itemCall, said)
	case kindInput:
		return d.addArguments(dst, output, itemCustomCall, said)
	case kindText, kindRefusal, kindSummary, kindThought, kindNone:
	}
	it, err := d.itemAt(output, itemOf(k))
	if it == nil {
		return dst, err
	}
	dst, p, err := d.partAt(dst, it, k, index)
	if err != nil {
		return dst, err
	}
	switch k {
	case kindSummary, kindThought:
		return append(dst, llm.Event{Kind: llm.ReasoningDelta, Block: p.block, Thought: &llm.Thought{Text: said}}), nil
	case kindText:
		d.hot = hot{output, index, p.block, !it.hidden}
	default:
	}
	return append(dst, llm.Event{Kind: llm.TextDelta, Block: p.block, Text: said, Logprobs: chatLogprobs(logprobs)}), nil
}

// itemOf is the type of the items that have parts of a kind.
func itemOf(k kind) string {
	if k == kindSummary || k == kindThought {
		return itemReasoning
	}
	return itemMessage
}

// chatLogprobs are the log probabilities of a piece in the form of the canon.
func chatLogprobs(list []byte) jsontext.Value {
	if len(list) <= len("[]") || list[0] != '[' {
		return nil
	}
	v := append(append([]byte(`{"content":`), list...), `,"refusal":null}`...)
	return jsontext.Value(v)
}

// partAt is a part of an item that goes on, with a block of its own.
func (d *decoder) partAt(dst []llm.Event, it *item, k kind, index int) ([]llm.Event, *part, error) {
	for i := len(it.parts) - 1; i >= 0; i-- {
		if p := &it.parts[i]; p.kind == k && p.index == index && !p.closed {
			return dst, p, nil
		}
	}
	if len(it.parts) >= maxParts {
		return dst, nil, nonsense(errors.New("too many parts of an item"))
	}
	for i := range it.parts {
		if k == kindSummary { // one follows the other, whether or not that is told
			dst = d.closePart(dst, &it.parts[i])
		}
	}
	it.parts = append(it.parts, part{kind: k, index: index, block: d.next})
	d.next++
	p := &it.parts[len(it.parts)-1]
	open := llm.Event{Kind: llm.BlockOpen, Block: p.block}
	switch k {
	case kindRefusal:
		open.Open = llm.BlockRefusal
	case kindSummary:
		open.Open, open.Thought = llm.BlockReasoning, &llm.Thought{Type: llm.ThoughtSummary, ID: it.id, Format: d.stamp(it)}
	case kindThought:
		stamp := d.stamp(it)
		if it.format == "" && !it.sealed { // in plain words, for whoever takes those
			stamp = llm.FormatUnknown
		}
		open.Open, open.Thought = llm.BlockReasoning, &llm.Thought{Type: llm.ThoughtText, ID: it.id, Format: stamp}
	default:
		open.Open = llm.BlockText
	}
	return append(dst, open), p, nil
}

func (d *decoder) closePart(dst []llm.Event, p *part) []llm.Event {
	if p.closed {
		return dst
	}
	p.closed = true
	if d.hot.block == p.block {
		d.hot.block = noBlock
	}
	return append(dst, llm.Event{Kind: llm.BlockClose, Block: p.block})
}

// fill takes what is told once more, as a whole: it is news only where nothing of it
// was streamed.
func (d *decoder) fill(dst []llm.Event, k kind, x *frame) ([]llm.Event, error) {
	if k == kindArguments || k == kindInput {
		it, err := d.itemAt(x.output, itemCall)
		if it == nil || it.call != nil && it.call.said {
			return dst, err
		}
		return d.add(dst, k, x.output, x.part, text(x.full), nil)
	}
	it, err := d.itemAt(x.output, itemOf(k))
	if it == nil {
		return dst, err
	}
	return d.fillPart(dst, it, k, x.part, x.full, nil)
}

// fillPart says a part of an item that nothing was said of.
func (d *decoder) fillPart(dst []llm.Event, it *item, k kind, index int, full, logprobs []byte) ([]llm.Event, error) {
	for i := range it.parts {
		if it.parts[i].kind == k && it.parts[i].index == index {
			return dst, nil
		}
	}
	return d.add(dst, k, it.output, index, text(full), logprobs)
}

// endPart reads a part that is done: its text, where it was not streamed, and what
// it rests on.
func (d *decoder) endPart(dst []llm.Event, x *frame) ([]llm.Event, error) {
	it, err := d.itemAt(x.output, itemMessage)
	if it == nil {
		return dst, err
	}
	k, dst, err := d.whole(dst, it, x.part, x.piece)
	if err != nil || k == kindThought { // its signature may follow
		return dst, err
	}
	return d.closeAt(dst, k, x), nil
}

// closeAt closes the part that a frame is about.
func (d *decoder) closeAt(dst []llm.Event, k kind, x *frame) []llm.Event {
	for i := range d.open {
		it := &d.open[i]
		for j := range it.parts {
			if p := &it.parts[j]; it.output == x.output && p.kind == k && p.index == x.part {
				dst = d.closePart(dst, p)
			}
		}
	}
	return dst
}

// whole says what of a part has not been said yet.
func (d *decoder) whole(dst []llm.Event, it *item, index int, said []byte) (kind, []llm.Event, error) {
	var k kind
	var full []byte
	switch text(find(said, "type")) {
	case partOutputText:
		k, full = kindText, find(said, "text")
	case partRefusal:
		k, full = kindRefusal, find(said, "refusal")
	case partThought:
		k, full = kindThought, find(said, "text")
	default:
		return k, dst, nil
	}
	dst, err := d.fillPart(dst, it, k, index, full, find(said, "logprobs"))
	if err != nil || k != kindText {
		return k, dst, err
	}
	n := 0
	elements(find(said, "annotations"), func(a []byte) {
		if n++; err == nil {
			dst, err = d.rests(dst, it, index, n, a)
		}
	})
	return k, dst, err
}

// cite reads what a text rests on.
func (d *decoder) cite(dst []llm.Event, x *frame) ([]llm.Event, error) {
	it, err := d.itemAt(x.output, itemMessage)
	if it == nil {
		return dst, err
	}
	n := 1
	for i := range it.parts {
		if p := &it.parts[i]; p.kind == kindText && p.index == x.part {
			n = p.cites + 1
		}
	}
	return d.rests(dst, it, x.part, n, x.cite)
}

// rests says the n-th source of a text, unless it has been said.
func (d *decoder) rests(dst []llm.Event, it *item, index, n int, a []byte) ([]llm.Event, error) {
	if jsontext.Value(a).Kind() != '{' {
		return dst, nil
	}
	for i := range it.parts {
		if p := &it.parts[i]; p.kind == kindText && p.index == index && (p.closed || n <= p.cites) {
			return dst, nil
		}
	}
	dst, p, err := d.partAt(dst, it, kindText, index)
	if err != nil {
		return dst, err
	}
	p.cites = n
	title := text(find(a, "title"))
	if title == "" {
		title = text(find(a, "filename"))
	}
	return append(dst, llm.Event{Kind: llm.Cite, Block: p.block, Citation: &llm.Citation{
		URL: text(find(a, "url")), Title: title, Start: offset(find(a, "start_index")), End: offset(find(a, "end_index")),
		From: llm.Responses, Native: append(jsontext.Value(nil), a...),
	}}), nil
}

// offset is a place in a text; 0 where none is told.
func offset(v []byte) int {
	n, err := strconv.ParseUint(string(v), 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}
