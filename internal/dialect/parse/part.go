package parse

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// One is a list of a single part.
func (b *Body) One(part llm.Part) []llm.Part {
	const together = 16
	if len(b.parts) == 0 {
		b.parts = make([]llm.Part, together)
	}
	list := b.parts[:1:1]
	b.parts = b.parts[1:]
	list[0] = part
	return list
}

// Since is the value that has been read from the offset on.
func (b *Body) Since(from int64) jsontext.Value {
	return bytes.TrimLeft(b.Req.Source.Body[from:b.Offset()], ":, \t\r\n")
}

// Definition reads a member of a tool that OpenAI's languages have alike, and passes
// over any other.
func (r *Reader) Definition(t *llm.Tool, name string) {
	switch name {
	case "description":
		t.Description = r.Optional()
	case "parameters":
		if v := r.Raw(); v != nil {
			t.Parameters = v
		}
	case "strict":
		t.Strict = r.Boolean()
	default:
		r.Value()
	}
}

// Sound reads {data, format}.
func (r *Reader) Sound() *llm.Media {
	m := &llm.Media{}
	r.Object(func(name []byte) {
		switch string(name) {
		case "data":
			m.Data = Standard(r.Text())
		case "format":
			m.Format = r.Text()
		default:
			r.Value()
		}
	})
	if m.Data == "" || m.Format == "" {
		r.Fail("want data and format")
	}
	m.MIME = AudioMIME(m.Format)
	return m
}

// Locate reads an http(s) URL or a base64 data URI.
func (r *Reader) Locate(s string) *llm.Media {
	if hasScheme(s, "https://") || hasScheme(s, "http://") {
		return &llm.Media{URL: s}
	}
	if !hasScheme(s, "data:") {
		r.Fail("want an http(s) URL or a data URI")
		return &llm.Media{}
	}
	head, data, ok := strings.Cut(s[len("data:"):], ",")
	mime, encoded := strings.CutSuffix(head, ";base64")
	mime, _, _ = strings.Cut(mime, ";")
	if !ok || !encoded || mime == "" || data == "" || !isBase64(data) {
		r.Fail("want a data URI with a MIME type and base64 data")
	}
	return &llm.Media{MIME: mime, Data: Standard(data)}
}

// isBase64 looks at the alphabet alone, either one, and at white space, which some
// encoders leave in.
func isBase64(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '+', c == '/', c == '-', c == '_', c == '=', c == '\n', c == '\r', c == ' ':
		default:
			return false
		}
	}
	return true
}

func hasScheme(s, scheme string) bool {
	return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme)
}

// Standard turns the URL-safe alphabet of base64 into the standard one.
func Standard(s string) string {
	if strings.IndexByte(s, '-') < 0 && strings.IndexByte(s, '_') < 0 {
		return s
	}
	return strings.NewReplacer("-", "+", "_", "/").Replace(s)
}

// AudioMIME is the MIME type of an audio format.
func AudioMIME(format string) string {
	switch format {
	case "mp3":
		return "audio/mpeg"
	case "m4a":
		return "audio/mp4"
	}
	return "audio/" + format
}

// CacheControl reads a prompt-cache breakpoint; null is none.
func (b *Body) CacheControl() *llm.CacheMark {
	if b.Null() {
		return nil
	}
	c := &llm.CacheMark{}
	b.Object(func(name []byte) {
		switch string(name) {
		case "type":
			if s := b.Text(); s != "ephemeral" {
				b.Fail(`want "ephemeral"`)
			}
		case "ttl":
			c.TTL = b.Optional()
			b.OneOf(c.TTL, "5m", "1h")
		default:
			b.Value()
		}
	})
	return c
}

// Printable bounds what of a caller's own text comes back in a message.
func Printable(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
