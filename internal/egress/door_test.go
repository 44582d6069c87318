package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	t.Parallel()
	d, rec := newPublic(t, func(w http.ResponseWriter, r *http.Request) {
		if ae := r.Header.Get("Accept-Encoding"); ae != "" {
			t.Errorf("Accept-Encoding %q was added", ae)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Host, r.Proto, body)
	}, Options{})
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+publicHost+"/v1", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := d.Do(req, anyEndpoint(req.URL))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(b) != "example.com HTTP/2.0 hello" {
			t.Errorf("got %q, %v", b, err)
		}
	}
	want := []netip.AddrPort{netip.MustParseAddrPort(publicAddr + ":443")}
	if got := rec.all(); !slices.Equal(got, want) {
		t.Errorf("dialled %v, want %v once", got, want)
	}
}

// TestNotAllowed is R5: the endpoint must be in the request's set.
func TestNotAllowed(t *testing.T) {
	t.Parallel()
	d, url := newNamed(t, func(http.ResponseWriter, *http.Request) { t.Error("the request left") })
	for name, pass := range map[string]Pass{
		"outside": {Endpoint: "acme/b", Allowed: func(e string) bool { return e == "acme/a" }},
		"no set":  {Endpoint: "acme/b"},
		"zero":    {},
	} {
		t.Run(name, func(t *testing.T) {
			body := &closeNoter{Reader: strings.NewReader("x")}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := d.Do(req, pass)
			if err == nil {
				_ = resp.Body.Close()
			}
			if !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), pass.Endpoint) {
				t.Errorf("got %v, want ErrNotAllowed for %q", err, pass.Endpoint)
			}
			if !body.closed.Load() {
				t.Error("the body is left open")
			}
		})
	}
}

type closeNoter struct {
	io.Reader
	closed atomic.Bool
}

func (c *closeNoter) Close() error { c.closed.Store(true); return nil }

// TestHostHeader: the Host header cannot differ from the host that is dialled.
func TestHostHeader(t *testing.T) {
	t.Parallel()
	d, rec := newPublic(t, func(http.ResponseWriter, *http.Request) {}, Options{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+publicHost, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "metadata.google.internal"
	resp, err := d.Do(req, anyEndpoint(req.URL))
	if err == nil {
		_ = resp.Body.Close()
	}
	wantKind(t, err, Denied)
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d dials, want none", n)
	}
}

// TestRedirects is S15 and F11: 3xx is handed back, and nobody else is asked.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(other.Close)
	var hits atomic.Int32
	d, url := newNamed(t, func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		var code int
		_, _ = fmt.Sscan(r.Header.Get("X-Code"), &code)
		w.Header().Set("Location", r.Header.Get("X-Location"))
		w.WriteHeader(code)
	})
	d.Name(other.Listener.Addr().String())
	cases := int32(0)
	for _, code := range []int{300, 301, 302, 303, 307, 308} {
		for _, to := range []string{
			other.URL, other.URL + "/v1", "//" + other.Listener.Addr().String() + "/", url + "/again", "/again", "?again",
			"http://169.254.169.254/latest/", "https://127.0.0.1/", "file:///etc/passwd", "http://[::1]/", "",
		} {
			cases++
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer sk-test-not-a-key")
			req.Header.Set("X-Code", strconv.Itoa(code))
			req.Header.Set("X-Location", to)
			resp, err := d.Do(req, anyEndpoint(req.URL))
			if err != nil {
				t.Fatalf("%d %q: %v", code, to, err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != code || resp.Header.Get("Location") != to {
				t.Errorf("%d %q: got %d %q", code, to, resp.StatusCode, resp.Header.Get("Location"))
			}
		}
	}
	if cases < 60 || hits.Load() != cases || asked.Load() != 0 {
		t.Errorf("%d cases: %d requests to the host, %d to others", cases, hits.Load(), asked.Load())
	}
}

// TestRebinding is S13 and F04: a name whose address changes with every answer
// never leads to a private one.
func TestRebinding(t *testing.T) {
	t.Parallel()
	public, private := netip.MustParseAddr(publicAddr), netip.MustParseAddr("10.0.0.1")
	var lookups atomic.Int32
	flip := resolverFunc(func(context.Context, string) ([]netip.Addr, error) {
		switch lookups.Add(1) % 4 {
		case 0:
			return []netip.Addr{private}, nil
		case 1:
			return []netip.Addr{public}, nil
		case 2:
			return []netip.Addr{private, public, netip.MustParseAddr("::1")}, nil
		default:
			return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("fe80::1%eth0")}, nil
		}
	})
	rec := &recorder{}
	d := newDoor(t, Options{Resolver: flip, Dial: rec.dial})
	const rounds = 10_000
	for range rounds {
		if _, err := d.connect(t.Context(), "rebind.example:443", true); err == nil {
			t.Fatal("connected")
		}
	}
	if n := lookups.Load(); n != rounds {
		t.Errorf("%d lookups for %d attempts: an address was kept or asked twice", n, rounds)
	}
	dialed := rec.all()
	if len(dialed) != rounds/2 {
		t.Errorf("%d dials, want %d", len(dialed), rounds/2)
	}
	for _, a := range dialed {
		if a.Addr() != public {
			t.Fatalf("dialled %v", a)
		}
	}
}

// TestNamed is S17: a name opens exactly itself, and only to Do.
func TestNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, named, url, answer string
		dials                    string // "" for none
	}{
		{"loopback", "127.0.0.1:8080", "http://127.0.0.1:8080/v1", "", "127.0.0.1:8080"},
		{"loopback by name", "localhost:8080", "http://localhost:8080/v1", "127.0.0.1", "127.0.0.1:8080"},
		{"letter case", "GPU.lan:8080", "http://gpu.LAN:8080/v1", "192.168.1.5", "192.168.1.5:8080"},
		{"v6 loopback", "[::1]:8080", "http://[::1]:8080/v1", "", "[::1]:8080"},
		{"mapped answer", "gpu.lan:8080", "http://gpu.lan:8080/v1", "::ffff:10.1.1.1", "10.1.1.1:8080"},
		{"shared", "gpu.lan:8080", "http://gpu.lan:8080/v1", "100.101.1.1", "100.101.1.1:8080"},
		{"unique local", "gpu.lan:8080", "http://gpu.lan:8080/v1", "fd12::1", "[fd12::1]:8080"},
		{"https", "gpu.lan:8443", "https://gpu.lan:8443/v1", "10.1.1.1", "10.1.1.1:8443"},
		{"https 443", "gpu.lan:443", "https://gpu.lan/v1", "10.1.1.1", "10.1.1.1:443"},
		{"http 80", "gpu.lan:80", "http://gpu.lan/v1", "10.1.1.1", "10.1.1.1:80"},
		{"public", "gpu.example:8080", "http://gpu.example:8080/v1", publicAddr, publicAddr + ":8080"},
		{"not named", "", "https://gpu.lan/v1", "10.1.1.1", ""},
		{"other port", "127.0.0.1:8080", "http://127.0.0.1:8081/", "", ""},
		{"other port https", "127.0.0.1:8080", "https://127.0.0.1/", "", ""},
		{"other spelling", "localhost:8080", "http://127.0.0.1:8080/", "", ""},
		{"other name, same address", "a.lan:443", "https://b.lan/", "10.1.1.1", ""},
		{"suffix", "gpu.lan:443", "https://x.gpu.lan/", "10.1.1.1", ""},
		{"no port names nothing", "gpu.lan", "https://gpu.lan/", "10.1.1.1", ""},
		{"a wildcard names nothing", "*:8080", "http://gpu.lan:8080/", "10.1.1.1", ""},
		{"metadata literal", "169.254.169.254:80", "http://169.254.169.254/latest/", "", ""},
		{"metadata answer", "gpu.lan:80", "http://gpu.lan/", "169.254.169.254", ""},
		{"metadata in shared space", "gpu.lan:80", "http://gpu.lan/", "100.100.100.200", ""},
		{"metadata in unique local space", "gpu.lan:80", "http://gpu.lan/", "fd00:ec2::254", ""},
		{"unspecified", "0.0.0.0:8080", "http://0.0.0.0:8080/", "", ""},
		{"multicast", "gpu.lan:8080", "http://gpu.lan:8080/", "224.0.0.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			o := Options{Dial: rec.dial, Named: []string{c.named}, Resolver: answer()}
			if c.answer != "" {
				o.Resolver = answer(c.answer)
			}
			d := newDoor(t, o)
			if _, _, err := d.Get(t.Context(), c.url, 1); !errors.Is(err, ErrFetch) {
				t.Errorf("Get: got %v, want ErrFetch", err)
			}
			if got := rec.all(); len(got) != 0 {
				t.Errorf("Get dialled %v", got)
			}
			_, err := get(t, d, c.url)
			got := ""
			for _, a := range rec.all() {
				got += a.String()
			}
			if got != c.dials {
				t.Errorf("Do dialled %q, want %q (%v)", got, c.dials, err)
			}
			if c.dials == "" {
				wantKind(t, err, Denied)
			}
		})
	}
}

// TestNameConcurrently is for the race detector.
func TestNameConcurrently(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			n := fmt.Sprintf("127.0.0.1:%d", 1000+i)
			d.Name(n)
			if !d.isNamed(n) {
				t.Errorf("%s is lost", n)
			}
		})
	}
	wg.Wait()
	for i := range 20 {
		if n := fmt.Sprintf("127.0.0.1:%d", 1000+i); !d.isNamed(n) {
			t.Errorf("%s is lost", n)
		}
	}
}

// TestOwn: the gateway does not call itself, not even where it is told to (S12).
func TestOwn(t *testing.T) {
	t.Parallel()
	rec := &recorder{}
	d := newDoor(t, Options{Dial: rec.dial, Resolver: answer(publicAddr), Named: []string{"self.example:443"}})
	if err := d.Own(netip.MustParseAddrPort("[::ffff:" + publicAddr + "]:443")); err != nil {
		t.Fatal(err)
	}
	_, err := get(t, d, "https://example.com/")
	wantKind(t, err, Denied)
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d dials, want none", n)
	}
	_, err = get(t, d, "https://self.example/")
	wantKind(t, err, Denied)
	if n := len(rec.all()); n != 0 {
		t.Errorf("%d dials by the given name, want none", n)
	}

	if err := d.Own(netip.MustParseAddrPort("0.0.0.0:8080")); err != nil {
		t.Fatal(err)
	}
	if _, ok := d.lists.Load().own[netip.MustParseAddrPort("127.0.0.1:8080")]; !ok {
		t.Errorf("0.0.0.0 does not stand for this machine's addresses: %v", d.lists.Load().own)
	}
}

// TestProxyEnvironment is S18.
func TestProxyEnvironment(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(proxy.Close)
	for _, k := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(k, proxy.URL)
		t.Setenv(strings.ToLower(k), proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	d, rec := newPublic(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") }, Options{
		Named: []string{"plain.example:80"},
	})
	resp, err := get(t, d, "https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); string(b) != "direct" {
		t.Errorf("got %q", b)
	}
	if _, _, err := d.Get(t.Context(), "https://example.com/", 100); err != nil {
		t.Error(err)
	}
	_, _ = get(t, d, "http://plain.example/") // the server speaks TLS, so this fails; where it went matters
	want := []string{publicAddr + ":443", publicAddr + ":443", publicAddr + ":80"}
	var got []string
	for _, a := range rec.all() {
		got = append(got, a.String())
	}
	if !slices.Equal(got, want) || asked.Load() != 0 {
		t.Errorf("dialled %v, want %v; the proxy saw %d", got, want, asked.Load())
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	sys := func(no syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", no)}
	}
	dials := func(err error) Options {
		return Options{Resolver: answer(publicAddr), Dial: func(context.Context, netip.AddrPort) (net.Conn, error) { return nil, err }}
	}
	resolves := func(err error) Options {
		return Options{Resolver: resolverFunc(func(context.Context, string) ([]netip.Addr, error) { return nil, err })}
	}
	for name, c := range map[string]struct {
		opt  Options
		want Kind
	}{
		"refused":         {dials(sys(syscall.ECONNREFUSED)), Refused},
		"reset":           {dials(sys(syscall.ECONNRESET)), Refused},
		"no host":         {dials(sys(syscall.EHOSTUNREACH)), Refused},
		"kernel time-out": {dials(sys(syscall.ETIMEDOUT)), Timeout},
		"time-out":        {dials(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), Timeout},
		"descriptors":     {dials(sys(syscall.EMFILE)), Local},
		"files":           {dials(sys(syscall.ENFILE)), Local},
		"ports":           {dials(sys(syscall.EADDRNOTAVAIL)), Local},
		"buffers":         {dials(sys(syscall.ENOBUFS)), Local},
		"no route":        {dials(sys(syscall.ENETUNREACH)), Local},
		"NXDOMAIN":        {resolves(&net.DNSError{Err: "no such host", Name: publicHost, IsNotFound: true}), DNS},
		"SERVFAIL":        {resolves(&net.DNSError{Err: "server misbehaving", Name: publicHost, IsTemporary: true}), DNS},
		"DNS time-out":    {resolves(&net.DNSError{Err: "i/o timeout", Name: publicHost, IsTimeout: true}), DNS},
		"DNS other":       {resolves(io.ErrUnexpectedEOF), DNS},
		"DNS empty":       {resolves(nil), DNS},
		"DNS descriptors": {resolves(&net.DNSError{Err: "dial udp 192.0.2.1:53: socket: too many open files", Name: publicHost}), Local},
		"private":         {Options{Resolver: answer("10.0.0.1")}, Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, c.opt)
			_, err := get(t, d, "https://example.com/v1?key=sk-test-not-a-key")
			wantKind(t, err, c.want)
			if s := err.Error(); !strings.Contains(s, "example.com:443") || strings.Contains(s, "sk-test") || !strings.Contains(s, c.want.String()) {
				t.Errorf("bad text: %s", s)
			}
		})
	}
}

// TestRefusedPort meets a real kernel.
func TestRefusedPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	d := newDoor(t, Options{Named: []string{addr}})
	_, err = get(t, d, "http://"+addr+"/")
	wantKind(t, err, Refused)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestTLSErrors(t *testing.T) {
	t.Parallel()
	serve := func(t *testing.T, change func(*tls.Config)) (addr string, trust *x509.CertPool) {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
		s.TLS = &tls.Config{}
		s.Config.ErrorLog = nil
		change(s.TLS)
		s.StartTLS()
		t.Cleanup(s.Close)
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return s.Listener.Addr().String(), pool
	}
	same := func(*tls.Config) {}
	for name, run := range map[string]func(t *testing.T) (d *Door, url string){
		"unknown authority": func(t *testing.T) (*Door, string) {
			to, _ := serve(t, same)
			return newDoor(t, Options{RootCAs: x509.NewCertPool(), Resolver: answer(publicAddr), Dial: (&recorder{to: to}).dial}), "https://example.com/"
		},
		"wrong name": func(t *testing.T) (*Door, string) {
			to, pool := serve(t, same)
			return newDoor(t, Options{RootCAs: pool, Resolver: answer(publicAddr), Dial: (&recorder{to: to}).dial}), "https://example.net/"
		},
		"named, unknown authority": func(t *testing.T) (*Door, string) {
			to, _ := serve(t, same)
			return newDoor(t, Options{Named: []string{to}}), "https://" + to + "/"
		},
		"downgrade": func(t *testing.T) (*Door, string) {
			to, pool := serve(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
			return newDoor(t, Options{RootCAs: pool, Resolver: answer(publicAddr), Dial: (&recorder{to: to}).dial}), "https://example.com/"
		},
		"not TLS": func(t *testing.T) (*Door, string) {
			to := serveRaw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
			return newDoor(t, Options{Resolver: answer(publicAddr), Dial: (&recorder{to: to}).dial}), "https://example.com/"
		},
		"closed": func(t *testing.T) (*Door, string) {
			to := serveRaw(t, func(net.Conn) {})
			return newDoor(t, Options{Resolver: answer(publicAddr), Dial: (&recorder{to: to}).dial}), "https://example.com/"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, url := run(t)
			_, err := get(t, d, url)
			wantKind(t, err, TLS)
		})
	}
}

// serveRaw calls f with each connection, then closes it.
func serveRaw(t *testing.T, f func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f(c)
			_ = c.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// readHead reads a request's head.
func readHead(c net.Conn) string {
	r := bufio.NewReader(c)
	head := ""
	for {
		line, err := r.ReadString('\n')
		head += line
		if err != nil || line == "\r\n" {
			return head
		}
	}
}

// TestExchangeErrors: faults after the connect are no DialErrors, and their text
// holds nothing of the request, even when the peer echoes it (S09, S29, F10).
func TestExchangeErrors(t *testing.T) {
	t.Parallel()
	say := func(s string) func(net.Conn) {
		return func(c net.Conn) {
			_ = readHead(c)
			_, _ = io.WriteString(c, s)
		}
	}
	for name, f := range map[string]func(net.Conn){
		"echo": func(c net.Conn) { _, _ = io.WriteString(c, readHead(c)) },
		"echo in header": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+strings.ReplaceAll(readHead(c), ":", ""))
		},
		"closed":            func(c net.Conn) { _ = readHead(c) },
		"cut in the head":   say("HTTP/1.1 200 OK\r\nContent-Le"),
		"not HTTP":          say("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
		"bad status":        say("HTTP/1.1 2x0 OK\r\n\r\n"),
		"bad length":        say("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
		"two lengths":       say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
		"odd encoding":      say("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
		"one long header":   say("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", maxHeader+1) + "\r\n\r\n"),
		"many headers":      say("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: a\r\n", maxHeader/6+1) + "\r\n"),
		"endless 1xx":       say(strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", 10_000)),
		"reset by the peer": func(c net.Conn) { _ = readHead(c); _ = c.(*net.TCPConn).SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serveRaw(t, f)
			d := newDoor(t, Options{Named: []string{addr}})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/v1?key=sk-test-query", strings.NewReader("prompt sk-test-body"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer sk-test-header")
			resp, err := d.Do(req, anyEndpoint(req.URL))
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("no error")
			}
			if _, ok := errors.AsType[*DialError](err); ok {
				t.Errorf("%v is a DialError", err)
			}
			e, ok := errors.AsType[*ExchangeError](err)
			if !ok || e.Host != addr {
				t.Fatalf("got %#v, want an ExchangeError of %s", err, addr)
			}
			if s := err.Error(); !strings.Contains(s, addr) || strings.Contains(s, "sk-test") || strings.Contains(s, "/v1") {
				t.Errorf("bad text: %s", s)
			}
		})
	}
}

// TestHeaderCap: a head just under the cap passes.
func TestHeaderCap(t *testing.T) {
	t.Parallel()
	d, url := newNamed(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", maxHeader-1024)) })
	if _, err := get(t, d, url); err != nil {
		t.Error(err)
	}
}

// TestBadHeader: a header that the transport refuses is not repeated.
func TestBadHeader(t *testing.T) {
	t.Parallel()
	d, url := newNamed(t, func(http.ResponseWriter, *http.Request) { t.Error("the request left") })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-test-not-a-key\r\nX: y")
	resp, err := d.Do(req, anyEndpoint(req.URL))
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "sk-test") {
		t.Errorf("bad text: %v", err)
	}
}

// pipes is a network whose every connection is a pipe; serve has the far end
// and closes it.
func pipes(serve func(net.Conn)) func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(context.Context, netip.AddrPort) (net.Conn, error) {
		near, far := net.Pipe()
		go serve(far)
		return near, nil
	}
}

// TestTimeouts runs on a synthetic clock.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	silent := func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	for name, c := range map[string]struct {
		opt   Options
		want  Kind
		after time.Duration
	}{
		"connect":          {Options{Resolver: answer(publicAddr), Dial: silent}, Timeout, 5 * time.Second},
		"connect, many":    {Options{Resolver: answer(publicAddr, "1.1.1.1", "2606:4700::1"), Dial: silent}, Timeout, 5 * time.Second},
		"connect, shorter": {Options{ConnectTimeout: time.Second, Resolver: answer(publicAddr), Dial: silent}, Timeout, time.Second},
		"lookup": {Options{Resolver: resolverFunc(func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})}, DNS, 5 * time.Second},
		"handshake": {Options{Resolver: answer(publicAddr), Dial: pipes(func(c net.Conn) {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		})}, TLS, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDoor(t, c.opt)
				begin := time.Now()
				_, err := get(t, d, "https://example.com/")
				wantKind(t, err, c.want)
				if got := time.Since(begin); got != c.after { // synthetic
					t.Errorf("gave up after %v, want %v", got, c.after)
				}
			})
		})
	}
}

// TestGivenUp: a caller who leaves while we dial blames nobody.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Options{Resolver: answer(publicAddr), Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := d.Do(req, anyEndpoint(req.URL))
		if err == nil {
			_ = resp.Body.Close()
		}
		if _, ok := errors.AsType[*DialError](err); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		_, err = d.connect(ctx, "example.com:443", true)
		if _, ok := errors.AsType[*DialError](err); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("connect: got %v", err)
		}
	})
}

// TestRace: a dead first address costs one stagger, and is given up once the
// second answers.
func TestRace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dead, alive := netip.MustParseAddr("2606:4700::1"), netip.MustParseAddr(publicAddr)
		var ended atomic.Bool
		d := newDoor(t, Options{Resolver: answer(dead.String(), alive.String()), Dial: func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			if a.Addr() == dead {
				<-ctx.Done()
				ended.Store(true)
				return nil, ctx.Err()
			}
			near, far := net.Pipe()
			_ = far.Close()
			return near, nil
		}})
		begin := time.Now()
		c, err := d.connect(t.Context(), "example.com:443", true)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if got := time.Since(begin); got != stagger { // synthetic
			t.Errorf("connected after %v, want %v", got, stagger)
		}
		synctest.Wait()
		if !ended.Load() {
			t.Error("the dead attempt goes on")
		}
	})
}

// TestRaceErrors: the far side's answer outranks our own fault; else the first
// counts. All addresses are tried, none twice.
func TestRaceErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		errs []error
		want error
	}{
		"first":          {[]error{syscall.ECONNREFUSED, syscall.ETIMEDOUT}, syscall.ECONNREFUSED},
		"not ours":       {[]error{syscall.ENETUNREACH, syscall.ECONNREFUSED}, syscall.ECONNREFUSED},
		"not ours later": {[]error{syscall.ENETUNREACH, syscall.EMFILE, syscall.ETIMEDOUT}, syscall.ETIMEDOUT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			addrs := []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"}[:len(c.errs)]
			d := newDoor(t, Options{Resolver: answer(addrs...), Dial: func(context.Context, netip.AddrPort) (net.Conn, error) {
				return nil, c.errs[n.Add(1)-1]
			}})
			_, err := d.connect(t.Context(), "example.com:443", true)
			if !errors.Is(err, c.want) || int(n.Load()) != len(c.errs) {
				t.Errorf("got %v after %d dials, want %v", err, n.Load(), c.want)
			}
		})
	}
}

// TestCheckAllocates: the checks of a request are free. Not parallel: it counts
// allocations.
func TestCheckAllocates(t *testing.T) { //nolint:paralleltest // it counts allocations
	d := newDoor(t, Options{Named: []string{"127.0.0.1:8080"}})
	for _, url := range []string{"https://example.com/v1/chat/completions", "http://127.0.0.1:8080/v1/chat/completions"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if why := d.checkRequest(req); why != "" {
				t.Fatal(why)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", url, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	d := newDoor(b, Options{Named: []string{"127.0.0.1:8080"}})
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://127.0.0.1:8080/v1/chat/completions", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if why := d.checkRequest(req); why != "" {
			b.Fatal(why)
		}
	}
}
