package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// resolverFunc answers every name.
type resolverFunc func(ctx context.Context, host string) ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return f(ctx, host)
}

func answer(addrs ...string) resolverFunc {
	var as []netip.Addr
	for _, a := range addrs {
		as = append(as, netip.MustParseAddr(a))
	}
	return func(context.Context, string) ([]netip.Addr, error) { return as, nil }
}

var errNoNetwork = errors.New("no network in this test")

// recorder is the network: it notes what is dialled, and connects all of it to
// one place, or to nothing.
type recorder struct {
	to string // host:port, or ""

	mu     sync.Mutex
	dialed []netip.AddrPort
}

func (r *recorder) dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	r.mu.Lock()
	r.dialed = append(r.dialed, a)
	r.mu.Unlock()
	if r.to == "" {
		return nil, errNoNetwork
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", r.to)
}

func (r *recorder) all() []netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]netip.AddrPort(nil), r.dialed...)
}

func newDoor(t testing.TB, o Options) *Door {
	t.Helper()
	d := New(o)
	t.Cleanup(d.CloseIdle)
	return d
}

// public stands for a host of the open internet, and is one of the names in
// httptest's certificate.
const (
	publicHost = "example.com"
	publicAddr = "93.184.216.34"
)

// newPublic serves h as https://example.com, at a public address.
func newPublic(t testing.TB, h http.HandlerFunc, o Options) (*Door, *recorder) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	rec := &recorder{to: s.Listener.Addr().String()}
	o.RootCAs = x509.NewCertPool()
	o.RootCAs.AddCert(s.Certificate())
	o.Dial = rec.dial
	if o.Resolver == nil {
		o.Resolver = answer(publicAddr)
	}
	return newDoor(t, o), rec
}

// newNamed serves h over plain http at a loopback address that is named.
func newNamed(t testing.TB, h http.HandlerFunc) (d *Door, url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	d = newDoor(t, Options{})
	d.Name(s.Listener.Addr().String())
	return d, s.URL
}

// anyEndpoint is a pass for an endpoint at u.
func anyEndpoint(u *url.URL) Pass {
	if u == nil {
		u = &url.URL{}
	}
	return Pass{Endpoint: "ep", Authority: u.Host, Allowed: func(string) bool { return true }}
}

func get(t testing.TB, d *Door, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.Do(req, anyEndpoint(req.URL))
	if err == nil {
		t.Cleanup(func() { _ = resp.Body.Close() })
	}
	return resp, err
}

func wantKind(t *testing.T, err error, want Kind) {
	t.Helper()
	de, ok := errors.AsType[*DialError](err)
	if !ok {
		t.Fatalf("got %v, want a DialError", err)
	}
	if de.Kind != want {
		t.Fatalf("got kind %v (%v), want %v", de.Kind, err, want)
	}
}
