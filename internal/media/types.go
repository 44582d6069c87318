package media

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const anyType = "application/octet-stream"

// TypeOf is the MIME type of a medium in the usual spelling: as it was told, else by
// its bytes, else by the extension of its URL, where that is of an image or a PDF; ""
// if nothing tells.
func TypeOf(m *llm.Media) string {
	told, _, _ := strings.Cut(strings.ToLower(m.MIME), ";")
	switch told = strings.TrimSpace(told); {
	case told == "image/jpg", told == "image/pjpeg":
		return "image/jpeg"
	case told != "" && told != anyType && told != "image/*":
		return told
	case m.Data != "":
		return sniff(m.Data)
	default:
		return byExtension(path.Ext(nameOf(m.URL)))
	}
}

// sniff is the type of bytes in base64.
func sniff(data string) string {
	const enough = 684                                                                     // base64 of what is looked at, 512 bytes
	head, _ := base64.StdEncoding.AppendDecode(nil, []byte(data[:min(len(data), enough)])) // what it can
	kind, _, _ := mime.ParseMediaType(http.DetectContentType(head))                        // well formed
	return kind
}

func byExtension(ext string) string {
	switch ext = strings.ToLower(strings.TrimPrefix(ext, ".")); ext {
	case "pdf":
		return "application/pdf"
	case "png", "jpeg", "gif", "webp", "bmp", "tiff", "heic", "heif", "avif":
		return "image/" + ext
	case "jpg":
		return "image/jpeg"
	case "tif":
		return "image/tiff"
	}
	return ""
}

// IsImage reports whether a type is one of images; a drawing in SVG is a text.
func IsImage(kind string) bool {
	return strings.HasPrefix(kind, "image/") && kind != "image/svg+xml"
}

// asImage is a file that is an image.
func asImage(p *llm.Part) llm.Part {
	m := llm.Media{URL: p.Media.URL, Data: p.Media.Data, Name: p.Media.Name}
	if m.Data != "" {
		m.MIME = TypeOf(p.Media)
	}
	out := *p
	out.Kind, out.Media = llm.PartImage, &m
	return out
}

// Suit is the request with its images under the names that the vendor has for their
// types, of which it takes those; nil: all. If loose, a name that is only spelled in
// another way stays: the request is not edited for that. An image of another type is
// an error of this request at this endpoint.
func Suit(req *llm.Request, takes []string, loose bool) (*llm.Request, error) {
	if takes == nil {
		return req, nil
	}
	n := 0
	return edit(req, func(p *llm.Part) (llm.Part, error) {
		if p.Kind != llm.PartImage || p.Media == nil {
			return *p, nil
		}
		n++
		kind := TypeOf(p.Media)
		switch {
		case kind == "", kind == p.Media.MIME && slices.Contains(takes, kind):
			return *p, nil
		case !slices.Contains(takes, kind):
			last := len(takes) - 1
			return *p, unsuited(llm.TypeImageFormat, fmt.Sprintf("%s: the image is of type %.100q, which this provider does not take; send %s or %s",
				place(req, n), kind, strings.Join(takes[:last], ", "), takes[last]))
		case loose && strings.HasPrefix(strings.ToLower(p.Media.MIME), "image/"):
			return *p, nil
		default:
			return typed(p, kind), nil
		}
	})
}

// typed is a part whose bytes are of a type.
func typed(p *llm.Part, kind string) llm.Part {
	out := *p
	if p.Media.Data == "" || p.Media.MIME == kind {
		return out
	}
	m := *p.Media
	m.MIME, out.Media = kind, &m
	return out
}

// place is where the n-th image of a request stands, as the caller wrote it, where
// messages and their parts are those of the canon.
func place(req *llm.Request, n int) string {
	if req.Dialect != llm.Chat {
		return fmt.Sprintf("image %d of the request", n)
	}
	seen, found := 0, ""
	count := func(i int, parts []llm.Part) {
		for j := range parts {
			if parts[j].Kind != llm.PartImage {
				continue
			}
			if seen++; seen == n {
				found = fmt.Sprintf("messages/%d/content/%d", i, j)
			}
		}
	}
	for i := range req.Input.Messages {
		count(i, req.Input.Messages[i].Parts)
		for _, p := range req.Input.Messages[i].Parts {
			if p.Kind == llm.PartResult {
				count(i, p.Result.Parts)
			}
		}
	}
	return found
}
