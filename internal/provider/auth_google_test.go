package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const testTokenURL = "https://oauth2.googleapis.com/token"

// testKey is one key for all tests: they take long to make.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func testPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// keyText is a key file of a service account, changed.
func keyText(t *testing.T, change func(*keyFile)) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	f := keyFile{
		Type: "service_account", Email: "gateway@p.iam.gserviceaccount.com", KeyID: "k-1",
		Key: testPEM("PRIVATE KEY", der), TokenURL: testTokenURL,
	}
	if change != nil {
		change(&f)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tokens gives them, as Google would.
type tokens struct {
	asked   atomic.Int64
	respond func(n int64, r *http.Request) (*http.Response, error) // nil: a good answer
}

func (g *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	n := g.asked.Add(1)
	if g.respond != nil {
		return g.respond(n, r)
	}
	return answer(http.StatusOK, fmt.Sprintf(`{"access_token":"ya29.token-%d","expires_in":3599,"token_type":"Bearer"}`, n)), nil
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func newTestGoogle(t *testing.T, g http.RoundTripper, now func() time.Time) *serviceAccount {
	t.Helper()
	s, err := newGoogle(keyText(t, nil), Means{Now: now, Door: g})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signed is what a request is signed with.
func signed(ctx context.Context, t *testing.T, s Credential) (string, *http.Request, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://europe-west4-aiplatform.googleapis.com/v1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := s.Sign(req)
	if err != nil {
		return "", req, err
	}
	if len(secrets) != 1 || req.Header.Get("Authorization") != "Bearer "+secrets[0] || len(req.Header) != 1 {
		t.Errorf("%v is signed with %v", req.Header, secrets)
	}
	return secrets[0], req, nil
}

func wantToken(t *testing.T, s Credential, want string) *http.Request {
	t.Helper()
	got, req, err := signed(t.Context(), t, s)
	if err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	return req
}

// The assertion says what Google's guide wants, and its signature is the key's.
func TestAssertion(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	g := &tokens{respond: func(_ int64, r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost || r.URL.String() != testTokenURL || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		if got := form.Get("grant_type"); got != "urn:ietf:params:oauth:grant-type:jwt-bearer" || len(form) != 2 {
			t.Errorf("%q of %d", got, len(form))
		}
		parts := strings.Split(form.Get("assertion"), ".")
		if len(parts) != 3 {
			t.Fatal("no JWT")
		}
		var decoded [3][]byte
		for i, p := range parts {
			if decoded[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
				return nil, err
			}
		}
		if diff := cmp.Diff(`{"alg":"RS256","typ":"JWT","kid":"k-1"}`, string(decoded[0])); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(`{"iss":"gateway@p.iam.gserviceaccount.com","scope":"https://www.googleapis.com/auth/cloud-platform",`+
			`"aud":"https://oauth2.googleapis.com/token","iat":1699999990,"exp":1700003590}`, string(decoded[1])); diff != "" {
			t.Error(diff)
		}
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(&testKey().PublicKey, crypto.SHA256, sum[:], decoded[2]); err != nil {
			t.Error(err)
		}
		return answer(http.StatusOK, `{"access_token":"ya29.a","expires_in":3599,"token_type":"Bearer","unknown":[1]}`), nil
	}}
	wantToken(t, newTestGoogle(t, g, func() time.Time { return now }), "ya29.a")
}

func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	g := &tokens{}
	s := newTestGoogle(t, g, func() time.Time { return now })
	wantToken(t, s, "ya29.token-1")
	now = now.Add(3599*time.Second - tokenMargin - time.Second)
	wantToken(t, s, "ya29.token-1")
	now = now.Add(time.Second)
	wantToken(t, s, "ya29.token-2")

	g.respond = func(int64, *http.Request) (*http.Response, error) { return nil, errors.New("no route") }
	now = now.Add(3599*time.Second - tokenMargin)
	wantToken(t, s, "ya29.token-2") // it still holds
	now = now.Add(tokenMargin)
	if got, _, err := signed(t.Context(), t, s); err == nil {
		t.Errorf("a token that has ended: %q", got)
	}
}

func TestTokenThatIsRefused(t *testing.T) {
	t.Parallel()
	g := &tokens{}
	s := newTestGoogle(t, g, func() time.Time { return time.Unix(1700000000, 0) })
	first := wantToken(t, s, "ya29.token-1")
	wantToken(t, s, "ya29.token-1")
	s.Refused(first)
	second := wantToken(t, s, "ya29.token-2")
	s.Refused(first) // a late answer: the token in use is another
	wantToken(t, s, "ya29.token-2")
	s.Refused(second)
	wantToken(t, s, "ya29.token-3")
	other, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://x.example", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	s.Refused(other)
	wantToken(t, s, "ya29.token-3")
}

// A life that is not told, or cannot be, is none, and none is longer than an hour.
func TestTokenLife(t *testing.T) {
	t.Parallel()
	for life, want := range map[string]time.Duration{
		`1`: time.Second, `3600`: time.Hour, `9223372036854775807`: time.Hour, `0`: 0, `-5`: 0, `-9223372036854775808`: 0,
	} {
		now := time.Unix(1700000000, 0)
		g := &tokens{respond: func(int64, *http.Request) (*http.Response, error) {
			return answer(http.StatusOK, `{"access_token":"t","expires_in":`+life+`}`), nil
		}}
		s := newTestGoogle(t, g, func() time.Time { return now })
		wantToken(t, s, "t")
		if got := s.token.ends.Sub(now); got != want {
			t.Errorf("%s: %s", life, got)
		}
	}
}

// However many need a token, it is asked for once; who leaves takes nobody along.
func TestOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &tokens{respond: func(n int64, r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(3 * time.Second):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
			return answer(http.StatusOK, fmt.Sprintf(`{"access_token":"t-%d","expires_in":3599}`, n)), nil
		}}
		s := newTestGoogle(t, g, time.Now)
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, _, err := signed(hurried, t, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who does not wait: %v", err)
			}
		})
		synctest.Wait() // it is the one that asks
		for range 50 {
			all.Go(func() { wantToken(t, s, "t-1") })
		}
		all.Wait()
		if n := g.asked.Load(); n != 1 {
			t.Errorf("%d fetches", n)
		}
	})
}

// Whoever gives tokens and says nothing is given up.
func TestSilentTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &tokens{respond: func(_ int64, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}
		began := time.Now()
		_, _, err := signed(t.Context(), t, newTestGoogle(t, g, time.Now))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != tokenWait {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-not-a-key"
	for _, c := range []struct {
		name, body string
		status     int
		fault      llm.Fault
		want       string
	}{
		{"key that is gone", `{"error":"invalid_grant","error_description":"Invalid JWT Signature: ` + secret + `"}`, 400, llm.FaultCredential, "status 400 invalid_grant"},
		{"account that is gone", `{"error":"` + secret + `-1"}`, 401, llm.FaultCredential, "status 401"},
		{"forbidden", `<html>` + secret, 403, llm.FaultCredential, "status 403"},
		{"too many", `{"error":"rate_limit"}`, 429, llm.FaultUpstream, "status 429 rate_limit"},
		{"broken", secret, 500, llm.FaultUpstream, "status 500"},
		{"moved", "", 302, llm.FaultUpstream, "status 302"},
		{"no JSON", secret, 200, llm.FaultUpstream, "an answer without a token"},
		{"no token", `{"expires_in":3599}`, 200, llm.FaultUpstream, "an answer without a token"},
		{"token that breaks the header", `{"access_token":"` + secret + `\r\nX-Evil: 1","expires_in":3599}`, 200, llm.FaultUpstream, "an answer without a token"},
		{"token of two", `{"access_token":"` + secret + `","access_token":"b"}`, 200, llm.FaultUpstream, "an answer without a token"},
		{"life that is text", `{"access_token":"` + secret + `","expires_in":"3599"}`, 200, llm.FaultUpstream, "an answer without a token"},
		{"endless", `{"access_token":"` + strings.Repeat("x", tokenMaxBody) + `"}`, 200, llm.FaultUpstream, "an answer without a token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := &tokens{respond: func(int64, *http.Request) (*http.Response, error) { return answer(c.status, c.body), nil }}
			_, req, err := signed(t.Context(), t, newTestGoogle(t, g, time.Now))
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || e.Fault != c.fault || e.Type != llm.TypeUnavailable || e.Err.Error() != "token of the service account: "+c.want {
				t.Errorf("%v", err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, e), secret) || len(req.Header) != 0 {
				t.Errorf("it is told: %v %v", err, req.Header)
			}
		})
	}
}

// What is wrong with a key file is said, and nothing of it.
func TestKeyFiles(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-not-a-key"
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	named := func(hostport string) bool { return hostport == "tokens.lan:8443" || hostport == "127.0.0.1:7001" }
	for _, c := range []struct {
		name string
		text []byte
		want string // "": it is good
	}{
		{"good", keyText(t, nil), ""},
		{"PKCS #1", keyText(t, func(f *keyFile) {
			f.Key = testPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(testKey()))
		}), ""},
		{"without token_uri", keyText(t, func(f *keyFile) { f.TokenURL = "" }), ""},
		{"of another region of Google's", keyText(t, func(f *keyFile) { f.TokenURL = "https://sts.europe-west4.googleapis.com/v1/token" }), ""},
		{"of old", keyText(t, func(f *keyFile) { f.TokenURL = "https://accounts.google.com/o/oauth2/token" }), ""},
		{"named by the operator", keyText(t, func(f *keyFile) { f.TokenURL = "https://tokens.lan:8443/token" }), ""},
		{"named by the operator, plain", keyText(t, func(f *keyFile) { f.TokenURL = "http://127.0.0.1:7001/token" }), ""},
		{"a stranger's tokens", keyText(t, func(f *keyFile) { f.TokenURL = "https://evil.example/token" }), "is a key file whose token_uri is not Google's"},
		{"a stranger who looks alike", keyText(t, func(f *keyFile) { f.TokenURL = "https://evilgoogleapis.com/token" }), "is a key file whose token_uri is not Google's"},
		{"a stranger behind a name", keyText(t, func(f *keyFile) { f.TokenURL = "https://oauth2.googleapis.com@evil.example/token" }), "is a key file whose token_uri is not Google's"},
		{"plain http", keyText(t, func(f *keyFile) { f.TokenURL = "http://oauth2.googleapis.com/token" }), "is a key file whose token_uri is not Google's"},
		{"another port", keyText(t, func(f *keyFile) { f.TokenURL = "https://oauth2.googleapis.com:8443/token" }), "is a key file whose token_uri is not Google's"},
		{"another kind", keyText(t, func(f *keyFile) { f.Type = "authorized_user" }), "is the key file of something else than a service account"},
		{"nobody's", keyText(t, func(f *keyFile) { f.Email = "" }), "is a key file without client_email or private_key"},
		{"no key", keyText(t, func(f *keyFile) { f.Key = "" }), "is a key file without client_email or private_key"},
		{"no PEM", keyText(t, func(f *keyFile) { f.Key = secret }), "is a key file whose private_key is not PEM"},
		{"no key in PEM", keyText(t, func(f *keyFile) { f.Key = testPEM("PRIVATE KEY", []byte(secret)) }), "is a key file whose private_key is no RSA key"},
		{"no RSA", keyText(t, func(f *keyFile) { f.Key = testPEM("PRIVATE KEY", ec) }), "is a key file whose private_key is no RSA key"},
		{"no JSON", []byte(`{"` + secret), "is not the key file of a service account: not JSON as it should be"},
		{"two keys", []byte(`{"type":"` + secret + `","type":"b"}`), "is not the key file of a service account: not JSON as it should be"},
		{"nothing", nil, "is not the key file of a service account: not JSON as it should be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := newGoogle(c.text, Means{Named: named})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// FuzzKeyFile: whatever the file holds, it is a key or is refused.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(`{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`))
	f.Add([]byte(`{"type":"service_account","client_email":"a@b","private_key":"x","token_uri":"https://[::1%25"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := newGoogle(text, Means{})
		if (err == nil) != (s != nil && s.key != nil) {
			t.Errorf("%v, %v", s, err)
		}
	})
}

// FuzzTokenAnswer: whatever is answered, it is a token that fits a header, or an
// error that tells nothing of it.
func FuzzTokenAnswer(f *testing.F) {
	f.Add(200, `{"access_token":"a","expires_in":3599}`)
	f.Add(200, `{"access_token":"a\u0000b"}`)
	f.Add(400, `{"error":"invalid_grant"}`)
	f.Add(400, `{"error":{"code":400}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		g := &tokens{respond: func(int64, *http.Request) (*http.Response, error) { return answer(status, body), nil }}
		got, _, err := signed(t.Context(), t, newTestGoogle(t, g, time.Now))
		if err == nil && !fitsHeader(got) {
			t.Errorf("%q", got)
		}
		if err != nil {
			if _, ok := errors.AsType[*llm.Error](err); !ok || len(err.Error()) > 200+len(body) || strings.ContainsAny(err.Error(), "\r\n<{") {
				t.Errorf("%v", err)
			}
		}
	})
}
