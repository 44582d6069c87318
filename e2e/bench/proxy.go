package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// serveProxy is the yardstick: the standard library's reverse proxy with nothing
// added. It reads a request whole and sends it from memory, as a gateway that
// has to look into it must. target is the provider's origin. It writes its
// address and serves until ctx ends.
func serveProxy(ctx context.Context, target string, out io.Writer) error {
	to, err := url.Parse(target)
	if err != nil {
		return err
	}
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 8192, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
		FlushInterval: -1,
		BufferPool:    &buffers{},
	}
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := make([]byte, max(r.ContentLength, 0))
			if _, err := io.ReadFull(r.Body, body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			p.ServeHTTP(w, r)
		}),
	}
	fmt.Fprintln(out, l.Addr())
	if err := srv.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferSize]byte)(p)) }
