package relay

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// payload is the body of an upstream request. The transport, which repeats only what
// was certainly not processed, may have it again if again allows it, until the answer
// has begun; after that it is let go, because what a long conversation weighs must not
// be held for as long as its answer streams.
type payload struct {
	text  atomic.Pointer[[]byte]
	again func() bool
	sent  atomic.Int32 // how often the head of the request went out before it
}

func newPayload(text []byte, again func() bool) *payload {
	p := &payload{again: again}
	p.text.Store(&text)
	return p
}

// repeat is an http.Request's GetBody. The transport may ask more than once before it
// sends.
func (p *payload) repeat() (io.ReadCloser, error) {
	if n := p.sent.Load(); n > 1 || n == 1 && !p.again() {
		return nil, errRepeated
	}
	return p.open()
}

// went notes that the head of the request went out.
func (p *payload) went() { p.sent.Add(1) }

var errRepeated = errors.New("not sent to the same endpoint once more")

// open is the body from its beginning.
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
