package parse

import (
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

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

// Effort reads how hard to think (contract area 13).
func (b *Body) Effort() string {
	s := b.Optional()
	b.OneOf(s, "max", "xhigh", "high", "medium", "low", "minimal", "none")
	return s
}

// Printable bounds what of a caller's own text comes back in a message.
func Printable(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
