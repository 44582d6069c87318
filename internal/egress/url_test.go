package egress

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// plainURLs are accepted by ParseURL.
func plainURLs() []string {
	return []string{
		"https://example.com",
		"https://example.com/",
		"https://example.com:443/v1/chat/completions",
		"https://api.eu-west-1.example.com/v1?beta=true&x=%2F",
		"https://EXAMPLE.com/",
		"HTTPS://example.com/",
		"https://xn--bcher-kva.example/a",
		"https://my_service:8443/",
		"http://localhost:11434/v1",
		"http://127.0.0.1:8080",
		"http://10.0.0.7/",
		"https://[2606:4700:4700::1111]/",
		"https://[2606:4700:4700::1111]:8443/v1",
		"http://[::1]:8080/",
		"https://1.2.3.4.example/",
		"https://123abc.example/",
		"https://0x.example/",
		"https://example.com/p@th/a:b",
		"https://example.com/@user",
		"https://example.com/?u=http://a@b/",
		"https://example.com/%C3%BC/ü",
		"https://example.com/%2e%2e/x",
	}
}

// crookedURLs are refused by ParseURL (S14): parsers, resolvers or people read
// them differently.
func crookedURLs() []string {
	return []string{
		"",
		" ",
		"example.com",
		"//example.com/",
		"/v1/models",
		"https:",
		"https:/example.com",
		"https:///example.com",
		"https:////example.com/",
		"https:example.com",
		"https://",
		"https:// ",
		"https://?x",
		"https:///",
		"://example.com",
		// schemes
		"file:///etc/passwd",
		"file://example.com/etc/passwd",
		"ftp://example.com/",
		"gopher://example.com:70/_x",
		"unix:///var/run/docker.sock",
		"unix://example.com/",
		"http+unix://%2Fvar%2Frun%2Fdocker.sock/",
		"dict://example.com:11211/stat",
		"ldap://example.com/",
		"jar:https://example.com!/",
		"data:text/plain,hello",
		"javascript:alert(1)",
		"ws://example.com/",
		"httpss://example.com/",
		"h2c://example.com/",
		"blob:https://example.com/x",
		// user info
		"https://user@example.com/",
		"https://user:pass@example.com/",
		"https://@example.com/",
		"https://:@example.com/",
		"https://example.com@127.0.0.1/",
		"https://example.com:443@127.0.0.1/",
		"https://example.com%40127.0.0.1/",
		"https://127.0.0.1@example.com@evil.example/",
		"https://example.com&@evil.example/",
		"https://example.com;@evil.example/",
		// fragments
		"https://example.com#@evil.example/",
		"https://example.com/#",
		"https://example.com/#/../x",
		"https://evil.example#.example.com/",
		"https://example.com/a#b?c",
		// backslashes, blanks, controls
		`https:\\example.com\`,
		`https:/\example.com/`,
		`https://example.com\@evil.example/`,
		`https://example.com\evil.example/`,
		`https://evil.example\.example.com/`,
		`https://example.com/\..\x`,
		" https://example.com/",
		"https://example.com/ ",
		"https://exam ple.com/",
		"https://example.com /",
		"https://example.com/a b",
		"https://example.com/\r\nHost: evil.example",
		"https://example.com\r\n.evil.example/",
		"https://example.com\t/",
		"ht\ntps://example.com/",
		"https://example.com\x00.evil.example/",
		"https://example.com/\x00",
		"https://example.com\x7f/",
		"https://example.com%00.evil.example/",
		"https://example.com%0d%0a/",
		"https://example.com%20/",
		"https://example.com%23.evil.example/",
		"https://example.com%2f.evil.example/",
		"https://example.com%5c.evil.example/",
		"https://%65xample.com/",
		// dots and labels
		"https://example.com./",
		"https://example.com.:443/",
		"https://.example.com/",
		"https://example..com/",
		"https://./",
		"https://../",
		"https://127.0.0.1./",
		"https://localhost./",
		"https://" + strings.Repeat("a", 64) + ".example/",
		"https://" + strings.Repeat("abcdefg.", 40) + "example/",
		// ports
		"https://example.com:/",
		"https://example.com:0/",
		"https://example.com:00443/",
		"https://example.com:0443/",
		"https://example.com:65536/",
		"https://example.com:99999999999/",
		"https://example.com:-1/",
		"https://example.com:+443/",
		"https://example.com:443:443/",
		"https://example.com:443.evil.example/",
		"https://example.com:https/",
		"https://example.com:80a/",
		"https://example.com:４４３/",
		"https://:443/",
		// IPv4 spelled otherwise
		"https://0/",
		"https://1/",
		"https://127.1/",
		"https://127.0.1/",
		"https://2130706433/",
		"https://3232235777/",
		"https://017700000001/",
		"https://0177.0.0.1/",
		"https://0177.1/",
		"https://127.0.0.01/",
		"https://127.000.000.001/",
		"https://0x7f.0.0.1/",
		"https://0x7f.1/",
		"https://0x7f000001/",
		"https://0X7F000001/",
		"https://0x7f.0x0.0x0.0x1/",
		"https://127.0.0.0x1/",
		"https://0x/",
		"https://1.2.3.4.5/",
		"https://256.0.0.1/",
		"https://127.0.0.256/",
		"https://127.0.0.1.0x7f/",
		"https://evil.example.1/",
		"https://evil.example.0xa/",
		"https://127.0.0.1e0/x y",
		"https://-1.0.0.0 /",
		// IPv6 spelled otherwise
		"https://::1/",
		"https://2606:4700::1111/",
		"https://[::1/",
		"https://::1]/",
		"https://[]/",
		"https://[127.0.0.1]/",
		"https://[example.com]/",
		"https://[::ffff:127.0.0.1]/",
		"https://[::ffff:7f00:1]/",
		"https://[::ffff:8.8.8.8]/",
		"https://[::FFFF:a9fe:a9fe]/",
		"https://[0:0:0:0:0:ffff:169.254.169.254]/",
		"https://[fe80::1%25eth0]/",
		"https://[fe80::1%eth0]/",
		"https://[2606:4700::1%251]/",
		"https://[::1%25]/",
		"https://[::1]x/",
		"https://[::1].evil.example/",
		"https://[::1]@evil.example/",
		"https://[::1]:/",
		"https://x[::1]/",
		"https://[[::1]]/",
		"https://[v1.fe80::a]/",
		"https://[::01.0.0.1]/",
		"https://[12345::1]/",
		"https://[1::2::3]/",
		// not ASCII
		"https://exämple.com/",
		"https://①②⑦.⓪.⓪.①/",
		"https://１２７.０.０.１/",
		"https://127。0。0。1/",
		"https://127．0．0．1/",
		"https://example。com/",
		"https://ｅxample.com/",
		"https://ex\u200bample.com/",
		"https://example\u00ad.com/",
		"https://example.com\u2044evil.example/",
		"https://example.com\uff0fevil.example/",
		"https://example.com\uff20evil.example/",
		"https://exampl\u0435.com/",
		"https://\u212aelvin.example/",
		"https://%e2%91%a0.example/",
		"https://\xff.example/",
		"https://٣.example/",
		// signs
		"https://*.example.com/",
		"https://exa$mple.com/",
		"https://exa'mple.com/",
		"https://exa\"mple.com/",
		"https://exa<mple>.com/",
		"https://exa,mple.com/",
		"https://exa!mple.com/",
		"https://exa(mple).com/",
		"https://{host}/",
		"https://${HOST}/",
		"https://exa~mple.com/",
		"https://exa+mple.com/",
		"https://exa=mple.com/",
		"https://exa|mple.com/",
		"https://exa^mple.com/",
		"https://exa`mple.com/",
		"https://example.com/%",
		"https://example.com/%zz",
		"https://example.com/" + strings.Repeat("a", maxURL),
	}
}

// innerURLs are plain, and lead inside: the address decides (S11, S12). No
// test resolver is asked for their literals; names resolve to loopback.
func innerURLs() []string {
	return []string{
		"https://localhost/",
		"https://LOCALHOST/",
		"https://localtest.example/",
		"https://127.0.0.1.nip.example/",
		"https://metadata.google.internal/",
		"https://0.0.0.0/",
		"https://127.0.0.1/",
		"https://127.0.0.1:443/",
		"https://127.255.255.254/",
		"https://10.0.0.1/",
		"https://100.64.0.1/",
		"https://100.100.100.200/latest/meta-data/",
		"https://168.63.129.16/",
		"https://169.254.169.254/latest/meta-data/",
		"https://172.16.0.1/",
		"https://192.168.1.1/",
		"https://192.0.0.192/",
		"https://192.0.2.1/",
		"https://198.18.0.1/",
		"https://198.51.100.1/",
		"https://203.0.113.1/",
		"https://224.0.0.1/",
		"https://240.0.0.1/",
		"https://255.255.255.255/",
		"https://[::]/",
		"https://[::1]/",
		"https://[0:0:0:0:0:0:0:1]/",
		"https://[::127.0.0.1]/",
		"https://[::7f00:1]/",
		"https://[::ffff:0:127.0.0.1]/",
		"https://[64:ff9b::127.0.0.1]/",
		"https://[64:ff9b::a9fe:a9fe]/",
		"https://[64:ff9b:1::7f00:1]/",
		"https://[100::1]/",
		"https://[2001::1]/",
		"https://[2001:db8::1]/",
		"https://[2002:7f00:1::]/",
		"https://[2002:a9fe:a9fe::1]/",
		"https://[2606:4700::5efe:7f00:1]/",
		"https://[2606:4700::200:5efe:a9fe:a9fe]/",
		"https://[3fff::1]/",
		"https://[fc00::1]/",
		"https://[fd00:ec2::254]/",
		"https://[fe80::1]/",
		"https://[fec0::1]/",
		"https://[ff02::1]/",
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, raw := range plainURLs() {
		u, err := ParseURL(raw)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
		} else if got, want := u.Host, byPattern(raw); got != want {
			t.Errorf("%q: host %q, want %q", raw, got, want)
		}
	}
	bad := crookedURLs()
	if len(bad) < 100 {
		t.Errorf("only %d crooked URLs", len(bad))
	}
	for _, raw := range bad {
		u, err := ParseURL(raw)
		if err == nil {
			t.Errorf("%q is accepted, host %q", raw, u.Host)
		}
	}
}

// TestHostileURLs sends every hostile URL through both ways out: nothing is
// dialled (S11, S14).
func TestHostileURLs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		urls   []string
		answer resolverFunc
	}{
		// The spelling alone must stop these: their names are public.
		"crooked": {crookedURLs(), answer(publicAddr)},
		"inner":   {innerURLs(), answer("127.0.0.1", "::1", "::ffff:10.0.0.1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			d := newDoor(t, Options{Resolver: c.answer, Dial: rec.dial})
			for _, raw := range c.urls {
				if _, _, err := d.Get(t.Context(), raw, 1<<20); err != ErrFetch { //nolint:errorlint // the class and nothing around it
					t.Errorf("Get %q: got %v, want ErrFetch", raw, err)
				}
			}
			if n := rec.all(); len(n) != 0 {
				t.Errorf("Get dialled %v", n)
			}
			for _, raw := range c.urls {
				u, err := ParseURL(raw)
				if err != nil {
					continue
				}
				resp, err := d.Do(request(t, u), anyEndpoint(u))
				if err == nil {
					_ = resp.Body.Close()
				}
				wantKind(t, err, Denied)
			}
			if n := rec.all(); len(n) != 0 {
				t.Errorf("Do dialled %v", n)
			}
		})
	}
}

// TestDoChecksTypedURLs: a URL that never went through ParseURL is checked too.
func TestDoChecksTypedURLs(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]*url.URL{
		"nil":       nil,
		"empty":     {},
		"no host":   {Scheme: "https", Path: "/"},
		"scheme":    {Scheme: "file", Host: publicHost, Path: "/"},
		"upper":     {Scheme: "HTTPS", Host: publicHost, Path: "/"},
		"gopher":    {Scheme: "gopher", Host: publicHost},
		"opaque":    {Scheme: "https", Host: publicHost, Opaque: "//127.0.0.1/"},
		"user":      {Scheme: "https", Host: publicHost, User: url.User("sk-test-not-a-key")},
		"fragment":  {Scheme: "https", Host: publicHost, Path: "/", Fragment: "x"},
		"path":      {Scheme: "https", Host: publicHost, Path: "@127.0.0.1/"},
		"userhost":  {Scheme: "https", Host: "a@" + publicHost},
		"hashhost":  {Scheme: "https", Host: "evil.example#.example.com"},
		"slash":     {Scheme: "https", Host: "evil.example/.example.com"},
		"newline":   {Scheme: "https", Host: "example.com\r\nx"},
		"short":     {Scheme: "https", Host: "127.1"},
		"zone":      {Scheme: "https", Host: "[fe80::1%eth0]"},
		"mapped":    {Scheme: "https", Host: "[::ffff:127.0.0.1]"},
		"port":      {Scheme: "https", Host: publicHost + ":8443"},
		"ssh":       {Scheme: "https", Host: publicHost + ":22"},
		"http":      {Scheme: "http", Host: publicHost},
		"http 80":   {Scheme: "http", Host: publicHost + ":80"},
		"http 443":  {Scheme: "http", Host: publicHost + ":443"},
		"bare port": {Scheme: "https", Host: publicHost + ":"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{}
			d := newDoor(t, Options{Resolver: answer(publicAddr), Dial: rec.dial})
			resp, err := d.Do(request(t, u), anyEndpoint(u))
			if err == nil {
				_ = resp.Body.Close()
			}
			wantKind(t, err, Denied)
			if strings.Contains(err.Error(), "sk-test") {
				t.Errorf("the error repeats the URL: %v", err)
			}
			if n := rec.all(); len(n) != 0 {
				t.Errorf("dialled %v", n)
			}
		})
	}
}

func request(t *testing.T, u *url.URL) *http.Request {
	t.Helper()
	return (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(t.Context())
}

// byPattern is the parser of RFC 3986 appendix B.
func byPattern(raw string) (host string) {
	m := regexp.MustCompile(`^([^:/?#]+:)?(//([^/?#]*))?`).FindStringSubmatch(raw)
	return m[3]
}

// byBrowser finds the host as the URL Standard does for special schemes: any
// number of slashes of either kind, the last @ of the authority.
func byBrowser(raw string) (host string) {
	_, rest, _ := strings.Cut(raw, ":")
	rest = strings.TrimLeft(rest, `/\`)
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

// FuzzParseURL: what is accepted means the same host to three parsers, and
// still does after being written and read again.
func FuzzParseURL(f *testing.F) {
	for _, raw := range append(append(plainURLs(), crookedURLs()...), innerURLs()...) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		if a, b := byPattern(raw), byBrowser(raw); u.Host != a || u.Host != b {
			t.Errorf("%q: hosts %q, %q, %q", raw, u.Host, a, b)
		}
		if len(u.String()) > maxURL { // escaped, it may have outgrown what is taken
			return
		}
		again, err := ParseURL(u.String())
		if err != nil || again.Host != u.Host || again.Scheme != u.Scheme {
			t.Errorf("%q: written as %q: %v, %v", raw, u, fmt.Sprint(again), err)
		}
	})
}
