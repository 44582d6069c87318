// Package provider knows who can be asked, one file each: where they are, which
// dialect they speak, how they authenticate and how they deviate. A provider is
// data: it never reads the environment, sleeps, retries, logs, invents a default
// or imports another provider. Prices and policies are the catalogue's.
package provider

import (
	"net/http"
	"net/url"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Spec is a provider as the code knows it.
type Spec struct {
	Slug    string   // as in the catalogue
	Env     []string // variables that usually hold its key; the first that is set counts
	Else    []Way    // other ways in, for who has no such key: the first that is open counts
	BaseURL string   // may name further variables: "https://${AZURE_RESOURCE_NAME}.openai.azure.com"
	Speaks  map[llm.Dialect]dialect.Upstream
	Default llm.Dialect // of endpoints that name none
	Auth    Auth        // of the key
	Forward []string    // caller headers it may be sent, of those in llm.Request.Forward

	// Derive is a variable of a base URL that is not set but follows from others,
	// "" if it does not; nil: none does.
	Derive func(name string, getenv func(string) string) string

	// Reaches reports whether a native model can be asked at a host; nil: all can.
	// home is the host of the provider's own base URL, for hosts that tell nothing;
	// "" where the variables of that are not set.
	Reaches func(native, host, home string) bool

	Keyless bool // needs no key: local servers, sim
	Local   bool // a server on this machine, reached over plain http: the operator's own

	// CancelStops says that closing the connection stops generation and its
	// cost (CB-06); otherwise the provider bills to the end.
	CancelStops bool

	Prefill dialect.Prefill // of all its endpoints; "": as its dialects know

	FirstByte, Idle, Attempt time.Duration // 0: the configured defaults
}

// Auth puts a key on a request. It must not put it into the URL (S09).
type Auth interface {
	Sign(req *http.Request, key string)
}

// Bearer is `Authorization: Bearer <key>`.
type Bearer struct{}

// Sign implements Auth.
func (Bearer) Sign(req *http.Request, key string) {
	req.Header.Set("Authorization", "Bearer "+key)
}

// Header carries the key in a header of its own.
type Header struct{ Name string }

// Sign implements Auth.
func (h Header) Sign(req *http.Request, key string) { req.Header.Set(h.Name, key) }

// Live is a provider with what is needed to ask it: built from a Spec or from
// the operator's configuration.
type Live struct {
	Spec
	BaseURL string // resolved
	Home    string // what Reaches is told of: the host of Spec.BaseURL, resolved
	Keys    []Key  // any of them will do; none if Keyless
}

// Sign puts what the provider knows us by on a request, if there is anything: one
// of Keys. What it fetches for that ends with the request's context. secrets is what
// no error may tell; an error tells none.
func (l Live) Sign(req *http.Request, k Key) (secrets []string, err error) {
	switch {
	case k.Credential != nil:
		return k.Credential.Sign(req)
	case k.Secret != "":
		l.Auth.Sign(req, k.Secret)
		return []string{k.Secret}, nil
	default:
		return nil, nil
	}
}

// CanAsk reports whether a native model can be asked at a base URL, "" for the
// provider's own.
func (l Live) CanAsk(native, base string) bool {
	if l.Reaches == nil {
		return true
	}
	if base == "" {
		base = l.BaseURL
	}
	u, err := url.Parse(base)
	return err == nil && l.Reaches(native, u.Hostname(), l.Home)
}
