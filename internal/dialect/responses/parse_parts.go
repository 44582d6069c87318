package responses

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// content is a text or an array of parts; null is none.
func (p *parser) content() (parts []llm.Part) {
	switch p.Peek() {
	case 'n':
		p.Value()
		return nil
	case '"':
		return p.One(llm.Part{Text: p.Text()})
	case '[':
		first := true
		p.Array(func() {
			switch part, ok := p.part(); {
			case !ok:
			case first:
				first = false
				parts = p.One(part)
			default:
				parts = append(parts, part)
			}
		})
		return parts
	}
	if p.Value() != nil {
		p.Fail("want a text or an array of parts")
	}
	return nil
}

// part reads a part; ok is false where the canon has no words for it.
func (p *parser) part() (part llm.Part, ok bool) {
	var typ, said, detail, file, filename string
	var place, sound *llm.Media
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = word(p.Value())
		case "text", "refusal":
			said = p.Optional()
		case "image_url", "video_url":
			place = p.located(place)
		case "file_data", "file_url":
			if s := p.Optional(); s != "" {
				place = p.Locate(s)
			}
		case "file_id":
			file = p.Optional()
		case "filename":
			filename = p.Optional()
		case "detail":
			detail = p.Optional()
			p.OneOf(detail, "auto", "low", "high", "original")
		case "input_audio":
			sound = p.Sound()
		case "prompt_cache_breakpoint": // RS-09
			if v := p.Value(); v != nil && v[0] != 'n' {
				part.Cache = &llm.CacheMark{}
			}
		default:
			p.Value()
		}
	})
	if p.Err != nil {
		return part, false
	}
	switch typ {
	case partInputText, partOutputText, partThought, partSummary, "text":
		part.Text = said
		return part, true
	case partRefusal:
		part.Kind, part.Text = llm.PartRefusal, said
		return part, true
	case "encrypted_content": // between agents of one vendor
		return part, false
	case partInputImage, "computer_screenshot":
		part.Kind = llm.PartImage
	case partInputVideo:
		part.Kind = llm.PartVideo
	case partInputFile:
		part.Kind = llm.PartFile
	case partInputAudio:
		part.Kind, place, file = llm.PartAudio, sound, ""
	case "":
		p.Fail("want a type")
		return part, false
	default:
		p.Fail("a part of the type %s is not supported", parse.Printable(typ))
		return part, false
	}
	if place == nil {
		place = &llm.Media{}
	}
	if file != "" { // the vendor has the bytes
		place = &llm.Media{FileID: file}
	}
	if place.URL == "" && place.Data == "" && place.FileID == "" {
		p.Fail("want the content of %s", typ)
	}
	switch part.Kind {
	case llm.PartImage:
		place.Detail = detail
	case llm.PartFile:
		place.Name = filename
	default: // have neither
	}
	part.Media = place
	return part, true
}

// word is the meaning of a JSON string. Types that are in every request cost
// nothing.
func word(v []byte) string {
	switch string(v) {
	case `"message"`:
		return itemMessage
	case `"function_call"`:
		return itemCall
	case `"function_call_output"`:
		return itemResult
	case `"reasoning"`:
		return itemReasoning
	case `"input_text"`:
		return partInputText
	case `"output_text"`:
		return partOutputText
	case `"function"`:
		return "function"
	}
	return text(v)
}

// located is a URL or a data URI; some callers write it as chat does.
func (p *parser) located(m *llm.Media) *llm.Media {
	if p.Null() {
		return m
	}
	if p.Peek() != '{' {
		return p.Locate(p.Text())
	}
	p.Pick("url", func() { m = p.Locate(p.Text()) })
	return m
}
