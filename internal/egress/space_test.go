package egress

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// spaceTable holds the edges of every block: one outside, first, last, one
// outside (S12). "ok" is public.
const spaceTable = `
0.0.0.0 unspecified
0.0.0.1 unspecified
0.255.255.255 unspecified
1.0.0.0 ok
1.1.1.1 ok
8.8.8.8 ok
9.255.255.255 ok
10.0.0.0 private
10.1.2.3 private
10.255.255.255 private
11.0.0.0 ok
93.184.216.34 ok
100.63.255.255 ok
100.64.0.0 shared
100.100.100.199 shared
100.100.100.200 metadata
100.100.100.201 shared
100.127.255.255 shared
100.128.0.0 ok
126.255.255.255 ok
127.0.0.0 loopback
127.0.0.1 loopback
127.0.0.53 loopback
127.255.255.255 loopback
128.0.0.0 ok
168.63.129.15 ok
168.63.129.16 metadata
168.63.129.17 ok
169.253.255.255 ok
169.254.0.0 link-local
169.254.169.254 link-local
169.254.170.2 link-local
169.254.255.255 link-local
169.255.0.0 ok
172.15.255.255 ok
172.16.0.0 private
172.17.0.1 private
172.31.255.255 private
172.32.0.0 ok
191.255.255.255 ok
192.0.0.0 protocol
192.0.0.192 protocol
192.0.0.255 protocol
192.0.1.0 ok
192.0.1.255 ok
192.0.2.0 documentation
192.0.2.255 documentation
192.0.3.0 ok
192.88.98.255 ok
192.88.99.0 6to4
192.88.99.255 6to4
192.88.100.0 ok
192.167.255.255 ok
192.168.0.0 private
192.168.1.1 private
192.168.255.255 private
192.169.0.0 ok
198.17.255.255 ok
198.18.0.0 benchmarking
198.19.255.255 benchmarking
198.20.0.0 ok
198.51.99.255 ok
198.51.100.0 documentation
198.51.100.255 documentation
198.51.101.0 ok
203.0.112.255 ok
203.0.113.0 documentation
203.0.113.255 documentation
203.0.114.0 ok
223.255.255.255 ok
224.0.0.0 multicast
224.0.0.251 multicast
239.255.255.255 multicast
240.0.0.0 reserved
255.255.255.254 reserved
255.255.255.255 broadcast
:: unspecified
::1 loopback
::2 v4-compatible
::7f00:1 v4-compatible
::8.8.8.8 v4-compatible
::ffff:ffff v4-compatible
::1:0:0 reserved
::fffe:ffff:ffff reserved
::ffff:0.0.0.0 v4-mapped
::ffff:8.8.8.8 v4-mapped
::ffff:127.0.0.1 v4-mapped
::ffff:169.254.169.254 v4-mapped
::ffff:255.255.255.255 v4-mapped
::1:0:0:0 reserved
::fffe:ffff:ffff:ffff reserved
::ffff:0:0:0 v4-translated
::ffff:0:ffff:ffff v4-translated
::ffff:1:0:0 reserved
64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff reserved
64:ff9b:: nat64
64:ff9b::7f00:1 nat64
64:ff9b::8.8.8.8 nat64
64:ff9b::ffff:ffff nat64
64:ff9b::1:0:0 reserved
64:ff9b:0:ffff:ffff:ffff:ffff:ffff reserved
64:ff9b:1:: nat64
64:ff9b:1:ffff:ffff:ffff:ffff:ffff nat64
64:ff9b:2:: reserved
ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff reserved
100:: discard
100::ffff:ffff:ffff:ffff discard
100:0:0:1:: reserved
1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff reserved
2000:: ok
2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff ok
2001:: teredo
2001::ffff:ffff:ffff:ffff:ffff:ffff teredo
2001:1:: protocol
2001:1:ffff:ffff:ffff:ffff:ffff:ffff protocol
2001:2:: benchmarking
2001:2:0:ffff:ffff:ffff:ffff:ffff benchmarking
2001:2:1:: protocol
2001:10:: protocol
2001:20:: protocol
2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff protocol
2001:200:: ok
2001:4860:4860::8888 ok
2001:db7:ffff:ffff:ffff:ffff:ffff:ffff ok
2001:db8:: documentation
2001:db8:ffff:ffff:ffff:ffff:ffff:ffff documentation
2001:db9:: ok
2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff ok
2002:: 6to4
2002:7f00:1:: 6to4
2002:808:808::1 6to4
2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff 6to4
2003:: ok
2606:4700:4700::1111 ok
2a00:1450:4001:80e::200e ok
3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff ok
3fff:: documentation
3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff documentation
3fff:1000:: ok
3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ok
4000:: reserved
5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff reserved
5f00:: segment-routing
5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff segment-routing
5f01:: reserved
7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff reserved
8000:: reserved
fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff reserved
fc00:: unique-local
fd00:ec1:ffff:ffff:ffff:ffff:ffff:ffff unique-local
fd00:ec2:: metadata
fd00:ec2::254 metadata
fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff metadata
fd00:ec3:: unique-local
fd20:ce::253 unique-local
fd20:ce::254 metadata
fd20:ce::255 unique-local
fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff unique-local
fe00:: reserved
fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff reserved
fe80:: link-local
fe80::1%eth0 zoned
2606:4700::1%1 zoned
febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff link-local
fec0:: site-local
feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff site-local
ff00:: multicast
ff02::1 multicast
ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff multicast
2606:4700::5efe:7f00:1 isatap
2606:4700::200:5efe:808:808 isatap
2606:4700::5efd:ffff:ffff ok
2606:4700::5eff:0:0 ok
2606:4700::100:5efe:7f00:1 ok
2606:4700:0:0:0001:5efe:7f00:1 ok
`

func TestSpaces(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	seen := map[string]bool{}
	rows := 0
	for line := range strings.Lines(strings.TrimSpace(spaceTable)) {
		addr, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		rows++
		t.Run(addr, func(t *testing.T) {
			got, _, ok := d.public(netip.MustParseAddr(addr))
			if ok {
				got = "ok"
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
		seen[want] = true
	}
	if rows < 120 {
		t.Errorf("%d rows, want at least 120", rows)
	}
	for _, s := range d.spaces {
		if !seen[s.name] {
			t.Errorf("no row shows %s", s.name)
		}
	}
}

// TestSpacesOpenForNames lists what a name opens, and nothing else does (S17).
func TestSpacesOpenForNames(t *testing.T) {
	t.Parallel()
	d := newDoor(t, Options{})
	var got []string
	for _, s := range d.spaces {
		if s.nameable {
			got = append(got, s.prefix.String())
		}
	}
	want := "[10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1/128 fc00::/7]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func FuzzSpaces(f *testing.F) {
	for line := range strings.Lines(strings.TrimSpace(spaceTable)) {
		addr, _, _ := strings.Cut(line, " ")
		f.Add(netip.MustParseAddr(addr).AsSlice())
	}
	d := newDoor(f, Options{})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if _, _, ok := d.public(a); !ok {
			return
		}
		if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is4In6() {
			t.Errorf("%v is called public", a)
		}
		if a.Is6() && b[0]>>5 != 1 {
			t.Errorf("%v is called public, and is not in 2000::/3", a)
		}
	})
}
