package responses

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The words of the wire that both halves read or write.

// Types of items, of a prompt and of an answer; those of native tools are in native.go.
const (
	itemMessage      = "message"
	itemReasoning    = "reasoning"
	itemCall         = "function_call"
	itemResult       = "function_call_output"
	itemCustomCall   = "custom_tool_call"
	itemCustomResult = "custom_tool_call_output"
	itemImage        = "image_generation_call"
	itemMoreTools    = "additional_tools"
)

// Types of the parts of a message or of a reasoning item.
const (
	partInputText  = "input_text"
	partInputImage = "input_image"
	partInputFile  = "input_file"
	partInputAudio = "input_audio"
	partInputVideo = "input_video"
	partOutputText = "output_text"
	partRefusal    = "refusal"
	partSummary    = "summary_text"
	partThought    = "reasoning_text"
)

// What `include` may ask for.
const (
	includeEncrypted = "reasoning.encrypted_content"
	includeLogprobs  = "message.output_text.logprobs"
)

// reasoning is a reasoning item, whose texts are still JSON.
type reasoning struct {
	id, format                             string
	summary, content, encrypted, signature []byte
}

// member reads a member of the item.
func (x *reasoning) member(name string, v []byte) {
	switch name {
	case "id":
		x.id = text(v)
	case "format":
		x.format = text(v)
	case "summary":
		x.summary = v
	case "content":
		x.content = v
	case "encrypted_content":
		x.encrypted = v
	case "signature":
		x.signature = v
	}
}

// eachText calls f with the text of each part of a list; some write the text alone.
func eachText(parts []byte, f func(string)) {
	elements(parts, func(part []byte) {
		if part[0] != '"' {
			part = find(part, "text")
		}
		f(text(part))
	})
}

// appendReasoning appends the reasoning item that a run of thoughts makes. Only
// some vendors take its `signature` and `format`.
func appendReasoning(dst []byte, thoughts []llm.Part, stamped bool) []byte {
	first := thoughts[0].Thought
	dst = quote(append(dst, `{"type":`...), itemReasoning)
	if first.ID != "" && len(first.ID) <= maxID {
		dst = quote(append(dst, `,"id":`...), first.ID)
	}
	dst = appendTexts(append(dst, `,"summary":`...), thoughts, llm.ThoughtSummary, partSummary)
	if thoughtOf(thoughts, llm.ThoughtText) != nil {
		dst = appendTexts(append(dst, `,"content":`...), thoughts, llm.ThoughtText, partThought)
	}
	if t := thoughtOf(thoughts, llm.ThoughtEncrypted); t != nil {
		dst = quote(append(dst, `,"encrypted_content":`...), t.Data)
	}
	if stamped {
		if i := slices.IndexFunc(thoughts, func(p llm.Part) bool { return p.Thought.Signature != "" }); i >= 0 {
			dst = quote(append(dst, `,"signature":`...), thoughts[i].Thought.Signature)
		}
		if first.Format != "" {
			dst = quote(append(dst, `,"format":`...), first.Format)
		}
	}
	return append(dst, '}')
}

// thoughtOf is the first thought of a type; nil if there is none.
func thoughtOf(thoughts []llm.Part, typ llm.ThoughtType) *llm.Thought {
	for i := range thoughts {
		if t := thoughts[i].Thought; t.Type == typ {
			return t
		}
	}
	return nil
}

func appendTexts(dst []byte, thoughts []llm.Part, typ llm.ThoughtType, part string) []byte {
	dst = append(dst, '[')
	comma := ""
	for i := range thoughts {
		if t := thoughts[i].Thought; t.Type == typ {
			dst = quote(append(append(dst, comma...), `{"type":`...), part)
			dst = append(quote(append(dst, `,"text":`...), t.Text), '}')
			comma = ","
		}
	}
	return append(dst, ']')
}

// appendURI appends media by value, as a data URI in a JSON string.
func appendURI(dst []byte, m *llm.Media) []byte {
	mime, _ := jsontext.AppendQuote(nil, m.MIME)
	dst = append(append(dst, `"data:`...), mime[1:len(mime)-1]...)
	dst = append(dst, ";base64,"...)
	data, _ := jsontext.AppendQuote(nil, m.Data)
	return append(dst, data[1:]...)
}

// sniff is the MIME type of an image by its first bytes in base64.
func sniff(data string) string {
	switch {
	case strings.HasPrefix(data, "/9j/"):
		return "image/jpeg"
	case strings.HasPrefix(data, "UklGR"):
		return "image/webp"
	case strings.HasPrefix(data, "R0lGOD"):
		return "image/gif"
	default:
		return "image/png"
	}
}
