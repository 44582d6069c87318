package egress

import (
	"net/netip"
)

// space is a block of addresses that is never dialled (S12).
type space struct {
	prefix netip.Prefix
	name   string
	// nameable blocks open for a host:port that the operator named (S17). All
	// other blocks stay shut, whoever asks.
	nameable bool
}

// spaces lists the denied blocks; the first that holds an address decides, so
// narrow ones come before the wide ones around them. Sources: the IANA IPv4
// and IPv6 Special-Purpose Address Registries, the RFC of each line, and the
// metadata addresses from the clouds' own manuals.
//
// IPv6 is denied by default: only 2000::/3 is handed out as global unicast
// (RFC 4291 section 2.4, IANA IPv6 address space), and the exceptions inside it
// are listed. So a block that a later RFC carves out elsewhere is shut already.
// Blocks that embed an IPv4 address are denied whatever they embed: a
// translator on the path would undo any finer rule.
func spaces() []space {
	deny := func(prefix, name string) space {
		return space{prefix: netip.MustParsePrefix(prefix), name: name}
	}
	named := func(prefix, name string) space {
		return space{prefix: netip.MustParsePrefix(prefix), name: name, nameable: true}
	}
	return []space{
		// Metadata services that do not live in the link-local block.
		deny("100.100.100.200/32", "metadata"), // Alibaba Cloud, inside 100.64/10
		deny("168.63.129.16/32", "metadata"),   // Azure WireServer, a public address that never leaves the host
		deny("fd00:ec2::/32", "metadata"),      // AWS, inside the ULA block
		deny("fd20:ce::254/128", "metadata"),   // Google Cloud, inside the ULA block

		deny("0.0.0.0/8", "unspecified"),         // RFC 791 "this network"; 0.0.0.0 connects to loopback
		named("10.0.0.0/8", "private"),           // RFC 1918
		named("100.64.0.0/10", "shared"),         // RFC 6598 carrier-grade NAT; also used by overlay networks
		named("127.0.0.0/8", "loopback"),         // RFC 1122
		deny("169.254.0.0/16", "link-local"),     // RFC 3927; 169.254.169.254 is metadata
		named("172.16.0.0/12", "private"),        // RFC 1918
		deny("192.0.0.0/24", "protocol"),         // RFC 6890 IETF assignments; 192.0.0.192 is Oracle's metadata
		deny("192.0.2.0/24", "documentation"),    // RFC 5737
		deny("192.88.99.0/24", "6to4"),           // RFC 7526 relay anycast, withdrawn
		named("192.168.0.0/16", "private"),       // RFC 1918
		deny("198.18.0.0/15", "benchmarking"),    // RFC 2544
		deny("198.51.100.0/24", "documentation"), // RFC 5737
		deny("203.0.113.0/24", "documentation"),  // RFC 5737
		deny("224.0.0.0/4", "multicast"),         // RFC 1112
		deny("255.255.255.255/32", "broadcast"),  // RFC 919
		deny("240.0.0.0/4", "reserved"),          // RFC 1112 class E
		deny("::/128", "unspecified"),            // RFC 4291
		named("::1/128", "loopback"),             // RFC 4291
		deny("::/96", "v4-compatible"),           // RFC 4291, withdrawn
		deny("::ffff:0:0/96", "v4-mapped"),       // RFC 4291
		deny("::ffff:0:0:0/96", "v4-translated"), // RFC 2765 (SIIT)
		deny("64:ff9b::/96", "nat64"),            // RFC 6052
		deny("64:ff9b:1::/48", "nat64"),          // RFC 8215 local use
		deny("100::/64", "discard"),              // RFC 6666
		deny("2001::/32", "teredo"),              // RFC 4380
		deny("2001:2::/48", "benchmarking"),      // RFC 5180
		deny("2001::/23", "protocol"),            // RFC 2928 IETF assignments: ORCHID, AMT, AS112, DRIP
		deny("2001:db8::/32", "documentation"),   // RFC 3849
		deny("2002::/16", "6to4"),                // RFC 3056
		deny("3fff::/20", "documentation"),       // RFC 9637
		deny("5f00::/16", "segment-routing"),     // RFC 9602
		named("fc00::/7", "unique-local"),        // RFC 4193
		deny("fe80::/10", "link-local"),          // RFC 4291
		deny("fec0::/10", "site-local"),          // RFC 3879, withdrawn
		deny("ff00::/8", "multicast"),            // RFC 4291
		deny("::/3", "reserved"),                 // all below 2000::/3
		deny("4000::/2", "reserved"),             // all above it
		deny("8000::/1", "reserved"),
	}
}

// public reports whether a is an address that anybody may be dialled at, and
// if not, why. A zone id is never public. The caller unmaps first: ::ffff:a.b.c.d
// itself is denied.
func (d *Door) public(a netip.Addr) (why string, nameable, ok bool) {
	if !a.IsValid() || a.Zone() != "" {
		return "zoned", false, false
	}
	for i := range d.spaces {
		if s := &d.spaces[i]; s.prefix.Contains(a) {
			return s.name, s.nameable, false
		}
	}
	if isatap(a) {
		return "isatap", false, false
	}
	return "", false, true
}

// isatap reports whether the interface id of a is ::0:5efe:a.b.c.d or
// ::200:5efe:a.b.c.d (RFC 5214 section 6.1): an IPv4 address behind any prefix.
func isatap(a netip.Addr) bool {
	if !a.Is6() {
		return false
	}
	b := a.As16()
	return b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}
