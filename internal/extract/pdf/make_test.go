package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// maker writes a PDF file: valid, unless a test makes it otherwise.
type maker struct {
	header  string
	objects []string // from 1 on
	packed  []int    // numbers of the objects that go into an object stream
	trailer string   // more members of the trailer
	tail    string   // appended
}

// pack compresses as FlateDecode wants it.
func pack(data string) string {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write([]byte(data))
	_ = w.Close()
	return out.String()
}

// streamOf is a stream object; members are what its dictionary has beside Length.
func streamOf(data, members string) string {
	return fmt.Sprintf("<< /Length %d %s >>\nstream\n%s\nendstream", len(data), members, data)
}

func (m maker) bytes() []byte {
	var out bytes.Buffer
	out.WriteString(m.header)
	if m.header == "" {
		out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	}
	offsets := make([]int, len(m.objects)+2)
	for i, o := range m.objects {
		if !slices.Contains(m.packed, i+1) {
			offsets[i+1] = out.Len()
			fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
		}
	}
	if m.packed == nil {
		table := out.Len()
		fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(m.objects)+1)
		for _, at := range offsets[1 : len(m.objects)+1] {
			fmt.Fprintf(&out, "%010d 00000 n \n", at)
		}
		fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n%s", len(m.objects)+1, m.trailer, table, m.tail)
		return out.Bytes()
	}
	// An object stream and, after it, a cross-reference stream.
	container := len(m.objects) + 1
	var index, inner strings.Builder
	for _, n := range m.packed {
		fmt.Fprintf(&index, "%d %d ", n, inner.Len())
		inner.WriteString(m.objects[n-1] + "\n")
	}
	offsets[container] = out.Len()
	fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", container, streamOf(pack(index.String()+inner.String()),
		fmt.Sprintf("/Type /ObjStm /N %d /First %d /Filter /FlateDecode", len(m.packed), index.Len())))
	table := out.Len()
	rows := []byte{0, 0, 0, 0, 255}
	for n := 1; n <= container; n++ {
		if i := slices.Index(m.packed, n); i >= 0 {
			rows = append(rows, 2, 0, byte(container>>8), byte(container), byte(i))
		} else {
			rows = append(rows, 1, byte(offsets[n]>>16), byte(offsets[n]>>8), byte(offsets[n]), 0)
		}
	}
	rows = append(rows, 1, byte(table>>16), byte(table>>8), byte(table), 0)
	fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n%s", container+1, streamOf(pack(string(rows)),
		fmt.Sprintf("/Type /XRef /Size %d /W [1 3 1] /Root 1 0 R /Filter /FlateDecode %s", container+2, m.trailer)), table, m.tail)
	return out.Bytes()
}

const helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"

// onePage is a file with a page that shows content, with F1 for a font.
func onePage(content, font string, more ...string) maker {
	return maker{objects: append([]string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << /X1 6 0 R >> >> >>",
		content, font,
	}, more...)}
}

// show is content that shows strings, with text operators between them.
func show(operators string) string { return streamOf("BT /F1 10 Tf "+operators+" ET", "") }

var generous = Limits{Pages: 100, Text: 1 << 20}

func read(tb testing.TB, data []byte) Document {
	tb.Helper()
	doc, err := Read(tb.Context(), data, generous)
	if err != nil {
		tb.Fatalf("%v in\n%.2000q", err, data)
	}
	return doc
}

func first(tb testing.TB, m maker) string {
	tb.Helper()
	doc := read(tb, m.bytes())
	if len(doc.Pages) != 1 {
		tb.Fatalf("%d pages", len(doc.Pages))
	}
	return doc.Pages[0]
}
