// Package egress is the one door through which bytes leave the gateway. Nothing
// else dials.
//
// Every connection passes one dialer that checks the resolved address, on every
// attempt, and dials exactly the address it checked (S11-S13). Every upstream
// request passes one assertion that its endpoint is in the allowed set of the
// request it serves (R5), that its URL is where that endpoint is, and that the
// connection it is about to be written to was dialled for that place. Redirects are handed back, not followed (S15, F11);
// proxy variables in the environment have no effect (S18); TLS verification
// cannot be turned off (F05).
//
// Two ways lead out. [Door.Do] is for addresses that the operator's
// configuration chose: https on port 443 anywhere public, and what
// [Options.Named] and [Door.Name] list, which may be private and may be plain
// http. [Door.Get] is for URLs that a caller sent: https on port 443, public,
// always; what the operator named does not widen it (S17).
package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits that no configuration changes.
const (
	maxHeader    = 64 << 10  // response head, bytes (F10)
	streamWindow = 256 << 10 // what one HTTP/2 stream may buffer for a slow reader, bytes
	idlePerHost  = 8192
	idleTime     = 75 * time.Second
)

// Resolver turns a name into addresses. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options sets up a [Door]. The zero value is for production without private
// providers.
type Options struct {
	// Resolver answers names; nil: [net.DefaultResolver].
	Resolver Resolver
	// Dial connects to one address that passed the check; nil: the network.
	Dial func(ctx context.Context, a netip.AddrPort) (net.Conn, error)
	// ConnectTimeout bounds lookup and connect together, TLSTimeout the
	// handshake, FetchTimeout all of a Get. 0: 5 s, 5 s, 20 s.
	ConnectTimeout, TLSTimeout, FetchTimeout time.Duration
	// Named lists the host:port pairs of the operator's own configuration; see
	// [Door.Name].
	Named []string
	// RootCAs are the authorities to trust; nil: the system's.
	RootCAs *x509.CertPool
	// Beyond, for tests, stands for all that is behind the assertions of Do:
	// connections and servers. nil: they are real.
	Beyond http.RoundTripper
}

// Door is the way out. It is safe for concurrent use.
type Door struct {
	opt    Options
	spaces []space
	tls    *tls.Config

	beyond   http.RoundTripper // for Do: upstream, but for tests
	upstream *http.Transport
	media    *http.Transport // for Get: a pool of its own, so it cannot borrow a connection to a named address

	mu    sync.Mutex // writers of lists
	lists atomic.Pointer[lists]

	names      names
	violations atomic.Int64
}

// lists is replaced, never changed.
type lists struct {
	named map[string]struct{}
	own   map[netip.AddrPort]struct{}
}

// New makes a door.
func New(o Options) *Door {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			var nd net.Dialer
			return nd.DialContext(ctx, "tcp", a.String()) // a literal: no lookup
		}
	}
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	o.TLSTimeout = cmp.Or(o.TLSTimeout, 5*time.Second)
	o.FetchTimeout = cmp.Or(o.FetchTimeout, 20*time.Second)
	d := &Door{
		opt:    o,
		spaces: spaces(),
		tls: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            o.RootCAs,
			NextProtos:         []string{"h2", "http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
	}
	d.lists.Store(&lists{})
	for _, n := range o.Named {
		d.Name(n)
	}
	d.upstream = d.transport(true)
	d.beyond = d.upstream
	if o.Beyond != nil {
		d.beyond = o.Beyond
	}
	d.media = d.transport(false)
	d.media.DisableKeepAlives = true
	return d
}

// transport makes a transport whose every connection comes from connect.
func (d *Door) transport(operator bool) *http.Transport {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	return &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return guarded(ctx, addr, operator, d.connect)
		},
		DialTLSContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return guarded(ctx, addr, operator, d.connectTLS)
		},
		Protocols:              &p,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        2 << 10, // a request goes out in one write; the rest is memory per open stream
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:           15 * time.Second,
			PingTimeout:               5 * time.Second,
			WriteByteTimeout:          30 * time.Second,
			MaxReceiveBufferPerStream: streamWindow,
		},
	}
}

// Name adds a host:port of the operator's own configuration. For exactly that
// pair, Do may speak plain http, use that port, and reach loopback, private,
// shared and unique-local addresses. Link-local and metadata addresses stay
// shut. The spelling must be the one in the URLs, letter case aside; what is
// not a plain host:port names nothing. Names are never taken back: a
// connection that is open would outlive its name.
func (d *Door) Name(hostport string) {
	if _, port, ok := splitHost(hostport); !ok || port == "" {
		return
	}
	d.change(func(l *lists) { l.named[strings.ToLower(hostport)] = struct{}{} })
}

// Own adds an address that the gateway itself listens on; it is never dialled,
// whatever it is called (S12). An unspecified address stands for
// all addresses that this machine has now.
func (d *Door) Own(a netip.AddrPort) error {
	addrs := []netip.Addr{a.Addr().Unmap()}
	if a.Addr().IsUnspecified() {
		ifs, err := net.InterfaceAddrs()
		if err != nil {
			return fmt.Errorf("egress: own addresses: %w", err)
		}
		for _, i := range ifs {
			if p, err := netip.ParsePrefix(i.String()); err == nil {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	d.change(func(l *lists) {
		for _, x := range addrs {
			l.own[netip.AddrPortFrom(x, a.Port())] = struct{}{}
		}
	})
	return nil
}

func (d *Door) change(f func(*lists)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.lists.Load()
	l := &lists{named: map[string]struct{}{}, own: map[netip.AddrPort]struct{}{}}
	maps.Copy(l.named, old.named)
	maps.Copy(l.own, old.own)
	f(l)
	d.lists.Store(l)
}

func (d *Door) isNamed(hostport string) bool {
	_, ok := d.lists.Load().named[strings.ToLower(hostport)]
	return ok
}

// Do sends req to an endpoint and returns its response as it came, 3xx
// included. The body of req is closed in any case. Errors are [ErrNotAllowed],
// *[DialError] (nothing was sent) or *[ExchangeError]. The time until it is here is
// counted ([Watch]); whoever reads its body counts that.
//
// The transport repeats a request by itself only while it is certain that the
// upstream did not see it, or if req carries an Idempotency-Key header, which
// upstream requests therefore must not (F06).
func (d *Door) Do(req *http.Request, pass Pass) (*http.Response, error) {
	if !pass.admits() {
		closeBody(req)
		return nil, d.violated(&pass, "it is not in the request's allowed set")
	}
	if why := d.checkRequest(req); why != "" {
		closeBody(req)
		return nil, &DialError{Host: urlHost(req.URL), Kind: Denied, err: refuse(why)}
	}
	if !same(pass.Authority, req.URL.Host, req.URL.Scheme) {
		closeBody(req)
		return nil, d.violated(&pass, "the URL leads elsewhere")
	}
	began := time.Now()
	x := &crossing{pass: &pass, scheme: req.URL.Scheme}
	resp, err := d.beyond.RoundTrip(x.over(req))
	WaitedIn(req.Context()).Add(time.Since(began))
	switch {
	case x.astray.Load():
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, d.violated(&pass, "the connection leads elsewhere")
	case err != nil:
		return nil, outward(req.URL.Host, err)
	}
	return resp, nil
}

// checkRequest returns why req may not leave by Do, or "". Allocation-free
// unless an http URL comes without a port.
func (d *Door) checkRequest(req *http.Request) string {
	u := req.URL
	if u == nil {
		return "no URL"
	}
	if why := checkURL(u); why != "" {
		return why
	}
	if req.Host != "" && req.Host != u.Host {
		return "Host differs from the URL"
	}
	_, port, _ := splitHost(u.Host)
	if u.Scheme == "https" && (port == "" || port == "443") {
		return ""
	}
	hostport := u.Host
	if port == "" {
		hostport += ":80"
	}
	if d.isNamed(hostport) {
		return ""
	}
	if u.Scheme == "http" {
		return "http is for named addresses"
	}
	return "port"
}

// CloseIdle closes the connections that no request uses.
func (d *Door) CloseIdle() {
	d.upstream.CloseIdleConnections()
	d.media.CloseIdleConnections()
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// urlHost names the host of a refused URL, if it is fit to be printed.
func urlHost(u *url.URL) string {
	if u == nil {
		return "?"
	}
	if _, _, ok := splitHost(u.Host); !ok {
		return "?"
	}
	return u.Host
}
