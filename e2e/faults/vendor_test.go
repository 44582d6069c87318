package faults

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is what a vendor does with a request that it has read.
type script func(w *wire)

// wire is a vendor's end of a connection.
type wire struct {
	net.Conn
	n      int // which of the vendor's requests it is, from 1
	header http.Header
	body   string
	stream bool // it was asked to stream
	done   <-chan struct{}
}

// say writes bytes; it reports whether the other side still takes them.
func (w *wire) say(parts ...string) bool {
	_, err := io.WriteString(w, strings.Join(parts, ""))
	return err == nil
}

// reset ends the connection with a RST.
func (w *wire) reset() {
	c := w.Conn
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// silence waits until the other side has left.
func (w *wire) silence() { _, _ = io.Copy(io.Discard, w.Conn) }

// pause waits; it reports whether the test still goes on.
func (w *wire) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-w.done:
		return false
	}
}

// vendor is a server that a test drives to the byte.
type vendor struct {
	listener net.Listener
	does     script
	done     chan struct{}
	conns    sync.WaitGroup

	mu     sync.Mutex
	bodies []string // of the requests, in order
	open   []net.Conn
	dialed int
}

// transport is what a vendor speaks, and how badly.
type transport uint8

const (
	plain     transport = iota
	secure              // TLS, as it should be
	expired             // the certificate was valid last year
	misnamed            // it is another's
	unknown             // nobody vouches for its issuer
	mute                // it takes the connection and says nothing
	outdated            // it speaks TLS 1.1 at most
	cleartext           // it answers a handshake in HTTP
	framed              // HTTP/2 over TLS, to the frame
)

// newVendor starts a server. Its handlers have ended when the test has; those that
// still wait for the product to hang up then are told of.
func newVendor(t *testing.T, how transport, does script) *vendor {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &vendor{listener: l, does: does, done: make(chan struct{})}
	each := v.converse
	switch how {
	case plain:
	case mute:
		each = func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	case cleartext:
		each = func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") }
	case framed:
		v.listener = tls.NewListener(l, certificates().config(t, how))
		each = v.frames
	default:
		v.listener = tls.NewListener(l, certificates().config(t, how))
	}
	v.conns.Go(func() {
		for {
			c, err := v.listener.Accept()
			if err != nil {
				return
			}
			v.mu.Lock()
			v.open = append(v.open, c)
			v.dialed++
			v.mu.Unlock()
			v.conns.Go(func() {
				defer c.Close()
				each(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		close(v.done)
		left := make(chan struct{})
		go func() { v.conns.Wait(); close(left) }()
		select {
		case <-left:
		case <-time.After(patience):
			t.Error("a connection is still open long after its request (R7)")
			v.mu.Lock()
			for _, c := range v.open {
				_ = c.Close()
			}
			v.mu.Unlock()
			<-left
		}
	})
	return v
}

// base is where it is, without a scheme.
func (v *vendor) base() string { return v.listener.Addr().String() }

// asked are the bodies of the requests so far.
func (v *vendor) asked() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), v.bodies...)
}

// connections is how many were made so far.
func (v *vendor) connections() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dialed
}

func (v *vendor) note(body string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.bodies = append(v.bodies, body)
	return len(v.bodies)
}

func (v *vendor) converse(c net.Conn) {
	for in := bufio.NewReader(c); ; {
		q, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		text, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		body := string(text)
		v.does(&wire{Conn: c, n: v.note(body), header: q.Header, body: body, stream: strings.Contains(body, `"stream":true`), done: v.done})
	}
}

// The frames, flags and errors of HTTP/2 that it takes (RFC 9113).
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway = 0, 1, 3, 4, 6, 7

	flagEnd, flagAck, flagEndHeaders = 1, 1, 4

	internalError = "\x00\x00\x00\x02"
	refusedStream = "\x00\x00\x00\x07"

	headOK = "\x88\x0f\x10\x10application/json" // :status 200, content-type (RFC 7541)
)

// framed2 is a frame of HTTP/2.
func framed2(kind, flags byte, stream uint32, payload string) string {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

// frames reads HTTP/2 and hands each stream to the script, as a wire whose body is the
// number of the stream.
func (v *vendor) frames(c net.Conn) {
	in := bufio.NewReader(c)
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	_, _ = io.WriteString(c, framed2(frameSettings, 0, 0, ""))
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
			_, _ = io.WriteString(c, framed2(frameSettings, flagAck, 0, ""))
		case kind == framePing && flags&flagAck == 0:
			_, _ = io.WriteString(c, framed2(framePing, flagAck, 0, string(payload)))
		case kind == frameHeaders:
			stream := string(head[5:])
			v.does(&wire{Conn: c, n: v.note(stream), body: stream, done: v.done})
		}
	}
}

// issuer makes certificates.
type issuer struct {
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	roots *x509.CertPool
}

// certificates is the one issuer that the product trusts; making keys takes time.
var certificates = sync.OnceValue(newIssuer)

func newIssuer() *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // of the machine's randomness
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faults"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	i := &issuer{key: key, cert: cert, roots: x509.NewCertPool()}
	i.roots.AddCert(cert)
	return i
}

// vendorName is what a vendor's certificate is for.
const vendorName = "vendor.test"

// config is that of a server, and of what is wrong with it.
func (i *issuer) config(t *testing.T, how transport) *tls.Config {
	t.Helper()
	if how == unknown {
		i = newIssuer()
	}
	name, from, to := vendorName, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	switch how {
	case expired:
		from, to = from.AddDate(-1, 0, 0), to.AddDate(-1, 0, 0)
	case misnamed:
		name = "another.test"
	default:
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, i.cert, key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	switch how {
	case outdated:
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	case framed:
		c.NextProtos = []string{"h2"}
	default:
	}
	return c
}
