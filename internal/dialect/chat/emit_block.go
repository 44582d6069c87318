package chat

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// block is an open or closed block of an answer, as chat numbers it.
type block struct {
	number  int // the event's
	kind    llm.BlockType
	index   int  // among tool calls, reasoning blocks, or images
	wrapped bool // a custom tool's input comes as a function's arguments
	thought llm.Thought
	call    llm.ToolCall
	text    dialect.Joined  // what a whole answer has gathered
	sealed  strings.Builder // the data of an encrypted thought
	media   []*llm.Media    // an image, or pieces of audio
}

type blocks struct {
	list                    []*block
	calls, thoughts, images int
	customs                 []string // tools that the caller has offered as custom
}

// customs are the names of custom tools.
func customs(req *llm.Request) (names []string) {
	if req.Input == nil {
		return nil
	}
	for i := range req.Input.Tools {
		if req.Input.Tools[i].Kind == llm.ToolCustom {
			names = append(names, req.Input.Tools[i].Name)
		}
	}
	return names
}

// wraps reports whether a call is of a custom tool that was offered as a function.
func (b *blocks) wraps(c *llm.ToolCall) bool {
	return !c.Custom && slices.Contains(b.customs, c.Name)
}

// rewrap reports whether events tell of a custom tool as of a function: the frame
// must not be seen as it is.
func (b *blocks) rewrap(events []llm.Event) bool {
	if len(b.customs) == 0 {
		return false
	}
	for i := range events {
		switch ev := &events[i]; ev.Kind {
		case llm.BlockOpen:
			if ev.Open == llm.BlockCall && b.wraps(ev.Call) {
				return true
			}
		case llm.ArgsDelta, llm.BlockClose:
			if b.at(ev.Block).wrapped {
				return true
			}
		case llm.Start, llm.TextDelta, llm.ReasoningDelta, llm.MediaDelta, llm.Cite, llm.Finish, llm.UsageReport, llm.Continue:
		}
	}
	return false
}

func (b *blocks) open(ev *llm.Event) *block {
	n := &block{number: ev.Block, kind: ev.Open}
	switch ev.Open {
	case llm.BlockCall:
		n.call = *ev.Call
		n.wrapped = b.wraps(ev.Call)
		n.call.Custom = n.call.Custom || n.wrapped
		n.index = b.calls
		b.calls++
	case llm.BlockReasoning:
		n.thought = llm.Thought{Type: llm.ThoughtText, Format: llm.FormatUnknown}
		if t := ev.Thought; t != nil {
			n.thought.ID = t.ID
			if t.Type != "" {
				n.thought.Type = t.Type
			}
			if t.Format != "" {
				n.thought.Format = t.Format
			}
		}
		n.index = b.thoughts
		b.thoughts++
	case llm.BlockImage:
		n.index = b.images
		b.images++
	case llm.BlockText, llm.BlockRefusal, llm.BlockAudio:
	}
	b.list = append(b.list, n)
	return n
}

// at is the block of an event; the newest is the likeliest.
func (b *blocks) at(number int) *block {
	for _, known := range slices.Backward(b.list) {
		if known.number == number {
			return known
		}
	}
	return &block{}
}

// appendCall appends the opening of `tool_calls` with a call that has begun. What a
// wrapped call came with is kept for its end.
func (*blocks) appendCall(dst []byte, b *block) []byte {
	dst = strconv.AppendInt(append(dst, `"tool_calls":[{"index":`...), int64(b.index), 10)
	arguments := b.call.Arguments
	if b.wrapped {
		b.text.WriteString(arguments)
		arguments = ""
	}
	return append(appendCall(append(dst, ','), &b.call, arguments), "}]"...)
}

// appendCall appends the members of a tool call.
func appendCall(dst []byte, c *llm.ToolCall, arguments string) []byte {
	dst = quote(append(dst, `"id":`...), c.ID)
	if c.Custom {
		dst = quote(append(dst, `,"type":"custom","custom":{"name":`...), c.Name)
		dst = quote(append(dst, `,"input":`...), arguments)
	} else {
		dst = quote(append(dst, `,"type":"function","function":{"name":`...), c.Name)
		dst = quote(append(dst, `,"arguments":`...), arguments)
	}
	return append(dst, '}')
}

// appendImage appends an entry of images (US-09).
func appendImage(dst []byte, b *block, m *llm.Media) []byte {
	dst = appendLocation(append(dst, `{"type":"image_url","image_url":{"url":`...), m)
	dst = strconv.AppendInt(append(dst, `},"index":`...), int64(b.index), 10)
	return append(dst, '}')
}

// appendLocation appends a URL or a data URI.
func appendLocation(dst []byte, m *llm.Media) []byte {
	if m.URL != "" {
		return quote(dst, m.URL)
	}
	dst = append(appendInside(append(dst, `"data:`...), m.MIME), ";base64,"...)
	return append(appendInside(dst, m.Data), '"')
}

// appendInside appends s as the inside of a JSON string.
func appendInside(dst []byte, s string) []byte {
	at := len(dst)
	dst = quote(dst, s)
	return append(dst[:at], dst[at+1:len(dst)-1]...)
}

// appendAudio appends what an audio block has gathered.
func appendAudio(dst []byte, b *block) []byte {
	dst = append(dst, '{')
	for _, m := range b.media {
		if m.FileID != "" {
			dst = append(quote(append(dst, `"id":`...), m.FileID), ',')
			break
		}
	}
	dst = quote(append(dst, `"data":`...), joinAudio(b.media))
	dst = quote(append(dst, `,"transcript":`...), b.text.String())
	return append(dst, '}')
}

// joinAudio is pieces of audio as one. Those that are padded each must be decoded
// for that.
func joinAudio(pieces []*llm.Media) string {
	var s strings.Builder
	padded := false
	for i, m := range pieces {
		s.WriteString(m.Data)
		padded = padded || (strings.HasSuffix(m.Data, "=") && i < len(pieces)-1)
	}
	if !padded {
		return s.String()
	}
	var raw []byte
	for _, m := range pieces {
		piece, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil {
			return s.String()
		}
		raw = append(raw, piece...)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// inFrame reports whether a citation is in the vendor's frame as callers know it.
func inFrame(c *llm.Citation) bool { return c.From == llm.Chat && c.Native != nil }

// citable reports whether a citation can be told: only what has a URL has a form.
func citable(c *llm.Citation) bool { return inFrame(c) || c.URL != "" }

// typeCitation is the type of an annotation that cites.
const typeCitation = "url_citation"

// appendCitation appends an annotation (TL-04). Both positions are there even where
// none was told: SDKs want them.
func appendCitation(dst []byte, c *llm.Citation) []byte {
	if inFrame(c) {
		return append(dst, c.Native...)
	}
	dst = quote(append(dst, `{"type":"url_citation","url_citation":{"url":`...), c.URL)
	dst = quote(append(dst, `,"title":`...), c.Title)
	if c.Quote != "" {
		dst = quote(append(dst, `,"content":`...), c.Quote)
	}
	dst = strconv.AppendInt(append(dst, `,"start_index":`...), int64(c.Start), 10)
	dst = strconv.AppendInt(append(dst, `,"end_index":`...), int64(c.End), 10)
	return append(dst, "}}"...)
}

// appendFiles appends documents that were read as elements of annotations (FL-04).
func appendFiles(dst []byte, files []llm.FileText) []byte {
	for i := range files {
		text, err := json.Marshal(dialect.Annotate(files[i]), jsontext.AllowInvalidUTF8(true)) // of a document
		if err != nil {
			continue
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, text...)
	}
	return dst
}
