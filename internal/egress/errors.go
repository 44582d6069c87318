package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
)

// ErrNotAllowed says that a request was about to leave for an endpoint outside its
// allowed set (R5), or for a place that is not the endpoint's. Nothing of it was sent.
// It is a bug of ours, never a provider's fault.
var ErrNotAllowed = errors.New("egress: not allowed to leave")

// ErrFetch is the only error of [Door.Get], bar the caller's own context: what
// a caller's URL met is told by class alone (S16).
var ErrFetch = errors.New("egress: media could not be fetched")

// Kind says why no connection came about.
type Kind uint8

const (
	// Refused: the host, or a router before it, answered no (F01).
	Refused Kind = iota + 1
	// Timeout: no answer within the connect time (F02).
	Timeout
	// DNS: the name has no usable answer (F03). The cause is a *net.DNSError
	// where the resolver gave one.
	DNS
	// TLS: the handshake failed or stalled (F05). No request byte was sent.
	TLS
	// Denied: the address, port or spelling is not one that we dial (F04, S11,
	// S14).
	Denied
	// Local: this machine could not even try: no descriptors, ports, memory or
	// route. It must not count against a provider.
	Local
)

// String returns the kind as a label.
func (k Kind) String() string {
	switch k {
	case Refused:
		return "refused"
	case Timeout:
		return "timeout"
	case DNS:
		return "dns"
	case TLS:
		return "tls"
	case Denied:
		return "denied"
	case Local:
		return "local"
	default:
		return "unknown"
	}
}

// DialError says that no connection came about, so no byte of the request was
// sent. Its text names the host and the cause, for the operator; it is not for
// callers.
type DialError struct {
	Host string // as in the URL, with the port where known
	Kind Kind
	err  error
}

// Error implements error.
func (e *DialError) Error() string {
	return "egress: " + e.Host + ": " + e.Kind.String() + ": " + e.err.Error()
}

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.err }

// ExchangeError says that a request broke, or was given up, before the response
// headers were in. Whether the upstream acted on it is not known. Unwrap gives
// the cause to errors.Is and errors.AsType; the text does not repeat it, because
// net/http quotes what the peer sent, and a peer may echo a request (S09, S29).
type ExchangeError struct {
	Host string // as in the URL
	err  error
}

// Error implements error.
func (e *ExchangeError) Error() string { return "egress: " + e.Host + ": " + class(e.err) }

// Unwrap returns the cause.
func (e *ExchangeError) Unwrap() error { return e.err }

// Timeout reports whether time ran out, as in [net.Error].
func (e *ExchangeError) Timeout() bool { return timedOut(e.err) }

// class describes err in words of our own.
func class(err error) string {
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		return no.Error()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "given up"
	case timedOut(err):
		return "timed out"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	default:
		return "broken exchange"
	}
}

func timedOut(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// outward makes the error of one round trip fit for the relay.
func outward(host string, err error) error {
	if d, ok := errors.AsType[*DialError](err); ok {
		return d
	}
	return &ExchangeError{Host: host, err: err}
}

// kindOf classifies the failure of one connect.
func kindOf(err error) Kind {
	switch {
	case isLocal(err):
		return Local
	case timedOut(err):
		return Timeout
	default:
		return Refused
	}
}

// isLocal reports whether a lookup or connect failed for want of something on
// this machine.
func isLocal(err error) bool {
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		return slices.Contains(localErrnos(), no)
	}
	// The resolver flattens its socket errors to text.
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && slices.ContainsFunc(localErrnos(), func(no syscall.Errno) bool {
		return strings.Contains(dns.Err, no.Error())
	})
}

// localErrnos are the answers of our own kernel that say nothing about the far
// side.
func localErrnos() []syscall.Errno {
	return []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS,
		syscall.ENOMEM, syscall.ENETUNREACH, syscall.EACCES, syscall.EPERM,
	}
}
