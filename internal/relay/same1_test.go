package relay_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// vendor is a server that a test drives to the byte: what it does with the nth request
// that it has read.
type vendor struct {
	net.Listener
	mu     sync.Mutex
	seen   int
	opened []net.Conn
	conns  sync.WaitGroup
}

func (v *vendor) next() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen++
	return v.seen
}

func (v *vendor) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen
}

func (v *vendor) serve(each func(net.Conn)) {
	v.conns.Go(func() {
		for {
			c, err := v.Accept()
			if err != nil {
				return
			}
			v.mu.Lock()
			v.opened = append(v.opened, c)
			v.mu.Unlock()
			v.conns.Go(func() {
				defer c.Close()
				each(c)
			})
		}
	})
}

// asks is a relay with the vendor as its one candidate.
func asks(t *testing.T, v *vendor, scheme string, roots *x509.CertPool) (*relay.Relay, route.Plan) {
	t.Helper()
	address := v.Addr().String()
	door := egress.New(egress.Options{Named: []string{address}, RootCAs: roots})
	live := provider.Live{Spec: provider.Spec{Slug: "v", Speaks: provider.Plain(), Default: llm.Chat, Auth: provider.Bearer{}}, BaseURL: scheme + "://" + address}
	r := &relay.Relay{
		Door: door, Health: health.New(time.Now), Attempts: 8, Now: time.Now,
		Timeouts:  relay.Timeouts{FirstByte: time.Minute, Idle: time.Minute},
		Providers: func(string) (provider.Live, bool) { return live, true },
	}
	t.Cleanup(func() {
		door.CloseIdle()
		_ = v.Close()
		v.mu.Lock()
		for _, c := range v.opened {
			_ = c.Close()
		}
		v.mu.Unlock()
		v.conns.Wait()
	})
	return r, route.Plan{Candidates: []route.Candidate{{
		Endpoint: &catalog.Endpoint{ID: "m@v", Model: "m", Provider: "v", Native: "n"}, Model: &catalog.Model{ID: "m"}, Provider: &catalog.Provider{Slug: "v", Name: "V"},
	}}}
}

func listens(t *testing.T) *vendor {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &vendor{Listener: l}
}

func hello(ctx context.Context, t *testing.T, r *relay.Relay, plan route.Plan) error {
	t.Helper()
	a, _, err := r.Do(ctx, request(t, `"max_tokens":9`), plan)
	if err != nil {
		return err
	}
	defer a.Stream.Close()
	if text, err := read(a.Stream); err != nil || text != "hello" {
		t.Errorf("%q, %v", text, err)
	}
	r.Ended(a, health.Sample{Output: 1})
	return nil
}

// F06: a connection that was idle and is closed as the request is written, or after it
// was read: it may have been processed, and is never sent again. One that is found
// closed before costs nothing.
func TestF06_IdleConnectionCloses(t *testing.T) {
	t.Parallel()
	v := listens(t)
	closes := make(chan bool, 1) // after the answer
	v.serve(func(c net.Conn) {
		for in := bufio.NewReader(c); ; {
			q, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, q.Body); err != nil {
				return
			}
			if v.next()%2 == 0 {
				return // without an answer
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(wholeHello), wholeHello)
			select {
			case <-closes:
				return
			default:
			}
		}
	})
	r, plan := asks(t, v, "http", nil)
	for i := range 5 {
		if err := hello(t.Context(), t, r, plan); err != nil || v.count() != 2*i+1 {
			t.Fatalf("%v after %d requests", err, v.count())
		}
		if err := hello(t.Context(), t, r, plan); err == nil || v.count() != 2*i+2 {
			t.Fatalf("%v: a request that may have been processed was sent again: %d", err, v.count())
		}
	}
	for range 20 { // each on a connection that is being closed
		v.mu.Lock()
		v.seen = 0
		v.mu.Unlock()
		closes <- true
		err := hello(t.Context(), t, r, plan)
		if seen := v.count(); seen > 1 || seen == 0 && err == nil { // where it was written before the end was seen, nobody knows
			t.Fatalf("%v after %d requests", err, seen)
		}
		select {
		case <-closes: // it did not come to that
		default:
		}
	}
}

// frame is one of HTTP/2 (RFC 9113, 4.1).
func frame(kind, flags byte, stream uint32, payload string) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// The frames and flags that it takes.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7

	flagEnd, flagAck, flagEndHeaders = 1, 1, 4

	internalError = "\x00\x00\x00\x02"
	refusedStream = "\x00\x00\x00\x07"
)

// speak2 reads HTTP/2 and gives each request's stream to answer, which reports whether
// the connection goes on.
func speak2(c net.Conn, answer func(stream uint32) bool) {
	in := bufio.NewReader(c)
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	_, _ = c.Write(frame(frameSettings, 0, 0, ""))
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		switch kind, flags := head[3], head[4]; {
		case kind == frameSettings && flags&flagAck == 0:
			_, _ = c.Write(frame(frameSettings, flagAck, 0, ""))
		case kind == framePing && flags&flagAck == 0:
			_, _ = c.Write(frame(framePing, flagAck, 0, string(payload)))
		case kind == frameHeaders && !answer(binary.BigEndian.Uint32(head[5:])):
			return
		}
	}
}

// F08: a stream that was refused, or that is above a GOAWAY's last, is sent to the same
// endpoint once more, on a connection that takes it; one that was reset otherwise is
// not. It all shares a budget.
func TestF08_RefusedStreams(t *testing.T) {
	t.Parallel()
	certified := httptest.NewTLSServer(nil)
	certificates := certified.TLS.Certificates
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	certified.Close()
	const ok = "\x88\x0f\x10\x10application/json" // :status 200, content-type (RFC 7541)
	for name, c := range map[string]struct {
		script []string // what becomes of each request; the last goes on
		fails  bool
		seen   int
	}{
		"answered":                   {[]string{"answer"}, false, 1},
		"refused once":               {[]string{"refuse", "answer"}, false, 2},
		"refused for ever":           {[]string{"refuse"}, true, 2},
		"going away":                 {[]string{"away", "answer"}, false, 2},
		"going away for ever":        {[]string{"away"}, true, 2},
		"reset: maybe processed":     {[]string{"reset", "answer"}, true, 1},
		"going away with the answer": {[]string{"keep", "answer"}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := listens(t)
			v.Listener = tls.NewListener(v.Listener, &tls.Config{Certificates: certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
			v.serve(func(conn net.Conn) {
				speak2(conn, func(stream uint32) bool {
					does := c.script[min(v.next(), len(c.script))-1]
					switch does {
					case "refuse":
						_, _ = conn.Write(frame(frameReset, 0, stream, refusedStream))
					case "reset":
						_, _ = conn.Write(frame(frameReset, 0, stream, internalError))
					case "away": // the last stream that was processed is none
						_, _ = conn.Write(frame(frameGoAway, 0, 0, strings.Repeat("\x00", 8)))
					case "keep": // it is this one, and is never answered
						_, _ = conn.Write(frame(frameGoAway, 0, 0, string(binary.BigEndian.AppendUint32(nil, stream))+"\x00\x00\x00\x00"))
						return false
					default:
						_, _ = conn.Write(append(frame(frameHeaders, flagEndHeaders, stream, ok), frame(frameData, flagEnd, stream, wholeHello)...))
					}
					return true
				})
			})
			r, plan := asks(t, v, "https", roots)
			if err := hello(t.Context(), t, r, plan); (err != nil) != c.fails || v.count() != c.seen {
				t.Errorf("%v after %d requests, want %d", err, v.count(), c.seen)
			}
		})
	}
}
