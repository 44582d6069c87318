package extract

import "strings"

// word is the text of a Word document and of its notes, as one page: where its
// pages end, the printer decides.
func (a *archive) word(main string) ([]string, error) {
	var p paragraphs
	if err := a.paragraphs(main, &p); err != nil {
		return nil, err
	}
	related, err := a.relationships(main)
	if err != nil {
		return nil, err
	}
	for _, r := range related {
		if strings.HasSuffix(r.kind, "/footnotes") || strings.HasSuffix(r.kind, "/endnotes") {
			if err := a.paragraphs(r.target, &p); err != nil {
				return nil, err
			}
		}
	}
	return []string{p.text()}, nil
}

// slides are the texts of a presentation's slides, each with its notes.
func (a *archive) slides(main string) ([]string, error) {
	related, err := a.relationships(main)
	if err != nil {
		return nil, err
	}
	var parts []string
	err = a.each(main, func(e element) error {
		if e.start != "sldId" {
			return nil
		}
		id := e.related()
		if part := target(related, func(r relationship) bool { return r.id == id }); part != "" {
			parts = append(parts, part)
		}
		if len(parts) > MaxPages {
			return ErrTooLarge
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var pages []string
	for _, part := range parts {
		var p paragraphs
		if err := a.paragraphs(part, &p); err != nil {
			return nil, err
		}
		related, err := a.relationships(part)
		if err != nil {
			return nil, err
		}
		notes := target(related, func(r relationship) bool { return strings.HasSuffix(r.kind, "/notesSlide") })
		if err := a.paragraphs(notes, &p); err != nil {
			return nil, err
		}
		pages = append(pages, p.text())
	}
	return pages, nil
}

// paragraphs gathers text: a line a paragraph, and a line a row of a table, its
// cells parted by tabs.
type paragraphs struct {
	out  strings.Builder
	gap  string // to be written before the next text
	cell int    // how many cells we are in
}

// between notes what parts the next text from the last. A line break counts more
// than cells, and cells more than a space.
func (p *paragraphs) between(gap string) {
	switch gap {
	case "\n":
		p.gap = gap
	case "\t":
		p.gap = strings.TrimSuffix(p.gap, " ") + gap
	default:
		if p.gap == "" {
			p.gap = gap
		}
	}
}

// write returns how many bytes it wrote.
func (p *paragraphs) write(s string) int {
	gap := p.gap
	if p.gap = ""; p.out.Len() == 0 {
		gap = strings.TrimLeft(gap, " \n")
	}
	p.out.WriteString(gap)
	p.out.WriteString(s)
	return len(gap) + len(s)
}

func (p *paragraphs) text() string { return strings.Trim(p.out.String(), " \n") }

// silent are the elements that hold no text to be read: properties, codes of
// fields, what was deleted or moved away, and what stands in for what is read.
func silent(name string) bool {
	switch name {
	case "pPr", "rPr", "sectPr", "tblPr", "trPr", "tcPr", "bodyPr", "lstStyle", "instrText", "delText", "moveFrom", "Fallback":
		return true
	default:
		return false
	}
}

// paragraphs reads the text of a part. WordprocessingML and DrawingML call what
// matters by the same names: t in r in p, br, tab, and tc in tr in tbl.
func (a *archive) paragraphs(part string, p *paragraphs) error {
	skip, in := 0, false // silent elements we are in; a t
	field := false       // a slide's number or date
	return a.each(part, func(e element) error {
		switch {
		case silent(e.start):
			skip++
		case silent(e.end):
			skip--
		}
		if skip > 0 {
			return nil
		}
		switch e.start {
		case "t":
			in = !field
		case "fld":
			field = e.attr("type") == "slidenum"
		case "br", "cr":
			p.between("\n")
		case "tab":
			p.between("\t")
		case "tc":
			p.cell++
		}
		switch e.end {
		case "t":
			in = false
		case "fld":
			field = false
		case "p":
			if p.cell > 0 {
				p.between(" ")
			} else {
				p.between("\n")
			}
		case "tc":
			p.cell--
			p.between("\t")
		case "tr":
			p.between("\n")
		}
		if in && e.text != "" {
			return a.write(p.write(e.text))
		}
		return nil
	})
}
