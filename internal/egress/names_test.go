package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// phoneBook finds the names that it has.
type phoneBook map[string]error

func (p phoneBook) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	err, known := p[host]
	switch {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case err != nil:
		return nil, err
	default:
		return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
	}
}

// F03: two names that are not found make the door blind until any is found, and the
// alarm is given once. Names that callers send do not count, nor a look-up that was
// given up.
func TestF03_Blind(t *testing.T) {
	t.Parallel()
	d := New(Options{
		Resolver: phoneBook{"here.example": nil, "left.example": context.Canceled},
		Dial:     func(context.Context, netip.AddrPort) (net.Conn, error) { return nil, errors.New("no network") },
	})
	ask := func(host string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := d.Do(req, anyEndpoint(req.URL))
		if err == nil {
			_ = resp.Body.Close()
			t.Fatal("answered")
		}
	}
	check := func(blind, alarm bool) {
		t.Helper()
		if d.Blind() != blind || d.Alarm() != alarm {
			t.Errorf("blind: %v, want %v with an alarm: %v", d.Blind(), blind, alarm)
		}
	}
	for range 3 {
		check(false, false)
		ask("one.example")
		ask("one.example")
		ask("left.example")
		if _, _, err := d.Get(t.Context(), "https://of-a-caller.example/", 1); err == nil {
			t.Fatal("answered")
		}
		check(false, false)
		ask("two.example")
		check(true, true)
		ask("three.example")
		check(true, false)
		ask("here.example") // found, though not reached
		check(false, false)
	}
}
