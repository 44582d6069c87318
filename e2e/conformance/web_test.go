package conformance

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/egress"
)

// web is the rest of the world: hosts below example.com, which a test certificate
// names, at addresses of the resolver's choosing.
type web struct {
	egress.Options
	mu    sync.Mutex
	asked []string
}

const (
	pics  = "https://pics.example.com"  // at a public address
	inner = "https://inner.example.com" // at a private one
)

func newWeb(t *testing.T) *web {
	t.Helper()
	w := &web{}
	pages := map[string]struct{ kind, body string }{
		"/a.png":    {"image/png", aPicture(t)},
		"/page.png": {"image/png", "<!DOCTYPE html><html><body>Please log in.</body></html>"},
		"/big.png":  {"image/png", aPicture(t) + strings.Repeat("\x00", 21<<20)},
		"/a.mp4":    {"video/mp4", "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + strings.Repeat("v", 64)},
		"/a.pdf":    {"application/pdf", aPDF("The door is green.")},
		"/login":    {"text/html", "<!DOCTYPE html><html><body>Please log in.</body></html>"},
	}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.asked = append(w.asked, r.Host+r.URL.Path)
		w.mu.Unlock()
		page, ok := pages[r.URL.Path]
		if !ok {
			http.Redirect(out, r, pics+"/a.png", http.StatusFound)
			return
		}
		out.Header().Set("Content-Type", page.kind)
		_, _ = io.WriteString(out, page.body)
	}))
	t.Cleanup(srv.Close)
	public := netip.MustParseAddr("93.184.216.34")
	w.Resolver = names{"pics.example.com": public, "inner.example.com": netip.MustParseAddr("10.0.0.7")}
	w.RootCAs = x509.NewCertPool()
	w.RootCAs.AddCert(srv.Certificate())
	w.Dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
		to := a.String()
		if a.Addr() == public {
			to = srv.Listener.Addr().String()
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", to)
	}
	return w
}

// visits are the pages that were fetched so far.
func (w *web) visits() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.asked, " ")
}

// names is a resolver.
type names map[string]netip.Addr

// LookupNetIP implements egress.Resolver.
func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := n[host]; ok {
		return []netip.Addr{a}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func aPicture(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// aPDF is a PDF file of one page that says so; "" is a page without text, as a scan
// has it.
func aPDF(says string) string {
	content := "BT /F1 12 Tf 72 700 Td (" + says + ") Tj ET"
	if says == "" {
		content = "72 700 m 80 700 l S"
	}
	return `%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >> endobj
4 0 obj << >> stream
` + content + `
endstream endobj
5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj
trailer << /Root 1 0 R >>
%%EOF
`
}

// aDOCX is a Word document of one paragraph.
func aDOCX(t *testing.T, says string) string {
	t.Helper()
	const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range []struct{ name, text string }{
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>` + says + `</w:t></w:r></w:p><w:sectPr/></w:body></w:document>`},
	} {
		f, err := z.Create(part.name)
		if err == nil {
			_, err = io.WriteString(f, head+part.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encoded(data string) string { return base64.StdEncoding.EncodeToString([]byte(data)) }
