package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// enter finds a way into a provider: what the file says, else the first that the
// variables open. open is false where there is none. The error is of the file.
func (c *Config) enter(s provider.Spec, e providerEntry, with provider.Means) (l provider.Live, open bool, err error) {
	getenv := c.variables(s)
	base := func(way provider.Way) (string, error) {
		switch {
		case e.baseURL != "":
			return e.baseURL, nil
		case way.BaseURL != "":
			return provider.Resolve(way.BaseURL, getenv)
		default:
			return provider.Resolve(s.BaseURL, getenv)
		}
	}
	said := e.key != "" || len(e.keys) > 0 || e.scheme != ""
	for _, way := range ways(s, e) {
		parts := c.parts(way, e)
		keyless := s.Keyless && way.Scheme == ""
		missing := way.Scheme.Missing(parts)
		if missing != "" && !keyless && len(e.keys) == 0 {
			if said {
				return l, false, e.err("auth: %s: is missing", missing)
			}
			continue
		}
		l = provider.Live{Spec: s, Keys: e.keys}
		if key := parts[provider.PartKey]; key != "" {
			l.Keys = []provider.Key{{Secret: key}}
		}
		if way.Auth != nil {
			l.Auth = way.Auth
		}
		if l.BaseURL, err = base(way); err != nil {
			if said {
				return l, false, e.err("base_url: is missing: %v", err)
			}
			continue
		}
		if s.Reaches != nil {
			l.Home = home(s, getenv)
		}
		if way.Scheme == "" {
			return l, true, nil
		}
		held, err := credential(way.Scheme, parts, with)
		if err != nil {
			if said {
				return l, false, e.err("auth: %v", err)
			}
			continue
		}
		l.Keys = []provider.Key{{Credential: held}}
		return l, true, nil
	}
	return l, false, nil
}

// home is the host of the provider's own base URL, "" where a variable is missing.
func home(s provider.Spec, getenv func(string) string) string {
	base, err := provider.Resolve(s.BaseURL, getenv)
	if err != nil {
		return ""
	}
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// ways are the ways into a provider that the file leaves open, in order.
func ways(s provider.Spec, e providerEntry) []provider.Way {
	usual := provider.Way{Auth: s.Auth, Env: map[string][]string{provider.PartKey: s.Env}}
	if e.scheme == "" {
		if e.key != "" || len(e.keys) > 0 || e.auth != nil {
			return []provider.Way{usual}
		}
		return append([]provider.Way{usual}, s.Else...)
	}
	for _, way := range s.Else {
		if way.Scheme == e.scheme {
			return []provider.Way{way}
		}
	}
	return []provider.Way{{Auth: s.Auth, Scheme: e.scheme}}
}

// parts are what the file says of a credential, and for the rest what variables
// hold. Secrets come from one place: those of two credentials do not go together.
func (c *Config) parts(way provider.Way, e providerEntry) map[string]string {
	said := e.parts
	if way.Scheme == "" {
		said = map[string]string{provider.PartKey: e.key}
	}
	parts := map[string]string{}
	secret := len(e.keys) > 0
	for _, p := range way.Scheme.Parts() {
		parts[p.Name] = said[p.Name]
		secret = secret || p.Secret && parts[p.Name] != ""
	}
	for _, p := range way.Scheme.Parts() {
		if parts[p.Name] != "" || secret && p.Secret {
			continue
		}
		for _, name := range way.Env[p.Name] {
			if parts[p.Name] == "" {
				parts[p.Name] = c.getenv(name)
			}
		}
	}
	return parts
}

// credential makes a credential, for which it reads a key file.
func credential(s provider.Scheme, parts map[string]string, with provider.Means) (provider.Credential, error) {
	if name := parts[provider.PartServiceAccount]; name != "" && !strings.HasPrefix(strings.TrimSpace(name), "{") {
		text, err := os.ReadFile(name)
		if err != nil { // what should be the name may be the key itself: it is not told
			if e, ok := errors.AsType[*fs.PathError](err); ok {
				err = e.Err
			}
			return nil, fmt.Errorf("%s: the key file cannot be read: %w", provider.PartServiceAccount, err)
		}
		parts[provider.PartServiceAccount] = string(text)
	}
	return s.Credential(parts, with)
}

// variables are those that a provider's base URLs may name: what the file says
// in their place, the environment, and what follows from that.
func (c *Config) variables(s provider.Spec) func(string) string {
	said := map[string]string{}
	for _, e := range c.providers {
		for _, way := range s.Else {
			if e.slug != s.Slug || e.scheme != way.Scheme {
				continue
			}
			for _, p := range way.Scheme.Parts() {
				if p.Secret || e.parts[p.Name] == "" {
					continue
				}
				for _, name := range way.Env[p.Name] {
					said[name] = e.parts[p.Name]
				}
			}
		}
	}
	get := func(name string) string {
		if value, ok := said[name]; ok {
			return value
		}
		return c.getenv(name)
	}
	return func(name string) string {
		value := get(name)
		if value == "" && s.Derive != nil {
			value = s.Derive(name, get)
		}
		return value
	}
}
