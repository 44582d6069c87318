package provider

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Credential is what a provider knows us by where that is more than a key.
type Credential interface {
	// Sign puts it on a request, in headers alone (S09). What has to be fetched for
	// that ends with the request's context. secrets is what no error may tell; an
	// error tells none. It is an *llm.Error where whoever gives tokens refused, else
	// what came of asking for one.
	Sign(req *http.Request) (secrets []string, err error)
	// Refused notes that the provider did not take what the request was signed with.
	Refused(req *http.Request)
}

// Scheme is a kind of credential, by its name in a configuration file.
type Scheme string

// The schemes. A key has none: it has an [Auth].
const (
	SchemeAWS    Scheme = "aws"    // requests are signed with AWS Signature Version 4
	SchemeGoogle Scheme = "google" // requests carry a token that a service account is given
)

// Way is a way in beside a provider's usual key: another key, or a credential.
type Way struct {
	Auth   Auth   // of the key
	Scheme Scheme // of the credential; "": a key
	// Env names the variables that usually hold its parts; of each part the first
	// that is set counts. A key is the part [PartKey].
	Env     map[string][]string
	BaseURL string // where it leads, "" if where the key does
}

// Part is something that a credential consists of.
type Part struct {
	Name     string // in a configuration file
	Secret   bool
	Optional bool
}

// The names of parts.
const (
	PartKey             = "api_key"
	PartAccessKeyID     = "access_key_id"
	PartSecretAccessKey = "secret_access_key"
	PartSessionToken    = "session_token"
	PartRegion          = "region"
	PartServiceAccount  = "service_account"
)

// Parts are what a credential of the scheme consists of; without a scheme, a key.
func (s Scheme) Parts() []Part {
	switch s {
	case SchemeAWS:
		return []Part{
			{Name: PartAccessKeyID, Secret: true},
			{Name: PartSecretAccessKey, Secret: true},
			{Name: PartSessionToken, Secret: true, Optional: true},
			{Name: PartRegion},
		}
	case SchemeGoogle:
		return []Part{{Name: PartServiceAccount, Secret: true}}
	default:
		return []Part{{Name: PartKey, Secret: true}}
	}
}

// Missing is the first part that must be there and is not, "" if none is.
func (s Scheme) Missing(parts map[string]string) string {
	for _, p := range s.Parts() {
		if parts[p.Name] == "" && !p.Optional {
			return p.Name
		}
	}
	return ""
}

// Means is what a credential needs of the world.
type Means struct {
	Now   func() time.Time
	Door  http.RoundTripper          // asks for tokens
	Named func(hostport string) bool // addresses that the operator's configuration names: they may give tokens, too
}

// Credential makes a credential of its parts. [PartServiceAccount] is the key
// file's text, not its name. An error names the part and never its value.
func (s Scheme) Credential(parts map[string]string, m Means) (Credential, error) {
	if name := s.Missing(parts); name != "" {
		return nil, fmt.Errorf("%s: is missing", name)
	}
	switch s {
	case SchemeAWS:
		for _, p := range s.Parts() {
			if strings.ContainsFunc(parts[p.Name], func(r rune) bool { return r <= ' ' || r > '~' }) {
				return nil, fmt.Errorf("%s: holds a space, a line end or another character that none has", p.Name)
			}
		}
		return newAWS(parts, m.Now), nil
	case SchemeGoogle:
		g, err := newGoogle([]byte(parts[PartServiceAccount]), m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", PartServiceAccount, err)
		}
		return g, nil
	default:
		return nil, fmt.Errorf("%q is no scheme", s)
	}
}
