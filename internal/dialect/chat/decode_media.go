package chat

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// maxSources bounds what an answer may rest on; frames repeat it.
const maxSources = 256

// spoken is a piece of audio.
type spoken struct{ id, data, transcript string }

// textOf is a string value's text, "" of anything else.
func textOf(v []byte) string { return walk.Text(v) }

// memberText is a member's text, "" if it is none.
func memberText(src []byte, name string) string {
	v, _ := find(src, name, nil)
	return textOf(v)
}

// located is a URL or a data URI; nil where it is neither.
func located(s string) *llm.Media {
	head, data, ok := strings.Cut(s, ",")
	mime, inline := strings.CutPrefix(head, "data:")
	switch {
	case !inline && (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")):
		return &llm.Media{URL: s}
	case !inline || !ok || data == "":
		return nil
	}
	mime, encoded := strings.CutSuffix(mime, ";base64")
	mime, _, _ = strings.Cut(mime, ";")
	if !encoded || mime == "" {
		return nil
	}
	return &llm.Media{MIME: mime, Data: parse.Standard(data)}
}

// draw reads an image: {image_url: {url}}, or {image_url: url}.
func (c *choice) draw(v []byte) {
	at, _ := find(v, "image_url", nil)
	url := textOf(at)
	if url == "" {
		url = memberText(at, "url")
	}
	if m := located(url); m != nil {
		c.images = append(c.images, m)
	}
}

// speech reads a piece of audio; null is none.
func speech(v []byte) *spoken {
	if len(v) == 0 || v[0] != '{' {
		return nil
	}
	a := &spoken{id: memberText(v, "id"), data: memberText(v, "data"), transcript: memberText(v, "transcript")}
	if *a == (spoken{}) {
		return nil
	}
	return a
}

// cite reads an annotation; of another type than a citation it stays in the frame.
func (c *choice) cite(v []byte) {
	if memberText(v, "type") != typeCitation || len(c.cites) == maxSources {
		return
	}
	u, _ := find(v, typeCitation, nil)
	if len(u) == 0 || u[0] != '{' {
		return
	}
	from, to := position(u, "start_index"), position(u, "end_index")
	if from > to {
		from, to = 0, 0
	}
	c.cites = append(c.cites, &llm.Citation{
		URL: memberText(u, "url"), Title: memberText(u, "title"), Quote: memberText(u, "content"), Start: from, End: to,
		From: llm.Chat, Native: bytes.Clone(v),
	})
}

// position is a place in a text, 0 where none that can be is told.
func position(src []byte, name string) int {
	v, _ := find(src, name, nil)
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return n
}

// readSources reads what a search has found: a list of URLs, or of objects that
// name them too. The richer list counts; vendors repeat it in every frame.
func (d *decoder) readSources(v jsontext.Value) {
	var list []*llm.Citation
	named := false
	elements(v, func(v []byte) {
		c := &llm.Citation{URL: textOf(v)}
		if v[0] == '{' {
			c.URL, c.Title, named = memberText(v, "url"), memberText(v, "title"), true
		}
		if strings.HasPrefix(c.URL, "http") && len(list) < maxSources {
			list = append(list, c)
		}
	})
	if len(list) > 0 && (named || len(d.sources) == 0) {
		d.sources = list
	}
}

// sayMedia says images, each a block of its own, and audio, which is one block
// however many frames it takes.
func (d *decoder) sayMedia(dst []llm.Event) []llm.Event {
	for _, m := range d.choice.images {
		dst = d.closeSaid(dst)
		n := d.next
		d.next++
		dst = append(
			dst, llm.Event{Kind: llm.BlockOpen, Block: n, Open: llm.BlockImage},
			llm.Event{Kind: llm.MediaDelta, Block: n, Media: m}, llm.Event{Kind: llm.BlockClose, Block: n},
		)
	}
	a := d.choice.audio
	if a == nil {
		return dst
	}
	if d.audio == noBlock {
		dst = d.closeSaid(dst)
		d.audio = d.next
		d.next++
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.audio, Open: llm.BlockAudio})
	}
	if a.id != "" || a.data != "" {
		m := &llm.Media{FileID: a.id, Data: a.data, Format: d.voice}
		if d.voice != "" && d.voice != "pcm16" { // raw samples have no type of their own
			m.MIME = parse.AudioMIME(d.voice)
		}
		dst = append(dst, llm.Event{Kind: llm.MediaDelta, Block: d.audio, Media: m})
	}
	if a.transcript != "" {
		dst = append(dst, llm.Event{Kind: llm.TextDelta, Block: d.audio, Text: a.transcript})
	}
	return dst
}

// sayCites says what the text rests on.
func (d *decoder) sayCites(dst []llm.Event, cites []*llm.Citation) []llm.Event {
	if len(cites) == 0 {
		return dst
	}
	d.cited = true
	if d.text == noBlock {
		dst = d.closeSaid(dst)
		d.text = d.next
		d.next++
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.text, Open: llm.BlockText})
	}
	for _, c := range cites {
		dst = append(dst, llm.Event{Kind: llm.Cite, Block: d.text, Citation: c})
	}
	return dst
}

// readContent reads a string, null, or the parts that some vendors send where
// a model thinks aloud or draws.
func (d *decoder) readContent() {
	r := &d.r
	c := &d.choice
	switch r.Peek() {
	case 'n':
		r.Value()
	case '"':
		c.text, c.hasText = r.Text(), true
	default:
		c.odd = true
		r.Array(func() {
			if r.Peek() != '{' {
				r.Value()
				return
			}
			d.readPart(r.Value())
		})
	}
}

func (d *decoder) readPart(v []byte) {
	c := &d.choice
	switch memberText(v, "type") {
	case "thinking":
		thought, _ := find(v, "thinking", nil)
		text := textOf(thought)
		elements(thought, func(v []byte) { text += memberText(v, "text") })
		if text != "" {
			c.details = append(c.details, detail{Thought: llm.Thought{Type: llm.ThoughtText, Text: text}})
		}
	case "text":
		c.text, c.hasText = c.text+memberText(v, "text"), true
	case "image_url":
		c.draw(v)
	}
}
