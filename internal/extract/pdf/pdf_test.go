package pdf

import (
	"bytes"
	"context"
	"encoding/ascii85"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// composite is a font with two-byte codes and what they mean.
func composite(toUnicode string) []string {
	return []string{
		"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [7 0 R] /ToUnicode 8 0 R >>",
		"null",
		"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 500 /W [1 [600 700] 10 20 300] >>",
		streamOf(pack("/CIDInit /ProcSet findresource begin\nbegincmap\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"+toUnicode+"\nendcmap end"), "/Filter /FlateDecode"),
	}
}

// files are files of all kinds that hold the same greeting.
func files() map[string]maker {
	text := "BT /F1 12 Tf 72 700 Td (Hello, world) Tj ET"
	everything := []int{1, 2, 3, 5}
	flate := "/Filter /FlateDecode"
	cid := composite("3 beginbfchar <0001> <0048> <0017> <0072006C0064> <0002> <0065006C> endbfchar 1 beginbfrange <0010> <0013> <006C> endbfrange 1 beginbfrange <0020> <0021> [<002C0020> <0077>] endbfrange")
	var hex strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&hex, "%02x", text[i])
	}
	a85 := make([]byte, ascii85.MaxEncodedLen(len(text)))
	a85 = a85[:ascii85.Encode(a85, []byte(text))]
	png := func(rows ...string) string { // each row behind the number of its filter
		var out strings.Builder
		for i, row := range rows {
			out.WriteByte(byte(i % 3))
			for c := range len(row) {
				var left, above byte
				if c > 0 {
					left = row[c-1]
				}
				if i > 0 {
					above = rows[i-1][c]
				}
				switch i % 3 {
				case 0:
					out.WriteByte(row[c])
				case 1:
					out.WriteByte(row[c] - left)
				case 2:
					out.WriteByte(row[c] - above)
				}
			}
		}
		return pack(out.String())
	}
	padded := text + strings.Repeat(" ", 50-len(text))
	out := map[string]maker{
		"plain":               onePage(streamOf(text, ""), helvetica),
		"compressed":          onePage(streamOf(pack(text), flate), helvetica),
		"compressed, bare":    onePage(streamOf(pack(text)[2:], flate), helvetica),
		"compressed, cut":     onePage(streamOf(pack(text)[:len(pack(text))-4], flate), helvetica),
		"hexadecimal":         onePage(streamOf(hex.String()+">", "/Filter /ASCIIHexDecode"), helvetica),
		"ascii85":             onePage(streamOf(string(a85)+"~>", "/Filter [/ASCII85Decode]"), helvetica),
		"run length":          onePage(streamOf(string(rune(len(text)-1))+text+"\x80", "/Filter /RunLengthDecode"), helvetica),
		"lzw":                 onePage(streamOf(lzw(text), "/Filter /LZWDecode"), helvetica),
		"png predictor":       onePage(streamOf(png(padded[:10], padded[10:20], padded[20:30], padded[30:40], padded[40:]), flate+" /DecodeParms << /Predictor 15 /Columns 10 >>"), helvetica),
		"two filters":         onePage(streamOf(fmt.Sprintf("%x>", pack(text)), "/Filter [/AHx /Fl]"), helvetica),
		"length by reference": onePage(strings.Replace(streamOf(text, ""), fmt.Sprint("/Length ", len(text)), "/Length 6 0 R", 1), helvetica, strconv.Itoa(len(text))),
		"length wrong":        onePage(strings.Replace(streamOf(text, ""), "/Length ", "/Length 9", 1), helvetica),
		"pieces":              onePage("[6 0 R 7 0 R]", helvetica, streamOf("BT /F1 12 Tf 72 700", ""), streamOf("Td (Hello, world) Tj ET", "")),
		"header of 2.0":       {header: "%PDF-2.0\n", objects: onePage(streamOf(text, ""), helvetica).objects},
		"junk before header":  {header: "\x00junk\n%PDF-1.4\n", objects: onePage(streamOf(text, ""), helvetica).objects},
		"composite font":      onePage(streamOf("BT /F1 12 Tf 72 700 Td <0001000200100013> Tj <00200021> Tj <00130017> Tj ET", ""), cid[0], cid[1:]...),
		"differences":         onePage(streamOf(`BT /F1 12 Tf 72 700 Td (\001\002\003\003\004\005 w\004rld) Tj ET`, ""), "<< /Type /Font /Subtype /Type1 /BaseFont /X /Encoding << /Differences [1 /H /e /l /o /comma] >> >>"),
		"a form":              onePage(streamOf("q 1 0 0 1 72 700 cm /X1 Do Q", ""), helvetica, streamOf("BT /F1 12 Tf (Hello, world) Tj ET", "/Type /XObject /Subtype /Form /BBox [0 0 100 100]")),
		"updated":             updated(onePage(streamOf("BT /F1 12 Tf (old) Tj ET", ""), helvetica), 4, streamOf(text, "")),
		"no trailer":          {objects: onePage(streamOf(text, ""), helvetica).objects, trailer: "/Root null"},
	}
	packed := onePage(streamOf(text, ""), helvetica)
	packed.packed = everything
	out["object streams"] = packed
	compressed := onePage(streamOf(pack(text), flate), helvetica)
	compressed.packed = everything
	out["object streams, compressed"] = compressed
	return out
}

// updated appends a new version of an object, with the table that says so.
func updated(m maker, number int, object string) maker {
	old := m.bytes()
	at := len(old)
	head := fmt.Sprintf("%d 0 obj\n%s\nendobj\n", number, object)
	m.tail = head + fmt.Sprintf("xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size %d /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n",
		number, at, len(m.objects)+1, bytes.LastIndex(old, []byte("\nxref\n"))+1, at+len(head))
	return m
}

// lzw packs with nine-bit codes alone, as one may for a short text.
func lzw(s string) string {
	var out []byte
	bits, have := 0, 0
	put := func(code int) {
		bits = bits<<9 | code
		for have += 9; have >= 8; have -= 8 {
			out = append(out, byte(bits>>(have-8)))
		}
		bits &= 1<<have - 1
	}
	put(256)
	for i := range len(s) {
		put(int(s[i]))
	}
	put(257)
	if have > 0 {
		out = append(out, byte(bits<<(8-have)))
	}
	return string(out)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for name, m := range files() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := first(t, m); got != "Hello, world" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// Pages come in the order of the tree and inherit its resources.
func TestPages(t *testing.T) {
	t.Parallel()
	page := func(parent int, contents int) string {
		return fmt.Sprintf("<< /Type /Page /Parent %d 0 R /Contents %d 0 R >>", parent, contents)
	}
	text := func(s string) string { return streamOf("BT /F1 9 Tf ("+s+") Tj ET", "") }
	m := maker{
		objects: []string{
			"<< /Type /Catalog /Pages 2 0 R >>",
			"<< /Type /Pages /Kids [3 0 R 6 0 R 2 0 R] /Count 3 /Resources << /Font << /F1 10 0 R >> >> >>",
			"<< /Type /Pages /Parent 2 0 R /Kids [5 0 R 4 0 R] /Count 2 >>",
			page(3, 8), page(3, 7), page(2, 9),
			text("one"), text("two"), text("three"),
			helvetica,
			`<< /Title (\376\377\000N\000a\000m\000e) >>`,
		},
		trailer: "/Info 11 0 R",
	}
	want := Document{Title: "Name", Pages: []string{"one", "two", "three"}}
	if diff := cmp.Diff(want, read(t, m.bytes())); diff != "" {
		t.Error(diff)
	}
	// Without a tree the pages come as they stand in the file, without its fonts.
	m.objects[1] = "<< >>"
	want.Pages = []string{"two", "one", "three"}
	if diff := cmp.Diff(want, read(t, m.bytes())); diff != "" {
		t.Error(diff)
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	simple := func(encoding string) string {
		return "<< /Type /Font /Subtype /Type1 /BaseFont /X " + encoding + " >>"
	}
	for name, tc := range map[string]struct{ in, font, want string }{
		"standard":       {`(\047\256\304\341)`, simple(""), "’fi˜Æ"},
		"windows":        {`(\200\223\344\366)`, simple("/Encoding /WinAnsiEncoding"), "€“äö"},
		"macintosh":      {`(\200\212\336)`, simple("/Encoding /MacRomanEncoding"), "Ääfi"},
		"truetype":       {`(\344)`, "<< /Type /Font /Subtype /TrueType /BaseFont /X >>", "ä"},
		"names":          {`(\001\002\003\004\005\006\007\010)`, simple("/Encoding << /Differences [1 /Zcaron /ffi /uni4E2D /u1F600 /alpha /Omega /a.sc /f_i] >>"), "Žffi中😀αΩafi"},
		"names and base": {`(\001\344)`, simple("/Encoding << /BaseEncoding /WinAnsiEncoding /Differences [1 /Euro] >>"), "€ä"},
		"type 3 by name": {`(a)`, "<< /Type /Font /Subtype /Type3 /FontMatrix [0.01 0 0 0.01 0 0] /FontBBox [0 0 100 100] /FirstChar 97 /Widths [50] /Encoding << /Differences [97 /b] >> >>", "b"},
		"unicode codes":  {`<4E2D6587>`, "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /UniGB-UCS2-H /DescendantFonts [ << >> ] >>", "中文"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := first(t, onePage(streamOf("BT /F1 10 Tf 72 700 Td "+tc.in+" Tj ET", ""), tc.font)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// bombs are small files that ask for much.
func bombs() map[string][]byte {
	text := "BT /F1 9 Tf (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj ET "
	flate := "/Filter /FlateDecode"
	form := func(next string) string {
		return streamOf(strings.Repeat(next+" Do ", 100), "/Type /XObject /Subtype /Form /Resources << /XObject << /X1 6 0 R /X2 7 0 R >> /Font << /F1 5 0 R >> >>")
	}
	kids := onePage(streamOf(text, ""), helvetica)
	kids.objects[1] = "<< /Type /Pages /Kids [" + strings.Repeat("<< /Type /Page /Contents 4 0 R >> ", 2000) + "] >>"
	same := onePage(streamOf(strings.Repeat(text, 2000), ""), helvetica)
	same.objects[1] = "<< /Type /Pages /Kids [" + strings.Repeat("<< /Type /Page /Resources << /Font << /F1 5 0 R >> >> /Contents [4 0 R 4 0 R 4 0 R 4 0 R 4 0 R 4 0 R 4 0 R 4 0 R] >> ", 90) + "] >>"
	twice := pack(pack(strings.Repeat(text, 1<<18)))
	ranges := composite(strings.Repeat("1 beginbfrange <0000> <FFFF> <0041> endbfrange ", 400_000))
	return map[string][]byte{
		"inflates":       onePage(streamOf(pack(strings.Repeat(text, 1<<18)), flate), helvetica).bytes(),
		"inflates twice": onePage(streamOf(twice, "/Filter [/FlateDecode /FlateDecode]"), helvetica).bytes(),
		"forms in forms": onePage(streamOf("/X1 Do", ""), helvetica, form("/X2"), form("/X1")).bytes(),
		"too many pages": kids.bytes(),
		"pages repeated": same.bytes(),
		"code ranges":    onePage(streamOf("BT /F1 9 Tf <0001> Tj ET", ""), ranges[0], ranges[1:]...).bytes(),
	}
}

func TestBombs(t *testing.T) {
	t.Parallel()
	for name, data := range bombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read(t.Context(), data, generous); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes: %v", len(data), err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	scanned := onePage(streamOf("q 612 0 0 792 0 0 cm /X1 Do Q", ""), helvetica, streamOf("\x00", "/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray"))
	locked := onePage(show("(x) Tj"), helvetica, "<< /Filter /Standard /V 4 /R 4 /P -4 >>")
	locked.trailer = "/Encrypt 6 0 R"
	unmapped := onePage(show("<00010002> Tj"), "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [ << >> ] >>")
	for name, tc := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":    {nil, ErrBroken},
		"a header":   {[]byte("%PDF-1.7\n"), ErrBroken},
		"no pages":   {maker{objects: []string{"<< /Type /Catalog >>"}}.bytes(), ErrBroken},
		"scanned":    {scanned.bytes(), ErrNoText},
		"no letters": {unmapped.bytes(), ErrNoText},
		"encrypted":  {locked.bytes(), ErrEncrypted},
		"cut":        {onePage(show("(x) Tj"), helvetica).bytes()[:60], ErrBroken},
		"self":       {maker{objects: []string{"1 0 R"}}.bytes(), ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read(t.Context(), tc.data, generous); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, onePage(show("(x) Tj"), helvetica).bytes(), generous); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// laws are what holds for every file.
func laws(t *testing.T, data []byte) {
	t.Helper()
	was := bytes.Clone(data)
	doc, err := Read(t.Context(), data, Limits{Pages: 20, Text: 1 << 16})
	if !bytes.Equal(was, data) {
		t.Fatal("the file was changed")
	}
	size := 0
	for _, p := range doc.Pages {
		size += len(p)
		if !utf8.ValidString(p) {
			t.Fatalf("not UTF-8: %q", p)
		}
	}
	switch {
	case err == nil:
		if len(doc.Pages) == 0 || len(doc.Pages) > 20 || size > 1<<17 {
			t.Fatalf("%d pages, %d bytes", len(doc.Pages), size)
		}
	case errors.Is(err, ErrBroken), errors.Is(err, ErrEncrypted), errors.Is(err, ErrNoText), errors.Is(err, ErrTooLarge):
	default:
		t.Fatal(err)
	}
}

// A file cut somewhere, or with some byte of it wrong, is no trouble.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for name, m := range files() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := m.bytes()
			for i := 0; i < len(data); i += 1 + len(data)/250 {
				laws(t, data[:i])
				wrong := bytes.Clone(data)
				wrong[i] ^= 0xff
				laws(t, wrong)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, m := range files() {
		f.Add(m.bytes())
	}
	f.Fuzz(laws)
}

// FuzzContent looks for trouble in what a page shows, where the mutations of a
// whole file seldom get.
func FuzzContent(f *testing.F) {
	f.Add("BT /F1 9 Tf 1 0 0 1 72 700 Tm [(a) -300 (b)] TJ T* (c) ' ET q /X1 Do Q", "1 beginbfrange <00> <7f> <0041> endbfrange")
	f.Add("BT /F1 9 Tf 3 Tc 0 Tz (\\101\\n) Tj <4142> Tj ET BI /W 1 ID xx EI", "1 beginbfchar <41> <05D0> endbfchar")
	f.Fuzz(func(t *testing.T, content, cmap string) {
		font := composite(cmap)
		font[1] = streamOf(content, "/Type /XObject /Subtype /Form")
		if len(content) > 100 && len(content)%2 == 1 {
			font[0] = "<< /Type /Font /Subtype /TrueType /BaseFont /X /ToUnicode 8 0 R >>"
		}
		laws(t, onePage(streamOf(content, ""), font[0], font[1:]...).bytes())
	})
}
