package provider

import (
	"context"
	"crypto"
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
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/singleflight"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Of tokens and of asking for them.
const (
	tokenScope   = "https://www.googleapis.com/auth/cloud-platform"
	tokenLife    = time.Hour        // Google's, and the longest that is believed
	tokenMargin  = 2 * time.Minute  // before its end a token is fetched anew
	tokenWait    = 20 * time.Second // for whoever gives them
	tokenMaxBody = 64 << 10         // bytes
	clockSkew    = 10 * time.Second // a clock that is ahead of Google's by more is refused
)

// serviceAccount signs requests with a token that Google gives for the assertion
// of a service account: a JWT signed with its private key (RFC 7523).
// https://developers.google.com/identity/protocols/oauth2/service-account
//
// It is written out because golang.org/x/oauth2 takes neither clock nor context
// here, and hides from what asked why a connection failed.
type serviceAccount struct {
	email, keyID string
	key          *rsa.PrivateKey
	tokenURL     string
	means        Means

	flight singleflight.Group // one fetch at a time

	mu    sync.Mutex
	token token
}

type token struct {
	text string
	ends time.Time
}

// keyFile is the file that Google gives out for a service account.
type keyFile struct {
	Type     string `json:"type"`
	Email    string `json:"client_email"`
	KeyID    string `json:"private_key_id"`
	Key      string `json:"private_key"`
	TokenURL string `json:"token_uri"`
}

func newGoogle(text []byte, m Means) (*serviceAccount, error) {
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil { // err may quote it
		return nil, errors.New("is not the key file of a service account: not JSON as it should be")
	}
	switch {
	case f.Type != "service_account":
		return nil, errors.New("is the key file of something else than a service account")
	case f.Email == "" || f.Key == "":
		return nil, errors.New("is a key file without client_email or private_key")
	}
	if f.TokenURL == "" {
		f.TokenURL = "https://oauth2.googleapis.com/token"
	}
	u, err := egress.ParseURL(f.TokenURL)
	if err != nil || !givesTokens(u, m.Named) {
		return nil, errors.New("is a key file whose token_uri is not Google's")
	}
	key, err := parseKey(f.Key)
	if err != nil {
		return nil, err
	}
	return &serviceAccount{email: f.Email, keyID: f.KeyID, key: key, tokenURL: f.TokenURL, means: m}, nil
}

// givesTokens reports whether an address may be shown an assertion: one of
// Google's, or one that the operator names.
func givesTokens(u *url.URL, named func(hostport string) bool) bool {
	host := strings.ToLower(u.Hostname())
	google := host == "accounts.google.com" || strings.HasSuffix(host, ".googleapis.com")
	return u.Scheme == "https" && u.Port() == "" && google || named != nil && named(strings.ToLower(u.Host))
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("is a key file whose private_key is not PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("is a key file whose private_key is no RSA key")
	}
	return key, nil
}

// Sign implements Credential.
func (s *serviceAccount) Sign(req *http.Request) (secrets []string, err error) {
	text, err := s.current(req.Context())
	if err != nil {
		return nil, err
	}
	Bearer{}.Sign(req, text)
	return []string{text}, nil
}

// Refused implements Credential: the token is not used again.
func (s *serviceAccount) Refused(req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.Header.Get("Authorization") == "Bearer "+s.token.text { // and not one that came since
		s.token = token{}
	}
}

func (s *serviceAccount) cached() token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// current is a token that holds for a while yet. All who need one wait for the
// same fetch, which goes on when one of them leaves.
func (s *serviceAccount) current(ctx context.Context) (string, error) {
	t := s.cached()
	if s.means.Now().Before(t.ends.Add(-tokenMargin)) {
		return t.text, nil
	}
	got := s.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenWait)
		defer cancel()
		t, err := s.fetch(ctx)
		if err != nil {
			return "", err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.token = t
		return t.text, nil
	})
	select {
	case r := <-got:
		if r.Err != nil && s.means.Now().Before(t.ends) {
			return t.text, nil // the old one still holds
		}
		text, _ := r.Val.(string)
		return text, r.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *serviceAccount) fetch(ctx context.Context) (token, error) {
	asked := s.means.Now()
	assertion, err := s.assertion(asked)
	if err != nil {
		return token{}, err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.tokenURL, strings.NewReader(form.Encode())) //nolint:gosec // G704: of the key file, where newGoogle looked at it
	if err != nil {
		return token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "turnpike")
	resp, err := s.means.Door.RoundTrip(req)
	if err != nil {
		return token{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, tokenMaxBody))
	if err != nil {
		return token{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return token{}, tokenRefused(resp.StatusCode, body)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || !fitsHeader(answer.Token) {
		return token{}, tokenFailed(llm.FaultUpstream, "an answer without a token") // err may quote it
	}
	life := tokenLife
	if answer.Seconds < int64(life/time.Second) {
		life = time.Duration(max(answer.Seconds, 0)) * time.Second
	}
	return token{text: answer.Token, ends: asked.Add(life)}, nil
}

// assertion says who asks, for what, of whom and when, signed.
func (s *serviceAccount) assertion(now time.Time) (string, error) {
	head, err := json.Marshal(struct {
		Alg   string `json:"alg"`
		Typ   string `json:"typ"`
		KeyID string `json:"kid,omitzero"`
	}{"RS256", "JWT", s.keyID})
	if err != nil {
		return "", err
	}
	issued := now.Add(-clockSkew)
	claims, err := json.Marshal(struct {
		Issuer   string `json:"iss"`
		Scope    string `json:"scope"`
		Audience string `json:"aud"`
		Issued   int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{s.email, tokenScope, s.tokenURL, issued.Unix(), issued.Add(tokenLife).Unix()})
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// tokenRefused is an answer with another status than 200. Of its text only the
// code is told: the rest may repeat what was sent.
func tokenRefused(status int, body []byte) error {
	var answer struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || strings.Trim(answer.Error, "abcdefghijklmnopqrstuvwxyz_") != "" {
		answer.Error = ""
	}
	fault := llm.FaultUpstream
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound: // invalid_grant: the key is not known there any more
		fault = llm.FaultCredential
	}
	return tokenFailed(fault, fmt.Sprintf("status %d %s", status, answer.Error))
}

func tokenFailed(f llm.Fault, why string) error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: f, Message: dialect.Explain(f), Err: errors.New("token of the service account: " + strings.TrimSpace(why))}
}

// fitsHeader reports whether a token is one word that a header can carry.
func fitsHeader(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
