package extract

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	prolog = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	rel    = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	wml    = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
	sml    = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	pml    = "http://schemas.openxmlformats.org/presentationml/2006/main"
	dml    = "http://schemas.openxmlformats.org/drawingml/2006/main"
)

// parts are the parts of an Office file by their names.
type parts map[string]string

// bytes writes the archive, in a fixed order.
func (p parts) bytes() []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(p[name])); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// rels is a part of relationships: pairs of a kind and a target, with the ids rId1
// and so on.
func rels(pairs ...string) string {
	var out strings.Builder
	out.WriteString(prolog + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&out, `<Relationship Id="rId%d" Type="%s/%s" Target="%s"/>`, i/2+1, rel, pairs[i], pairs[i+1])
	}
	return out.String() + `</Relationships>`
}

const core = prolog + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" ` +
	`xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>Nobody</dc:creator><dc:title>A &amp; B</dc:title></cp:coreProperties>`

// docx is a Word document with a body.
func docx(body string) parts {
	return parts{
		"_rels/.rels":       rels("officeDocument", "word/document.xml"),
		"word/document.xml": prolog + `<w:document xmlns:w="` + wml + `"><w:body>` + body + `<w:sectPr/></w:body></w:document>`,
		"docProps/core.xml": core,
	}
}

// pptx is a presentation with slides of these shapes, in reverse order of their names.
func pptx(slides ...string) parts {
	p := parts{"_rels/.rels": rels("officeDocument", "ppt/presentation.xml"), "docProps/core.xml": core}
	var list strings.Builder
	var pairs []string
	for i, s := range slides {
		name := fmt.Sprintf("slides/slide%d.xml", len(slides)-i)
		p["ppt/"+name] = prolog + `<p:sld xmlns:p="` + pml + `" xmlns:a="` + dml + `"><p:cSld><p:spTree>` + s + `</p:spTree></p:cSld></p:sld>`
		pairs = append(pairs, "slide", name)
		fmt.Fprintf(&list, `<p:sldId id="%d" r:id="rId%d"/>`, 256+i, i+1)
	}
	p["ppt/_rels/presentation.xml.rels"] = rels(pairs...)
	p["ppt/presentation.xml"] = prolog + `<p:presentation xmlns:p="` + pml + `" xmlns:r="` + rel + `"><p:sldIdLst>` + list.String() + `</p:sldIdLst></p:presentation>`
	return p
}

// xlsx is a workbook with sheets of these rows.
func xlsx(shared string, sheets ...string) parts {
	p := parts{"_rels/.rels": rels("officeDocument", "xl/workbook.xml")}
	var list strings.Builder
	pairs := []string{"sharedStrings", "sharedStrings.xml", "styles", "/xl/styles.xml"}
	for i, s := range sheets {
		p[fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1)] = prolog + `<worksheet xmlns="` + sml + `"><sheetData>` + s + `</sheetData></worksheet>`
		pairs = append(pairs, "worksheet", fmt.Sprintf("worksheets/sheet%d.xml", i+1))
		fmt.Fprintf(&list, `<sheet name="Sheet %d" sheetId="%d" r:id="rId%d"/>`, i+1, i+1, i+3)
	}
	p["xl/_rels/workbook.xml.rels"] = rels(pairs...)
	p["xl/workbook.xml"] = prolog + `<workbook xmlns="` + sml + `" xmlns:r="` + rel + `"><workbookPr/><sheets>` + list.String() + `</sheets></workbook>`
	p["xl/sharedStrings.xml"] = prolog + `<sst xmlns="` + sml + `">` + shared + `</sst>`
	p["xl/styles.xml"] = prolog + `<styleSheet xmlns="` + sml + `"><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="0.00&quot; days&quot;"/></numFmts>` +
		`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="22"/><xf numFmtId="21"/></cellXfs></styleSheet>`
	return p
}

// aPDF is the smallest PDF file that says Hello.
const aPDF = `%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >> endobj
4 0 obj << /Length 37 >> stream
BT /F1 12 Tf 72 700 Td (Hello) Tj ET 
endstream endobj
5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj
6 0 obj << /Title (A title) >> endobj
trailer << /Root 1 0 R /Info 6 0 R >>
%%EOF
`
