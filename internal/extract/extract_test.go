package extract

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const (
	slide = `<p:sp><p:txBody><a:bodyPr/><a:p><a:r><a:t>%s</a:t></a:r></a:p></p:txBody></p:sp>`
	notes = prolog + `<p:notes xmlns:p="` + pml + `" xmlns:a="` + dml + `"><p:sp><p:txBody><a:p><a:r><a:t>Say it.</a:t></a:r></a:p><a:p><a:fld type="slidenum"><a:t>1</a:t></a:fld></a:p></p:txBody></p:sp></p:notes>`
	body  = `<w:p><w:pPr><w:pStyle w:val="Heading1"/><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t>Head</w:t></w:r><w:r><w:t xml:space="preserve">ing </w:t></w:r></w:p>` +
		`<w:p><w:r><w:t>one</w:t><w:tab/><w:t>two</w:t><w:br/><w:t>three &lt; 4</w:t></w:r></w:p><w:p/>` +
		`<w:tbl><w:tblPr/><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr>` +
		`<w:tr><w:tc><w:p><w:r><w:t>d</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>` +
		`<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>` +
		`<mc:AlternateContent><mc:Choice><w:p><w:r><w:t>boxed</w:t></w:r></w:p></mc:Choice><mc:Fallback><w:p><w:r><w:t>boxed</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>`
	rows = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>in line</t></is></c><c r="D1" t="b"><v>1</v></c></row>` +
		`<row r="2"><c r="B2"><v>12.5</v></c><c r="C2" s="1"><v>45292</v></c><c r="D2" s="2"><v>45292.5</v></c><c r="E2" s="3"><v>45292</v></c><c r="F2" s="4"><v>1.25</v></c><c r="G2" s="5"><v>0.75</v></c><c r="H2"/></row>` +
		`<row r="3"/><row r="4"><c><v>1</v></c><c t="str"><f>A1</f><v>x` + "\n" + `y</v></c><c t="s"><v>9</v></c><c t="e"><v>#N/A</v></c></row>`
	shared = `<si><t>shared</t></si><si><r><t>two </t></r><r><t>runs</t></r><rPh><t>toruns</t></rPh></si>`
)

func TestText(t *testing.T) {
	t.Parallel()
	word := docx(body)
	word["word/_rels/document.xml.rels"] = rels("footnotes", "footnotes.xml")
	word["word/footnotes.xml"] = prolog + `<w:footnotes xmlns:w="` + wml + `"><w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>`
	deck := pptx(fmt.Sprintf(slide, "First"), fmt.Sprintf(slide, "Second"))
	deck["ppt/slides/_rels/slide2.xml.rels"] = rels("notesSlide", "../notesSlides/notesSlide1.xml")
	deck["ppt/notesSlides/notesSlide1.xml"] = notes
	for name, tc := range map[string]struct {
		data []byte
		want Document
	}{
		"plain":    {[]byte("Hello\n"), Document{Pages: []string{"Hello\n"}}},
		"marked":   {[]byte("\ufeffHellö"), Document{Pages: []string{"Hellö"}}},
		"utf-16le": {[]byte("\xff\xfeH\x00\xf6\x00\x3d\xd8\x00\xde"), Document{Pages: []string{"Hö😀"}}},
		"utf-16be": {[]byte("\xfe\xff\x00H\xd8\x3d\xde\x00"), Document{Pages: []string{"H😀"}}},
		"json":     {[]byte(`{"a": 1}`), Document{Pages: []string{`{"a": 1}`}}},
		"pdf":      {[]byte(aPDF), Document{Title: "A title", Pages: []string{"Hello"}}},
		"docx":     {word.bytes(), Document{Title: "A & B", Pages: []string{"Heading \none\ttwo\nthree < 4\na b\t\tc\nd\nnew\nboxed\nA note."}}},
		"pptx":     {deck.bytes(), Document{Title: "A & B", Pages: []string{"First\nSay it.", "Second"}}},
		"xlsx": {xlsx(shared, rows, "", `<row><c t="s"><v>1</v></c></row>`).bytes(), Document{Pages: []string{
			"Sheet 1\nshared\t\tin line\tTRUE\n\t12.5\t2024-01-01\t2024-01-01 12:00:00\t45292\t1900-01-01 06:00:00\t18:00:00\n1\tx y\t\t#N/A", "", "Sheet 3\ntwo runs",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What came with it says something else: the bytes decide.
			got, err := Text(t.Context(), "image/png", "photo.exe", tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// bombs are small files that ask for much.
func bombs() map[string][]byte {
	many := docx("")
	for i := range 8000 {
		many[fmt.Sprintf("%0150d", i)] = ""
	}
	zeros := strings.Repeat("0", 1<<21)
	repeated := strings.Repeat(`<row><c t="s"><v>0</v></c></row>`, 1000)
	return map[string][]byte{
		"inflates":        docx(strings.Repeat(`<w:p><w:r><w:t>Hello</w:t></w:r></w:p>`, 100_000)).bytes(),
		"deep":            docx(strings.Repeat(`<w:p>`, 1000)).bytes(),
		"long text":       docx("<w:p><w:r><w:t>" + zeros + "</w:t></w:r></w:p>").bytes(),
		"long tag":        docx("<w:p" + strings.Repeat(` a=""`, 1<<18) + "/>").bytes(),
		"long name":       docx("<w:p" + zeros + "/>").bytes(),
		"long comment":    docx("<!-- " + zeros + " -->").bytes(),
		"long quote":      docx("<![CDATA[" + strings.Repeat("<>", 1<<20) + "]]>").bytes(),
		"many parts":      many.bytes(),
		"a string reused": xlsx(`<si><t>`+strings.Repeat("x", 100_000)+`</t></si>`, repeated).bytes(),
		"columns":         xlsx("", strings.Repeat(`<row><c r="XFD1"><v>1</v></c></row>`, 2000)).bytes(),
		"text":            bytes.Repeat([]byte("Hello\n"), 2<<20),
		"utf-16":          append([]byte("\xff\xfe"), bytes.Repeat([]byte("\x20\x20"), MaxText)...),
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	for name, data := range bombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Text(t.Context(), "", "", data); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes: %v", len(data), err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cut := docx(body).bytes()
	locked := docx(body).bytes()
	// The flag of an encrypted part, in the directory.
	locked[bytes.Index(locked, []byte("PK\x01\x02"))+8] |= 1
	var other bytes.Buffer
	z := zip.NewWriter(&other)
	if _, err := z.Create("readme.txt"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want error
		says string
	}{
		"nothing":         {nil, ErrNoText, "model that takes files"},
		"blank":           {[]byte(" \n"), ErrNoText, "model that takes files"},
		"image":           {[]byte("\x89PNG\r\n\x1a\n\x00\x00"), ErrUnsupported, "is image/png"},
		"archive":         {other.Bytes(), ErrUnsupported, "is application/zip"},
		"latin-1":         {[]byte("caf\xe9"), ErrUnsupported, "convert it"},
		"before 2007":     {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ErrEncrypted, "without a password"},
		"locked":          {locked, ErrEncrypted, "without a password"},
		"cut":             {cut[:len(cut)/2], ErrBroken, "damaged"},
		"no XML":          {docx("<w:p").bytes(), ErrBroken, "damaged"},
		"an entity":       {docx("&bomb;").bytes(), ErrBroken, "damaged"},
		"an empty letter": {docx("<w:p/>").bytes(), ErrNoText, "no text"},
		"an empty sheet":  {xlsx("", "").bytes(), ErrNoText, "no text"},
		"scanned":         {[]byte(strings.Replace(aPDF, "(Hello) Tj", "", 1)), ErrNoText, "scanned"},
		"pdf encrypted":   {[]byte(strings.Replace(aPDF, "/Root", "/Encrypt << /V 4 >> /Root", 1)), ErrEncrypted, "without a password"},
		"pdf broken":      {[]byte("%PDF-1.7\n"), ErrBroken, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Text(t.Context(), "text/plain", "a \"name\"\n", tc.data)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if s := err.Error(); !strings.Contains(s, tc.says) || !strings.Contains(s, `"a \"name\"\n"`) || strings.Contains(s, "\n") {
				t.Errorf("%q does not say %q", s, tc.says)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, data := range [][]byte{[]byte(aPDF), docx(body).bytes()} {
		if _, err := Text(ctx, "", "", data); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// laws are what holds for every document.
func laws(t *testing.T, data []byte) {
	t.Helper()
	doc, err := read(t.Context(), "the document", data)
	if err != nil {
		if !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNoText) && !errors.Is(err, ErrEncrypted) && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		if doc.Pages != nil || doc.Title != "" {
			t.Fatalf("%v, but %d pages", err, len(doc.Pages))
		}
		return
	}
	size := len(doc.Title)
	for _, p := range doc.Pages {
		size += len(p)
		if !utf8.ValidString(p) {
			t.Fatalf("not UTF-8: %.100q", p)
		}
	}
	if !utf8.ValidString(doc.Title) || len(doc.Pages) == 0 || len(doc.Pages) > MaxPages || size > 2*MaxText {
		t.Fatalf("%d pages, %d bytes, title %.100q", len(doc.Pages), size, doc.Title)
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte(aPDF))
	f.Add(docx(body).bytes())
	f.Add(xlsx(shared, rows).bytes())
	f.Add(pptx(fmt.Sprintf(slide, "First")).bytes())
	f.Add([]byte("\xff\xfeH\x00"))
	f.Fuzz(laws)
}

// FuzzParts changes the parts of Office files: what an archive hides from the
// mutations of its bytes.
func FuzzParts(f *testing.F) {
	f.Add(body, shared, rows, fmt.Sprintf(slide, "First"))
	f.Fuzz(func(t *testing.T, body, shared, rows, slide string) {
		laws(t, docx(body).bytes())
		laws(t, xlsx(shared, rows).bytes())
		laws(t, pptx(slide).bytes())
	})
}
