package egress

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	t.Parallel()
	const limit = 1000
	stall := func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		ok    bool
	}{
		"fits": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = io.WriteString(w, strings.Repeat("a", limit))
		}, true},
		"fits, no length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, strings.Repeat("a", limit))
		}, true},
		"declared too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(limit+1))
			_, _ = io.WriteString(w, strings.Repeat("a", limit+1))
		}, false},
		"too long, no length": {func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, strings.Repeat("a", limit+1))
		}, false},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("a", 1<<16)); err != nil {
					return
				}
			}
		}, false},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "a")
		}, false},
		"encoded": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "a")
		}, false},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://example.com/next", http.StatusFound)
		}, false},
		"not found":  {func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, false},
		"no content": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, false},
		"partial":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) }, false},
		"broken":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
		"stalls":     {stall, false},
		"stalls in the body": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "a")
			stall(w, r)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			o := Options{}
			if strings.HasPrefix(name, "stalls") {
				o.FetchTimeout = 100 * time.Millisecond
			}
			d, rec := newPublic(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if len(r.Cookies()) != 0 || r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
					t.Errorf("the fetch tells too much: %v", r.Header)
				}
				c.serve(w, r)
			}, o)
			body, typ, err := d.Get(t.Context(), "https://example.com/cat.png", limit)
			if c.ok {
				if err != nil || string(body) != strings.Repeat("a", limit) || typ != "image/png" {
					t.Errorf("got %d bytes, %q, %v", len(body), typ, err)
				}
			} else if err != ErrFetch || body != nil || typ != "" { //nolint:errorlint // the class and nothing around it
				t.Errorf("got %d bytes, %q, %v, want ErrFetch alone", len(body), typ, err)
			}
			if len(rec.all()) != 1 || asked.Load() > 1 {
				t.Errorf("%d dials and %d requests, want one", len(rec.all()), asked.Load())
			}
		})
	}
}

// TestGetOnly443 is S14 for callers: no other port, no plain http.
func TestGetOnly443(t *testing.T) {
	t.Parallel()
	d, rec := newPublic(t, func(http.ResponseWriter, *http.Request) {}, Options{Named: []string{"example.com:8443", "example.com:80"}})
	for _, url := range []string{"http://example.com/", "http://example.com:80/", "http://example.com:443/", "https://example.com:8443/", "https://example.com:80/", "https://example.com:22/"} {
		if _, _, err := d.Get(t.Context(), url, 1); !errors.Is(err, ErrFetch) {
			t.Errorf("%s: got %v, want ErrFetch", url, err)
		}
	}
	if n := rec.all(); len(n) != 0 {
		t.Errorf("dialled %v", n)
	}
	if _, _, err := d.Get(t.Context(), "https://example.com:443/", 1); err != nil {
		t.Errorf("443 spelled out: %v", err)
	}
}

// TestGetBorrowsNoConnection: an open connection to a named private address
// does not serve a caller's fetch of the same URL (S17).
func TestGetBorrowsNoConnection(t *testing.T) {
	t.Parallel()
	d, rec := newPublic(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inner") }, Options{
		Named:    []string{"example.com:443"},
		Resolver: answer("10.0.0.1"),
	})
	resp, err := get(t, d, "https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if body, _, err := d.Get(t.Context(), "https://example.com/", 100); !errors.Is(err, ErrFetch) {
		t.Errorf("got %q, %v, want ErrFetch", body, err)
	}
	if got := rec.all(); len(got) != 1 || got[0] != netip.MustParseAddrPort("10.0.0.1:443") {
		t.Errorf("dialled %v, want the one of Do", got)
	}
}

// TestGetGivenUp: the caller's own end is told as such.
func TestGetGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d, _ := newPublic(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}, Options{})
	if _, _, err := d.Get(ctx, "https://example.com/", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
