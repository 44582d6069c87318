package relay

import (
	"errors"
	"io"
	"net/http"
	"testing"
)

func TestPayload(t *testing.T) {
	t.Parallel()
	p := newPayload([]byte("what is sent"), func() bool { return true })
	for range 2 { // a second time: the connection was stale
		b, err := p.open()
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(b); string(text) != "what is sent" || err != nil {
			t.Fatalf("%q, %v", text, err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("read after close: %v", err)
		}
	}
	b, err := p.open()
	if err != nil {
		t.Fatal(err)
	}
	p.drop()
	if text, err := io.ReadAll(b); string(text) != "what is sent" || err != nil {
		t.Errorf("being sent when the answer began: %q, %v", text, err)
	}
	if _, err := p.open(); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("open after drop: %v", err)
	}
}

// A body is given out again freely until the request has been sent, then if that is
// allowed, and not a third time.
func TestRepeat(t *testing.T) {
	t.Parallel()
	allowed := false
	p := newPayload([]byte("what is sent"), func() bool { return allowed })
	repeats := func(want bool) {
		t.Helper()
		if _, err := p.repeat(); (err == nil) != want {
			t.Error(err)
		}
	}
	repeats(true)
	p.went()
	repeats(false)
	allowed = true
	repeats(true)
	repeats(true)
	p.went()
	repeats(false)
}
