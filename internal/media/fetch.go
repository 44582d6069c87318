package media

import (
	"context"
	"encoding/base64"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// fetch gets what one part names.
func fetch(ctx context.Context, door Door, p llm.Part) (m llm.Media, size int64, err error) {
	body, said, err := door.Get(ctx, p.Media.URL, limit(p.Kind))
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return m, 0, err
	case refused(err):
		return m, 0, err
	default:
		e := unsuited(typeOf(p.Kind), "messages: what the URL "+clip(p.Media.URL)+" names could not be fetched; want https and a public address, or send the bytes as a data URI")
		e.Err = err
		return m, 0, e
	}
	kind, ok := kindOf(p.Kind, body, said)
	if !ok {
		return m, 0, unsuited(formatOf(p.Kind), "messages: the URL "+clip(p.Media.URL)+" names something else ("+kind+")")
	}
	return llm.Media{MIME: kind, Data: base64.StdEncoding.EncodeToString(body), Name: nameOf(p.Media.URL)}, int64(len(body)), nil
}

// refused reports an error that says for itself why nothing was fetched.
func refused(err error) bool {
	_, ok := errors.AsType[*llm.Error](err)
	return ok
}

func typeOf(k llm.PartKind) llm.Type {
	if k == llm.PartImage {
		return llm.TypeImageDownload
	}
	return llm.TypeInvalidRequest
}

func formatOf(k llm.PartKind) llm.Type {
	if k == llm.PartImage {
		return llm.TypeImageFormat
	}
	return llm.TypeInvalidRequest
}

// kindOf is the MIME type of what was fetched, by its bytes where they tell, else by
// what the server said; ok is false where it is of another kind than was asked for
// (S16).
func kindOf(k llm.PartKind, body []byte, said string) (kind string, ok bool) {
	kind, _, _ = mime.ParseMediaType(http.DetectContentType(body)) // well formed
	if stated, _, err := mime.ParseMediaType(said); err == nil && (kind == "application/octet-stream" || kind == "text/plain") {
		kind = stated
	}
	switch k {
	case llm.PartImage:
		return kind, strings.HasPrefix(kind, "image/")
	case llm.PartAudio:
		return kind, strings.HasPrefix(kind, "audio/") || kind == "application/ogg"
	case llm.PartVideo:
		return kind, strings.HasPrefix(kind, "video/")
	default:
		return kind, kind != "text/html" // a page that says why there is no document
	}
}

func audioFormat(kind string) string {
	switch kind {
	case "audio/mpeg":
		return "mp3"
	case "audio/wave", "audio/wav", "audio/x-wav":
		return "wav"
	case "audio/mp4":
		return "m4a"
	case "application/ogg":
		return "ogg"
	}
	return strings.TrimPrefix(kind, "audio/")
}

// nameOf is the last element of a URL's path: what a person would call the file.
func nameOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	if name := path.Base(u.Path); name != "." && name != "/" {
		return name
	}
	return ""
}

// clip bounds what of a URL comes back in a message; a query may hold a secret.
func clip(raw string) string {
	const most = 200
	raw, _, _ = strings.Cut(raw, "?")
	if u, err := url.Parse(raw); err == nil && u.User != nil {
		u.User = nil
		raw = u.String()
	}
	if len(raw) > most {
		raw = strings.ToValidUTF8(raw[:most], "") + "..."
	}
	return raw
}
