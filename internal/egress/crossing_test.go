package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// post sends a request of an endpoint that is at authority.
func post(t *testing.T, d *Door, to, authority string) (*closing, error) {
	t.Helper()
	body := &closing{Reader: strings.NewReader("canary"), closed: make(chan struct{})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.Do(req, Pass{Endpoint: "acme/a", Authority: authority, Allowed: func(string) bool { return true }})
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return body, err
}

func wantViolation(t *testing.T, d *Door, body *closing, err error) {
	t.Helper()
	if !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "acme/a") || d.Violations() != 1 {
		t.Errorf("%v, %d violations", err, d.Violations())
	}
	select {
	case <-body.closed: // by another goroutine
	case <-time.After(time.Minute):
		t.Error("the body is left open")
	}
}

// closing tells when it is closed.
type closing struct {
	io.Reader
	closed chan struct{}
	once   sync.Once
}

func (c *closing) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// R5: a URL that is not where the endpoint is does not leave, though its place is one
// that the operator named.
func TestURLLeadsElsewhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		authority, url string
		ok             bool
	}{
		{"%s", "http://%s/v1", true},
		{"", "http://%s/v1", false},
		{"example.com", "http://%s/v1", false},
		{"127.0.0.1:1", "http://%s/v1", false},
		{"127.0.0.1", "http://%s/v1", false},
		{"%s.example.com", "http://%s/v1", false},
		{"user@%s", "http://%s/v1", false},
		{"%s,example.com", "http://%s/v1", false},
	} {
		var asked atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		host := s.Listener.Addr().String()
		d := newDoor(t, Options{Named: []string{host}})
		body, err := post(t, d, strings.ReplaceAll(c.url, "%s", host), strings.ReplaceAll(c.authority, "%s", host))
		if c.ok {
			if err != nil || asked.Load() != 1 || d.Violations() != 0 {
				t.Errorf("%+v: %v, %d violations", c, err, d.Violations())
			}
		} else {
			wantViolation(t, d, body, err)
			if asked.Load() != 0 {
				t.Errorf("%+v: it was asked", c)
			}
		}
		d.CloseIdle()
		s.Close()
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b, scheme string
		want         bool
	}{
		{"api.example.com", "api.example.com:443", "https", true},
		{"API.example.com", "api.EXAMPLE.com", "https", true},
		{"gpu.lan", "gpu.lan:80", "http", true},
		{"gpu.lan", "gpu.lan:443", "http", false},
		{"[::1]:80", "[::1]", "http", true},
		{"::1", "::1", "http", false},
		{"a.example.com", "b.example.com", "https", false},
		{"example.com.", "example.com", "https", false},
		{"", "", "https", false},
	} {
		if got := same(c.a, c.b, c.scheme); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// hears counts the bytes that reach a place.
func hears(t *testing.T) (hostport string, bytes *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bytes = &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n, _ := io.Copy(io.Discard, c)
			bytes.Add(n)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), bytes
}

// A transport that took the connection to another place, by whatever mistake, writes
// nothing to it: not one byte over plain http, no request over TLS. What the request did
// not get to is asked as ever by those that follow.
func TestConnectionLeadsElsewhere(t *testing.T) {
	t.Parallel()
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		other, bytes := hears(t)
		d, url := newNamed(t, func(http.ResponseWriter, *http.Request) {})
		d.Name(other)
		right := d.upstream.DialContext
		wrong := true
		d.upstream.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if wrong {
				addr = other
			}
			return right(ctx, network, addr)
		}
		authority := strings.TrimPrefix(url, "http://")
		body, err := post(t, d, url, authority)
		wantViolation(t, d, body, err)
		wrong = false
		if _, err := post(t, d, url, authority); err != nil {
			t.Error(err)
		}
		if n := bytes.Load(); n != 0 {
			t.Errorf("%d bytes went elsewhere", n)
		}
	})
	t.Run("not ours", func(t *testing.T) {
		t.Parallel()
		d, url := newNamed(t, func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
		d.upstream.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, addr)
		}
		body, err := post(t, d, url, strings.TrimPrefix(url, "http://"))
		wantViolation(t, d, body, err)
	})
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Proto != protocol {
					t.Errorf("spoken is %s", r.Proto)
				}
			}))
			s.EnableHTTP2 = protocol == "HTTP/2.0"
			s.StartTLS()
			t.Cleanup(s.Close)
			roots := x509.NewCertPool()
			roots.AddCert(s.Certificate())
			rec := &recorder{to: s.Listener.Addr().String()}
			d := newDoor(t, Options{RootCAs: roots, Dial: rec.dial, Resolver: answer(publicAddr)})
			right := d.upstream.DialTLSContext
			wrong := true
			d.upstream.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if wrong {
					addr = "www.example.com:443" // which the certificate is not for: the check must not rest on that
					raw, err := d.connect(ctx, addr, true)
					if err != nil {
						return nil, err
					}
					return d.handshake(ctx, raw, publicHost)
				}
				return right(ctx, network, addr)
			}
			body, err := post(t, d, "https://"+publicHost+"/v1", publicHost)
			wantViolation(t, d, body, err)
			if asked.Load() != 0 {
				t.Error("a request went elsewhere")
			}
			wrong = false
			if _, err := post(t, d, "https://"+publicHost+"/v1", publicHost); err != nil || asked.Load() != 1 {
				t.Errorf("%v, asked %d times", err, asked.Load())
			}
		})
	}
}

// F91: what panics in a goroutine of the transport's is an error of ours, and no end.
func TestPanicWhileConnecting(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"resolver": {Resolver: resolverFunc(func(context.Context, string) ([]netip.Addr, error) { panic("sk-canary") })},
		"dialer":   {Resolver: answer(publicAddr), Dial: func(context.Context, netip.AddrPort) (net.Conn, error) { panic("sk-canary") }},
		"race":     {Resolver: answer(publicAddr, "1.1.1.1"), Dial: func(context.Context, netip.AddrPort) (net.Conn, error) { panic("sk-canary") }},
	} {
		d := newDoor(t, o)
		_, err := post(t, d, "https://"+publicHost+"/v1", publicHost)
		if kind, ok := errors.AsType[*DialError](err); !ok || kind.Kind != Local && name != "race" || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
