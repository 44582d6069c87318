package chat

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// keeps reports whether a member that not every vendor of the dialect has is known
// to this one.
func (q *Quirks) keeps(name string) bool {
	if slices.Contains(q.DropParams, name) {
		return false
	}
	switch name {
	case "modalities", "audio":
		return q.Modalities
	case "image_config":
		return q.ImageConfig
	}
	return true
}

// output writes what the answer is to be made of.
func (e *encoder) output() {
	in := e.in
	if in.Modalities != nil && e.q.keeps("modalities") {
		e.key("modalities")
		e.out = append(e.out, '[')
		for i, m := range in.Modalities {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			e.out = quote(e.out, m)
		}
		e.out = append(e.out, ']')
	}
	if in.Audio != nil && e.q.keeps("audio") {
		e.key("audio")
		e.out = append(e.out, '{')
		e.str("voice", in.Audio.Voice)
		e.str("format", in.Audio.Format)
		e.out = append(e.out, '}')
	}
	if e.q.keeps("image_config") {
		e.raw("image_config", in.ImageConfig)
	}
	if e.q.CacheKey {
		e.str("prompt_cache_key", in.CacheKey)
	}
}

// isMade reports whether a part of the assistant's is told beside the content.
func isMade(p *llm.Part) bool { return p.Kind == llm.PartImage || p.Kind == llm.PartAudio }

// written are the parts of an assistant's turn that its content holds.
func written(parts []llm.Part) []llm.Part {
	made := func(p llm.Part) bool { return isMade(&p) }
	if !slices.ContainsFunc(parts, made) {
		return parts
	}
	return slices.DeleteFunc(slices.Clone(parts), made)
}

// made writes what an earlier answer drew or spoke, where that is taken back.
func (e *encoder) made(parts []llm.Part) {
	var images, audio bool
	for i := range parts {
		images = images || parts[i].Kind == llm.PartImage
		audio = audio || parts[i].Kind == llm.PartAudio
	}
	if images {
		e.images(parts)
	}
	if audio {
		e.voice(parts)
	}
}

func (e *encoder) images(parts []llm.Part) {
	if !e.q.Modalities {
		e.lost = append(e.lost, "messages.images")
		return
	}
	e.key("images")
	comma := byte('[')
	for i := range parts {
		if parts[i].Kind != llm.PartImage {
			continue
		}
		e.out = append(append(e.out, comma), `{"type":"image_url","image_url":{"url":`...)
		e.locate(parts[i].Media)
		e.str("detail", parts[i].Media.Detail)
		e.out = append(e.out, "}}"...)
		comma = ','
	}
	e.out = append(e.out, ']')
}

// voice names what was said aloud: only by its id does the vendor take it back.
func (e *encoder) voice(parts []llm.Part) {
	for i := range parts {
		if m := parts[i].Media; parts[i].Kind == llm.PartAudio && m.FileID != "" && e.q.Modalities {
			e.key("audio")
			e.out = append(quote(append(e.out, `{"id":`...), m.FileID), '}')
			return
		}
	}
	e.lost = append(e.lost, "messages.audio")
}

// dropsFormat reports whether the endpoint cannot be held to the output's shape.
func (e *encoder) dropsFormat() bool {
	if slices.Contains(e.q.DropParams, "response_format") {
		return true
	}
	switch e.in.Format.Type {
	case llm.FormatJSONSchema:
		if !e.q.NoSchema {
			return !e.to.Takes("structured_outputs")
		}
	case llm.FormatGrammar, llm.FormatPython:
		return !e.q.Grammars || !e.to.Takes("response_format")
	case llm.FormatText, llm.FormatJSON:
	}
	return !e.to.Takes("response_format")
}

func (e *encoder) format() {
	f := e.in.Format
	switch {
	case f.Type == llm.FormatJSONSchema && e.q.NoSchema:
		e.lost = append(e.lost, dialect.FieldSchema.String()+": schema")
		e.out = append(e.out, `{"type":"json_object"}`...)
		return
	case f.Type != llm.FormatJSONSchema:
		e.out = quote(append(e.out, `{"type":`...), string(f.Type))
		e.str("grammar", f.Grammar)
		e.out = append(e.out, '}')
		return
	}
	e.out = append(e.out, `{"type":"json_schema","json_schema":{`...)
	name := f.Name
	if name == "" && e.req.Dialect != llm.Chat {
		name = "response" // the API wants one
	}
	e.key("name")
	e.out = quote(e.out, name)
	e.str("description", f.Description)
	if !e.q.NoStrict {
		e.flag("strict", f.Strict)
	}
	e.raw("schema", e.strictly(dialect.FieldSchema.String(), f.Schema, f.Strict))
	e.out = append(e.out, "}}"...)
}

// strictly is a schema in the form that a strict one must have.
func (e *encoder) strictly(place string, text jsontext.Value, strict *bool) jsontext.Value {
	if len(text) == 0 || strict == nil || !*strict || e.q.NoStrict || e.q.Strict.Name() == "" {
		return text
	}
	r, err := schema.Compile(text, e.q.Strict)
	if err != nil {
		if e.err == nil {
			e.err = llm.Bad(place + ": the schema " + err.Error())
		}
		return text
	}
	for _, lost := range r.Lost {
		e.lost = append(e.lost, place+": "+lost)
	}
	return r.Schema
}

// bends reports whether a schema must change to be taken as strict.
func (e *encoder) bends(text jsontext.Value, strict *bool) bool {
	if len(text) == 0 || strict == nil || !*strict || e.q.NoStrict || e.q.Strict.Name() == "" {
		return false
	}
	r, err := schema.Compile(text, e.q.Strict)
	plain := text.Clone()
	return err != nil || len(r.Lost) > 0 || plain.Compact() != nil || !bytes.Equal(plain, r.Schema)
}
