// Package extract gets the text out of documents, for models that take none
// (contract area 33, FL-01): PDF files with a text layer, Word, Excel and
// PowerPoint files of today's formats, and text of any kind in UTF-8 or UTF-16.
//
// What a document is, its bytes say; the MIME type and the name that came with it
// serve messages alone. All input is hostile: whatever it claims, memory stays
// within some tens of MiB beside the document, and the context is obeyed within a
// page too (S61). There is no goroutine, no file and no other process.
package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/extract/pdf"
)

// The limits of a document. What has more is [ErrTooLarge]: half a document
// would be answered as if it were all of it.
const (
	MaxBytes = 100 << 20 // of the document, as the files API has it
	MaxPages = 2000
	MaxText  = 8 << 20 // bytes of text, more than any model reads
)

// Document is the text of a document: pages, slides or sheets in order, or one
// page where there is no such thing. A page may be empty.
type Document struct {
	Title string
	Pages []string
}

// The kinds of error. Each comes wrapped in a message that says what the caller
// can do about it, and that may be shown to them.
var (
	ErrUnsupported = errors.New("unsupported document")
	ErrNoText      = errors.New("document without text")
	ErrEncrypted   = errors.New("encrypted document")
	ErrBroken      = errors.New("broken document")
	ErrTooLarge    = errors.New("document too large")
)

// fault is an error of a kind with a message of its own.
type fault struct {
	kind    error
	message string
}

func (f fault) Error() string { return f.message }
func (f fault) Unwrap() error { return f.kind }

// Text reads a document. Its errors are of the kinds above, or ctx's.
func Text(ctx context.Context, mime, name string, data []byte) (doc Document, err error) {
	what := describe(mime, name)
	// No document is known to make a reader panic, and one that does shall not take
	// more than its own request with it. The fuzz targets call read.
	defer func() {
		if recover() != nil {
			doc, err = Document{}, explain(ErrBroken, what, data)
		}
	}()
	return read(ctx, what, data)
}

// read is Text without a net.
func read(ctx context.Context, what string, data []byte) (doc Document, err error) {
	if len(data) > MaxBytes {
		return Document{}, fault{ErrTooLarge, fmt.Sprintf("%s has %d bytes, the limit is %d: send a smaller one", what, len(data), MaxBytes)}
	}
	switch {
	case bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")):
		doc, err = readPDF(ctx, data)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		doc, err = readOffice(ctx, data)
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		err = ErrEncrypted // or of before 2007: to a reader they look the same
	default:
		doc, err = readText(data)
	}
	if err == nil && len(doc.Pages) == 0 {
		err = ErrNoText
	}
	if err != nil {
		return Document{}, explain(err, what, data)
	}
	return doc, nil
}

// describe names a document in a message.
func describe(mime, name string) string {
	switch {
	case name != "":
		return fmt.Sprintf("the document %.100q", name)
	case mime != "":
		return fmt.Sprintf("the document (%.100q)", mime)
	default:
		return "the document"
	}
}

// explain says what is wrong with a document and what can be done.
func explain(err error, what string, data []byte) error {
	switch {
	case errors.Is(err, ErrNoText):
		return fault{ErrNoText, what + " has no text that can be read: it is scanned, empty, or its fonts do not say which letters they draw; send it to a model that takes files"}
	case errors.Is(err, ErrEncrypted):
		return fault{ErrEncrypted, what + " is encrypted, or a Microsoft Office file of before 2007: save it without a password, in a format of today"}
	case errors.Is(err, ErrBroken):
		return fault{ErrBroken, what + " is damaged: save it anew, or send it to a model that takes files"}
	case errors.Is(err, ErrTooLarge):
		return fault{ErrTooLarge, fmt.Sprintf("%s is too large to be read: the limits are %d pages and %d MiB of text, and it may not be compressed beyond reason; send a part of it, or send it to a model that takes files", what, MaxPages, MaxText>>20)}
	case errors.Is(err, ErrUnsupported):
		return fault{ErrUnsupported, fmt.Sprintf("%s is %s, and text is read from PDF, DOCX, XLSX, PPTX and UTF-8 text alone: convert it, or send it to a model that takes files", what, http.DetectContentType(data))}
	default:
		return err
	}
}

// readPDF reads a PDF file.
func readPDF(ctx context.Context, data []byte) (Document, error) {
	doc, err := pdf.Read(ctx, data, pdf.Limits{Pages: MaxPages, Text: MaxText})
	switch {
	case errors.Is(err, pdf.ErrNoText):
		err = ErrNoText
	case errors.Is(err, pdf.ErrEncrypted):
		err = ErrEncrypted
	case errors.Is(err, pdf.ErrBroken):
		err = ErrBroken
	case errors.Is(err, pdf.ErrTooLarge):
		err = ErrTooLarge
	}
	return Document(doc), err
}

// readText reads what is text as it is.
func readText(data []byte) (Document, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		data = fromUTF16(data[2:], 0, 1)
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		data = fromUTF16(data[2:], 1, 0)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) || bytes.ContainsFunc(data, binary) {
		return Document{}, ErrUnsupported
	}
	if len(data) > MaxText {
		return Document{}, ErrTooLarge
	}
	if text := string(data); strings.TrimSpace(text) != "" {
		return Document{Pages: []string{text}}, nil
	}
	return Document{}, ErrNoText
}

// binary reports whether a rune is one that no text has.
func binary(r rune) bool {
	return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' && r != '\b' && r != '\x1b' && r != '\v'
}

// fromUTF16 turns UTF-16 into UTF-8; low and high are where the halves of a unit
// are.
func fromUTF16(data []byte, low, high int) []byte {
	data = data[:min(len(data), 2*MaxText+2)] // what is longer is too large as it is
	out := make([]byte, 0, len(data))
	for i := 0; i+1 < len(data); i += 2 {
		r := rune(data[i+low]) | rune(data[i+high])<<8
		if utf16.IsSurrogate(r) && i+3 < len(data) {
			if pair := utf16.DecodeRune(r, rune(data[i+2+low])|rune(data[i+2+high])<<8); pair != utf8.RuneError {
				r = pair
				i += 2
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
