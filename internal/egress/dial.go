package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// connectTLS is connect and a verified handshake. Both happen here and not in
// the transport, so that every failure before the first request byte is a
// *DialError.
func (d *Door) connectTLS(ctx context.Context, addr string, operator bool) (net.Conn, error) {
	raw, err := d.connect(ctx, addr, operator)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(addr) // connect has split it before
	c, err := d.handshake(ctx, raw, host)
	if err != nil {
		return nil, failed(addr, TLS, err)
	}
	return c, nil
}

// handshake makes a verified connection of a raw one, or closes it.
func (d *Door) handshake(ctx context.Context, raw net.Conn, host string) (net.Conn, error) {
	cfg := d.tls.Clone()
	cfg.ServerName = host
	c := tls.Client(raw, cfg)
	ctx, cancel := context.WithTimeout(ctx, d.opt.TLSTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

// guarded is connect or connectTLS, as it is called by the transport, in goroutines of
// its own.
func guarded(ctx context.Context, addr string, operator bool, connect func(context.Context, string, bool) (net.Conn, error)) (c net.Conn, err error) {
	defer func() {
		if _, panicked := errors.AsType[*safe.PanicError](err); panicked {
			err = failed(addr, Local, err)
		}
	}()
	defer safe.Catch("connecting", &err)
	return connect(ctx, addr, operator)
}

// connect resolves addr ("host:port"), drops every address that is not for
// this caller, and connects to one of the rest.
func (d *Door) connect(ctx context.Context, addr string, operator bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opt.ConnectTimeout)
	defer cancel()
	host, port, ok := splitHost(addr)
	if !ok || port == "" {
		return nil, failed(addr, Denied, refuse("host"))
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		k := DNS
		if isLocal(err) {
			k = Local
		} else if operator && !errors.Is(err, context.Canceled) {
			d.names.missed(host)
		}
		return nil, failed(addr, k, err)
	}
	portNumber, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, failed(addr, Denied, refuse("port"))
	}
	named := operator && d.isNamed(addr)
	var targets []netip.AddrPort
	var denied error
	for _, a := range addrs {
		// Resolvers hand out IPv4 as ::ffff:a.b.c.d too. The unmapped form is
		// what is checked and what is dialled.
		t := netip.AddrPortFrom(a.Unmap(), uint16(portNumber))
		if err := d.check(t, named); err != nil {
			denied = err
			continue
		}
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		return nil, failed(addr, Denied, denied)
	}
	c, err := d.race(ctx, targets)
	if err != nil {
		return nil, failed(addr, kindOf(err), err)
	}
	return &conn{c, addr}, nil
}

// failed makes a *DialError, except of a dial that was given up: that is
// nobody's fault.
func failed(addr string, k Kind, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &DialError{Host: addr, Kind: k, err: err}
}

// check decides about one address.
func (d *Door) check(t netip.AddrPort, named bool) error {
	if why, nameable, ok := d.public(t.Addr()); !ok && (!named || !nameable) {
		return fmt.Errorf("%s is %s", t.Addr(), why)
	}
	if _, own := d.lists.Load().own[t]; own {
		return fmt.Errorf("%s is our own listener", t)
	}
	return nil
}

// resolve returns at least one address, or an error.
func (d *Door) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := d.opt.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	d.names.found()
	return addrs[:min(len(addrs), maxAddrs)], nil
}

const (
	maxAddrs = 16                     // of one answer
	stagger  = 250 * time.Millisecond // between attempts, RFC 8305 section 5
)

// dial connects to an address. What panics has failed, so that whoever waits for it
// does not wait for ever.
func (d *Door) dial(ctx context.Context, a netip.AddrPort) (c net.Conn, err error) {
	defer safe.Catch("dialling", &err)
	return d.opt.Dial(ctx, a)
}

// race connects to the first of targets that answers: each next one is tried
// when the one before failed or has been silent for a moment, so a dead
// address family costs little. The error is the first that is not our own
// fault, else the first.
func (d *Door) race(ctx context.Context, targets []netip.AddrPort) (net.Conn, error) {
	if len(targets) == 1 {
		return d.dial(ctx, targets[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result)
	pending := 0
	start := func() {
		t := targets[0]
		targets = targets[1:]
		pending++
		go safe.Func("dialling", func() {
			c, err := d.dial(ctx, t)
			select {
			case results <- result{c, err}:
			case <-ctx.Done():
				if c != nil {
					_ = c.Close()
				}
			}
		})()
	}
	start()
	next := time.NewTimer(stagger)
	defer next.Stop()
	var first error
	for pending > 0 {
		select {
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			pending--
			if first == nil || kindOf(first) == Local {
				first = r.err
			}
		case <-next.C:
		case <-ctx.Done():
			if first == nil {
				first = ctx.Err()
			}
			return nil, first
		}
		if len(targets) > 0 {
			start()
			next.Reset(stagger)
		}
	}
	return nil, first
}
