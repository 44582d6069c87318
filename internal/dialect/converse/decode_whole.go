package converse

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// answer is an answer but for what was said, which is read where it stands: it may be
// large, and a member of this type would be a copy.
type answer struct {
	Output struct {
		Message *struct{} `json:"message"`
	} `json:"output"`
	StopReason string         `json:"stopReason"`
	Usage      jsontext.Value `json:"usage"`
}

type answerBlock struct {
	Text      *string   `json:"text"`
	ToolUse   *useStart `json:"toolUse"`
	Reasoning *struct {
		Text     *reasoningText `json:"reasoningText"`
		Redacted string         `json:"redactedContent"`
	} `json:"reasoningContent"`
	Cited *struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		Citations []jsontext.Value `json:"citations"`
	} `json:"citationsContent"`
	Image *struct {
		Format string `json:"format"`
		Source struct {
			Bytes string `json:"bytes"`
		} `json:"source"`
	} `json:"image"`
}

// Whole decodes an answer that was not streamed.
func (d *decoder) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return dst, malformed(err)
	}
	if a.Output.Message == nil {
		if f := readFailure(body); f.name != "" || f.message != "" {
			return dst, classify(statusOf(f.name), f)
		}
	}
	if a.StopReason == "" {
		return dst, malformed(errors.New("an answer without a stopReason"))
	}
	d.meter.add(a.Usage)
	out, err := d.contents(d.start(dst), walk.Find(walk.Find(walk.Find(body, "output"), "message"), "content"))
	if err != nil {
		return dst, malformed(err)
	}
	d.done = true
	return d.report(d.finish(out, a.StopReason)), nil
}

func (d *decoder) contents(dst []llm.Event, content jsontext.Value) (_ []llm.Event, err error) {
	if absent(content) {
		return dst, nil
	}
	i := 0
	isList := walk.Elements(content, func(raw []byte) {
		if err == nil {
			dst, err = d.whole(dst, i, raw)
		}
		i++
	})
	if !isList {
		return dst, errors.New("content that is no list")
	}
	return dst, err
}

// whole is a block that came whole. Those of unknown types are passed over.
func (d *decoder) whole(dst []llm.Event, index int, raw []byte) (out []llm.Event, err error) {
	var b answerBlock
	if err := json.Unmarshal(raw, &b); err != nil {
		return dst, err
	}
	switch {
	case b.Text != nil:
		dst = d.text(dst, index, *b.Text)
	case b.ToolUse != nil:
		if b.ToolUse.Type == serverTool {
			return dst, nil
		}
		if dst, err = d.openCall(dst, index, b.ToolUse); err != nil {
			return dst, err
		}
		if input := jsontext.Value(walk.Find(walk.Find(raw, "toolUse"), "input")); !absent(input) {
			dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: d.opened - 1, Text: string(compact(input))})
		}
	case b.Reasoning != nil:
		r := reasoningDelta{Redacted: b.Reasoning.Redacted}
		if t := b.Reasoning.Text; t != nil {
			r.Text, r.Signature = t.Text, t.Signature
		}
		dst = d.reason(dst, index, &r)
	case b.Cited != nil:
		for _, c := range b.Cited.Content {
			dst = d.text(dst, index, c.Text)
		}
		for _, c := range b.Cited.Citations {
			var block int
			dst, block = d.ensure(dst, index, llm.BlockText)
			dst = cite(dst, block, c)
		}
	case b.Image != nil && b.Image.Source.Bytes != "":
		dst = d.openBlock(dst, index, llm.BlockImage)
		dst = append(dst, picture(d.opened-1, "image/"+b.Image.Format, b.Image.Source.Bytes))
	}
	return d.blockStop(dst, index), nil
}

// compact is a copy of a value without white space.
func compact(v jsontext.Value) jsontext.Value {
	v = v.Clone()
	_ = v.Compact() // it is valid, or it would not have been read
	return v
}

// fast decodes the deltas that answers are made of when they come exactly as
// Bedrock writes them; ok is false for all else, which the strict reader then
// judges. The last member pads the frame against eavesdroppers.
//
//	{"contentBlockIndex":0,"delta":{"text":"It is"},"p":"abcdef"}
func (d *decoder) fast(dst []llm.Event, data []byte) (out []llm.Event, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"contentBlockIndex":`))
	if !ok {
		return dst, false
	}
	index, end := walk.Digits(rest, 0)
	if end == 0 {
		return dst, false
	}
	if rest, ok = bytes.CutPrefix(rest[end:], []byte(`,"delta":{"`)); !ok {
		return dst, false
	}
	kind, closing := llm.BlockText, "}"
	switch {
	case bytes.HasPrefix(rest, []byte(textHead)):
		rest = rest[len(textHead):]
	case bytes.HasPrefix(rest, []byte(useHead)):
		kind, closing, rest = llm.BlockCall, "}}", rest[len(useHead):]
	case bytes.HasPrefix(rest, []byte(thoughtHead)):
		kind, closing, rest = llm.BlockReasoning, "}}", rest[len(thoughtHead):]
	default:
		return dst, false
	}
	o := d.find(index)
	if o == nil || o.block < 0 || o.kind != kind {
		return dst, false
	}
	n, plain := walk.Inside(rest)
	if n <= 0 || !closes(rest[n+1:], closing) {
		return dst, false
	}
	text := rest[:n]
	if !plain {
		at := len(data) - len(rest)
		var err error
		if d.scratch, err = jsontext.AppendUnquote(d.scratch[:0], data[at-1:at+n+1]); err != nil {
			return dst, false
		}
		text = d.scratch
	}
	e := llm.Event{Kind: llm.TextDelta, Block: o.block}
	switch kind {
	case llm.BlockCall:
		e.Kind, e.Text = llm.ArgsDelta, string(text)
	case llm.BlockReasoning:
		e.Kind, e.Thought = llm.ReasoningDelta, d.thought(string(text), "", "")
	default:
		e.Text = string(text)
	}
	return append(dst, e), true
}

const (
	textHead    = `text":"`
	useHead     = `toolUse":{"input":"`
	thoughtHead = `reasoningContent":{"text":"`
)

// closes reports whether b ends the delta and the event, with or without padding.
func closes(b []byte, closing string) bool {
	b, ok := bytes.CutPrefix(b, []byte(closing))
	if !ok {
		return false
	}
	if rest, padded := bytes.CutPrefix(b, []byte(`,"p":"`)); padded {
		n, plain := walk.Inside(rest)
		if n < 0 || !plain {
			return false
		}
		b = rest[n+1:]
	}
	return string(b) == "}"
}
