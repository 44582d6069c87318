package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// maxURL bounds a URL, in bytes.
const maxURL = 8 << 10

// ErrURL says that a URL is not plain enough to be sure which host it means.
// Its text never repeats the URL.
var ErrURL = errors.New("egress: URL refused")

// ParseURL parses an absolute http or https URL and refuses every spelling on
// which parsers are known to disagree about the host (S14): user info,
// fragments, backslashes, blanks and controls, names outside ASCII, trailing
// dots, zone ids, IPv4 in short, octal, hex or decimal form, IPv4 inside IPv6.
// It does not resolve the host and says nothing about its address: the dialer
// does. All errors match [ErrURL].
func ParseURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, refuse("too long")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == 0x7f || c == '\\' || c == '#' {
			return nil, refuse("blank, control, backslash or fragment")
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, refuse("cannot be parsed") // err repeats the URL
	}
	if why := checkURL(u); why != "" {
		return nil, refuse(why)
	}
	return u, nil
}

func refuse(why string) error { return fmt.Errorf("%w: %s", ErrURL, why) }

// checkURL is the part of ParseURL that a URL made of typed parts needs too.
// It returns why u is refused, or "". It does not allocate.
func checkURL(u *url.URL) string {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "scheme"
	case u.Opaque != "":
		return "no authority"
	case u.User != nil:
		return "user info"
	case u.Fragment != "" || u.RawFragment != "":
		return "fragment"
	case u.Path != "" && u.Path[0] != '/':
		return "path"
	}
	if _, _, ok := splitHost(u.Host); !ok {
		return "host"
	}
	return ""
}

// splitHost takes apart "host", "host:port", "[v6]" and "[v6]:port". port is
// "" when absent. ok is false unless both parts are plain.
func splitHost(s string) (host, port string, ok bool) {
	rest := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", false
		}
		host, rest = s[1:end], s[end+1:]
		a, err := netip.ParseAddr(host)
		if err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
			return "", "", false
		}
	} else {
		host = s
		if i := strings.IndexByte(s, ':'); i >= 0 {
			host, rest = s[:i], s[i:]
		}
		if !plainName(host) {
			return "", "", false
		}
	}
	if rest == "" {
		return host, "", true
	}
	if rest[0] != ':' || !plainPort(rest[1:]) {
		return "", "", false
	}
	return host, rest[1:], true
}

// plainPort accepts 1 to 65535 without leading zeros.
func plainPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}

// plainName accepts ASCII letters, digits, '-' and '_' in non-empty labels, and
// dotted-quad IPv4. A name whose last label some resolver could read as a
// number (decimal, octal, hex) must be a dotted quad without leading zeros.
func plainName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	start := 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			if i == start || i-start > 63 {
				return false
			}
			if i < len(s) {
				start = i + 1
			}
			continue
		}
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	if !numeric(s[start:]) {
		return true
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// numeric reports whether label is all digits or 0x and hex digits.
func numeric(label string) bool {
	hex := len(label) >= 2 && label[0] == '0' && label[1]|0x20 == 'x'
	if hex {
		label = label[2:]
	}
	for i := range len(label) {
		c := label[i]
		if '0' <= c && c <= '9' || hex && 'a' <= c|0x20 && c|0x20 <= 'f' {
			continue
		}
		return false
	}
	return true
}
