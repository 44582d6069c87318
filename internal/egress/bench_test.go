package egress

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkDo is a whole exchange through the door with a server next to it: what the
// door's assertions cost shows beside BenchmarkTransport, which has none.
func BenchmarkDo(b *testing.B) {
	for name, set := range map[string]func(b *testing.B) (*Door, string){"HTTP/1.1": plainServer, "HTTP/2": tlsServer} {
		b.Run(name, func(b *testing.B) {
			d, to := set(b)
			exchange(b, to, func(r *http.Request) (*http.Response, error) { return d.Do(r, anyEndpoint(r.URL)) })
		})
	}
}

// BenchmarkTransport is the same exchange without the door's assertions.
func BenchmarkTransport(b *testing.B) {
	for name, set := range map[string]func(b *testing.B) (*Door, string){"HTTP/1.1": plainServer, "HTTP/2": tlsServer} {
		b.Run(name, func(b *testing.B) {
			d, to := set(b)
			exchange(b, to, d.upstream.RoundTrip)
		})
	}
}

func said(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

func plainServer(b *testing.B) (*Door, string) { return newNamed(b, said) }

func tlsServer(b *testing.B) (*Door, string) {
	d, _ := newPublic(b, said, Options{})
	return d, "https://" + publicHost
}

func exchange(b *testing.B, to string, do func(*http.Request) (*http.Response, error)) {
	u, err := url.Parse(to + "/v1/chat/completions")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		req := (&http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hello")), ContentLength: 5}).WithContext(b.Context())
		resp, err := do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
