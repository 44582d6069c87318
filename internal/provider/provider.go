// Package provider knows who can be asked, one file each: where they are, which
// dialect they speak, how they authenticate and how they deviate. A provider is
// data: it never reads the environment, sleeps, retries, logs, invents a default
// or imports another provider. Prices and policies are the catalogue's.
package provider

import (
	"net/http"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Spec is a provider as the code knows it.
type Spec struct {
	Slug    string   // as in the catalogue
	Env     []string // variables that usually hold its key; the first that is set counts
	BaseURL string   // may name further variables: "https://${AZURE_RESOURCE_NAME}.openai.azure.com"
	Speaks  map[llm.Dialect]dialect.Upstream
	Default llm.Dialect // of endpoints that name none
	Auth    Auth
	Forward []string // caller headers it may be sent, of those in llm.Request.Forward
	Keyless bool     // needs no key: local servers, sim
	Local   bool     // a server on this machine, reached over plain http: the operator's own

	// CancelStops says that closing the connection stops generation and its
	// cost (CB-06); otherwise the provider bills to the end.
	CancelStops bool

	FirstByte, Idle time.Duration // 0: the configured defaults
}

// Auth puts a credential on a request. It must not put one into the URL (S09).
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
	Key     string // "" if Keyless
}

// Sign puts the provider's credential on a request, if it has one.
func (l Live) Sign(req *http.Request) {
	if l.Key != "" {
		l.Auth.Sign(req, l.Key)
	}
}
