package egress

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// Pass carries to the door what was decided for the request being served.
type Pass struct {
	// Endpoint is the id of the endpoint that the request goes to.
	Endpoint string
	// Authority is where that endpoint is, as in the host of a URL; without a port it is
	// at the scheme's. No request leaves for anywhere else, by no connection that leads
	// elsewhere.
	Authority string
	// Allowed reports whether an endpoint may be asked now; nil allows nothing.
	Allowed func(endpoint string) bool
	// Sent is told each time that the head of the request has gone out; nil: nobody is.
	Sent func()
}

// Violations is how often something was about to leave for where it must not, and did
// not: each is a bug.
func (d *Door) Violations() int64 { return d.violations.Load() }

// violated is the error of a request that must not leave.
func (d *Door) violated(p *Pass, why string) error {
	d.violations.Add(1)
	return fmt.Errorf("%w: %s: %s", ErrNotAllowed, p.Endpoint, why)
}

// admits reports whether the endpoint is one that the request may be sent to.
func (p *Pass) admits() bool { return p.Allowed != nil && p.Allowed(p.Endpoint) }

// same reports whether two authorities are one place, for the scheme of both. What is
// not plain is no place.
func same(a, b, scheme string) bool {
	usual := "443"
	if scheme == "http" {
		usual = "80"
	}
	hostA, portA, okA := splitHost(a)
	hostB, portB, okB := splitHost(b)
	if portA == "" {
		portA = usual
	}
	if portB == "" {
		portB = usual
	}
	return okA && okB && portA == portB && strings.EqualFold(hostA, hostB)
}

// conn knows what it was dialled for.
type conn struct {
	net.Conn
	authority string // host:port
}

// dialled is the connection as we dialled it, without what was put around it; nil for one
// that we did not dial.
func dialled(c net.Conn) *conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	ours, _ := c.(*conn)
	return ours
}

// crossing is a request on its way out. It sees every connection that the transport
// takes for it, before anything is written, and closes one that leads elsewhere: then
// nothing of the request is written at all.
type crossing struct {
	pass   *Pass
	scheme string
	astray atomic.Bool
}

func (x *crossing) over(req *http.Request) *http.Request {
	trace := &httptrace.ClientTrace{GotConn: x.takes, WroteHeaders: x.pass.Sent}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
}

func (x *crossing) takes(got httptrace.GotConnInfo) {
	c := dialled(got.Conn)
	if c != nil && !x.astray.Load() && same(x.pass.Authority, c.authority, x.scheme) {
		return
	}
	x.astray.Store(true)
	if c != nil {
		_ = c.Close() // at once: a TLS connection says good-bye first
		return
	}
	_ = got.Conn.Close()
}
