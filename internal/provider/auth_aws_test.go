package provider

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testToken  = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

func testAWS(sessionToken string) *sigV4 {
	return newAWS(map[string]string{
		PartAccessKeyID: "AKIDEXAMPLE", PartSecretAccessKey: testSecret, PartSessionToken: sessionToken, PartRegion: "us-east-1",
	}, func() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) })
}

func testRequest(t *testing.T, method, rawURL, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, rawURL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestVectors are AWS's own: the ListUsers example of its guide, and those of its
// Signature Version 4 test suite that send nothing that a path or a form would
// spell differently here.
func TestVectors(t *testing.T) {
	t.Parallel()
	const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, c := range []struct {
		name, method, url, body string
		service, token          string
		header                  http.Header
		signed, signature       string
	}{
		{name: "ListUsers", method: "GET", url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", service: "iam", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, signed: "content-type;host;x-amz-date", signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
		{name: "get-vanilla", method: "GET", url: "https://example.amazonaws.com/", signed: "host;x-amz-date", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-unreserved", method: "GET", url: "https://example.amazonaws.com/" + unreserved, signed: "host;x-amz-date", signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{name: "get-vanilla-query-order-key-case", method: "GET", url: "https://example.amazonaws.com/?Param2=value2&Param1=value1", signed: "host;x-amz-date", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{name: "get-vanilla-query-unreserved", method: "GET", url: "https://example.amazonaws.com/?" + unreserved + "=" + unreserved, signed: "host;x-amz-date", signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		{name: "get-header-key-duplicate", method: "GET", url: "https://example.amazonaws.com/", header: http.Header{"My-Header1": {"value2", "value2", "value1"}}, signed: "host;my-header1;x-amz-date", signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		{name: "get-header-value-trim", method: "GET", url: "https://example.amazonaws.com/", header: http.Header{"My-Header1": {" value1"}, "My-Header2": {`"a   b   c"`}}, signed: "host;my-header1;my-header2;x-amz-date", signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{name: "post-vanilla", method: "POST", url: "https://example.amazonaws.com/", signed: "host;x-amz-date", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "post-x-www-form-urlencoded", method: "POST", url: "https://example.amazonaws.com/", body: "Param1=value1", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, signed: "content-type;host;x-amz-date", signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{name: "post-sts-header-before", method: "POST", url: "https://example.amazonaws.com/", token: testToken, signed: "host;x-amz-date;x-amz-security-token", signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := testRequest(t, c.method, c.url, c.body)
			req.ContentLength = -1 // the suite signs none
			if c.header != nil {
				req.Header = c.header
			}
			service := c.service
			if service == "" {
				service = "service"
			}
			if _, err := testAWS(c.token).sign(req, service, "us-east-1"); err != nil {
				t.Fatal(err)
			}
			want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" + service + "/aws4_request, SignedHeaders=" + c.signed + ", Signature=" + c.signature
			if got := req.Header.Get("Authorization"); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

// verify computes the signature of a request anew from the bytes that arrived, as
// AWS's guide says, and reports what it is over.
func verify(r *http.Request, secret string) (scope string, err error) {
	authorization, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return "", errors.New("not signed")
	}
	given := map[string]string{}
	for field := range strings.SplitSeq(authorization, ", ") {
		name, value, _ := strings.Cut(field, "=")
		given[name] = value
	}
	_, scope, _ = strings.Cut(given["Credential"], "/")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	canonical := r.Method + "\n" + awsEscape(path) + "\n" + query + "\n"
	names := strings.Split(given["SignedHeaders"], ";")
	if !slices.IsSorted(names) || !slices.Contains(names, "host") {
		return "", errors.New("signed headers: " + given["SignedHeaders"])
	}
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + given["SignedHeaders"] + "\n" + hexSum(body)
	toSign := "AWS4-HMAC-SHA256\n" + r.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + hexSum([]byte(canonical))
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	if want := hex.EncodeToString(mac(key, toSign)); given["Signature"] != want {
		return "", errors.New("the signature does not match, over\n" + canonical)
	}
	return scope, nil
}

// awsEscape escapes what has been escaped once, but for slashes.
func awsEscape(path string) string {
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// What arrives at a server carries a signature that fits what arrives, however a
// model's name is spelled.
func TestSignedAsSent(t *testing.T) {
	t.Parallel()
	type seen struct {
		scope, uri, token string
		err               error
	}
	arrived := make(chan seen, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		scope, err := verify(r, testSecret)
		arrived <- seen{scope, r.RequestURI, r.Header.Get("X-Amz-Security-Token"), err}
	}))
	t.Cleanup(server.Close)
	const body = `{"messages":[{"role":"user","content":[{"text":"Grüße, 世界"}]}]}`
	for _, c := range []struct{ path, want string }{
		{"/model/amazon.nova-lite-v1:0/converse", "/model/amazon.nova-lite-v1%3A0/converse"},
		{"/model/amazon.nova-lite-v1%3A0/converse-stream", "/model/amazon.nova-lite-v1%3A0/converse-stream"},
		{"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile%2Fus.x/converse", "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile%2Fus.x/converse"},
		{"/model/a+b%20c~d$e@f,g/invoke", "/model/a%2Bb%20c~d%24e%40f%2Cg/invoke"},
		{"/model/%E4%B8%96/converse", "/model/%E4%B8%96/converse"},
		{"/model//converse", "/model//converse"},
		{"/v1/x?b=2&a=1", "/v1/x?a=1&b=2"},
	} {
		req := testRequest(t, http.MethodPost, server.URL+c.path, body)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/vnd.amazon.eventstream")
		req.Header.Set("User-Agent", "turnpike")
		secrets, err := testAWS("session-token").Sign(req)
		if err != nil || !slices.Equal(secrets, []string{testSecret, "AKIDEXAMPLE", "session-token"}) {
			t.Fatal(secrets, err)
		}
		if strings.Contains(req.URL.String(), "AKID") {
			t.Errorf("a part of the credential is in the URL %s", req.URL)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := <-arrived
		if got.err != nil || got.scope != "20150830/us-east-1/bedrock/aws4_request" || got.uri != c.want || got.token != "session-token" {
			t.Errorf("%s: %+v", c.path, got)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"bedrock-runtime.eu-west-1.amazonaws.com":                       "bedrock eu-west-1",
		"Bedrock-Runtime.EU-West-1.amazonaws.com":                       "bedrock eu-west-1",
		"bedrock-runtime-fips.us-gov-west-1.amazonaws.com":              "bedrock us-gov-west-1",
		"bedrock-runtime.cn-north-1.amazonaws.com.cn":                   "bedrock cn-north-1",
		"vpce-0a1b-1.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com": "bedrock ap-southeast-2",
		"bedrock-mantle.us-east-2.api.aws":                              "bedrock-mantle us-east-2",
		"bedrock.proxy.example":                                         "bedrock ",
		"eu-west-1.example":                                             "bedrock ",
		"127.0.0.1":                                                     "bedrock ",
		"":                                                              "bedrock ",
	} {
		service, region := scope(host)
		if got := service + " " + region; got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// The signer leaves out the port that goes without saying, and the door wants the
// host in both places to be one.
func TestSignedHost(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"https://bedrock-runtime.us-east-1.amazonaws.com:443/x": "bedrock-runtime.us-east-1.amazonaws.com",
		"https://proxy.lan:8443/x":                              "proxy.lan:8443",
	} {
		req := testRequest(t, http.MethodPost, rawURL, "")
		if _, err := testAWS("").Sign(req); err != nil {
			t.Fatal(err)
		}
		if req.Host != want || req.URL.Host != want {
			t.Errorf("%s: %q, %q", rawURL, req.Host, req.URL.Host)
		}
	}
}

func TestBodyThatCannotBeSigned(t *testing.T) {
	t.Parallel()
	req := testRequest(t, http.MethodPost, "https://x.example/", "x")
	broken := errors.New("gone")
	req.GetBody = func() (io.ReadCloser, error) { return nil, broken }
	if _, err := testAWS("").Sign(req); !errors.Is(err, broken) || req.Header.Get("Authorization") != "" {
		t.Errorf("%v, %v", err, req.Header)
	}
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(&failing{broken}), nil }
	if _, err := testAWS("").Sign(req); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzEscapePath: a path means the same after it, and is spelled in one way.
func FuzzEscapePath(f *testing.F) {
	for _, s := range []string{"/model/a:0/converse", "/a%2Fb/c%20d", "/%zz", "/a+b", "//", "/é\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse("https://x.example/" + path)
		if err != nil || u.Host != "x.example" {
			return
		}
		plain := u.Path
		u.RawPath = escapePath(u.EscapedPath())
		if u.EscapedPath() != u.RawPath || u.Path != plain {
			t.Errorf("%q is sent as %q, signed as %q", path, u.EscapedPath(), u.RawPath)
		}
		if again := escapePath(u.RawPath); again != u.RawPath {
			t.Errorf("%q, then %q", u.RawPath, again)
		}
		if back, err := url.PathUnescape(u.RawPath); err != nil || back != plain {
			t.Errorf("%q became %q", plain, back)
		}
	})
}

func BenchmarkSignAWS(b *testing.B) {
	s := testAWS("")
	body := bytes.Repeat([]byte("x"), 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://bedrock-runtime.us-east-1.amazonaws.com/model/a/converse", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Sign(req); err != nil {
			b.Fatal(err)
		}
	}
}
