package responses

import (
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// image says an image that was made. Pieces of it on the way are not said.
func (d *decoder) image(dst []llm.Event, v []byte) []llm.Event {
	result := text(find(v, "result"))
	if result == "" {
		return dst
	}
	m := &llm.Media{}
	head, data, isURI := strings.Cut(result, ";base64,")
	mime, isData := strings.CutPrefix(head, "data:")
	switch {
	case isURI && isData:
		m.MIME, m.Data = mime, data
	case strings.HasPrefix(result, "https://"), strings.HasPrefix(result, "http://"):
		m.URL = result
	default:
		m.MIME, m.Data = sniff(result), result
		if format := text(find(v, "output_format")); format != "" {
			m.MIME = "image/" + format
		}
	}
	block := d.next
	d.next++
	return append(dst,
		llm.Event{Kind: llm.BlockOpen, Block: block, Open: llm.BlockImage},
		llm.Event{Kind: llm.MediaDelta, Block: block, Media: m},
		llm.Event{Kind: llm.BlockClose, Block: block})
}

// sound says a piece of speech or of its words, which are of no item.
func (d *decoder) sound(dst []llm.Event, k kind, said string) []llm.Event {
	d.saw = true
	if d.audio == noBlock {
		d.audio = d.next
		d.next++
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.audio, Open: llm.BlockAudio})
	}
	if k == kindTranscript {
		return append(dst, llm.Event{Kind: llm.TextDelta, Block: d.audio, Text: said})
	}
	return append(dst, llm.Event{Kind: llm.MediaDelta, Block: d.audio, Media: &llm.Media{Format: d.audioFormat, Data: said}})
}
