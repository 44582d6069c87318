package extract

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"
)

// The limits of an Office file, a ZIP archive of XML parts.
const (
	maxDirectory = 1 << 20  // bytes of the archive's directory
	maxParts     = 64 << 20 // bytes of all parts that are read,
	maxRatio     = 100      // and to how many times the file's size (S61), small ones aside
	freeParts    = 1 << 20
	maxToken     = 1 << 20 // bytes of a tag or of a text between two
	maxDepth     = 256     // of elements
	maxTitle     = 1000    // bytes
)

// archive is an Office file being read.
type archive struct {
	ctx   context.Context
	parts map[string]*zip.File
	left  int64 // bytes of parts that may still be read
	text  int   // bytes of text, so far
}

// readOffice reads an Office Open XML file (ISO/IEC 29500): its first relationship
// says which kind it is.
func readOffice(ctx context.Context, data []byte) (Document, error) {
	a, err := open(ctx, data)
	if err != nil {
		return Document{}, err
	}
	root, err := a.relationships("")
	if err != nil {
		return Document{}, err
	}
	main := ""
	for _, r := range root {
		if strings.HasSuffix(r.kind, "/officeDocument") {
			main = r.target
		}
	}
	var doc Document
	switch {
	case a.parts[main] == nil:
		return Document{}, ErrUnsupported // some other archive
	case strings.HasPrefix(main, "word/"):
		doc.Pages, err = a.word(main)
	case strings.HasPrefix(main, "xl/"):
		doc.Pages, err = a.workbook(main)
	case strings.HasPrefix(main, "ppt/"):
		doc.Pages, err = a.slides(main)
	default:
		return Document{}, ErrUnsupported
	}
	if err != nil {
		return Document{}, err
	}
	if strings.TrimSpace(strings.Join(doc.Pages, "")) == "" {
		return Document{}, ErrNoText
	}
	doc.Title, err = a.title()
	return doc, err
}

// open reads the archive's directory.
func open(ctx context.Context, data []byte) (*archive, error) {
	// A directory may claim any number of entries: what is read of it is counted.
	r := &counter{r: bytes.NewReader(data), left: maxDirectory + 1<<17}
	z, err := zip.NewReader(r, int64(len(data)))
	if r.left < 0 {
		return nil, ErrTooLarge
	}
	if err != nil {
		return nil, ErrBroken
	}
	r.left = 1 << 62
	a := &archive{ctx: ctx, parts: make(map[string]*zip.File), left: min(maxParts, max(freeParts, maxRatio*int64(len(data))))}
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, ErrEncrypted
		}
		a.parts[strings.TrimPrefix(f.Name, "/")] = f
	}
	return a, nil
}

// counter is a reader that ends where too much has been read.
type counter struct {
	r    io.ReaderAt
	left int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, ErrTooLarge
	}
	return c.r.ReadAt(p, off)
}

// write notes n bytes of text, and says when there were too many.
func (a *archive) write(n int) error {
	if a.text += n; a.text > MaxText {
		return ErrTooLarge
	}
	return nil
}

// element is the start or the end of an XML element, or text.
type element struct {
	start, end string // the name without its prefix
	text       string
	attrs      []xml.Attr
}

// attr is an attribute by its name without a prefix.
func (e element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// related is the id of a relationship: r:id, beside which there may be an id.
func (e element) related() string {
	for _, a := range e.attrs {
		if a.Name.Local == "id" && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}

// each calls f for what is in a part, in order. A part that is not there is
// empty.
func (a *archive) each(part string, f func(element) error) error {
	file := a.parts[part]
	if file == nil {
		return nil
	}
	body, err := file.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return ErrUnsupported
	}
	if err != nil {
		return ErrBroken
	}
	defer body.Close()
	m := &meter{archive: a, r: body}
	d := xml.NewDecoder(m)
	depth := 0
	for {
		m.token = 0
		t, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && m.err != nil:
			return m.err
		case err != nil:
			return ErrBroken
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return ErrTooLarge
			}
			err = f(element{start: t.Name.Local, attrs: t.Attr})
		case xml.EndElement:
			depth--
			err = f(element{end: t.Name.Local})
		case xml.CharData:
			err = f(element{text: string(t)})
		}
		if err != nil {
			return err
		}
	}
}

// meter reads a part, counts, and looks at the context.
type meter struct {
	archive *archive
	r       io.Reader
	token   int // bytes read since the last token
	err     error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.err = m.archive.ctx.Err(); m.err != nil {
		return 0, m.err
	}
	n, err := m.r.Read(p)
	m.token += n
	if m.archive.left -= int64(n); m.archive.left < 0 || m.token > maxToken {
		m.err = ErrTooLarge
		return 0, m.err
	}
	return n, err
}

// relationship is what a part says of another.
type relationship struct {
	id, kind, target string
}

const maxRelationships = 10_000

// relationships are those of a part, or of the file itself.
func (a *archive) relationships(part string) ([]relationship, error) {
	dir, base := path.Split(part)
	var out []relationship
	err := a.each(dir+"_rels/"+base+".rels", func(e element) error {
		if e.start != "Relationship" || e.attr("TargetMode") == "External" {
			return nil
		}
		target := e.attr("Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", dir, target)
		}
		out = append(out, relationship{id: e.attr("Id"), kind: e.attr("Type"), target: strings.TrimPrefix(target, "/")})
		if len(out) > maxRelationships {
			return ErrTooLarge
		}
		return nil
	})
	return out, err
}

// target is the part that a relationship leads to, "" if there is none.
func target(list []relationship, matches func(relationship) bool) string {
	for _, r := range list {
		if matches(r) {
			return r.target
		}
	}
	return ""
}

// title is the title in the document's properties.
func (a *archive) title() (string, error) {
	var title []byte
	in := false
	err := a.each("docProps/core.xml", func(e element) error {
		switch {
		case e.start != "" || e.end != "":
			in = e.start == "title"
		case in && len(title) < maxTitle:
			title = append(title, e.text...)
		}
		return nil
	})
	return strings.ToValidUTF8(strings.TrimSpace(string(title[:min(len(title), maxTitle)])), ""), err
}
