package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// sigV4 signs requests with AWS Signature Version 4.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type sigV4 struct {
	keys   aws.Credentials
	region string // of hosts that do not name theirs
	now    func() time.Time
	signer *v4.Signer // safe for concurrent use: it keeps the day's signing key
}

func newAWS(parts map[string]string, now func() time.Time) *sigV4 {
	return &sigV4{
		keys: aws.Credentials{
			AccessKeyID:     parts[PartAccessKeyID],
			SecretAccessKey: parts[PartSecretAccessKey],
			SessionToken:    parts[PartSessionToken],
		},
		region: parts[PartRegion],
		now:    now,
		signer: v4.NewSigner(),
	}
}

// Sign implements Credential.
func (s *sigV4) Sign(req *http.Request) (secrets []string, err error) {
	service, region := scope(req.URL.Hostname())
	if region == "" {
		region = s.region
	}
	return s.sign(req, service, region)
}

// Refused implements Credential: a signature is made anew each time.
func (*sigV4) Refused(*http.Request) {}

func (s *sigV4) sign(req *http.Request, service, region string) (secrets []string, err error) {
	sum, err := bodySum(req)
	if err != nil {
		return nil, fmt.Errorf("the body to be signed: %w", err)
	}
	req.URL.RawPath = escapePath(req.URL.EscapedPath())
	if err := s.signer.SignHTTP(req.Context(), s.keys, req, sum, service, region, s.now()); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	req.URL.Host = req.Host // the signer drops a port that goes without saying
	secrets = []string{s.keys.SecretAccessKey, s.keys.AccessKeyID}
	if s.keys.SessionToken != "" {
		secrets = append(secrets, s.keys.SessionToken)
	}
	return secrets, nil
}

// bodySum is the SHA-256 of the bytes that will be sent.
func bodySum(req *http.Request) (string, error) {
	sum := sha256.New()
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return "", err
		}
		defer body.Close()
		if _, err := io.Copy(sum, body); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// escapePath spells a path as AWS's own clients do: all but letters, digits and
// "-._~" escaped, as in /model/meta.llama3-1-8b-instruct-v1%3A0/converse. The
// signature is over these bytes escaped once more, and a service that puts a path
// in order before it checks comes to the same.
func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			segments[i] = strings.ReplaceAll(url.QueryEscape(plain), "+", "%20")
		}
	}
	return strings.Join(segments, "/")
}

// scope is what a signature must name: the service, and the region where the host
// is one of AWS's and names it, as bedrock-runtime.eu-west-1.amazonaws.com does. A
// signature for another region than the host's is never taken.
func scope(host string) (service, region string) {
	host = strings.ToLower(host)
	service = "bedrock"
	if strings.HasPrefix(host, "bedrock-mantle") {
		service = "bedrock-mantle"
	}
	for _, domain := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if !strings.HasSuffix(host, domain) {
			continue
		}
		for label := range strings.SplitSeq(host, ".") {
			if isRegion(label) {
				region = label
			}
		}
	}
	return service, region
}

// isRegion tells us-gov-west-1 from bedrock-runtime.
func isRegion(s string) bool {
	const letters, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	words := strings.Split(s, "-")
	last := len(words) - 1
	for _, w := range words[:last] {
		if w == "" || strings.Trim(w, letters) != "" {
			return false
		}
	}
	return last > 1 && words[last] != "" && strings.Trim(words[last], digits) == ""
}
