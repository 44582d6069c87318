package relay

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
)

// payload is the body of an upstream request. The transport may have it again
// until the answer has begun; after that it is let go, because what a long
// conversation weighs must not be held for as long as its answer streams.
type payload struct{ text atomic.Pointer[[]byte] }

func newPayload(text []byte) *payload {
	p := &payload{}
	p.text.Store(&text)
	return p
}

// open is an http.Request's GetBody.
func (p *payload) open() (io.ReadCloser, error) {
	text := p.text.Load()
	if text == nil {
		return nil, http.ErrBodyReadAfterClose
	}
	b := &sending{}
	b.r.Store(bytes.NewReader(*text))
	return b, nil
}

// drop lets the text go; what is being sent still goes out whole.
func (p *payload) drop() { p.text.Store(nil) }

// sending is one sending of a payload. Closed, it holds nothing.
type sending struct{ r atomic.Pointer[bytes.Reader] }

func (b *sending) Read(p []byte) (int, error) {
	r := b.r.Load()
	if r == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	return r.Read(p)
}

func (b *sending) Close() error {
	b.r.Store(nil)
	return nil
}
