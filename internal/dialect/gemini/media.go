package gemini

import (
	"cmp"
	"path"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	mimeText = "text/plain"

	filesURL  = "https://generativelanguage.googleapis.com/v1beta/"
	filesHost = "https://generativelanguage.googleapis.com/"
	fileNames = "files/"
	bucket    = "gs://"
)

// media writes a part that is no text; what a document is called and about goes
// before it. Media by value are inlineData. Of URLs Google reads itself those of
// videos, YouTube's above all, and those of its own storage; others it takes for
// some models and types only, so they are fetched for it.
// https://ai.google.dev/gemini-api/docs/file-input-methods
func (e *encoder) media(parts []part, p *llm.Part) ([]part, error) {
	m := p.Media
	if about := strings.Trim(m.Title+"\n"+m.Context, "\n"); about != "" {
		parts = append(parts, part{Text: &about})
	}
	switch {
	case m.Data != "":
		return append(parts, part{InlineData: &inlineData{mimeType(p), m.Data}}), nil
	case m.URL != "" && (p.Kind == llm.PartVideo || e.q.keeps(m.URL)):
		return append(parts, part{FileData: &fileData{mimeType(p), m.URL}}), nil
	case m.URL != "":
		return nil, unfit("The provider cannot read a URL of this kind of media")
	case e.q.keeps(m.FileID):
		file := &fileData{FileURI: m.FileID}
		if name, ok := strings.CutPrefix(m.FileID, fileNames); ok {
			file.FileURI = filesURL + fileNames + name
		}
		if m.MIME != "" || path.Ext(cmp.Or(m.Name, m.FileID)) != "" || e.q.Buckets {
			file.MIMEType = mimeType(p) // else Google knows what it keeps
		}
		return append(parts, part{FileData: file}), nil
	default:
		return nil, unfit("The provider cannot read a file by its file_id")
	}
}

// keeps reports whether a name or URL is of a file in the vendor's own storage:
// others are another vendor's.
func (q *Quirks) keeps(name string) bool {
	if q.Buckets {
		return strings.HasPrefix(name, bucket)
	}
	return strings.HasPrefix(name, fileNames) || strings.HasPrefix(name, filesHost)
}

func unfit(message string) *llm.Error {
	return &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: message}
}

// plainly is a document's type in the only words for text that all of Google's
// endpoints know.
func plainly(k llm.PartKind, mime string) string {
	if k != llm.PartFile {
		return mime
	}
	bare, _, _ := strings.Cut(strings.ToLower(mime), ";")
	switch bare = strings.TrimSpace(bare); {
	case strings.HasPrefix(bare, "text/"), strings.HasSuffix(bare, "+json"), strings.HasSuffix(bare, "+xml"),
		bare == "application/json", bare == "application/xml", bare == "application/yaml", bare == "application/javascript":
		return mimeText
	}
	return mime
}

// mimeType is the media's type, which Google wants in all cases: as told, else by
// the extension of its URL or name, else the usual one of its kind.
func mimeType(p *llm.Part) string {
	m := p.Media
	if m.MIME != "" {
		return plainly(p.Kind, m.MIME)
	}
	if m.Format != "" {
		return "audio/" + strings.ToLower(m.Format)
	}
	location, _, _ := strings.Cut(m.URL, "?")
	location, _, _ = strings.Cut(location, "#")
	switch strings.ToLower(path.Ext(cmp.Or(m.Name, m.FileID, location))) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".gif":
		return "image/gif"
	case ".heic":
		return "image/heic"
	case ".heif":
		return "image/heif"
	case ".pdf":
		return "application/pdf"
	case ".txt", ".md", ".csv", ".html", ".htm", ".json", ".xml", ".yaml", ".yml":
		return mimeText
	case ".mp3":
		return "audio/mp3"
	case ".wav":
		return "audio/wav"
	case ".mp4":
		return "video/mp4"
	case ".webm":
		return "video/webm"
	case ".mov":
		return "video/mov"
	}
	switch p.Kind {
	case llm.PartAudio:
		return "audio/wav"
	case llm.PartVideo:
		return "video/mp4"
	case llm.PartFile:
		return "application/pdf"
	default:
		return "image/jpeg"
	}
}
