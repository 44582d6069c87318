// Package pdf reads the text layer of PDF files (ISO 32000-1): nothing of images,
// forms to fill in, scripts or encryption.
//
// It is written for hostile files. The cross-reference table, which is what
// writers and attackers get wrong, is not read: objects are found by scanning.
// Everything that could be large or endless has a limit, so memory stays within
// some tens of MiB beside the file, whatever it says of itself, and the context is
// looked at within pages.
package pdf

import (
	"context"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The errors of a file that cannot be read.
var (
	ErrBroken    = errors.New("pdf: broken")
	ErrEncrypted = errors.New("pdf: encrypted")
	ErrNoText    = errors.New("pdf: no text layer")
	ErrTooLarge  = errors.New("pdf: too large")
)

// Limits are what a caller takes of a file; what has more is ErrTooLarge.
type Limits struct {
	Pages int
	Text  int // bytes
}

// Document is what a file says: a text a page, in the order of its pages.
type Document struct {
	Title string
	Pages []string
}

// Read reads a file. Its errors are those of this package or of ctx.
func Read(ctx context.Context, data []byte, lim Limits) (Document, error) {
	f := &file{ctx: ctx, data: data, limits: lim, fonts: make(map[ref]*font)}
	if err := f.scan(); err != nil {
		return Document{}, err
	}
	if f.encrypted() {
		return Document{}, ErrEncrypted
	}
	pages, err := f.pages()
	if err != nil {
		return Document{}, err
	}
	doc := Document{Title: f.title()}
	for _, p := range pages {
		text, err := f.page(p)
		if err != nil {
			return Document{}, err
		}
		doc.Pages = append(doc.Pages, text)
	}
	// A stray mark is no text layer, and neither are codes whose letters nobody
	// knows.
	if f.known == 0 || f.unknown > f.known {
		return Document{}, ErrNoText
	}
	return doc, nil
}

// page is a page of the tree with what it inherits.
type page struct {
	dict      dict
	resources object
}

const maxPageDepth = 64

// pages are the pages in order: those of the tree, or every page there is where
// the tree is broken.
func (f *file) pages() ([]page, error) {
	var out []page
	seen := make(map[ref]bool)
	var walk func(o object, resources object, depth int) error
	walk = func(o object, resources object, depth int) error {
		if r, ok := o.(ref); ok {
			if seen[r] {
				return nil
			}
			seen[r] = true
		}
		d, ok := f.resolve(o).(dict)
		if !ok || depth > maxPageDepth {
			return f.stop()
		}
		if r, ok := d["Resources"]; ok {
			resources = r
		}
		kids, ok := f.resolve(d["Kids"]).(array)
		if !ok {
			if d["Type"] != name("Page") && d["Contents"] == nil {
				return f.stop()
			}
			if len(out) == f.limits.Pages {
				return ErrTooLarge
			}
			out = append(out, page{d, resources})
			return f.stop()
		}
		for _, kid := range kids {
			if err := walk(kid, resources, depth+1); err != nil {
				return err
			}
		}
		return f.stop()
	}
	if err := walk(f.root()["Pages"], nil, 0); err != nil || len(out) > 0 {
		return out, err
	}
	for _, r := range f.loose {
		if err := walk(r, nil, 0); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, ErrBroken
	}
	return out, f.stop()
}

// page is the text of a page.
func (f *file) page(p page) (string, error) {
	content, err := f.content(p.dict["Contents"])
	if err != nil {
		return "", err
	}
	res, _ := f.resolve(p.resources).(dict)
	in := interpreter{file: f}
	if err := in.run(content, res, 0); err != nil {
		return "", err
	}
	return in.layout.text(), nil
}

// content is what is painted on a page: a stream, or pieces of one.
func (f *file) content(o object) ([]byte, error) {
	parts, ok := f.resolve(o).(array)
	if !ok {
		parts = array{o}
	}
	var out []byte
	for _, part := range parts {
		s, ok := f.resolve(part).(stream)
		if !ok {
			if err := f.stop(); err != nil {
				return nil, err
			}
			continue
		}
		data, err := f.decode(s)
		if errors.Is(err, errFilter) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(out)+len(data) > maxStream {
			return nil, ErrTooLarge
		}
		if len(parts) == 1 {
			return data, nil
		}
		out = append(append(out, data...), '\n')
	}
	return out, nil
}

// title is the title in the file's information.
func (f *file) title() string {
	for _, t := range f.trailers {
		if info, ok := f.resolve(t["Info"]).(dict); ok {
			if s, ok := f.resolve(info["Title"]).(text); ok {
				return strings.TrimSpace(plain(s))
			}
		}
	}
	return ""
}

// plain reads a text string: UTF-16 or UTF-8 behind a mark, else what is nearly
// Latin-1.
func plain(s text) string {
	switch {
	case len(s) >= 2 && s[0] == 0xfe && s[1] == 0xff:
		return utf16be(s[2:])
	case len(s) >= 3 && s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf:
		return strings.ToValidUTF8(string(s[3:]), "\ufffd")
	}
	var out strings.Builder
	for _, c := range s {
		out.WriteString(winAnsi(c))
	}
	return out.String()
}

func utf16be(s []byte) string {
	units := make([]uint16, 0, len(s)/2)
	for i := 0; i+1 < len(s); i += 2 {
		units = append(units, uint16(s[i])<<8|uint16(s[i+1]))
	}
	var out strings.Builder
	for _, r := range utf16.Decode(units) {
		if r != 0 && r != utf8.RuneError {
			out.WriteRune(r)
		}
	}
	return out.String()
}
