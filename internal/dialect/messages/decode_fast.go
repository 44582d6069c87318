package messages

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// fast decodes the deltas that answers are made of when they come exactly as the
// API writes them; ok is false for all else, which the strict reader then judges.
//
//	{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"It is"}      }
func (d *decoder) fast(dst []llm.Event, data []byte) (out []llm.Event, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"type":"content_block_delta","index":`))
	if !ok {
		return dst, false
	}
	index, end := walk.Digits(rest, 0)
	if end == 0 {
		return dst, false
	}
	if rest, ok = bytes.CutPrefix(rest[end:], []byte(`,"delta":{"type":"`)); !ok {
		return dst, false
	}
	typ := ""
	for _, head := range [...]struct{ typ, name string }{
		{deltaText, `text_delta","text":"`},
		{deltaInput, `input_json_delta","partial_json":"`},
		{deltaThinking, `thinking_delta","thinking":"`},
	} {
		if after, found := bytes.CutPrefix(rest, []byte(head.name)); found {
			typ, rest = head.typ, after
			break
		}
	}
	o := d.find(index)
	if typ == "" || o == nil || o.block < 0 {
		return dst, false
	}
	n, plain := walk.Inside(rest)
	if n < 0 || !closes(rest[n+1:]) {
		return dst, false
	}
	text := rest[:n]
	if !plain {
		quoted := data[len(data)-len(rest)-1 : len(data)-len(rest)+n+1]
		var err error
		if d.scratch, err = jsontext.AppendUnquote(d.scratch[:0], quoted); err != nil {
			return dst, false
		}
		text = d.scratch
	}
	out, err := d.delta(dst, o, typ, string(text))
	return out, err == nil
}

// closes reports whether b is the end of the delta and of the event, and nothing
// else. The API pads its events with spaces.
func closes(b []byte) bool {
	if len(b) == 0 || b[0] != '}' {
		return false
	}
	b = bytes.TrimLeft(b[1:], " ")
	return len(b) > 0 && b[0] == '}' && len(bytes.TrimLeft(b[1:], " ")) == 0
}
