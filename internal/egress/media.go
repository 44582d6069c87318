package egress

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
)

// Get fetches media that a caller named, at most limit bytes of it, and returns
// the bytes and the Content-Type header as sent; which types are welcome is for
// the asker to decide (S16). Only https on port 443 of a public address is
// reached, whatever the operator named (S17). The answer must be a plain 200:
// no redirect is followed, no encoding undone. All of it must be over within
// [Options.FetchTimeout].
//
// Every failure is [ErrFetch] and nothing more, so that a caller cannot map a
// network by its errors; only the end of ctx is told as such.
func (d *Door) Get(ctx context.Context, rawURL string, limit int64) (body []byte, contentType string, err error) {
	fctx, cancel := context.WithTimeout(ctx, d.opt.FetchTimeout)
	defer cancel()
	body, contentType, ok := d.fetch(fctx, rawURL, limit)
	switch {
	case ok:
		return body, contentType, nil
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	default:
		return nil, "", ErrFetch
	}
}

func (d *Door) fetch(ctx context.Context, rawURL string, limit int64) (body []byte, contentType string, ok bool) {
	limit = min(limit, math.MaxInt64-1) // one more is read to see an overrun
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, "", false
	}
	if _, port, _ := splitHost(u.Host); u.Scheme != "https" || port != "" && port != "443" {
		return nil, "", false
	}
	req := (&http.Request{
		Method: http.MethodGet,
		URL:    u,
		Host:   u.Host,
		Header: http.Header{"Accept": {"*/*"}, "User-Agent": {"turnpike"}},
	}).WithContext(ctx)
	resp, err := d.media.RoundTrip(req)
	if err != nil {
		return nil, "", false
	}
	defer func() { _ = resp.Body.Close() }()
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, "", false
	}
	if resp.StatusCode != http.StatusOK || resp.ContentLength > limit {
		return nil, "", false
	}
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(resp.Body, limit+1)); err != nil || n > limit {
		return nil, "", false
	}
	return b.Bytes(), resp.Header.Get("Content-Type"), true
}
